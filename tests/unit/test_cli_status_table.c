/* The status as a person sees it: aligned, within 100 columns, harmless to a terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_status_table.h"

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
	cli_status_table_print(status, out);
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

static void a_route_in_a_rollout_shows_both_arms_and_what_it_waits_for(void **state)
{
	char room[2048];

	(void)state;
	assert_shown(
	    quoted(
		"{" DAEMON_JSON "'journal_failures':0,'routes':[{'name':'shop',"
		"'release':'2026-11-22.1','state':'running','stage':2,'stages':5,"
		"'owner':'alice','weight':'5%','verdict':'CONTINUE','latched':false,"
		"'reason':'not shown here','held':null,"
		"'hold_left_s':1788,'waiting_for':{'what':'time','words':'the stage time: 12 "
		"s of 1800 s of the present stage have passed'},"
		"'budget':{'legacy':{'remaining':0.987},'canary':{'remaining':-0.2}},"
		"'evidence':{'ln_e':-0.65,'e':7.3,'threshold':100}," ARMS_JSON "}]}",
		room, sizeof(room)),
	    "weir 0.1.0, workers 2, generation 3, up 2 h 10 min\n"
	    "\n"
	    "ROUTE  RELEASE       STATE         STAGE   WEIGHT  ARM     REQUESTS   FAILED      "
	    "E  BUDGET\n"
	    "shop   2026-11-22.1  running         2/5       5%  legacy    120345   <0.01%      "
	    " "
	    "     98%\n"
	    "       alice                                       canary      6334    0.02%     "
	    "7%"
	    "    -20%\n"
	    "  waits for the stage time: 12 s of 1800 s of the present stage have passed, 29 "
	    "min 48 s are left\n");
}

static void a_rolled_back_route_says_why_and_how_to_get_out_of_it(void **state)
{
	char room[2048];

	(void)state;
	quoted(
	    "{'routes':[{'name':'shop','state':'rolled_back','weight':'0%','latched':true,"
	    "'verdict':'ROLL_BACK','reason':'canary failed','waiting_for':{'what':"
	    "'clearing','words':'a person'},'evidence':{'e':148.4,'threshold':100}," ARMS_JSON
	    "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  ROLL_BACK: canary failed\n", true);
	assert_shows(room, "  148%  ", true);
	assert_shows(room, "weir resume shop\n", true);
	assert_shows(room, "waits for", false);
}

static void a_person_who_rolled_back_is_told_instead_of_the_verdict(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'rolled_back','latched':true,'verdict':"
	       "'CONTINUE','reason':'rolled back by user:alice'," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  rolled back by user:alice\n", true);
}

static void a_hold_shows_its_reason_and_what_it_waits_for(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'running','verdict':'HOLD_SHARED','reason':"
	       "'both burn','waiting_for':{'what':'shared','words':'both arms to recover'},"
	       "" ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(
	    room, "\n  HOLD_SHARED: both burn\n  waits for both arms to recover\n", true);
}

static void a_weight_set_by_hand_that_is_merely_watched_needs_no_words(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'fixed','verdict':'CONTINUE',"
	       "'waiting_for':null,'reason':'nothing new','evidence':{'e':1}," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "nothing new", false);
	quoted("{'routes':[{'name':'shop','state':'fixed','verdict':'HOLD_SUSPECT',"
	       "'reason':'something new','waiting_for':null,'evidence':{'e':12}," ARMS_JSON
	       "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  HOLD_SUSPECT: something new\n", true);
}

static void a_route_without_a_canary_shows_legacy_alone(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'plain','release':'','state':'fixed','weight':'0%',"
	       "'verdict':'CONTINUE','arms':{'legacy':{'requests':5,'failures':0},"
	       "'canary':null}}]}",
	    room, sizeof(room));
	assert_shows(room, "legacy         5       0%              -\n", true);
	assert_shows(room, "canary", false);
	assert_shows(room, "CONTINUE", false);
}

static void withdrawn_paths_and_clean_up_are_told(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','state':'running','verdict':'CONTINUE',"
	       "'withdrawn_paths':['/a/:id','/b'],'clean_up':{'due':true}," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n  withdrawn: /a/:id /b\n", true);
	assert_shows(room, "\n  clean-up is due", true);
	quoted("{'routes':[{'name':'shop','state':'running','verdict':'CONTINUE',"
	       "'withdrawn_paths':[],'clean_up':{'due':false}," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "withdrawn", false);
	assert_shows(room, "clean-up", false);
}

static void many_withdrawn_paths_are_broken_at_the_last_column(void **state)
{
	char room[4096] = "{\"routes\":[{\"withdrawn_paths\":[\"/x\"";

	(void)state;
	for (unsigned i = 0; i < 63; i++)
		snprintf(
		    room + strlen(room), sizeof(room) - strlen(room), ",\"/orders/%u\"", i);
	strcat(room, "],\"arms\":{\"canary\":{}}}]}");
	assert_shows(room, " /orders/62\n", true);
}

static void a_long_owner_is_cut_before_the_arm(void **state)
{
	char room[2048];

	(void)state;
	quoted("{'routes':[{'name':'shop','release':'r1','owner':'the-people-of-the-checkout-"
	       "team-of-the-shop@example.com'," ARMS_JSON "}]}",
	    room, sizeof(room));
	assert_shows(room, "\n       the-people-of-the-checkout-team-of...  canary ", true);
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
	    "{\"routes\":[{\"verdict\":\"HOLD_SUSPECT\",\"reason\":\"%s\","
	    "\"arms\":{\"canary\":{}}}]}",
	    reason);
	assert_shows(room, "a a a\n  a a a", true);
}

static void a_store_or_webhook_that_fails_is_told_first(void **state)
{
	(void)state;
	assert_shows("{\"store\":{\"ok\":false,\"text\":\"disk is full\",\"pending\":4,"
		     "\"failures\":2},\"routes\":[]}",
	    "\nTHE STORE FAILS: disk is full (4 decisions wait for it)\n", true);
	assert_shows("{\"store\":{\"ok\":false,\"failures\":2},\"routes\":[]}",
	    "\nTHE JOURNAL LACKS 2 decisions", true);
	assert_shows("{\"store\":{\"ok\":true,\"text\":\"ok\"},\"routes\":[]}", "STORE", false);
	assert_shows("{\"webhooks\":{\"failed\":1,\"dropped\":2},\"routes\":[]}",
	    "\n3 notices did not reach their webhook", true);
	assert_shows(
	    "{\"webhooks\":{\"failed\":0,\"dropped\":0},\"routes\":[]}", "notices", false);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_in_a_rollout_shows_both_arms_and_what_it_waits_for),
		cmocka_unit_test(a_rolled_back_route_says_why_and_how_to_get_out_of_it),
		cmocka_unit_test(a_person_who_rolled_back_is_told_instead_of_the_verdict),
		cmocka_unit_test(a_hold_shows_its_reason_and_what_it_waits_for),
		cmocka_unit_test(a_weight_set_by_hand_that_is_merely_watched_needs_no_words),
		cmocka_unit_test(a_route_without_a_canary_shows_legacy_alone),
		cmocka_unit_test(withdrawn_paths_and_clean_up_are_told),
		cmocka_unit_test(many_withdrawn_paths_are_broken_at_the_last_column),
		cmocka_unit_test(a_long_owner_is_cut_before_the_arm),
		cmocka_unit_test(long_names_stand_whole_on_a_line_of_their_own),
		cmocka_unit_test(a_long_reason_is_broken_at_the_last_column),
		cmocka_unit_test(a_store_or_webhook_that_fails_is_told_first),
		cmocka_unit_test(a_reason_cannot_command_the_terminal),
		cmocka_unit_test(an_answer_that_lacks_everything_is_shown_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
