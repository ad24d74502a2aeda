/*
 * A store whose disk is full: weir goes on, no latch is forgotten, and what waited is
 * written when there is room again. A limit of file sizes stands for the disk.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/store_threads.h"
#include "tests/support/state_place.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* The slots' room is taken; a record of a mebibyte has none. */
enum {
	DISK_SIZE = 2 * LATCH_SLOTS * LATCH_SLOT_SIZE
};

static struct rlimit room;

static void limit_disk(rlim_t bytes)
{
	struct rlimit full;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &room), 0);
	full = room;
	full.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
}

static void fill_disk(void)
{
	limit_disk(DISK_SIZE);
}

static void empty_disk(void)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
}

static struct release_record a_large_record(void)
{
	static unsigned char detail[RELEASE_DETAIL_MAX];
	struct release_record record = place_record("r1", 50000);

	record.detail = detail;
	record.detail_len = sizeof(detail);
	return record;
}

/* The decision cannot be written without the route's record. */
static void decide_without_room(struct store *store)
{
	struct release_record record = a_large_record();
	struct store_health health;

	store_keep(store, "shop", &record);
	place_decide(store, "shop", "r1");
	do {
		sched_yield();
		store_health(store, &health);
	} while (health.ok);
	assert_int_equal(health.pending, 1);
	assert_int_equal(health.failures, 0);
	assert_non_null(strstr(health.text, "weir.db"));
}

static void what_waits_for_room_is_written_when_there_is_some(void **state)
{
	struct store *store = place_open(*state);
	struct release_record record;
	unsigned tries = 0;

	fill_disk();
	decide_without_room(store);
	/* On a busy machine it may take longer than store_latch() waits. */
	while (!store_latch(store, "shop", "r1", PLACE_WALL_US, "it failed"))
		assert_true(++tries < 500);
	empty_disk();
	store_close(store);

	store = place_open(*state);
	assert_true(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r1"));
	assert_true(store_record(store, "shop", &record));
	assert_int_equal(record.detail_len, RELEASE_DETAIL_MAX);
	free(record.detail);
	store_close(store);
}

/* The time of the next try has come. */
static void try_again(struct store *store)
{
	store_lock(store);
	store->retry_us = 0;
	pthread_cond_signal(&store->work);
	store_unlock(store);
}

static void it_recovers_by_itself(void **state)
{
	struct store *store = place_open(*state);
	struct store_health health;

	fill_disk();
	decide_without_room(store);
	empty_disk();
	try_again(store);
	do {
		sched_yield();
		store_health(store, &health);
	} while (!health.ok || health.pending > 0);
	assert_string_equal(health.text, "ok");
	assert_int_equal(health.failures, 0);
	store_close(store);
}

/* Killed on a full disk: the database knows of nothing, the slots do. */
static void a_latch_outlives_a_kill_on_a_full_disk(void **state)
{
	const struct place *place = *state;
	struct store *store;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		bool kept;

		store = place_open(place);
		fill_disk();
		decide_without_room(store);
		kept = store_latch(store, "shop", "r1", PLACE_WALL_US, "it failed") &&
		       store_latch(store, "other", "r7", PLACE_WALL_US, "a\nb");
		_exit(kept ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int start = 0; start < 3; start++) {
		store = place_open(place);
		assert_true(store_has_latch(store, "shop", "r1"));
		assert_true(store_has_latch(store, "other", "r7"));
		store_close(store);
	}
	/* And is cleared for good when it is cleared. */
	store = place_open(place);
	store_unlatch(store, "shop", "r1");
	store_close(store);
	store = place_open(place);
	assert_false(store_has_latch(store, "shop", "r1"));
	assert_true(store_has_latch(store, "other", "r7"));
	store_close(store);
}

static void a_start_on_a_full_disk_serves_and_knows_what_it_can(void **state)
{
	struct store *store = place_open(*state);
	struct store_health health;

	store_latch(store, "shop", "r1", PLACE_WALL_US, "it failed");
	store_close(store);
	fill_disk();
	store = place_open(*state);
	if (store_is_readable(store, NULL))
		assert_true(store_has_latch(store, "shop", "r1"));
	decide_without_room(store);
	store_close(store);
	empty_disk();
	store = place_open(*state);
	assert_true(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r1"));
	store_health(store, &health);
	assert_true(health.ok);
	store_close(store);
}

/* Killed after its first start, on a disk with room for so much. */
static void hold_back_and_be_killed(const struct place *place, rlim_t bytes)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct store *store;

		limit_disk(bytes);
		store = place_open(place);
		if (store_is_readable(store, NULL))
			_exit(1);
		/* The slots that there are have it, or nothing does. */
		_exit(store_latch(store, "shop", "r1", PLACE_WALL_US, "not readable") ==
			      (bytes >= LATCH_SLOT_SIZE)
			  ? 0
			  : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_first_start_without_room_for_all_slots_uses_those_there_are(void **state)
{
	struct store *store;

	hold_back_and_be_killed(*state, 3 * LATCH_SLOT_SIZE + 100);
	store = place_open(*state);
	assert_true(store_has_latch(store, "shop", "r1"));
	store_close(store);
}

static void a_first_start_without_room_for_a_slot_is_known_by_that(void **state)
{
	hold_back_and_be_killed(*state, 0);
	place_assert_held_back_until_started(*state);
}

/* The first latch finds no room; the next has all that was missing. */
static void slots_that_had_no_room_are_had_when_there_is_some(void **state)
{
	struct store *store;
	struct store_health health;

	limit_disk(LATCH_SLOT_SIZE);
	store = place_open(*state);
	store_lock(store);
	assert_int_equal(store->slots.n, 1);
	store_unlock(store);
	empty_disk();
	try_again(store);
	do {
		sched_yield();
		store_health(store, &health);
	} while (!health.ok);
	store_lock(store);
	assert_int_equal(store->slots.n, LATCH_SLOTS);
	store_unlock(store);
	store_close(store);
}

static void decisions_wait_up_to_a_bound_and_are_counted_beyond_it(void **state)
{
	struct store *store = place_open(*state);
	struct store_health health;

	fill_disk();
	decide_without_room(store);
	for (int i = 0; i < STORE_JOBS_MAX + 10; i++)
		place_decide(store, "shop", "r1");
	store_health(store, &health);
	assert_int_equal(health.pending, STORE_JOBS_MAX);
	assert_int_equal(health.failures, 11);
	empty_disk();
	store_close(store);
}

/* A failed write leaves the numbers as they were: the chain has no gap. */
static void a_row_that_was_not_written_has_no_number(void **state)
{
	const struct place *place = *state;
	struct store_writer writer = { .state_dir = place->state_dir };
	struct transition transition = place_rollback();
	struct release_record record = a_large_record();
	struct record_work work = { .route = (char[]) { "shop" }, .record = record };
	struct store_job job = { .next = NULL };
	struct store_load load = { .jobs = &job, .n_jobs = 1, .records = &work };
	struct store_found found;
	struct error err;

	job.row = journal_row_new(PLACE_WALL_US, "shop", "r1", &transition);
	assert_non_null(job.row);
	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_true(store_writer_open(&writer, PLACE_WALL_US, &found, &err));
	store_memory_done(&found.memory);
	fill_disk();
	load.n_records = 1;
	assert_false(store_writer_write(&writer, &load, PLACE_WALL_US, &err));
	assert_null(writer.db);
	assert_int_equal(writer.head.seq, 0);
	empty_disk();
	assert_true(store_writer_open(&writer, PLACE_WALL_US, &found, &err));
	store_memory_done(&found.memory);
	assert_false(found.lost);
	assert_true(store_writer_write(&writer, &load, PLACE_WALL_US, &err));
	assert_int_equal(writer.head.seq, 1);
	store_writer_close(&writer);
	journal_row_free(job.row);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_waits_for_room_is_written_when_there_is_some),
		TEST(it_recovers_by_itself),
		TEST(a_latch_outlives_a_kill_on_a_full_disk),
		TEST(a_start_on_a_full_disk_serves_and_knows_what_it_can),
		TEST(a_first_start_without_room_for_all_slots_uses_those_there_are),
		TEST(a_first_start_without_room_for_a_slot_is_known_by_that),
		TEST(slots_that_had_no_room_are_had_when_there_is_some),
		TEST(decisions_wait_up_to_a_bound_and_are_counted_beyond_it),
		TEST(a_row_that_was_not_written_has_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
