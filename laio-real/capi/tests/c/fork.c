/* A child must not use its parent's engine, however it was forked, and the parent keeps it. */
#include <sys/epoll.h>
#include <sys/wait.h>

#include "check.h"

static void
child(int epoll)
{
	const struct timespec no_time = { 0, 0 };
	struct laio_completion completion;
	struct laio_completion_long wide;
	struct laio_counters counters;
	struct epoll_event event;

	CHECK(laio_gethandle() == NULL);
	errno = 0;
	CHECK(laio_syscall(SYS_getpid) == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_syscall_long(SYS_getpid) == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_poll(&completion, 1, NULL) == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_poll_long(&wide, 1, NULL) == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_wait(epoll, &event, 1, &no_time) == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_completion_fd() == -1 && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_engine() == NULL && errno == EOWNERDEAD);
	errno = 0;
	CHECK(laio_counters(&counters) == -1 && errno == EOWNERDEAD);
	CHECK(laio_gethandle() == NULL);
}

static void
check_child(pid_t id)
{
	int status;

	CHECK(id > 0);
	CHECK(waitpid(id, &status, 0) == id);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Before the first call there is nothing to inherit: the child starts an engine of its own. */
static void
fork_first(void)
{
	static char byte;
	pid_t id = fork();

	if (id == 0) {
		int fds[2];

		alarm(30);
		need_engine();
		CHECK(pipe(fds) == 0);
		begin_read(fds[0], &byte);
		exit(7);
	}
	check_child(id);
}

int
main(void)
{
	struct laio_completion completion;
	int fds[2], epoll;
	void *handle;
	char byte;
	pid_t id;

	fork_first();
	CHECK(pipe(fds) == 0);
	CHECK((epoll = epoll_create1(0)) >= 0);
	need_engine();
	handle = begin_read(fds[0], &byte);

	if ((id = fork()) == 0) {
		alarm(30);
		child(epoll);
		exit(7);
	}
	check_child(id);
	/* Past the C library. */
	if ((id = laio_syscall(SYS_fork)) == 0) {
		child(epoll);
		_exit(7);
	}
	check_child(id);
	CHECK(system("exit 7") == 7 << 8);

	/* The handle is that of the last call, the fork. */
	CHECK(laio_gethandle() == NULL);
	write_byte(fds[1]);
	CHECK(laio_poll(&completion, 1, NULL) == 1);
	CHECK(completion.laio_h == handle && completion.laio_rv == 1);
	return 0;
}
