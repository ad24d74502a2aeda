/* What `weir status` and its watching make of one answer after another. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_status.h"

#include <stdlib.h>
#include <string.h>

/* What was printed since the last look. */
struct screen {
	struct cli_view view;
	char *out_text, *errors_text;
	size_t out_size, errors_size;
	enum cli_status status;
};

static void clear(struct screen *screen)
{
	free(screen->out_text);
	free(screen->errors_text);
	screen->out_text = screen->errors_text = NULL;
}

static void show(struct screen *screen, const struct cli_answer *answer)
{
	FILE *out, *errors;

	clear(screen);
	out = open_memstream(&screen->out_text, &screen->out_size);
	errors = open_memstream(&screen->errors_text, &screen->errors_size);
	assert_non_null(out);
	assert_non_null(errors);
	screen->status = cli_view_show(&screen->view, answer, "10:14:03", out, errors);
	fclose(out);
	fclose(errors);
}

/* An answer of a weir that has been up so long, with a route `shop`. */
static void show_up(struct screen *screen, double uptime_s)
{
	static const char body[] = "{\"the\":\"body\"}";
	struct cli_answer answer = { .status = CLI_OK };

	buffer_init(&answer.body, 1000);
	assert_true(buffer_append(&answer.body, body, strlen(body)));
	answer.json = json_pack("{s:s, s:f, s:[{s:s, s:s}]}", "version", "0.1.0", "uptime_s",
	    uptime_s, "routes", "name", "shop", "state", "running");
	assert_non_null(answer.json);
	show(screen, &answer);
	cli_answer_done(&answer);
}

static void show_down(struct screen *screen)
{
	struct cli_answer answer = { .status = CLI_UNREACHABLE };

	buffer_init(&answer.body, 0);
	answer.words = strdup("weir is not running");
	assert_non_null(answer.words);
	show(screen, &answer);
	cli_answer_done(&answer);
}

static void assert_has(const char *text, const char *part, bool expected)
{
	if ((strstr(text, part) != NULL) != expected)
		fail_msg("%s \"%s\":\n%s", expected ? "lacks" : "has", part, text);
}

static void once_it_shows_the_table_or_says_why_not(void **state)
{
	struct screen screen = { .view = { .uptime_s = -1 } };

	(void)state;
	show_up(&screen, 60);
	assert_int_equal(screen.status, CLI_OK);
	assert_has(screen.out_text, "ROUTE ", true);
	assert_has(screen.out_text, "\033", false);
	assert_string_equal(screen.errors_text, "");
	show_down(&screen);
	assert_int_equal(screen.status, CLI_UNREACHABLE);
	assert_string_equal(screen.out_text, "");
	assert_string_equal(screen.errors_text, "weir is not running\n");
	clear(&screen);
}

static void json_is_the_answer_itself_or_the_route_of_it(void **state)
{
	struct screen screen = { .view = { .json = true, .uptime_s = -1 } };

	(void)state;
	show_up(&screen, 60);
	assert_string_equal(screen.out_text, "{\"the\":\"body\"}\n");
	screen.view.route = "shop";
	show_up(&screen, 60);
	assert_string_equal(screen.out_text, "{\"name\":\"shop\",\"state\":\"running\"}\n");
	clear(&screen);
}

static void a_route_that_is_not_there_is_refused_with_the_likely_one(void **state)
{
	struct screen screen = { .view = { .route = "shp", .uptime_s = -1 } };

	(void)state;
	show_up(&screen, 60);
	assert_int_equal(screen.status, CLI_FAILED);
	assert_string_equal(screen.out_text, "");
	assert_string_equal(
	    screen.errors_text, "weir: there is no route 'shp'; did you mean 'shop'?\n");
	clear(&screen);
}

static void a_route_that_is_not_there_is_not_watched(void **state)
{
	(void)state;
	for (int terminal = 0; terminal <= 1; terminal++) {
		struct screen screen = { .view = { .route = "shp",
					     .watching = true,
					     .terminal = terminal != 0,
					     .uptime_s = -1 } };

		show_down(&screen);
		assert_false(screen.view.is_over);
		show_up(&screen, 60);
		assert_true(screen.view.is_over);
		assert_int_equal(screen.status, CLI_FAILED);
		assert_has(screen.errors_text, "there is no route 'shp'", true);
		assert_string_equal(screen.out_text, "");
		clear(&screen);
	}
}

static void watching_goes_on_through_a_restart_and_says_so_once(void **state)
{
	struct screen screen = { .view = { .watching = true, .uptime_s = -1 } };

	(void)state;
	show_up(&screen, 60);
	assert_string_equal(screen.errors_text, "");
	assert_has(screen.out_text, "\n\n", true);
	show_down(&screen);
	assert_string_equal(
	    screen.errors_text, "10:14:03  weir is not running; trying again\n");
	assert_string_equal(screen.out_text, "");
	show_down(&screen);
	assert_string_equal(screen.errors_text, "");
	show_up(&screen, 1);
	assert_string_equal(screen.errors_text, "10:14:03  weir was restarted\n");
	assert_has(screen.out_text, "ROUTE ", true);
	show_up(&screen, 2);
	assert_string_equal(screen.errors_text, "");
	show_down(&screen);
	show_up(&screen, 4);
	assert_string_equal(screen.errors_text, "10:14:03  weir answers again\n");
	/* Between two questions, unseen. */
	show_up(&screen, 0.5);
	assert_string_equal(screen.errors_text, "10:14:03  weir was restarted\n");
	clear(&screen);
}

static void on_a_terminal_each_frame_replaces_the_one_before(void **state)
{
	struct screen screen = { .view = {
				     .watching = true, .terminal = true, .uptime_s = -1 } };

	(void)state;
	show_up(&screen, 60);
	assert_has(screen.out_text, "\033[Hweir 0.1.0", true);
	assert_has(screen.out_text, "\033[K\n\033[K\nROUTE ", true);
	assert_string_equal(screen.out_text + strlen(screen.out_text) - 3, "\033[J");
	show_down(&screen);
	assert_string_equal(screen.errors_text, "");
	assert_has(
	    screen.out_text, "\033[H10:14:03  weir is not running; trying again\033[K\n", true);
	show_up(&screen, 1);
	assert_has(screen.out_text, "\033[H10:14:03  weir was restarted\033[K\n", true);
	assert_has(screen.out_text, "ROUTE ", true);
	clear(&screen);
}

static void the_interval_is_a_number_of_seconds(void **state)
{
	static const struct {
		const char *text;
		uint64_t us; /* 0: refused */
	} rows[] = { { "", 1000000 }, { "2", 2000000 }, { "0.5", 500000 }, { "2s", 2000000 },
		{ "0.1", 100000 }, { "3600", 3600000000 }, { "0", 0 }, { "0.05", 0 },
		{ "3601", 0 }, { "-1", 0 }, { "x", 0 }, { "1m", 0 }, { "2ss", 0 }, { "nan", 0 },
		{ "0x2", 0 }, { "s", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { "" };
		uint64_t us = 0;

		if (cli_watch_interval(rows[i].text, &us, &err) != (rows[i].us > 0))
			fail_msg("'%s': %s", rows[i].text, err.text);
		assert_true(us == rows[i].us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_it_shows_the_table_or_says_why_not),
		cmocka_unit_test(json_is_the_answer_itself_or_the_route_of_it),
		cmocka_unit_test(a_route_that_is_not_there_is_refused_with_the_likely_one),
		cmocka_unit_test(a_route_that_is_not_there_is_not_watched),
		cmocka_unit_test(watching_goes_on_through_a_restart_and_says_so_once),
		cmocka_unit_test(on_a_terminal_each_frame_replaces_the_one_before),
		cmocka_unit_test(the_interval_is_a_number_of_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
