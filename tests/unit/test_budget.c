/* Error budgets: what is left, and how fast it goes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/budget.h"

#include <math.h>
#include <stdlib.h>

static void assert_close(double actual, double expected, double tolerance)
{
	if (!(fabs(actual - expected) <= tolerance))
		fail_msg("%.12g is not %.12g", actual, expected);
}

static const double share = .001;
static const uint64_t second_us = 1000000;

static void observe(struct budget *budget, double dt_s, uint64_t n, uint64_t bad)
{
	struct series_decay decay = series_decay_of(dt_s);

	budget_observe(budget, &decay, n, bad);
}

static void a_budget_is_whole_before_the_first_request(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 500, 50);
	assert_close(budget_remaining(&budget, share), 1, 0);
	assert_close(budget_burn_rate(&budget, share, WINDOW_1_H), 0, 0);
}

static void what_was_counted_before_the_release_is_not_its_own(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 500, 50);
	observe(&budget, 1, 10500, 55);
	assert_close(budget_remaining(&budget, share), .5, 1e-12);
}

static void an_overspent_budget_is_below_zero(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 0, 0);
	observe(&budget, 1, 1000, 3);
	assert_close(budget_remaining(&budget, share), -2, 1e-12);
}

static void a_burn_rate_of_one_spends_exactly_the_budget(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 0, 0);
	for (uint64_t i = 1; i <= 100; i++)
		observe(&budget, 1, i * 1000, i);
	for (enum series_window window = 0; window < WINDOWS; window++)
		assert_close(budget_burn_rate(&budget, share, window), 1, 1e-9);
	assert_close(budget_remaining(&budget, share), 0, 1e-9);
}

static void a_short_window_forgets_a_burst_sooner_than_a_long_one(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 0, 0);
	observe(&budget, 1, 1000, 100);
	for (uint64_t i = 1; i <= 600; i++)
		observe(&budget, 1, 1000 + i * 100, 100);
	assert_true(budget_burn_rate(&budget, share, WINDOW_5_MIN) <
		    budget_burn_rate(&budget, share, WINDOW_30_MIN));
	assert_true(budget_burn_rate(&budget, share, WINDOW_30_MIN) <
		    budget_burn_rate(&budget, share, WINDOW_6_H));
}

static void a_budget_of_nothing_still_has_a_burn_rate(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, 0, 0);
	observe(&budget, 1, 1000, 1);
	assert_true(budget_burn_rate(&budget, 0, WINDOW_1_H) > 100);
	assert_true(budget_remaining(&budget, 0) < 0);
}

static void a_route_has_a_budget_for_each_path_class_and_one_for_all(void **state)
{
	struct route_stats *stats = route_stats_new(1, 0);
	struct route_budgets *budgets = calloc(1, sizeof(*budgets));
	struct outcome outcome = { .arm = ARM_CANARY, .status = 200, .counts = true };

	(void)state;
	assert_non_null(stats);
	assert_non_null(budgets);
	route_stats_record(stats, 0, 0, &outcome);
	route_budgets_begin(budgets, 100000, stats, 0);
	for (int i = 0; i < 10; i++) {
		outcome.path_class = (uint8_t)(i % 2);
		outcome.failure = i == 0 ? FAILURE_STATUS : FAILURE_NONE;
		route_stats_record(stats, 0, 0, &outcome);
	}
	route_budgets_tick(budgets, stats, second_us);
	assert_close(
	    budget_remaining(&budgets->budgets[0][ARM_CANARY], budgets->share), -1, 1e-9);
	assert_close(
	    budget_remaining(&budgets->budgets[1][ARM_CANARY], budgets->share), 1, 1e-9);
	assert_close(
	    budget_remaining(&budgets->budgets[PATH_CLASS_ALL][ARM_CANARY], budgets->share), 0,
	    1e-9);
	assert_close(
	    budget_remaining(&budgets->budgets[PATH_CLASS_ALL][ARM_LEGACY], budgets->share), 1,
	    0);
	free(budgets);
	route_stats_free(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_is_whole_before_the_first_request),
		cmocka_unit_test(what_was_counted_before_the_release_is_not_its_own),
		cmocka_unit_test(an_overspent_budget_is_below_zero),
		cmocka_unit_test(a_burn_rate_of_one_spends_exactly_the_budget),
		cmocka_unit_test(a_short_window_forgets_a_burst_sooner_than_a_long_one),
		cmocka_unit_test(a_budget_of_nothing_still_has_a_burn_rate),
		cmocka_unit_test(a_route_has_a_budget_for_each_path_class_and_one_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
