/*
 * An event loop around the program's own epoll instance: operations end while it sleeps in
 * laio_wait, descriptors become ready, and completions that were kept back keep it awake.
 */
#include <pthread.h>
#include <sys/epoll.h>

#include "check.h"

#define ROUNDS 20

static int operation[2], descriptor[2], told[2];

/* Ends an operation, then makes a descriptor ready, each time that it is told to. */
static void *
other_side(void *unused)
{
	const struct timespec a_moment = { 0, 2000000 };
	char byte;

	(void)unused;
	while (read(told[0], &byte, 1) == 1) {
		/* Long enough for the loop to fall asleep, mostly; it must work either way. */
		nanosleep(&a_moment, NULL);
		write_byte(byte == 'o' ? operation[1] : descriptor[1]);
	}
	return NULL;
}

static void
add(int epoll, int fd)
{
	struct epoll_event event;

	memset(&event, 0, sizeof event);
	event.events = EPOLLIN;
	event.data.fd = fd;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

int
main(void)
{
	const struct timespec no_time = { 0, 0 };
	const struct timespec negative = { 0, -1 };
	const struct timespec while_they_end = { 0, 50000000 };
	struct epoll_event events[4];
	struct laio_completion completion;
	pthread_t thread;
	void *handle;
	char bytes[3];
	int epoll, round, n, ended, result;

	CHECK(pipe(operation) == 0 && pipe(descriptor) == 0 && pipe(told) == 0);
	CHECK(pthread_create(&thread, NULL, other_side, NULL) == 0);
	need_engine();
	CHECK((epoll = epoll_create1(0)) >= 0);
	CHECK(laio_completion_fd() >= 0);
	CHECK(laio_completion_fd() == laio_completion_fd());
	add(epoll, laio_completion_fd());
	add(epoll, descriptor[0]);

	for (round = 0; round < ROUNDS; round++) {
		handle = begin_read(operation[0], &bytes[0]);
		CHECK(write(told[1], "o", 1) == 1);
		while ((ended = laio_poll(&completion, 1, &no_time)) == 0) {
			n = laio_wait(epoll, events, 4, NULL);
			CHECK(n == 0 || (n == 1 && events[0].data.fd == laio_completion_fd()));
		}
		CHECK(ended == 1 && completion.laio_h == handle && completion.laio_rv == 1);
		CHECK(write(told[1], "d", 1) == 1);
		while ((n = laio_wait(epoll, events, 4, NULL)) == 0)
			CHECK(laio_poll(&completion, 1, &no_time) == 0);
		CHECK(n == 1 && events[0].data.fd == descriptor[0]);
		result = laio_syscall(SYS_read, descriptor[0], &bytes[0], (size_t)1);
		CHECK(result == 1 || was_preempted(result));
	}

	/* Two have ended and one has been returned: a wait without end ends at once. */
	begin_read(operation[0], &bytes[1]);
	begin_read(operation[0], &bytes[2]);
	CHECK(write(operation[1], "xx", 2) == 2);
	/* While this thread sleeps elsewhere, both end. */
	nanosleep(&while_they_end, NULL);
	for (ended = 0; ended < 2; ended++) {
		CHECK(laio_poll(&completion, 1, NULL) == 1);
		if (ended == 0)
			laio_wait(epoll, events, 4, NULL);
	}

	errno = 0;
	CHECK(laio_wait(-1, events, 4, &no_time) == -1 && errno == EBADF);
	errno = 0;
	CHECK(laio_wait(operation[0], events, 4, &no_time) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_wait(epoll, events, 0, &no_time) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_wait(epoll, events, -1, &no_time) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_wait(epoll, NULL, 4, &no_time) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(laio_wait(epoll, events, 4, &negative) == -1 && errno == EINVAL);
	CHECK(laio_wait(epoll, events, 4, &no_time) == 0);

	close(told[1]);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}
