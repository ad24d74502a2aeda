/* Down again: in steps, with a drain, a path at a time; and weights set by hand. */
#include "tests/support/plan_fixture.h"

#include <math.h>

static struct plan_spec in_steps(uint32_t steps)
{
	struct plan_spec spec = ladder_spec();

	spec.rollback_steps = steps;
	spec.rollback_step_ms = 2000;
	return spec;
}

static void a_rollback_in_steps_falls_by_equal_parts_and_is_latched_from_the_first(void **state)
{
	static const struct {
		uint32_t steps;
		uint32_t weights_ppm[3];
	} cases[] = { { 2, { 25000, 0 } }, { 3, { 33333, 16666, 0 } } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = started(in_steps(cases[i].steps));

		judged(&f, VERDICT_ADVANCE);
		judged(&f, VERDICT_ROLL_BACK);
		assert_non_null(strstr(f.transition.why, "in steps"));
		for (uint32_t step = 0; step < cases[i].steps - 1; step++) {
			assert_at(&f, PLAN_ROLLING_BACK, cases[i].weights_ppm[step]);
			assert_true(plan_is_latched(&f.plan));
			assert_int_equal(waited(&f, 1), PLAN_UNCHANGED);
			assert_int_equal(waited(&f, 1), PLAN_CHANGED);
			assert_non_null(strstr(f.transition.why, "of the rollback"));
		}
		assert_at(&f, PLAN_ROLLED_BACK, 0);
	}
}

static void nothing_stops_a_rollback_under_way(void **state)
{
	struct plan_spec spec = in_steps(3);
	struct plan_spec raised = fixed_spec(PPM);
	struct fixture f = started(spec);

	(void)state;
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	for (int action = 0; action < VERDICTS; action++)
		assert_int_equal(judged(&f, (enum verdict_action)action), PLAN_UNCHANGED);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_REFUSED);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_REFUSED);
	assert_int_equal(weight_set(&f, 500000), PLAN_REFUSED);
	assert_int_equal(reloaded(&f, &raised), PLAN_UNCHANGED);
	assert_at(&f, PLAN_ROLLING_BACK, 6666);
	/* The new file has no steps: what is left of them comes at once. */
	waited(&f, 2);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

/* The canary was taken out of the file for a while: nothing ticked. */
static void steps_that_have_come_due_are_taken_by_the_reload_that_brings_the_canary_back(
    void **state)
{
	struct plan_spec spec = in_steps(2), without = fixed_spec(0);
	struct fixture f = started(spec);

	(void)state;
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLING_BACK, 5000);
	reloaded(&f, &without);
	assert_true(plan_is_latched(&f.plan));
	f.clock.now_us += 5 * second_us;
	reloaded(&f, &spec);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void a_withdrawn_path_stays_so_while_the_canary_is_taken_out(void **state)
{
	struct plan_spec spec = ladder_spec(), without = fixed_spec(0);
	struct fixture f = started(spec);

	(void)state;
	withdrawn(&f, 3);
	reloaded(&f, &without);
	reloaded(&f, &spec);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_int_equal(f.plan.withdrawn, 1 << 3);
}

static void a_second_order_takes_the_rest_of_the_steps_at_once(void **state)
{
	struct fixture f = started(in_steps(3));

	(void)state;
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLING_BACK, 6666);
	assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void an_order_may_want_all_of_it_at_once(void **state)
{
	struct plan_spec spec = in_steps(3);
	struct fixture f;

	(void)state;
	spec.drain_for_ms = 30000;
	f = started(spec);
	assert_int_equal(
	    apply(&f, (struct plan_event) { .kind = PLAN_EVENT_ROLL_BACK, .at_once = true }),
	    PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(f.plan.drain_ppm, 0);
	assert_string_equal(f.transition.why, "");
}

static void steps_that_were_missed_are_taken_together(void **state)
{
	struct fixture f = started(in_steps(3));

	(void)state;
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_int_equal(waited(&f, 60), PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static struct plan_spec draining(void)
{
	struct plan_spec spec = ladder_spec();

	spec.drain_for_ms = 30000;
	return spec;
}

static void a_drain_lets_the_canarys_users_stay_for_its_time_and_no_longer(void **state)
{
	struct fixture f = started(draining());

	(void)state;
	judged(&f, VERDICT_ADVANCE);
	judged(&f, VERDICT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(f.plan.drain_ppm, 50000);
	assert_int_equal(waited(&f, 29), PLAN_UNCHANGED);
	assert_int_equal(waited(&f, 1), PLAN_CHANGED);
	assert_int_equal(f.plan.drain_ppm, 0);
	assert_non_null(strstr(f.transition.why, "30 s to finish"));
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void an_order_during_a_drain_evicts_whoever_is_left(void **state)
{
	struct fixture f = started(draining());

	(void)state;
	ordered(&f, PLAN_EVENT_ROLL_BACK);
	assert_int_equal(f.plan.drain_ppm, 10000);
	assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_CHANGED);
	assert_int_equal(f.plan.drain_ppm, 0);
	assert_int_equal(ordered(&f, PLAN_EVENT_ROLL_BACK), PLAN_REFUSED);
}

static void without_a_drain_everyone_is_evicted_at_once(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	judged(&f, VERDICT_ROLL_BACK);
	assert_int_equal(f.plan.drain_ppm, 0);
}

static void a_resume_during_a_drain_ends_it(void **state)
{
	struct fixture f = started(draining());

	(void)state;
	judged(&f, VERDICT_ROLL_BACK);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_int_equal(f.plan.drain_ppm, 0);
}

static void an_edited_plan_without_a_drain_ends_it_for_good(void **state)
{
	struct plan_spec spec = draining(), evicting = draining(), slower = draining();
	struct fixture f = started(spec);

	(void)state;
	evicting.drain_for_ms = 0;
	slower.bake_ms = 1000;
	judged(&f, VERDICT_ROLL_BACK);
	assert_int_equal(reloaded(&f, &slower), PLAN_UNCHANGED);
	assert_int_equal(f.plan.drain_ppm, 10000);
	assert_int_equal(reloaded(&f, &evicting), PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(f.plan.drain_ppm, 0);
	assert_non_null(strstr(f.transition.why, "nobody finish"));
	assert_int_equal(reloaded(&f, &spec), PLAN_UNCHANGED);
	assert_int_equal(f.plan.drain_ppm, 0);
}

static void a_release_that_was_rolled_back_before_begins_rolled_back(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f = started(spec);
	struct plan_event event = {
		.kind = PLAN_EVENT_START, .spec = &spec, .held_back = true
	};

	(void)state;
	assert_int_equal(apply(&f, event), PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(waited(&f, 3600), PLAN_UNCHANGED);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_REFUSED);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_restart_ends_a_drain_for_nobody_knows_its_users_any_more(void **state)
{
	struct plan_spec spec = draining();
	struct fixture f = started(spec);

	(void)state;
	judged(&f, VERDICT_ROLL_BACK);
	(void)!apply(&f, (struct plan_event) { .kind = PLAN_EVENT_RESTORE, .spec = &spec });
	assert_int_equal(f.plan.drain_ppm, 0);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void an_unreadable_release_begins_rolled_back(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f = { .clock = { .now_us = second_us } };

	(void)state;
	assert_int_equal(
	    apply(&f, (struct plan_event) { .kind = PLAN_EVENT_UNREADABLE, .spec = &spec }),
	    PLAN_CHANGED);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
	assert_at(&f, PLAN_RUNNING, 10000);
}

static void a_withdrawn_path_goes_and_the_rest_goes_on(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	judged(&f, VERDICT_HOLD_SUSPECT);
	assert_int_equal(withdrawn(&f, 7), PLAN_CHANGED);
	assert_string_equal(f.transition.path, "/orders/:id");
	assert_non_null(strstr(f.transition.why, "/orders/:id goes to legacy"));
	assert_int_equal(f.plan.withdrawn, UINT64_C(1) << 7);
	assert_int_equal(f.plan.hold, VERDICT_CONTINUE);
	assert_at(&f, PLAN_RUNNING, 10000);
	assert_int_equal(withdrawn(&f, 7), PLAN_REFUSED);
	judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_RUNNING, 50000);
	assert_int_equal(f.plan.withdrawn, UINT64_C(1) << 7);
}

static void a_withdrawn_path_stays_so_over_reloads_and_a_rollback_takes_the_rest(void **state)
{
	struct plan_spec spec = in_steps(2);
	struct fixture f = started(spec);

	(void)state;
	withdrawn(&f, 63);
	(void)!reloaded(&f, &spec);
	assert_int_equal(f.plan.withdrawn, UINT64_C(1) << 63);
	judged(&f, VERDICT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLING_BACK, 5000);
	/* Its users must not come back to the canary on the way down. */
	assert_int_equal(f.plan.withdrawn, UINT64_C(1) << 63);
	waited(&f, 2);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_int_equal(f.plan.withdrawn, 0);
}

static void a_resume_or_a_new_release_brings_a_withdrawn_path_back(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f = started(spec);

	(void)state;
	withdrawn(&f, 0);
	assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
	assert_int_equal(f.plan.withdrawn, 0);
	assert_at(&f, PLAN_RUNNING, 10000);
	withdrawn(&f, 0);
	(void)!apply(&f, (struct plan_event) { .kind = PLAN_EVENT_START, .spec = &spec });
	assert_int_equal(f.plan.withdrawn, 0);
}

static void what_has_no_class_of_its_own_is_not_withdrawn_alone(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	assert_int_equal(withdrawn(&f, PATH_CLASS_OTHER), PLAN_REFUSED);
}

static void a_weight_set_by_hand_pauses_the_plan_there_until_a_resume(void **state)
{
	static const struct {
		uint32_t weight_ppm;
		uint32_t resumed_ppm;
	} cases[] = { { 70000, 50000 }, { 50000, 50000 }, { 49999, 10000 }, { 5000, 10000 },
		{ 0, 10000 }, { PPM, PPM } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f = started(ladder_spec());

		assert_int_equal(weight_set(&f, cases[i].weight_ppm), PLAN_CHANGED);
		assert_at(&f, PLAN_PAUSED, cases[i].weight_ppm);
		assert_int_equal(f.transition.pause, PAUSE_BY_HAND);
		assert_string_equal(f.transition.who, "user:alice");
		assert_true(isinf(plan_hold_s(&f.plan)));
		assert_int_equal(judged(&f, VERDICT_ADVANCE), PLAN_UNCHANGED);
		assert_int_equal(ordered(&f, PLAN_EVENT_RESUME), PLAN_CHANGED);
		assert_int_equal(f.plan.weight_ppm, cases[i].resumed_ppm);
		assert_int_equal(
		    f.plan.state, cases[i].resumed_ppm == PPM ? PLAN_BAKING : PLAN_RUNNING);
		assert_false(f.plan.by_hand);
	}
}

static void from_a_weight_set_by_hand_a_promote_leads_to_the_next_higher_stage(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	weight_set(&f, 5000);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_PAUSED, 10000);
	weight_set(&f, 30000);
	ordered(&f, PLAN_EVENT_PROMOTE);
	assert_at(&f, PLAN_PAUSED, 50000);
	weight_set(&f, PPM);
	assert_int_equal(ordered(&f, PLAN_EVENT_PROMOTE), PLAN_REFUSED);
	assert_non_null(strstr(f.err.text, "resume it"));
}

static void a_weight_set_by_hand_is_guarded_like_any_other(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	weight_set(&f, 300000);
	judged(&f, VERDICT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
	assert_int_equal(weight_set(&f, 10000), PLAN_REFUSED);
}

static void a_fixed_weight_set_by_hand_stands_until_the_file_says_another(void **state)
{
	struct plan_spec same = fixed_spec(50000), other = fixed_spec(80000);
	struct fixture f = started(same);

	(void)state;
	assert_int_equal(weight_set(&f, 200000), PLAN_CHANGED);
	assert_at(&f, PLAN_FIXED, 200000);
	assert_int_equal(reloaded(&f, &same), PLAN_UNCHANGED);
	assert_at(&f, PLAN_FIXED, 200000);
	assert_int_equal(reloaded(&f, &other), PLAN_CHANGED);
	assert_at(&f, PLAN_FIXED, 80000);
}

static void a_plan_paused_by_hand_stays_there_over_a_reload(void **state)
{
	struct plan_spec spec = ladder_spec();
	struct fixture f = started(spec);

	(void)state;
	weight_set(&f, 30000);
	spec.stages[0].weight_ppm = 20000;
	(void)!reloaded(&f, &spec);
	assert_at(&f, PLAN_PAUSED, 30000);
	ordered(&f, PLAN_EVENT_RESUME);
	assert_at(&f, PLAN_RUNNING, 20000);
}

static void a_completed_rollout_can_be_set_lower_by_hand(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	for (int i = 0; i < 3; i++)
		judged(&f, VERDICT_ADVANCE);
	assert_at(&f, PLAN_DONE, PPM);
	assert_int_equal(weight_set(&f, PPM), PLAN_REFUSED);
	assert_int_equal(weight_set(&f, 500000), PLAN_CHANGED);
	assert_at(&f, PLAN_PAUSED, 500000);
	judged(&f, VERDICT_ROLL_BACK);
	assert_at(&f, PLAN_ROLLED_BACK, 0);
}

static void no_weight_is_above_100(void **state)
{
	struct fixture f = started(ladder_spec());

	(void)state;
	assert_int_equal(weight_set(&f, PPM + 1), PLAN_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_rollback_in_steps_falls_by_equal_parts_and_is_latched_from_the_first),
		cmocka_unit_test(nothing_stops_a_rollback_under_way),
		cmocka_unit_test(
		    steps_that_have_come_due_are_taken_by_the_reload_that_brings_the_canary_back),
		cmocka_unit_test(a_withdrawn_path_stays_so_while_the_canary_is_taken_out),
		cmocka_unit_test(a_second_order_takes_the_rest_of_the_steps_at_once),
		cmocka_unit_test(an_order_may_want_all_of_it_at_once),
		cmocka_unit_test(steps_that_were_missed_are_taken_together),
		cmocka_unit_test(
		    a_drain_lets_the_canarys_users_stay_for_its_time_and_no_longer),
		cmocka_unit_test(an_order_during_a_drain_evicts_whoever_is_left),
		cmocka_unit_test(without_a_drain_everyone_is_evicted_at_once),
		cmocka_unit_test(a_resume_during_a_drain_ends_it),
		cmocka_unit_test(an_edited_plan_without_a_drain_ends_it_for_good),
		cmocka_unit_test(a_release_that_was_rolled_back_before_begins_rolled_back),
		cmocka_unit_test(a_restart_ends_a_drain_for_nobody_knows_its_users_any_more),
		cmocka_unit_test(an_unreadable_release_begins_rolled_back),
		cmocka_unit_test(a_withdrawn_path_goes_and_the_rest_goes_on),
		cmocka_unit_test(
		    a_withdrawn_path_stays_so_over_reloads_and_a_rollback_takes_the_rest),
		cmocka_unit_test(a_resume_or_a_new_release_brings_a_withdrawn_path_back),
		cmocka_unit_test(what_has_no_class_of_its_own_is_not_withdrawn_alone),
		cmocka_unit_test(a_weight_set_by_hand_pauses_the_plan_there_until_a_resume),
		cmocka_unit_test(
		    from_a_weight_set_by_hand_a_promote_leads_to_the_next_higher_stage),
		cmocka_unit_test(a_weight_set_by_hand_is_guarded_like_any_other),
		cmocka_unit_test(a_fixed_weight_set_by_hand_stands_until_the_file_says_another),
		cmocka_unit_test(a_plan_paused_by_hand_stays_there_over_a_reload),
		cmocka_unit_test(a_completed_rollout_can_be_set_lower_by_hand),
		cmocka_unit_test(no_weight_is_above_100),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
