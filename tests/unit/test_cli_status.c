/* The status as a person sees it: aligned, within 100 columns, harmless to a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_status.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS = 100
};

static json_t *json_of(const char *text)
{
	json_error_t err;
	json_t *json = json_loads(text, 0, &err);

	if (json == NULL)
		fail_msg("%s", err.text);
	return json;
}

/* free() it. Every line of it has at most 100 columns. */
static char *shown(const json_t *status)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	cli_status_print(status, out);
	fclose(out);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > COLUMNS)
			fail_msg("over %d columns:\n%s", COLUMNS, line);
	return text;
}

static void assert_shown(const char *json, const char *expected)
{
	json_t *status = json_of(json);
	char *text = shown(status);

	assert_string_equal(text, expected);
	free(text);
	json_decref(status);
}

static void assert_shows(const char *json, const char *part, bool expected)
{
	json_t *status = json_of(json);
	char *text = shown(status);

	if ((strstr(text, part) != NULL) != expected)
		fail_msg("%s \"%s\":\n%s", expected ? "lacks" : "has", part, text);
	free(text);
	json_decref(status);
}

#define ARMS_JSON                                                                              \
	"'arms':{'legacy':{'requests':120345,'failures':12,'p50_ms':3.2,'p99_ms':9.14},"       \
	"'canary':{'requests':6334,'failures':1,'p50_ms':0.284,'p99_ms':1500}}"
#define DAEMON_JSON "'version':'0.1.0','workers':2,'generation':3,'uptime_s':7805,"

/* JSON with ' for ", for fixtures that can be read. */
static const char *quoted(const char *text, char *room, size_t size)
{
	assert_true(strlen(text) < size);
	for (size_t i = 0; i <= strlen(text); i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return room;
}

static void a_route_in_a_rollout_shows_both_arms_and_why_it_stands_there(void **state)
{
	char room[2048];

	(void)state;
	assert_shown(
	    quoted("{" DAEMON_JSON "'journal_failures':0,'routes':[{'name':'shop',"
		   "'release':'2026-11-22.1','state':'running','stage':2,'stages':5,"
		   "'weight':'5%','verdict':'CONTINUE','latched':false,'held':null,"
		   "'reason':'the stage has lasted 12 s of 1800 s; canary failed 1 of 634 "
		   "requests (0.16%), legacy failed 3 of 12034 requests (0.025%)',"
		   "'evidence':{'ln_e':-0.65,'e':0.522,'threshold':100}," ARMS_JSON "}]}",
		room, sizeof(room)),
	    "weir 0.1.0, workers 2, generation 3, up 2 h 10 min\n"
	    "\n"
	    "ROUTE  RELEASE       STATE        STAGE   WEIGHT  ARM     REQUESTS   FAILED     "
	    "P50     P99\n"
	    "shop   2026-11-22.1  running        2/5       5%  legacy    120345       12   "
	    "3.2ms   9.1ms\n"
	    "                                                  canary      6334        1  "
	    "0.28ms    1.5s\n"
	    "  CONTINUE, E 0.522 (rolls back at 100): the stage has lasted 12 s of 1800 s; "
	    "canary failed 1 of 634\n"
	    "  requests (0.16%), legacy failed 3 of 12034 requests (0.025%)\n");
}

static void a_rolled_back_route_says_how_to_get_out_of_it(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'rolled_back','weight':'0%','latched':true,"
	       "'verdict':'ROLL_BACK','reason':'canary failed','evidence':{'e':148.4,"
	       "'threshold':100}," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  ROLL_BACK, E 148 (rolls back at 100): canary failed\n", true);
	assert_shows(room, "weir resume shop\n", true);
}

static void a_weight_set_by_hand_that_is_merely_watched_needs_no_reason(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'fixed','verdict':'CONTINUE','held':null,"
	       "'reason':'nothing new','evidence':{'e':1}," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  CONTINUE, E 1\n", true);
	quoted("{'routes':[{'name':'shop','state':'fixed','verdict':'HOLD_SUSPECT',"
	       "'reason':'something new','held':'HOLD_SUSPECT','evidence':{'e':12},"
	       "" ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "HOLD_SUSPECT, E 12, held by HOLD_SUSPECT: something new\n", true);
}

static void a_route_without_a_canary_shows_legacy_alone(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'plain','release':'','state':'fixed','weight':'0%',"
	       "'verdict':'CONTINUE','arms':{'legacy':{'requests':5,'failures':0,"
	       "'p50_ms':null,'p99_ms':null},'canary':null}}]}",
	    room, sizeof(room));
	assert_shows(room, "legacy         5        0       -       -\n", true);
	assert_shows(room, "canary", false);
	assert_shows(room, "CONTINUE", false);
}

static void long_names_stand_whole_on_a_line_of_their_own(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'a-route-with-quite-a-long-name','release':'r1',"
	       "'state':'rolled_back','weight':'0.0001%'," ARMS_JSON "},"
	       "{'name':'shop','release':'r2'," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\na-route-with-quite-a-long-name  r1\n  ", true);
	assert_shows(room, "\nshop   r2 ", true);
}

static void a_long_reason_is_broken_at_the_last_column(void **state)
{
	char reason[600], room[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(reason) - 1; i++)
		reason[i] = i % 2 == 0 ? 'a' : ' ';
	reason[sizeof(reason) - 1] = '\0';
	snprintf(room, sizeof(room),
	    "{\"routes\":[{\"verdict\":\"ADVANCE\",\"reason\":\"%s\","
	    "\"arms\":{\"canary\":{}}}]}",
	    reason);
	assert_shows(room, "a a a\n  a a a", true);
}

static void a_journal_that_lacks_decisions_is_told_first(void **state)
{
	(void)state;
	assert_shows("{\"journal_failures\":3,\"routes\":[]}", "LACKS 3 decisions", true);
	assert_shows("{\"journal_failures\":0,\"routes\":[]}", "LACKS", false);
}

static void a_reason_cannot_command_the_terminal(void **state)
{
	json_t *status =
	    json_of("{\"routes\":[{\"name\":\"a\\u001b[2J\",\"verdict\":\"ROLL_BACK\","
		    "\"reason\":\"x\\u001b[31m\\ny\\u009bz caf\\u00e9\","
		    "\"arms\":{\"canary\":{}}}]}");
	char *text = shown(status);

	(void)state;
	assert_null(strchr(text, 0x1b));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_non_null(strstr(text, "x?[31m?y??z caf\xc3\xa9"));
	free(text);
	json_decref(status);
}

static void an_answer_that_lacks_everything_is_shown_all_the_same(void **state)
{
	static const char *const answers[] = { "{}", "{\"routes\":7}",
		"{\"routes\":[7,{},null]}",
		"{\"routes\":[{\"arms\":{\"canary\":{}},\"evidence\":7,\"name\":7}]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		json_t *status = json_of(answers[i]);

		free(shown(status));
		json_decref(status);
	}
}

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
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[CLI_CELL_SIZE];

		rows[i].format(rows[i].number, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_in_a_rollout_shows_both_arms_and_why_it_stands_there),
		cmocka_unit_test(a_rolled_back_route_says_how_to_get_out_of_it),
		cmocka_unit_test(a_weight_set_by_hand_that_is_merely_watched_needs_no_reason),
		cmocka_unit_test(a_route_without_a_canary_shows_legacy_alone),
		cmocka_unit_test(long_names_stand_whole_on_a_line_of_their_own),
		cmocka_unit_test(a_long_reason_is_broken_at_the_last_column),
		cmocka_unit_test(a_journal_that_lacks_decisions_is_told_first),
		cmocka_unit_test(a_reason_cannot_command_the_terminal),
		cmocka_unit_test(an_answer_that_lacks_everything_is_shown_all_the_same),
		cmocka_unit_test(numbers_fit_their_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
