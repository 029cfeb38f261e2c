/* Timeouts, and arguments that are not valid. Ends with a read in the background. */
#include "check.h"

int
main(void)
{
	const struct timespec none = { 0, 0 }, some = { 0, 10000000 }, minute = { 60, 0 };
	const struct timespec negative = { -1, 0 }, too_many = { 0, 1000000000 };
	static char bytes[2];
	struct laio_completion completion;
	int fds[2];

	CHECK(pipe(fds) == 0);
	/* Nothing is in flight. */
	CHECK(laio_poll(&completion, 1, &none) == 0);
	CHECK(laio_poll(&completion, 1, &some) == 0);
	need_engine();
	begin_read(fds[0], &bytes[0]);
	CHECK(laio_poll(&completion, 1, &none) == 0);
	CHECK(laio_poll(&completion, 1, &some) == 0);
	write_byte(fds[1]);
	CHECK(laio_poll(&completion, 1, &minute) == 1);

	/* Without room there is nothing to wait for. */
	CHECK(laio_poll(&completion, 0, NULL) == 0);
	CHECK(laio_poll(NULL, 0, NULL) == 0);
	errno = 0;
	CHECK(laio_poll(&completion, -1, NULL) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_poll(NULL, 1, &none) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_poll(&completion, 1, &negative) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_poll(&completion, 1, &too_many) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_poll_long(NULL, 1, &none) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_counters(NULL) == -1 && errno == EINVAL);

	/* Never ends; leaving main does not wait for it. */
	begin_read(fds[0], &bytes[1]);
	return 0;
}
