/* The plan: its ladder, its holds, and what a reload may do. */
#include "tests/support/plan_fixture.h"

#include <math.h>

static void a_plan_climbs_its_stages_then_bakes_then_is_done(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_true(plan_hold_s(&f.plan) == 10);
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_true(plan_hold_s(&f.plan) == 20);
	assert_int_equal(f.transition.weight_from_ppm, 10000);
	assert_int_equal(f.transition.weight_to_ppm, 50000);
	assert_string_equal(f.transition.who, "guard");
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_BAKING, PPM);
	assert_true(plan_hold_s(&f.plan) == 60);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_DONE, PPM);
	assert_true(isinf(plan_hold_s(&f.plan)));
}

static void a_last_stage_with_a_time_of_its_own_holds_before_the_bake(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.stages[2].hold_ms = 5000;
	f = started(spec);
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, PPM);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_BAKING, PPM);
}

static void without_a_bake_the_last_stage_is_the_end(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.bake_ms = 0;
	f = started(spec);
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_DONE, PPM);
}

static void a_verdict_to_go_on_changes_nothing(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	assert_int_equal(judged(&f, VERDICT_CONTINUE), PLAN_UNCHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_rollback_latches_at_zero_from_every_state_that_is_judged(void **state)
{
	(void)state;
	for (int steps = 0; steps < 6; steps++) {
		struct fixture f = started(steps == 5 ? fixed_spec(50000) : ladder_spec());

		for (int i = 0; i < steps && i < 2; i++)
			judged(&f, VERDICT_ADVANCE);
		if (steps == 3 || steps == 4)
			assert_int_equal(ordered(&f, PLAN_EVENT_PAUSE), PLAN_CHANGED);
		assert_int_equal(judged(&f, VERDICT_ROLL_BACK), PLAN_CHANGED);
		assert_at(&f, PLAN_ROLLED_BACK, 0);
		assert_true(plan_is_latched(&f.plan));
		assert_int_equal(f.transition.weight_to_ppm, 0);
		assert_non_null(strstr(f.transition.why, "a healthy canary"));
		assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
		assert_int_equal(judged(&f, VERDICT_ROLL_BACK), PLAN_UNCHANGED);
		assert_at(&f, PLAN_ROLLED_BACK, 0);
	}
}

static void a_completed_rollout_is_rolled_back_by_a_person_only(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f;

	(void)state;
	spec.n_stages = 1;
	spec.stages[0] = (struct stage_conf) { .weight_ppm = PPM };
	spec.bake_ms = 0;
	f = started(spec);
	assert_at(&f, PLAN_DONE, PPM);
	assert_int_equal(judged(&f, VERDICT_ROLL_BACK), PLAN_UNCHANGED);
	assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void a_pause_stops_the_climb_and_keeps_the_weight(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	ordered(&f, PLAN_EVENT_PAUSE);
	assert_at(&f, PLAN_PAUSED, 10000);
	assert_string_equal(f.transition.who, "user:alice");
	assert_string_equal(f.transition.why, "so");
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 10000);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void a_paused_plan_can_be_promoted_step_by_step(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	ordered(&f, PLAN_EVENT_PAUSE);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_PAUSED, 50000);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_PAUSED, PPM);
	assert_true(plan_hold_s(&f.plan) == 60);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_BAKING, PPM);
	ordered(&f, PLAN_EVENT_PAUSE);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_DONE, PPM);
}

static void a_resumed_release_starts_again_at_its_first_stage(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_ROLL_BACK);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
	f = started(fixed_spec(50000));
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_FIXED, 50000);
}

static void a_hold_freezes_the_weight_until_it_has_been_gone_for_ten_seconds(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	assert_int_equal(judged(&f, VERDICT_HOLD_SUSPECT), PLAN_CHANGED);
	assert_int_equal(f.transition.hold, VERDICT_HOLD_SUSPECT);
	assert_int_equal(judged(&f, VERDICT_HOLD_SUSPECT), PLAN_UNCHANGED);
	f.clock.now_us += 9 * second_us;
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
	f.clock.now_us += second_us;
	assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_CHANGED);
	assert_int_equal(f.transition.hold, VERDICT_CONTINUE);
	assert_non_null(strstr(f.transition.why, "HOLD_SUSPECT"));
	assert_at(&f, PLAN_RUNNING, 10000);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
}

static void a_hold_that_comes_and_goes_is_announced_once(void **state)
{
	struct fixture f = started(ladder_spec());
	int announced = 0;

	(void)state;
	for (int i = 0; i < 600; i++) {
		f.clock.now_us += second_us / 10;
		announced += judged(&f, i % 3 == 0   ? VERDICT_HOLD_SHARED
					: i % 3 == 1 ? VERDICT_HOLD_SUSPECT
						     : VERDICT_CONTINUE) == PLAN_CHANGED;
	}
	assert_int_equal(announced, 1);
}

static void a_person_may_promote_in_spite_of_a_hold(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	judged(&f, VERDICT_HOLD_SUSPECT);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_int_equal(f.plan.hold, VERDICT_CONTINUE);
}

/* Ladders of weights in percent (0 ends them), a stage reached, and where a reload leads. */
static const struct reload_case {
	const char *name;
	uint32_t before[4];
	uint32_t advances;
	uint32_t after[4];
	enum plan_state state;
	uint32_t percent;
	uint32_t stage;
} reload_cases[] = {
	{ "the same plan", { 1, 5, 50 }, 1, { 1, 5, 50 }, PLAN_RUNNING, 5, 1 },
	{ "a stage more before it", { 1, 5, 50 }, 1, { 1, 2, 5, 50 }, PLAN_RUNNING, 5, 2 },
	{ "its stage is gone: the next lower", { 1, 5, 50 }, 1, { 1, 4, 50 }, PLAN_RUNNING, 4,
	    1 },
	{ "all are higher: as it is, paused", { 1, 5, 50 }, 0, { 10, 50 }, PLAN_PAUSED, 1, 0 },
	{ "all are lower: the last", { 1, 5, 50 }, 2, { 1, 2 }, PLAN_BAKING, 2, 1 },
	{ "baking, the same plan", { 1, 5, 50 }, 2, { 1, 5, 50 }, PLAN_BAKING, 50, 2 },
	{ "baking, and now there is more to come", { 1, 5, 50 }, 2, { 5, 50, 100 },
	    PLAN_RUNNING, 50, 1 },
	{ "done stays done", { 1, 5, 50 }, 3, { 1, 50 }, PLAN_DONE, 50, 1 },
};

static struct plan_spec ladder_of(const uint32_t percents[4])
{
	struct plan_spec spec = { .staged = true, .bake_ms = 1000 };

	for (; spec.n_stages < 4 && percents[spec.n_stages] > 0; spec.n_stages++)
		spec.stages[spec.n_stages] =
		    (struct stage_conf) { .weight_ppm = percents[spec.n_stages] * 10000,
			    .hold_ms = 1000 };
	spec.stages[spec.n_stages - 1].hold_ms = 0;
	return spec;
}

static void an_edited_plan_keeps_its_weight_or_the_next_lower_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reload_cases) / sizeof(reload_cases[0]); i++) {
		const struct reload_case *c = &reload_cases[i];
		struct plan_spec before = ladder_of(c->before), after = ladder_of(c->after);
		struct fixture f = started(before);

		for (uint32_t k = 0; k < c->advances; k++)
			judged(&f, VERDICT_ADVANCE);
		(void)reloaded(&f, &after);
		if (f.plan.state != c->state || f.plan.weight_ppm != c->percent * 10000 ||
		    f.plan.stage != c->stage)
			fail_msg("%s: %s at %u, stage %u", c->name,
			    plan_state_name(f.plan.state), f.plan.weight_ppm, f.plan.stage);
	}
}

static void an_unchanged_plan_is_no_event_and_keeps_its_stages_time(void **state)
{
	struct plan_spec ladder = ladder_spec();
	struct fixture f = started(ladder_spec());
	uint32_t entered = f.plan.entered;

	(void)state;
	assert_int_equal(reloaded(&f, &ladder), PLAN_UNCHANGED);
	assert_int_equal(f.plan.entered, entered);
}

static void a_weight_set_by_hand_follows_the_file(void **state)
{
	struct plan_spec by_hand = fixed_spec(50000), other = fixed_spec(200000);
	struct fixture f = started(by_hand);

	(void)state;
	assert_int_equal(reloaded(&f, &by_hand), PLAN_UNCHANGED);
	assert_int_equal(reloaded(&f, &other), PLAN_CHANGED);
	assert_at(&f, PLAN_FIXED, 200000);
	assert_string_equal(f.transition.who, "reload");
}

static void no_reload_raises_a_rolled_back_weight(void **state)
{
	struct plan_spec ladder = ladder_spec(), other = fixed_spec(200000);
	struct fixture f = started(fixed_spec(50000));

	(void)state;
	judged(&f, VERDICT_ROLL_BACK);
	assert_int_equal(reloaded(&f, &other), PLAN_UNCHANGED);
	assert_int_equal(reloaded(&f, &ladder), PLAN_UNCHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	/* What the file says now is where a person's resume leads. */
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_weight_set_by_hand_can_be_handed_to_a_plan_and_back(void **state)
{
	struct plan_spec ladder = ladder_spec(), by_hand = fixed_spec(50000);
	struct fixture f = started(by_hand);

	(void)state;
	(void)reloaded(&f, &ladder);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_int_equal(f.plan.stage, 1);
	(void)reloaded(&f, &by_hand);
	assert_at(&f, PLAN_FIXED, 50000);
}

static void a_paused_plan_stays_paused_over_a_reload(void **state)
{
	struct plan_spec shorter = ladder_spec();
	struct fixture f = started(ladder_spec());

	(void)state;
	shorter.stages[0].weight_ppm = 5000;
	ordered(&f, PLAN_EVENT_PAUSE);
	(void)reloaded(&f, &shorter);
	assert_at(&f, PLAN_PAUSED, 5000);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 5000);
}

static void the_route_without_a_canary_has_no_weight(void **state)
{
	struct route_conf route = { .weight_ppm = 50000 };

	(void)state;
	assert_int_equal(plan_spec_of(&route).fixed_ppm, 0);
	assert_false(plan_spec_of(&route).staged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_climbs_its_stages_then_bakes_then_is_done),
		cmocka_unit_test(a_last_stage_with_a_time_of_its_own_holds_before_the_bake),
		cmocka_unit_test(without_a_bake_the_last_stage_is_the_end),
		cmocka_unit_test(a_verdict_to_go_on_changes_nothing),
		cmocka_unit_test(a_rollback_latches_at_zero_from_every_state_that_is_judged),
		cmocka_unit_test(a_completed_rollout_is_rolled_back_by_a_person_only),
		cmocka_unit_test(a_pause_stops_the_climb_and_keeps_the_weight),
		cmocka_unit_test(a_paused_plan_can_be_promoted_step_by_step),
		cmocka_unit_test(a_resumed_release_starts_again_at_its_first_stage),
		cmocka_unit_test(
		    a_hold_freezes_the_weight_until_it_has_been_gone_for_ten_seconds),
		cmocka_unit_test(a_hold_that_comes_and_goes_is_announced_once),
		cmocka_unit_test(a_person_may_promote_in_spite_of_a_hold),
		cmocka_unit_test(an_edited_plan_keeps_its_weight_or_the_next_lower_one),
		cmocka_unit_test(an_unchanged_plan_is_no_event_and_keeps_its_stages_time),
		cmocka_unit_test(a_weight_set_by_hand_follows_the_file),
		cmocka_unit_test(no_reload_raises_a_rolled_back_weight),
		cmocka_unit_test(a_weight_set_by_hand_can_be_handed_to_a_plan_and_back),
		cmocka_unit_test(a_paused_plan_stays_paused_over_a_reload),
		cmocka_unit_test(the_route_without_a_canary_has_no_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
