/* The values of /status as a person reads them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_format.h"

#include <stdlib.h>
#include <string.h>

static void numbers_fit_their_columns(void **state)
{
	static const struct {
		void (*format)(double, char[CLI_CELL_SIZE]);
		double number;
		const char *text;
	} rows[] = {
		{ cli_format_ms, 0, "0.00ms" },
		{ cli_format_ms, 0.42, "0.42ms" },
		{ cli_format_ms, 3.24, "3.2ms" },
		{ cli_format_ms, 9.96, "10ms" },
		{ cli_format_ms, 999.4, "999ms" },
		{ cli_format_ms, 999.6, "1.0s" },
		{ cli_format_ms, 3600000, "3600s" },
		{ cli_format_count, 0, "0" },
		{ cli_format_count, 9999999, "9999999" },
		{ cli_format_count, 12345678, "12.3M" },
		{ cli_format_count, 9.9e9, "9900.0M" },
		{ cli_format_count, 1e10, "10.0G" },
		{ cli_format_age, 0.4, "0 s" },
		{ cli_format_age, 59.9, "59 s" },
		{ cli_format_age, 61, "1 min 1 s" },
		{ cli_format_age, 7805, "2 h 10 min" },
		{ cli_format_age, 200000, "2 d 7 h" },
		{ cli_format_share, 0, "0%" },
		{ cli_format_share, 0.00001, "<0.01%" },
		{ cli_format_share, 0.0035, "0.35%" },
		{ cli_format_share, 0.12499, "12.5%" },
		{ cli_format_share, 0.9999, "100%" },
		{ cli_format_left, 1, "100%" },
		{ cli_format_left, 0.9999, "99%" },
		{ cli_format_left, 0.001, "0%" },
		{ cli_format_left, -0.001, "-1%" },
		{ cli_format_left, -0.4, "-40%" },
		{ cli_format_left, -400, "<-999%" },
		{ cli_format_way, 0.005, "<1%" },
		{ cli_format_way, 0.999, "99%" },
		{ cli_format_way, 1.5, "150%" },
		{ cli_format_way, 1e300, ">999%" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[CLI_CELL_SIZE];

		rows[i].format(rows[i].number, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void assert_broken(const char *words, size_t column, size_t indent, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	cli_print_words(words, column, indent, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void words_are_broken_before_the_last_column(void **state)
{
	(void)state;
	assert_broken("a b", 0, 2, "a b\n");
	assert_broken("a b", 98, 2, "a\n  b\n");
	assert_broken("a b", 97, 2, "a b\n");
	assert_broken("", 5, 2, "\n");
	assert_broken("a  b ", 0, 0, "a b\n");
}

static void a_member_that_is_no_text_is_a_dash(void **state)
{
	json_t *json =
	    json_pack("{s:s, s:i, s:s, s:f}", "a", "x", "b", 7, "empty", "", "c", 1e300);
	char text[4];

	(void)state;
	assert_true(cli_member_text(json, "a", text, sizeof(text)));
	assert_string_equal(text, "x");
	assert_false(cli_member_text(json, "b", text, sizeof(text)));
	assert_string_equal(text, "-");
	assert_false(cli_member_text(json, "empty", text, sizeof(text)));
	assert_false(cli_member_text(json, "absent", text, sizeof(text)));
	assert_false(cli_member_text(NULL, "a", text, sizeof(text)));
	assert_int_equal(cli_member_whole(json, "b"), 7);
	assert_int_equal(cli_member_whole(json, "c"), 0);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_fit_their_columns),
		cmocka_unit_test(words_are_broken_before_the_last_column),
		cmocka_unit_test(a_member_that_is_no_text_is_a_dash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
