#include "base/dense.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool is_zero(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* Of every size up to where a piece is a mapping of its own, and some beyond. */
static const size_t sizes[] = { 1, 8, 127, 128, 129, 4096, 9000, 32768, 100000, 262144, 262145,
	1 << 20, (2 << 20) + 1 };

enum {
	SIZES = sizeof(sizes) / sizeof(sizes[0])
};

static void a_piece_is_zeroed_and_aligned_also_where_another_was(void **state)
{
	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		char *pieces[SIZES];

		for (size_t i = 0; i < SIZES; i++) {
			pieces[i] = dense_take(sizes[i]);
			assert_non_null(pieces[i]);
			assert_int_equal((uintptr_t)pieces[i] % DENSE_ALIGNMENT, 0);
			assert_true(is_zero(pieces[i], sizes[i]));
			memset(pieces[i], 0xa5, sizes[i]);
		}
		for (size_t i = 0; i < SIZES; i++)
			dense_give(pieces[i], sizes[i]);
	}
}

static void what_was_given_back_is_taken_again_for_the_same_size(void **state)
{
	void *piece = dense_take(9000);
	void *another = dense_take(9000);

	(void)state;
	assert_ptr_not_equal(piece, another);
	dense_give(piece, 9000);
	assert_ptr_equal(dense_take(9000), piece);
	dense_give(piece, 9000);
	dense_give(another, 9000);
}

static void nothing_may_be_given_back(void **state)
{
	(void)state;
	dense_give(NULL, 100);
	dense_give(NULL, 100000);
}

static void more_than_there_can_be_is_not_there(void **state)
{
	(void)state;
	assert_null(dense_take(SIZE_MAX));
	assert_null(dense_take(SIZE_MAX / 2));
}

enum {
	PIECES = 3000, /* of 9000 bytes: more than the first blocks hold */
	PIECE_BYTES = 9000,
	THREADS = 4,
};

static void *take_and_mark(void *arg)
{
	uint64_t **pieces = calloc(PIECES, sizeof(*pieces));
	uintptr_t mark = (uintptr_t)arg;
	bool ok = pieces != NULL;

	for (size_t i = 0; ok && i < PIECES; i++) {
		pieces[i] = dense_take(PIECE_BYTES);
		if (pieces[i] != NULL)
			pieces[i][0] = pieces[i][PIECE_BYTES / 8 - 1] = mark + i;
	}
	for (size_t i = 0; ok && i < PIECES; i++) {
		ok = pieces[i] != NULL && pieces[i][0] == mark + i &&
		     pieces[i][PIECE_BYTES / 8 - 1] == mark + i;
		dense_give(pieces[i], PIECE_BYTES);
	}
	free(pieces);
	return ok ? arg : NULL;
}

static void threads_take_pieces_that_do_not_overlap(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_mark,
				     (void *)((i + 1) * 1000000)),
		    0);
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_zeroed_and_aligned_also_where_another_was),
		cmocka_unit_test(what_was_given_back_is_taken_again_for_the_same_size),
		cmocka_unit_test(nothing_may_be_given_back),
		cmocka_unit_test(more_than_there_can_be_is_not_there),
		cmocka_unit_test(threads_take_pieces_that_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
