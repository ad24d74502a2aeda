/* conf/lines: a configuration text as headings and pairs, each with its line. */
#include "conf/lines.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/* What was read, one event a line: "3 heading 'route shop'". */
struct events {
	char text[4096];
	size_t len;
};

static void on_heading(void *user, uint32_t line, struct slice text)
{
	struct events *events = user;

	events->len +=
	    (size_t)snprintf(events->text + events->len, sizeof(events->text) - events->len,
		"%u heading '%.*s'\n", line, (int)text.len, text.data);
}

static void on_pair(void *user, uint32_t line, const char *key, const char *value)
{
	struct events *events = user;

	events->len += (size_t)snprintf(events->text + events->len,
	    sizeof(events->text) - events->len, "%u '%s' = '%s'\n", line, key, value);
}

static void on_problem(void *user, uint32_t line, const char *why)
{
	struct events *events = user;

	events->len += (size_t)snprintf(events->text + events->len,
	    sizeof(events->text) - events->len, "%u problem: %s\n", line, why);
}

static void assert_read(struct slice text, const char *expected)
{
	struct events events = { .len = 0 };
	struct lines_sink sink = {
		.user = &events,
		.heading = on_heading,
		.pair = on_pair,
		.problem = on_problem,
	};
	/* A copy of its exact size: the sanitizer sees a byte read past it. */
	char *copy = malloc(text.len + 1);

	assert_non_null(copy);
	copy = realloc(copy, text.len > 0 ? text.len : 1);
	assert_non_null(copy);
	memcpy(copy, text.data, text.len);
	lines_read((struct slice) { copy, text.len }, &sink);
	free(copy);
	assert_string_equal(events.text, expected);
}

static void headings_and_pairs_come_with_their_line(void **state)
{
	(void)state;
	assert_read(SLICE("[weir]\n\nworkers = 2\n[ route  shop ]\npath=/\nlegacy: a\n"),
	    "1 heading 'weir'\n"
	    "3 'workers' = '2'\n"
	    "4 heading 'route  shop'\n"
	    "5 'path' = '/'\n"
	    "6 'legacy' = 'a'\n");
}

static void a_heading_without_keys_is_seen(void **state)
{
	(void)state;
	assert_read(SLICE("[a]\n[b]"), "1 heading 'a'\n2 heading 'b'\n");
}

static void a_key_that_is_repeated_comes_each_time(void **state)
{
	(void)state;
	assert_read(SLICE("server = a\nserver = b\n"), "1 'server' = 'a'\n2 'server' = 'b'\n");
}

static void comments_are_skipped_on_their_own_line_and_after_a_value(void **state)
{
	(void)state;
	assert_read(
	    SLICE("# one\n; two\n  # three\n[a] ; four\n[b] # five\nk = v ; six\nk = v;w\n"
		  "k = v#w\n"),
	    "4 heading 'a'\n5 heading 'b'\n6 'k' = 'v'\n7 'k' = 'v;w'\n8 'k' = 'v#w'\n");
}

static void a_comment_may_be_longer_than_inih_reads(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'c', sizeof(text));
	text[0] = ';';
	memcpy(text + sizeof(text) - 7, "\nk = v\n", 7);
	assert_read((struct slice) { text, sizeof(text) }, "2 'k' = 'v'\n");
}

static void the_longest_line_comes_whole_and_a_longer_one_is_refused(void **state)
{
	char text[300] = "k = ";
	char expected[400];

	(void)state;
	memset(text + 4, 'v', 194);
	memcpy(text + 198, "\nj = w\n", 8);
	snprintf(expected, sizeof(expected), "1 'k' = '%.194s'\n2 'j' = 'w'\n", text + 4);
	assert_read(slice_of(text), expected);
	/* Without its line end, too. */
	snprintf(expected, sizeof(expected), "1 'k' = '%.194s'\n", text + 4);
	assert_read((struct slice) { text, 198 }, expected);

	memset(text + 4, 'v', 195);
	memcpy(text + 199, "\nj = w\n", 8);
	assert_read(slice_of(text),
	    "1 problem: a line of 199 bytes; at most 198 are read\n2 'j' = 'w'\n");
}

static void lines_may_end_in_cr_lf_and_the_last_in_nothing(void **state)
{
	(void)state;
	assert_read(
	    SLICE("[a]\r\nk = v\r\n\r\nj = w\r"), "1 heading 'a'\n2 'k' = 'v'\n4 'j' = 'w'\n");
}

static void a_byte_order_mark_is_skipped_at_the_start_only(void **state)
{
	(void)state;
	assert_read(SLICE("\xef\xbb\xbf[a]\nk = v\n"), "1 heading 'a'\n2 'k' = 'v'\n");
	assert_read(SLICE("[a]\n\xef\xbb\xbfk = v\n"),
	    "1 heading 'a'\n2 problem: a byte order mark inside the file\n");
	assert_read(SLICE("\xef\xbb"), "1 problem: neither a [section] nor 'key = value'\n");
}

static void an_indented_line_is_refused_rather_than_taken_for_another_value(void **state)
{
	static const char expected[] = "1 'k' = 'v'\n2 problem: an indented line; begin each "
				       "line at its first column, and "
				       "write the key again for each further value\n";

	(void)state;
	assert_read(SLICE("k = v\n  j = w\n"), expected);
	assert_read(SLICE("k = v\n\tw\n"), expected);
	assert_read(SLICE("k = v\n [a]\n"), expected);
}

static void a_line_that_is_neither_is_a_problem_wherever_it_stands(void **state)
{
	(void)state;
	assert_read(SLICE("one\n[a]\ntwo\nthree"),
	    "1 problem: neither a [section] nor 'key = value'\n"
	    "2 heading 'a'\n"
	    "3 problem: neither a [section] nor 'key = value'\n"
	    "4 problem: neither a [section] nor 'key = value'\n");
}

static void a_nul_hides_nothing(void **state)
{
	(void)state;
	assert_read(SLICE("k = v\0; j\nj = w\n"),
	    "1 problem: control character 0x00 at column 6\n2 'j' = 'w'\n");
}

static void an_empty_text_has_nothing(void **state)
{
	(void)state;
	assert_read(SLICE(""), "");
	assert_read(SLICE("\n\n \n\t\n"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headings_and_pairs_come_with_their_line),
		cmocka_unit_test(a_heading_without_keys_is_seen),
		cmocka_unit_test(a_key_that_is_repeated_comes_each_time),
		cmocka_unit_test(comments_are_skipped_on_their_own_line_and_after_a_value),
		cmocka_unit_test(a_comment_may_be_longer_than_inih_reads),
		cmocka_unit_test(the_longest_line_comes_whole_and_a_longer_one_is_refused),
		cmocka_unit_test(lines_may_end_in_cr_lf_and_the_last_in_nothing),
		cmocka_unit_test(a_byte_order_mark_is_skipped_at_the_start_only),
		cmocka_unit_test(
		    an_indented_line_is_refused_rather_than_taken_for_another_value),
		cmocka_unit_test(a_line_that_is_neither_is_a_problem_wherever_it_stands),
		cmocka_unit_test(a_nul_hides_nothing),
		cmocka_unit_test(an_empty_text_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
