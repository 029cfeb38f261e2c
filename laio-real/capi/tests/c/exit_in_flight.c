/* exit(), on a loop that has wandered, with operations that never end. */
#include <pthread.h>

#include "check.h"

static char bytes[3];

static void
at_exit(void)
{
	int result;

	AT_ONCE(result, laio_syscall(SYS_getpid));
	CHECK(result == getpid());
	fflush(stdout);
}

static void *
loop(void *unused)
{
	int fds[2], i;

	(void)unused;
	need_engine();
	CHECK(pipe(fds) == 0);
	for (i = 0; i < 3; i++)
		begin_read(fds[0], &bytes[i]);
	exit(7);
}

int
main(void)
{
	pthread_t thread;

	CHECK(atexit(at_exit) == 0);
	CHECK(pthread_create(&thread, NULL, loop, NULL) == 0);
	pthread_join(thread, NULL);
	return 1;
}
