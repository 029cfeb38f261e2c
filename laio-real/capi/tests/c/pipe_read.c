/* A read that blocks, one that does not, and what they leave in errno and the handle. */
#include "check.h"

int
main(void)
{
	struct laio_completion completion;
	void *handle;
	char byte = 0;
	int fds[2], result;

	CHECK(pipe(fds) == 0);
	/* Before the first call, which starts the engine without a trace in errno. */
	CHECK(laio_gethandle() == NULL);
	AT_ONCE(result, laio_syscall(SYS_getpid));
	CHECK(result == getpid() && errno == E2BIG);
	CHECK(laio_gethandle() == NULL);
	need_engine();

	handle = begin_read(fds[0], &byte);
	CHECK(laio_gethandle() == handle);
	CHECK(byte == 0);
	write_byte(fds[1]);
	errno = E2BIG;
	CHECK(laio_poll(&completion, 1, NULL) == 1);
	CHECK(errno == E2BIG);
	CHECK(completion.laio_h == handle);
	CHECK(completion.laio_rv == 1);
	CHECK(completion.laio_errno == 0);
	CHECK(byte == 'x');

	do {
		byte = 0;
		write_byte(fds[1]);
		errno = E2BIG;
		result = laio_syscall(SYS_read, fds[0], &byte, (size_t)1);
	} while (was_preempted(result));
	CHECK(result == 1 && errno == E2BIG);
	CHECK(laio_gethandle() == NULL);
	CHECK(byte == 'x');
	return 0;
}
