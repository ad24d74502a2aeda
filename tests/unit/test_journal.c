/* The journal: what a row says, and that no row can be changed or taken unseen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/journal_head.h"
#include "tests/support/state_place.h"

#include <fcntl.h>
#include <math.h>

enum {
	ROWS = 8
};

static const char *text_of(const json_t *row, const char *member)
{
	const char *text = json_string_value(json_object_get(row, member));

	assert_non_null(text);
	return text;
}

static double number_at(const json_t *row, const char *a, const char *b, const char *c)
{
	const json_t *value = json_object_get(json_object_get(row, a), b);

	if (c != NULL)
		value = json_object_get(value, c);
	assert_true(json_is_number(value));
	return json_number_value(value);
}

static struct journal_row *new_row(const struct transition *transition)
{
	struct journal_row *row = journal_row_new(PLACE_WALL_US, "shop", "r1", transition);

	assert_non_null(row);
	return row;
}

/* As a reader gets it. */
static json_t *row_for(const struct transition *transition)
{
	struct journal_row *row = new_row(transition);
	json_t *json = journal_row_json(row);
	char *text = json_dumps(json, 0);
	json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_true(json_is_object(read));
	free(text);
	json_decref(json);
	journal_row_free(row);
	return read;
}

static void a_row_says_who_did_what_when_why_and_on_which_evidence(void **state)
{
	struct transition transition = place_rollback();
	json_t *row = row_for(&transition);

	(void)state;
	assert_string_equal(text_of(row, "time"), "2026-11-22T10:00:00.250Z");
	assert_string_equal(text_of(row, "route"), "shop");
	assert_string_equal(text_of(row, "release"), "r1");
	assert_string_equal(text_of(row, "who"), "guard");
	assert_string_equal(text_of(row, "action"), "rollback");
	assert_string_equal(text_of(row, "verdict"), "ROLL_BACK");
	assert_string_equal(text_of(row, "reason"), "canary failed 12 of 340 requests");
	assert_string_equal(text_of(json_object_get(row, "from"), "state"), "running");
	assert_string_equal(text_of(json_object_get(row, "to"), "state"), "rolled_back");
	assert_true(number_at(row, "from", "stage", NULL) == 2);
	assert_true(number_at(row, "to", "stage", NULL) == 0);
	assert_true(number_at(row, "from", "weight_ppm", NULL) == 50000);
	assert_true(number_at(row, "to", "weight_ppm", NULL) == 0);
	assert_true(number_at(row, "evidence", "ln_e", NULL) == 5);
	assert_true(fabs(number_at(row, "evidence", "e", NULL) - exp(5)) < 1e-6);
	assert_true(number_at(row, "evidence", "threshold", NULL) == 100);
	assert_true(number_at(row, "counters", "canary", "requests") == 340);
	assert_true(number_at(row, "counters", "canary", "failures") == 12);
	assert_true(number_at(row, "counters", "legacy", "requests") == 3100.5);
	json_decref(row);
}

static void each_decision_has_the_name_of_what_it_was(void **state)
{
	static const struct {
		enum plan_event_kind cause;
		enum plan_state from, to;
		uint32_t stage_from, stage_to;
		enum verdict_action hold;
		const char *action;
	} rows[] = {
		{ PLAN_EVENT_START, PLAN_NONE, PLAN_RUNNING, 0, 0, VERDICT_CONTINUE, "start" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 0, 1, VERDICT_CONTINUE,
		    "advance" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_BAKING, 1, 1, VERDICT_CONTINUE,
		    "advance" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_ROLLED_BACK, 1, 0, VERDICT_CONTINUE,
		    "rollback" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 1, 1, VERDICT_HOLD_SUSPECT,
		    "hold" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 1, 1, VERDICT_CONTINUE,
		    "hold_end" },
		{ PLAN_EVENT_PROMOTE, PLAN_RUNNING, PLAN_RUNNING, 0, 1, VERDICT_CONTINUE,
		    "promote" },
		{ PLAN_EVENT_ROLL_BACK, PLAN_DONE, PLAN_ROLLED_BACK, 1, 0, VERDICT_CONTINUE,
		    "rollback" },
		{ PLAN_EVENT_PAUSE, PLAN_RUNNING, PLAN_PAUSED, 1, 1, VERDICT_CONTINUE,
		    "pause" },
		{ PLAN_EVENT_RESUME, PLAN_PAUSED, PLAN_RUNNING, 1, 1, VERDICT_CONTINUE,
		    "resume" },
		{ PLAN_EVENT_RELOAD, PLAN_FIXED, PLAN_FIXED, 0, 0, VERDICT_CONTINUE, "reload" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transition transition = {
			.cause = rows[i].cause,
			.from = rows[i].from,
			.to = rows[i].to,
			.stage_from = rows[i].stage_from,
			.stage_to = rows[i].stage_to,
			.hold = rows[i].hold,
		};
		json_t *row = row_for(&transition);

		assert_string_equal(text_of(row, "action"), rows[i].action);
		assert_string_not_equal(text_of(row, "reason"), "");
		json_decref(row);
	}
}

static void numbers_that_json_lacks_are_null_or_bounded(void **state)
{
	struct transition transition = place_rollback();
	json_t *row, *evidence;

	(void)state;
	transition.verdict.alpha = 0;
	transition.verdict.ln_e = 100000;
	transition.verdict.stage[ARM_CANARY].n = NAN;
	row = row_for(&transition);
	evidence = json_object_get(row, "evidence");
	assert_true(json_is_null(json_object_get(evidence, "threshold")));
	assert_true(number_at(row, "evidence", "e", NULL) == 1e300);
	assert_true(json_is_null(json_object_get(
	    json_object_get(json_object_get(row, "counters"), "canary"), "requests")));
	json_decref(row);
}

static void a_persons_words_cannot_damage_a_row(void **state)
{
	static const struct {
		const char *why, *reason;
	} rows[] = {
		{ "two\nlines \"quoted\" \\", "two\nlines \"quoted\" \\" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac "
							       "\xf0\x9f\x98\x80" },
		{ "cut \xe2\x82", "cut ??" },
		{ "\xff\xc0\xafx", "???x" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf4\x90\x80\x80", "????" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transition transition = place_rollback();
		json_t *row;

		snprintf(transition.why, sizeof(transition.why), "%s", rows[i].why);
		row = row_for(&transition);
		assert_string_equal(text_of(row, "reason"), rows[i].reason);
		json_decref(row);
	}
}

static void a_row_of_an_older_weir_is_read_back_as_it_was(void **state)
{
	struct transition transition = place_rollback();
	struct journal_row *row = new_row(&transition);
	json_t *json = journal_row_json(row);
	struct journal_row *read = journal_row_parse(json);

	(void)state;
	assert_non_null(read);
	assert_int_equal(read->time_us, row->time_us);
	assert_string_equal(read->route, row->route);
	assert_string_equal(read->to.state, row->to.state);
	assert_int_equal(read->from.stage, row->from.stage);
	assert_int_equal(read->from.weight_ppm, row->from.weight_ppm);
	assert_string_equal(read->evidence, row->evidence);
	assert_string_equal(read->counters, row->counters);
	json_decref(json);
	journal_row_free(row);
	journal_row_free(read);
}

static void what_is_no_row_is_not_read_as_one(void **state)
{
	static const char *const texts[] = { "{}", "[]", "3", "{\"time\":\"yesterday\"}",
		"{\"time\":\"2026-11-22T10:00:00Z\"}",
		"{\"time\":\"2026-11-22T10:00:00Z\",\"route\":7}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);

		assert_null(journal_row_parse(json));
		json_decref(json);
	}
	assert_null(journal_row_parse(NULL));
}

struct chain {
	struct journal_row *rows[ROWS];
	struct journal_head head;
};

static struct chain a_chain(void)
{
	struct transition transition = place_rollback();
	struct chain chain = { .head = { .seq = 0 } };

	for (unsigned i = 0; i < ROWS; i++) {
		snprintf(transition.why, sizeof(transition.why), "reason %u", i);
		chain.rows[i] = new_row(&transition);
		assert_true(journal_row_chain(chain.rows[i], &chain.head));
	}
	return chain;
}

static void free_chain(struct chain *chain)
{
	for (unsigned i = 0; i < ROWS; i++)
		journal_row_free(chain->rows[i]);
}

/* How many rows follow each other; err: what is wrong with the next. */
static unsigned walk(const struct chain *chain, struct error *err)
{
	struct journal_head head = { .seq = 0 };
	unsigned n = 0;

	while (n < ROWS &&
	       (chain->rows[n] == NULL || journal_row_follows(chain->rows[n], &head, err)))
		n++;
	return n;
}

static void a_chain_that_nobody_touched_is_whole(void **state)
{
	struct chain chain = a_chain();
	struct error err = { "" };

	(void)state;
	assert_int_equal(walk(&chain, &err), ROWS);
	assert_string_equal(err.text, "");
	assert_int_equal(chain.head.seq, ROWS);
	free_chain(&chain);
}

/* The documented bytes: anyone can compute them. */
static void a_rows_hash_is_the_documented_one(void **state)
{
	struct journal_row row = {
		.time_us = 1795341600250000,
		.route = (char[]) { "shop" },
		.release = (char[]) { "r1" },
		.who = (char[]) { "guard" },
		.action = (char[]) { "rollback" },
		.from = { (char[]) { "running" }, 2, 50000 },
		.to = { (char[]) { "rolled_back" }, 0, 0 },
		.verdict = (char[]) { "ROLL_BACK" },
		.reason = (char[]) { "it failed" },
		.evidence = (char[]) { "{}" },
		.counters = (char[]) { "{}" },
	};
	struct journal_head head = { .seq = 0 };
	char hash[JOURNAL_HASH_TEXT_SIZE];

	(void)state;
	assert_true(journal_row_chain(&row, &head));
	journal_hash_format(row.hash, hash);
	assert_string_equal(
	    hash, "316d2c2028ae7489007aa22c920004b31c21deb840e164945373ab8385ae520c");
}

static void every_field_of_a_row_is_held_by_its_hash(void **state)
{
	(void)state;
	for (unsigned field = 0; field < 15; field++) {
		struct chain chain = a_chain();
		struct journal_row *row = chain.rows[3];
		struct error err = { "" };
		char *const texts[] = { row->route, row->release, row->who, row->action,
			row->from.state, row->to.state, row->verdict, row->reason,
			row->evidence, row->counters };
		int64_t *const numbers[] = { &row->time_us, &row->from.stage,
			&row->from.weight_ppm, &row->to.stage, &row->to.weight_ppm };

		if (field < 10)
			texts[field][0] ^= 1;
		else
			(*numbers[field - 10])++;
		assert_int_equal(walk(&chain, &err), 3);
		assert_string_equal(err.text, "row 4 was changed");
		free_chain(&chain);
	}
}

static void text_that_moves_from_one_field_to_the_next_is_a_change(void **state)
{
	struct chain chain = a_chain();
	struct journal_row *row = chain.rows[0];
	struct error err = { "" };

	(void)state;
	free(row->route);
	free(row->release);
	row->route = strdup("shopr");
	row->release = strdup("1");
	assert_int_equal(walk(&chain, &err), 0);
	free_chain(&chain);
}

static void a_row_that_was_taken_out_is_missed(void **state)
{
	struct chain chain = a_chain();
	struct journal_row *taken = chain.rows[4];
	struct error err = { "" };

	(void)state;
	chain.rows[4] = NULL;
	assert_int_equal(walk(&chain, &err), 5);
	assert_string_equal(err.text, "row 5 is missing: after row 4 comes 6");
	chain.rows[4] = taken;
	free_chain(&chain);
}

static void rows_that_changed_places_are_noticed(void **state)
{
	struct chain chain = a_chain();
	struct journal_row *row = chain.rows[2];
	struct error err = { "" };

	(void)state;
	chain.rows[2] = chain.rows[3];
	chain.rows[3] = row;
	assert_int_equal(walk(&chain, &err), 2);
	chain.rows[2]->seq = 3;
	chain.rows[3]->seq = 4;
	assert_int_equal(walk(&chain, &err), 2);
	free_chain(&chain);
}

/* With a hash made anew it is whole by itself, but its successor knows it not. */
static void a_row_that_was_rewritten_with_its_hash_is_noticed_by_the_next(void **state)
{
	struct chain chain = a_chain();
	struct journal_head before = { .seq = 2 };
	struct error err = { "" };

	(void)state;
	memcpy(before.hash, chain.rows[1]->hash, sizeof(before.hash));
	chain.rows[2]->who[0] ^= 1;
	assert_true(journal_row_chain(chain.rows[2], &before));
	assert_int_equal(walk(&chain, &err), 3);
	assert_string_equal(
	    err.text, "row 4 does not follow the row before it: one of them was replaced");
	free_chain(&chain);
}

static void the_head_is_remembered_in_a_file(void **state)
{
	const struct place *place = *state;
	struct chain chain = a_chain();
	struct journal_head head;
	struct error err = { "" };

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_true(journal_head_read(place->state_dir, &head, &err));
	assert_int_equal(head.seq, 0);
	for (int64_t seq = 1; seq < 5; seq++) {
		chain.head.seq = seq;
		assert_true(journal_head_write(place->state_dir, &chain.head, &err));
		assert_true(journal_head_read(place->state_dir, &head, &err));
		assert_int_equal(head.seq, seq);
		assert_memory_equal(head.hash, chain.head.hash, sizeof(head.hash));
	}
	free_chain(&chain);
}

/* A kill came between its making and its first line. */
static void an_empty_head_file_is_as_none(void **state)
{
	const struct place *place = *state;
	struct journal_head head = { .seq = 7 };
	struct error err = { "" };
	FILE *file;

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	file = fopen(place_file(place, journal_head_name), "w");
	assert_non_null(file);
	fclose(file);
	assert_true(journal_head_read(place->state_dir, &head, &err));
	assert_int_equal(head.seq, 0);
}

static void a_head_file_that_makes_no_sense_is_an_error(void **state)
{
	static const char *const texts[] = { "7", "x", "7 abc\n",
		"-1 0000000000000000000000000000000000000000000000000000000000000000\n" };
	const struct place *place = *state;

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fopen(place_file(place, journal_head_name), "w");
		struct journal_head head;
		struct error err = { "" };

		assert_non_null(file);
		fputs(texts[i], file);
		fclose(file);
		assert_false(journal_head_read(place->state_dir, &head, &err));
		assert_non_null(strstr(err.text, "journal.head"));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_row_says_who_did_what_when_why_and_on_which_evidence),
		TEST(each_decision_has_the_name_of_what_it_was),
		TEST(numbers_that_json_lacks_are_null_or_bounded),
		TEST(a_persons_words_cannot_damage_a_row),
		TEST(a_row_of_an_older_weir_is_read_back_as_it_was),
		TEST(what_is_no_row_is_not_read_as_one),
		TEST(a_chain_that_nobody_touched_is_whole),
		TEST(a_rows_hash_is_the_documented_one),
		TEST(every_field_of_a_row_is_held_by_its_hash),
		TEST(text_that_moves_from_one_field_to_the_next_is_a_change),
		TEST(a_row_that_was_taken_out_is_missed),
		TEST(rows_that_changed_places_are_noticed),
		TEST(a_row_that_was_rewritten_with_its_hash_is_noticed_by_the_next),
		TEST(the_head_is_remembered_in_a_file),
		TEST(an_empty_head_file_is_as_none),
		TEST(a_head_file_that_makes_no_sense_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
