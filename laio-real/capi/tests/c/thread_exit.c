/*
 * Threads that end with operations in flight: they wait for them, and can be joined. Also by
 * pthread_exit, in a child made by fork, and with calls after the engine's end.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

#define READS 3

static int fds[2], begun[2];
static pthread_key_t late_key;
static int late_calls;

/* The C library calls this after the library's own destructor, or before; each must work. */
static void
late(void *unused)
{
	(void)unused;
	CHECK(laio_syscall(SYS_getpid) == getpid() || errno == EINPROGRESS);
	late_calls++;
}

static void *
leave_in_flight(void *how)
{
	/* On the stack: nothing may be written here once the thread has ended. */
	char bytes[READS];
	int i;

	CHECK(pthread_setspecific(late_key, fds) == 0);
	need_engine();
	for (i = 0; i < READS; i++)
		begin_read(fds[0], &bytes[i]);
	write_byte(begun[1]);
	if (how != NULL)
		pthread_exit(how);
	return how;
}

static void
thread_that_leaves(void *how)
{
	pthread_t thread;
	void *result;
	char byte;

	CHECK(pthread_create(&thread, NULL, leave_in_flight, how) == 0);
	/* The thread ends meanwhile. */
	CHECK(read(begun[0], &byte, 1) == 1);
	CHECK(write(fds[1], "xxx", READS) == READS);
	CHECK(pthread_join(thread, &result) == 0);
	CHECK(result == how);
}

/* A child's only thread has its parent's engine, and ends. */
static void *
fork_and_end(void *unused)
{
	pid_t id;
	int status;

	(void)unused;
	need_engine();
	if ((id = fork()) == 0) {
		alarm(30);
		pthread_exit(NULL);
	}
	CHECK(id > 0 && waitpid(id, &status, 0) == id);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return NULL;
}

int
main(void)
{
	pthread_t thread;
	int round;

	CHECK(pipe(fds) == 0 && pipe(begun) == 0);
	CHECK(pthread_key_create(&late_key, late) == 0);
	/* Each starts an engine, the one before having ended. */
	for (round = 0; round < 5; round++) {
		thread_that_leaves(NULL);
		thread_that_leaves(&late_calls);
	}
	CHECK(late_calls == 10);
	CHECK(pthread_create(&thread, NULL, fork_and_end, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}
