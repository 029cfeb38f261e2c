/*
 * Fewer slots than completions: the rest comes with the next calls, and no handle is used again,
 * even if operations begin between the polls.
 */
#include "check.h"

#define READS 5
#define ALL (READS + 3)

int
main(void)
{
	int fds[ALL][2];
	char bytes[ALL];
	void *handles[ALL];
	int seen[ALL] = { 0 };
	struct laio_completion two[2];
	const struct timespec no_time = { 0, 0 };
	struct laio_counters counters;
	int begun = 0, completed = 0, i, j, n;

	need_engine();
	for (i = 0; i < ALL; i++)
		CHECK(pipe(fds[i]) == 0);
	for (; begun < READS; begun++)
		handles[begun] = begin_read(fds[begun][0], &bytes[begun]);
	for (i = 0; i < READS; i++)
		write_byte(fds[i][1]);
	while (completed < ALL) {
		n = laio_poll(two, 2, NULL);
		CHECK(n == 1 || n == 2);
		for (i = 0; i < n; i++) {
			for (j = 0; j < begun && handles[j] != two[i].laio_h; j++)
				;
			CHECK(j < begun);
			CHECK(seen[j]++ == 0);
			CHECK(two[i].laio_rv == 1 && bytes[j] == 'x');
			completed++;
		}
		if (begun < ALL) {
			handles[begun] = begin_read(fds[begun][0], &bytes[begun]);
			for (j = 0; j < begun; j++)
				CHECK(handles[j] != handles[begun]);
			write_byte(fds[begun][1]);
			begun++;
		}
	}
	CHECK(laio_poll(two, 2, &no_time) == 0);
	CHECK(laio_counters(&counters) == 0);
	CHECK(counters.background == ALL && counters.in_flight == 0);
	return 0;
}
