/* How the guard decides, beyond the golden rows: docs/policy.md, 2 to 4 and 7. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"

#include <math.h>
#include <string.h>

static struct guard guard_with_budget(double budget)
{
	struct guard guard;

	guard_init(&guard, &(struct guard_params) { .alpha = .01, .budget = budget },
	    &(struct guard_stage) { .hold_s = 60, .min_requests = 50 });
	return guard;
}

static struct verdict observe(struct guard *guard, double w, double dt_s,
    struct evidence_counts legacy, struct evidence_counts canary)
{
	struct guard_tick tick = { .dt_s = dt_s, .n_entries = 1 };

	tick.entries[0] = (struct guard_entry) { .weight = w,
		.arms = { [ARM_LEGACY] = legacy, [ARM_CANARY] = canary } };
	return guard_tick(guard, &tick);
}

static struct verdict observe_times(struct guard *guard, unsigned times, double w,
    struct evidence_counts legacy, struct evidence_counts canary)
{
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	for (unsigned i = 0; i < times; i++)
		verdict = observe(guard, w, 1, legacy, canary);
	return verdict;
}

static uint32_t whole(double count)
{
	return (uint32_t)fmin(UINT32_MAX, round(count));
}

static struct evidence_counts of(double n, double bad)
{
	return (
	    struct evidence_counts) { .n = whole(n), .bad = whole(bad), .failed = whole(bad) };
}

static void a_canary_that_fails_everything_is_rolled_back_at_its_third_failure(void **state)
{
	struct guard guard = guard_with_budget(.001);

	(void)state;
	observe_times(&guard, 600, .01, of(990, 0), of(10, 0));
	assert_int_not_equal(
	    observe(&guard, .01, 0, of(0, 0), of(1, 1)).action, VERDICT_ROLL_BACK);
	assert_int_equal(
	    observe(&guard, .01, 0, of(0, 0), of(1, 1)).action, VERDICT_HOLD_SUSPECT);
	assert_int_equal(observe(&guard, .01, 0, of(0, 0), of(1, 1)).action, VERDICT_ROLL_BACK);
}

static void two_failures_are_never_enough(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	verdict = observe(&guard, .0001, 1, of(9999, 0), of(2, 2));
	assert_true(verdict.ln_e > log(100));
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
}

static void a_canary_is_not_blamed_for_what_legacy_suffers_too(void **state)
{
	(void)state;
	for (double w = .05; w < .9; w += .2) {
		struct guard guard = guard_with_budget(.001);

		observe_times(&guard, 600, w, of(1000 * (1 - w), 0), of(1000 * w, 0));
		for (int i = 0; i < 600; i++) {
			struct verdict verdict = observe(&guard, w, 1,
			    of(1000 * (1 - w), 300 * (1 - w)), of(1000 * w, 300 * w));

			assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
		}
		assert_int_equal(
		    observe(&guard, w, 0, of(0, 0), of(0, 0)).action, VERDICT_HOLD_SHARED);
	}
}

static void a_canary_is_not_blamed_for_a_shared_outage_just_after_a_raise(void **state)
{
	struct guard guard = guard_with_budget(.001);

	(void)state;
	/* Legacy's windows hold an hour of good traffic; the canary's are nearly all new. */
	observe_times(&guard, 3600, .01, of(1980, 0), of(20, 0));
	guard_begin_stage(&guard, &guard.stage, true);
	for (int i = 0; i < 600; i++) {
		struct verdict verdict = observe(&guard, .5, 1, of(1000, 300), of(1000, 300));

		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
	}
}

static void a_shared_outage_is_not_over_when_every_user_has_met_it(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	observe_times(&guard, 10, .25, of(750, 0), of(250, 0));
	observe(&guard, .25, 1, of(750, 75), of(250, 25));
	/* From here on they fail again, but none for the first time. */
	verdict = observe_times(&guard, 600, .25,
	    (struct evidence_counts) { .n = 750, .failed = 225 },
	    (struct evidence_counts) { .n = 250, .failed = 75 });
	assert_int_equal(verdict.action, VERDICT_HOLD_SHARED);
}

static void a_handful_of_broken_users_is_no_outage(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	observe(&guard, .25, 1, of(750, 2), of(250, 1));
	verdict =
	    observe_times(&guard, 600, .25, (struct evidence_counts) { .n = 750, .failed = 15 },
		(struct evidence_counts) { .n = 250, .failed = 5 });
	assert_int_equal(verdict.action, VERDICT_ADVANCE);
}

static void the_absolute_guard_catches_what_crept_in_too_slowly_to_compare(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	/* All bets long lost: the comparison cannot see a canary at 20 times its budget. */
	for (size_t i = 0; i < ERROR_BETS; i++)
		guard.route.errors.two_sample.capital[i] = 0;
	guard.route.errors.two_sample.left_time = 0;
	guard.route.errors.two_sample.left_stage = 0;
	verdict = observe_times(&guard, 60, .5, of(1000, 0), of(1000, 20));
	assert_true(verdict.ln_e < 0);
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_BURNS_FAST);
}

static void the_absolute_guard_catches_a_slower_burn_over_hours(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	for (size_t i = 0; i < ERROR_BETS; i++)
		guard.route.errors.two_sample.capital[i] = 0;
	guard.route.errors.two_sample.left_time = 0;
	guard.route.errors.two_sample.left_stage = 0;
	verdict = observe_times(&guard, 60, .5, of(1000, 0), of(1000, 8));
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_BURNS_STEADILY);
}

static void nothing_is_decided_on_nine_failures_of_the_budget(void **state)
{
	struct guard guard = guard_with_budget(.001);

	(void)state;
	for (size_t i = 0; i < ERROR_BETS; i++)
		guard.route.errors.two_sample.capital[i] = 0;
	guard.route.errors.two_sample.left_time = 0;
	guard.route.errors.two_sample.left_stage = 0;
	assert_int_equal(
	    observe(&guard, .5, 1, of(100, 0), of(100, 9)).action, VERDICT_CONTINUE);
}

static void a_certain_but_tiny_difference_does_not_matter_and_says_so(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	verdict = observe_times(&guard, 3, .5, of(1e6, 2), of(1e6, 30));
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(strstr(text, "too small to matter"));
}

static void a_late_outcome_is_judged_under_the_weight_it_was_assigned_under(void **state)
{
	struct guard now = guard_with_budget(.001), then = now;
	struct guard_tick tick = { .dt_s = 1, .n_entries = 2 };

	(void)state;
	tick.entries[0] = (struct guard_entry) { .weight = .5 };
	tick.entries[1] =
	    (struct guard_entry) { .weight = .01, .arms = { [ARM_CANARY] = { 1, 1, 1 } } };
	guard_tick(&now, &tick);
	observe(&then, .01, 1, of(0, 0), of(1, 1));
	/* The same bet, but for what a second's stake is worth. */
	assert_true(fabs(guard_ln_e(&now) - guard_ln_e(&then)) < 1e-3);
	assert_true(now.route.stage[ARM_CANARY].counts.n == 0);
	assert_true(now.distinct_failures == 1);
}

static void a_late_failure_does_not_speak_against_going_on(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct guard_tick tick = { .dt_s = 1, .n_entries = 2 };

	(void)state;
	guard_set_stage(&guard, &(struct guard_stage) { .hold_s = 60, .p_max = .01 });
	tick.entries[0] = (struct guard_entry) { .weight = .5,
		.arms = { [ARM_LEGACY] = of(100, 0), [ARM_CANARY] = of(100, 0) } };
	tick.entries[1] = (struct guard_entry) { .weight = .1,
		.arms = { [ARM_LEGACY] = of(0, 0), [ARM_CANARY] = of(100, 1) } };
	guard_tick(&guard, &tick);
	tick.n_entries = 1;
	assert_true(guard_tick(&guard, &tick).promotion_ln_e > 1);
}

static void slow_requests_do_not_make_up_for_a_third_failure(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct guard_tick tick = { .dt_s = 1, .n_entries = 1 };
	struct verdict verdict;

	(void)state;
	/* Two failures carry E; three slow requests are material, and prove next to nothing. */
	tick.entries[0] = (struct guard_entry) { .weight = .0001,
		.has_latency = true,
		.arms = { [ARM_LEGACY] = { .n = 9999 },
		    [ARM_CANARY] = { .n = 5, .bad = 2, .failed = 2, .slow = { 3 } } } };
	verdict = guard_tick(&guard, &tick);
	assert_true(verdict.ln_e > log(100));
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
}

static void a_raise_lets_a_canary_that_breaks_late_be_found_sooner(void **state)
{
	struct guard kept = guard_with_budget(.001), raised;

	(void)state;
	/* Hours of balanced failures have lost every bet. */
	observe_times(&kept, 3600, .1, of(90, 9), of(10, 1));
	raised = kept;
	guard_begin_stage(&kept, &kept.stage, false);
	guard_begin_stage(&raised, &raised.stage, true);
	for (int i = 0; i < 4; i++) {
		observe(&kept, .1, 0, of(0, 0), of(1, 1));
		observe(&raised, .1, 0, of(0, 0), of(1, 1));
	}
	assert_true(guard_ln_e(&raised) > guard_ln_e(&kept) + 1);
}

static void the_evidence_begins_anew_after_a_day(void **state)
{
	struct guard guard = guard_with_budget(.5);

	(void)state;
	for (int minute = 0; minute < 24 * 60; minute++)
		observe(&guard, .1, 60, of(90, 9), of(10, 1));
	assert_true(guard_ln_e(&guard) < -.2);
	observe(&guard, .1, 60, of(90, 0), of(10, 0));
	assert_true(fabs(guard_ln_e(&guard)) < 1e-9);
}

static void beyond_ninety_percent_the_canary_is_judged_by_its_budget(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	verdict = observe_times(&guard, 60, 1, of(0, 0), of(1000, 1));
	assert_int_equal(verdict.action, VERDICT_ADVANCE);
	verdict = observe_times(&guard, 3, 1, of(0, 0), of(1000, 200));
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_OVER_BUDGET);
}

static void too_little_data_is_neither_a_failure_nor_a_success(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict = observe_times(&guard, 70, .1, of(9, 0), of(0, 0));

	(void)state;
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	assert_int_equal(verdict.reason, REASON_HOLD_TIME);
	verdict = observe_times(&guard, 30, .1, of(9, 0), of(1, 0));
	assert_int_equal(verdict.reason, REASON_FEW_REQUESTS);
}

static void a_stage_stands_still_without_canary_traffic_or_while_paused(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct guard_tick paused = { .dt_s = 30, .hold_stopped = true, .n_entries = 1 };

	(void)state;
	paused.entries[0] =
	    (struct guard_entry) { .weight = .1, .arms = { [ARM_CANARY] = { 100, 0, 0 } } };
	observe_times(&guard, 10, .1, of(90, 0), of(10, 0));
	guard_tick(&guard, &paused);
	assert_true(guard.stage_age_s == 10);
	observe_times(&guard, 3600, .1, of(90, 0), of(0, 0));
	assert_true(guard.stage_age_s < 10 + 60);
}

static void a_fixed_weight_never_advances_but_is_guarded_all_the_same(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	guard_set_stage(&guard, &(struct guard_stage) { .hold_s = INFINITY });
	verdict = observe_times(&guard, 1000, .1, of(90, 0), of(10, 0));
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	assert_int_equal(verdict.reason, REASON_WATCHING);
	assert_int_equal(observe(&guard, .1, 0, of(0, 0), of(5, 5)).action, VERDICT_ROLL_BACK);
}

static void a_weight_of_zero_leaves_nothing_to_judge(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict = observe_times(&guard, 100, 0, of(100, 50), of(0, 0));

	(void)state;
	assert_int_equal(verdict.action, VERDICT_CONTINUE);
	assert_int_equal(verdict.reason, REASON_NOT_EXPOSED);
	assert_true(verdict.ln_e == 0);
}

static void no_counts_whatever_make_the_evidence_undefined(void **state)
{
	static const double counts[] = { 0, 1, 1e3, 1e9, 1e15 };
	static const double weights[] = { 1e-6, .5, .899999, .9, .999999, 1 };

	(void)state;
	for (size_t w = 0; w < sizeof(weights) / sizeof(weights[0]); w++) {
		struct guard guard = guard_with_budget(0);

		for (size_t i = 0; i < 25; i++) {
			/* More failures than requests: what a torn read may look like. */
			struct verdict verdict = observe(&guard, weights[w], .1,
			    of(counts[i / 5], counts[i % 5]), of(counts[i % 5], counts[i / 5]));

			assert_true(verdict.ln_e == verdict.ln_e); /* not NaN */
			assert_true(verdict.ln_e < 2000);
		}
	}
}

static struct verdict arrive(struct guard *guard, double w, uint32_t legacy, uint32_t canary)
{
	struct guard_tick tick = { .dt_s = 1, .n_entries = 1 };

	tick.entries[0] = (struct guard_entry) { .weight = w,
		.arms = { [ARM_LEGACY] = { .n = 1000, .units = legacy },
		    [ARM_CANARY] = { .n = 1000, .units = canary } } };
	return guard_tick(guard, &tick);
}

static void users_who_do_not_arrive_by_the_weight_freeze_it(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict = arrive(&guard, .1, 8800, 1200);
	char text[VERDICT_TEXT_SIZE];

	(void)state;
	assert_int_equal(verdict.action, VERDICT_HOLD_SUSPECT);
	assert_int_equal(verdict.reason, REASON_SAMPLE_RATIO);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_non_null(
	    strstr(text, "of 10000 users first seen, canary had 1200 where 1000 were due"));
	/* Bad enough is bad enough, all the same. */
	assert_int_equal(
	    observe(&guard, .1, 0, of(0, 0), of(20, 20)).action, VERDICT_ROLL_BACK);
}

static void requests_out_of_proportion_freeze_nothing(void **state)
{
	struct guard guard = guard_with_budget(.001);

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(arrive(&guard, .1, 9000, 1000).reason, REASON_HOLD_TIME);
}

static void at_full_weight_there_is_no_ratio_to_hold(void **state)
{
	struct guard guard = guard_with_budget(.001);

	(void)state;
	assert_int_equal(arrive(&guard, 1, 500, 100000).reason, REASON_HOLD_TIME);
}

static void above_ninety_percent_an_outage_of_both_is_not_the_canarys(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict = { .action = VERDICT_CONTINUE };

	(void)state;
	observe_times(&guard, 600, .95, of(50, 0), of(950, 0));
	for (int i = 0; i < 600; i++) {
		/* By chance the canary's share is a little larger. */
		verdict = observe(&guard, .95, 1, of(50, 15), of(950, 304));
		assert_int_not_equal(verdict.action, VERDICT_ROLL_BACK);
	}
	assert_int_equal(verdict.action, VERDICT_HOLD_SHARED);
}

static void what_legacy_did_long_ago_excuses_nothing_at_full_weight(void **state)
{
	struct guard guard = guard_with_budget(.001);
	struct verdict verdict;

	(void)state;
	observe_times(&guard, 60, .5, of(500, 50), of(500, 50));
	guard_begin_stage(&guard, &guard.stage, true);
	observe_times(&guard, 600, 1, of(0, 0), of(1000, 0));
	verdict = observe_times(&guard, 5, 1, of(0, 0), of(1000, 300));
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	assert_int_equal(verdict.reason, REASON_OVER_BUDGET);
}

static void a_verdict_explains_itself_with_its_figures(void **state)
{
	struct guard guard = guard_with_budget(.001);
	char text[VERDICT_TEXT_SIZE];
	struct verdict verdict = observe(&guard, .1, 1, of(3100, 1), of(340, 12));

	(void)state;
	assert_int_equal(verdict.action, VERDICT_ROLL_BACK);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_ptr_equal(
	    strstr(text, "canary failed 12 of 340 requests (3.5%), legacy failed 1 of 3100 "
			 "requests (0.032%), each user's failures counted once: a healthy "
			 "canary would look this bad with probability at most "),
	    text);
}

/* A burst is little of a long stage: its share would speak for the canary. */
static void a_burst_at_full_weight_is_told_by_the_last_minute(void **state)
{
	struct guard guard = guard_with_budget(.001);
	char text[VERDICT_TEXT_SIZE];
	struct verdict verdict;

	(void)state;
	observe_times(&guard, 600, 1, of(0, 0), of(1000, 0));
	verdict = observe_times(&guard, 5, 1, of(0, 0), of(1000, 500));
	assert_int_equal(verdict.reason, REASON_OVER_BUDGET);
	verdict_reason_text(&verdict, text, sizeof(text));
	assert_ptr_equal(strstr(text, "in the last minute, about: canary failed "), text);
	assert_non_null(
	    strstr(text, "a canary failing at most 1.4% (14.4 times its budget) would "));
}

static struct verdict large_verdict(void)
{
	struct arm_counts big = { 1e18, 9.9e17, 9.9e17 };
	struct verdict verdict = {
		.ln_e = 690,
		.accuser = { .path_class = 64, .arms = { big, big } },
		.alpha = .01,
		.budget = .001,
		.latency_budget = .123456789,
		.material = true,
		.stage = { big, big },
		.minute = { big, big },
		.burn_short = { 1e6, 1e6 },
		.burn_long = { 1e6, 1e6 },
		.pooled_burn_60_s = 1e6,
		.pooled_burn_5_min = 1e6,
		.slow_share = { .123456789, .123456789 },
		.units = { 1e18, 1e18 },
		.units_expected = 1e18,
		.stage_age_s = 1e9,
		.hold_s = 1e9,
		.min_requests = 1e9,
		.p_max = .01,
		.handicap = { 1.0123456789, UINT32_MAX },
	};

	memset(verdict.path_name, 'x', sizeof(verdict.path_name) - 1);
	for (int i = 0; i < LATENCY_THRESHOLDS; i++)
		verdict.threshold_us[i] = 4294967295;
	return verdict;
}

static void every_reason_fits_its_text_however_large_the_figures(void **state)
{
	const int combinations = VERDICT_REASONS * VERDICTS * (EVIDENCE_KINDS + 1);

	(void)state;
	for (int i = 0; i < combinations; i++) {
		struct verdict verdict = large_verdict();
		char text[VERDICT_TEXT_SIZE], little[8];

		verdict.reason = (enum verdict_reason)(i % VERDICT_REASONS);
		verdict.action = (enum verdict_action)(i / VERDICT_REASONS % VERDICTS);
		verdict.accuser.kind = (enum evidence_kind)(i / VERDICT_REASONS / VERDICTS);
		verdict.accuser.threshold = (enum latency_threshold)(i % LATENCY_THRESHOLDS);
		verdict_reason_text(&verdict, text, sizeof(text));
		assert_in_range(strlen(text), 10, sizeof(text) - 2);
		verdict_reason_text(&verdict, little, sizeof(little));
		assert_int_equal(strlen(little), sizeof(little) - 1);
	}
}

static void every_reason_and_form_of_evidence_has_a_name(void **state)
{
	(void)state;
	for (int reason = 0; reason < VERDICT_REASONS; reason++)
		assert_non_null(verdict_reason_name((enum verdict_reason)reason));
	for (int kind = 0; kind <= EVIDENCE_KINDS; kind++)
		assert_non_null(evidence_kind_name((enum evidence_kind)kind));
	assert_string_equal(verdict_reason_name(REASON_SAMPLE_RATIO), "sample_ratio");
	assert_string_equal(evidence_kind_name(EVIDENCE_KINDS), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_canary_that_fails_everything_is_rolled_back_at_its_third_failure),
		cmocka_unit_test(two_failures_are_never_enough),
		cmocka_unit_test(a_canary_is_not_blamed_for_what_legacy_suffers_too),
		cmocka_unit_test(a_canary_is_not_blamed_for_a_shared_outage_just_after_a_raise),
		cmocka_unit_test(a_shared_outage_is_not_over_when_every_user_has_met_it),
		cmocka_unit_test(a_handful_of_broken_users_is_no_outage),
		cmocka_unit_test(
		    the_absolute_guard_catches_what_crept_in_too_slowly_to_compare),
		cmocka_unit_test(the_absolute_guard_catches_a_slower_burn_over_hours),
		cmocka_unit_test(nothing_is_decided_on_nine_failures_of_the_budget),
		cmocka_unit_test(a_certain_but_tiny_difference_does_not_matter_and_says_so),
		cmocka_unit_test(
		    a_late_outcome_is_judged_under_the_weight_it_was_assigned_under),
		cmocka_unit_test(a_late_failure_does_not_speak_against_going_on),
		cmocka_unit_test(slow_requests_do_not_make_up_for_a_third_failure),
		cmocka_unit_test(a_raise_lets_a_canary_that_breaks_late_be_found_sooner),
		cmocka_unit_test(the_evidence_begins_anew_after_a_day),
		cmocka_unit_test(beyond_ninety_percent_the_canary_is_judged_by_its_budget),
		cmocka_unit_test(too_little_data_is_neither_a_failure_nor_a_success),
		cmocka_unit_test(a_stage_stands_still_without_canary_traffic_or_while_paused),
		cmocka_unit_test(a_fixed_weight_never_advances_but_is_guarded_all_the_same),
		cmocka_unit_test(a_weight_of_zero_leaves_nothing_to_judge),
		cmocka_unit_test(no_counts_whatever_make_the_evidence_undefined),
		cmocka_unit_test(users_who_do_not_arrive_by_the_weight_freeze_it),
		cmocka_unit_test(requests_out_of_proportion_freeze_nothing),
		cmocka_unit_test(at_full_weight_there_is_no_ratio_to_hold),
		cmocka_unit_test(above_ninety_percent_an_outage_of_both_is_not_the_canarys),
		cmocka_unit_test(what_legacy_did_long_ago_excuses_nothing_at_full_weight),
		cmocka_unit_test(every_reason_and_form_of_evidence_has_a_name),
		cmocka_unit_test(a_verdict_explains_itself_with_its_figures),
		cmocka_unit_test(a_burst_at_full_weight_is_told_by_the_last_minute),
		cmocka_unit_test(every_reason_fits_its_text_however_large_the_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
