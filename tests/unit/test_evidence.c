/* What of a route's counters is evidence, and under which weight. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/route_stats.h"

#include <stdlib.h>

enum {
	WORKERS = 2,
	OVER_US = 250000,
	CLASS = 3,
	GENERATION = 7,
};

struct fixture {
	struct route_stats *stats;
	uint32_t generation; /* the latest */
	struct evidence route;
	struct path_evidence paths[PATH_CLASSES];
	size_t n_paths;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->stats = route_stats_new(WORKERS, OVER_US);
	f->generation = GENERATION;
	return f->stats == NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	route_stats_free(f->stats);
	free(f);
	return 0;
}

static struct outcome served(enum arm arm)
{
	return (struct outcome) {
		.arm = arm,
		.path_class = CLASS,
		.status = 200,
		.counts = true,
		.randomised = true,
		.generation = GENERATION,
		.has_first_byte = true,
		.first_byte_us = 1000,
		.total_us = 2000,
	};
}

static struct outcome failed_for(enum arm arm, uint64_t unit_hash)
{
	struct outcome outcome = served(arm);

	outcome.status = 503;
	outcome.failure = FAILURE_STATUS;
	outcome.has_unit = unit_hash != 0;
	outcome.unit_hash = unit_hash;
	return outcome;
}

static struct outcome taking(enum arm arm, uint64_t us)
{
	struct outcome outcome = served(arm);

	outcome.first_byte_us = us;
	outcome.total_us = us;
	return outcome;
}

static void record(struct fixture *f, struct outcome outcome)
{
	route_stats_record(f->stats, 0, f->generation, &outcome);
}

static void read_all(struct fixture *f)
{
	f->n_paths = route_stats_read_evidence(f->stats, f->generation, &f->route, f->paths);
}

/* Of what was last read; zeros where there is no such entry. */
static struct evidence_counts counts(
    const struct evidence *evidence, uint32_t generation, enum arm arm)
{
	for (size_t i = 0; i < evidence->n_entries; i++)
		if (evidence->entries[i].generation == generation)
			return evidence->entries[i].arms[arm];
	return (struct evidence_counts) { .n = 0 };
}

static struct evidence_counts now(const struct fixture *f, enum arm arm)
{
	return counts(&f->route, f->generation, arm);
}

static void what_was_read_once_is_not_news_again(void **state)
{
	struct fixture *f = *state;

	record(f, served(ARM_LEGACY));
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).n, 1);
	assert_int_equal(f->n_paths, 1);
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).n, 0);
	assert_int_equal(f->n_paths, 0);
	record(f, served(ARM_LEGACY));
	record(f, served(ARM_CANARY));
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).n, 1);
	assert_int_equal(now(f, ARM_CANARY).n, 1);
}

/* Of 64 classes with news those that failed come at once, the others in turn. */
static void of_many_classes_the_harmless_take_turns(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome = served(ARM_LEGACY);
	uint32_t n = 0, paths = 0;

	read_all(f);
	for (unsigned c = 0; c < PATH_CLASS_SLOTS; c++) {
		outcome.path_class = (uint8_t)c;
		record(f, outcome);
	}
	outcome = failed_for(ARM_CANARY, 0);
	outcome.path_class = 33;
	record(f, outcome);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).bad, 1);
	assert_in_range(f->n_paths, 6, 8);
	assert_true(route_stats_has_unread(f->stats));
	for (int reads = 0; reads < 10; reads++) {
		n += now(f, ARM_LEGACY).n;
		paths += (uint32_t)f->n_paths;
		read_all(f);
	}
	assert_int_equal(n, PATH_CLASS_SLOTS);
	assert_in_range(paths, PATH_CLASS_SLOTS, PATH_CLASS_SLOTS + 1);
	assert_false(route_stats_has_unread(f->stats));
}

/* What a worker counted just as the generation changed, of a class that waits its turn. */
static void what_no_mark_tells_of_is_found_in_time_in_any_class(void **state)
{
	struct fixture *f = *state;

	for (unsigned path_class = 0; path_class < PATH_CLASS_SLOTS; path_class++) {
		struct outcome outcome = failed_for(ARM_CANARY, path_class);
		uint32_t old = f->generation, bad = 0;

		outcome.path_class = (uint8_t)path_class;
		outcome.generation = old;
		f->generation++;
		read_all(f);
		route_stats_record(f->stats, 0, old, &outcome);
		for (int reads = 0; reads < 400 && bad == 0; reads++) {
			outcome = served(ARM_LEGACY);
			outcome.generation = f->generation;
			for (unsigned c = 0; c < PATH_CLASS_SLOTS; c++) {
				outcome.path_class = (uint8_t)c;
				record(f, outcome);
			}
			read_all(f);
			bad += counts(&f->route, old, ARM_CANARY).bad;
		}
		assert_int_equal(bad, 1);
		route_stats_begin_epoch(f->stats);
	}
}

static void workers_and_classes_add_up_to_the_route(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome = served(ARM_LEGACY);

	for (size_t worker = 0; worker < WORKERS; worker++) {
		for (unsigned c = 0; c < PATH_CLASSES; c++) {
			outcome.path_class = (uint8_t)c;
			route_stats_record(f->stats, worker, f->generation, &outcome);
		}
	}
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).n, WORKERS * PATH_CLASSES);
	assert_int_equal(f->n_paths, PATH_CLASSES);
	for (size_t i = 0; i < f->n_paths; i++) {
		assert_int_equal(f->paths[i].path_class, i);
		assert_int_equal(
		    counts(&f->paths[i].evidence, f->generation, ARM_LEGACY).n, WORKERS);
	}
}

static void a_users_failures_count_once_an_epoch_on_whichever_arm_they_come(void **state)
{
	struct fixture *f = *state;

	record(f, failed_for(ARM_CANARY, 77));
	record(f, failed_for(ARM_CANARY, 77));
	record(f, failed_for(ARM_LEGACY, 77));
	record(f, failed_for(ARM_LEGACY, 78));
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).n, 2);
	assert_int_equal(now(f, ARM_CANARY).failed, 2);
	assert_int_equal(now(f, ARM_CANARY).bad, 1);
	assert_int_equal(now(f, ARM_LEGACY).failed, 2);
	assert_int_equal(now(f, ARM_LEGACY).bad, 1);
	route_stats_begin_epoch(f->stats);
	record(f, failed_for(ARM_CANARY, 77));
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).bad, 1);
	assert_int_equal(counts(&f->paths[0].evidence, GENERATION, ARM_CANARY).bad, 1);
}

static void a_request_without_a_key_is_a_unit_of_its_own(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		record(f, failed_for(ARM_LEGACY, 0));
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).bad, 5);
}

static void what_a_bucket_did_not_decide_is_no_evidence(void **state)
{
	struct fixture *f = *state;
	struct outcome forced = failed_for(ARM_CANARY, 0);
	struct outcome gone = failed_for(ARM_CANARY, 0);
	struct outcome withdrawn = failed_for(ARM_LEGACY, 0);

	forced.counts = false;
	gone.client_gone = true;
	withdrawn.randomised = false;
	record(f, forced);
	record(f, gone);
	record(f, withdrawn);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).n, 0);
	assert_int_equal(now(f, ARM_LEGACY).n, 0);
}

static void evidence_is_kept_by_the_weight_at_assignment(void **state)
{
	struct fixture *f = *state;
	struct outcome late = failed_for(ARM_CANARY, 0);

	f->generation = GENERATION + 1;
	record(f, late);
	late.generation = GENERATION + 1;
	record(f, late);
	record(f, late);
	read_all(f);
	assert_int_equal(f->route.entries[0].generation, GENERATION + 1);
	assert_int_equal(counts(&f->route, GENERATION, ARM_CANARY).bad, 1);
	assert_int_equal(counts(&f->route, GENERATION + 1, ARM_CANARY).bad, 2);
	assert_int_equal(counts(&f->paths[0].evidence, GENERATION, ARM_CANARY).bad, 1);
}

static void late_outcomes_are_found_however_long_the_weight_has_stood(void **state)
{
	struct fixture *f = *state;

	f->generation = GENERATION + 1;
	for (int i = 0; i < 5; i++)
		read_all(f);
	for (int i = 0; i < 5; i++) {
		record(f, failed_for(ARM_CANARY, 0));
		read_all(f);
		assert_int_equal(counts(&f->route, GENERATION, ARM_CANARY).bad, 1);
	}
}

static void late_outcomes_of_the_class_other_are_found_too(void **state)
{
	struct fixture *f = *state;
	struct outcome late = failed_for(ARM_CANARY, 0);

	f->generation = GENERATION + 1;
	read_all(f);
	late.path_class = PATH_CLASS_OTHER;
	record(f, late);
	read_all(f);
	assert_int_equal(counts(&f->route, GENERATION, ARM_CANARY).bad, 1);
}

static void what_is_older_than_eight_weights_is_no_longer_evidence(void **state)
{
	struct fixture *f = *state;

	f->generation = GENERATION + EVIDENCE_GENERATIONS - 1;
	record(f, served(ARM_CANARY));
	f->generation++;
	record(f, served(ARM_CANARY));
	f->generation--;
	read_all(f);
	assert_int_equal(counts(&f->route, GENERATION, ARM_CANARY).n, 1);
}

static void a_full_epoch_shows(void **state)
{
	struct fixture *f = *state;

	for (uint64_t unit = 1; unit <= 32768; unit++)
		record(f, failed_for(ARM_LEGACY, unit));
	read_all(f);
	assert_true(f->route.epoch_is_full);
	route_stats_begin_epoch(f->stats);
	read_all(f);
	assert_false(f->route.epoch_is_full);
}

static const struct handicap none = { .factor = 1 }, tolerant = { .factor = 1.1 };

/* Legacy's latencies: 1 ms to 100 ms, evenly. */
static void freeze_on_even_latencies_with(struct fixture *f, const struct handicap *handicap)
{
	for (uint64_t ms = 1; ms <= 100; ms++)
		record(f, taking(ARM_LEGACY, ms * 1000));
	read_all(f);
	assert_true(route_stats_freeze_thresholds(f->stats, f->generation, handicap));
}

static void freeze_on_even_latencies(struct fixture *f, double factor)
{
	freeze_on_even_latencies_with(f, &(struct handicap) { .factor = factor });
}

static void too_few_requests_of_legacy_freeze_nothing(void **state)
{
	struct fixture *f = *state;
	uint32_t us[LATENCY_THRESHOLDS];

	for (int i = 0; i < 99; i++)
		record(f, taking(ARM_LEGACY, 1000));
	assert_false(route_stats_freeze_thresholds(f->stats, f->generation, &tolerant));
	assert_false(route_stats_thresholds(f->stats, PATH_CLASS_ALL, us));
	record(f, taking(ARM_LEGACY, 1000));
	assert_true(route_stats_freeze_thresholds(f->stats, f->generation, &tolerant));
	assert_true(route_stats_thresholds(f->stats, PATH_CLASS_ALL, us));
	assert_true(route_stats_thresholds(f->stats, CLASS, us));
	assert_false(route_stats_thresholds(f->stats, CLASS + 1, us));
}

static void slow_is_past_legacys_frozen_quantiles_and_the_canarys_handicap(void **state)
{
	struct fixture *f = *state;
	struct evidence_counts counted;

	freeze_on_even_latencies(f, 1.5);
	record(f, taking(ARM_LEGACY, 60000)); /* past q50, about 50 ms */
	record(f, taking(ARM_CANARY, 60000)); /* not past 1.5 times that */
	record(f, taking(ARM_CANARY, 95000)); /* past it, not past 1.5 x 90 ms */
	record(f, taking(ARM_CANARY, 140000));
	record(f, taking(ARM_CANARY, 400000)); /* past all four */
	read_all(f);
	assert_true(f->route.entries[0].has_latency);
	counted = now(f, ARM_LEGACY);
	assert_int_equal(counted.slow[THRESHOLD_Q50], 1);
	assert_int_equal(counted.good[THRESHOLD_Q90], 1);
	counted = now(f, ARM_CANARY);
	assert_int_equal(counted.good[THRESHOLD_Q50], 1);
	assert_int_equal(counted.slow[THRESHOLD_Q50], 3);
	assert_int_equal(counted.slow[THRESHOLD_Q90], 2);
	assert_int_equal(counted.slow[THRESHOLD_Q99], 1);
	assert_int_equal(counted.slow[THRESHOLD_FAR], 1);
	assert_int_equal(counted.good[THRESHOLD_Q99], 3);
}

static void however_fast_legacy_is_a_canary_within_the_slack_is_not_slow(void **state)
{
	const struct handicap slack = { .factor = 1.1, .slack_us = 1000 };
	struct fixture *f = *state;
	struct outcome hanging = taking(ARM_CANARY, 1500);

	for (int i = 0; i < 100; i++)
		record(f, taking(ARM_LEGACY, 130));
	read_all(f);
	assert_true(route_stats_freeze_thresholds(f->stats, f->generation, &slack));
	record(f, taking(ARM_LEGACY, 430)); /* legacy's own thresholds have none */
	record(f, taking(ARM_CANARY, 430));
	record(f, taking(ARM_CANARY, 1100));
	route_stats_in_flight(f->stats, 1, f->generation, &hanging, 1000);
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).slow[THRESHOLD_Q50], 1);
	assert_int_equal(now(f, ARM_LEGACY).slow[THRESHOLD_FAR], 1);
	assert_int_equal(now(f, ARM_CANARY).good[THRESHOLD_Q50], 2);
	assert_int_equal(
	    counts(&f->paths[0].evidence, GENERATION, ARM_CANARY).good[THRESHOLD_Q50], 2);
	for (int i = 0; i < LATENCY_THRESHOLDS; i++)
		assert_int_equal(now(f, ARM_CANARY).slow[i], 0);
	/* Past it the canary is slow, in flight as in the end. */
	route_stats_in_flight(f->stats, 1, f->generation, &hanging, 1200);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q99], 1);
}

static void where_legacy_is_slow_enough_the_factor_is_more_than_the_slack(void **state)
{
	const struct handicap slack = { .factor = 1.5, .slack_us = 1000 };
	struct fixture *f = *state;

	freeze_on_even_latencies_with(f, &slack);
	record(
	    f, taking(ARM_CANARY, 70000)); /* past q50, about 50 ms; not past 1.5 times that */
	record(f, taking(ARM_CANARY, 80000));
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).good[THRESHOLD_Q50], 1);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 1);
}

static void a_request_counts_as_slow_when_it_becomes_slow_and_only_once(void **state)
{
	struct fixture *f = *state;
	struct outcome hanging = taking(ARM_CANARY, 500000);
	struct evidence_counts counted;

	freeze_on_even_latencies(f, 1.0);
	route_stats_in_flight(f->stats, 1, f->generation, &hanging, 70000);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 1);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q90], 0);
	assert_int_equal(now(f, ARM_CANARY).n, 0);
	route_stats_in_flight(f->stats, 1, f->generation, &hanging, 95000);
	route_stats_in_flight(f->stats, 1, f->generation, &hanging, 96000);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 0);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q90], 1);
	route_stats_record(f->stats, 1, f->generation, &hanging);
	read_all(f);
	counted = now(f, ARM_CANARY);
	assert_int_equal(counted.n, 1);
	assert_int_equal(counted.slow[THRESHOLD_Q50], 0);
	assert_int_equal(counted.slow[THRESHOLD_Q90], 0);
	assert_int_equal(counted.slow[THRESHOLD_Q99], 1);
	assert_int_equal(counted.slow[THRESHOLD_FAR], 1);
	assert_int_equal(counted.good[THRESHOLD_Q50], 0);
}

static void a_user_who_is_far_too_slow_counts_once_an_epoch(void **state)
{
	struct fixture *f = *state;
	struct outcome slow = taking(ARM_CANARY, 500000);

	slow.has_unit = true;
	slow.unit_hash = 42;
	freeze_on_even_latencies(f, 1.0);
	record(f, slow);
	record(f, slow);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q99], 2);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_FAR], 1);
	route_stats_begin_epoch(f->stats);
	record(f, slow);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_FAR], 1);
}

static void one_that_the_client_gave_up_stays_slow(void **state)
{
	struct fixture *f = *state;
	struct outcome hanging = taking(ARM_CANARY, 500000);

	freeze_on_even_latencies(f, 1.0);
	route_stats_in_flight(f->stats, 0, f->generation, &hanging, 70000);
	hanging.client_gone = true;
	record(f, hanging);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 1);
	assert_int_equal(now(f, ARM_CANARY).n, 0);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 0);
}

static void older_generations_are_not_held_against_newer_thresholds(void **state)
{
	struct fixture *f = *state;

	for (uint64_t ms = 1; ms <= 100; ms++)
		record(f, taking(ARM_LEGACY, ms * 1000));
	read_all(f);
	f->generation = GENERATION + 1;
	assert_true(route_stats_freeze_thresholds(f->stats, f->generation, &none));
	record(f, taking(ARM_CANARY, 900000)); /* assigned under the older one */
	read_all(f);
	assert_int_equal(f->route.n_entries, 2);
	assert_true(f->route.entries[0].has_latency);
	assert_false(f->route.entries[1].has_latency);
	assert_int_equal(counts(&f->route, GENERATION, ARM_CANARY).slow[THRESHOLD_Q50], 0);
}

static void a_class_that_legacy_hardly_knows_is_held_to_the_routes_thresholds(void **state)
{
	struct fixture *f = *state;
	struct outcome elsewhere = taking(ARM_CANARY, 95000);

	elsewhere.path_class = CLASS + 1;
	freeze_on_even_latencies(f, 1.0);
	record(f, elsewhere);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q90], 1);
	assert_int_equal(f->paths[0].path_class, CLASS + 1);
	/* Of the class itself this is no evidence. */
	assert_false(f->paths[0].evidence.entries[0].has_latency);
}

static void settling_changes_the_factor_and_keeps_the_quantiles(void **state)
{
	struct fixture *f = *state;
	uint32_t before[LATENCY_THRESHOLDS], after[LATENCY_THRESHOLDS];
	struct outcome canary = taking(ARM_CANARY, 95000);

	freeze_on_even_latencies(f, 4.0);
	assert_true(route_stats_thresholds(f->stats, PATH_CLASS_ALL, before));
	for (int i = 0; i < 1000; i++)
		record(f, taking(ARM_LEGACY, 1000000));
	record(f, canary);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 0);
	f->generation++;
	route_stats_settle_thresholds(f->stats, f->generation, &tolerant);
	canary.generation = f->generation;
	record(f, canary);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).slow[THRESHOLD_Q50], 1);
	assert_true(route_stats_thresholds(f->stats, PATH_CLASS_ALL, after));
	assert_memory_equal(before, after, sizeof(before));
}

static void the_halves_of_the_slow_are_told_by_the_key(void **state)
{
	struct fixture *f = *state;
	struct outcome slow = taking(ARM_LEGACY, 400000);
	struct evidence_counts counted;

	freeze_on_even_latencies(f, 1.0);
	slow.has_unit = true;
	for (int i = 0; i < 4; i++) {
		slow.unit_hash = 0x100;
		record(f, slow);
	}
	slow.unit_hash = 0x200;
	record(f, slow);
	read_all(f);
	counted = now(f, ARM_LEGACY);
	assert_int_equal(counted.half_slow[0][THRESHOLD_Q99], 1);
	assert_int_equal(counted.half_slow[1][THRESHOLD_Q99], 4);
	slow.first_byte_us = 1;
	slow.total_us = 2;
	record(f, slow);
	record(f, slow);
	read_all(f);
	counted = now(f, ARM_LEGACY);
	assert_int_equal(counted.half_n[0], 2);
	assert_int_equal(counted.half_n[1], 0);
	assert_int_equal(counted.half_slow[0][THRESHOLD_Q50], 0);
}

static void a_user_past_the_latency_budget_counts_once_an_epoch(void **state)
{
	struct fixture *f = *state;
	struct outcome slow = taking(ARM_CANARY, OVER_US + 1);

	slow.has_unit = true;
	slow.unit_hash = 42;
	record(f, taking(ARM_CANARY, OVER_US));
	record(f, slow);
	record(f, slow);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).over, 1);
	assert_int_equal(now(f, ARM_CANARY).over_all, 2);
	route_stats_begin_epoch(f->stats);
	assert_false(route_stats_in_flight(f->stats, 0, f->generation, &slow, OVER_US + 5));
	record(f, slow);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).over, 1);
	assert_int_equal(now(f, ARM_CANARY).over_all, 1);
}

static void three_slow_ones_wake_the_control_thread_like_failures(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		struct outcome slow = taking(ARM_CANARY, 0);

		assert_true(route_stats_in_flight(
				f->stats, 0, f->generation, &slow, OVER_US + 1) == (i == 2));
	}
}

static void a_key_is_seen_for_the_first_time_once_a_release(void **state)
{
	struct fixture *f = *state;

	route_stats_begin_units(f->stats);
	for (int i = 0; i < 3; i++)
		route_stats_assigned(f->stats, 0, GENERATION, ARM_CANARY, 0x120);
	route_stats_assigned(f->stats, 1, GENERATION, ARM_LEGACY, 0x130);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).units, 1);
	assert_int_equal(now(f, ARM_LEGACY).units, 1);
	route_stats_begin_epoch(f->stats);
	route_stats_assigned(f->stats, 0, GENERATION, ARM_CANARY, 0x120);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).units, 0);
	route_stats_begin_units(f->stats);
	route_stats_assigned(f->stats, 0, GENERATION, ARM_CANARY, 0x120);
	read_all(f);
	assert_int_equal(now(f, ARM_CANARY).units, 1);
}

static void a_full_map_of_keys_counts_no_more(void **state)
{
	struct fixture *f = *state;

	route_stats_begin_units(f->stats);
	for (uint64_t unit = 0; unit < 65536; unit++)
		route_stats_assigned(f->stats, 0, GENERATION, ARM_LEGACY, unit << 4);
	read_all(f);
	assert_int_equal(now(f, ARM_LEGACY).units, 32768);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(what_was_read_once_is_not_news_again),
		WITH(of_many_classes_the_harmless_take_turns),
		WITH(what_no_mark_tells_of_is_found_in_time_in_any_class),
		WITH(workers_and_classes_add_up_to_the_route),
		WITH(a_users_failures_count_once_an_epoch_on_whichever_arm_they_come),
		WITH(a_request_without_a_key_is_a_unit_of_its_own),
		WITH(what_a_bucket_did_not_decide_is_no_evidence),
		WITH(evidence_is_kept_by_the_weight_at_assignment),
		WITH(late_outcomes_are_found_however_long_the_weight_has_stood),
		WITH(late_outcomes_of_the_class_other_are_found_too),
		WITH(what_is_older_than_eight_weights_is_no_longer_evidence),
		WITH(a_full_epoch_shows),
		WITH(too_few_requests_of_legacy_freeze_nothing),
		WITH(slow_is_past_legacys_frozen_quantiles_and_the_canarys_handicap),
		WITH(however_fast_legacy_is_a_canary_within_the_slack_is_not_slow),
		WITH(where_legacy_is_slow_enough_the_factor_is_more_than_the_slack),
		WITH(a_request_counts_as_slow_when_it_becomes_slow_and_only_once),
		WITH(a_user_who_is_far_too_slow_counts_once_an_epoch),
		WITH(one_that_the_client_gave_up_stays_slow),
		WITH(older_generations_are_not_held_against_newer_thresholds),
		WITH(a_class_that_legacy_hardly_knows_is_held_to_the_routes_thresholds),
		WITH(settling_changes_the_factor_and_keeps_the_quantiles),
		WITH(the_halves_of_the_slow_are_told_by_the_key),
		WITH(a_user_past_the_latency_budget_counts_once_an_epoch),
		WITH(three_slow_ones_wake_the_control_thread_like_failures),
		WITH(a_key_is_seen_for_the_first_time_once_a_release),
		WITH(a_full_map_of_keys_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
