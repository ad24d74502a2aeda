/*
 * Every problem at once. Each tests/data/conf/errors/NAME.ini has all the problems and
 * warnings that NAME.expected lists, and no others; those in warnings/ are taken.
 */
#include "conf/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS   "tests/data/conf/errors/"
#define WARNINGS "tests/data/conf/warnings/"

/* Asks no network: one name is not known, all others are. */
static bool resolve(
    const char *host, const char *port, struct address *address, struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];

	if (strcmp(host, "unknown-name") == 0) {
		error_set(err, "cannot resolve '%s': no such name", host);
		return false;
	}
	snprintf(text, sizeof(text), "10.9.9.9:%.5s", port);
	return address_parse(text, address, err);
}

static char *read_all(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(64 * 1024);

	assert_non_null(file);
	assert_non_null(text);
	*len = fread(text, 1, 64 * 1024 - 1, file);
	assert_true(feof(file));
	text[*len] = '\0';
	fclose(file);
	return text;
}

/* What is wrong with a text, one problem a line, and what it is warned of. free() it. */
static char *problems_of(const char *name, struct slice text, bool taken)
{
	struct conf_problems problems;
	struct config *config = config_load_text(name, text, resolve, &problems);
	char *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);

	assert_non_null(out);
	assert_true((config != NULL) == taken);
	assert_true((problems.n == 0) == taken);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(out, "%s\n", problems.lines[i]);
	for (size_t i = 0; i < problems.n_warnings; i++)
		fprintf(out, "%s\n", problems.warnings[i]);
	fclose(out);
	config_free(config);
	conf_problems_done(&problems);
	return all;
}

/* Every NAME.ini there, whose problems and warnings are what NAME.expected says. */
static void assert_files(const char *pattern, size_t at_least, bool taken)
{
	glob_t files;

	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= at_least);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *path = files.gl_pathv[i];
		size_t stem = strlen(path) - strlen(".ini");
		char expected_path[256];
		size_t len, expected_len;
		char *text, *expected, *problems;

		snprintf(
		    expected_path, sizeof(expected_path), "%.*s.expected", (int)stem, path);
		text = read_all(path, &len);
		expected = read_all(expected_path, &expected_len);
		problems =
		    problems_of(strrchr(path, '/') + 1, (struct slice) { text, len }, taken);
		assert_string_equal(problems, expected);
		free(problems);
		free(expected);
		free(text);
	}
	globfree(&files);
}

static void each_wrong_file_is_refused_with_all_its_problems(void **state)
{
	(void)state;
	assert_files(ERRORS "*.ini", 20, false);
}

static void what_works_but_is_hardly_meant_is_warned_of_and_taken(void **state)
{
	(void)state;
	assert_files(WARNINGS "*.ini", 5, true);
}

static const char good[] = "[listen web]\naddress = 10.0.0.1:80\n"
			   "[upstream a]\nserver = 10.0.0.2:80\n"
			   "[route r]\nlegacy = a\n";

/* `good`, and below it n lines that are each wrong. */
static char *with_wrong_lines(int n, const char *line)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs(good, out);
	for (int i = 0; i < n; i++)
		fprintf(out, "%s\n", line);
	fclose(out);
	return text;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void a_hundred_problems_are_all_told(void **state)
{
	char *text = with_wrong_lines(100, "wrong");
	char *problems = problems_of("weir.ini", slice_of(text), false);

	(void)state;
	assert_int_equal(count_lines(problems), 100);
	assert_non_null(
	    strstr(problems, "weir.ini:106: neither a [section] nor 'key = value'\n"));
	assert_null(strstr(problems, "more"));
	free(problems);
	free(text);
}

static void of_more_the_first_hundred_are_told_and_the_others_counted(void **state)
{
	char *text = with_wrong_lines(1000, "legcy = b");
	char *problems = problems_of("weir.ini", slice_of(text), false);

	(void)state;
	assert_int_equal(count_lines(problems), 101);
	assert_non_null(strstr(problems,
	    "weir.ini:106: unknown key 'legcy' in [route r]; did you mean 'legacy'?\n"
	    "weir.ini: and 900 more\n"));
	free(problems);
	free(text);
}

static void a_problem_found_late_still_takes_its_place_among_the_first_hundred(void **state)
{
	char *text = with_wrong_lines(200, "wrong");
	char *problems;

	(void)state;
	memcpy(strstr(text, "10.0.0.1:80"), "10.0.0.1:no", strlen("10.0.0.1:no"));
	problems = problems_of("weir.ini", slice_of(text), false);
	assert_int_equal(count_lines(problems), 101);
	assert_ptr_equal(strstr(problems, "weir.ini:2: address = 10.0.0.1:no: "), problems);
	assert_non_null(strstr(problems, "weir.ini:105: "));
	assert_null(strstr(problems, "weir.ini:106: "));
	assert_non_null(strstr(problems, "weir.ini: and 101 more\n"));
	free(problems);
	free(text);
}

/* Syntax is read before values, and values before the whole: the order told is the lines'. */
static void problems_of_different_kinds_are_told_in_order_of_line(void **state)
{
	static const char text[] = "[listen web]\n"
				   "address = 10.0.0.1\n"
				   "[upstream a]\n"
				   "[route r]\n"
				   "legacy = b\n"
				   "wrong\n"
				   "[route r]\n"
				   "legacy = a\n"
				   "weight = 200%\n";
	char *problems = problems_of("weir.ini", SLICE(text), false);

	(void)state;
	assert_string_equal(problems,
	    "weir.ini:2: address = 10.0.0.1: '10.0.0.1' has no port; write IP:PORT, as in "
	    "10.0.0.1:80\n"
	    "weir.ini:3: [upstream a] needs 'server'\n"
	    "weir.ini:5: legacy = b: no [upstream b]; did you mean 'a'?\n"
	    "weir.ini:6: neither a [section] nor 'key = value'\n"
	    "weir.ini:7: a second [route r]; the first is on line 4\n"
	    "weir.ini:9: weight = 200%: a share is 0% to 100%\n"
	    "weir.ini:9: [route r] has a 'weight', but no 'canary'\n");
	free(problems);
}

static void warnings_never_displace_a_problem(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char *problems;

	(void)state;
	assert_non_null(out);
	for (int i = 0; i < 150; i++)
		fprintf(out, "[rollout p%d]\nstages = 100%%\ndrain_for = 5m\n", i);
	fputs(good, out);
	fputs("wrong\n", out);
	fclose(out);
	problems = problems_of("weir.ini", slice_of(text), false);
	assert_int_equal(count_lines(problems), 1 + 100 + 1);
	assert_ptr_equal(strstr(problems, "weir.ini:457: neither"), problems);
	assert_non_null(strstr(problems, "\nweir.ini:3: warning: [rollout p0] has a "));
	assert_non_null(strstr(problems, "\nweir.ini: warning: and 50 more\n"));
	free(problems);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_file_is_refused_with_all_its_problems),
		cmocka_unit_test(what_works_but_is_hardly_meant_is_warned_of_and_taken),
		cmocka_unit_test(a_hundred_problems_are_all_told),
		cmocka_unit_test(of_more_the_first_hundred_are_told_and_the_others_counted),
		cmocka_unit_test(
		    a_problem_found_late_still_takes_its_place_among_the_first_hundred),
		cmocka_unit_test(problems_of_different_kinds_are_told_in_order_of_line),
		cmocka_unit_test(warnings_never_displace_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
