/*
 * What must hold of the evidence whatever is counted: while the canary is no worse, E is
 * not expected to grow, at no step and from no state (docs/policy.md, 1, 3, 5, 6, 8, 9).
 * All outcomes of a step are enumerated with their chances, so the expectation is exact
 * but for rounding.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"
#include "rollout/promotion.h"
#include "rollout/sample_ratio.h"

#include <math.h>
#include <string.h>

enum {
	MOST_FAILURES = 6
};

static const double rounding = 1e-9;
static const double weights[] = { .001, .01, .1, .25, .5, .8 };
static const double dts[] = { 0, .1, 60 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The share w of n that are the canary's: P(k). */
static double chance(unsigned n, unsigned k, double w)
{
	double ways = 1;

	for (unsigned i = 0; i < k; i++)
		ways = ways * (n - i) / (i + 1);
	return ways * pow(w, k) * pow(1 - w, n - k);
}

static void assert_no_growth(double before, double expected)
{
	if (!(expected <= before * (1 + rounding)))
		fail_msg("E was %.12g and is expected to be %.12g", before, expected);
}

static void assert_equal(double actual, double expected)
{
	if (!(fabs(actual - expected) <= rounding * fmax(1, fabs(expected))))
		fail_msg("%.12g is not %.12g", actual, expected);
}

static double e_of(const struct guard *guard)
{
	return exp(guard_ln_e(guard));
}

/* E after one more tick; the guard stays as it is. */
static double e_after(const struct guard *guard, const struct guard_tick *tick)
{
	struct guard copy;
	double e;

	assert_true(guard_copy(&copy, guard, NULL));
	(void)guard_tick(&copy, tick);
	e = e_of(&copy);
	guard_done(&copy);
	return e;
}

static struct guard_entry failures(double w, unsigned canary, unsigned legacy)
{
	return (struct guard_entry) { .weight = w,
		.arms = { [ARM_CANARY] = { .n = 10 + canary, .bad = canary, .failed = canary },
		    [ARM_LEGACY] = { .n = 10 + legacy, .bad = legacy, .failed = legacy } } };
}

static struct guard_tick tick_of(double dt_s, struct guard_entry entry)
{
	return (struct guard_tick) { .dt_s = dt_s, .n_entries = 1, .entries = { entry } };
}

/* States to start from: what a guard may have come through. */
enum past {
	PAST_NONE,
	PAST_BALANCED,   /* an hour of failures as they should fall */
	PAST_SUSPICIOUS, /* all of them the canary's */
	PAST_RAISED,
	PAST_LATENCY, /* slow requests in clusters, and paths */
	PASTS,        /* how many */
};

static void add_latency(struct guard_entry *entry, unsigned slow_canary, unsigned slow_legacy,
    unsigned good_canary, unsigned good_legacy)
{
	entry->has_latency = true;
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		entry->arms[ARM_CANARY].slow[i] = slow_canary;
		entry->arms[ARM_LEGACY].slow[i] = slow_legacy;
		entry->arms[ARM_CANARY].good[i] = good_canary;
		entry->arms[ARM_LEGACY].good[i] = good_legacy;
	}
}

static void live_through(struct guard *guard, double w, unsigned ticks, double dt_s,
    unsigned canary, unsigned legacy)
{
	struct guard_tick tick = tick_of(dt_s, failures(w, canary, legacy));

	for (unsigned i = 0; i < ticks; i++)
		(void)guard_tick(guard, &tick);
}

static void live_through_latency(struct guard *guard, double w)
{
	struct guard_path path = { .path_class = 3, .n_entries = 1 };
	struct guard_tick tick = tick_of(1, failures(w, 0, 4));

	add_latency(&tick.entries[0], 0, 40, 5, 400);
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		tick.entries[0].arms[ARM_LEGACY].half_slow[0][i] = 40;
	path.entries[0] = tick.entries[0];
	tick.paths = &path;
	tick.n_paths = 1;
	for (int i = 0; i < 5; i++)
		(void)guard_tick(guard, &tick);
}

/* guard_done() it. */
static struct guard guard_with(enum past past, double w, double latency_budget)
{
	struct guard_stage stage = { .hold_s = 60, .min_requests = 50, .p_max = .05 };
	struct guard guard;

	guard_init(&guard,
	    &(struct guard_params) {
		.alpha = .01, .budget = .01, .latency_budget_share = latency_budget },
	    &stage);
	switch (past) {
	case PAST_BALANCED: {
		unsigned canary = (unsigned)lround(4 * w);

		live_through(&guard, w, 360, 10, canary, 4 - canary);
		break;
	}
	case PAST_SUSPICIOUS: live_through(&guard, w, 3, 1, 1, 0); break;
	case PAST_RAISED:
		live_through(&guard, w / 2, 60, 10, 0, 1);
		guard_begin_stage(&guard, &stage, true);
		break;
	case PAST_LATENCY: live_through_latency(&guard, w); break;
	default: break;
	}
	return guard;
}

/* Calls `check` for every past and weight. */
static void from_every_state(void (*check)(const struct guard *guard, double w))
{
	for (enum past past = 0; past < PASTS; past++)
		for (size_t i = 0; i < COUNT(weights); i++) {
			struct guard guard = guard_with(past, weights[i], .05);

			check(&guard, weights[i]);
			guard_done(&guard);
		}
}

static double expected_after_failures(
    const struct guard *guard, double dt_s, double w, unsigned n, double canary_share)
{
	double sum = 0;

	for (unsigned k = 0; k <= n; k++) {
		struct guard_tick tick = tick_of(dt_s, failures(w, k, n - k));

		sum += chance(n, k, canary_share) * e_after(guard, &tick);
	}
	return sum;
}

static void check_failures(const struct guard *guard, double w)
{
	for (unsigned n = 0; n <= MOST_FAILURES; n++)
		for (size_t i = 0; i < COUNT(dts); i++) {
			/* Equal rates: a fair game. A better canary: a losing one. */
			assert_equal(
			    expected_after_failures(guard, dts[i], w, n, w), e_of(guard));
			assert_no_growth(
			    e_of(guard), expected_after_failures(guard, dts[i], w, n, w / 2));
		}
}

static void failures_that_fall_by_the_weight_do_not_make_e_grow(void **state)
{
	(void)state;
	from_every_state(check_failures);
}

static void a_worse_canary_makes_e_grow(void **state)
{
	struct guard guard = guard_with(PAST_NONE, .1, 0);

	(void)state;
	assert_true(expected_after_failures(&guard, 1, .1, 3, .5) > 2 * e_of(&guard));
	guard_done(&guard);
}

static void check_raise(const struct guard *guard, double w)
{
	struct guard raised;

	assert_true(guard_copy(&raised, guard, NULL));
	guard_begin_stage(&raised, &guard->stage, true);
	assert_equal(e_of(&raised), e_of(guard));
	assert_equal(expected_after_failures(&raised, 1, fmin(.85, 2 * w), 4, fmin(.85, 2 * w)),
	    e_of(guard));
	guard_done(&raised);
}

static void neither_a_raise_nor_a_stage_creates_evidence(void **state)
{
	(void)state;
	from_every_state(check_raise);
}

/* Late ones of a tenth of the weight, together with those of today. */
static void check_late(const struct guard *guard, double w)
{
	double sum = 0;

	for (unsigned now = 0; now <= 3; now++)
		for (unsigned late = 0; late <= 3; late++) {
			struct guard_tick tick = tick_of(.1, failures(w, now, 3 - now));

			tick.n_entries = 2;
			tick.entries[1] = failures(w / 10, late, 3 - late);
			sum +=
			    chance(3, now, w) * chance(3, late, w / 10) * e_after(guard, &tick);
		}
	assert_equal(sum, e_of(guard));
}

static void late_outcomes_are_fair_under_their_own_weight(void **state)
{
	(void)state;
	from_every_state(check_late);
}

static void late_outcomes_would_not_be_fair_under_another_weight(void **state)
{
	struct guard guard = guard_with(PAST_NONE, .05, 0);

	(void)state;
	/* What came of 25% is no evidence against a canary at 5%. */
	assert_true(expected_after_failures(&guard, 0, .05, 4, .25) > 1.5 * e_of(&guard));
	guard_done(&guard);
}

/* Slow and good requests of both arms: each falls by the weight. */
static void check_latency(const struct guard *guard, double w)
{
	const unsigned slow = 3, good = 4;
	double sum = 0;

	for (unsigned i = 0; i <= slow; i++)
		for (unsigned j = 0; j <= good; j++)
			for (unsigned half = 0; half <= slow - i; half++) {
				struct guard_tick tick = tick_of(1, failures(w, 0, 0));
				uint32_t(*halves)[LATENCY_THRESHOLDS] =
				    tick.entries[0].arms[ARM_LEGACY].half_slow;

				add_latency(&tick.entries[0], i, slow - i, j, good - j);
				for (size_t t = 0; t < LATENCY_THRESHOLDS; t++) {
					halves[0][t] = half;
					halves[1][t] = slow - i - half;
				}
				sum += chance(slow, i, w) * chance(good, j, w) *
				       chance(slow - i, half, .5) * e_after(guard, &tick);
			}
	assert_no_growth(e_of(guard), sum);
}

static void slow_requests_that_fall_by_the_weight_do_not_make_e_grow(void **state)
{
	(void)state;
	from_every_state(check_latency);
}

static void check_latency_budget(const struct guard *guard, double w)
{
	double sum = 0;

	for (unsigned k = 0; k <= 4; k++) {
		struct guard_tick tick = tick_of(1, failures(w, 0, 0));

		tick.entries[0].arms[ARM_CANARY].over = k;
		tick.entries[0].arms[ARM_LEGACY].over = 4 - k;
		sum += chance(4, k, w) * e_after(guard, &tick);
	}
	assert_equal(sum, e_of(guard));
}

static void requests_past_the_latency_budget_do_not_make_e_grow(void **state)
{
	(void)state;
	from_every_state(check_latency_budget);
}

/* The same failures, seen by route and by path: two on one class, one on another. */
static void check_paths(const struct guard *guard, double w)
{
	double sum = 0;

	for (unsigned one = 0; one <= 2; one++)
		for (unsigned other = 0; other <= 1; other++) {
			unsigned k = one + other;
			struct guard_path paths[] = { { .path_class = 3, .n_entries = 1 },
				{ .path_class = 7, .n_entries = 1 } };
			struct guard_tick tick = tick_of(1, failures(w, k, 3 - k));

			paths[0].entries[0] = failures(w, one, 2 - one);
			paths[1].entries[0] = failures(w, other, 1 - other);
			tick.paths = paths;
			tick.n_paths = 2;
			sum += chance(2, one, w) * chance(1, other, w) * e_after(guard, &tick);
		}
	assert_equal(sum, e_of(guard));
}

static void paths_that_are_no_worse_do_not_make_e_grow(void **state)
{
	(void)state;
	from_every_state(check_paths);
}

/* Beyond comparison: each of the canary's requests fails with p, at most 14.4 budgets. */
static double expected_one_sample(const struct guard *guard, unsigned n, double p)
{
	double sum = 0;

	for (unsigned bad = 0; bad <= n; bad++) {
		struct guard_tick tick = tick_of(1, (struct guard_entry) { .weight = .95 });

		tick.entries[0].arms[ARM_CANARY] =
		    (struct evidence_counts) { .n = n, .bad = bad, .failed = bad };
		sum += chance(n, bad, p) * e_after(guard, &tick);
	}
	return sum;
}

static void beyond_comparison_a_canary_within_its_limit_does_not_make_e_grow(void **state)
{
	const double p0 = 14.4 * .01;

	(void)state;
	for (enum past past = 0; past < PASTS; past++) {
		struct guard guard = guard_with(past, .5, 0);

		assert_equal(expected_one_sample(&guard, 5, p0), e_of(&guard));
		assert_no_growth(e_of(&guard), expected_one_sample(&guard, 5, p0 / 3));
		guard_done(&guard);
	}
}

/*
 * Ville's inequality itself: of all sequences of failures that fall by the weight, those
 * on which E ever reaches e have at most the chance 1/e.
 */
static double chance_to_reach(const struct guard *guard, double w, double e, unsigned left)
{
	double sum = 0;

	if (e_of(guard) >= e)
		return 1;
	if (left == 0)
		return 0;
	for (unsigned canary = 0; canary <= 1; canary++) {
		struct guard after = *guard; /* without paths a plain copy is whole */
		struct guard_tick tick = tick_of(60, failures(w, canary, 1 - canary));

		(void)guard_tick(&after, &tick);
		sum += (canary == 1 ? w : 1 - w) * chance_to_reach(&after, w, e, left - 1);
	}
	return sum;
}

static void e_seldom_reaches_what_it_must_however_often_one_looks(void **state)
{
	static const double levels[] = { 2, 5, 10, 100 };

	(void)state;
	for (size_t i = 0; i < COUNT(weights); i++)
		for (size_t j = 0; j < COUNT(levels); j++) {
			struct guard guard = guard_with(PAST_NONE, weights[i], 0);

			assert_true(chance_to_reach(&guard, weights[i], levels[j], 12) <=
				    1 / levels[j]);
			guard_done(&guard);
		}
}

static void check_monotonic(const struct guard *guard, double w)
{
	for (unsigned k = 0; k < 4; k++) {
		struct guard_tick less = tick_of(1, failures(w, k, 2));
		struct guard_tick more = tick_of(1, failures(w, k + 1, 2));
		struct guard_tick excused = tick_of(1, failures(w, k, 3));
		double e = e_after(guard, &less);

		assert_true(e_after(guard, &more) >= e);
		assert_true(e_after(guard, &excused) <= e);
		less.entries[0].weight = more.entries[0].weight = .95;
		assert_true(e_after(guard, &more) >= e_after(guard, &less));
	}
}

static void a_canary_failure_more_never_lowers_e_nor_does_one_of_legacy_raise_it(void **state)
{
	(void)state;
	from_every_state(check_monotonic);
}

static void check_slow_monotonic(const struct guard *guard, double w)
{
	for (unsigned k = 0; k < 4; k++) {
		struct guard_tick less = tick_of(1, failures(w, 0, 0)), more = less;

		add_latency(&less.entries[0], k, 2, 9 - k, 20);
		add_latency(&more.entries[0], k + 1, 2, 8 - k, 20);
		assert_true(e_after(guard, &more) >= e_after(guard, &less));
	}
}

static void a_canary_request_that_turns_slow_never_lowers_e(void **state)
{
	(void)state;
	from_every_state(check_slow_monotonic);
}

/* E after these, one tick each, without time between them. */
static double e_in_order(
    const struct guard *guard, const struct guard_entry *entries, const size_t *order, size_t n)
{
	struct guard copy;
	double e;

	assert_true(guard_copy(&copy, guard, NULL));
	for (size_t i = 0; i < n; i++) {
		struct guard_tick tick = tick_of(0, entries[order[i]]);

		(void)guard_tick(&copy, &tick);
	}
	e = e_of(&copy);
	guard_done(&copy);
	return e;
}

static void check_order(const struct guard *guard, double w)
{
	static const size_t orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
	struct guard_entry entries[] = { failures(w, 1, 0), failures(w / 2, 0, 3),
		failures(w, 2, 1) };
	struct guard_tick together = tick_of(0, failures(w, 3, 1));
	double e = e_in_order(guard, entries, orders[0], 3);

	assert_equal(e_in_order(guard, entries, orders[1], 3), e);
	assert_equal(e_in_order(guard, entries, orders[2], 3), e);
	together.n_entries = 2;
	together.entries[1] = entries[1];
	assert_equal(e_after(guard, &together), e);
}

static void between_ticks_neither_the_order_nor_how_often_one_looks_matters(void **state)
{
	(void)state;
	from_every_state(check_order);
}

static void check_quiet_time(const struct guard *guard, double w)
{
	struct guard_tick quiet = tick_of(.1, (struct guard_entry) { .weight = w });
	struct guard_tick news = tick_of(.1, failures(w, 2, 1));
	struct guard_tick late_news = tick_of(600, failures(w, 2, 1));
	struct guard copy;

	assert_true(guard_copy(&copy, guard, NULL));
	for (int i = 0; i < 5999; i++)
		(void)guard_tick(&copy, &quiet);
	assert_equal(e_of(&copy), e_of(guard));
	assert_equal(e_after(&copy, &news), e_after(guard, &late_news));
	guard_done(&copy);
}

static void time_without_news_may_pass_at_once_or_bit_by_bit(void **state)
{
	(void)state;
	from_every_state(check_quiet_time);
}

static void check_path_order(const struct guard *guard, double w)
{
	struct guard_path paths[] = { { .path_class = 1, .n_entries = 1 },
		{ .path_class = 3, .n_entries = 1 } };
	struct guard_path turned[2];
	struct guard_tick tick = tick_of(1, failures(w, 3, 3));
	double e;

	paths[0].entries[0] = failures(w, 3, 1);
	paths[1].entries[0] = failures(w, 0, 2);
	tick.paths = paths;
	tick.n_paths = 2;
	e = e_after(guard, &tick);
	turned[0] = paths[1];
	turned[1] = paths[0];
	tick.paths = turned;
	assert_equal(e_after(guard, &tick), e);
}

static void the_order_of_paths_does_not_matter(void **state)
{
	(void)state;
	from_every_state(check_path_order);
}

static void promotion_is_not_expected_to_be_shown_while_both_are_bad(void **state)
{
	static const double limits[] = { .005, .05, .5 };
	const unsigned n = 6;

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++)
		for (size_t bet = 0; bet < PROMOTION_BETS; bet++)
			for (double p = limits[i]; p < 1; p *= 1.3) {
				double sum = 0;

				for (unsigned bad = 0; bad <= n; bad++) {
					struct promotion promotion;

					promotion_init(&promotion);
					promotion_observe(
					    &promotion, .25, limits[i], n, bad, 0);
					sum += chance(n, bad, p) * exp(promotion.absolute[bet]);
				}
				assert_no_growth(1, sum);
			}
	/* Against a risk of 2 the canary's share of the failures is 2w / (1 + w). */
	for (size_t i = 0; i < COUNT(weights); i++)
		for (double risk = 2; risk < 50; risk *= 2) {
			double w = weights[i], sum = 0;

			for (unsigned k = 0; k <= n; k++) {
				struct promotion promotion;

				promotion_init(&promotion);
				promotion_observe(&promotion, w, .05, 100, k, n - k);
				sum += chance(n, k, risk * w / (1 + w * (risk - 1))) *
				       exp(promotion.relative);
			}
			assert_no_growth(1, sum);
		}
}

static double expected_ratio(const struct sample_ratio *before, double w, unsigned steps)
{
	double sum = 0;

	if (steps == 0)
		return exp(sample_ratio_ln(before));
	for (unsigned k = 0; k <= 3; k++) {
		struct sample_ratio after = *before;

		sample_ratio_observe(&after, w, k, 3 - k);
		sum += chance(3, k, w) * expected_ratio(&after, w, steps - 1);
	}
	return sum;
}

static void users_that_arrive_by_the_weight_do_not_upset_the_sample_ratio(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(weights); i++) {
		struct sample_ratio ratio;

		sample_ratio_init(&ratio);
		assert_equal(expected_ratio(&ratio, weights[i], 4), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_that_fall_by_the_weight_do_not_make_e_grow),
		cmocka_unit_test(a_worse_canary_makes_e_grow),
		cmocka_unit_test(neither_a_raise_nor_a_stage_creates_evidence),
		cmocka_unit_test(late_outcomes_are_fair_under_their_own_weight),
		cmocka_unit_test(late_outcomes_would_not_be_fair_under_another_weight),
		cmocka_unit_test(slow_requests_that_fall_by_the_weight_do_not_make_e_grow),
		cmocka_unit_test(requests_past_the_latency_budget_do_not_make_e_grow),
		cmocka_unit_test(paths_that_are_no_worse_do_not_make_e_grow),
		cmocka_unit_test(
		    beyond_comparison_a_canary_within_its_limit_does_not_make_e_grow),
		cmocka_unit_test(e_seldom_reaches_what_it_must_however_often_one_looks),
		cmocka_unit_test(
		    a_canary_failure_more_never_lowers_e_nor_does_one_of_legacy_raise_it),
		cmocka_unit_test(a_canary_request_that_turns_slow_never_lowers_e),
		cmocka_unit_test(
		    between_ticks_neither_the_order_nor_how_often_one_looks_matters),
		cmocka_unit_test(time_without_news_may_pass_at_once_or_bit_by_bit),
		cmocka_unit_test(the_order_of_paths_does_not_matter),
		cmocka_unit_test(promotion_is_not_expected_to_be_shown_while_both_are_bad),
		cmocka_unit_test(users_that_arrive_by_the_weight_do_not_upset_the_sample_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
