/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "laio_api.h"

/* Ends the program with the place and errno unless the condition holds. */
#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "%s:%d: %s: errno %d (%s)\n", __FILE__, __LINE__,   \
			    #condition, errno, strerror(errno));                            \
			_exit(1);                                                           \
		}                                                                           \
	} while (0)

/* A program that hangs is ended by SIGALRM. */
__attribute__((constructor)) static void
watchdog(void)
{
	alarm(60);
}

/* The calls that must block, or must not, are in programs that need an engine. */
static inline void
need_engine(void)
{
	CHECK(strcmp(laio_engine(), "plain") != 0);
}

/* Issues a read of one byte from an empty pipe: it blocks until the pipe is written to. */
static inline void *
begin_read(int fd, char *byte)
{
	void *handle;
	errno = 0;
	CHECK(laio_syscall(SYS_read, fd, byte, (size_t)1) == -1);
	CHECK(errno == EINPROGRESS);
	handle = laio_gethandle();
	CHECK(handle != NULL);
	return handle;
}

/*
 * A call that does not block goes to the background all the same if it is preempted at the wrong
 * moment. True for such a one, whose end has then been collected; it must be the only one that can
 * end. To be tried again where the test is about calls that return at once.
 */
static inline int
was_preempted(long result)
{
	struct laio_completion completion;
	void *handle = laio_gethandle();

	if (result != -1 || errno != EINPROGRESS)
		return 0;
	CHECK(laio_poll(&completion, 1, NULL) == 1);
	CHECK(completion.laio_h == handle);
	return 1;
}

/* Makes a call until it returns at once, with errno E2BIG before. */
#define AT_ONCE(result, call)                                                               \
	do {                                                                                \
		errno = E2BIG;                                                              \
		(result) = (call);                                                          \
	} while (was_preempted(result))

static inline void
write_byte(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

#endif
