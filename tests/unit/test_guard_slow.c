/*
 * What counts of slow and quick requests mean: hanging ones, those past `far`, and those
 * that one half of legacy's users has over the other (docs/policy.md, 5 and 7).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"

#include <math.h>
#include <string.h>

static struct guard guard_of(void)
{
	struct guard guard;

	guard_init(&guard, &(struct guard_params) { .alpha = .01, .budget = .001 },
	    &(struct guard_stage) { .hold_s = INFINITY });
	return guard;
}

/* 1% of 10,000 requests a second, of which none ever ends. */
static void a_canary_that_hangs_at_one_percent_is_found_at_once(void **state)
{
	struct guard guard = guard_of();
	struct guard_tick in = { .dt_s = .1, .n_entries = 1 };
	struct evidence_counts *arms = in.entries[0].arms;
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	in.entries[0] = (struct guard_entry) { .weight = .01, .has_latency = true };
	arms[ARM_CANARY] = (struct evidence_counts) { .slow = { 10, 10, 10, 10 } };
	arms[ARM_LEGACY] = (struct evidence_counts) { .n = 990,
		.slow = { 495, 99, 10 },
		.good = { 495, 891, 980 },
		.half_n = { 495, 495 },
		.half_slow = { { 248, 50, 5 }, { 247, 49, 5 } } };
	for (int i = 0; i < 2; i++)
		verdict = guard_tick(&guard, &in);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_SLOWER);
	guard_done(&guard);
}

/* Users who come at random are as often in the one half as in the other. */
static void what_is_ahead_by_chance_is_not_left_out(void **state)
{
	uint64_t chance = 88172645463325252;
	struct latency_surplus surplus;
	double left_out = 0;

	(void)state;
	latency_surplus_init(&surplus);
	for (int i = 0; i < 10000; i++) {
		bool first;

		chance ^= chance << 13;
		chance ^= chance >> 7;
		chance ^= chance << 17;
		first = chance >> 63 != 0;

		left_out += latency_surplus_take(&surplus, first, !first, 20);
	}
	assert_true(left_out < 10000 * .03);
	/* But all that one user asks for, once the room is used up. */
	left_out = latency_surplus_take(&surplus, 1000, 0, 20);
	assert_in_range((unsigned)left_out, 980, 1000);
	assert_true(latency_surplus_take(&surplus, 100, 0, 20) == 100);
}

/* 0.01% of requests are past `far` on one arm or the other: too few to matter. */
static void requests_past_far_count_as_a_share_of_all(void **state)
{
	struct guard guard = guard_of();
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct evidence_counts *arms = in.entries[0].arms;
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	in.entries[0] = (struct guard_entry) { .weight = .01, .has_latency = true };
	for (int i = 0; i < 900; i++) {
		arms[ARM_CANARY] = (struct evidence_counts) {
			.n = 1000, .slow = { 500, 100, 10 }, .good = { 500, 900, 990 }
		};
		arms[ARM_LEGACY] = (struct evidence_counts) { .n = 99000,
			.slow = { 49500, 9900, 990 },
			.good = { 49500, 89100, 98010 } };
		arms[ARM_CANARY].slow[THRESHOLD_FAR] = i == 300 || i == 400 || i == 500;
		verdict = guard_tick(&guard, &in);
		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
		assert_int_not_equal(verdict.action, VERDICT_HOLD_SUSPECT);
	}
	assert_true(verdict.ln_e > 0);
	guard_done(&guard);
}

/* Which an early request of legacy's past `far` does not hide. */
static void a_canary_that_is_often_past_far_is_found(void **state)
{
	struct guard guard = guard_of();
	struct guard_tick in = { .dt_s = 1, .n_entries = 1 };
	struct evidence_counts *arms = in.entries[0].arms;
	struct verdict verdict = { .action = VERDICT_CONTINUE };
	char text[VERDICT_TEXT_SIZE];
	int ticks = 0;

	(void)state;
	in.entries[0] = (struct guard_entry) { .weight = .2, .has_latency = true };
	while (verdict.action != VERDICT_ROLL_BACK && ticks < 60) {
		arms[ARM_CANARY] = (struct evidence_counts) {
			.n = 100, .slow = { 40, 8, 1 }, .good = { 60, 92, 99 }
		};
		arms[ARM_LEGACY] = (struct evidence_counts) {
			.n = 400, .slow = { 200, 40, 4 }, .good = { 200, 360, 396 }
		};
		arms[ARM_CANARY].slow[THRESHOLD_FAR] = 1;
		arms[ARM_LEGACY].slow[THRESHOLD_FAR] = ticks++ == 0;
		verdict = guard_tick(&guard, &in);
	}
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.accuser.threshold, THRESHOLD_FAR);
	assert_true(verdict.accuser.arms[ARM_CANARY].n == 100.0 * ticks);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(strstr(text, "canary slower: 1% of "));
	guard_done(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_canary_that_hangs_at_one_percent_is_found_at_once),
		cmocka_unit_test(what_is_ahead_by_chance_is_not_left_out),
		cmocka_unit_test(requests_past_far_count_as_a_share_of_all),
		cmocka_unit_test(a_canary_that_is_often_past_far_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
