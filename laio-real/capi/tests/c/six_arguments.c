/* Calls with up to six arguments, the sixth of which is on the stack; and none. */
#include <sys/mman.h>

#include "check.h"

int
main(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	const char *mapped;
	FILE *file = tmpfile();
	long result;
	int i;

	CHECK(file != NULL);
	for (i = 0; i < 2 * page; i++)
		CHECK(fputc(i < page ? 'a' : 'b', file) != EOF);
	CHECK(fflush(file) == 0);
	AT_ONCE(result, laio_syscall_long(SYS_mmap, NULL, (size_t)page, (long)PROT_READ,
	    (long)MAP_PRIVATE, (long)fileno(file), page));
	CHECK(result != -1);
	mapped = (const char *)result;
	CHECK(mapped[0] == 'b' && mapped[page - 1] == 'b');
	AT_ONCE(result, laio_syscall(SYS_getppid));
	CHECK(result == getppid());
	return 0;
}
