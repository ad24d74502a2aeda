/* What single path classes add to the evidence: docs/policy.md, 6 and 7. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"

#include <math.h>
#include <string.h>

static const struct guard_stage stage = { .hold_s = 60, .min_requests = 50 };

static struct guard guard_with_budget(double budget, bool by_path)
{
	struct guard guard;

	guard_init(&guard,
	    &(struct guard_params) { .alpha = .01, .budget = budget, .by_path = by_path },
	    &stage);
	return guard;
}

static struct evidence_counts of(uint32_t n, uint32_t bad)
{
	return (struct evidence_counts) { .n = n, .bad = bad, .failed = bad };
}

static struct guard_path path_of(
    unsigned path_class, double w, struct evidence_counts legacy, struct evidence_counts canary)
{
	return (struct guard_path) { .path_class = path_class,
		.n_entries = 1,
		.entries = { { .weight = w,
		    .arms = { [ARM_LEGACY] = legacy, [ARM_CANARY] = canary } } } };
}

/* The route is its paths' sum. */
static struct verdict observe(
    struct guard *guard, double dt_s, const struct guard_path *paths, size_t n)
{
	struct guard_tick tick = { .dt_s = dt_s, .n_entries = 1, .paths = paths, .n_paths = n };

	tick.entries[0].weight = n > 0 ? paths[0].entries[0].weight : .1;
	for (size_t i = 0; i < n; i++) {
		for (enum arm arm = 0; arm < ARMS; arm++) {
			struct evidence_counts *sum = &tick.entries[0].arms[arm];
			const struct evidence_counts *own = &paths[i].entries[0].arms[arm];

			sum->n += own->n;
			sum->bad += own->bad;
			sum->failed += own->failed;
		}
	}
	return guard_tick(guard, &tick);
}

/* The rest of the route, healthy, and path class 3 with a twentieth of the traffic. */
static struct verdict observe_bad_path(struct guard *guard, double w, uint32_t bad)
{
	uint32_t canary = (uint32_t)(1000 * w), legacy = 1000 - canary;
	struct guard_path paths[] = {
		path_of(0, w, of(legacy - legacy / 20, 0), of(canary - canary / 20, 0)),
		path_of(3, w, of(legacy / 20, 0), of(canary / 20, bad)),
	};

	return observe(guard, 1, paths, 2);
}

static void one_bad_path_is_enough_however_little_of_the_traffic_it_has(void **state)
{
	/* 2% of the route's requests fail: too few to matter to a budget of 30%. */
	struct guard guard = guard_with_budget(.3, false);
	struct verdict verdict = { .action = VERDICT_CONTINUE };
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < 30 && verdict.action != VERDICT_ROLL_BACK; i++)
		verdict = observe_bad_path(&guard, .1, 2);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_PATH_WORSE);
	assert_int_equal(verdict.accuser.path_class, 3);
	assert_false(verdict.material);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_ptr_equal(strstr(text, "path class 3: canary failed "), text);
	strcpy(verdict.path_name, "/orders/:id");
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_ptr_equal(strstr(text, "path class /orders/:id: canary failed "), text);
	guard_done(&guard);
}

static void a_bad_path_that_matters_to_the_route_is_the_routes_failure(void **state)
{
	struct guard guard = guard_with_budget(.001, false);
	struct verdict verdict = observe_bad_path(&guard, .1, 5);

	(void)state;
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_WORSE);
	guard_done(&guard);
}

static void a_bad_path_is_withdrawn_by_itself_where_that_is_asked_for(void **state)
{
	struct guard guard = guard_with_budget(.001, true), ignored;
	struct verdict verdict = { .action = VERDICT_CONTINUE };
	unsigned ticks = 0;

	(void)state;
	while (guard_path_to_withdraw(&guard) == PATH_CLASSES && ticks++ < 100) {
		verdict = observe_bad_path(&guard, .4, 1);
		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
	}
	assert_int_equal(guard_path_to_withdraw(&guard), 3);
	assert_true(guard_path_ln_m(&guard, 3, EVIDENCE_PATH_ERRORS) >= log(65 / (.2 * .01)));
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
	assert_int_equal(verdict.reason, REASON_SUSPECT_PATH);
	assert_int_equal(verdict.accuser.path_class, 3);
	assert_true(guard_copy(&ignored, &guard, NULL));
	assert_int_equal(observe_bad_path(&ignored, .4, 1).action, VERDICT_ROLL_BACK);
	guard_done(&ignored);

	guard_withdraw_path(&guard, 3);
	assert_true(guard_path_is_withdrawn(&guard, 3));
	assert_int_equal(guard_path_to_withdraw(&guard), PATH_CLASSES);
	assert_true(guard_ln_e(&guard) < .1);
	/* What may still come of it is not looked at; the rest goes on. */
	for (int i = 0; i < 60; i++) {
		struct guard_path paths[] = { path_of(0, .4, of(570, 0), of(380, 0)),
			path_of(3, .4, of(0, 0), of(0, 0)) };

		verdict = observe(&guard, 1, paths, 2);
	}
	assert_int_equal(verdict.action, VERDICT_ADVANCE);
	guard_done(&guard);
}

static void the_rest_of_the_route_is_rolled_back_when_it_is_bad_as_well(void **state)
{
	struct guard guard = guard_with_budget(.001, true);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	for (int i = 0; i < 30 && verdict.action != VERDICT_ROLL_BACK; i++) {
		struct guard_path paths[] = { path_of(0, .4, of(570, 0), of(380, 2)),
			path_of(3, .4, of(30, 0), of(20, 3)) };

		verdict = observe(&guard, 1, paths, 2);
		assert_int_not_equal(verdict.reason, REASON_SUSPECT_PATH);
	}
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	guard_done(&guard);
}

static void a_path_with_most_of_the_traffic_is_not_withdrawn_but_rolled_back(void **state)
{
	struct guard guard = guard_with_budget(.001, true);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	for (int i = 0; i < 30 && verdict.action != VERDICT_ROLL_BACK; i++) {
		struct guard_path path = path_of(1, .4, of(600, 0), of(400, 2));

		verdict = observe(&guard, 1, &path, 1);
		assert_int_not_equal(verdict.reason, REASON_SUSPECT_PATH);
	}
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	guard_done(&guard);
}

static void what_has_no_slot_of_its_own_is_never_withdrawn_alone(void **state)
{
	struct guard guard = guard_with_budget(.001, true);

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct guard_path paths[] = { path_of(0, .4, of(570, 0), of(380, 0)),
			path_of(PATH_CLASS_OTHER, .4, of(30, 0), of(20, 20)) };

		observe(&guard, 1, paths, 2);
		assert_int_equal(guard_path_to_withdraw(&guard), PATH_CLASSES);
	}
	assert_true(guard_path_ln_m(&guard, PATH_CLASS_OTHER, EVIDENCE_PATH_ERRORS) > 10);
	guard_done(&guard);
}

static void a_path_slower_by_itself_is_named_and_withdrawn(void **state)
{
	struct guard guard = guard_with_budget(.001, true);
	unsigned ticks = 0;

	(void)state;
	while (guard_path_to_withdraw(&guard) == PATH_CLASSES && ticks++ < 100) {
		struct guard_tick tick = { .dt_s = 1, .n_entries = 1, .n_paths = 1 };
		struct guard_path path = path_of(7, .4, of(30, 0), of(20, 0));
		struct verdict verdict;

		path.entries[0].has_latency = true;
		tick.paths = &path;
		for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
			path.entries[0].arms[ARM_LEGACY].good[i] = 30;
			path.entries[0].arms[ARM_CANARY].good[i] = 14;
			path.entries[0].arms[ARM_CANARY].slow[i] = 6;
		}
		tick.entries[0] = path.entries[0];
		tick.entries[0].arms[ARM_LEGACY].n += 570;
		tick.entries[0].arms[ARM_CANARY].n += 380;
		for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
			tick.entries[0].arms[ARM_LEGACY].good[i] += 570;
			tick.entries[0].arms[ARM_CANARY].good[i] += 380;
		}
		verdict = guard_tick(&guard, &tick);
		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
	}
	assert_int_equal(guard_path_to_withdraw(&guard), 7);
	guard_done(&guard);
}

static void an_unused_slot_counts_as_one_of_sixty_five(void **state)
{
	struct guard guard = guard_with_budget(.001, false);
	struct guard_tick tick = { .dt_s = 0, .n_entries = 1, .n_paths = 1 };
	struct guard_path path = path_of(9, .1, of(9, 0), of(1, 1));
	double m;

	(void)state;
	tick.entries[0].weight = .1;
	tick.paths = &path;
	guard_tick(&guard, &tick);
	m = exp(guard_path_ln_m(&guard, 9, EVIDENCE_PATH_ERRORS));
	assert_true(m > 1);
	assert_true(fabs(exp(guard_ln_e(&guard)) - (.8 + .2 * (64 + m) / 65)) < 1e-12);
	assert_true(guard_path_ln_m(&guard, 10, EVIDENCE_PATH_ERRORS) == 0);
	guard_done(&guard);
}

static void a_path_without_news_lives_through_the_same_time_and_raises(void **state)
{
	struct guard eager = guard_with_budget(.001, false);
	struct guard lazy = guard_with_budget(.001, false);
	struct guard_path nothing = path_of(5, .1, of(0, 0), of(0, 0));
	struct guard_path bad = path_of(5, .1, of(9, 1), of(3, 3));

	(void)state;
	for (int i = 0; i < 3000; i++) {
		observe(&eager, 10, &nothing, 1);
		observe(&lazy, 10, NULL, 0);
		if (i % 1000 == 999) {
			guard_begin_stage(&eager, &stage, true);
			guard_begin_stage(&lazy, &stage, true);
		}
	}
	observe(&eager, 10, &bad, 1);
	observe(&lazy, 10, &bad, 1);
	assert_true(fabs(guard_path_ln_m(&eager, 5, EVIDENCE_PATH_ERRORS) -
			 guard_path_ln_m(&lazy, 5, EVIDENCE_PATH_ERRORS)) < 1e-9);
	assert_true(fabs(guard_ln_e(&eager) - guard_ln_e(&lazy)) < 1e-9);
	guard_done(&eager);
	guard_done(&lazy);
}

static void a_copy_goes_its_own_way(void **state)
{
	struct guard guard = guard_with_budget(.001, false), copy;
	double before;

	(void)state;
	observe_bad_path(&guard, .1, 1);
	before = guard_ln_e(&guard);
	assert_true(guard_copy(&copy, &guard, NULL));
	observe_bad_path(&copy, .1, 5);
	assert_true(guard_ln_e(&copy) > before + 1);
	assert_true(guard_ln_e(&guard) == before);
	guard_done(&copy);
	guard_done(&guard);
}

static void every_slot_may_be_in_use(void **state)
{
	struct guard guard = guard_with_budget(.001, false);

	(void)state;
	for (unsigned path_class = 0; path_class <= PATH_CLASSES; path_class++) {
		struct guard_path path = path_of(path_class, .1, of(90, 1), of(10, 0));

		observe(&guard, 1, &path, 1);
	}
	for (unsigned path_class = 0; path_class < PATH_CLASSES; path_class++)
		assert_true(guard_path_ln_m(&guard, path_class, EVIDENCE_PATH_ERRORS) < 0);
	guard_done(&guard);
}

/* Class 0 has legacy fail too, and hides in the route's sum what befalls class 3. */
static struct verdict observe_hidden_path(
    struct guard *guard, double w, uint32_t bad, uint32_t legacy)
{
	struct guard_path paths[] = {
		path_of(0, w, of(450, legacy), of(50, 0)),
		path_of(3, w, of(450, 0), of(50, bad)),
	};

	return observe(guard, 1, paths, 2);
}

static void the_accuser_is_the_loudest_though_another_is_enough(void **state)
{
	struct guard guard = guard_with_budget(.001, false);
	struct verdict verdict = observe_hidden_path(&guard, .1, 12, 20);

	(void)state;
	assert_true(log(.4) + verdict.ln_parts[EVIDENCE_ERRORS] >= log(100));
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_PATH_WORSE);
	assert_int_equal(verdict.accuser.path_class, 3);
	guard_done(&guard);
}

static void parts_that_are_too_little_each_are_suspect_together(void **state)
{
	struct guard guard = guard_with_budget(.001, false);
	struct verdict verdict = observe_hidden_path(&guard, .3, 8, 2);

	(void)state;
	assert_true(log(.4) + verdict.ln_parts[EVIDENCE_ERRORS] < log(9.5));
	assert_true(log(.2) + verdict.ln_parts[EVIDENCE_PATH_ERRORS] < log(9.5));
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
	guard_done(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bad_path_is_enough_however_little_of_the_traffic_it_has),
		cmocka_unit_test(a_bad_path_that_matters_to_the_route_is_the_routes_failure),
		cmocka_unit_test(a_bad_path_is_withdrawn_by_itself_where_that_is_asked_for),
		cmocka_unit_test(the_rest_of_the_route_is_rolled_back_when_it_is_bad_as_well),
		cmocka_unit_test(
		    a_path_with_most_of_the_traffic_is_not_withdrawn_but_rolled_back),
		cmocka_unit_test(what_has_no_slot_of_its_own_is_never_withdrawn_alone),
		cmocka_unit_test(a_path_slower_by_itself_is_named_and_withdrawn),
		cmocka_unit_test(an_unused_slot_counts_as_one_of_sixty_five),
		cmocka_unit_test(a_path_without_news_lives_through_the_same_time_and_raises),
		cmocka_unit_test(the_accuser_is_the_loudest_though_another_is_enough),
		cmocka_unit_test(parts_that_are_too_little_each_are_suspect_together),
		cmocka_unit_test(a_copy_goes_its_own_way),
		cmocka_unit_test(every_slot_may_be_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
