/*
 * Every error at once. Each tests/data/conf/errors/NAME.ini has all the problems
 * that NAME.expected lists, and no others.
 */
#include "conf/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "tests/data/conf/errors/"

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

/* What is wrong with a text, one problem a line. free() it. */
static char *problems_of(const char *name, struct slice text)
{
	struct conf_problems problems;
	struct config *config = config_load_text(name, text, resolve, &problems);
	char *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);

	assert_non_null(out);
	assert_true((config == NULL) == (problems.n > 0));
	for (size_t i = 0; i < problems.n; i++)
		fprintf(out, "%s\n", problems.lines[i]);
	fclose(out);
	config_free(config);
	conf_problems_done(&problems);
	return all;
}

static void each_wrong_file_is_refused_with_all_its_problems(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob(DIRECTORY "*.ini", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 20);
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
		problems = problems_of(strrchr(path, '/') + 1, (struct slice) { text, len });
		assert_string_equal(problems, expected);
		free(problems);
		free(expected);
		free(text);
	}
	globfree(&files);
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
	char *problems = problems_of("weir.ini", slice_of(text));

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
	char *problems = problems_of("weir.ini", slice_of(text));

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
	problems = problems_of("weir.ini", slice_of(text));
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
	char *problems = problems_of("weir.ini", SLICE(text));

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_file_is_refused_with_all_its_problems),
		cmocka_unit_test(a_hundred_problems_are_all_told),
		cmocka_unit_test(of_more_the_first_hundred_are_told_and_the_others_counted),
		cmocka_unit_test(
		    a_problem_found_late_still_takes_its_place_among_the_first_hundred),
		cmocka_unit_test(problems_of_different_kinds_are_told_in_order_of_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
