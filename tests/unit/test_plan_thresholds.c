/* When a release asks for its latency thresholds: once a stage, and again when it is warm. */
#include "tests/support/release_fixture.h"

#include <math.h>

static void thresholds_are_frozen_once_legacy_has_had_a_hundred_requests(void **state)
{
	struct fixture *f = *state;

	counted(&f->pending, 1, ARM_LEGACY)->n = 99;
	tick(f);
	assert_int_equal(f->freezes, 0);
	counted(&f->pending, 1, ARM_LEGACY)->n = 1;
	tick(f);
	assert_int_equal(f->freezes, 1);
	assert_true(f->handicap.factor == 4);
	/* A generation of its own, of the same weight, that ends neither stage nor epoch. */
	assert_int_equal(release_generation(&f->release), 2);
	assert_int_equal(f->exposure.weight_ppm, 50000);
	assert_false(f->step.new_epoch || f->step.changed);
	assert_true(f->release.guard.stage_age_s > .15);
}

static void thresholds_settle_after_the_first_minute_of_a_stage(void **state)
{
	struct fixture *f = *state;

	assert_true(ordered(f, RELEASE_PAUSE));
	traffic(f, 59, 0, 0);
	assert_int_equal(f->settles, 0);
	assert_int_equal(release_due_us(&f->release), f->release.stage_began_us + 60000000);
	traffic(f, 2, 0, 0);
	assert_int_equal(f->freezes, 1);
	assert_int_equal(f->settles, 1);
	assert_true(fabs(f->handicap.factor - 1.1) < 1e-9);
	assert_int_equal(release_due_us(&f->release), UINT64_MAX);
	/* Another tolerance in the file settles it anew. */
	f->rollout.latency_tolerance_ppm = 300000;
	reload(f);
	assert_int_equal(f->settles, 2);
	assert_true(fabs(f->handicap.factor - 1.3) < 1e-9);
}

static void the_slack_is_in_force_while_cold_and_when_warm(void **state)
{
	struct fixture *f = *state;

	f->rollout.latency_slack_us = 1000;
	reload(f);
	assert_true(ordered(f, RELEASE_PAUSE));
	traffic(f, 1, 0, 0);
	assert_true(f->handicap.factor == 4);
	assert_int_equal(f->handicap.slack_us, 1000);
	traffic(f, 60, 0, 0);
	assert_true(fabs(f->handicap.factor - 1.1) < 1e-9);
	assert_int_equal(f->handicap.slack_us, 1000);
	assert_int_equal(f->settles, 1);
}

static void another_slack_in_the_file_settles_the_thresholds_anew(void **state)
{
	struct fixture *f = *state;
	uint32_t generation;

	assert_true(ordered(f, RELEASE_PAUSE));
	traffic(f, 1, 0, 0);
	/* At once, cold as it is: as the handicap then is legacy's times 4, or the slack. */
	f->rollout.latency_slack_us = 2000;
	generation = release_generation(&f->release);
	reload(f);
	assert_int_equal(f->settles, 1);
	assert_int_equal(f->handicap.slack_us, 2000);
	assert_true(f->handicap.factor == 4);
	assert_int_equal(release_generation(&f->release), generation + 1);
	traffic(f, 60, 0, 0);
	assert_int_equal(f->settles, 2);
	f->rollout.latency_slack_us = 0;
	reload(f);
	assert_int_equal(f->settles, 3);
	assert_int_equal(f->handicap.slack_us, 0);
	assert_int_equal(release_due_us(&f->release), UINT64_MAX);
	/* What was counted under the one is not added to what is counted under the other. */
	tick(f);
	assert_true(handicap_equal(&f->release.guard.handicap, &f->handicap));
	assert_int_equal(f->freezes, 1);
}

static void a_route_without_a_plan_has_a_slack_of_a_millisecond(void **state)
{
	struct fixture *f = *state;

	f->route.rollout = NULL;
	f->route.weight_ppm = 200000;
	reload(f);
	traffic(f, 1, 0, 0);
	assert_int_equal(f->freezes, 1);
	assert_int_equal(f->handicap.slack_us, 1000);
}

static void each_stage_freezes_its_own_thresholds_with_its_weight(void **state)
{
	struct fixture *f = *state;
	uint32_t generation;

	traffic(f, 1, 0, 0);
	assert_int_equal(f->freezes, 1);
	generation = release_generation(&f->release);
	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_int_equal(f->freezes, 2);
	/* One new generation for both. */
	assert_int_equal(release_generation(&f->release), generation + 1);
	/* At 100% there is nobody to compare with. */
	assert_true(ordered(f, RELEASE_PROMOTE));
	assert_int_equal(f->freezes, 2);
}

static void thresholds_are_frozen_anew_in_the_new_process(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;

	f->rollout.latency_slack_us = 300;
	assert_true(ordered(f, RELEASE_PAUSE));
	traffic(f, 65, 0, 0);
	assert_int_equal(f->settles, 1);
	g = restarted(f);
	assert_true(ordered(g, RELEASE_RESUME) && ordered(g, RELEASE_PAUSE));
	traffic(g, 1, 0, 0);
	assert_int_equal(g->freezes, 1);
	/* The canary's caches have been warm for long. */
	assert_true(fabs(g->handicap.factor - 1.1) < 1e-9);
	assert_int_equal(g->handicap.slack_us, 300);
	let_go(g);
}

#define WITH_RELEASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RELEASE(thresholds_are_frozen_once_legacy_has_had_a_hundred_requests),
		WITH_RELEASE(thresholds_settle_after_the_first_minute_of_a_stage),
		WITH_RELEASE(the_slack_is_in_force_while_cold_and_when_warm),
		WITH_RELEASE(another_slack_in_the_file_settles_the_thresholds_anew),
		WITH_RELEASE(a_route_without_a_plan_has_a_slack_of_a_millisecond),
		WITH_RELEASE(each_stage_freezes_its_own_thresholds_with_its_weight),
		WITH_RELEASE(thresholds_are_frozen_anew_in_the_new_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
