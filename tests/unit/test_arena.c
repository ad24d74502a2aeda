/* base/arena: bytes that stay where they are until all go. */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void what_was_taken_stays_while_more_is_taken(void **state)
{
	struct arena arena;
	char *taken[200];

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		taken[i] = arena_take(&arena, 1 + i * 7 % 900);
		assert_non_null(taken[i]);
		memset(taken[i], (int)i, 1 + i * 7 % 900);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t j = 0; j < 1 + i * 7 % 900; j++)
			assert_int_equal((unsigned char)taken[i][j], i);
	}
	arena_done(&arena);
}

static void the_cap_is_the_sum_of_what_is_taken(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1000);
	assert_non_null(arena_take(&arena, 600));
	assert_null(arena_take(&arena, 401));
	assert_null(arena_take(&arena, SIZE_MAX));
	assert_non_null(arena_take(&arena, 400));
	assert_null(arena_take(&arena, 1));
	assert_non_null(arena_take(&arena, 0));
	arena_reset(&arena, 0);
	assert_non_null(arena_take(&arena, 1000));
	arena_done(&arena);
}

static void a_reset_keeps_one_block_so_that_a_steady_state_allocates_nothing(void **state)
{
	struct arena arena;
	char *before;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < 20; i++)
		assert_non_null(arena_take(&arena, 300));
	arena_reset(&arena, 64 * 1024);
	before = arena_take(&arena, 300);
	assert_non_null(before);
	for (size_t i = 0; i < 1000; i++) {
		arena_reset(&arena, 64 * 1024);
		assert_ptr_equal(arena_take(&arena, 300), before);
	}
	arena_done(&arena);
}

static void a_block_over_what_is_to_be_kept_is_given_back(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_non_null(arena_take(&arena, 100 * 1024));
	arena_reset(&arena, 64 * 1024);
	assert_null(arena.newest);
	assert_non_null(arena_take(&arena, 1));
	arena_reset(&arena, 64 * 1024);
	assert_non_null(arena.newest);
	arena_done(&arena);
	assert_null(arena.newest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_taken_stays_while_more_is_taken),
		cmocka_unit_test(the_cap_is_the_sum_of_what_is_taken),
		cmocka_unit_test(
		    a_reset_keeps_one_block_so_that_a_steady_state_allocates_nothing),
		cmocka_unit_test(a_block_over_what_is_to_be_kept_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
