/* The guard as bytes: what a restart remembers, and what it refuses to believe. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct guard_stage stage = { .hold_s = 600, .min_requests = 50, .p_max = .05 };
static const struct guard_params params = {
	.alpha = .01, .budget = .01, .latency_budget_share = .02
};

/* A tick with something of everything, different each time. */
static struct verdict observe(struct guard *guard, unsigned i)
{
	struct guard_entry entry = { .weight = i < 50 ? .1 : .25, .has_latency = i > 20 };
	struct guard_path path = { .path_class = i % 7 * 10, .n_entries = 1 };
	struct guard_tick tick = { .dt_s = .1,
		.n_entries = 2,
		.paths = &path,
		.n_paths = 1,
		.handicap.factor = i < 40 ? 4 : 1.1 };

	for (enum arm arm = 0; arm < ARMS; arm++) {
		struct evidence_counts *counts = &entry.arms[arm];

		counts->n = arm == ARM_LEGACY ? 90 : 10;
		counts->bad = counts->failed = (i * 7 + arm) % 5 == 0;
		counts->over = counts->over_all = (i * 3 + arm) % 4 == 0;
		counts->units = (i + arm) % 3;
		for (size_t t = 0; t < LATENCY_THRESHOLDS; t++) {
			counts->slow[t] = (i + arm) % (unsigned)(t + 2);
			counts->good[t] = counts->n - counts->slow[t];
			counts->half_slow[i % 2][t] = counts->slow[t];
		}
	}
	path.entries[0] = tick.entries[0] = tick.entries[1] = entry;
	tick.entries[1].weight = .05;
	return guard_tick(guard, &tick);
}

static struct guard used_guard(unsigned ticks)
{
	struct guard guard;

	guard_init(&guard, &params, &stage);
	for (unsigned i = 0; i < ticks; i++) {
		if (i == 50)
			guard_begin_stage(&guard, &stage, true);
		observe(&guard, i);
	}
	guard_withdraw_path(&guard, 60);
	return guard;
}

static void a_guard_goes_on_after_a_restart_as_if_there_had_been_none(void **state)
{
	struct guard guard = used_guard(80), restored;
	struct error err;
	size_t len;
	unsigned char *data = guard_save(&guard, &len);

	(void)state;
	assert_non_null(data);
	assert_true(guard_restore(&restored, data, len, &err));
	assert_true(guard_path_is_withdrawn(&restored, 60));
	for (unsigned i = 80; i < 300; i++) {
		struct verdict on = observe(&guard, i), again = observe(&restored, i);

		assert_true(on.ln_e == again.ln_e);
		assert_int_equal(on.action, again.action);
		assert_int_equal(on.reason, again.reason);
		assert_true(on.stage_age_s == again.stage_age_s);
		assert_true(on.promotion_ln_e == again.promotion_ln_e);
		assert_true(on.sample_ratio_ln_e == again.sample_ratio_ln_e);
		assert_memory_equal(on.ln_parts, again.ln_parts, sizeof(on.ln_parts));
		assert_memory_equal(on.burn_long, again.burn_long, sizeof(on.burn_long));
		assert_memory_equal(on.stage, again.stage, sizeof(on.stage));
		assert_memory_equal(on.minute, again.minute, sizeof(on.minute));
	}
	free(data);
	guard_done(&guard);
	guard_done(&restored);
}

static void a_new_guard_can_be_kept_too(void **state)
{
	struct guard guard, restored;
	unsigned char *data;
	size_t len;

	(void)state;
	guard_init(&guard, &params, &(struct guard_stage) { .hold_s = INFINITY });
	data = guard_save(&guard, &len);
	assert_non_null(data);
	assert_true(guard_restore(&restored, data, len, NULL));
	assert_true(isinf(restored.stage.hold_s));
	assert_null(restored.paths);
	free(data);
}

static void what_is_cut_or_too_long_is_refused(void **state)
{
	struct guard guard = used_guard(60), untouched;
	struct error err;
	size_t len;
	unsigned char *data = guard_save(&guard, &len), *more;

	(void)state;
	assert_non_null(data);
	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t cut = 0; cut < len; cut += cut < 64 ? 1 : 61) {
		/* Its own allocation, so that a read beyond it is seen. */
		unsigned char *part = malloc(cut + 1);

		assert_non_null(part);
		memcpy(part + 1, data, cut);
		assert_false(guard_restore(&untouched, part + 1, cut, &err));
		assert_ptr_equal(
		    strstr(err.text, "the saved evidence cannot be used: "), err.text);
		free(part);
	}
	more = calloc(1, len + 8);
	assert_non_null(more);
	memcpy(more, data, len);
	assert_false(guard_restore(&untouched, more, len + 8, &err));
	assert_int_equal(((unsigned char *)&untouched)[0], 0x5a);
	free(more);
	free(data);
	guard_done(&guard);
}

static void numbers_that_no_guard_holds_are_refused(void **state)
{
	static const double wrong[] = { NAN, -1, -INFINITY, 1e301 };
	struct guard guard = used_guard(60), restored;
	size_t len;
	unsigned char *data = guard_save(&guard, &len);
	size_t accepted = 0;

	(void)state;
	assert_non_null(data);
	for (size_t at = 0; at < len; at += sizeof(double)) {
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			unsigned char kept[sizeof(double)];

			memcpy(kept, data + at, sizeof(double));
			memcpy(data + at, &wrong[i], sizeof(double));
			if (guard_restore(&restored, data, len, NULL)) {
				assert_true(isfinite(guard_ln_e(&restored)) != 0);
				accepted++;
				guard_done(&restored);
			}
			memcpy(data + at, kept, sizeof(double));
		}
	}
	/* Logarithms may be negative, or huge; and so a hold may be. */
	assert_in_range(accepted, 1, 2 * (SAMPLE_RATIO_BETS + PROMOTION_BETS + 1) + 1);
	free(data);
	guard_done(&guard);
}

static void a_path_class_that_comes_twice_is_refused(void **state)
{
	struct guard guard = used_guard(60), none = used_guard(0), restored;
	size_t len, len_of_none, each;
	unsigned char *data = guard_save(&guard, &len);
	unsigned char *data_of_none = guard_save(&none, &len_of_none);
	struct error err;

	(void)state;
	assert_non_null(data);
	assert_non_null(data_of_none);
	each = (len - len_of_none) / 7;
	memcpy(data + len - each, data + len - 2 * each, sizeof(double));
	assert_false(guard_restore(&restored, data, len, &err));
	assert_non_null(strstr(err.text, "a path class twice"));
	free(data);
	free(data_of_none);
	guard_done(&guard);
}

static void bytes_at_random_do_no_harm(void **state)
{
	struct guard guard = used_guard(60), restored;
	size_t len;
	unsigned char *data = guard_save(&guard, &len);
	uint64_t random = 88172645463325252;

	(void)state;
	assert_non_null(data);
	for (int i = 0; i < 3000; i++) {
		size_t at;
		unsigned char kept;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = (size_t)(random >> 20) % len;
		kept = data[at];
		data[at] ^= (unsigned char)(1 + random % 255);
		if (guard_restore(&restored, data, len, NULL)) {
			struct verdict verdict = observe(&restored, 61);

			assert_true(isfinite(verdict.ln_e) != 0);
			guard_done(&restored);
		}
		data[at] = kept;
	}
	free(data);
	guard_done(&guard);
}

/* Time stakes what bets on the next failure, though there was none yet. */
static void what_time_has_staked_is_kept_through_a_restart(void **state)
{
	struct guard guard = used_guard(80), restored;
	size_t len;
	unsigned char *data;

	(void)state;
	guard_tick(&guard,
	    &(struct guard_tick) { .dt_s = 36000,
		.n_entries = 1,
		.handicap.factor = 1.1,
		.entries = { { .weight = .25, .arms = { [ARM_LEGACY] = { .n = 90 } } } } });
	data = guard_save(&guard, &len);
	assert_non_null(data);
	assert_true(guard_restore(&restored, data, len, NULL));
	for (unsigned i = 80; i < 100; i++)
		assert_true(fabs(observe(&guard, i).ln_e - observe(&restored, i).ln_e) < 1e-12);
	free(data);
	guard_done(&guard);
	guard_done(&restored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guard_goes_on_after_a_restart_as_if_there_had_been_none),
		cmocka_unit_test(what_time_has_staked_is_kept_through_a_restart),
		cmocka_unit_test(a_new_guard_can_be_kept_too),
		cmocka_unit_test(what_is_cut_or_too_long_is_refused),
		cmocka_unit_test(numbers_that_no_guard_holds_are_refused),
		cmocka_unit_test(a_path_class_that_comes_twice_is_refused),
		cmocka_unit_test(bytes_at_random_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
