/* What is counted of a route since the start, and when the control thread is woken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/route_stats.h"

enum {
	WORKERS = 2,
	SLOW_US = 250000,
};

static int set_up(void **state)
{
	*state = route_stats_new(WORKERS, SLOW_US);
	return *state == NULL;
}

static int tear_down(void **state)
{
	route_stats_free(*state);
	return 0;
}

static struct outcome served(enum arm arm)
{
	return (struct outcome) {
		.arm = arm,
		.path_class = 3,
		.status = 200,
		.counts = true,
		.randomised = true,
		.generation = 1,
		.has_first_byte = true,
		.first_byte_us = 1000,
		.total_us = 2000,
	};
}

static struct outcome failed(enum arm arm)
{
	struct outcome outcome = served(arm);

	outcome.status = 503;
	outcome.failure = FAILURE_STATUS;
	return outcome;
}

static struct outcome failed_for(enum arm arm, uint64_t unit_hash)
{
	struct outcome outcome = failed(arm);

	outcome.has_unit = true;
	outcome.unit_hash = unit_hash;
	return outcome;
}

static bool record(struct route_stats *stats, struct outcome outcome)
{
	return route_stats_record(stats, 0, 1, &outcome);
}

static void requests_are_counted_by_class_arm_and_status(void **state)
{
	struct route_stats *stats = *state;
	struct arm_totals totals;

	record(stats, served(ARM_LEGACY));
	record(stats, served(ARM_CANARY));
	record(stats, failed(ARM_CANARY));
	assert_true(route_stats_totals(stats, 3, ARM_CANARY, &totals));
	assert_int_equal(totals.requests, 2);
	assert_int_equal(totals.status[STATUS_2XX], 1);
	assert_int_equal(totals.status[STATUS_5XX], 1);
	assert_int_equal(totals.failures[FAILURE_STATUS], 1);
	assert_int_equal(totals.failed, 1);
	assert_false(route_stats_totals(stats, 4, ARM_CANARY, &totals));
	assert_int_equal(totals.requests, 0);
}

static void workers_and_classes_add_up_to_the_route(void **state)
{
	struct route_stats *stats = *state;
	struct outcome outcome = served(ARM_LEGACY);
	struct histogram_sum sum;
	struct arm_totals totals;

	for (size_t worker = 0; worker < WORKERS; worker++) {
		for (unsigned c = 0; c < PATH_CLASSES; c++) {
			outcome.path_class = (uint8_t)c;
			route_stats_record(stats, worker, 1, &outcome);
		}
	}
	assert_true(route_stats_totals(stats, PATH_CLASS_ALL, ARM_LEGACY, &totals));
	assert_int_equal(totals.requests, WORKERS * PATH_CLASSES);
	assert_true(
	    route_stats_latency(stats, PATH_CLASS_ALL, ARM_LEGACY, LATENCY_TOTAL, &sum));
	assert_int_equal(sum.count, WORKERS * PATH_CLASSES);
}

static void both_latencies_are_kept(void **state)
{
	struct route_stats *stats = *state;
	struct outcome unanswered = failed(ARM_CANARY);
	struct histogram_sum first, total;

	unanswered.has_first_byte = false;
	unanswered.status = 0;
	record(stats, served(ARM_CANARY));
	record(stats, unanswered);
	assert_true(route_stats_latency(stats, 3, ARM_CANARY, LATENCY_FIRST_BYTE, &first));
	assert_true(route_stats_latency(stats, 3, ARM_CANARY, LATENCY_TOTAL, &total));
	assert_int_equal(first.count, 1);
	assert_int_equal(first.sum_us, 1000);
	assert_int_equal(total.count, 2);
	assert_int_equal(total.sum_us, 4000);
}

static void a_request_is_slow_by_its_first_byte_or_by_its_end_where_none_came(void **state)
{
	struct route_stats *stats = *state;
	struct outcome outcome = served(ARM_LEGACY);
	struct arm_totals totals;

	outcome.total_us = SLOW_US + 1; /* a long download is not slow */
	record(stats, outcome);
	outcome.first_byte_us = SLOW_US;
	record(stats, outcome);
	outcome.first_byte_us = SLOW_US + 1;
	record(stats, outcome);
	outcome.has_first_byte = false;
	record(stats, outcome);
	route_stats_totals(stats, 3, ARM_LEGACY, &totals);
	assert_int_equal(totals.slow, 2);
}

static void a_client_that_went_away_is_neither_failed_nor_served(void **state)
{
	struct route_stats *stats = *state;
	struct outcome outcome = failed(ARM_CANARY);
	struct arm_totals totals;

	outcome.client_gone = true;
	record(stats, outcome);
	route_stats_totals(stats, 3, ARM_CANARY, &totals);
	assert_int_equal(totals.requests, 1);
	assert_int_equal(totals.client_gone, 1);
	assert_int_equal(totals.failed, 0);
	assert_int_equal(totals.budget_n, 0);
}

static void forced_requests_are_counted_but_touch_no_budget_and_wake_nobody(void **state)
{
	struct route_stats *stats = *state;
	struct outcome outcome = failed(ARM_CANARY);
	struct arm_totals totals;

	record(stats, outcome);
	outcome.counts = false;
	for (int i = 0; i < 9; i++)
		assert_false(record(stats, outcome));
	route_stats_totals(stats, 3, ARM_CANARY, &totals);
	assert_int_equal(totals.requests, 10);
	assert_int_equal(totals.failed, 10);
	assert_int_equal(totals.budget_n, 1);
	assert_int_equal(totals.budget_bad, 1);
}

static void every_third_new_canary_failure_of_a_worker_wakes_the_control_thread(void **state)
{
	struct route_stats *stats = *state;
	struct outcome canary = failed(ARM_CANARY);

	assert_false(record(stats, failed(ARM_CANARY)));
	assert_false(record(stats, failed(ARM_LEGACY)));
	assert_false(record(stats, failed(ARM_CANARY)));
	assert_false(route_stats_record(stats, 1, 1, &canary));
	assert_true(record(stats, failed(ARM_CANARY)));
	assert_false(record(stats, failed(ARM_CANARY)));
	assert_false(record(stats, failed(ARM_CANARY)));
	assert_true(record(stats, failed(ARM_CANARY)));
}

static void one_user_who_fails_over_and_over_wakes_nobody(void **state)
{
	for (int i = 0; i < 20; i++)
		assert_false(record(*state, failed_for(ARM_CANARY, 5)));
}

static void synthetic_requests_are_told_apart(void **state)
{
	struct outcome outcome = failed(ARM_CANARY);
	struct drill_counts drill[ARMS];

	outcome.counts = false;
	outcome.synthetic = true;
	record(*state, outcome);
	record(*state, failed(ARM_CANARY));
	route_stats_drill(*state, drill);
	assert_int_equal(drill[ARM_CANARY].n, 1);
	assert_int_equal(drill[ARM_CANARY].failed, 1);
	assert_int_equal(drill[ARM_LEGACY].n, 0);
}

static void a_class_out_of_range_counts_as_other(void **state)
{
	struct route_stats *stats = *state;
	struct outcome outcome = served(ARM_LEGACY);
	struct arm_totals totals;

	outcome.path_class = 200;
	record(stats, outcome);
	assert_true(route_stats_totals(stats, PATH_CLASS_OTHER, ARM_LEGACY, &totals));
	assert_int_equal(totals.requests, 1);
}

/* Those that a restart is to know of. */
static void an_epoch_is_saved_and_restored(void **state)
{
	struct route_stats *after = route_stats_new(WORKERS, SLOW_US);
	struct evidence evidence;
	struct path_evidence paths[PATH_CLASSES];
	uint16_t units[EPOCH_SAVED_MAX];
	size_t n;

	assert_non_null(after);
	assert_int_equal(route_stats_save_epoch(*state, units), 0);
	for (uint64_t user = 0; user < 18; user++)
		record(*state, failed_for(ARM_CANARY, user * 4001));
	n = route_stats_save_epoch(*state, units);
	assert_int_equal(n, 18);
	route_stats_restore_epoch(after, units, n);
	assert_int_equal(route_stats_save_epoch(after, units), 18);
	for (uint64_t user = 0; user < 19; user++)
		record(after, failed_for(ARM_CANARY, user * 4001));
	route_stats_read_evidence(after, 1, &evidence, paths);
	assert_int_equal(paths[0].evidence.entries[0].arms[ARM_CANARY].failed, 19);
	assert_int_equal(paths[0].evidence.entries[0].arms[ARM_CANARY].bad, 1);
	route_stats_begin_epoch(after);
	assert_int_equal(route_stats_save_epoch(after, units), 0);
	route_stats_free(after);
}

static void an_epoch_with_too_many_users_is_not_saved(void **state)
{
	uint16_t units[EPOCH_SAVED_MAX];

	for (uint64_t user = 0; user < EPOCH_SAVED_MAX; user++)
		record(*state, failed_for(ARM_LEGACY, user));
	assert_int_equal(route_stats_save_epoch(*state, units), EPOCH_SAVED_MAX);
	record(*state, failed_for(ARM_LEGACY, 65535));
	assert_int_equal(route_stats_save_epoch(*state, units), 0);
}

#define WITH_STATS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STATS(requests_are_counted_by_class_arm_and_status),
		WITH_STATS(workers_and_classes_add_up_to_the_route),
		WITH_STATS(both_latencies_are_kept),
		WITH_STATS(a_request_is_slow_by_its_first_byte_or_by_its_end_where_none_came),
		WITH_STATS(a_client_that_went_away_is_neither_failed_nor_served),
		WITH_STATS(forced_requests_are_counted_but_touch_no_budget_and_wake_nobody),
		WITH_STATS(every_third_new_canary_failure_of_a_worker_wakes_the_control_thread),
		WITH_STATS(one_user_who_fails_over_and_over_wakes_nobody),
		WITH_STATS(synthetic_requests_are_told_apart),
		WITH_STATS(a_class_out_of_range_counts_as_other),
		WITH_STATS(an_epoch_is_saved_and_restored),
		WITH_STATS(an_epoch_with_too_many_users_is_not_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
