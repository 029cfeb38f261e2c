/* Error numbers, at once and from the background. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "check.h"

int
main(void)
{
	const struct timeval patience = { 0, 200000 };
	struct laio_completion completion;
	void *handle;
	char byte;
	int sockets[2], result;

	need_engine();
	AT_ONCE(result, laio_syscall(SYS_read, -1, &byte, (size_t)1));
	CHECK(result == -1 && errno == EBADF);
	CHECK(laio_gethandle() == NULL);
	AT_ONCE(result, laio_syscall(SYS_openat, AT_FDCWD, "no such file", O_RDONLY));
	CHECK(result == -1 && errno == ENOENT);
	AT_ONCE(result, laio_syscall(100000));
	CHECK(result == -1 && errno == ENOSYS);

	/* Waits for 200 ms, then fails. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	CHECK(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	handle = begin_read(sockets[0], &byte);
	CHECK(laio_poll(&completion, 1, NULL) == 1);
	CHECK(completion.laio_h == handle);
	CHECK(completion.laio_rv == -1);
	CHECK(completion.laio_errno == EAGAIN);
	return 0;
}
