#include "router/exposure.h"

#include "base/path_slots.h"
#include "conf/config.h"
#include "router/seen_users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const uint32_t reads = 1 << METHOD_GET | 1 << METHOD_HEAD;

static void set_weight(struct exposure *exposure, uint32_t generation, uint32_t weight_ppm)
{
	struct exposure_setting setting = { .generation = generation,
		.weight_ppm = weight_ppm };

	exposure_set(exposure, &setting);
}

static void each_change_of_the_weight_has_its_own_generation(void **state)
{
	struct exposure exposure;

	(void)state;
	exposure_init(&exposure, 50000);
	assert_int_equal(exposure_get(&exposure).generation, 1);
	assert_int_equal(exposure_get(&exposure).weight_ppm, 50000);
	set_weight(&exposure, 2, 0);
	assert_int_equal(exposure_get(&exposure).generation, 2);
	assert_int_equal(exposure_get(&exposure).weight_ppm, 0);
	set_weight(&exposure, UINT32_MAX, PPM);
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
	set_weight(&exposure, 2, 0);
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

		set_weight(&exposure, (uint32_t)i + 1, ramp[i]);
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

static void a_setting_is_read_back_as_it_was_set(void **state)
{
	static const struct exposure_setting rows[] = {
		{ .generation = 1 },
		{ .generation = 7, .weight_ppm = PPM, .methods = reads },
		{ .generation = UINT32_MAX,
		    .weight_ppm = 123456,
		    .withdrawn = UINT64_C(1) << 63 | 1,
		    .drain_ppm = PPM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exposure exposure;
		struct exposure_setting read;

		exposure_init(&exposure, 5);
		exposure_set(&exposure, &rows[i]);
		read = exposure_read(&exposure);
		assert_int_equal(read.generation, rows[i].generation);
		assert_int_equal(read.weight_ppm, rows[i].weight_ppm);
		assert_int_equal(read.methods, rows[i].methods);
		assert_true(read.withdrawn == rows[i].withdrawn);
		assert_int_equal(read.drain_ppm, rows[i].drain_ppm);
	}
}

static void a_plain_exposure_is_one_of_every_method_and_path_without_a_drain(void **state)
{
	static const struct {
		struct exposure_setting setting;
		enum method_id method;
		bool is_plain;
	} rows[] = {
		{ { .weight_ppm = PPM }, METHOD_OTHER, true },
		{ { .weight_ppm = PPM }, METHOD_TRACE, true },
		{ { .methods = reads }, METHOD_GET, true },
		{ { .methods = reads }, METHOD_POST, false },
		{ { .withdrawn = 1 }, METHOD_GET, false },
		{ { .drain_ppm = 1 }, METHOD_GET, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exposure exposure;

		exposure_init(&exposure, 0);
		exposure_set(&exposure, &rows[i].setting);
		assert_int_equal(exposure_is_plain(exposure_get(&exposure), rows[i].method),
		    rows[i].is_plain);
	}
}

static void what_narrows_the_exposure_sends_to_legacy_or_keeps_on_the_canary(void **state)
{
	static const struct {
		struct exposure_setting setting;
		struct exposure_request request;
		enum arm arm;
		enum exposure_reason reason;
	} rows[] = {
		/* Nothing does. */
		{ { .weight_ppm = PPM }, { .method = METHOD_POST }, ARM_CANARY,
		    EXPOSURE_BY_BUCKET },
		/* Methods. */
		{ { .weight_ppm = PPM, .methods = reads }, { .method = METHOD_POST },
		    ARM_LEGACY, EXPOSURE_BY_METHOD },
		{ { .weight_ppm = PPM, .methods = reads }, { .method = METHOD_OTHER },
		    ARM_LEGACY, EXPOSURE_BY_METHOD },
		{ { .weight_ppm = 10, .methods = reads },
		    { .method = METHOD_HEAD, .bucket = 9 }, ARM_CANARY, EXPOSURE_BY_BUCKET },
		/* Path classes: slot 63 is the last, `other` is never withdrawn. */
		{ { .weight_ppm = PPM, .withdrawn = UINT64_C(1) << 63 },
		    { .method = METHOD_GET, .path_class = 63 }, ARM_LEGACY, EXPOSURE_BY_PATH },
		{ { .weight_ppm = PPM, .withdrawn = UINT64_C(1) << 63 },
		    { .method = METHOD_GET, .path_class = 62 }, ARM_CANARY,
		    EXPOSURE_BY_BUCKET },
		{ { .weight_ppm = PPM, .withdrawn = UINT64_MAX },
		    { .method = METHOD_GET, .path_class = PATH_CLASS_OTHER }, ARM_CANARY,
		    EXPOSURE_BY_BUCKET },
		/* A drain: who was there and is below its bucket stays. */
		{ { .drain_ppm = 100 },
		    { .method = METHOD_GET, .bucket = 99, .was_canary = true }, ARM_CANARY,
		    EXPOSURE_BY_DRAIN },
		{ { .drain_ppm = 100 },
		    { .method = METHOD_GET, .bucket = 100, .was_canary = true }, ARM_LEGACY,
		    EXPOSURE_DURING_DRAIN },
		{ { .drain_ppm = 100 }, { .method = METHOD_GET, .bucket = 99 }, ARM_LEGACY,
		    EXPOSURE_DURING_DRAIN },
		/* In steps: below the weight it is the bucket's, but no evidence either. */
		{ { .weight_ppm = 50, .drain_ppm = 100 },
		    { .method = METHOD_GET, .bucket = 49 }, ARM_CANARY, EXPOSURE_DURING_DRAIN },
		/* What is withdrawn is not drained to. */
		{ { .drain_ppm = 100, .withdrawn = 1 },
		    { .method = METHOD_GET, .bucket = 1, .was_canary = true }, ARM_LEGACY,
		    EXPOSURE_BY_PATH },
		{ { .drain_ppm = 100, .methods = reads },
		    { .method = METHOD_PUT, .bucket = 1, .was_canary = true }, ARM_LEGACY,
		    EXPOSURE_BY_METHOD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exposure exposure;
		enum exposure_reason reason;
		enum arm arm;

		exposure_init(&exposure, 0);
		exposure_set(&exposure, &rows[i].setting);
		arm = exposure_choose(
		    &exposure, exposure_get(&exposure), &rows[i].request, &reason);
		if (arm != rows[i].arm || reason != rows[i].reason)
			fail_msg("row %zu: %s, reason %d", i, arm_name(arm), (int)reason);
	}
}

static uint64_t hash_of(uint64_t n)
{
	uint64_t z = n * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void users_seen_are_known_until_a_release_begins(void **state)
{
	enum {
		USERS = 10000
	};
	struct seen_users *seen = seen_users_new();
	unsigned n_mistaken = 0;

	(void)state;
	assert_non_null(seen);
	for (uint64_t n = 1; n <= USERS; n++)
		seen_users_add(seen, hash_of(n));
	for (uint64_t n = 1; n <= USERS; n++)
		assert_true(seen_users_has(seen, hash_of(n)));
	for (uint64_t n = USERS + 1; n <= 2 * USERS; n++)
		n_mistaken += seen_users_has(seen, hash_of(n));
	/* 10,000 of 1,048,576 bits: about 95 of 10,000 others share one. */
	assert_in_range(n_mistaken, 50, 150);
	seen_users_clear(seen);
	for (uint64_t n = 1; n <= 2 * USERS; n++)
		assert_false(seen_users_has(seen, hash_of(n)));
	seen_users_free(seen);
}

static void users_of_one_bucket_have_bits_of_their_own(void **state)
{
	struct seen_users *seen = seen_users_new();

	(void)state;
	assert_non_null(seen);
	/* The same high bits, so one bucket, and the same low ones. */
	seen_users_add(seen, UINT64_C(0x0123000001000007));
	assert_true(seen_users_has(seen, UINT64_C(0x0123000001000007)));
	assert_false(seen_users_has(seen, UINT64_C(0x0123000002000007)));
	seen_users_free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_of_the_weight_has_its_own_generation),
		cmocka_unit_test(an_assignment_does_not_change_with_the_weight),
		cmocka_unit_test(a_bucket_below_the_weight_goes_to_the_canary),
		cmocka_unit_test(a_ramp_up_moves_nobody_back_and_a_ramp_down_nobody_over),
		cmocka_unit_test(a_setting_is_read_back_as_it_was_set),
		cmocka_unit_test(
		    a_plain_exposure_is_one_of_every_method_and_path_without_a_drain),
		cmocka_unit_test(
		    what_narrows_the_exposure_sends_to_legacy_or_keeps_on_the_canary),
		cmocka_unit_test(users_seen_are_known_until_a_release_begins),
		cmocka_unit_test(users_of_one_bucket_have_bits_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
