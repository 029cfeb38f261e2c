/*
 * A result that is no int, from the background: lseek waits for the file's position while a read
 * of the same file waits for its buffer's page, which this program holds back by userfaultfd. Says
 * SKIPPED where that is not allowed.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "check.h"

static const long offset = 3L << 30;

/* A page that whoever touches it waits for; NULL if that is not allowed. */
static char *
held_back(int *userfault, long bytes)
{
	struct uffdio_api api;
	struct uffdio_register area;
	char *page = (char *)mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	*userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*userfault < 0)
		return NULL;
	memset(&api, 0, sizeof api);
	api.api = UFFD_API;
	CHECK(ioctl(*userfault, UFFDIO_API, &api) == 0);
	memset(&area, 0, sizeof area);
	area.range.start = (unsigned long)page;
	area.range.len = (unsigned long)bytes;
	area.mode = UFFDIO_REGISTER_MODE_MISSING;
	CHECK(ioctl(*userfault, UFFDIO_REGISTER, &area) == 0);
	return page;
}

static void
let_go(int userfault, char *page, long bytes)
{
	struct uffdio_zeropage zero;

	memset(&zero, 0, sizeof zero);
	zero.range.start = (unsigned long)page;
	zero.range.len = (unsigned long)bytes;
	CHECK(ioctl(userfault, UFFDIO_ZEROPAGE, &zero) == 0);
}

/* Begins a read into a page that is held back, and an lseek behind it; returns the latter. */
static void *
begin(int fd, char *page)
{
	void *seek;

	begin_read(fd, page);
	CHECK(laio_syscall_long(SYS_lseek, fd, offset, SEEK_SET) == -1);
	CHECK(errno == EINPROGRESS);
	seek = laio_gethandle();
	CHECK(seek != NULL);
	return seek;
}

int
main(void)
{
	const long bytes = sysconf(_SC_PAGESIZE);
	struct laio_completion_long wide[2];
	struct laio_completion narrow[2];
	int userfault, fd, i, n, seen;
	FILE *file = tmpfile();
	char *page;
	void *seek;

	CHECK(file != NULL && fputc('x', file) == 'x' && fflush(file) == 0);
	fd = fileno(file);
	need_engine();
	if ((page = held_back(&userfault, bytes)) == NULL) {
		printf("SKIPPED: wide_background needs userfaultfd: %s\n", strerror(errno));
		return 0;
	}

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	seek = begin(fd, page);
	let_go(userfault, page, bytes);
	for (n = seen = 0; n < 2; n++) {
		CHECK(laio_poll_long(&wide[n], 1, NULL) == 1);
		if (wide[n].laio_h == seek) {
			CHECK(wide[n].laio_rv == offset && wide[n].laio_errno == 0);
			seen++;
		}
	}
	CHECK(seen == 1 && *page == 'x');

	/* Once more, collected as int. */
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(madvise(page, bytes, MADV_DONTNEED) == 0);
	seek = begin(fd, page);
	let_go(userfault, page, bytes);
	for (i = n = seen = 0; n < 2; n += i) {
		CHECK((i = laio_poll(narrow + n, 2 - n, NULL)) >= 1);
	}
	for (i = 0; i < 2; i++) {
		if (narrow[i].laio_h == seek) {
			CHECK(narrow[i].laio_rv == -1 && narrow[i].laio_errno == EOVERFLOW);
			seen++;
		}
	}
	CHECK(seen == 1);
	return 0;
}
