/*
 * The e-process for errors against its null hypothesis: where the canary is no worse
 * than legacy, its capital is not expected to grow. Every sequence of outcomes is
 * enumerated, so the expectation is exact but for rounding.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/eprocess.h"
#include "rollout/guard.h"

#include <math.h>
#include <stdbool.h>

static const double rounding = 1e-9;

static void assert_close(double actual, double expected, double tolerance)
{
	if (!(fabs(actual - expected) <= tolerance))
		fail_msg("%.12g is not %.12g", actual, expected);
}

static double choose(unsigned n, unsigned k)
{
	double ways = 1;

	for (unsigned i = 0; i < k; i++)
		ways = ways * (n - i) / (i + 1);
	return ways;
}

/* P(k of n failures are the canary's), each with probability w. */
static double chance(unsigned n, unsigned k, double w)
{
	return choose(n, k) * pow(w, k) * pow(1 - w, n - k);
}

/* What is expected of the capital after `ticks` more, each of `failures` failures. */
static double expected(const struct eprocess *before, unsigned ticks, unsigned failures,
    double canary_share, double w)
{
	double sum = 0;

	if (ticks == 0)
		return exp(eprocess_ln(before));
	for (unsigned canary = 0; canary <= failures; canary++) {
		struct eprocess after = *before;

		/* A raise in the middle, too: it must not create capital. */
		if (ticks == 2)
			eprocess_raise(&after);
		eprocess_errors(&after, 3600, w, canary, failures - canary);
		sum += chance(failures, canary, canary_share) *
		       expected(&after, ticks - 1, failures, canary_share, w);
	}
	return sum;
}

static void capital_is_not_expected_to_grow_while_the_canary_is_no_worse(void **state)
{
	static const double weights[] = { .001, .01, .1, .25, .5, .8 };

	(void)state;
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
		double w = weights[i];

		for (unsigned failures = 0; failures <= 4; failures++) {
			struct eprocess process;

			eprocess_init(&process, ERROR_BETS);
			/* Equal failure rates: the canary's share of the failures is w. */
			assert_close(expected(&process, 5, failures, w, w), 1, rounding);
			/* A better canary has a smaller share of them. */
			assert_true(expected(&process, 5, failures, w / 2, w) <= 1 + rounding);
		}
	}
}

static void capital_is_expected_to_grow_when_the_canary_is_worse(void **state)
{
	struct eprocess process;

	(void)state;
	eprocess_init(&process, ERROR_BETS);
	assert_true(expected(&process, 5, 3, .5, .1) > 10);
}

/* One-sample: each of n requests fails with probability p. */
static double expected_one_sample(
    const struct eprocess *before, unsigned ticks, unsigned n, double p, double p0)
{
	double sum = 0;

	if (ticks == 0)
		return exp(eprocess_ln(before));
	for (unsigned bad = 0; bad <= n; bad++) {
		struct eprocess after = *before;

		eprocess_one_sample(&after, 3600, p0, n, bad);
		sum += chance(n, bad, p) * expected_one_sample(&after, ticks - 1, n, p, p0);
	}
	return sum;
}

static void capital_is_not_expected_to_grow_while_the_canary_is_within_its_limit(void **state)
{
	static const double limits[] = { .0144, .144, .6, .998, .9995, 1.5 };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		double p0 = limits[i];
		struct eprocess process;

		eprocess_init(&process, ONE_SAMPLE_BETS);
		assert_true(
		    expected_one_sample(&process, 4, 4, fmin(p0, 1), p0) <= 1 + rounding);
		assert_true(
		    expected_one_sample(&process, 4, 4, fmin(p0, 1) / 3, p0) <= 1 + rounding);
	}
}

/*
 * The guard's own E, over a ladder of three weights, the last of them beyond
 * comparison: the two forms together are still one capital.
 */
static double expected_e(const struct guard *before, unsigned step)
{
	static const double weights[] = { .1, .5, .95 };
	const double p0 = 14.4 * .01;
	const unsigned n = 4;
	double sum = 0;

	if (step == 3)
		return exp(guard_ln_e(before));
	for (unsigned canary = 0; canary <= n; canary++) {
		double w = weights[step];
		struct guard after = *before;
		struct guard_tick tick = { .dt_s = 60, .n_entries = 1 };

		tick.entries[0] = (struct guard_entry) { .weight = w,
			.arms = { [ARM_LEGACY] = { .n = n, .bad = w < .9 ? n - canary : 0 },
			    [ARM_CANARY] = { .n = n, .bad = canary } } };
		if (step > 0)
			guard_begin_stage(&after, &after.stage, true);
		(void)guard_tick(&after, &tick);
		sum += chance(n, canary, w < .9 ? w : p0) * expected_e(&after, step + 1);
	}
	return sum;
}

static void e_is_not_expected_to_grow_over_a_whole_ladder(void **state)
{
	struct guard guard;

	(void)state;
	guard_init(&guard, &(struct guard_params) { .alpha = .01, .budget = .01 },
	    &(struct guard_stage) { .hold_s = 60 });
	assert_true(expected_e(&guard, 0) <= 1 + rounding);
}

/* What is expected of M_lat after so many more requests, each its own evaluation. */
static double expected_latency(
    const struct latency *before, unsigned requests, double w, const double slow[ARMS])
{
	static const double least_d[LATENCY_THRESHOLDS] = { 1, 1, 1, 1 };
	struct latency_bets bets;
	struct eprocess_bets errors;
	double sum = 0;

	if (requests == 0)
		return latency_m(before);
	latency_bets_init(&bets, w);
	eprocess_error_bets(&errors, w);
	for (unsigned i = 0; i < 4; i++) {
		enum arm arm = i % 2 != 0 ? ARM_CANARY : ARM_LEGACY;
		bool is_slow = i / 2 != 0;
		struct evidence_counts arms[ARMS] = { { .n = 0 } };
		double left_out[LATENCY_QUANTILES];
		struct latency after = *before;

		for (size_t t = 0; t < LATENCY_THRESHOLDS; t++) {
			arms[arm].slow[t] = is_slow;
			arms[arm].good[t] = !is_slow;
		}
		latency_pass(&after, 3600, 3600);
		latency_observe(&after, &bets, &errors, arms, least_d, NULL, left_out);
		sum += (arm == ARM_CANARY ? w : 1 - w) * (is_slow ? slow[arm] : 1 - slow[arm]) *
		       expected_latency(&after, requests - 1, w, slow);
	}
	return sum;
}

static void latency_capital_is_not_expected_to_grow_while_the_canary_is_no_slower(void **state)
{
	static const double shares[] = { 0, .001, .01, .1, .5, .9, 1 };
	static const double weights[] = { .01, .1, .5, .95 };

	(void)state;
	/* Whatever share of legacy's is slow by now: the frozen quantile may be long off. */
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		for (size_t k = 0; k < sizeof(weights) / sizeof(weights[0]); k++) {
			const double equal[ARMS] = { shares[i], shares[i] };
			const double faster[ARMS] = { shares[i], shares[i] / 2 };
			struct latency latency;

			latency_init(&latency);
			assert_true(
			    expected_latency(&latency, 4, weights[k], equal) <= 1 + rounding);
			assert_true(
			    expected_latency(&latency, 4, weights[k], faster) <= 1 + rounding);
		}
	}
}

/* A path class and the route it is part of bet on the same failures: still one capital. */
static double expected_with_path(const struct guard *before, unsigned steps)
{
	const double w = .2;
	double sum = 0;

	if (steps == 0)
		return exp(guard_ln_e(before));
	for (unsigned canary = 0; canary <= 2; canary++) {
		struct guard after;
		struct guard_path path = { .path_class = steps % 2, .n_entries = 1 };
		struct guard_tick tick = {
			.dt_s = 3600, .n_entries = 1, .paths = &path, .n_paths = 1
		};

		assert_true(guard_copy(&after, before, NULL));
		path.entries[0] = (struct guard_entry) { .weight = w,
			.arms = { [ARM_LEGACY] = { .n = 2, .bad = 2 - canary },
			    [ARM_CANARY] = { .n = 2, .bad = canary } } };
		tick.entries[0] = path.entries[0];
		if (steps == 2)
			guard_begin_stage(&after, &after.stage, true);
		(void)guard_tick(&after, &tick);
		sum += chance(2, canary, w) * expected_with_path(&after, steps - 1);
		guard_done(&after);
	}
	return sum;
}

static void e_is_not_expected_to_grow_with_the_evidence_of_paths(void **state)
{
	struct guard guard;

	(void)state;
	guard_init(&guard, &(struct guard_params) { .alpha = .01, .budget = .01 },
	    &(struct guard_stage) { .hold_s = 60 });
	assert_close(expected_with_path(&guard, 5), 1, rounding);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capital_is_not_expected_to_grow_while_the_canary_is_no_worse),
		cmocka_unit_test(capital_is_expected_to_grow_when_the_canary_is_worse),
		cmocka_unit_test(
		    capital_is_not_expected_to_grow_while_the_canary_is_within_its_limit),
		cmocka_unit_test(e_is_not_expected_to_grow_over_a_whole_ladder),
		cmocka_unit_test(
		    latency_capital_is_not_expected_to_grow_while_the_canary_is_no_slower),
		cmocka_unit_test(e_is_not_expected_to_grow_with_the_evidence_of_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
