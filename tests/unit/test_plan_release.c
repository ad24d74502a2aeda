/*
 * A release on a route, from the outcomes that workers record to the weight that the
 * control thread publishes. Nothing here reads a clock or a socket.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/release.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_US = 100000,
	RELEASE_TEXT_SIZE = 32,
};

/* A route with its counters, as the control thread has it. */
struct fixture {
	struct route_stats *stats;
	struct release release;
	struct release_step step;
	struct rollout_conf rollout;
	struct upstream_conf canary;
	struct route_conf route;
	char id[RELEASE_TEXT_SIZE];
	uint64_t now_us;
	uint64_t random;
	struct error err;
	struct transition last; /* the latest that changed the weight */
	unsigned weights;       /* how often it was published */
};

/* What the control thread does with a step. */
static void obey(struct fixture *f)
{
	if (f->step.new_epoch)
		route_stats_begin_epoch(f->stats);
	if (f->step.new_weight) {
		f->weights++;
		f->last = f->step.transition;
	}
	assert_int_equal(f->weights, release_generation(&f->release));
}

static void tick(struct fixture *f)
{
	struct evidence evidence;

	f->now_us += TICK_US;
	route_stats_evidence(f->stats, PATH_CLASS_ALL, &evidence);
	release_tick(&f->release, &evidence, f->now_us, &f->step);
	obey(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->stats = route_stats_new(1, 0);
	assert_non_null(f->stats);
	f->now_us = 1000000000;
	f->random = 88172645463325252;
	strcpy(f->id, "r1");
	f->rollout = (struct rollout_conf) {
		.stages = { { 50000, 2000 }, { 250000, 2000 }, { PPM, 0 } },
		.n_stages = 3,
		.bake_ms = 3000,
		.min_requests = 10,
		.alpha = .01,
	};
	f->route = (struct route_conf) {
		.release = f->id,
		.canary = &f->canary,
		.rollout = &f->rollout,
		.error_budget_ppm = 1000,
	};
	release_begin(&f->release, &f->route, f->now_us, "config", &f->step);
	obey(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	route_stats_free(f->stats);
	free(f);
	return 0;
}

static uint64_t random_below(struct fixture *f, uint64_t limit)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (f->random >> 11) % limit;
}

/* One request of a user, routed as the weight in force has it, failing as given. */
static void request(
    struct fixture *f, uint64_t user, uint32_t legacy_fails_ppm, uint32_t canary_fails_ppm)
{
	uint32_t weight_ppm = release_weight_ppm(&f->release);
	uint32_t generation = release_generation(&f->release);
	enum arm arm = user * 10000 % PPM < weight_ppm ? ARM_CANARY : ARM_LEGACY;
	bool fails =
	    random_below(f, PPM) < (arm == ARM_CANARY ? canary_fails_ppm : legacy_fails_ppm);
	struct outcome outcome = {
		.arm = arm,
		.status = fails ? 500 : 200,
		.failure = fails ? FAILURE_STATUS : FAILURE_NONE,
		.counts = true,
		.has_unit = true,
		.unit_hash = user * UINT64_C(0x9e3779b97f4a7c15),
		.generation = generation,
		.has_first_byte = true,
		.first_byte_us = 900,
		.total_us = 1000,
	};

	if (route_stats_record(f->stats, 0, generation, &outcome)) {
		f->now_us -= TICK_US;
		tick(f);
	}
}

/* Traffic of a hundred users, 200 requests a second. */
static void traffic(
    struct fixture *f, double seconds, uint32_t legacy_fails_ppm, uint32_t canary_fails_ppm)
{
	for (int i = 0; i < seconds * 10; i++) {
		for (int k = 0; k < 20; k++)
			request(f, random_below(f, 100), legacy_fails_ppm, canary_fails_ppm);
		tick(f);
	}
}

static bool order(struct fixture *f, enum release_command command)
{
	bool done = release_command(
	    &f->release, command, f->now_us, "user alice", NULL, &f->step, &f->err);

	if (done)
		obey(f);
	return done;
}

static void reload(struct fixture *f)
{
	release_reload(&f->release, &f->route, f->now_us, "reload", &f->step);
	obey(f);
}

static void a_release_begins_at_its_first_stage_with_generation_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(release_generation(&f->release), 1);
	assert_int_equal(release_weight_ppm(&f->release), 50000);
	assert_true(f->step.changed && f->step.new_weight && f->step.new_epoch);
	assert_string_equal(f->step.transition.why, "release 'r1' begins");
}

static void a_healthy_canary_climbs_the_ladder_and_is_done(void **state)
{
	struct fixture *f = *state;

	traffic(f, 2.5, 0, 0);
	assert_int_equal(release_weight_ppm(&f->release), 250000);
	traffic(f, 2.5, 0, 0);
	assert_int_equal(release_weight_ppm(&f->release), PPM);
	assert_int_equal(f->release.plan.state, PLAN_BAKING);
	traffic(f, 3.5, 0, 0);
	assert_int_equal(f->release.plan.state, PLAN_DONE);
	assert_int_equal(release_generation(&f->release), 3);
	assert_int_equal(f->release.verdict.reason, REASON_COMPLETE);
}

static void a_stage_waits_for_traffic_however_long_it_takes(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3000; i++)
		tick(f);
	assert_int_equal(release_weight_ppm(&f->release), 50000);
	assert_int_equal(f->release.verdict.reason, REASON_FEW_REQUESTS);
}

static void a_canary_that_fails_is_rolled_back_with_a_reason(void **state)
{
	struct fixture *f = *state;
	struct arm_totals totals;

	traffic(f, 3, 0, 0);
	traffic(f, 3, 0, 300000);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(release_weight_ppm(&f->release), 0);
	assert_int_equal(f->last.verdict.action, VERDICT_ROLL_BACK);
	assert_non_null(strstr(f->last.why, "canary failed "));
	route_stats_totals(f->stats, PATH_CLASS_ALL, ARM_CANARY, &totals);
	assert_in_range(totals.failed, 3, 25);
}

static void an_outage_of_both_arms_is_not_the_canarys(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, 0);
	traffic(f, 60, 300000, 300000);
	assert_false(release_is_latched(&f->release));
	assert_int_equal(release_weight_ppm(&f->release), 250000);
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
	assert_int_equal(release_weight_ppm(&f->release), 0);
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
	assert_int_equal(release_weight_ppm(&f->release), 50000);
	assert_true(guard_ln_e(&f->release.guard) == 0);
	assert_string_equal(f->release.id, "r2");
}

static void a_resumed_release_starts_without_the_evidence_that_stopped_it(void **state)
{
	struct fixture *f = *state;

	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
	assert_true(order(f, RELEASE_RESUME));
	assert_int_equal(release_weight_ppm(&f->release), 50000);
	assert_true(guard_ln_e(&f->release.guard) == 0);
	traffic(f, 1.5, 0, 0);
	assert_false(release_is_latched(&f->release));
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void late_outcomes_of_an_old_release_are_nobodys_evidence(void **state)
{
	struct fixture *f = *state;
	struct outcome late = { .arm = ARM_CANARY,
		.status = 500,
		.failure = FAILURE_STATUS,
		.counts = true,
		.generation = 1 };

	traffic(f, 1, 0, 0);
	strcpy(f->id, "r2");
	reload(f);
	for (int i = 0; i < 100; i++)
		route_stats_record(f->stats, 0, 2, &late);
	tick(f);
	assert_false(release_is_latched(&f->release));
	assert_true(fabs(f->release.verdict.ln_e) < 1e-9);
}

static void late_outcomes_of_an_older_weight_are_still_evidence(void **state)
{
	struct fixture *f = *state;
	struct outcome late = { .arm = ARM_CANARY,
		.status = 500,
		.failure = FAILURE_STATUS,
		.counts = true,
		.generation = 1 };

	traffic(f, 2.5, 0, 0);
	assert_int_equal(release_generation(&f->release), 2);
	for (int i = 0; i < 5; i++)
		route_stats_record(f->stats, 0, 2, &late);
	tick(f);
	assert_true(f->release.verdict.ln_e > log(100));
}

static void a_weight_set_by_hand_is_guarded_and_follows_the_file(void **state)
{
	struct fixture *f = *state;

	f->route.rollout = NULL;
	f->route.weight_ppm = 100000;
	reload(f);
	assert_int_equal(release_weight_ppm(&f->release), 100000);
	assert_int_equal(f->release.plan.state, PLAN_FIXED);
	traffic(f, 10, 0, 0);
	assert_int_equal(release_weight_ppm(&f->release), 100000);
	assert_false(order(f, RELEASE_PROMOTE));
	assert_non_null(strstr(f->err.text, "fixed by hand at 10%"));
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_paused_canary_that_burns_is_still_rolled_back(void **state)
{
	struct fixture *f = *state;

	assert_true(order(f, RELEASE_PAUSE));
	traffic(f, 10, 0, 0);
	assert_int_equal(release_weight_ppm(&f->release), 50000);
	assert_true(f->release.guard.stage_age_s < .2);
	traffic(f, 3, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

static void a_person_can_promote_and_roll_back(void **state)
{
	struct fixture *f = *state;

	assert_true(order(f, RELEASE_PROMOTE));
	assert_int_equal(release_weight_ppm(&f->release), 250000);
	assert_string_equal(f->step.transition.who, "user alice");
	assert_true(order(f, RELEASE_ROLL_BACK));
	assert_int_equal(release_weight_ppm(&f->release), 0);
	assert_false(order(f, RELEASE_ROLL_BACK));
}

static void an_unchanged_file_changes_nothing(void **state)
{
	struct fixture *f = *state;

	traffic(f, 1, 0, 0);
	reload(f);
	assert_false(f->step.changed || f->step.new_weight || f->step.new_epoch);
	assert_true(f->release.guard.stage_age_s > .5);
}

static void a_full_epoch_is_followed_by_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome = { .arm = ARM_LEGACY,
		.status = 500,
		.failure = FAILURE_STATUS,
		.counts = true,
		.has_unit = true,
		.generation = 1 };

	for (outcome.unit_hash = 0; outcome.unit_hash < 32767; outcome.unit_hash++)
		route_stats_record(f->stats, 0, 1, &outcome);
	tick(f);
	assert_false(f->step.new_epoch);
	route_stats_record(f->stats, 0, 1, &outcome);
	tick(f);
	assert_true(f->step.new_epoch);
	tick(f);
	assert_false(f->step.new_epoch);
}

static void generations_go_on_for_the_life_of_the_route(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 30; i++) {
		assert_true(order(f, RELEASE_ROLL_BACK));
		assert_true(order(f, RELEASE_RESUME));
		traffic(f, .5, 0, 0);
	}
	assert_int_equal(release_generation(&f->release), 61);
	traffic(f, 2, 0, PPM);
	assert_true(release_is_latched(&f->release));
}

#define WITH_RELEASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RELEASE(a_release_begins_at_its_first_stage_with_generation_one),
		WITH_RELEASE(a_healthy_canary_climbs_the_ladder_and_is_done),
		WITH_RELEASE(a_stage_waits_for_traffic_however_long_it_takes),
		WITH_RELEASE(a_canary_that_fails_is_rolled_back_with_a_reason),
		WITH_RELEASE(an_outage_of_both_arms_is_not_the_canarys),
		WITH_RELEASE(a_latch_outlives_reloads_of_the_same_release),
		WITH_RELEASE(a_new_release_begins_afresh_and_clears_the_latch),
		WITH_RELEASE(a_resumed_release_starts_without_the_evidence_that_stopped_it),
		WITH_RELEASE(late_outcomes_of_an_old_release_are_nobodys_evidence),
		WITH_RELEASE(late_outcomes_of_an_older_weight_are_still_evidence),
		WITH_RELEASE(a_weight_set_by_hand_is_guarded_and_follows_the_file),
		WITH_RELEASE(a_paused_canary_that_burns_is_still_rolled_back),
		WITH_RELEASE(a_person_can_promote_and_roll_back),
		WITH_RELEASE(an_unchanged_file_changes_nothing),
		WITH_RELEASE(a_full_epoch_is_followed_by_a_new_one),
		WITH_RELEASE(generations_go_on_for_the_life_of_the_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
