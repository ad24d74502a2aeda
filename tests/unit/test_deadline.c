#include "proxy/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum {
	SLOT = DEADLINE_SLOT_MS,
};

static struct deadlines all;

static void begin(uint64_t now_ms)
{
	deadlines_init(&all, now_ms);
}

/* The one that is due, alone. */
static void assert_due(const struct deadline *expected, uint64_t now_ms)
{
	assert_ptr_equal(deadlines_sweep(&all, now_ms), expected);
	assert_null(deadlines_sweep(&all, now_ms));
}

static void assert_nothing_due(uint64_t now_ms)
{
	assert_null(deadlines_sweep(&all, now_ms));
}

static struct deadline unset(void)
{
	struct deadline d;

	deadline_init(&d);
	return d;
}

static void an_entry_is_due_once_and_not_before_its_time(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(1000);
	deadline_set(&all, &d, 5000);
	for (uint64_t now_ms = 1000; now_ms <= 5000; now_ms++)
		assert_nothing_due(now_ms);
	assert_due(&d, 5000 + SLOT);
	assert_nothing_due(100000);
}

static void it_is_due_at_most_a_slot_late(void **state)
{
	(void)state;
	for (uint64_t due_ms = 1000; due_ms < 1000 + 3 * SLOT; due_ms++) {
		struct deadline d = unset();

		begin(1000);
		deadline_set(&all, &d, due_ms);
		assert_nothing_due(due_ms);
		assert_due(&d, due_ms + SLOT);
	}
}

static void what_is_already_past_is_due_with_the_next_slot(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(100000);
	deadline_set(&all, &d, 3);
	assert_due(&d, 100000 + SLOT);
}

static void a_later_time_counts_from_then_on(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 1000);
	deadline_set(&all, &d, 9000);
	assert_nothing_due(9000);
	assert_due(&d, 9000 + SLOT);
}

static void an_earlier_time_counts_at_once(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 9000);
	deadline_set(&all, &d, 1000);
	assert_due(&d, 1000 + SLOT);
	assert_nothing_due(20000);
}

static void later_and_then_earlier_again(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 1000);
	deadline_set(&all, &d, 9000);
	assert_nothing_due(4000);
	deadline_set(&all, &d, 5000);
	assert_nothing_due(5000);
	assert_due(&d, 5000 + SLOT);
}

static void a_stopped_one_is_never_due(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 1000);
	deadline_stop(&d);
	assert_nothing_due(50000);
	deadline_set(&all, &d, 60000);
	assert_due(&d, 60000 + SLOT);
}

static void a_stopped_one_can_be_set_again_before_it_is_swept(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 1000);
	deadline_stop(&d);
	deadline_set(&all, &d, 500);
	assert_due(&d, 500 + SLOT);
	deadline_set(&all, &d, 2000);
	deadline_stop(&d);
	deadline_set(&all, &d, 3000);
	assert_nothing_due(3000);
	assert_due(&d, 3000 + SLOT);
}

static void a_cleared_one_may_be_freed(void **state)
{
	struct deadline d[3];

	(void)state;
	begin(0);
	for (int i = 0; i < 3; i++) {
		deadline_init(&d[i]);
		deadline_set(&all, &d[i], 1000);
	}
	deadline_clear(&d[1]);
	deadline_clear(&d[1]);
	/* Nothing may look at it any more. */
	memset(&d[1], 0xff, sizeof(d[1]));
	assert_ptr_equal(deadlines_sweep(&all, 1000 + SLOT), &d[0]);
	assert_ptr_equal(deadlines_sweep(&all, 1000 + SLOT), &d[2]);
	assert_nothing_due(1000 + SLOT);
}

static void one_that_was_never_set_can_be_cleared(void **state)
{
	struct deadline d = unset();

	(void)state;
	deadline_clear(&d);
	begin(0);
	deadline_set(&all, &d, 100);
	assert_due(&d, 100 + SLOT);
	deadline_clear(&d);
}

static void a_time_beyond_the_wheel_is_reached_all_the_same(void **state)
{
	const uint64_t far_ms = (uint64_t)DEADLINE_SLOTS * SLOT * 5 + 17;
	struct deadline d = unset();

	(void)state;
	begin(777);
	deadline_set(&all, &d, far_ms);
	for (uint64_t now_ms = 777; now_ms <= far_ms; now_ms += 1000)
		assert_nothing_due(now_ms);
	assert_nothing_due(far_ms);
	assert_due(&d, far_ms + SLOT);
}

static void times_around_the_horizon_are_kept_apart(void **state)
{
	const uint64_t turn_ms = (uint64_t)DEADLINE_SLOTS * SLOT;

	(void)state;
	for (uint64_t due_ms = turn_ms - 2 * SLOT; due_ms <= turn_ms + 2 * SLOT; due_ms += 16) {
		struct deadline d = unset();

		begin(0);
		deadline_set(&all, &d, due_ms);
		assert_nothing_due(due_ms);
		assert_due(&d, due_ms + SLOT);
	}
}

static void a_wheel_that_was_not_swept_for_long_catches_up(void **state)
{
	struct deadline d[2];

	(void)state;
	begin(0);
	for (int i = 0; i < 2; i++)
		deadline_init(&d[i]);
	deadline_set(&all, &d[0], 900000);
	deadline_set(&all, &d[1], 2000);
	/* An hour later: in the order of their times. */
	assert_ptr_equal(deadlines_sweep(&all, 3600000), &d[1]);
	assert_ptr_equal(deadlines_sweep(&all, 3600000), &d[0]);
	assert_nothing_due(3600000);
}

static void one_that_is_set_again_while_sweeping_waits_for_its_new_time(void **state)
{
	struct deadline d = unset();

	(void)state;
	begin(0);
	deadline_set(&all, &d, 1000);
	for (uint64_t round = 1; round <= 5; round++) {
		assert_ptr_equal(deadlines_sweep(&all, round * 2000), &d);
		deadline_set(&all, &d, round * 2000 + 1000);
		assert_nothing_due(round * 2000);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

enum {
	ENTRIES = 60
};

struct model {
	struct deadline entries[ENTRIES];
	uint64_t due_ms[ENTRIES]; /* 0: none wanted */
};

/* Every one reported was wanted and due; none that is a slot late was left out. */
static void assert_sweeps_exactly(struct model *m, uint64_t now_ms)
{
	const struct deadline *d;

	while ((d = deadlines_sweep(&all, now_ms)) != NULL) {
		size_t i = (size_t)(d - m->entries);

		assert_true(i < ENTRIES);
		assert_true(m->due_ms[i] != 0 && m->due_ms[i] < now_ms);
		assert_int_equal(d->due_ms, 0);
		m->due_ms[i] = 0;
	}
	for (size_t i = 0; i < ENTRIES; i++)
		assert_true(m->due_ms[i] == 0 || m->due_ms[i] + SLOT > now_ms);
}

static void any_order_of_calls_reports_exactly_what_is_due(void **state)
{
	static struct model m;
	uint64_t now_ms = 123456;
	uint32_t seed = 11;

	(void)state;
	begin(now_ms);
	for (size_t i = 0; i < ENTRIES; i++)
		deadline_init(&m.entries[i]);
	for (int step = 0; step < 200000; step++) {
		size_t i = next_random(&seed) % ENTRIES;
		uint32_t reach_ms = next_random(&seed) % 4 == 0 ? 400000 : 3000;

		switch (next_random(&seed) % 8) {
		case 0:
			deadline_stop(&m.entries[i]);
			m.due_ms[i] = 0;
			break;
		case 1:
			deadline_clear(&m.entries[i]);
			m.due_ms[i] = 0;
			break;
		case 2:
		case 3:
			now_ms += next_random(&seed) % (next_random(&seed) % 50 ? 100 : 200000);
			assert_sweeps_exactly(&m, now_ms);
			break;
		default:
			m.due_ms[i] = now_ms + 1 + next_random(&seed) % reach_ms;
			deadline_set(&all, &m.entries[i], m.due_ms[i]);
			break;
		}
	}
	assert_sweeps_exactly(&m, now_ms + 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_due_once_and_not_before_its_time),
		cmocka_unit_test(it_is_due_at_most_a_slot_late),
		cmocka_unit_test(what_is_already_past_is_due_with_the_next_slot),
		cmocka_unit_test(a_later_time_counts_from_then_on),
		cmocka_unit_test(an_earlier_time_counts_at_once),
		cmocka_unit_test(later_and_then_earlier_again),
		cmocka_unit_test(a_stopped_one_is_never_due),
		cmocka_unit_test(a_stopped_one_can_be_set_again_before_it_is_swept),
		cmocka_unit_test(a_cleared_one_may_be_freed),
		cmocka_unit_test(one_that_was_never_set_can_be_cleared),
		cmocka_unit_test(a_time_beyond_the_wheel_is_reached_all_the_same),
		cmocka_unit_test(times_around_the_horizon_are_kept_apart),
		cmocka_unit_test(a_wheel_that_was_not_swept_for_long_catches_up),
		cmocka_unit_test(one_that_is_set_again_while_sweeping_waits_for_its_new_time),
		cmocka_unit_test(any_order_of_calls_reports_exactly_what_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
