/*
 * Two threads, each with a loop of its own, in step with the main thread, which uses none. Also
 * right if one of them, or both, must do with plain calls.
 */
#include <pthread.h>

#include "check.h"

#define LOOPS 2
#define ROUNDS 200

struct loop {
	pthread_t thread;
	int asks[2], answers[2];
	const char *engine;
	void *first_handle;
};

static void *
run(void *argument)
{
	struct loop *loop = (struct loop *)argument;
	struct laio_completion completion;
	char byte;
	int round, result;

	loop->engine = laio_engine();
	for (round = 0; round < ROUNDS; round++) {
		byte = 0;
		result = laio_syscall(SYS_read, loop->asks[0], &byte, (size_t)1);
		if (result == -1 && errno == EINPROGRESS) {
			void *handle = laio_gethandle();

			CHECK(handle != NULL);
			if (loop->first_handle == NULL)
				loop->first_handle = handle;
			CHECK(laio_poll(&completion, 1, NULL) == 1);
			CHECK(completion.laio_h == handle);
			result = completion.laio_rv;
		}
		CHECK(result == 1 && byte == 'x');
		result = laio_syscall(SYS_write, loop->answers[1], &byte, (size_t)1);
		if (result == -1 && errno == EINPROGRESS) {
			CHECK(laio_poll(&completion, 1, NULL) == 1);
			result = completion.laio_rv;
		}
		CHECK(result == 1);
	}
	return NULL;
}

int
main(void)
{
	struct loop loops[LOOPS];
	char byte;
	int i, round, engines = 0;

	memset(loops, 0, sizeof loops);
	for (i = 0; i < LOOPS; i++) {
		CHECK(pipe(loops[i].asks) == 0 && pipe(loops[i].answers) == 0);
		CHECK(pthread_create(&loops[i].thread, NULL, run, &loops[i]) == 0);
	}
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < LOOPS; i++)
			write_byte(loops[i].asks[1]);
		for (i = 0; i < LOOPS; i++)
			CHECK(read(loops[i].answers[0], &byte, 1) == 1);
	}
	for (i = 0; i < LOOPS; i++) {
		CHECK(pthread_join(loops[i].thread, NULL) == 0);
		engines += strcmp(loops[i].engine, "plain") != 0;
		printf("loop %d: %s\n", i, loops[i].engine);
	}
	CHECK(engines == 2);
	if (loops[0].first_handle != NULL)
		CHECK(loops[0].first_handle != loops[1].first_handle);
	return 0;
}
