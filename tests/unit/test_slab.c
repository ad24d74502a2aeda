#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
	OBJECT_BYTES = 233,
	OBJECTS = 2000,
};

static void objects_are_zeroed_and_do_not_overlap(void **state)
{
	static unsigned char *objects[OBJECTS];
	struct slab slab;

	(void)state;
	slab_init(&slab, OBJECT_BYTES);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < OBJECTS; i++) {
			objects[i] = slab_take(&slab);
			for (size_t b = 0; b < OBJECT_BYTES; b++)
				assert_int_equal(objects[i][b], 0);
			memset(objects[i], (int)(i % 255 + 1), OBJECT_BYTES);
		}
		for (size_t i = 0; i < OBJECTS; i++) {
			for (size_t b = 0; b < OBJECT_BYTES; b++)
				assert_int_equal(objects[i][b], i % 255 + 1);
			slab_give(&slab, objects[i]);
		}
	}
	slab_done(&slab);
}

static void objects_are_aligned_for_anything(void **state)
{
	struct slab slab;
	void *one, *other;

	(void)state;
	slab_init(&slab, OBJECT_BYTES);
	one = slab_take(&slab);
	other = slab_take(&slab);
	assert_int_equal((uintptr_t)one % 16, 0);
	assert_int_equal((uintptr_t)other % 16, 0);
	slab_give(&slab, one);
	slab_give(&slab, other);
	slab_done(&slab);
}

static void empty_blocks_go_back_but_for_one(void **state)
{
	static void *objects[OBJECTS];
	struct slab slab;
	size_t most;

	(void)state;
	slab_init(&slab, OBJECT_BYTES);
	for (size_t i = 0; i < OBJECTS; i++)
		objects[i] = slab_take(&slab);
	most = slab.n_blocks;
	assert_true(most > OBJECTS * OBJECT_BYTES / 16384);
	for (size_t i = 0; i < OBJECTS; i++)
		slab_give(&slab, objects[(i * 7919) % OBJECTS]);
	assert_int_equal(slab.n_blocks, 1);
	slab_done(&slab);
}

static void what_is_given_back_is_taken_again(void **state)
{
	struct slab slab;
	void *kept, *given;
	size_t n;

	(void)state;
	slab_init(&slab, OBJECT_BYTES);
	kept = slab_take(&slab);
	n = slab.n_blocks;
	for (unsigned i = 0; i < 10 * OBJECTS; i++) {
		given = slab_take(&slab);
		slab_give(&slab, given);
	}
	assert_int_equal(slab.n_blocks, n);
	slab_give(&slab, kept);
	slab_done(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_and_do_not_overlap),
		cmocka_unit_test(objects_are_aligned_for_anything),
		cmocka_unit_test(empty_blocks_go_back_but_for_one),
		cmocka_unit_test(what_is_given_back_is_taken_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
