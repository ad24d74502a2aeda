/* Exponentially weighted windows that start empty. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/series.h"

#include <math.h>

static void assert_close(double actual, double expected, double tolerance)
{
	if (!(fabs(actual - expected) <= tolerance))
		fail_msg("%.12g is not %.12g", actual, expected);
}

static void tick(struct series *series, double dt_s, double n, double bad)
{
	struct series_decay decay = series_decay_of(dt_s);

	series_age(series, &decay);
	series_add(series, n, bad);
}

static void an_empty_window_has_no_rate(void **state)
{
	struct series series = { { 0 }, { 0 } };

	(void)state;
	assert_close(series_rate(&series, WINDOW_60_S), 0, 0);
}

static void a_steady_rate_is_that_rate_from_the_first_tick_in_every_window(void **state)
{
	struct series series = { { 0 }, { 0 } };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		tick(&series, .1, 200, 3);
		for (enum series_window window = 0; window < WINDOWS; window++)
			assert_close(series_rate(&series, window), .015, 1e-12);
	}
}

static void after_its_time_constant_a_window_keeps_1_over_e(void **state)
{
	(void)state;
	for (enum series_window window = 0; window < WINDOWS; window++) {
		struct series series = { { 0 }, { 0 } };

		tick(&series, 1, 1000, 10);
		tick(&series, series_window_s(window), 0, 0);
		assert_close(series.n[window], 1000 * exp(-1), 1e-6);
		assert_close(series.bad[window], 10 * exp(-1), 1e-8);
	}
}

static void how_often_one_looks_makes_no_difference(void **state)
{
	struct series often = { { 0 }, { 0 } }, seldom = { { 0 }, { 0 } };

	(void)state;
	tick(&often, 1, 100, 5);
	tick(&seldom, 1, 100, 5);
	for (int i = 0; i < 600; i++)
		tick(&often, .1, 0, 0);
	tick(&seldom, 60, 0, 0);
	for (enum series_window window = 0; window < WINDOWS; window++)
		assert_close(often.n[window], seldom.n[window], 1e-9);
}

static void an_evaluation_between_ticks_ages_nothing(void **state)
{
	struct series series = { { 0 }, { 0 } };

	(void)state;
	tick(&series, 1, 100, 5);
	tick(&series, 0, 0, 0);
	assert_close(series.n[WINDOW_60_S], 100, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_window_has_no_rate),
		cmocka_unit_test(
		    a_steady_rate_is_that_rate_from_the_first_tick_in_every_window),
		cmocka_unit_test(after_its_time_constant_a_window_keeps_1_over_e),
		cmocka_unit_test(how_often_one_looks_makes_no_difference),
		cmocka_unit_test(an_evaluation_between_ticks_ages_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
