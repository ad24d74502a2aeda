#include "router/exposure.h"

#include "conf/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void each_change_of_the_weight_has_its_own_generation(void **state)
{
	struct exposure exposure;

	(void)state;
	exposure_init(&exposure, 50000);
	assert_int_equal(exposure_get(&exposure).generation, 1);
	assert_int_equal(exposure_get(&exposure).weight_ppm, 50000);
	exposure_set(&exposure, 2, 0);
	assert_int_equal(exposure_get(&exposure).generation, 2);
	assert_int_equal(exposure_get(&exposure).weight_ppm, 0);
	exposure_set(&exposure, UINT32_MAX, PPM);
	assert_int_equal(exposure_get(&exposure).generation, UINT32_MAX);
	assert_int_equal(exposure_get(&exposure).weight_ppm, PPM);
}

static void an_assignment_does_not_change_with_the_weight(void **state)
{
	struct exposure exposure;
	struct assignment held;

	(void)state;
	exposure_init(&exposure, 250000);
	held = exposure_get(&exposure);
	exposure_set(&exposure, 2, 0);
	assert_int_equal(exposure_arm(held, 249999), ARM_CANARY);
	assert_int_equal(exposure_arm(exposure_get(&exposure), 249999), ARM_LEGACY);
}

static void a_bucket_below_the_weight_goes_to_the_canary(void **state)
{
	static const struct {
		uint32_t weight_ppm;
		uint32_t bucket;
		enum arm arm;
	} rows[] = {
		{ 0, 0, ARM_LEGACY },
		{ 1, 0, ARM_CANARY },
		{ 1, 1, ARM_LEGACY },
		{ 50000, 49999, ARM_CANARY },
		{ 50000, 50000, ARM_LEGACY },
		{ PPM, PPM - 1, ARM_CANARY },
		{ PPM - 1, PPM - 1, ARM_LEGACY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exposure exposure;

		exposure_init(&exposure, rows[i].weight_ppm);
		assert_int_equal(
		    exposure_arm(exposure_get(&exposure), rows[i].bucket), rows[i].arm);
	}
}

static void a_ramp_up_moves_nobody_back_and_a_ramp_down_nobody_over(void **state)
{
	static const uint32_t ramp[] = { 0, 10000, 50000, 250000, 500000, PPM };
	struct exposure exposure;

	(void)state;
	exposure_init(&exposure, ramp[0]);
	for (size_t i = 1; i < sizeof(ramp) / sizeof(ramp[0]); i++) {
		struct assignment before = exposure_get(&exposure);
		struct assignment after;
		uint32_t n_moved = 0;

		exposure_set(&exposure, (uint32_t)i + 1, ramp[i]);
		after = exposure_get(&exposure);
		for (uint32_t bucket = 0; bucket < PPM; bucket++) {
			enum arm was = exposure_arm(before, bucket);
			enum arm is = exposure_arm(after, bucket);

			assert_false(was == ARM_CANARY && is == ARM_LEGACY);
			n_moved += was != is;
		}
		assert_int_equal(n_moved, ramp[i] - ramp[i - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_of_the_weight_has_its_own_generation),
		cmocka_unit_test(an_assignment_does_not_change_with_the_weight),
		cmocka_unit_test(a_bucket_below_the_weight_goes_to_the_canary),
		cmocka_unit_test(a_ramp_up_moves_nobody_back_and_a_ramp_down_nobody_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
