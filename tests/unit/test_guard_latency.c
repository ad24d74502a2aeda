/*
 * How the guard decides on latency: docs/policy.md, 5. Latencies are drawn from a seeded
 * generator; thresholds are the quantiles of legacy's distribution.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"

#include <math.h>
#include <string.h>

/* xorshift64: the same numbers on every machine. */
struct chance {
	uint64_t state;
};

static double uniform(struct chance *chance)
{
	chance->state ^= chance->state << 13;
	chance->state ^= chance->state >> 7;
	chance->state ^= chance->state << 17;
	return (double)(chance->state >> 11) * 0x1p-53;
}

static const double spread = 0.5; /* of the logarithm of a latency */

static double latency(struct chance *chance)
{
	double radius = sqrt(-2 * log(uniform(chance) + 1e-300));

	return exp(spread * radius * cos(2 * 3.14159265358979 * uniform(chance)));
}

struct traffic {
	double w;
	double requests; /* a tick of 100 ms */
	double slower;   /* the canary, by this factor */
	double handicap;
	double always_slow; /* share of the users */
	unsigned users;
};

static struct guard guard_of(double latency_budget)
{
	struct guard guard;

	guard_init(&guard,
	    &(struct guard_params) {
		.alpha = .01, .budget = .001, .latency_budget_share = latency_budget },
	    &(struct guard_stage) { .hold_s = INFINITY });
	return guard;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

static bool has_trait(unsigned user, uint64_t seed, unsigned trait, double share)
{
	uint64_t hash = mix(mix(user + 1) + mix(seed * 7 + trait));

	return (double)(hash >> 11) * 0x1p-53 < share;
}

/* Users who are always slow lie beyond every threshold. */
static void count(struct evidence_counts *counts, double taken, double factor, unsigned half)
{
	const double quantiles[LATENCY_THRESHOLDS] = { 1, exp(1.2816 * spread),
		exp(2.3263 * spread), 2 * exp(2.3263 * spread) };

	counts->n++;
	counts->half_n[half]++;
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		if (taken <= quantiles[i] * factor) {
			counts->good[i]++;
			continue;
		}
		counts->slow[i]++;
		counts->half_slow[half][i]++;
	}
}

static struct verdict tick(
    struct guard *guard, struct chance *chance, uint64_t seed, const struct traffic *traffic)
{
	struct guard_tick in = {
		.dt_s = .1, .n_entries = 1, .handicap.factor = traffic->handicap
	};
	struct guard_entry *entry = &in.entries[0];

	*entry = (struct guard_entry) { .weight = traffic->w, .has_latency = true };
	for (double i = 0; i < traffic->requests; i++) {
		unsigned user = (unsigned)(uniform(chance) * traffic->users);
		bool canary = has_trait(user, seed, 1, traffic->w);
		double taken = latency(chance) * (canary ? traffic->slower : 1);

		if (has_trait(user, seed, 2, traffic->always_slow))
			taken = 1000;
		count(&entry->arms[canary ? ARM_CANARY : ARM_LEGACY], taken,
		    canary ? traffic->handicap : 1, has_trait(user, seed, 3, .5));
	}
	return guard_tick(guard, &in);
}

static const struct traffic healthy = {
	.w = .1, .requests = 20, .slower = 1, .handicap = 1.1, .users = 100000
};

static struct verdict run(
    struct guard *guard, struct chance *chance, unsigned ticks, const struct traffic *traffic)
{
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	for (unsigned i = 0; i < ticks && verdict.action != VERDICT_ROLL_BACK; i++)
		verdict = tick(guard, chance, 0, traffic);
	return verdict;
}

static void a_canary_of_half_the_speed_is_found_within_a_hundred_requests(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct traffic slow = healthy;
	struct guard guard = guard_of(0);
	struct verdict verdict;
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	slow.slower = 2;
	verdict = run(&guard, &chance, 600, &slow);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_SLOWER);
	assert_true(verdict.stage[ARM_CANARY].n <= 100);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(strstr(text, "canary slower: "));
	assert_non_null(strstr(text, "past legacy's q"));
}

static void a_canary_that_slows_down_in_mid_rollout_is_found_too(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct traffic slow = healthy;
	struct guard guard = guard_of(0);
	struct verdict verdict;

	(void)state;
	slow.slower = 2;
	verdict = run(&guard, &chance, 6000, &healthy);
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	guard_begin_stage(&guard, &guard.stage, true);
	verdict = run(&guard, &chance, 600, &slow);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_true(verdict.stage[ARM_CANARY].n <= 300);
}

static void a_canary_as_fast_as_legacy_is_left_alone(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct chance chance = { mix(seed) };
		struct traffic traffic = healthy;
		struct guard guard = guard_of(.01);

		traffic.handicap = 1; /* with no tolerance at all */
		assert_int_not_equal(
		    run(&guard, &chance, 1000, &traffic).action, VERDICT_ROLL_BACK);
	}
}

static void a_slow_tail_of_legacy_alone_is_not_blamed_on_the_canary(void **state)
{
	struct guard guard = guard_of(0);
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct guard_entry *entry = &in.entries[0];

	(void)state;
	*entry = (struct guard_entry) { .weight = .1, .has_latency = true };
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		entry->arms[ARM_LEGACY].slow[i] = 45;
		entry->arms[ARM_LEGACY].good[i] = 45;
		entry->arms[ARM_CANARY].slow[i] = 1;
		entry->arms[ARM_CANARY].good[i] = 9;
	}
	for (int i = 0; i < 600; i++)
		assert_true(guard_tick(&guard, &in).ln_e <= 0);
}

static void what_slows_both_arms_down_is_nobodys_fault(void **state)
{
	struct guard guard = guard_of(0);
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct guard_entry *entry = &in.entries[0];

	(void)state;
	*entry = (struct guard_entry) { .weight = .1, .has_latency = true };
	/* Nearly everything is past the quantiles that were frozen in better times. */
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		entry->arms[ARM_LEGACY].slow[i] = 810;
		entry->arms[ARM_LEGACY].good[i] = 90;
		entry->arms[ARM_CANARY].slow[i] = 90;
		entry->arms[ARM_CANARY].good[i] = 10;
	}
	for (int i = 0; i < 600; i++)
		assert_true(guard_tick(&guard, &in).ln_e <= 0);
}

static void nothing_is_bet_where_no_thresholds_are_in_force(void **state)
{
	struct guard guard = guard_of(0);
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };

	(void)state;
	in.entries[0] = (struct guard_entry) { .weight = .1 };
	in.entries[0].arms[ARM_CANARY] =
	    (struct evidence_counts) { .n = 100, .slow = { 100, 100, 100, 100 } };
	for (int i = 0; i < 60; i++)
		assert_true(fabs(guard_tick(&guard, &in).ln_e) < 1e-9);
}

static void a_cold_canary_is_left_alone_within_its_handicap_and_found_after_it(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct traffic slow = healthy;
	struct guard guard = guard_of(0);
	struct verdict verdict;

	(void)state;
	slow.slower = 2;
	slow.handicap = 4;
	verdict = run(&guard, &chance, 600, &slow);
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	slow.handicap = 1.1;
	verdict = run(&guard, &chance, 100, &slow);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_SLOWER);
}

static void two_slow_requests_are_never_enough(void **state)
{
	struct guard guard = guard_of(0);
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct verdict verdict;

	(void)state;
	in.entries[0] = (struct guard_entry) { .weight = .0001, .has_latency = true };
	in.entries[0].arms[ARM_CANARY] =
	    (struct evidence_counts) { .n = 2, .slow = { 2, 2, 2, 2 } };
	verdict = guard_tick(&guard, &in);
	assert_true(verdict.ln_e > log(100));
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
	assert_int_equal(verdict.reason, REASON_SUSPECT);
	assert_int_equal(verdict.accuser.kind, EVIDENCE_LATENCY);
}

/* How many of 60 healthy canaries are rolled back for users who are always slow. */
static unsigned blamed_for_slow_users(bool halves_are_known)
{
	unsigned blamed = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct chance chance = { mix(seed) };
		struct traffic traffic = healthy;
		struct guard guard = guard_of(0);
		struct verdict verdict = { .action = VERDICT_CONTINUE };

		traffic.users = 1000;
		traffic.always_slow = .1;
		for (int i = 0; i < 3000 && verdict.action != VERDICT_ROLL_BACK; i++) {
			verdict = tick(&guard, &chance, seed, &traffic);
			for (size_t t = 0; t < LATENCY_THRESHOLDS && !halves_are_known; t++)
				design_effect_init(&guard.route.latency.designs[t]);
		}
		blamed += verdict.action == VERDICT_ROLL_BACK;
	}
	return blamed;
}

static void users_who_are_always_slow_count_for_less_than_their_requests(void **state)
{
	unsigned without = blamed_for_slow_users(false), with = blamed_for_slow_users(true);

	(void)state;
	assert_true(without >= 10);
	assert_true(2 * with <= without);
}

static void independent_slow_requests_count_in_full(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct design_effect design;

	(void)state;
	design_effect_init(&design);
	for (int i = 0; i < 3000; i++) {
		unsigned halves[2] = { 0, 0 };

		for (int k = 0; k < 20; k++)
			if (uniform(&chance) < .1)
				halves[uniform(&chance) < .5]++;
		design_effect_pass(&design, .1);
		design_effect_observe(&design, halves[0], halves[1]);
		assert_true(design.d >= 1 && design.d < 6);
	}
}

static void bursts_within_one_half_of_the_users_raise_the_design_effect(void **state)
{
	struct design_effect design;

	(void)state;
	design_effect_init(&design);
	for (int i = 0; i < 100; i++) {
		design_effect_pass(&design, .1);
		design_effect_observe(&design, i % 2 != 0 ? 30 : 0, i % 2 != 0 ? 0 : 30);
	}
	/* (100 * 900 + 20) / (100 * 30 + 20) */
	assert_true(fabs(design.d - 29.8) < .1);
	for (int i = 0; i < 1000; i++)
		design_effect_observe(&design, 1000, 0);
	assert_true(design.d == DESIGN_MAX);
}

static void users_of_one_half_who_are_always_slow_show_before_long(void **state)
{
	struct design_effect design;

	(void)state;
	design_effect_init(&design);
	for (int i = 0; i < 30; i++) {
		design_effect_pass(&design, .1);
		design_effect_observe(&design, 1, 0);
	}
	/* Each read looks independent; together they do not: (30^2 + 20) / (30 + 20). */
	assert_true(fabs(design.d - 18.4) < 1e-9);
}

/* Equal arms; one user in half 0 of legacy's makes `busy` quick requests beside 80 others. */
static struct verdict tick_beside_one_who_is_busy(
    struct guard *guard, struct chance *chance, unsigned busy, bool canary_hangs)
{
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct guard_entry *entry = &in.entries[0];

	*entry = (struct guard_entry) { .weight = .2, .has_latency = true };
	for (int i = 0; i < 80; i++)
		count(&entry->arms[ARM_LEGACY], latency(chance), 1, uniform(chance) < .5);
	for (unsigned i = 0; i < busy; i++)
		count(&entry->arms[ARM_LEGACY], .01, 1, 0);
	for (int i = 0; i < 20 && !canary_hangs; i++)
		count(&entry->arms[ARM_CANARY], latency(chance), 1, 0);
	for (size_t i = 0; i < LATENCY_THRESHOLDS && canary_hangs; i++)
		entry->arms[ARM_CANARY].slow[i] = 20;
	return guard_tick(guard, &in);
}

/* From the start, or after a time without: E never passes what would roll back. */
static void one_user_who_makes_most_requests_is_no_evidence(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct chance chance = { mix(seed) };
		struct guard guard = guard_of(0);
		unsigned begins = seed % 2 == 0 ? 0 : 300;

		for (unsigned i = 0; i < 600; i++) {
			struct verdict verdict = tick_beside_one_who_is_busy(
			    &guard, &chance, i < begins ? 0 : 100, false);

			assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
			assert_true(verdict.ln_e < log(100));
		}
		guard_done(&guard);
	}
}

static void a_canary_that_hangs_beside_one_busy_user_is_found_at_once(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct guard guard = guard_of(0);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	for (int i = 0; i < 100; i++)
		verdict = tick_beside_one_who_is_busy(&guard, &chance, 100, false);
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	assert_true(verdict.ln_e < 1);
	for (int i = 0; i < 3 && verdict.action != VERDICT_ROLL_BACK; i++)
		verdict = tick_beside_one_who_is_busy(&guard, &chance, 100, true);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	guard_done(&guard);
}

static void the_reason_says_what_is_not_compared_and_why(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct guard guard = guard_of(0);
	struct verdict verdict = { .action = VERDICT_CONTINUE };
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < 60; i++)
		verdict = tick_beside_one_who_is_busy(&guard, &chance, 0, false);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_null(strstr(text, "not compared"));
	for (int i = 0; i < 60; i++)
		verdict = tick_beside_one_who_is_busy(&guard, &chance, 100, false);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(strstr(text, "% of legacy's requests are not compared for latency: "
				     "one user makes them, or a few"));
	guard_done(&guard);
}

/* The explicit budget: all that was slow, each of a user of its own. */
static struct verdict spend(
    struct guard *guard, double w, double dt_s, uint32_t legacy_over, uint32_t canary_over)
{
	struct guard_tick in = { .dt_s = dt_s, .n_entries = 1 };

	in.entries[0] = (struct guard_entry) { .weight = w,
		.arms = {
		    [ARM_LEGACY] = { .n = 900, .over = legacy_over, .over_all = legacy_over },
		    [ARM_CANARY] = {
			.n = 100, .over = canary_over, .over_all = canary_over } } };
	return guard_tick(guard, &in);
}

static void a_canary_that_spends_the_latency_budget_more_than_legacy_is_rolled_back(
    void **state)
{
	struct guard guard = guard_of(.01), none = guard_of(0);
	struct verdict verdict = spend(&guard, .1, 1, 9, 10);
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_OVER_LATENCY_BUDGET);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(strstr(text, "10% of 100 requests past the latency budget's"));
	assert_int_equal(spend(&none, .1, 1, 9, 10).action, VERDICT_CONTINUE);
}

/* None of its requests has ended: they count as slow while they wait. */
static void a_canary_that_hangs_from_its_first_request_is_rolled_back(void **state)
{
	struct guard guard = guard_of(.01);
	struct verdict verdict = { .action = VERDICT_CONTINUE };
	struct guard_tick tick = { .dt_s = .1, .n_entries = 1 };
	unsigned ticks = 0;

	(void)state;
	while (verdict.action != VERDICT_ROLL_BACK && ticks++ < 20) {
		tick.entries[0] = (struct guard_entry) { .weight = .2 };
		tick.entries[0].arms[ARM_LEGACY].n = 8;
		tick.entries[0].arms[ARM_CANARY].over = 2;
		tick.entries[0].arms[ARM_CANARY].over_all = 2;
		verdict = guard_tick(&guard, &tick);
	}
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_OVER_LATENCY_BUDGET);
	assert_true(verdict.accuser.arms[ARM_CANARY].bad <= verdict.accuser.arms[ARM_CANARY].n);
	guard_done(&guard);
}

static void a_latency_budget_that_both_arms_burn_is_shared(void **state)
{
	struct guard guard = guard_of(.01);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	for (int i = 0; i < 600; i++) {
		verdict = spend(&guard, .1, 1, 270, 30);
		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
	}
	assert_int_equal(verdict.action, VERDICT_HOLD_SHARED);
	assert_int_equal(verdict.reason, REASON_SHARED_LATENCY);
}

static void the_absolute_guard_watches_the_latency_budget_too(void **state)
{
	struct guard guard = guard_of(.01);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	for (size_t i = 0; i < ERROR_BETS; i++)
		guard.over.two_sample.capital[i] = 0;
	guard.over.two_sample.left_time = guard.over.two_sample.left_stage = 0;
	for (int i = 0; i < 3; i++)
		verdict = spend(&guard, .1, 0, 9, 20);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_LATENCY_BURNS_FAST);
}

static void setting_a_latency_budget_in_mid_rollout_moves_no_evidence(void **state)
{
	struct chance chance = { 88172645463325252 };
	struct guard guard = guard_of(0);
	struct guard_params params = guard.params;
	double before;

	(void)state;
	run(&guard, &chance, 300, &healthy);
	before = guard_ln_e(&guard);
	params.latency_budget_share = .01;
	guard_set_params(&guard, &params);
	assert_true(fabs(guard_ln_e(&guard) - before) < 1e-12);
	params.latency_budget_share = 0;
	guard_set_params(&guard, &params);
	params.latency_budget_share = .02;
	guard_set_params(&guard, &params);
	assert_true(fabs(guard_ln_e(&guard) - before) < 1e-12);
	assert_true(guard.over_stake > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_canary_of_half_the_speed_is_found_within_a_hundred_requests),
		cmocka_unit_test(a_canary_that_slows_down_in_mid_rollout_is_found_too),
		cmocka_unit_test(a_canary_as_fast_as_legacy_is_left_alone),
		cmocka_unit_test(a_slow_tail_of_legacy_alone_is_not_blamed_on_the_canary),
		cmocka_unit_test(what_slows_both_arms_down_is_nobodys_fault),
		cmocka_unit_test(nothing_is_bet_where_no_thresholds_are_in_force),
		cmocka_unit_test(
		    a_cold_canary_is_left_alone_within_its_handicap_and_found_after_it),
		cmocka_unit_test(two_slow_requests_are_never_enough),
		cmocka_unit_test(users_who_are_always_slow_count_for_less_than_their_requests),
		cmocka_unit_test(independent_slow_requests_count_in_full),
		cmocka_unit_test(users_of_one_half_who_are_always_slow_show_before_long),
		cmocka_unit_test(bursts_within_one_half_of_the_users_raise_the_design_effect),
		cmocka_unit_test(one_user_who_makes_most_requests_is_no_evidence),
		cmocka_unit_test(a_canary_that_hangs_beside_one_busy_user_is_found_at_once),
		cmocka_unit_test(the_reason_says_what_is_not_compared_and_why),
		cmocka_unit_test(
		    a_canary_that_spends_the_latency_budget_more_than_legacy_is_rolled_back),
		cmocka_unit_test(a_canary_that_hangs_from_its_first_request_is_rolled_back),
		cmocka_unit_test(a_latency_budget_that_both_arms_burn_is_shared),
		cmocka_unit_test(the_absolute_guard_watches_the_latency_budget_too),
		cmocka_unit_test(setting_a_latency_budget_in_mid_rollout_moves_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
