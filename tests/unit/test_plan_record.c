/*
 * A release that is stored, and goes on in another process: it does what it would have
 * done, and what cannot be read never comes back by itself.
 */
#include "tests/support/release_fixture.h"

#include <math.h>
#include <stdio.h>
#include <xxhash.h>

static void afresh(struct fixture *f, const char *id)
{
	strcpy(f->id, id);
	reload(f);
}

static void to_waiting(struct fixture *f)
{
	f->rollout.start_manual = true;
	afresh(f, "r2");
}

/* Begun by a person, but at night. */
static void to_waiting_for_the_window(struct fixture *f)
{
	f->rollout.start_manual = true;
	f->rollout.only = (struct schedule) {
		.windows = { { .days = 0x7f, .from_minute = 540, .to_minute = 960 } },
		.n = 1,
	};
	afresh(f, "r2");
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	f->clock.minute = 1200;
	assert_true(ordered(f, RELEASE_RESUME));
	assert_int_equal(f->release.plan.state, PLAN_WAITING);
}

static void to_fixed(struct fixture *f)
{
	f->route.rollout = NULL;
	f->route.weight_ppm = 200000;
	reload(f);
	steady(f, 30, 0);
}

static void to_fixed_by_hand(struct fixture *f)
{
	to_fixed(f);
	assert_true(order(
	    f, (struct release_order) { .command = RELEASE_SET_WEIGHT, .weight_ppm = 300000 }));
}

static void to_running(struct fixture *f)
{
	steady(f, 13, 0);
}

static void to_second_stage(struct fixture *f)
{
	steady(f, 31, 0);
	assert_int_equal(f->release.plan.stage, 1);
}

static void to_hold(struct fixture *f)
{
	f->rollout.alpha = 1e-4;
	reload(f);
	assert_true(ordered(f, RELEASE_PAUSE));
	steady(f, 120, 0);
	assert_true(ordered(f, RELEASE_RESUME));
	for (int i = 0; i < 50 && f->release.plan.hold == VERDICT_CONTINUE; i++)
		steady(f, 1, 1);
	assert_int_equal(f->release.plan.hold, VERDICT_HOLD_SUSPECT);
}

static void to_gate(struct fixture *f)
{
	f->rollout.stages[0].gate = GATE_MANUAL;
	reload(f);
	steady(f, 30, 0);
	assert_int_equal(f->release.plan.gate, PLAN_GATE_WAITS);
}

static void to_denied_gate(struct fixture *f)
{
	f->rollout.stages[0].gate = GATE_WEBHOOK;
	f->rollout.stages[0].webhook = &f->webhook;
	reload(f);
	steady(f, 30, 0);
	assert_true(release_gate_answer(&f->release, f->asked, false, "webhook:ops",
	    "not on a Friday", &f->clock, &f->step));
	obey(f);
}

static void to_paused(struct fixture *f)
{
	steady(f, 10, 0);
	assert_true(ordered(f, RELEASE_PAUSE));
}

static void to_paused_by_hand(struct fixture *f)
{
	assert_true(order(
	    f, (struct release_order) { .command = RELEASE_SET_WEIGHT, .weight_ppm = 120000 }));
	steady(f, 10, 0);
}

static void to_nearly_overdue(struct fixture *f)
{
	f->rollout.max_duration_ms = 2500;
	reload(f);
	steady(f, 20, 0);
}

static void to_overdue(struct fixture *f)
{
	to_nearly_overdue(f);
	steady(f, 10, 0);
	assert_int_equal(f->release.plan.pause, PAUSE_OVERDUE);
}

static void to_baking(struct fixture *f)
{
	steady(f, 50, 0);
	assert_int_equal(f->release.plan.state, PLAN_BAKING);
}

static void to_done(struct fixture *f)
{
	steady(f, 100, 0);
	assert_int_equal(f->release.plan.state, PLAN_DONE);
}

static void to_rolling_back(struct fixture *f)
{
	f->rollout.rollback_steps = 3;
	f->rollout.rollback_step_ms = 1000;
	reload(f);
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	steady(f, 13, 0);
	assert_int_equal(f->release.plan.state, PLAN_ROLLING_BACK);
}

static void to_rolled_back(struct fixture *f)
{
	for (int i = 0; i < 100 && !release_is_latched(&f->release); i++)
		steady(f, 1, 6);
	assert_int_equal(f->release.plan.state, PLAN_ROLLED_BACK);
}

static void to_withdrawn(struct fixture *f)
{
	intern(f, "/carts");
	withdraw_path(f, "/orders/:id");
}

static void to_drilled(struct fixture *f)
{
	f->rollout.require_drill_ms = 3600000;
	to_waiting(f);
	release_drill_passed(&f->release, &f->clock, "user:alice", &f->step);
	obey(f);
}

static const struct situation {
	const char *name;
	void (*reach)(struct fixture *f);
} situations[] = {
	{ "waiting", to_waiting },
	{ "waiting, drilled", to_drilled },
	{ "waiting for the window", to_waiting_for_the_window },
	{ "fixed", to_fixed },
	{ "fixed by hand", to_fixed_by_hand },
	{ "running", to_running },
	{ "running, second stage", to_second_stage },
	{ "running, held", to_hold },
	{ "running, at a gate", to_gate },
	{ "running, at a gate that is denied", to_denied_gate },
	{ "running, nearly overdue", to_nearly_overdue },
	{ "paused", to_paused },
	{ "paused by hand", to_paused_by_hand },
	{ "paused, overdue", to_overdue },
	{ "paused, a path withdrawn", to_withdrawn },
	{ "baking", to_baking },
	{ "done", to_done },
	{ "rolled back", to_rolled_back },
};

enum {
	SITUATIONS = sizeof(situations) / sizeof(situations[0])
};

static bool same_plan(const struct plan *p, const struct plan *q)
{
	return p->state == q->state && p->stage == q->stage && p->entered == q->entered &&
	       p->weight_ppm == q->weight_ppm && p->methods == q->methods &&
	       p->by_hand == q->by_hand && p->ready == q->ready && p->promoted == q->promoted &&
	       p->clean_up_due == q->clean_up_due && p->resumes_to == q->resumes_to &&
	       p->pause == q->pause && p->hold == q->hold && p->held_us == q->held_us &&
	       p->gate == q->gate && p->gate_denied == q->gate_denied &&
	       p->gate_ask == q->gate_ask && p->gate_us == q->gate_us &&
	       strcmp(p->gate_words, q->gate_words) == 0 &&
	       p->rollback_from_ppm == q->rollback_from_ppm &&
	       p->rollback_steps == q->rollback_steps && p->rollback_step == q->rollback_step &&
	       p->rollback_due_us == q->rollback_due_us && p->drain_ppm == q->drain_ppm &&
	       p->withdrawn == q->withdrawn && p->age_us == q->age_us &&
	       p->under_way_us == q->under_way_us && p->full_wall_s == q->full_wall_s &&
	       p->drill_wall_s == q->drill_wall_s;
}

static bool same(const struct fixture *a, const struct fixture *b)
{
	return same_plan(&a->release.plan, &b->release.plan) &&
	       a->release.cost.requests == b->release.cost.requests &&
	       a->release.cost.failures == b->release.cost.failures &&
	       a->release.cost.peak_ppm == b->release.cost.peak_ppm &&
	       fabs(a->release.guard.stage_age_s - b->release.guard.stage_age_s) < 1e-6;
}

static void assert_same_future(const struct situation *situation, unsigned canary_fails)
{
	static const enum release_command orders[] = { RELEASE_PROMOTE, RELEASE_RESUME };
	void *state = NULL;
	struct fixture *f, *g;

	assert_int_equal(set_up(&state), 0);
	f = state;
	situation->reach(f);
	f->clock.wall_s += 1000;
	g = restarted(f);
	for (unsigned i = 0; i < 300; i++) {
		if (!same(f, g))
			fail_msg(
			    "%s, failing %u, tick %u: %s at %u, stage %u; restarted %s at %u, "
			    "stage %u",
			    situation->name, canary_fails, i,
			    plan_state_name(f->release.plan.state), f->exposure.weight_ppm,
			    f->release.plan.stage, plan_state_name(g->release.plan.state),
			    g->exposure.weight_ppm, g->release.plan.stage);
		if (i == 50)
			f->clock.minute = g->clock.minute = 600;
		steady(f, 1, canary_fails);
		steady(g, 1, canary_fails);
		if (i == 100 || i == 150) {
			enum release_command command = orders[i == 150];

			assert_int_equal(ordered(f, command), ordered(g, command));
		}
	}
	let_go(f);
	let_go(g);
}

static void a_restart_changes_nothing_about_what_follows(void **state)
{
	(void)state;
	for (size_t i = 0; i < SITUATIONS; i++) {
		assert_same_future(&situations[i], 0);
		assert_same_future(&situations[i], 2);
	}
}

static void no_time_passes_while_weir_is_down(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;

	f->rollout.max_duration_ms = 10000;
	reload(f);
	steady(f, 15, 0);
	record = saved(f);
	g = other_process(f);
	g->clock.wall_s += 86400;
	assert_true(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	release_record_done(&record);
	obey(g);
	steady(g, 3, 0);
	assert_int_equal(g->exposure.weight_ppm, 50000);
	assert_true(fabs(g->release.guard.stage_age_s - 1.8) < 1e-6);
	steady(g, 3, 0);
	assert_int_equal(g->exposure.weight_ppm, 250000);
	let_go(g);
}

static void a_record_says_in_plain_members_what_it_holds(void **state)
{
	struct fixture *f = *state;
	struct release_record record;

	to_second_stage(f);
	record = saved(f);
	assert_string_equal(record.release, "r1");
	assert_string_equal(record.state, "RUNNING");
	assert_int_equal(record.stage, 1);
	assert_int_equal(record.weight_ppm, 250000);
	assert_true(record.stage_age_s > 0 && record.stage_age_s < 2);
	assert_int_equal(record.began_wall_s, 1700000000);
	assert_true(record.detail_len < 16384);
	release_record_done(&record);
	assert_null(record.detail);
}

static void a_rolled_back_release_comes_back_rolled_back_with_its_reason(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;
	char before[VERDICT_TEXT_SIZE], after[VERDICT_TEXT_SIZE];

	to_rolled_back(f);
	g = restarted(f);
	assert_true(release_is_latched(&g->release));
	assert_int_equal(g->exposure.weight_ppm, 0);
	assert_false(g->step.changed);
	assert_int_equal(g->release.verdict.action, VERDICT_ROLL_BACK);
	verdict_reason_text(&f->release.verdict, before, sizeof(before));
	verdict_reason_text(&g->release.verdict, after, sizeof(after));
	assert_string_equal(before, after);
	assert_string_equal(g->release.last.why, f->release.last.why);
	assert_string_equal(g->release.last.who, "guard");
	let_go(g);
}

static void a_rollback_cut_short_by_a_crash_lets_nobody_back(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;

	to_rolling_back(f);
	assert_int_equal(f->exposure.weight_ppm, 16666);
	g = restarted(f);
	assert_int_equal(g->exposure.weight_ppm, 0);
	assert_int_equal(g->release.plan.state, PLAN_ROLLED_BACK);
	assert_true(g->step.changed);
	let_go(g);
}

static void a_plan_edited_meanwhile_is_taken_over_as_by_a_reload(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;

	to_second_stage(f);
	record = saved(f);
	g = other_process(f);
	g->rollout.stages[1].weight_ppm = 200000;
	assert_true(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	release_record_done(&record);
	obey(g);
	assert_true(g->step.changed);
	assert_int_equal(g->exposure.weight_ppm, 200000);
	assert_int_equal(g->release.plan.stage, 1);
	assert_true(g->release.guard.stage_age_s == 0);
	let_go(g);
}

static void the_record_of_another_release_is_refused(void **state)
{
	struct fixture *f = *state;
	struct release_record record = saved(f);
	struct fixture *g = other_process(f);

	strcpy(g->id, "r2");
	assert_false(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	assert_non_null(strstr(g->err.text, "of release 'r1'"));
	release_record_done(&record);
	held_back(g);
	let_go(g);
}

static void put_u64(unsigned char *bytes, uint64_t number)
{
	for (size_t i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
}

/* Until then records had no slack at their end. */
static void to_version_1(struct release_record *record)
{
	put_u64(record->detail + 8, 1);
	record->detail_len -= 8;
	put_u64(record->detail + record->detail_len - 8,
	    XXH64(record->detail, record->detail_len - 8, 0));
}

static void a_record_from_before_there_was_a_slack_goes_on_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;

	f->rollout.latency_slack_us = 1000;
	reload(f);
	to_second_stage(f);
	record = saved(f);
	to_version_1(&record);
	g = other_process(f);
	assert_true(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	release_record_done(&record);
	obey(g);
	assert_true(same(f, g));
	assert_false(g->release.evidence_was_lost);
	/* There was none to tell of; from here on there is. */
	assert_int_equal(g->release.verdict.handicap.slack_us, 0);
	assert_int_equal(g->release.warm.slack_us, 1000);
	let_go(g);
}

/* Every byte changed, and every length: never a crash, never taken for whole. */
static void a_damaged_record_is_refused_whatever_was_damaged(void **state)
{
	struct fixture *f = *state;
	struct release_record record = saved(f);
	struct fixture *g = other_process(f);
	size_t len = record.detail_len;

	for (size_t i = 0; i < len; i++) {
		record.detail[i] ^= 0x10;
		assert_false(release_restore(&g->release, &g->route, &record, g->path_classes,
		    &g->clock, &g->step, &g->err));
		assert_true(g->err.text[0] != '\0');
		record.detail[i] ^= 0x10;
		record.detail_len = i;
		assert_false(release_restore(&g->release, &g->route, &record, g->path_classes,
		    &g->clock, &g->step, &g->err));
		record.detail_len = len;
	}
	release_record_done(&record);
	assert_false(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	held_back(g);
	let_go(g);
}

#define WITH_RELEASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_changes_nothing_about_what_follows),
		WITH_RELEASE(no_time_passes_while_weir_is_down),
		WITH_RELEASE(a_record_says_in_plain_members_what_it_holds),
		WITH_RELEASE(a_rolled_back_release_comes_back_rolled_back_with_its_reason),
		WITH_RELEASE(a_rollback_cut_short_by_a_crash_lets_nobody_back),
		WITH_RELEASE(a_plan_edited_meanwhile_is_taken_over_as_by_a_reload),
		WITH_RELEASE(the_record_of_another_release_is_refused),
		WITH_RELEASE(a_record_from_before_there_was_a_slack_goes_on_as_it_was),
		WITH_RELEASE(a_damaged_record_is_refused_whatever_was_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
