/*
 * Reads many cold files through one event loop, and the same files with plain calls.
 *
 *	cat_many [files [directory]]
 *
 * Makes the files (64 KiB each) in a new folder of the directory, and removes them. Before each
 * turn it drops them from the page cache; the turns alternate, each in a process of its own. Prints
 * the time of each turn, the start of the engine included.
 *
 * The loop's code is that of a program which never blocks, but for one thing: a call that returned
 * EINPROGRESS leaves its job where it is until laio_poll returns the result.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "laio_api.h"

#define FILE_BYTES (64 * 1024)
#define JOBS 32
#define ROUNDS 3
#define NAME_BYTES 32

/* Reading one file: the call that comes next, or is under way. */
enum step { OPEN, READ, CLOSE, DONE };

struct job {
	enum step step;
	void *handle; /* of the call under way */
	int fd;
	char name[NAME_BYTES];
	unsigned char buffer[FILE_BYTES];
};

/* What has been read. */
struct total {
	unsigned long bytes, sum;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
name_file(char name[NAME_BYTES], int file)
{
	snprintf(name, NAME_BYTES, "%d", file);
}

static void
make_files(int files)
{
	static unsigned char contents[FILE_BYTES];
	char name[NAME_BYTES];
	int file, i, fd;

	for (file = 0; file < files; file++) {
		for (i = 0; i < FILE_BYTES; i++)
			contents[i] = (unsigned char)(i * 31 + file);
		name_file(name, file);
		if ((fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600)) < 0 ||
		    write(fd, contents, FILE_BYTES) != FILE_BYTES || fsync(fd) < 0)
			die(name);
		close(fd);
	}
}

static void
drop_from_cache(int files)
{
	char name[NAME_BYTES];
	int file, fd;

	for (file = 0; file < files; file++) {
		name_file(name, file);
		if ((fd = open(name, O_RDONLY)) < 0)
			die(name);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

static void
add(struct total *total, const unsigned char *bytes, long count)
{
	long i;

	for (i = 0; i < count; i++)
		total->sum += bytes[i];
	total->bytes += (unsigned long)count;
}

static struct total
read_with_plain_calls(int files)
{
	static unsigned char buffer[FILE_BYTES];
	struct total total = { 0, 0 };
	char name[NAME_BYTES];
	int file, fd;
	ssize_t count;

	for (file = 0; file < files; file++) {
		name_file(name, file);
		if ((fd = open(name, O_RDONLY)) < 0)
			die(name);
		while ((count = read(fd, buffer, sizeof buffer)) > 0)
			add(&total, buffer, count);
		if (count < 0)
			die(name);
		close(fd);
	}
	return total;
}

/* Takes the result of the job's call. */
static void
take(struct job *job, long result, int error, struct total *total)
{
	if (result < 0) {
		errno = error;
		die(job->name);
	}
	switch (job->step) {
	case OPEN:
		job->fd = (int)result;
		job->step = READ;
		break;
	case READ:
		add(total, job->buffer, result);
		if (result == 0)
			job->step = CLOSE;
		break;
	case CLOSE:
		job->step = DONE;
		break;
	case DONE:
		break;
	}
}

/* Makes the job's call. */
static long
call(struct job *job)
{
	switch (job->step) {
	case OPEN:
		return laio_syscall_long(SYS_openat, (long)AT_FDCWD, job->name, (long)O_RDONLY);
	case READ:
		return laio_syscall_long(SYS_read, (long)job->fd, job->buffer, sizeof job->buffer);
	case CLOSE:
		return laio_syscall_long(SYS_close, (long)job->fd);
	case DONE:
		break;
	}
	return 0;
}

/* Goes on with a job until it is done, or its call blocks. */
static void
go_on(struct job *job, struct total *total)
{
	while (job->step != DONE) {
		long result = call(job);

		if (result == -1 && errno == EINPROGRESS) {
			job->handle = laio_gethandle();
			return;
		}
		take(job, result, errno, total);
	}
}

static struct job *
job_of(struct job jobs[], void *handle)
{
	int i;

	for (i = 0; i < JOBS; i++)
		if (jobs[i].step != DONE && jobs[i].handle == handle)
			return &jobs[i];
	fprintf(stderr, "a completion of nobody's\n");
	exit(1);
}

static struct total
read_through_the_loop(int files)
{
	static struct job jobs[JOBS];
	struct laio_completion_long ended[JOBS];
	struct total total = { 0, 0 };
	int next = 0, i, busy, count;

	for (i = 0; i < JOBS; i++)
		jobs[i].step = DONE;
	for (;;) {
		busy = 0;
		for (i = 0; i < JOBS; i++) {
			while (jobs[i].step == DONE && next < files) {
				name_file(jobs[i].name, next++);
				jobs[i].step = OPEN;
				go_on(&jobs[i], &total);
			}
			busy += jobs[i].step != DONE;
		}
		if (busy == 0)
			return total;
		if ((count = laio_poll_long(ended, JOBS, NULL)) < 0)
			die("laio_poll_long");
		for (i = 0; i < count; i++) {
			struct job *job = job_of(jobs, ended[i].laio_h);

			take(job, ended[i].laio_rv, ended[i].laio_errno, &total);
			go_on(job, &total);
		}
	}
}

/* A turn in a process of its own, which no engine has touched. */
static struct total
turn(const char *name, struct total (*read_all)(int), int files)
{
	struct timespec start, end;
	struct laio_counters counters;
	struct total total;
	int result[2], status;
	pid_t child;

	drop_from_cache(files);
	fflush(stdout);
	if (pipe(result) < 0 || (child = fork()) < 0)
		die("fork");
	if (child == 0) {
		clock_gettime(CLOCK_MONOTONIC, &start);
		total = read_all(files);
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("%-12s %8.1f ms", name,
		    (double)(end.tv_sec - start.tv_sec) * 1e3 +
		    (double)(end.tv_nsec - start.tv_nsec) / 1e6);
		if (read_all == read_through_the_loop && laio_counters(&counters) == 0)
			printf("  (engine: %s; %lu of %lu calls in the background, %lu late)",
			    laio_engine(), (unsigned long)counters.background,
			    (unsigned long)counters.issued, (unsigned long)counters.late);
		printf("\n");
		if (write(result[1], &total, sizeof total) != sizeof total)
			die("write");
		exit(0);
	}
	close(result[1]);
	if (read(result[0], &total, sizeof total) != sizeof total ||
	    waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "%s: failed\n", name);
		exit(1);
	}
	close(result[0]);
	return total;
}

int
main(int argc, char *argv[])
{
	const int files = argc > 1 ? atoi(argv[1]) : 400;
	char folder[] = "cat_many.XXXXXX", name[NAME_BYTES];
	struct total expected, total;
	int round, file, equal = 1;

	if (files < 1 || argc > 3) {
		fprintf(stderr, "usage: cat_many [files [directory]]\n");
		return 2;
	}
	if (argc > 2 && chdir(argv[2]) < 0)
		die(argv[2]);
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		die(folder);
	make_files(files);
	printf("%d files of %d KiB, %d at a time\n", files, FILE_BYTES / 1024, JOBS);
	for (round = 0; round < ROUNDS; round++) {
		expected = turn("plain calls", read_with_plain_calls, files);
		total = turn("one loop", read_through_the_loop, files);
		equal &= total.bytes == expected.bytes && total.sum == expected.sum;
	}
	for (file = 0; file < files; file++) {
		name_file(name, file);
		unlink(name);
	}
	if (chdir("..") < 0 || rmdir(folder) < 0)
		die(folder);
	if (!equal)
		fprintf(stderr, "the two have read different bytes\n");
	return equal ? 0 : 1;
}
