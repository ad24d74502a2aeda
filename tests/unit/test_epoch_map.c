/* Counting a unit's failure once per epoch. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/epoch_map.h"

static struct epoch_map map;

static int set_up(void **state)
{
	(void)state;
	epoch_map_clear(&map);
	return 0;
}

static void a_unit_is_first_once_per_epoch(void **state)
{
	(void)state;
	assert_true(epoch_map_first(&map, 12345));
	assert_false(epoch_map_first(&map, 12345));
	assert_true(epoch_map_first(&map, 12346));
	epoch_map_clear(&map);
	assert_true(epoch_map_first(&map, 12345));
}

static void every_bit_of_the_map_is_a_unit_of_its_own(void **state)
{
	(void)state;
	for (uint64_t hash = 0; hash < EPOCH_MAP_BITS; hash++)
		assert_true(epoch_map_first(&map, hash));
	for (uint64_t hash = 0; hash < EPOCH_MAP_BITS; hash++)
		assert_false(epoch_map_first(&map, hash | UINT64_C(0xabc0000000000000)));
}

static void the_map_says_when_it_is_half_full(void **state)
{
	(void)state;
	for (uint64_t hash = 0; hash < EPOCH_MAP_BITS / 2 - 1; hash++) {
		epoch_map_first(&map, hash * 7);
		epoch_map_first(&map, hash * 7);
	}
	assert_false(epoch_map_is_half_full(&map));
	epoch_map_first(&map, (EPOCH_MAP_BITS / 2 - 1) * UINT64_C(7));
	assert_true(epoch_map_is_half_full(&map));
	epoch_map_clear(&map);
	assert_false(epoch_map_is_half_full(&map));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_unit_is_first_once_per_epoch, set_up),
		cmocka_unit_test_setup(every_bit_of_the_map_is_a_unit_of_its_own, set_up),
		cmocka_unit_test_setup(the_map_says_when_it_is_half_full, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
