/* Results that are no int, and the wide completions. */
#include <fcntl.h>

#include "check.h"

int
main(void)
{
	const long offset = 3L << 30;
	struct laio_completion_long wide;
	struct laio_completion narrow;
	FILE *file = tmpfile();
	char bytes[2];
	void *handle;
	long result;
	int fds[2];

	CHECK(file != NULL);
	AT_ONCE(result, laio_syscall_long(SYS_lseek, fileno(file), offset, SEEK_SET));
	CHECK(result == offset && errno == E2BIG);
	/* The call is made, but its result is no int. */
	AT_ONCE(result, laio_syscall(SYS_lseek, fileno(file), 2 * offset, SEEK_SET));
	CHECK(result == -1 && errno == EOVERFLOW);
	CHECK(laio_gethandle() == NULL);
	CHECK(lseek(fileno(file), 0, SEEK_CUR) == 2 * offset);
	AT_ONCE(result, laio_syscall_long(SYS_lseek, -1, offset, SEEK_SET));
	CHECK(result == -1 && errno == EBADF);

	/* Begun by one, collected by the other. */
	need_engine();
	CHECK(pipe(fds) == 0);
	CHECK(laio_syscall_long(SYS_read, fds[0], &bytes[0], (size_t)1) == -1);
	CHECK(errno == EINPROGRESS);
	handle = laio_gethandle();
	write_byte(fds[1]);
	CHECK(laio_poll(&narrow, 1, NULL) == 1);
	CHECK(narrow.laio_h == handle && narrow.laio_rv == 1 && narrow.laio_errno == 0);
	handle = begin_read(fds[0], &bytes[1]);
	write_byte(fds[1]);
	CHECK(laio_poll_long(&wide, 1, NULL) == 1);
	CHECK(wide.laio_h == handle && wide.laio_rv == 1 && wide.laio_errno == 0);
	return 0;
}
