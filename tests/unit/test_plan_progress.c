/* What a plan waits for: its start, its window, its gates; and the time it may take. */
#include "tests/support/plan_fixture.h"

#include <stdio.h>

/* Mon-Fri 09:00-16:00. */
static struct plan_spec office_hours(void)
{
	struct plan_spec spec = ladder_spec();

	spec.only = (struct schedule) {
		.windows = { { .days = 0x3e, .from_minute = 540, .to_minute = 960 } },
		.n = 1,
	};
	return spec;
}

static struct plan_spec gated(enum stage_gate gate)
{
	struct plan_spec spec = ladder_spec();

	spec.stages[0].gate = gate;
	return spec;
}

static void by_evening(struct fixture *f)
{
	f->clock.minute = 1200;
}

static void by_morning(struct fixture *f)
{
	f->clock.minute = 600;
}

static void a_manual_start_waits_at_zero_for_a_persons_promote(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.start_manual = true;
	f = started(spec);
	assert_at(&f, PLAN_WAITING, 0);
	assert_non_null(strstr(f.transition.why, "waits for a person's promote"));
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	assert_int_equal(waited(&f, 86400), PLAN_UNCHANGED);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_release_that_waits_can_be_called_off(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.start_manual = true;
	f = started(spec);
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	/* And to resume it is to promote it. */
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_release_begins_in_its_window_only(void **state)
{
	struct plan_spec spec = office_hours();
	struct fixture f = { .clock = { .now_us = second_us, .weekday = 0, .minute = 600 } };

	(void)state;
	(void)!apply(&f, (struct plan_event) { .kind = PLAN_EVENT_START, .spec = &spec });
	assert_at(&f, PLAN_WAITING, 0);
	assert_int_equal(waited(&f, 1), PLAN_UNCHANGED);
	f.clock.weekday = 1;
	assert_int_equal(waited(&f, 1), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_string_equal(f.transition.who, "plan");
}

static void outside_its_window_nothing_advances_not_even_by_hand(void **state)
{
	struct fixture f = started(office_hours());

	(void)state;
	by_evening(&f);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_REFUSED);
	assert_non_null(strstr(f.err.text, "'only'"));
	by_morning(&f);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void a_rollback_may_come_at_any_hour(void **state)
{
	(void)state;
	for (int by_guard = 0; by_guard < 2; by_guard++) {
		struct fixture f = started(office_hours());

		by_evening(&f);
		if (by_guard)
			assert_int_equal(judged(&f, VERDICT_ROLL_BACK), PLAN_CHANGED);
		else
			assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_CHANGED);
		assert_at(&f, PLAN_ROLLED_BACK, 0);
	}
}

static void a_release_rolled_back_and_resumed_by_night_waits_for_the_morning(void **state)
{
	struct fixture f = started(office_hours());

	(void)state;
	judged(&f, VERDICT_ROLL_BACK);
	by_evening(&f);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
	assert_at(&f, PLAN_WAITING, 0);
	by_morning(&f);
	waited(&f, 1);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_plan_that_requires_a_drill_begins_with_one(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.require_drill_ms = 3600000;
	f = started(spec);
	assert_at(&f, PLAN_WAITING, 0);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_REFUSED);
	assert_non_null(strstr(f.err.text, "`weir drill`"));
	assert_int_equal(ordered(&f, PLAN_EVENT_SET_WEIGHT), PLAN_REFUSED);
	assert_non_null(strstr(f.err.text, "run `weir drill` first"));
	assert_int_equal(drilled(&f), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_drill_holds_as_long_as_the_plan_says(void **state)
{
	static const struct {
		int64_t later_s;
		enum plan_answer answer;
	} cases[] = { { 0, PLAN_CHANGED }, { 3600, PLAN_CHANGED }, { 3601, PLAN_REFUSED },
		{ -60, PLAN_REFUSED } /* the clock was set back: who knows */ };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_spec spec = ladder_spec();
		struct fixture f;

		spec.require_drill_ms = 3600000;
		spec.start_manual = true;
		f = started(spec);
		assert_int_equal(drilled(&f), PLAN_UNCHANGED);
		f.clock.wall_s += cases[i].later_s;
		assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), cases[i].answer);
	}
}

static void the_drill_of_another_release_does_not_count(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.require_drill_ms = 3600000;
	f = started(spec);
	drilled(&f);
	(void)!apply(&f, (struct plan_event) { .kind = PLAN_EVENT_START, .spec = &spec });
	assert_at(&f, PLAN_WAITING, 0);
}

static void a_manual_gate_holds_a_stage_that_is_ready_until_a_promote(void **state)
{
	struct fixture f = started(gated(GATE_MANUAL));

	(void)state;
	assert_int_equal(judged(&f, VERDICT_CONTINUE), PLAN_UNCHANGED);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_int_equal(f.transition.gate, PLAN_GATE_WAITS);
	assert_non_null(strstr(f.transition.why, "`weir promote`"));
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_int_equal(f.plan.gate, PLAN_GATE_CLOSED);
	/* The next stage has none. */
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_BAKING, PPM);
}

static void a_webhook_is_asked_once_the_stage_is_ready_and_its_yes_advances(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));

	(void)state;
	judged(&f, VERDICT_CONTINUE);
	assert_int_equal(f.plan.gate_ask, 0);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
	assert_int_equal(f.plan.gate_ask, 1);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	assert_int_equal(f.plan.gate_ask, 1);
	assert_int_equal(answered(&f, 1, true), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_string_equal(f.transition.who, "webhook:ops");
	assert_non_null(strstr(f.transition.why, "leave to advance: go"));
}

static void a_webhook_that_says_no_is_asked_again_every_minute_and_told_of_once(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));
	unsigned told = 0;

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	for (uint32_t i = 1; i <= 5; i++) {
		told += answered(&f, i, false) == PLAN_CHANGED;
		assert_int_equal(f.plan.gate, PLAN_GATE_DENIED);
		assert_string_equal(f.plan.gate_words, "not on a Friday");
		waited(&f, 59);
		judged(&f, VERDICT_ADVANCE);
		assert_int_equal(f.plan.gate_ask, i);
		waited(&f, 1);
		assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
		assert_int_equal(f.plan.gate_ask, i + 1);
	}
	assert_int_equal(told, 1);
	answered(&f, 6, true);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void an_answer_to_another_question_is_not_taken(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));

	(void)state;
	assert_int_equal(answered(&f, 0, true), PLAN_REFUSED);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(answered(&f, 2, true), PLAN_REFUSED);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_int_equal(answered(&f, 1, true), PLAN_REFUSED);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void an_answer_that_never_comes_is_asked_for_again(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	waited(&f, 899);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(f.plan.gate_ask, 1);
	waited(&f, 1);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(f.plan.gate_ask, 2);
}

static void leave_given_while_paused_is_used_once_resumed(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	ordered(&f, PLAN_EVENT_PAUSE);
	answered(&f, 1, true);
	assert_at(&f, PLAN_PAUSED, 10000);
	ordered(&f, PLAN_EVENT_RESUME);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void leave_given_before_a_suspicion_is_asked_for_again_after_it(void **state)
{
	struct fixture f = started(gated(GATE_WEBHOOK));

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_HOLD_SUSPECT);
	assert_int_equal(answered(&f, 1, true), PLAN_REFUSED);
	waited(&f, 11);
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_int_equal(f.plan.gate_ask, 2);
}

static void a_webhook_is_not_asked_outside_the_window(void **state)
{
	struct plan_spec spec = office_hours();
	struct fixture f;

	(void)state;
	spec.stages[0].gate = GATE_WEBHOOK;
	f = started(spec);
	by_evening(&f);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(f.plan.gate_ask, 0);
	by_morning(&f);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(f.plan.gate_ask, 1);
	/* Nor does an answer that comes too late advance it by night. */
	by_evening(&f);
	answered(&f, 1, true);
	assert_at(&f, PLAN_RUNNING, 10000);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 10000);
	by_morning(&f);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void a_gate_taken_out_of_the_file_no_longer_holds(void **state)
{
	struct plan_spec open = ladder_spec();
	struct fixture f = started(gated(GATE_MANUAL));

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	(void)!reloaded(&f, &open);
	assert_int_equal(f.plan.gate, PLAN_GATE_CLOSED);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void a_rollout_that_takes_too_long_pauses_and_a_resume_grants_as_much_again(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.max_duration_ms = 3600000;
	f = started(spec);
	assert_int_equal(waited(&f, 3599), PLAN_UNCHANGED);
	assert_int_equal(waited(&f, 1), PLAN_CHANGED);
	assert_at(&f, PLAN_PAUSED, 10000);
	assert_true(f.transition.overdue);
	assert_non_null(strstr(f.transition.why, "max_duration of 1 h"));
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	assert_int_equal(waited(&f, 7200), PLAN_UNCHANGED);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 10000);
	waited(&f, 3599);
	assert_at(&f, PLAN_RUNNING, 10000);
	waited(&f, 1);
	assert_at(&f, PLAN_PAUSED, 10000);
	/* A paused canary is guarded like any other. */
	judged(&f, VERDICT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void what_a_person_paused_does_not_count_as_taking_long(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.max_duration_ms = 3600000;
	f = started(spec);
	waited(&f, 1800);
	ordered(&f, PLAN_EVENT_PAUSE);
	waited(&f, 86400);
	ordered(&f, PLAN_EVENT_RESUME);
	waited(&f, 1799);
	assert_at(&f, PLAN_RUNNING, 10000);
	waited(&f, 1);
	assert_at(&f, PLAN_PAUSED, 10000);
}

static void done(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		judged(f, VERDICT_ADVANCE);
	assert_at(f, PLAN_DONE, PPM);
}

static void a_release_at_100_past_its_expiry_is_reported_once(void **state)
{
	static const struct expiry expiries[] = { { .at_s = 1700000000 + 1000 },
		{ .after_s = 1000 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct plan_spec spec = ladder_spec();
		struct fixture f;

		spec.expires = expiries[i];
		f = started(spec);
		done(&f);
		assert_int_equal(waited(&f, 999), PLAN_UNCHANGED);
		assert_int_equal(waited(&f, 1), PLAN_CHANGED);
		assert_true(f.transition.clean_up_due && f.plan.clean_up_due);
		assert_non_null(strstr(f.transition.why, "clean-up"));
		assert_int_equal(waited(&f, 5000), PLAN_UNCHANGED);
		/* The clock set back does not take it back. */
		f.clock.wall_s -= 10000;
		assert_int_equal(waited(&f, 0), PLAN_UNCHANGED);
		assert_true(f.plan.clean_up_due);
	}
}

static void a_release_below_100_does_not_expire(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.expires.at_s = 1700000000 + 10;
	f = started(spec);
	assert_int_equal(waited(&f, 1000), PLAN_UNCHANGED);
	assert_false(f.plan.clean_up_due);
	done(&f);
	waited(&f, 1);
	assert_true(f.plan.clean_up_due);
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_false(f.plan.clean_up_due);
}

static void another_expiry_in_the_file_counts_anew(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.expires.after_s = 10;
	f = started(spec);
	done(&f);
	waited(&f, 10);
	assert_true(f.plan.clean_up_due);
	spec.expires.after_s = 100;
	(void)!reloaded(&f, &spec);
	waited(&f, 1);
	assert_false(f.plan.clean_up_due);
	waited(&f, 100);
	assert_true(f.plan.clean_up_due);
}

static void a_stages_methods_come_and_go_with_it(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.stages[0].methods = 12;
	f = started(spec);
	assert_int_equal(f.plan.methods, 12);
	spec.stages[0].methods = 4;
	assert_int_equal(reloaded(&f, &spec), PLAN_CHANGED);
	assert_int_equal(f.plan.methods, 4);
	judged(&f, VERDICT_ADVANCE);
	assert_int_equal(f.plan.methods, 0);
}

static void legacy_keeps_its_hold_back_until_the_last_stage(void **state)
{
	struct rollout_conf rollout = {
		.stages = { { .weight_ppm = 500000 }, { .weight_ppm = 990000 },
		    { .weight_ppm = PPM } },
		.n_stages = 3,
		.hold_back_ppm = 50000,
	};
	struct upstream_conf canary = { .name = NULL };
	struct route_conf route = { .canary = &canary, .rollout = &rollout };
	struct plan_spec spec = plan_spec_of(&route);

	(void)state;
	assert_int_equal(spec.stages[0].weight_ppm, 500000);
	assert_int_equal(spec.stages[1].weight_ppm, 950000);
	assert_int_equal(spec.stages[2].weight_ppm, PPM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manual_start_waits_at_zero_for_a_persons_promote),
		cmocka_unit_test(a_release_that_waits_can_be_called_off),
		cmocka_unit_test(a_release_begins_in_its_window_only),
		cmocka_unit_test(outside_its_window_nothing_advances_not_even_by_hand),
		cmocka_unit_test(a_rollback_may_come_at_any_hour),
		cmocka_unit_test(
		    a_release_rolled_back_and_resumed_by_night_waits_for_the_morning),
		cmocka_unit_test(a_plan_that_requires_a_drill_begins_with_one),
		cmocka_unit_test(a_drill_holds_as_long_as_the_plan_says),
		cmocka_unit_test(the_drill_of_another_release_does_not_count),
		cmocka_unit_test(a_manual_gate_holds_a_stage_that_is_ready_until_a_promote),
		cmocka_unit_test(
		    a_webhook_is_asked_once_the_stage_is_ready_and_its_yes_advances),
		cmocka_unit_test(
		    a_webhook_that_says_no_is_asked_again_every_minute_and_told_of_once),
		cmocka_unit_test(an_answer_to_another_question_is_not_taken),
		cmocka_unit_test(an_answer_that_never_comes_is_asked_for_again),
		cmocka_unit_test(leave_given_while_paused_is_used_once_resumed),
		cmocka_unit_test(leave_given_before_a_suspicion_is_asked_for_again_after_it),
		cmocka_unit_test(a_webhook_is_not_asked_outside_the_window),
		cmocka_unit_test(a_gate_taken_out_of_the_file_no_longer_holds),
		cmocka_unit_test(
		    a_rollout_that_takes_too_long_pauses_and_a_resume_grants_as_much_again),
		cmocka_unit_test(what_a_person_paused_does_not_count_as_taking_long),
		cmocka_unit_test(a_release_at_100_past_its_expiry_is_reported_once),
		cmocka_unit_test(a_release_below_100_does_not_expire),
		cmocka_unit_test(another_expiry_in_the_file_counts_anew),
		cmocka_unit_test(a_stages_methods_come_and_go_with_it),
		cmocka_unit_test(legacy_keeps_its_hold_back_until_the_last_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
