/*
 * An engine that cannot start, here for want of descriptors: the calls work, as plain ones, and
 * the library says so once.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "check.h"

static int pipes[2];

static void *
thread_without(void *unused)
{
	(void)unused;
	CHECK(strcmp(laio_engine(), "plain") == 0);
	return NULL;
}

int
main(void)
{
	const struct timespec no_time = { 0, 0 }, nap = { 0, 1000000 };
	struct rlimit limit, none;
	struct laio_completion completion;
	struct laio_counters counters;
	struct epoll_event event;
	char said[512], byte;
	int told[2], epoll, fd, lines = 0, i;
	pthread_t thread;
	ssize_t length;

	CHECK(pipe(pipes) == 0 && pipe(told) == 0);
	CHECK((fd = dup(2)) >= 0);
	CHECK(dup2(told[1], 2) == 2);
	CHECK((epoll = epoll_create1(0)) >= 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(strcmp(laio_engine(), "plain") == 0);
	CHECK(pthread_create(&thread, NULL, thread_without, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(dup2(fd, 2) == 2);
	length = read(told[0], said, sizeof said - 1);
	CHECK(length > 0);
	said[length] = 0;
	fprintf(stderr, "%s", said);
	for (i = 0; i < length; i++)
		lines += said[i] == '\n';
	CHECK(lines == 1 && strncmp(said, "laio: ", 6) == 0);

	/* It stays without one. */
	CHECK(strcmp(laio_engine(), "plain") == 0);
	errno = E2BIG;
	CHECK(laio_syscall(SYS_nanosleep, &nap, NULL) == 0);
	CHECK(errno == E2BIG);
	CHECK(laio_gethandle() == NULL);
	write_byte(pipes[1]);
	CHECK(laio_syscall_long(SYS_read, pipes[0], &byte, (size_t)1) == 1);
	CHECK(laio_syscall(SYS_close, -1) == -1 && errno == EBADF);
	CHECK(laio_poll(&completion, 1, &no_time) == 0);
	CHECK(laio_poll(&completion, 1, &nap) == 0);
	CHECK(laio_counters(&counters) == 0);
	CHECK(counters.issued == 0 && counters.carriers == 0);

	memset(&event, 0, sizeof event);
	event.events = EPOLLIN;
	CHECK(laio_completion_fd() >= 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, laio_completion_fd(), &event) == 0);
	CHECK(laio_wait(epoll, &event, 1, &nap) == 0);
	event.events = EPOLLIN;
	event.data.fd = pipes[0];
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event) == 0);
	write_byte(pipes[1]);
	CHECK(laio_wait(epoll, &event, 1, NULL) == 1);
	CHECK(event.data.fd == pipes[0]);
	return 0;
}
