/*
 * A release on a route, from the outcomes that were counted to the exposure that the
 * control thread publishes. Nothing here reads a clock or a socket.
 */
#include "tests/support/release_fixture.h"

#include <math.h>

static void a_release_begins_at_its_first_stage_with_generation_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(release_generation(&f->release), 1);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_true(f->step.changed && f->step.new_weight && f->step.new_epoch);
	assert_string_equal(f->step.transition.why, "release 'r1' begins");
}

static void a_healthy_canary_climbs_the_ladder_and_is_done(void **state)
{
	struct fixture *f = *state;

	traffic(f, 2.5, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, 250000);
	traffic(f, 2.5, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, PPM);
	assert_int_equal(f->release.plan.state, PLAN_BAKING);
	traffic(f, 3.5, 0, 0);
	assert_int_equal(f->release.plan.state, PLAN_DONE);
	assert_int_equal(f->release.verdict.reason, REASON_COMPLETE);
	assert_int_equal(f->release.cost.peak_ppm, PPM);
	assert_true(f->release.cost.failures == 0);
}

static void a_stage_waits_for_traffic_however_long_it_takes_and_says_so(void **state)
{
	struct fixture *f = *state;
	struct release_outlook outlook;

	for (int i = 0; i < 3000; i++)
		tick(f);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_TRAFFIC);
	assert_non_null(strstr(outlook.words, "stands still"));
}

static void a_canary_that_fails_is_rolled_back_with_a_reason_and_its_cost(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, 0);
	traffic(f, 3, 0, 300000);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_int_equal(f->last.verdict.action, VERDICT_ROLL_BACK);
	assert_non_null(strstr(f->last.why, "canary failed "));
	assert_in_range(f->release.cost.failures, 3, 25);
	assert_true(f->release.cost.requests > f->release.cost.failures);
	assert_int_equal(f->release.cost.peak_ppm, 250000);
}

static void an_outage_of_both_arms_is_not_the_canarys(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, 0);
	traffic(f, 60, 300000, 300000);
	assert_false(release_is_latched(&f->release));
	assert_int_equal(f->exposure.weight_ppm, 250000);
}

static void a_latch_outlives_reloads_of_the_same_release(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
	reload(f);
	f->route.rollout = NULL;
	f->route.weight_ppm = 500000;
	reload(f);
	traffic(f, 5, 0, 0);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_int_equal(f->release.verdict.action, VERDICT_ROLL_BACK);
}

static void a_new_release_begins_afresh_and_clears_the_latch(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, PPM);
	strcpy(f->id, "r2");
	reload(f);
	assert_true(f->step.new_weight && f->step.new_epoch && f->step.changed);
	assert_int_equal(f->step.transition.from, PLAN_ROLLED_BACK);
	assert_int_equal(f->step.transition.to, PLAN_RUNNING);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_true(fabs(guard_ln_e(&f->release.guard)) < 1e-9);
	assert_string_equal(f->release.id, "r2");
	assert_true(f->release.cost.failures == 0 && f->release.cost.requests == 0);
}

static void a_resumed_release_starts_without_the_evidence_that_stopped_it(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
	assert_true(ordered(f, RELEASE_RESUME));
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_true(fabs(guard_ln_e(&f->release.guard)) < 1e-9);
	traffic(f, 1.5, 0, 0);
	assert_false(release_is_latched(&f->release));
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
	assert_true(f->release.cost.failures >= 6);
}

static void late_failures(struct fixture *f, uint32_t generation, uint32_t n)
{
	struct evidence_counts *late = counted(&f->pending, generation, ARM_CANARY);

	late->n += n;
	late->failed += n;
	late->bad += n;
}

static void late_outcomes_of_an_old_release_are_nobodys_evidence_nor_cost(void **state)
{
	struct fixture *f = *state;

	traffic(f, .2, 0, 0);
	strcpy(f->id, "r2");
	reload(f);
	late_failures(f, 1, 100);
	tick(f);
	assert_false(release_is_latched(&f->release));
	assert_true(fabs(f->release.verdict.ln_e) < 1e-6);
	assert_true(f->release.cost.failures == 0);
}

static void late_outcomes_of_an_older_weight_are_still_evidence(void **state)
{
	struct fixture *f = *state;

	traffic(f, 2.5, 0, 0);
	late_failures(f, 1, 5);
	tick(f);
	assert_true(f->release.verdict.ln_e > log(100));
}

static void outcomes_whose_weight_is_forgotten_are_no_evidence(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 8; i++)
		assert_true(order(f, (struct release_order) { .command = RELEASE_SET_WEIGHT,
					 .weight_ppm = 60000 + i }));
	assert_int_equal(release_generation(&f->release), 9);
	late_failures(f, 1, 50);
	tick(f);
	assert_false(release_is_latched(&f->release));
	assert_true(f->release.cost.failures == 50);
}

static void a_weight_set_by_hand_is_guarded_and_follows_the_file(void **state)
{
	struct fixture *f = *state;

	f->route.rollout = NULL;
	f->route.weight_ppm = 100000;
	reload(f);
	assert_int_equal(f->exposure.weight_ppm, 100000);
	assert_int_equal(f->release.plan.state, PLAN_FIXED);
	traffic(f, 10, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, 100000);
	assert_false(ordered(f, RELEASE_PROMOTE));
	assert_non_null(strstr(f->err.text, "fixed by hand at 10%"));
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_weight_set_by_an_order_is_published_and_told_who(void **state)
{
	struct fixture *f = *state;

	assert_true(order(f,
	    (struct release_order) {
		.command = RELEASE_SET_WEIGHT, .weight_ppm = 300000, .why = "for the demo" }));
	assert_int_equal(f->exposure.weight_ppm, 300000);
	assert_string_equal(f->step.transition.who, "user:alice");
	assert_string_equal(f->step.transition.why, "for the demo");
	traffic(f, 10, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, 300000);
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_paused_canary_that_burns_is_still_rolled_back(void **state)
{
	struct fixture *f = *state;

	assert_true(ordered(f, RELEASE_PAUSE));
	traffic(f, 10, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_true(f->release.guard.stage_age_s < .2);
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_person_can_promote_and_roll_back(void **state)
{
	struct fixture *f = *state;

	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_int_equal(f->exposure.weight_ppm, 250000);
	assert_string_equal(f->step.transition.who, "user:alice");
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_false(ordered(f, RELEASE_ROLL_BACK));
	assert_false(f->step.changed || f->step.new_weight);
}

static void an_unchanged_file_changes_nothing(void **state)
{
	struct fixture *f = *state;

	traffic(f, .9, 0, 0);
	reload(f);
	assert_false(f->step.changed || f->step.new_weight || f->step.new_epoch);
	assert_true(f->release.guard.stage_age_s > .5);
}

static void a_full_epoch_is_followed_by_a_new_one(void **state)
{
	struct fixture *f = *state;

	tick(f);
	assert_false(f->step.new_epoch);
	f->pending.epoch_is_full = true;
	tick(f);
	assert_true(f->step.new_epoch);
}

static void generations_go_on_for_the_life_of_the_route(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 30; i++) {
		assert_true(ordered(f, RELEASE_ROLL_BACK));
		assert_true(ordered(f, RELEASE_RESUME));
		traffic(f, .5, 0, 0);
	}
	assert_true(release_generation(&f->release) >= 61);
	traffic(f, 2, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_rollback_in_steps_publishes_each_and_wants_its_ticks(void **state)
{
	struct fixture *f = *state;

	f->rollout.rollback_steps = 2;
	f->rollout.rollback_step_ms = 1000;
	reload(f);
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	assert_int_equal(f->exposure.weight_ppm, 25000);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(release_due_us(&f->release), f->clock.now_us + 1000000);
	for (int i = 0; i < 10; i++)
		tick(f);
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_int_equal(f->release.plan.state, PLAN_ROLLED_BACK);
	assert_int_equal(release_due_us(&f->release), UINT64_MAX);
}

static void a_drain_is_published_and_ends(void **state)
{
	struct fixture *f = *state;

	f->rollout.on_rollback = ROLLBACK_DRAIN;
	f->rollout.drain_for_ms = 2000;
	reload(f);
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_int_equal(f->exposure.drain_ppm, 50000);
	assert_int_equal(release_due_us(&f->release), f->clock.now_us + 2000000);
	for (int i = 0; i < 20; i++)
		tick(f);
	assert_int_equal(f->exposure.drain_ppm, 0);
	assert_int_equal(release_due_us(&f->release), UINT64_MAX);
	assert_true(f->step.changed);
}

static void a_stages_methods_are_published_with_it(void **state)
{
	struct fixture *f = *state;

	f->rollout.stages[0].methods = 6;
	reload(f);
	assert_true(f->step.new_weight && f->step.changed);
	assert_int_equal(f->exposure.methods, 6);
	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_int_equal(f->exposure.methods, 0);
}

static void a_gate_asks_its_webhook_and_goes_on_with_its_leave(void **state)
{
	struct fixture *f = *state;
	struct release_outlook outlook;

	f->rollout.stages[0].gate = GATE_WEBHOOK;
	f->rollout.stages[0].webhook = &f->webhook;
	reload(f);
	traffic(f, 2.5, 0, 0);
	assert_int_equal(f->asked, 1);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_WEBHOOK);
	assert_true(release_gate_answer(
	    &f->release, 1, false, "webhook:ops", "not on a Friday", &f->clock, &f->step));
	obey(f);
	release_outlook(&f->release, &f->clock, &outlook);
	assert_non_null(strstr(outlook.words, "not on a Friday"));
	traffic(f, 61, 0, 0);
	assert_int_equal(f->asked, 2);
	assert_true(
	    release_gate_answer(&f->release, 2, true, "webhook:ops", "", &f->clock, &f->step));
	obey(f);
	assert_int_equal(f->exposure.weight_ppm, 250000);
	assert_false(
	    release_gate_answer(&f->release, 2, true, "webhook:ops", "", &f->clock, &f->step));
	assert_false(f->step.changed || f->step.new_weight);
}

static void the_steps_question_names_the_stages_webhook(void **state)
{
	struct fixture *f = *state;

	f->rollout.stages[0].gate = GATE_WEBHOOK;
	f->rollout.stages[0].webhook = &f->webhook;
	reload(f);
	for (int i = 0; i < 100 && !f->step.ask_gate; i++)
		traffic(f, .1, 0, 0);
	assert_true(f->step.ask_gate && f->step.keep);
	assert_ptr_equal(f->step.gate, &f->webhook);
}

static void a_drill_is_kept_even_where_nothing_is_decided(void **state)
{
	struct fixture *f = *state;

	release_drill_passed(&f->release, &f->clock, "user:alice", &f->step);
	assert_true(f->step.keep && !f->step.changed);
	obey(f);
	f->rollout.require_drill_ms = 3600000;
	strcpy(f->id, "r2");
	reload(f);
	assert_int_equal(f->release.plan.state, PLAN_WAITING);
	assert_int_equal(f->exposure.weight_ppm, 0);
	release_drill_passed(&f->release, &f->clock, "user:alice", &f->step);
	obey(f);
	assert_int_equal(f->exposure.weight_ppm, 50000);
}

/* A canary that fails on one path class, and only there. */
static void fail_on_path(struct fixture *f, unsigned path_class, uint32_t canary, uint32_t bad)
{
	struct evidence_counts *c = counted(&f->pending, f->exposure.generation, ARM_CANARY);
	struct evidence_counts *l = counted(&f->pending, f->exposure.generation, ARM_LEGACY);
	struct evidence_counts *pc, *pl;

	f->pending_path.path_class = path_class;
	pc = counted(&f->pending_path.evidence, f->exposure.generation, ARM_CANARY);
	pl = counted(&f->pending_path.evidence, f->exposure.generation, ARM_LEGACY);
	c->n += canary + 20;
	l->n += 400;
	c->bad += bad;
	c->failed += bad;
	pc->n += canary;
	pc->bad += bad;
	pc->failed += bad;
	pl->n += 20;
	tick(f);
}

static void a_path_that_is_bad_by_itself_is_withdrawn_where_the_plan_says_so(void **state)
{
	struct fixture *f = *state;
	unsigned slot = intern(f, "/orders/:id");

	f->rollout.rollback_scope = ROLLBACK_PATH;
	reload(f);
	assert_true(ordered(f, RELEASE_PAUSE));
	for (int i = 0; i < 100 && f->exposure.withdrawn == 0; i++)
		fail_on_path(f, slot, 1, 1);
	assert_int_equal(f->exposure.withdrawn, UINT64_C(1) << slot);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_true(f->step.changed && f->step.new_epoch);
	assert_int_equal(f->step.transition.cause, PLAN_EVENT_WITHDRAW);
	/* It goes now: nothing more is waited for. */
	assert_non_null(strstr(f->step.transition.why, "goes to legacy"));
	assert_null(strstr(f->step.transition.why, "will be"));
	assert_null(strstr(f->step.transition.why, "frozen"));
	assert_string_equal(f->step.transition.path, "/orders/:id");
	assert_true(fabs(guard_ln_e(&f->release.guard)) < .1);
	/* The rest is still judged, and rolled back when it burns. */
	traffic(f, 5, 0, 0);
	assert_false(release_is_latched(&f->release));
	traffic(f, 5, 0, PPM);
	assert_true(release_is_latched(&f->release));
	assert_true(ordered(f, RELEASE_RESUME));
	assert_int_equal(f->exposure.withdrawn, 0);
}

static void a_bad_path_takes_the_whole_route_where_the_plan_does_not_say_so(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100 && !release_is_latched(&f->release); i++)
		fail_on_path(f, 7, 1, 1);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(f->exposure.withdrawn, 0);
}

static void an_unreadable_release_begins_at_zero_and_says_what_could_not_be_read(void **state)
{
	struct fixture *f = *state;

	release_done(&f->release);
	f->exposure.generation = 0;
	release_begin_unreadable(
	    &f->release, &f->route, &f->clock, "start", "the database is damaged", &f->step);
	obey(f);
	assert_true(release_is_latched(&f->release) && f->step.changed);
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_non_null(strstr(f->step.transition.why, "'r1' cannot be read"));
	assert_non_null(strstr(f->step.transition.why, "the database is damaged"));
	traffic(f, 3, 0, 0);
	assert_int_equal(f->exposure.weight_ppm, 0);
	assert_true(ordered(f, RELEASE_RESUME));
	assert_int_equal(f->exposure.weight_ppm, 50000);
}

/* What is waited for, and a word of it. */
static void the_outlook_says_what_is_waited_for_and_how_long(void **state)
{
	struct fixture *f = *state;
	struct release_outlook outlook;

	traffic(f, .5, 0, 0);
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_TIME);
	assert_true(outlook.hold_left_s > 1 && outlook.hold_left_s < 2);
	assert_non_null(strstr(outlook.words, "the stage's time"));
	assert_true(ordered(f, RELEASE_PAUSE));
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_RESUME);
	assert_non_null(strstr(outlook.words, "a person paused it"));
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_CLEARING);
	assert_true(isinf(outlook.hold_left_s));
	f->rollout.start_manual = true;
	strcpy(f->id, "r2");
	reload(f);
	release_outlook(&f->release, &f->clock, &outlook);
	assert_int_equal(outlook.waiting_for, WAIT_START);
	for (int wait = 0; wait < RELEASE_WAITS; wait++)
		assert_string_not_equal(release_wait_name((enum release_wait)wait), "unknown");
}

static void a_stage_is_judged_by_its_own_terms(void **state)
{
	struct fixture *f = *state;

	f->rollout.stages[0].p_max_ppm = 50000;
	f->rollout.stages[0].min_requests = 77;
	f->rollout.stages[2].p_max_ppm = 1000;
	reload(f);
	assert_true(fabs(f->release.guard.stage.p_max - .05) < 1e-12);
	assert_true(f->release.guard.stage.min_requests == 77);
	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_true(f->release.guard.stage.p_max == 0);
	/* What a last stage without a time is to show, its bake shows. */
	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_int_equal(f->release.plan.state, PLAN_BAKING);
	assert_true(fabs(f->release.guard.stage.p_max - .001) < 1e-12);
}

#define WITH_RELEASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RELEASE(a_release_begins_at_its_first_stage_with_generation_one),
		WITH_RELEASE(a_healthy_canary_climbs_the_ladder_and_is_done),
		WITH_RELEASE(a_stage_waits_for_traffic_however_long_it_takes_and_says_so),
		WITH_RELEASE(a_canary_that_fails_is_rolled_back_with_a_reason_and_its_cost),
		WITH_RELEASE(an_outage_of_both_arms_is_not_the_canarys),
		WITH_RELEASE(a_latch_outlives_reloads_of_the_same_release),
		WITH_RELEASE(a_new_release_begins_afresh_and_clears_the_latch),
		WITH_RELEASE(a_resumed_release_starts_without_the_evidence_that_stopped_it),
		WITH_RELEASE(late_outcomes_of_an_old_release_are_nobodys_evidence_nor_cost),
		WITH_RELEASE(late_outcomes_of_an_older_weight_are_still_evidence),
		WITH_RELEASE(outcomes_whose_weight_is_forgotten_are_no_evidence),
		WITH_RELEASE(a_weight_set_by_hand_is_guarded_and_follows_the_file),
		WITH_RELEASE(a_weight_set_by_an_order_is_published_and_told_who),
		WITH_RELEASE(a_paused_canary_that_burns_is_still_rolled_back),
		WITH_RELEASE(a_person_can_promote_and_roll_back),
		WITH_RELEASE(an_unchanged_file_changes_nothing),
		WITH_RELEASE(a_full_epoch_is_followed_by_a_new_one),
		WITH_RELEASE(generations_go_on_for_the_life_of_the_route),
		WITH_RELEASE(a_rollback_in_steps_publishes_each_and_wants_its_ticks),
		WITH_RELEASE(a_drain_is_published_and_ends),
		WITH_RELEASE(a_stages_methods_are_published_with_it),
		WITH_RELEASE(a_gate_asks_its_webhook_and_goes_on_with_its_leave),
		WITH_RELEASE(the_steps_question_names_the_stages_webhook),
		WITH_RELEASE(a_drill_is_kept_even_where_nothing_is_decided),
		WITH_RELEASE(a_path_that_is_bad_by_itself_is_withdrawn_where_the_plan_says_so),
		WITH_RELEASE(a_bad_path_takes_the_whole_route_where_the_plan_does_not_say_so),
		WITH_RELEASE(
		    an_unreadable_release_begins_at_zero_and_says_what_could_not_be_read),
		WITH_RELEASE(the_outlook_says_what_is_waited_for_and_how_long),
		WITH_RELEASE(a_stage_is_judged_by_its_own_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
