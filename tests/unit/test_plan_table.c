/* Every state of a plan meets every event: it follows, or it is refused with a reason. */
#include "tests/support/plan_fixture.h"

#include <stdio.h>

/* A letter for each cell: where the event leads, '=' for nowhere, 'x' for a refusal. */
static const char letters[] = {
	[PLAN_NONE] = 'N',
	[PLAN_WAITING] = 'W',
	[PLAN_FIXED] = 'F',
	[PLAN_RUNNING] = 'R',
	[PLAN_PAUSED] = 'P',
	[PLAN_BAKING] = 'B',
	[PLAN_DONE] = 'D',
	[PLAN_ROLLING_BACK] = 'b',
	[PLAN_ROLLED_BACK] = '0',
};

static struct plan_spec rich_spec(void)
{
	struct plan_spec spec = ladder_spec();

	spec.rollback_steps = 2;
	spec.rollback_step_ms = 1000;
	return spec;
}

static struct fixture in_state(enum plan_state state)
{
	struct plan_spec spec = rich_spec();
	struct fixture f = { .clock = { .now_us = second_us } };

	if (state == PLAN_NONE)
		return f;
	if (state == PLAN_FIXED)
		return started(fixed_spec(50000));
	spec.start_manual = state == PLAN_WAITING;
	f = started(spec);
	switch (state) {
	case PLAN_DONE:
	case PLAN_BAKING:
		for (int i = 0; i < (state == PLAN_DONE ? 3 : 2); i++)
			assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
		break;
	case PLAN_PAUSED: assert_int_equal(ordered(&f, PLAN_EVENT_PAUSE), PLAN_CHANGED); break;
	case PLAN_ROLLING_BACK:
	case PLAN_ROLLED_BACK:
		assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_CHANGED);
		if (state == PLAN_ROLLED_BACK)
			assert_int_equal(waited(&f, 1), PLAN_CHANGED);
		break;
	default: break;
	}
	assert_int_equal(f.plan.state, state);
	return f;
}

static const struct column {
	const char *name;
	enum plan_event_kind kind;
	enum verdict_action action;
	uint64_t wait_s;
} columns[] = {
	{ "start", PLAN_EVENT_START, VERDICT_CONTINUE, 0 },
	{ "continue", PLAN_EVENT_VERDICT, VERDICT_CONTINUE, 0 },
	{ "advance", PLAN_EVENT_VERDICT, VERDICT_ADVANCE, 0 },
	{ "suspect", PLAN_EVENT_VERDICT, VERDICT_HOLD_SUSPECT, 0 },
	{ "roll back", PLAN_EVENT_VERDICT, VERDICT_ROLL_BACK, 0 },
	{ "promote", PLAN_EVENT_PROMOTE, VERDICT_CONTINUE, 0 },
	{ "rollback", PLAN_EVENT_ROLL_BACK, VERDICT_CONTINUE, 0 },
	{ "pause", PLAN_EVENT_PAUSE, VERDICT_CONTINUE, 0 },
	{ "resume", PLAN_EVENT_RESUME, VERDICT_CONTINUE, 0 },
	{ "set-weight", PLAN_EVENT_SET_WEIGHT, VERDICT_CONTINUE, 0 },
	{ "reload", PLAN_EVENT_RELOAD, VERDICT_CONTINUE, 0 },
	{ "restore", PLAN_EVENT_RESTORE, VERDICT_CONTINUE, 0 },
	{ "unreadable", PLAN_EVENT_UNREADABLE, VERDICT_CONTINUE, 0 },
	{ "time", PLAN_EVENT_CLOCK, VERDICT_CONTINUE, 5 },
	{ "gate", PLAN_EVENT_GATE, VERDICT_CONTINUE, 0 },
	{ "drill", PLAN_EVENT_DRILL, VERDICT_CONTINUE, 0 },
	{ "withdraw", PLAN_EVENT_WITHDRAW, VERDICT_CONTINUE, 0 },
};

enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0])
};

/* '.': it stays in the state, and something else about it changed. */
static const struct row {
	enum plan_state state;
	const char cells[COLUMNS + 1];
} rows[] = {
	/* start continue advance suspect ROLL_BACK | promote rollback pause resume weight
	 * | reload restore unreadable time gate drill withdraw */
	{ PLAN_NONE, "R===="
		     "x0xxx"
		     "==0=xxx" },
	{ PLAN_WAITING, "R===="
			"R0xxx"
			"==0=x=x" },
	/* Without a plan there are no steps. */
	{ PLAN_FIXED, "R==.0"
		      "x0xx."
		      "==0=x=." },
	{ PLAN_RUNNING, "R=..b"
			".bPxP"
			"==0=x=." },
	{ PLAN_PAUSED, "R==.b"
		       ".bxR."
		       "==0=x=." },
	{ PLAN_BAKING, "R=D.b"
		       "DbPxP"
		       "==0=x=." },
	{ PLAN_DONE, "R===="
		     "xbxxP"
		     "==0=x=." },
	{ PLAN_ROLLING_BACK, "R===="
			     "x0xxx"
			     "=000x=x" },
	{ PLAN_ROLLED_BACK, "R===="
			    "xxxRx"
			    "===="
			    "x=x" },
};

static char cell(struct fixture *f, const struct column *column)
{
	struct plan_spec spec = f->plan.state == PLAN_NONE ? rich_spec() : f->plan.spec;
	struct plan_spec ladder = rich_spec();
	struct verdict verdict = { .action = column->action, .alpha = .01 };
	struct plan before;
	enum plan_answer answer;

	if (column->kind == PLAN_EVENT_START || column->kind == PLAN_EVENT_UNREADABLE)
		spec = ladder;
	f->clock.now_us += column->wait_s * second_us;
	before = f->plan;
	answer = apply(f, (struct plan_event) { .kind = column->kind,
			      .who = "user:alice",
			      .verdict = &verdict,
			      .spec = &spec,
			      .weight_ppm = 70000,
			      .path_class = 3 });
	if (answer == PLAN_REFUSED) {
		assert_true(strlen(f->err.text) > 10);
		assert_int_equal(f->plan.state, before.state);
		assert_int_equal(f->plan.weight_ppm, before.weight_ppm);
		assert_int_equal(f->plan.entered, before.entered);
		return 'x';
	}
	if (answer == PLAN_UNCHANGED) {
		assert_int_equal(f->plan.state, before.state);
		return '=';
	}
	assert_true(f->transition.from == before.state && f->transition.to == f->plan.state);
	return f->plan.state == before.state && column->kind != PLAN_EVENT_START
		   ? '.'
		   : letters[f->plan.state];
}

static void every_pair_of_state_and_event_is_followed_or_refused_with_a_reason(void **state)
{
	bool seen[PLAN_STATES] = { false };
	bool wrong = false;

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		seen[rows[r].state] = true;
		for (size_t c = 0; c < COLUMNS; c++) {
			struct fixture f = in_state(rows[r].state);
			char found = cell(&f, &columns[c]);

			if (found == rows[r].cells[c])
				continue;
			wrong = true;
			printf("%s, %s: '%c' instead of '%c' (%s)\n",
			    plan_state_name(rows[r].state), columns[c].name, found,
			    rows[r].cells[c], f.err.text);
		}
	}
	assert_false(wrong);
	for (int s = 0; s < PLAN_STATES; s++)
		assert_true(seen[s]);
}

static void every_event_has_its_column(void **state)
{
	bool seen[PLAN_EVENTS] = { false };

	(void)state;
	for (size_t c = 0; c < COLUMNS; c++)
		seen[columns[c].kind] = true;
	for (int k = 0; k < PLAN_EVENTS; k++)
		assert_true(seen[k]);
}

/* What is refused, where, and a word of the reason. */
static const struct refusal {
	enum plan_state state;
	enum plan_event_kind order;
	const char *reason;
} refusals[] = {
	{ PLAN_FIXED, PLAN_EVENT_PROMOTE, "fixed by hand at 5%" },
	{ PLAN_FIXED, PLAN_EVENT_PAUSE, "fixed by hand" },
	{ PLAN_FIXED, PLAN_EVENT_RESUME, "neither paused nor rolled back" },
	{ PLAN_RUNNING, PLAN_EVENT_RESUME, "neither paused nor rolled back" },
	{ PLAN_PAUSED, PLAN_EVENT_PAUSE, "paused already" },
	{ PLAN_WAITING, PLAN_EVENT_PAUSE, "has not begun" },
	{ PLAN_WAITING, PLAN_EVENT_RESUME, "`weir promote` begins it" },
	{ PLAN_WAITING, PLAN_EVENT_SET_WEIGHT, "`weir promote` begins it" },
	{ PLAN_DONE, PLAN_EVENT_PROMOTE, "complete" },
	{ PLAN_DONE, PLAN_EVENT_PAUSE, "complete" },
	{ PLAN_ROLLING_BACK, PLAN_EVENT_PROMOTE, "only go down" },
	{ PLAN_ROLLING_BACK, PLAN_EVENT_PAUSE, "cannot be paused" },
	{ PLAN_ROLLING_BACK, PLAN_EVENT_RESUME, "once it is at 0" },
	{ PLAN_ROLLING_BACK, PLAN_EVENT_SET_WEIGHT, "resume it first" },
	{ PLAN_ROLLED_BACK, PLAN_EVENT_ROLL_BACK, "rolled back already" },
	{ PLAN_ROLLED_BACK, PLAN_EVENT_PROMOTE, "resume it first" },
	{ PLAN_ROLLED_BACK, PLAN_EVENT_PAUSE, "is rolled back" },
	{ PLAN_ROLLED_BACK, PLAN_EVENT_SET_WEIGHT, "resume it first" },
};

static void an_order_that_makes_no_sense_is_refused_in_the_states_own_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *c = &refusals[i];
		struct fixture f = in_state(c->state);
		struct plan before = f.plan;

		assert_int_equal(ordered(&f, c->order), PLAN_REFUSED);
		if (strstr(f.err.text, c->reason) == NULL)
			fail_msg("%s in %s: %s", plan_event_name(c->order),
			    plan_state_name(c->state), f.err.text);
		assert_memory_equal(&before, &f.plan, sizeof(before));
	}
}

static void every_state_and_event_has_a_name(void **state)
{
	(void)state;
	for (int s = 0; s < PLAN_STATES; s++)
		assert_string_not_equal(plan_state_name((enum plan_state)s), "unknown");
	for (int k = 0; k < PLAN_EVENTS; k++)
		assert_string_not_equal(plan_event_name((enum plan_event_kind)k), "unknown");
	assert_string_equal(plan_state_name(PLAN_STATES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_pair_of_state_and_event_is_followed_or_refused_with_a_reason),
		cmocka_unit_test(every_event_has_its_column),
		cmocka_unit_test(
		    an_order_that_makes_no_sense_is_refused_in_the_states_own_words),
		cmocka_unit_test(every_state_and_event_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
