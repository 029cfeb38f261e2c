/* Writing to a pipe that nobody reads: EPIPE, and no SIGPIPE at the end of the loop's thread. */
#include <pthread.h>
#include <signal.h>

#include "check.h"

static void *
write_to_nobody(void *through_library)
{
	int fds[2];
	long result;

	CHECK(pipe(fds) == 0);
	need_engine();
	CHECK(close(fds[0]) == 0);
	if (through_library != NULL)
		AT_ONCE(result, laio_syscall(SYS_write, fds[1], "x", (size_t)1));
	else
		result = write(fds[1], "x", 1);
	CHECK(result == -1 && errno == EPIPE);
	return NULL;
}

int
main(void)
{
	pthread_t thread;
	int way;

	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	for (way = 0; way < 2; way++) {
		CHECK(pthread_create(&thread, NULL, write_to_nobody, way ? &way : NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	return 0;
}
