#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_slice(struct slice actual, const char *expected)
{
	assert_int_equal(actual.len, strlen(expected));
	assert_memory_equal(actual.data, expected, actual.len);
}

static void slices_are_equal_by_bytes_and_length(void **state)
{
	(void)state;
	assert_true(slice_equal(SLICE("abc"), slice_of("abc")));
	assert_false(slice_equal(SLICE("abc"), SLICE("abC")));
	assert_false(slice_equal(SLICE("abc"), SLICE("ab")));
	assert_true(slice_equal((struct slice) { 0 }, SLICE("")));
}

static void case_is_ignored_in_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(slice_equal_nocase(SLICE("X-User-Id"), SLICE("x-uSER-iD")));
	assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
	assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
	assert_false(slice_equal_nocase(SLICE("\xc4"), SLICE("\xe4")));
	assert_false(slice_equal_nocase(SLICE("ab"), SLICE("abc")));
}

static void spaces_and_tabs_are_trimmed_at_both_ends(void **state)
{
	(void)state;
	assert_slice(slice_trim(SLICE(" \t a b\t ")), "a b");
	assert_slice(slice_trim(SLICE("\r\na")), "\r\na");
	assert_slice(slice_trim(SLICE(" \t ")), "");
	assert_slice(slice_trim((struct slice) { 0 }), "");
}

static void list_elements_come_trimmed_and_empty_ones_are_skipped(void **state)
{
	struct slice rest = SLICE(", close ,,\t, Upgrade,x y");
	struct slice element;

	(void)state;
	assert_true(slice_next_element(&rest, &element));
	assert_slice(element, "close");
	assert_true(slice_next_element(&rest, &element));
	assert_slice(element, "Upgrade");
	assert_true(slice_next_element(&rest, &element));
	assert_slice(element, "x y");
	assert_false(slice_next_element(&rest, &element));
	rest = SLICE(" , ,");
	assert_false(slice_next_element(&rest, &element));
}

static void a_number_is_digits_only_and_must_fit(void **state)
{
	static const char *const refused[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1,1",
		"18446744073709551616", "99999999999999999999" };
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(slice_to_u64(slice_of(refused[i]), &value));
	assert_int_equal(value, 7);
	assert_true(slice_to_u64(SLICE("0"), &value));
	assert_int_equal(value, 0);
	assert_true(slice_to_u64(SLICE("00042"), &value));
	assert_int_equal(value, 42);
	assert_true(slice_to_u64(SLICE("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_equal_by_bytes_and_length),
		cmocka_unit_test(case_is_ignored_in_ascii_letters_only),
		cmocka_unit_test(spaces_and_tabs_are_trimmed_at_both_ends),
		cmocka_unit_test(list_elements_come_trimmed_and_empty_ones_are_skipped),
		cmocka_unit_test(a_number_is_digits_only_and_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
