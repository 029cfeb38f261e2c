/*
 * Lazy asynchronous I/O: any system call, asynchronous only if it blocks.
 *
 * laio_syscall, laio_gethandle and laio_poll are the interface of the library of 2004 (Elmeleegy,
 * Chanda, Cox, Zwaenepoel: "Lazy Asynchronous I/O for Event-Driven Servers", USENIX ATC 2004).
 * Programs written for it compile unchanged. The rest is new.
 *
 *	struct timespec nap = { 1, 0 };
 *	if (laio_syscall(SYS_nanosleep, &nap, NULL) == -1 && errno == EINPROGRESS) {
 *		void *handle = laio_gethandle();
 *		struct laio_completion done[1];
 *		laio_poll(done, 1, NULL);	// done[0].laio_h == handle
 *	}
 *
 * ENGINES. The library initialises itself. Each thread that calls it is an event loop and gets an
 * engine of its own at its first call; handles and completions belong to that thread. The engine
 * pins the thread to one CPU, blocks asynchronous signals on it (their handlers run on another
 * thread) and lets it change kernel threads, so gettid() changes. Set what the kernel keeps per
 * thread (credentials, affinity, scheduling policy, signal stack, ...) before the first call. Only
 * threads that are event loops should call the library.
 *
 * THE CPU is, of those that the thread may use, one that the fewest other loops of the process are
 * pinned to: the one that it is on if that is among these, else the lowest.
 *
 * THREADS AND CHILDREN that a loop makes after its first call inherit its one CPU and its blocked
 * signals. Make them before, or on a thread that is no loop, or have them set both themselves
 * (sched_setaffinity, pthread_sigmask), above all threads that are to be further loops: they would
 * have this CPU alone to choose from.
 *
 * NO ENGINE. Where an engine cannot start, the thread's calls are plain ones: they do their work
 * and block if they must, laio_gethandle() is NULL, and nothing ever completes later. One line on
 * standard error says so, once per process; laio_engine() is "plain". A thread that was refused
 * stays without.
 *
 * MEMORY. All memory that a call reads or writes must stay valid, and be left alone, until the
 * call has ended, in the background too.
 *
 * ERRNO. As after the plain call: untouched on success, the call's error number with -1, and
 * EINPROGRESS if the call goes on in the background.
 *
 * THREAD EXIT. A thread that returns or calls pthread_exit first waits for its operations, whose
 * memory may be on its stack; one that never ends keeps it from ending. The thread's later calls,
 * from destructors, are plain ones. Leave with pthread_exit, not by a raw SYS_exit.
 *
 * PROCESS EXIT. exit() and returning from main wait for nothing: operations in flight are dropped.
 *
 * FORK. The child of a thread that has an engine must not use it: its calls fail with -1 and
 * EOWNERDEAD, and laio_gethandle() is NULL. The child may exec, and its own new threads may start
 * engines, or be refused as above. Children that are forked before the first call are not affected.
 *
 * SIGNAL HANDLERS must not call the library.
 *
 * SIGNALS INTERRUPT NOTHING. Handlers run on another thread, so neither the calls nor laio_poll
 * with a NULL timeout end with EINTR when a signal is handled. A loop that waits for one uses a
 * timeout, or has the handler write to a pipe or an eventfd that it reads through laio_syscall. Calls
 * with a signal mask (rt_sigsuspend; ppoll, pselect6, epoll_pwait and epoll_pwait2 if it is not
 * NULL) are plain ones: they may block the loop, and miss a signal that the other thread takes.
 *
 * SIGPIPE and SIGXFSZ do nothing on a loop's thread, whatever their action: a write fails with EPIPE
 * or EFBIG, and that is all. The signal stays pending on the thread, blocked, be the write made
 * through the library or a plain one, until it is discarded at the end of the engine. A program that
 * unblocks signals on the thread itself lets it act: ignore it first.
 */
#ifndef LAIO_API_H
#define LAIO_API_H

#include <stdint.h>
#include <time.h>

struct timespec;
struct epoll_event;

#ifdef __cplusplus
extern "C" {
#endif

/* The end of an operation that went to the background. */
struct laio_completion {
	void *laio_h;    /* what laio_gethandle() returned */
	int laio_rv;     /* what the call returned; -1 if it failed */
	int laio_errno;  /* its error number; 0 if it did not fail */
};

/*
 * Makes system call `number` with up to six arguments, as syscall(2) does: each must be an integer
 * or a pointer, and as there, one that the kernel takes as 64 bits wide must be passed so.
 *
 * If the call does not block, returns its result at once. If it blocks, returns -1 with errno
 * EINPROGRESS at once; the whole call goes on in the background and laio_poll returns its result. A
 * call that would not block, but is preempted, may do so, too; so any call may return EINPROGRESS.
 *
 * Calls that act on the kernel thread or the process (fork, execve, sched_setaffinity, ...), or wait
 * with a signal mask of their own, are made as plain ones.
 *
 * A result that is no int becomes -1 with EOVERFLOW, though the call has been made (lseek beyond
 * 2 GiB, mmap): use laio_syscall_long for those.
 */
int laio_syscall(int number, ...);

/*
 * The handle of this thread's last laio_syscall or laio_syscall_long if that returned EINPROGRESS,
 * else NULL. It names the operation and points to nothing. Handles are never used again.
 */
void *laio_gethandle(void);

/*
 * Stores up to `ncompletions` operations of this thread that have ended, oldest first, and returns
 * their number; more are kept for the next call. Waits only if there is none: at most for
 * `timeout`, then returns 0; with NULL, for ever, even if nothing is in flight, and not interrupted
 * by signals that are handled. With no room (ncompletions is 0) returns 0 at once.
 *
 * -1 with EINVAL: ncompletions is negative, completions is NULL, or the timeout is not a valid one.
 */
int laio_poll(struct laio_completion completions[], int ncompletions, const struct timespec *timeout);

/* As struct laio_completion, for results of any size. */
struct laio_completion_long {
	void *laio_h;
	long laio_rv;
	int laio_errno;
};

/*
 * As laio_syscall and laio_poll, for results of any size. An operation begun with either
 * laio_syscall may be collected by either laio_poll.
 */
long laio_syscall_long(long number, ...);
int laio_poll_long(struct laio_completion_long completions[], int ncompletions,
    const struct timespec *timeout);

/*
 * Waits as epoll_wait(epfd, events, maxevents, ...) does, so that the engine uses no CPU meanwhile.
 * Returns the number of events stored, 0 if there is none, at most 1024 at a time. A NULL timeout
 * waits for ever.
 *
 * It also returns, perhaps with 0, when operations have ended. For that, register
 * laio_completion_fd() for EPOLLIN in epfd, and call laio_poll with a zero timeout after every
 * laio_wait. While laio_poll has kept completions back, laio_wait does not sleep. It may return 0
 * early, in place of EINTR too.
 *
 * -1 with the error numbers of epoll_wait; EINVAL for a timeout that is not a valid one.
 */
int laio_wait(int epfd, struct epoll_event *events, int maxevents, const struct timespec *timeout);

/*
 * A descriptor that becomes readable when an operation of this thread ends while the thread sleeps
 * in laio_wait; laio_poll makes it unreadable. The same one for the life of the engine. Not to be
 * read, written or closed. -1 with errno if there is none.
 */
int laio_completion_fd(void);

/*
 * What makes this thread's calls: "upcall", "uring" or "pool" (see the Rust crate laio), or "plain"
 * if no engine could start. Starts the engine as a call does. NULL in a forked child.
 */
const char *laio_engine(void);

/* What this thread's engine has counted since its start. All 0 if it has none. */
struct laio_counters {
	uint64_t issued;         /* calls, without those passed through */
	uint64_t background;     /* calls that returned EINPROGRESS */
	uint64_t late;           /* calls that blocked and yet returned inline: the loop stalled */
	uint64_t false_steals;   /* background calls that turned out not to block */
	uint64_t at_limit;       /* late calls for which no kernel thread was free to watch */
	uint64_t passed_through; /* calls made as plain ones */
	uint64_t in_flight;      /* operations that have not ended, or whose end was not collected */
	uint64_t carriers;       /* kernel threads in use, the loop's own included */
};

/* Fills `counters` and returns 0; -1 with EINVAL if it is NULL. */
int laio_counters(struct laio_counters *counters);

#ifdef __cplusplus
}
#endif

#endif /* LAIO_API_H */
