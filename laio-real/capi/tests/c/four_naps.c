/*
 * As a program for the original library would be: four naps are under way at once, so the first,
 * which is much longer, ends last; one after the other, they would end in the order of issue.
 * Twice.
 */
#include "check.h"

#define NAPS 4

int
main(void)
{
	struct laio_completion completions[NAPS];
	void *handles[NAPS];
	int round, i, j, completed, rv;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < NAPS; i++) {
			struct timespec nap = { i == 0, 200000000L };
			rv = laio_syscall(SYS_nanosleep, &nap, NULL);
			CHECK(rv == -1 && errno == EINPROGRESS);
			handles[i] = laio_gethandle();
			CHECK(handles[i] != NULL);
		}
		completed = 0;
		do {
			rv = laio_poll(completions + completed, NAPS - completed, NULL);
			CHECK(rv >= 1);
			completed += rv;
		} while (completed < NAPS);
		for (i = 0; i < NAPS; i++) {
			for (j = 0; j < NAPS && completions[j].laio_h != handles[i]; j++)
				;
			CHECK(j < NAPS && (i > 0 || j == NAPS - 1));
			CHECK(completions[i].laio_rv == 0);
			CHECK(completions[i].laio_errno == 0);
		}
	}
	return 0;
}
