/* One route in full, as a person sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_status_route.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS = 100,
	ROOM_SIZE = 8192,
};

/* JSON with ' for ", for fixtures that can be read. */
static json_t *json_of(const char *text)
{
	char room[ROOM_SIZE];
	json_error_t err;
	json_t *json;

	assert_true(strlen(text) < sizeof(room));
	for (size_t i = 0; i <= strlen(text); i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	json = json_loads(room, 0, &err);
	if (json == NULL)
		fail_msg("%s", err.text);
	return json;
}

/* free() it. Every line of it has at most 100 columns. */
static char *shown(const char *route_text)
{
	json_t *status = json_of("{'version':'0.1.0','workers':2,'generation':3,'uptime_s':60,"
				 "'store':{'ok':true,'text':'ok'}}");
	json_t *route = json_of(route_text);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	cli_status_route_print(status, route, out);
	fclose(out);
	json_decref(route);
	json_decref(status);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > COLUMNS)
			fail_msg("over %d columns:\n%s", COLUMNS, line);
	return text;
}

static void assert_shows(const char *route, const char *part, bool expected)
{
	char *text = shown(route);

	if ((strstr(text, part) != NULL) != expected)
		fail_msg("%s \"%s\":\n%s", expected ? "lacks" : "has", part, text);
	free(text);
}

#define ARMS                                                                                   \
	"'arms':{'legacy':{'upstream':'v1','requests':120345,'failures':12,'p50_ms':3.2,"      \
	"'p99_ms':9.14},'canary':{'upstream':'v2','requests':6334,'failures':1,'p50_ms':0."    \
	"284,"                                                                                 \
	"'p99_ms':1500}},'budget':{'share':0.001,'legacy':{'remaining':0.9,'burn':{'1h':0.1}}" \
	","                                                                                    \
	"'canary':{'remaining':0.84,'burn':{'1h':0.158}}}"

static void everything_about_a_route_stands_on_one_page(void **state)
{
	char *text = shown(
	    "{'name':'shop','release':'2026-11-22.1','state':'running','stage':2,'stages':5,"
	    "'stage_age_s':12,'hold_left_s':1788,'weight':'5%','owner':'alice','hypothesis':'"
	    "checkout is faster',"
	    "'verdict':'CONTINUE','reason':'the stage has lasted 12 s of 1800 s','waiting_for':"
	    "{'what':'time','words':'time: 12 s of 1800 s have "
	    "passed'},'last':{'age_s':12,'who':'guard',"
	    "'action':'advance','from':{'weight_ppm':10000},'to':{'weight_ppm':50000},"
	    "'why':'proven'},'evidence':{'ln_e':-0.65,'e':0.522,'threshold':100,'parts':{"
	    "'errors':-0.8,'path_errors':0,'latency':0.1,'path_latency':0,"
	    "'latency_budget':0,'sample_ratio':-2}},"
	    "'latency':{'thresholds_ms':{'q50':3.2,'q90':5,'q99':9.1,'far':18.2},"
	    "'handicap':1.1,'slack_ms':0.25,'slow_share':{'budget':0.01,'legacy':0.002,'canary'"
	    ":0.004}},"
	    "'cost':{'requests':6334,'failures':1,'budget_spent':0.16},"
	    "'clean_up':{'due':false,'expires':'14d after 100%'}," ARMS "}");

	(void)state;
	assert_string_equal(text,
	    "weir 0.1.0, workers 2, generation 3, up 1 min 0 s\n"
	    "\n"
	    "route           shop, release 2026-11-22.1\n"
	    "owner           alice\n"
	    "expected        checkout is faster\n"
	    "state           running, stage 2 of 5, weight 5%, for 12 s\n"
	    "waits for       time: 12 s of 1800 s have passed, 29 min 48 s are left\n"
	    "verdict         CONTINUE: the stage has lasted 12 s of 1800 s\n"
	    "last decision   advance by guard, 12 s ago, from 1% to 5%: proven\n"
	    "\n"
	    "  ARM     REQUESTS  FAILURES   FAILED     P50     P99  BUDGET  BURN 1H  UPSTREAM\n"
	    "  legacy    120345        12   <0.01%   3.2ms   9.1ms     90%      0.1  v1\n"
	    "  canary      6334         1    0.02%  0.28ms    1.5s     84%    0.158  v2\n"
	    "\n"
	    "evidence        0.522 of 100 (<1%) that the canary is worse\n"
	    "  made of       errors 0.449, paths' errors 1, latency 1.11, paths' latency 1, "
	    "latency budget 1,\n"
	    "                sample ratio 0.135\n"
	    "slow from       q50 3.2ms, q90 5.0ms, q99 9.1ms, far 18ms; the canary is slow at "
	    "1.1 times these, or\n"
	    "                0.25ms above them, whichever is more\n"
	    "slow            legacy 0.20%, canary 0.40% of the last minute's requests past the "
	    "latency budget's\n"
	    "                threshold\n"
	    "cost            1 failed requests that users saw, 16% of the "
	    "error budget spent\n"
	    "expires         14d after 100%\n"
	    "store           ok\n");
	free(text);
}

static void the_worst_paths_come_first_and_the_rest_not_at_all(void **state)
{
#define PATH(name, canary_failures, ln_m)                                                      \
	"{'name':'" name "','evidence':{'errors':" ln_m ",'latency':0},'arms':{'legacy':"      \
	"{'requests':1000,'failures':1},'canary':{'requests':100,'failures':" canary_failures  \
	"}}}"
	char *text =
	    shown("{'name':'shop','path_classes':[" PATH("/fine", "0", "0") "," PATH("/a", "1",
		"0") "," PATH("/worst", "2", "3.5") "," PATH("/b", "2", "0") "," PATH("/c", "3",
		"0") "," PATH("/d", "4", "0") "," PATH("/e", "5", "0") "]," ARMS "}");
	const char *const order[] = { "/worst:", "/e:", "/d:", "/c:", "/b:" };
	const char *at = text;

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		if (at == NULL)
			fail_msg("%s is out of order:\n%s", order[i], text);
	}
	assert_null(strstr(text, "/a:"));
	assert_null(strstr(text, "/fine:"));
	assert_non_null(strstr(text, "  path          /worst: canary failed 2.00% of 100 "
				     "requests, legacy 0.10%; evidence 33.1\n"));
	free(text);
}

static void a_path_that_was_withdrawn_is_shown_without_failures(void **state)
{
	(void)state;
	assert_shows("{'path_classes':[{'name':'/gone','withdrawn':true}]," ARMS "}",
	    "/gone: canary failed - of - requests, legacy -; withdrawn\n", true);
}

static void a_verdict_is_not_told_twice(void **state)
{
	(void)state;
	assert_shows("{'verdict':'ROLL_BACK','reason':'it failed','last':{'who':'guard',"
		     "'action':'rollback','why':'it failed','age_s':3,'from':{},'to':{}}," ARMS
		     "}",
	    "\nlast decision   rollback by guard, 3 s ago, from 0% to 0%\n", true);
}

static void a_cost_far_beyond_the_budget_is_told_in_budgets(void **state)
{
	(void)state;
	assert_shows("{'cost':{'failures':3,'budget_spent':142.9}," ARMS "}",
	    ", 143 times the error budget", true);
}

static void what_is_left_to_do_is_told(void **state)
{
	(void)state;
	assert_shows("{'clean_up':{'due':true,'expires':'x'}," ARMS "}",
	    "\nclean-up        is due", true);
	assert_shows("{'drain':{'below_ppm':50000,'left_s':90}," ARMS "}",
	    "\ndrain           those of the canary's users who are below 5% stay there for 1 "
	    "min "
	    "30 s\n",
	    true);
	assert_shows("{'evidence_was_lost':true," ARMS "}", "it began anew", true);
	assert_shows("{'evidence_was_lost':false," ARMS "}", "it began anew", false);
}

static void a_route_without_a_canary_has_no_release_to_show(void **state)
{
	static const char route[] =
	    "{'name':'plain','release':'','verdict':'CONTINUE','arms':{'legacy':"
	    "{'upstream':'v1','requests':5,'failures':0},'canary':null}}";

	(void)state;
	assert_shows(route, "\nroute           plain\n", true);
	assert_shows(route, "verdict", false);
	assert_shows(route, "evidence", false);
	assert_shows(route, "\n  legacy         5", true);
}

static void an_answer_that_lacks_everything_is_shown_all_the_same(void **state)
{
	static const char *const routes[] = { "{}", "{'arms':7}",
		"{" ARMS ",'path_classes':7,'evidence':7,'last':7,'latency':{},'cost':{},"
		"'drain':{},'clean_up':7,'waiting_for':7}" };

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		free(shown(routes[i]));
}

static void nothing_in_it_can_command_the_terminal(void **state)
{
	char *text =
	    shown("{'name':'a\\u001b[2J','owner':'\\u009b1m','hypothesis':'\\u0007','reason':"
		  "'\\u001b','last':{'who':'\\u001b','why':'\\u001b'},'path_classes':[{'name':"
		  "'\\u001b','withdrawn':true}]," ARMS "}");

	(void)state;
	assert_null(strchr(text, 0x1b));
	assert_null(strchr(text, 7));
	assert_null(strstr(text, "\xc2\x9b"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_about_a_route_stands_on_one_page),
		cmocka_unit_test(the_worst_paths_come_first_and_the_rest_not_at_all),
		cmocka_unit_test(a_path_that_was_withdrawn_is_shown_without_failures),
		cmocka_unit_test(a_verdict_is_not_told_twice),
		cmocka_unit_test(a_cost_far_beyond_the_budget_is_told_in_budgets),
		cmocka_unit_test(what_is_left_to_do_is_told),
		cmocka_unit_test(a_route_without_a_canary_has_no_release_to_show),
		cmocka_unit_test(an_answer_that_lacks_everything_is_shown_all_the_same),
		cmocka_unit_test(nothing_in_it_can_command_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
