/*
 * Path classes whose latency is staked once a second, each in its turn: nothing of it is
 * lost, nothing is worth more, and nothing is found more than a second later.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"
#include "rollout/guard_paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct guard_stage stage = { .hold_s = 60, .min_requests = 50 };
static const double staked_per_s = 0.3 / 86400; /* docs/policy.md, 3 */

static uint64_t dice = 1;

static uint32_t below(uint32_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)((dice >> 11) % n);
}

/* The same traffic for two guards: one stakes by turns, the other in every tick. */
struct both {
	struct guard guards[2];
	struct guard_tick tick;
	struct guard_path paths[PATH_CLASSES];
	struct verdict verdicts[2];
};

enum {
	BY_TURNS,
	AT_ONCE
};

static struct both *both_new(double budget)
{
	struct both *both = calloc(1, sizeof(*both));
	struct guard_params params = { .alpha = .01, .budget = budget };

	assert_non_null(both);
	for (int i = 0; i < 2; i++)
		guard_init(&both->guards[i], &params, &stage);
	both->tick = (struct guard_tick) {
		.n_entries = 1,
		.paths = both->paths,
		.entries = { { .weight = .1 } },
	};
	return both;
}

static void both_free(struct both *both)
{
	for (int i = 0; i < 2; i++)
		guard_done(&both->guards[i]);
	free(both);
}

static void tick(struct both *both, double dt_s)
{
	both->tick.dt_s = dt_s;
	for (int i = 0; i < 2; i++) {
		both->tick.by_turns = i == BY_TURNS;
		both->verdicts[i] = guard_tick(&both->guards[i], &both->tick);
	}
	both->tick.n_paths = 0;
}

static struct guard_entry *news(struct both *both, unsigned path_class)
{
	struct guard_path *path = &both->paths[both->tick.n_paths++];

	memset(path, 0, sizeof(*path));
	path->path_class = path_class;
	path->n_entries = 1;
	path->entries[0].weight = both->tick.entries[0].weight;
	path->entries[0].has_latency = true;
	return &path->entries[0];
}

static void some(struct guard_entry *entry, enum arm arm, uint32_t most)
{
	struct evidence_counts *counts = &entry->arms[arm];

	counts->n = below(most);
	for (unsigned i = 0; i < THRESHOLD_FAR; i++) {
		counts->slow[i] = below(2 + counts->n / (i + 1));
		counts->good[i] = below(1 + counts->n);
	}
	if (below(20) == 0)
		counts->slow[THRESHOLD_FAR] = 1;
	if (below(20) == 0)
		counts->failed = counts->bad = 1;
}

/* Any traffic on some of the classes, some of it late, at times without thresholds. */
static void some_traffic(struct both *both)
{
	for (unsigned c = 0; c < PATH_CLASSES; c += 1 + below(20)) {
		struct guard_entry *entry = news(both, c);

		some(entry, ARM_LEGACY, 9);
		some(entry, ARM_CANARY, 2);
		entry->has_latency = below(8) != 0;
		if (below(10) != 0)
			continue;
		both->paths[both->tick.n_paths - 1].n_entries = 2;
		entry[1] = entry[0];
		entry[1].weight = .05;
	}
}

static void raise_the_weight(struct both *both)
{
	both->tick.entries[0].weight = fmin(.9, 1.2 * both->tick.entries[0].weight);
	for (int i = 0; i < 2; i++)
		guard_begin_stage(&both->guards[i], &stage, true);
}

static void store_and_restore(struct both *both)
{
	for (int i = 0; i < 2; i++) {
		size_t len;
		unsigned char *bytes = guard_save(&both->guards[i], &len);

		assert_non_null(bytes);
		guard_done(&both->guards[i]);
		assert_true(guard_restore(&both->guards[i], bytes, len, NULL));
		free(bytes);
	}
}

static void something_happens(struct both *both)
{
	unsigned path_class = below(PATH_CLASS_SLOTS);

	switch (below(40)) {
	case 0: raise_the_weight(both); break;
	case 1: store_and_restore(both); break;
	case 2:
		both->tick.handicap = (struct handicap) { 1 + below(2), 1000 * below(2) };
		break;
	case 3: both->tick.entries[0].weight = .05 + .01 * below(20); break;
	case 4:
		for (int i = 0; i < 2; i++)
			guard_withdraw_path(&both->guards[i], path_class);
		break;
	default: break;
	}
}

static void assert_same_evidence(struct both *both, double relative, double absolute)
{
	guard_settle(&both->guards[BY_TURNS]);
	for (unsigned c = 0; c < PATH_CLASSES; c++) {
		for (int kind = EVIDENCE_PATH_ERRORS; kind <= EVIDENCE_PATH_LATENCY;
		     kind += 2) {
			double turns = exp(guard_path_ln_m(&both->guards[BY_TURNS], c, kind));
			double once = exp(guard_path_ln_m(&both->guards[AT_ONCE], c, kind));

			assert_true(fabs(turns - once) <= relative * once + absolute);
		}
	}
	assert_true(fabs(guard_ln_e(&both->guards[BY_TURNS]) -
			 guard_ln_e(&both->guards[AT_ONCE])) <= relative + absolute);
}

static void batched_evidence_is_worth_what_it_is_tick_by_tick(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		struct both *both = both_new(.001);

		dice = 1000 + (uint64_t)round;
		for (int i = 0; i < 100; i++) {
			some_traffic(both);
			tick(both, 0);
			something_happens(both);
			if (i % 10 == 9)
				assert_same_evidence(both, 1e-9, 0);
		}
		both_free(both);
	}
}

/* Mass that time stakes within a batch bets on what comes after it. */
static void time_makes_no_more_difference_than_what_it_stakes_in_a_second(void **state)
{
	double most = 0;

	(void)state;
	for (int round = 0; round < 10; round++) {
		struct both *both = both_new(.001);

		dice = 2000 + (uint64_t)round;
		for (int i = 0; i < 600; i++) {
			for (unsigned c = 0; c < 20; c++) {
				struct guard_entry *entry = news(both, c);

				entry->arms[ARM_LEGACY].n = entry->arms[ARM_LEGACY].good[0] =
				    below(9);
				entry->arms[below(10) == 0].slow[0] = 1;
			}
			tick(both, .1);
		}
		for (unsigned c = 0; c < 20; c++)
			most = fmax(most, exp(guard_path_ln_m(&both->guards[AT_ONCE], c,
					      EVIDENCE_PATH_LATENCY)));
		assert_same_evidence(both, 0, 60 * staked_per_s * fmax(1, most));
		both_free(both);
	}
}

static void the_clusters_of_slow_requests_are_told_from_read_to_read(void **state)
{
	struct both *both = both_new(.001);
	const struct guard_paths *paths[2];

	(void)state;
	dice = 3;
	for (int i = 0; i < 9; i++) {
		struct guard_entry *entry = news(both, 7);

		entry->arms[ARM_LEGACY].n = 40;
		entry->arms[ARM_LEGACY].half_slow[i % 2][0] = 10 + below(9);
		entry->arms[ARM_LEGACY].slow[0] = 19;
		tick(both, 0);
	}
	guard_settle(&both->guards[BY_TURNS]);
	for (int i = 0; i < 2; i++)
		paths[i] = both->guards[i].paths;
	assert_true(paths[0]->items[0].latency.designs[0].d > 5);
	assert_true(
	    paths[0]->items[0].latency.designs[0].d == paths[1]->items[0].latency.designs[0].d);
	both_free(both);
}

static void a_batch_is_judged_by_the_clusters_known_when_it_began(void **state)
{
	struct both *both = both_new(.001);
	struct guard_entry *entry;
	double before;

	(void)state;
	entry = news(both, 7);
	entry->arms[ARM_CANARY].slow[0] = 10;
	tick(both, 0);
	/* Only now the route's legacy turns out to be slow in clusters. */
	both->tick.entries[0].has_latency = true;
	both->tick.entries[0].arms[ARM_LEGACY].half_slow[0][0] = 1000;
	tick(both, 0);
	before = guard_path_ln_m(&both->guards[AT_ONCE], 7, EVIDENCE_PATH_LATENCY);
	guard_settle(&both->guards[BY_TURNS]);
	assert_true(fabs(guard_path_ln_m(&both->guards[BY_TURNS], 7, EVIDENCE_PATH_LATENCY) -
			 before) < 1e-9);
	assert_true(both->guards[BY_TURNS].route.latency.designs[0].d > 10);
	both->tick.entries[0].arms[ARM_LEGACY].half_slow[0][0] = 0;
	before = guard_path_ln_m(&both->guards[AT_ONCE], 7, EVIDENCE_PATH_LATENCY);
	news(both, 7)->arms[ARM_CANARY].slow[0] = 10;
	tick(both, 0);
	assert_same_evidence(both, 1e-6, 0);
	assert_true(
	    guard_path_ln_m(&both->guards[AT_ONCE], 7, EVIDENCE_PATH_LATENCY) < before + .5);
	both_free(both);
}

/* So many classes come before it, so that its turn is another one. */
static void take_turns(struct both *both, unsigned n)
{
	for (unsigned c = 0; c < n; c++)
		news(both, c)->arms[ARM_LEGACY].n = 1;
}

static void what_failed_or_was_far_too_slow_is_staked_in_its_tick(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 12; turn++) {
		struct both *both = both_new(.001);

		take_turns(both, turn);
		news(both, 30)->arms[ARM_CANARY].slow[0] = 1;
		tick(both, .01);
		news(both, 30)->arms[ARM_CANARY].bad = 1;
		tick(both, .01);
		assert_true(
		    guard_path_ln_m(&both->guards[BY_TURNS], 30, EVIDENCE_PATH_ERRORS) > .5);
		assert_false(guard_is_marked(&both->guards[BY_TURNS].paths->waiting, turn));
		news(both, 31)->arms[ARM_CANARY].slow[THRESHOLD_FAR] = 1;
		tick(both, .01);
		assert_true(
		    guard_path_ln_m(&both->guards[BY_TURNS], 31, EVIDENCE_PATH_LATENCY) > .1);
		both_free(both);
	}
}

/* How long a slow path class needs until it is suspected, in seconds. */
static double suspected_after(struct both *both, int which, unsigned before, double dt_s)
{
	for (int i = 1; i < 10000; i++) {
		struct guard_entry *entry;

		take_turns(both, before);
		entry = news(both, 40);
		entry->arms[ARM_LEGACY].n = entry->arms[ARM_LEGACY].good[1] = 20;
		entry->arms[ARM_CANARY].n = entry->arms[ARM_CANARY].slow[1] = 1;
		tick(both, dt_s);
		if (both->verdicts[which].action == VERDICT_HOLD_SUSPECT ||
		    both->verdicts[which].action == VERDICT_ROLL_BACK)
			return i * dt_s;
	}
	fail_msg("it is never suspected");
	return INFINITY;
}

static void a_slow_path_is_found_at_most_a_second_later(void **state)
{
	static const double ticks_s[] = { .01, .1, .13, .5, 1, 2 };

	(void)state;
	for (size_t t = 0; t < sizeof(ticks_s) / sizeof(*ticks_s); t++) {
		for (unsigned turn = 0; turn < 10; turn++) {
			struct both *turns = both_new(.001), *once = both_new(.001);
			double first = suspected_after(once, AT_ONCE, turn, ticks_s[t]);
			double found = suspected_after(turns, BY_TURNS, turn, ticks_s[t]);

			assert_true(found >= first);
			assert_true(found <= first + 1 + 1e-6 || found <= first + ticks_s[t]);
			both_free(turns);
			both_free(once);
		}
	}
}

static void what_waits_has_its_turn_without_further_news(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 10; turn++) {
		struct both *both = both_new(.001);

		take_turns(both, turn);
		news(both, 40)->arms[ARM_CANARY].slow[1] = 3;
		tick(both, .1);
		for (int i = 0; i < 10; i++)
			tick(both, .1);
		/* No mass that time staked while it waited was bet on it. */
		assert_same_evidence(both, 1e-12, 0);
		assert_true(
		    guard_path_ln_m(&both->guards[BY_TURNS], 40, EVIDENCE_PATH_LATENCY) > .1);
		for (unsigned i = 0; i <= turn; i++)
			assert_false(
			    guard_is_marked(&both->guards[BY_TURNS].paths->waiting, i));
		both_free(both);
	}
}

static void what_is_suspect_rests_on_all_that_was_counted(void **state)
{
	struct both *both = both_new(.001);

	(void)state;
	take_turns(both, 9);
	for (int i = 0; i < 4; i++) {
		both->tick.entries[0].arms[ARM_CANARY].n = 10;
		both->tick.entries[0].arms[ARM_CANARY].bad = 1;
		both->tick.entries[0].arms[ARM_LEGACY].n = 90;
		news(both, 41)->arms[ARM_CANARY].slow[1] = 3;
		tick(both, .01);
	}
	assert_true(both->verdicts[BY_TURNS].ln_e >= log(10));
	assert_true(both->guards[BY_TURNS].paths->waiting.words[0] == 0);
	assert_true(fabs(both->verdicts[BY_TURNS].ln_e - both->verdicts[AT_ONCE].ln_e) < 1e-6);
	assert_int_equal(both->verdicts[BY_TURNS].action, both->verdicts[AT_ONCE].action);
	both_free(both);
}

static void a_copy_goes_on_with_what_waits(void **state)
{
	struct both *both = both_new(.001);
	struct guard copy;

	(void)state;
	take_turns(both, 5);
	news(both, 41)->arms[ARM_CANARY].slow[1] = 3;
	tick(both, .01);
	assert_true(guard_copy(&copy, &both->guards[BY_TURNS], NULL));
	guard_settle(&copy);
	guard_settle(&both->guards[BY_TURNS]);
	assert_true(guard_path_ln_m(&copy, 41, EVIDENCE_PATH_LATENCY) > .1);
	assert_true(guard_ln_e(&copy) == guard_ln_e(&both->guards[BY_TURNS]));
	guard_done(&copy);
	both_free(both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batched_evidence_is_worth_what_it_is_tick_by_tick),
		cmocka_unit_test(time_makes_no_more_difference_than_what_it_stakes_in_a_second),
		cmocka_unit_test(the_clusters_of_slow_requests_are_told_from_read_to_read),
		cmocka_unit_test(a_batch_is_judged_by_the_clusters_known_when_it_began),
		cmocka_unit_test(what_failed_or_was_far_too_slow_is_staked_in_its_tick),
		cmocka_unit_test(a_slow_path_is_found_at_most_a_second_later),
		cmocka_unit_test(what_waits_has_its_turn_without_further_news),
		cmocka_unit_test(what_is_suspect_rests_on_all_that_was_counted),
		cmocka_unit_test(a_copy_goes_on_with_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
