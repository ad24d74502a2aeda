/* A drill's failures: drawn as often as asked, and the same for a route as for its paths. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/drill_faults.h"

#include <math.h>
#include <stdlib.h>

enum {
	GENERATION = 7
};

static struct evidence evidence_of(struct evidence_counts legacy, struct evidence_counts canary)
{
	return (struct evidence) {
		.n_entries = 1,
		.entries = { { .generation = GENERATION,
		    .has_latency = true,
		    .arms = { legacy, canary } } },
	};
}

static void draws_are_as_frequent_as_asked(void **state)
{
	static const double shares[] = { 0.001, 0.05, 0.3, 0.5, 0.8, 0.999 };
	enum {
		DRAWS = 2000,
		N = 40
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct drill_faults faults = { .random = i };
		double p = shares[i], sum = 0, squares = 0;
		double mean = N * p, variance = N * p * (1 - p);

		for (int k = 0; k < DRAWS; k++) {
			double drawn = drill_draw(&faults, N, p);

			assert_true(drawn <= N);
			sum += drawn;
			squares += (drawn - mean) * (drawn - mean);
		}
		assert_true(fabs(sum / DRAWS - mean) < 5 * sqrt(variance / DRAWS));
		assert_true(fabs(squares / DRAWS - variance) < 0.25 * variance + 0.02);
	}
}

static void certain_draws_need_no_luck(void **state)
{
	struct drill_faults faults = { .random = 1 };

	(void)state;
	assert_int_equal(drill_draw(&faults, 12, 0), 0);
	assert_int_equal(drill_draw(&faults, 12, 1), 12);
	assert_int_equal(drill_draw(&faults, 0, 0.5), 0);
	assert_true(drill_draw(&faults, UINT32_MAX, 1e-9) < 100);
}

static void the_same_seed_draws_the_same_failures(void **state)
{
	struct drill_faults a = { .random = 42 }, b = { .random = 42 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(drill_draw(&a, 1000, 0.1), drill_draw(&b, 1000, 0.1));
}

static void what_has_failed_by_itself_is_not_failed_again(void **state)
{
	struct drill_faults faults = { .fail = 1, .random = 1 };
	struct evidence route = evidence_of((struct evidence_counts) { .n = 90, .failed = 4 },
	    (struct evidence_counts) { .n = 10, .failed = 3, .bad = 1 });
	const struct evidence_counts *canary = &route.entries[0].arms[ARM_CANARY];

	(void)state;
	assert_int_equal(drill_faults_apply(&faults, GENERATION, &route, NULL, 0), 7);
	assert_int_equal(canary->n, 10);
	assert_int_equal(canary->failed, 10);
	assert_int_equal(canary->bad, 8);
}

static void legacy_stays_as_it_is(void **state)
{
	struct drill_faults faults = { .fail = 1, .random = 1 };
	struct evidence route =
	    evidence_of((struct evidence_counts) { .n = 90, .failed = 4, .bad = 2 },
		(struct evidence_counts) { .n = 10 });
	const struct evidence_counts *legacy = &route.entries[0].arms[ARM_LEGACY];

	(void)state;
	drill_faults_apply(&faults, GENERATION, &route, NULL, 0);
	assert_int_equal(legacy->n, 90);
	assert_int_equal(legacy->failed, 4);
	assert_int_equal(legacy->bad, 2);
}

static void a_route_fails_as_its_paths_do_and_what_is_in_none_of_them(void **state)
{
	struct drill_faults faults = { .fail = 0.3, .random = 3 };
	struct evidence route = evidence_of((struct evidence_counts) { .n = 0 },
	    (struct evidence_counts) { .n = 1000, .failed = 10, .bad = 10 });
	struct path_evidence *paths = calloc(2, sizeof(*paths));
	uint32_t of_paths = 0;
	uint64_t added;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		paths[i].path_class = i;
		paths[i].evidence = evidence_of(
		    (struct evidence_counts) { .n = 0 }, (struct evidence_counts) { .n = 300 });
	}
	added = drill_faults_apply(&faults, GENERATION, &route, paths, 2);
	for (unsigned i = 0; i < 2; i++)
		of_paths += paths[i].evidence.entries[0].arms[ARM_CANARY].failed;
	assert_int_equal(route.entries[0].arms[ARM_CANARY].failed, 10 + added);
	assert_in_range(of_paths, 120, 240);
	assert_in_range(added - of_paths, 70, 170); /* of the 390 that no path has */
	free(paths);
}

static void what_was_assigned_before_the_release_stays(void **state)
{
	struct drill_faults faults = { .fail = 1, .random = 1 };
	struct evidence route = evidence_of(
	    (struct evidence_counts) { .n = 90 }, (struct evidence_counts) { .n = 10 });

	(void)state;
	assert_int_equal(drill_faults_apply(&faults, GENERATION + 1, &route, NULL, 0), 0);
	assert_int_equal(route.entries[0].arms[ARM_CANARY].failed, 0);
}

static void legacys_requests_stand_in_for_a_canary_without_users(void **state)
{
	struct drill_faults faults = { .fail = 0.5, .stand_in = 0.2, .random = 1 };
	struct evidence route =
	    evidence_of((struct evidence_counts) { .n = 10000, .failed = 1000, .bad = 500 },
		(struct evidence_counts) { .n = 0 });
	const struct evidence_counts *arms = route.entries[0].arms;
	uint64_t added;

	(void)state;
	added = drill_faults_apply(&faults, GENERATION, &route, NULL, 0);
	assert_int_equal(arms[ARM_LEGACY].n + arms[ARM_CANARY].n, 10000);
	assert_int_equal(arms[ARM_LEGACY].failed + arms[ARM_CANARY].failed, 1000 + added);
	assert_int_equal(arms[ARM_LEGACY].bad + arms[ARM_CANARY].bad, 500 + added);
	assert_in_range(arms[ARM_CANARY].n, 1800, 2200);
	assert_in_range(added, 780, 1020);
	assert_in_range(arms[ARM_LEGACY].failed, 740, 860);
}

static void who_stands_in_says_nothing_of_speed_nor_of_users(void **state)
{
	struct drill_faults faults = { .fail = 0.5, .stand_in = 0.2, .random = 1 };
	struct evidence route = evidence_of(
	    (struct evidence_counts) { .n = 100, .slow = { 50 }, .over = 3, .units = 9 },
	    (struct evidence_counts) { .n = 0 });
	const struct evidence_entry *entry = &route.entries[0];

	(void)state;
	drill_faults_apply(&faults, GENERATION, &route, NULL, 0);
	assert_false(entry->has_latency);
	assert_int_equal(entry->arms[ARM_LEGACY].slow[0], 0);
	assert_int_equal(entry->arms[ARM_LEGACY].over, 0);
	assert_int_equal(entry->arms[ARM_LEGACY].units, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_are_as_frequent_as_asked),
		cmocka_unit_test(certain_draws_need_no_luck),
		cmocka_unit_test(the_same_seed_draws_the_same_failures),
		cmocka_unit_test(what_has_failed_by_itself_is_not_failed_again),
		cmocka_unit_test(legacy_stays_as_it_is),
		cmocka_unit_test(a_route_fails_as_its_paths_do_and_what_is_in_none_of_them),
		cmocka_unit_test(what_was_assigned_before_the_release_stays),
		cmocka_unit_test(legacys_requests_stand_in_for_a_canary_without_users),
		cmocka_unit_test(who_stands_in_says_nothing_of_speed_nor_of_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
