#include "admin/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum {
	ROUTES = 1000,
	EVERY_US = 30000000,
};

static void each_has_its_turn_within_the_time_and_again_after_it(void **state)
{
	(void)state;
	for (size_t one = 0; one < ROUTES; one++) {
		uint64_t last_us = 12345678 + one * 777;
		uint64_t next_us = next_turn_us(last_us, EVERY_US, one, ROUTES);

		assert_in_range(next_us, last_us + 1, last_us + EVERY_US);
		assert_int_equal(
		    next_turn_us(next_us, EVERY_US, one, ROUTES), next_us + EVERY_US);
	}
}

/* All at once, as after a start: not more than their share falls into a tick. */
static void those_that_begin_together_come_apart(void **state)
{
	unsigned n[EVERY_US / 100000 + 1] = { 0 };

	(void)state;
	for (size_t one = 0; one < ROUTES; one++)
		n[(next_turn_us(5000000, EVERY_US, one, ROUTES) - 5000001) / 100000]++;
	for (size_t tick = 0; tick < EVERY_US / 100000; tick++)
		assert_in_range(n[tick], ROUTES / 300, ROUTES / 300 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_turn_within_the_time_and_again_after_it),
		cmocka_unit_test(those_that_begin_together_come_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
