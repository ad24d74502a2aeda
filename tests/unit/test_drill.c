/* A rehearsal: it finds out what the guard would do, and the release learns nothing of it. */
#include "tests/support/release_fixture.h"

#include "rollout/drill.h"
#include "rollout/drill_words.h"

#include <math.h>

struct rehearsal {
	struct fixture *f;
	struct drill drill;
	struct drill_counts synthetic[ARMS]; /* of the next tick */
};

static void be_fixed_at(struct fixture *f, uint32_t weight_ppm)
{
	f->route.rollout = NULL;
	f->route.weight_ppm = weight_ppm;
	begin(f);
}

static void wait_for_a_drill(struct fixture *f)
{
	f->rollout.require_drill_ms = 3600000;
	begin(f);
	assert_int_equal(f->release.plan.state, PLAN_WAITING);
}

static struct rehearsal *rehearse(struct fixture *f, struct drill_setting setting)
{
	struct rehearsal *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->f = f;
	setting.seed = 1;
	if (setting.for_s == 0)
		setting.for_s = 60;
	if (!drill_begin(&r->drill, &f->release, &setting, f->clock.now_us, &f->err))
		fail_msg("%s", f->err.text);
	return r;
}

static void let_go_of(struct rehearsal *r)
{
	drill_done(&r->drill);
	free(r);
}

/* A tick of the release with that traffic, and of the drill. */
static void pass(
    struct rehearsal *r, struct evidence_counts legacy, struct evidence_counts canary)
{
	struct fixture *f = r->f;
	struct evidence route = {
		.n_entries = 1,
		.entries = { { .generation = f->exposure.generation,
		    .arms = { legacy, canary } } },
	};
	struct release_evidence evidence = { .route = &route };

	f->clock.now_us += TICK_US;
	release_tick(&f->release, &evidence, &f->clock, &f->step);
	obey(f);
	drill_tick(
	    &r->drill, &f->release, &evidence, r->synthetic, TICK_US / 1e6, f->clock.now_us);
	memset(r->synthetic, 0, sizeof(r->synthetic));
}

/* 100 requests a tick, so many of them the canary's; until the drill is over. */
static void go_on(struct rehearsal *r, unsigned ticks, uint32_t canary_n)
{
	for (unsigned i = 0; i < ticks && r->drill.state == DRILL_RUNNING; i++)
		pass(r, (struct evidence_counts) { .n = 100 - canary_n },
		    (struct evidence_counts) { .n = canary_n });
}

static void says(const struct rehearsal *r, const char *words)
{
	char text[DRILL_WORDS_SIZE];

	drill_words(&r->drill, text, sizeof(text));
	if (strstr(text, words) == NULL)
		fail_msg("not \"%s\": %s", words, text);
}

static void a_failing_canary_would_have_been_rolled_back(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 200000 });
	go_on(r, 600, 20);
	assert_int_equal(r->drill.state, DRILL_PASSED);
	assert_int_equal(r->drill.verdict.action, VERDICT_ROLL_BACK);
	assert_in_range(r->drill.simulated, 3, 30);
	assert_true(r->drill.lasted_s < 5);
	assert_int_equal(drill_failures(&r->drill), r->drill.simulated);
	says(r, "would have been rolled back after");
	let_go_of(r);
}

static void the_release_learns_nothing_of_it(void **state)
{
	struct fixture *f = *state;
	struct fixture *other = NULL;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	set_up((void **)&other);
	be_fixed_at(other, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM });
	go_on(r, 1, 20);
	assert_int_equal(r->drill.state, DRILL_PASSED);
	other->clock.now_us = f->clock.now_us - TICK_US;
	other->pending = (struct evidence) {
		.n_entries = 1,
		.entries = { { .generation = other->exposure.generation,
		    .arms = { { .n = 80 }, { .n = 20 } } } },
	};
	tick(other);
	assert_true(guard_ln_e(&f->release.guard) == guard_ln_e(&other->release.guard));
	assert_int_equal(f->release.cost.failures, 0);
	assert_int_equal(f->release.cost.requests, 20);
	assert_int_equal(f->release.plan.state, PLAN_FIXED);
	assert_int_equal(release_weight_ppm(&f->release), 200000);
	let_go(other);
	let_go_of(r);
}

static void a_healthy_one_is_left_alone_until_time_is_up(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	f->route.error_budget_ppm = 500000;
	begin(f);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 10000, .for_s = 5 });
	go_on(r, 600, 20);
	assert_int_equal(r->drill.state, DRILL_FAILED);
	assert_true(r->drill.lasted_s >= 5 && r->drill.lasted_s < 5.2);
	says(r, "would not have been rolled back");
	let_go_of(r);
}

static void too_little_traffic_is_said_to_be_that(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 200000 });
	pass(r, (struct evidence_counts) { .n = 9 }, (struct evidence_counts) { .n = 3 });
	go_on(r, 599, 0);
	says(r, "3 canary requests");
	says(r, "Too little traffic to judge");
	let_go_of(r);
}

static void a_failure_that_the_canary_has_by_itself_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM });
	pass(r, (struct evidence_counts) { .n = 80 },
	    (struct evidence_counts) { .n = 20, .failed = 2, .bad = 1 });
	assert_int_equal(r->drill.simulated, 18);
	assert_int_equal(r->drill.arms[ARM_CANARY].failed, 2);
	assert_int_equal(drill_failures(&r->drill), 20);
	says(r, "20 failed requests, 2 of them the canary's own");
	let_go_of(r);
}

static void a_canary_that_is_rolled_back_anyway_proves_nothing(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 1 });
	for (int i = 0; i < 20 && r->drill.state == DRILL_RUNNING; i++)
		pass(r, (struct evidence_counts) { .n = 80 },
		    (struct evidence_counts) { .n = 20, .failed = 20, .bad = 20 });
	assert_int_equal(r->drill.state, DRILL_STOPPED);
	assert_true(release_is_latched(&f->release));
	says(r, "the release itself was rolled back");
	let_go_of(r);
}

static void what_there_is_nothing_to_rehearse_for_is_refused(void **state)
{
	const struct drill_setting setting = { .fail_ppm = 1000, .for_s = 60 };
	struct fixture *f = *state;
	struct drill drill;

	be_fixed_at(f, 0);
	assert_false(drill_begin(&drill, &f->release, &setting, f->clock.now_us, &f->err));
	assert_non_null(strstr(f->err.text, "weight 0"));
	be_fixed_at(f, 200000);
	assert_true(ordered(f, RELEASE_ROLL_BACK));
	assert_false(drill_begin(&drill, &f->release, &setting, f->clock.now_us, &f->err));
	assert_non_null(strstr(f->err.text, "rolled back already"));
	f->release.plan.state = PLAN_DONE;
	f->release.plan.weight_ppm = PPM;
	assert_false(drill_begin(&drill, &f->release, &setting, f->clock.now_us, &f->err));
	assert_non_null(strstr(f->err.text, "complete"));
}

static void before_its_first_stage_legacys_requests_stand_in(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	f->rollout.stages[0].weight_ppm = 100000;
	wait_for_a_drill(f);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 300000 });
	assert_true(r->drill.stands_in);
	assert_int_equal(r->drill.weight_ppm, 100000);
	go_on(r, 600, 0);
	assert_int_equal(r->drill.state, DRILL_PASSED);
	assert_true(r->drill.arms[ARM_CANARY].requests > 0);
	assert_true(
	    r->drill.arms[ARM_CANARY].requests < r->drill.arms[ARM_LEGACY].requests / 3);
	says(r, "in the canary's stead");
	assert_int_equal(f->release.plan.state, PLAN_WAITING);
	release_drill_passed(&f->release, &f->clock, "user:alice", &f->step);
	obey(f);
	assert_int_equal(f->release.plan.state, PLAN_RUNNING);
	assert_int_equal(release_weight_ppm(&f->release), 100000);
	let_go_of(r);
}

static void a_release_that_begins_ends_the_drill_that_stood_in_for_it(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	wait_for_a_drill(f);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 1000 });
	release_drill_passed(&f->release, &f->clock, "user:alice", &f->step);
	obey(f);
	go_on(r, 2, 1);
	assert_int_equal(r->drill.state, DRILL_STOPPED);
	says(r, "has begun");
	let_go_of(r);
}

static void a_drill_follows_the_release_from_stage_to_stage(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;
	uint32_t before;

	begin(f);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 1 });
	before = r->drill.weight_ppm;
	assert_true(ordered(f, RELEASE_PROMOTE));
	go_on(r, 1, 20);
	assert_int_equal(r->drill.state, DRILL_RUNNING);
	assert_true(r->drill.weight_ppm > before);
	assert_int_equal(r->drill.guard.raises, f->release.guard.raises);
	assert_true(r->drill.guard.weight == f->release.guard.weight);
	let_go_of(r);
}

static void another_release_is_another_drill(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 1000 });
	strcpy(f->id, "r-next");
	reload(f);
	go_on(r, 1, 20);
	assert_int_equal(r->drill.state, DRILL_STOPPED);
	says(r, "another release");
	let_go_of(r);
}

static void a_live_drill_goes_by_what_became_of_synthetic_requests(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;
	unsigned ticks = 0;

	be_fixed_at(f, 10000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = 500000, .live = true });
	for (; ticks < 100 && r->drill.state == DRILL_RUNNING; ticks++) {
		r->synthetic[ARM_LEGACY] = (struct drill_counts) { .n = 2 };
		r->synthetic[ARM_CANARY] = (struct drill_counts) { .n = 2, .failed = 1 };
		pass(r, (struct evidence_counts) { .n = 99 },
		    (struct evidence_counts) { .n = 1 });
	}
	assert_int_equal(r->drill.state, DRILL_PASSED);
	assert_int_equal(r->drill.simulated, 0);
	assert_int_equal(drill_failures(&r->drill), ticks);
	assert_int_equal(drill_canary_requests(&r->drill), 2 * ticks);
	says(r, "No user was touched");
	let_go_of(r);
}

static void a_live_drill_alone_fails_nothing(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM, .live = true, .for_s = 2 });
	go_on(r, 100, 20);
	assert_int_equal(r->drill.state, DRILL_FAILED);
	assert_int_equal(drill_failures(&r->drill), 0);
	let_go_of(r);
}

static void a_live_drill_needs_no_user_on_the_canary(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;

	wait_for_a_drill(f);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM, .live = true });
	for (int i = 0; i < 20 && r->drill.state == DRILL_RUNNING; i++) {
		r->synthetic[ARM_LEGACY] = (struct drill_counts) { .n = 3 };
		r->synthetic[ARM_CANARY] = (struct drill_counts) { .n = 3, .failed = 3 };
		pass(r, (struct evidence_counts) { .n = 50, .failed = 5, .bad = 5 },
		    (struct evidence_counts) { .n = 0 });
	}
	assert_int_equal(r->drill.state, DRILL_PASSED);
	let_go_of(r);
}

static void no_rule_does_with_fewer_failures_than_the_limit_says(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;
	double p = 0.1, information;

	be_fixed_at(f, 100000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM });
	assert_true(isnan(drill_least_failures(&r->drill)));
	pass(r, (struct evidence_counts) { .n = 90 }, (struct evidence_counts) { .n = 10 });
	/* All of the canary's fail, none of legacy's. */
	information = 0.1 * log(1 / p) + 0.9 * log(1 / (1 - p));
	assert_float_equal(drill_least_failures(&r->drill),
	    fmax(1, 0.1 * log(1 / f->release.guard.params.alpha) / information), 1e-9);
	let_go_of(r);
}

static void words_fit_and_are_cut_where_they_do_not(void **state)
{
	struct fixture *f = *state;
	struct rehearsal *r;
	char whole[DRILL_WORDS_SIZE], cut[16];

	be_fixed_at(f, 200000);
	r = rehearse(f, (struct drill_setting) { .fail_ppm = PPM });
	go_on(r, 600, 20);
	drill_words(&r->drill, whole, sizeof(whole));
	assert_true(strlen(whole) < sizeof(whole) - 1);
	drill_words(&r->drill, cut, sizeof(cut));
	assert_memory_equal(cut, whole, sizeof(cut) - 1);
	assert_int_equal(cut[sizeof(cut) - 1], '\0');
	let_go_of(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failing_canary_would_have_been_rolled_back),
		TEST(the_release_learns_nothing_of_it),
		TEST(a_healthy_one_is_left_alone_until_time_is_up),
		TEST(too_little_traffic_is_said_to_be_that),
		TEST(a_failure_that_the_canary_has_by_itself_is_told_apart),
		TEST(a_canary_that_is_rolled_back_anyway_proves_nothing),
		TEST(what_there_is_nothing_to_rehearse_for_is_refused),
		TEST(before_its_first_stage_legacys_requests_stand_in),
		TEST(a_release_that_begins_ends_the_drill_that_stood_in_for_it),
		TEST(a_drill_follows_the_release_from_stage_to_stage),
		TEST(another_release_is_another_drill),
		TEST(a_live_drill_goes_by_what_became_of_synthetic_requests),
		TEST(a_live_drill_alone_fails_nothing),
		TEST(a_live_drill_needs_no_user_on_the_canary),
		TEST(no_rule_does_with_fewer_failures_than_the_limit_says),
		TEST(words_fit_and_are_cut_where_they_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
