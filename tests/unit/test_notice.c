/* Notices: the sentence for people and the JSON for webhooks, as docs/webhooks.md has them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/notice.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-22T10:14:03.250Z */
#define WALL_US UINT64_C(1795342443250000)

static struct rollout_conf careful = {
	.name = (char[]) { "careful" },
	.owner = (char[]) { "team-shop" },
	.hypothesis = (char[]) { "checkout takes one call less" },
};

static struct route_conf shop = { .name = (char[]) { "shop" }, .rollout = &careful };

static struct notice_about about_shop(void)
{
	return (struct notice_about) {
		.route = &shop,
		.release = "2026-11-22.1",
		.cost = { .requests = 340, .failed_seen = 12, .budget_spent = 0.031 },
		.wall_us = WALL_US,
	};
}

/* The example of docs/webhooks.md. */
static struct transition rollback(void)
{
	struct transition t = {
		.cause = PLAN_EVENT_VERDICT,
		.from = PLAN_RUNNING,
		.to = PLAN_ROLLED_BACK,
		.stage_from = 1,
		.weight_from_ppm = 50000,
		.who = "guard",
		.why = "canary failed 12 of 340 requests (3.5%), "
		       "legacy 1 of 3100 (0.032%)",
		.verdict = { .action = VERDICT_ROLL_BACK, .ln_e = 5.25, .alpha = 0.01 },
	};

	return t;
}

static const char *text_of(const struct transition *t)
{
	static char text[NOTICE_TEXT_SIZE];
	struct notice_about about = about_shop();
	struct notice notice;

	notice_of_transition(&notice, &about, t);
	return notice_text(&notice, text, sizeof(text));
}

static enum notice_event event_of(const struct transition *t)
{
	struct notice_about about = about_shop();
	struct notice notice;

	notice_of_transition(&notice, &about, t);
	return notice.event;
}

static void a_rollback_is_told_with_its_reason_its_cost_and_its_owner(void **state)
{
	struct transition t = rollback();

	(void)state;
	assert_string_equal(text_of(&t),
	    "shop: release 2026-11-22.1 was rolled back from 5% to 0% by the guard: canary "
	    "failed 12 of 340 requests (3.5%), legacy 1 of 3100 (0.032%). It has cost 12 "
	    "failed requests of the canary's 340; 3.1% of the error budget is "
	    "spent. Owner: team-shop.");
}

static void a_person_is_named_with_their_words(void **state)
{
	struct transition t = rollback();

	(void)state;
	t.cause = PLAN_EVENT_PAUSE;
	t.to = PLAN_PAUSED;
	t.weight_to_ppm = t.weight_from_ppm;
	snprintf(t.who, sizeof(t.who), "user:alice");
	snprintf(t.why, sizeof(t.why), "lunch!");
	assert_ptr_not_equal(
	    strstr(text_of(&t), "was paused at 5% by user:alice: lunch! It "), NULL);
	t.why[0] = '\0';
	assert_ptr_not_equal(strstr(text_of(&t), ": no reason was given. It "), NULL);
}

static void what_is_not_known_is_not_claimed(void **state)
{
	struct notice_about about = about_shop();
	struct route_conf bare = { .name = (char[]) { "shop" } };
	struct transition t = { .cause = PLAN_EVENT_START,
		.to = PLAN_FIXED,
		.weight_to_ppm = 12500,
		.who = "start",
		.why = "the release begins" };
	struct notice notice;
	char text[NOTICE_TEXT_SIZE];

	(void)state;
	about.route = &bare;
	about.release = "";
	about.cost = (struct notice_cost) { .budget_spent = NAN };
	notice_of_transition(&notice, &about, &t);
	assert_string_equal(notice_text(&notice, text, sizeof(text)),
	    "shop: the release begins at 1.25%: the release begins.");
	about.cost.requests = 1;
	about.cost.failed_seen = 1;
	notice_of_transition(&notice, &about, &t);
	assert_string_equal(notice_text(&notice, text, sizeof(text)),
	    "shop: the release begins at 1.25%: the release begins. It has cost 1 failed "
	    "request of the canary's 1.");
}

static void every_cause_has_its_event(void **state)
{
	static const struct {
		struct transition t;
		enum notice_event event;
	} rows[] = {
		{ { .cause = PLAN_EVENT_START, .to = PLAN_RUNNING }, NOTICE_START },
		{ { .cause = PLAN_EVENT_VERDICT,
		      .from = PLAN_RUNNING,
		      .to = PLAN_RUNNING,
		      .stage_to = 1,
		      .weight_to_ppm = 9 },
		    NOTICE_ADVANCE },
		{ { .cause = PLAN_EVENT_VERDICT, .from = PLAN_RUNNING, .to = PLAN_BAKING },
		    NOTICE_ADVANCE },
		{ { .cause = PLAN_EVENT_CLOCK, .from = PLAN_WAITING, .to = PLAN_RUNNING },
		    NOTICE_ADVANCE },
		{ { .cause = PLAN_EVENT_GATE,
		      .from = PLAN_RUNNING,
		      .to = PLAN_RUNNING,
		      .stage_to = 1 },
		    NOTICE_ADVANCE },
		{ { .cause = PLAN_EVENT_VERDICT, .from = PLAN_BAKING, .to = PLAN_DONE },
		    NOTICE_COMPLETE },
		{ { .cause = PLAN_EVENT_PROMOTE, .from = PLAN_BAKING, .to = PLAN_DONE },
		    NOTICE_COMPLETE },
		{ { .cause = PLAN_EVENT_VERDICT, .from = PLAN_RUNNING, .to = PLAN_ROLLED_BACK },
		    NOTICE_ROLLBACK },
		{ { .cause = PLAN_EVENT_VERDICT,
		      .from = PLAN_RUNNING,
		      .to = PLAN_ROLLING_BACK },
		    NOTICE_ROLLBACK },
		{ { .cause = PLAN_EVENT_CLOCK,
		      .from = PLAN_ROLLING_BACK,
		      .to = PLAN_ROLLING_BACK,
		      .weight_from_ppm = 9 },
		    NOTICE_ROLLBACK_STEP },
		{ { .cause = PLAN_EVENT_CLOCK,
		      .from = PLAN_ROLLING_BACK,
		      .to = PLAN_ROLLED_BACK },
		    NOTICE_ROLLBACK_STEP },
		{ { .cause = PLAN_EVENT_ROLL_BACK, .to = PLAN_ROLLED_BACK }, NOTICE_ROLLBACK },
		{ { .cause = PLAN_EVENT_VERDICT, .hold = VERDICT_HOLD_SHARED }, NOTICE_HOLD },
		{ { .cause = PLAN_EVENT_VERDICT }, NOTICE_HOLD_END },
		{ { .cause = PLAN_EVENT_PROMOTE }, NOTICE_PROMOTE },
		{ { .cause = PLAN_EVENT_PAUSE }, NOTICE_PAUSE },
		{ { .cause = PLAN_EVENT_CLOCK, .to = PLAN_PAUSED, .overdue = true },
		    NOTICE_PAUSE },
		{ { .cause = PLAN_EVENT_RESUME }, NOTICE_RESUME },
		{ { .cause = PLAN_EVENT_SET_WEIGHT }, NOTICE_SET_WEIGHT },
		{ { .cause = PLAN_EVENT_RELOAD }, NOTICE_RELOAD },
		{ { .cause = PLAN_EVENT_RESTORE }, NOTICE_RESTORE },
		{ { .cause = PLAN_EVENT_UNREADABLE, .to = PLAN_ROLLED_BACK },
		    NOTICE_UNREADABLE },
		{ { .cause = PLAN_EVENT_WITHDRAW, .path = "/pay/:id" }, NOTICE_WITHDRAW_PATH },
		{ { .cause = PLAN_EVENT_DRILL }, NOTICE_DRILL },
		{ { .cause = PLAN_EVENT_CLOCK, .clean_up_due = true }, NOTICE_CLEANUP_DUE },
		{ { .cause = PLAN_EVENT_VERDICT,
		      .gate = PLAN_GATE_WAITS,
		      .verdict = { .action = VERDICT_ADVANCE } },
		    NOTICE_GATE_WAITS },
		{ { .cause = PLAN_EVENT_VERDICT, .gate = PLAN_GATE_ASKED }, NOTICE_HOLD_END },
		{ { .cause = PLAN_EVENT_GATE, .gate = PLAN_GATE_OPEN }, NOTICE_GATE_OPEN },
		{ { .cause = PLAN_EVENT_GATE,
		      .gate = PLAN_GATE_DENIED,
		      .hold = VERDICT_HOLD_SUSPECT },
		    NOTICE_GATE_REFUSED },
		{ { .cause = PLAN_EVENT_CLOCK,
		      .from = PLAN_ROLLED_BACK,
		      .to = PLAN_ROLLED_BACK },
		    NOTICE_CHANGE },
		{ { .cause = PLAN_EVENT_GATE, .gate = PLAN_GATE_DENIED }, NOTICE_GATE_REFUSED },
		{ { .cause = PLAN_EVENT_CLOCK }, NOTICE_CHANGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum notice_event event = event_of(&rows[i].t);

		if (event != rows[i].event)
			fail_msg("row %zu: %s instead of %s", i, notice_event_name(event),
			    notice_event_name(rows[i].event));
	}
	for (enum notice_event event = 0; event < NOTICE_EVENTS; event++)
		assert_non_null(notice_event_name(event));
}

static void a_gate_asks_about_the_next_stage(void **state)
{
	struct notice_about about = about_shop();
	struct plan plan = { .state = PLAN_RUNNING, .weight_ppm = 50000 };
	struct verdict verdict = { .action = VERDICT_ADVANCE, .reason = REASON_PROVEN };
	struct notice_words words;
	struct notice notice;
	char text[NOTICE_TEXT_SIZE];

	(void)state;
	plan.spec.n_stages = 2;
	plan.spec.stages[1].weight_ppm = 250000;
	notice_of_gate(&notice, &about, &plan, &verdict, &words);
	assert_string_equal(notice_event_name(notice.event), "gate");
	assert_int_equal(notice.from.stage, 0);
	assert_int_equal(notice.to.stage, 1);
	assert_int_equal(notice.to.weight_ppm, 250000);
	assert_ptr_equal(notice.why, words.text);
	assert_memory_equal(notice_text(&notice, text, sizeof(text)),
	    "shop: release 2026-11-22.1 asks for leave to go on from 5% to 25%: ", 67);

	plan.stage = 1;
	notice_of_gate(&notice, &about, &plan, &verdict, &words);
	assert_int_equal(notice.to.state, PLAN_BAKING);
	assert_int_equal(notice.to.weight_ppm, plan.weight_ppm);
}

static void each_notice_has_an_id_of_its_own(void **state)
{
	struct notice_about about = about_shop();
	struct transition t = rollback();
	struct notice a, b;

	(void)state;
	notice_of_transition(&a, &about, &t);
	notice_of_transition(&b, &about, &t);
	assert_int_equal(strlen(a.id), NOTICE_ID_SIZE - 1);
	assert_int_equal(strspn(a.id, "0123456789abcdef"), NOTICE_ID_SIZE - 1);
	assert_string_not_equal(a.id, b.id);
}

/* The first block of JSON in the documentation. */
static json_t *documented(void)
{
	static char text[65536];
	FILE *file = fopen("docs/webhooks.md", "r");
	char *begin, *end;
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	begin = strstr(text, "```json\n");
	assert_non_null(begin);
	begin += strlen("```json\n");
	end = strstr(begin, "```");
	assert_non_null(end);
	return json_loadb(begin, (size_t)(end - begin), 0, NULL);
}

static json_t *json_of(const struct notice *notice)
{
	size_t len;
	char *body = notice_json(notice, &len);
	json_t *json;

	assert_non_null(body);
	assert_int_equal(len, strlen(body));
	assert_null(strchr(body, '\n'));
	json = json_loads(body, 0, NULL);
	assert_non_null(json);
	free(body);
	return json;
}

static void the_documented_example_is_what_is_sent(void **state)
{
	struct notice_about about = about_shop();
	struct transition t = rollback();
	struct notice notice;
	json_t *expected = documented();
	json_t *sent;
	char *words;

	(void)state;
	assert_non_null(expected);
	notice_of_transition(&notice, &about, &t);
	snprintf(notice.id, sizeof(notice.id), "%s",
	    json_string_value(json_object_get(expected, "id")));
	sent = json_of(&notice);
	/* Its E is written short there. */
	json_object_set(json_object_get(sent, "evidence"), "e",
	    json_object_get(json_object_get(expected, "evidence"), "e"));
	words = json_dumps(sent, JSON_INDENT(1));
	if (!json_equal(sent, expected))
		fail_msg("what is sent:\n%s", words);
	free(words);
	json_decref(sent);
	json_decref(expected);
}

static void nothing_from_outside_makes_the_json_invalid(void **state)
{
	struct notice_about about = about_shop();
	struct transition t = rollback();
	struct notice notice;
	json_t *json;

	(void)state;
	about.release = "caf\xc3\xa9 \xff \"quoted\" \x01";
	about.cost.budget_spent = INFINITY;
	memset(t.why, 'y', sizeof(t.why) - 1);
	t.why[0] = '\xe2'; /* of a character that never ends */
	t.verdict.ln_e = NAN;
	notice_of_transition(&notice, &about, &t);
	json = json_of(&notice);
	assert_string_equal(json_string_value(json_object_get(json, "release")),
	    "caf\xc3\xa9 ? \"quoted\" \x01");
	assert_true(
	    json_is_null(json_object_get(json_object_get(json, "cost"), "budget_spent")));
	json_decref(json);
}

static void a_sentence_is_cut_between_characters(void **state)
{
	struct notice_about about = about_shop();
	struct transition t = rollback();
	struct notice notice;
	char text[NOTICE_TEXT_SIZE];
	json_t *json;

	(void)state;
	snprintf(t.why, sizeof(t.why), "%s",
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f");
	notice_of_transition(&notice, &about, &t);
	for (size_t size = 1; size < 200; size++) {
		notice_text(&notice, text, size);
		assert_in_range(strlen(text), size >= 4 ? size - 4 : 0, size - 1);
		json = json_string(text);
		assert_non_null(json);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rollback_is_told_with_its_reason_its_cost_and_its_owner),
		cmocka_unit_test(a_person_is_named_with_their_words),
		cmocka_unit_test(what_is_not_known_is_not_claimed),
		cmocka_unit_test(every_cause_has_its_event),
		cmocka_unit_test(a_gate_asks_about_the_next_stage),
		cmocka_unit_test(each_notice_has_an_id_of_its_own),
		cmocka_unit_test(the_documented_example_is_what_is_sent),
		cmocka_unit_test(nothing_from_outside_makes_the_json_invalid),
		cmocka_unit_test(a_sentence_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
