/* What a command line asks of a drill. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_drill.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 24
};

/* The line's words, which the arguments point into: free() them. */
static char *parse(const char *line, struct cli_args *args)
{
	char *copy = strdup(line), *rest = copy;
	char *words[WORDS_MAX];
	struct error err;
	int n = 0;

	assert_non_null(copy);
	while (rest != NULL && n < WORDS_MAX)
		words[n++] = strsep(&rest, " ");
	if (!cli_args_parse(n, words, args, &err))
		fail_msg("%s: %s", line, err.text);
	return copy;
}

static void what_is_asked_for_is_read(void **state)
{
	static const struct {
		const char *line;
		uint32_t fail_ppm, for_ms;
		bool live;
		const char *path;
		size_t n_headers;
	} rows[] = {
		{ "weir drill shop --fail 5%", 50000, 60000, false, NULL, 0 },
		{ "weir drill shop --fail 100% --for 2m", 1000000, 120000, false, NULL, 0 },
		{ "weir drill --live --fail 0.5% shop --for=1s", 5000, 1000, true, NULL, 0 },
		{ "weir drill shop --fail 1% --for 24h", 10000, 86400000, false, NULL, 0 },
		{ "weir drill shop --fail 1% --live --path /a?b=c --header A:b --header C:",
		    10000, 60000, true, "/a?b=c", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_drill_request request;
		struct cli_args args;
		struct error err;
		char *words = parse(rows[i].line, &args);

		if (!cli_drill_read(&args, &request, &err))
			fail_msg("%s: %s", rows[i].line, err.text);
		assert_int_equal(request.fail_ppm, rows[i].fail_ppm);
		assert_int_equal(request.for_ms, rows[i].for_ms);
		assert_int_equal(request.live, rows[i].live);
		assert_int_equal(request.headers->n, rows[i].n_headers);
		if (rows[i].path != NULL)
			assert_string_equal(request.path, rows[i].path);
		else
			assert_null(request.path);
		free(words);
	}
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "weir drill shop", "--fail is needed" },
		{ "weir drill shop --fail 0%", "nothing to rehearse" },
		{ "weir drill shop --fail 101%", "--fail:" },
		{ "weir drill shop --fail 5", "--fail:" },
		{ "weir drill shop --fail 5% --for soon", "--for:" },
		{ "weir drill shop --fail 5% --for 999ms", "1s to 24h" },
		{ "weir drill shop --fail 5% --for 25h", "1s to 24h" },
		{ "weir drill shop --fail 5% --path /x", "--live" },
		{ "weir drill shop --fail 5% --header A:b", "--live" },
		{ "weir drill shop --fail 5% --live --path x", "begin with /" },
		{ "weir drill shop --fail 5% --live --header A", "NAME: VALUE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_drill_request request;
		struct cli_args args;
		struct error err = { "" };
		char *words = parse(rows[i].line, &args);

		assert_false(cli_drill_read(&args, &request, &err));
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].line, err.text);
		free(words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_read),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
