/* By how much a canary may be slower than legacy: a share of it, or a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/handicap.h"

static uint32_t canary_us(double factor, uint32_t slack_us, uint32_t legacy_us)
{
	return handicap_canary_us(
	    &(struct handicap) { .factor = factor, .slack_us = slack_us }, legacy_us);
}

static void a_canary_may_be_slower_by_the_larger_of_the_share_and_the_slack(void **state)
{
	(void)state;
	assert_int_equal(canary_us(1.1, 1000, 252), 1252);
	assert_int_equal(canary_us(1.1, 1000, 9000), 10000);
	assert_int_equal(canary_us(1.1, 1000, 20000), 22000);
}

static void without_slack_the_share_alone_counts(void **state)
{
	(void)state;
	assert_int_equal(canary_us(1.1, 0, 252), 278);
	assert_int_equal(canary_us(1, 0, 252), 252);
}

static void while_its_caches_are_cold_the_slack_takes_nothing_from_a_canary(void **state)
{
	(void)state;
	for (uint32_t us = 0; us < 5000; us++) {
		assert_true(canary_us(4, 1000, us) >= canary_us(4, 0, us));
		assert_true(canary_us(4, 1000, us) >= canary_us(1.1, 1000, us));
	}
	assert_int_equal(canary_us(4, 1000, 252), 1252);
	assert_int_equal(canary_us(4, 1000, 1000), 4000);
}

static void what_is_slower_than_can_be_told_stays_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(canary_us(1.1, 60000000, UINT32_MAX - 1), UINT32_MAX);
	assert_int_equal(canary_us(4, 0, UINT32_MAX / 2), UINT32_MAX);
}

static void handicaps_differ_by_either(void **state)
{
	const struct handicap one = { 1.1, 1000 }, slack = { 1.1, 0 }, factor = { 4, 1000 };

	(void)state;
	assert_true(handicap_equal(&one, &one));
	assert_false(handicap_equal(&one, &slack));
	assert_false(handicap_equal(&one, &factor));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_canary_may_be_slower_by_the_larger_of_the_share_and_the_slack),
		cmocka_unit_test(without_slack_the_share_alone_counts),
		cmocka_unit_test(
		    while_its_caches_are_cold_the_slack_takes_nothing_from_a_canary),
		cmocka_unit_test(what_is_slower_than_can_be_told_stays_at_the_end),
		cmocka_unit_test(handicaps_differ_by_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
