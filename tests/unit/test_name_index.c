#include "base/name_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void each_name_is_found_at_its_position_and_no_other(void **state)
{
	enum { N = 1000 };
	static char names[N][16];
	struct name_index index;

	(void)state;
	assert_true(name_index_init(&index, N));
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "route-%zu", i * 7919 % N);
		name_index_add(&index, names[i], i);
	}
	name_index_sort(&index);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(name_index_find(&index, names[i]), i);
	assert_int_equal(name_index_find(&index, "route-1000"), -1);
	assert_int_equal(name_index_find(&index, ""), -1);
	name_index_done(&index);
}

static void an_empty_index_has_no_names(void **state)
{
	struct name_index index;

	(void)state;
	assert_true(name_index_init(&index, 0));
	name_index_sort(&index);
	assert_int_equal(name_index_find(&index, "a"), -1);
	name_index_done(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_found_at_its_position_and_no_other),
		cmocka_unit_test(an_empty_index_has_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
