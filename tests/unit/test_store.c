/* The store: what it is told outlives it, whatever became of its directory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/store.h"
#include "metrics/route_stats.h"
#include "tests/support/state_place.h"

#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/wait.h>

static int64_t number_in(const struct place *place, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	int64_t number;

	assert_int_equal(sqlite3_open(place_file(place, "weir.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static void run_sql(const struct place *place, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place_file(place, "weir.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* On a busy machine it may take longer than store_latch() waits. */
static void latch(struct store *store, const char *release, const char *why)
{
	unsigned tries = 0;

	while (!store_latch(store, "shop", release, PLACE_WALL_US, why))
		assert_true(++tries < 500);
}

static void assert_healthy(const struct store *store)
{
	struct store_health health;

	store_health(store, &health);
	assert_string_equal(health.text, "ok");
	assert_true(health.ok);
	assert_int_equal(health.failures, 0);
}

static void a_new_directory_holds_nothing_and_is_readable(void **state)
{
	struct store *store = place_open(*state);
	struct release_record record;
	struct store_budget *budgets;

	assert_true(store_is_readable(store, NULL));
	assert_false(store_has_latch(store, "shop", "r1"));
	assert_false(store_record(store, "shop", &record));
	assert_int_equal(store_budgets(store, "shop", "r1", &budgets), 0);
	assert_int_equal(store_drill_passed_s(store, "shop", "r1"), 0);
	assert_healthy(store);
	store_close(store);
}

static void a_record_comes_back_as_it_was_kept_last(void **state)
{
	struct store *store = place_open(*state);
	struct release_record record = place_record("r1", 10000);

	store_keep(store, "shop", &record);
	record = place_record("r1", 50000);
	store_keep(store, "shop", &record);
	store_close(store);

	store = place_open(*state);
	assert_true(store_record(store, "shop", &record));
	assert_string_equal(record.release, "r1");
	assert_string_equal(record.state, "RUNNING");
	assert_int_equal(record.stage, 2);
	assert_int_equal(record.weight_ppm, 50000);
	assert_true(record.stage_age_s == 12.5);
	assert_int_equal(record.began_wall_s, 1795341600);
	assert_int_equal(record.detail_len, 4);
	assert_memory_equal(record.detail, "\1\0\377\7", 4);
	free(record.detail);
	assert_false(store_record(store, "other", &record));
	store_close(store);
}

static void a_record_that_is_no_number_is_kept_all_the_same(void **state)
{
	struct store *store = place_open(*state);
	struct release_record record = place_record("r1", 10000);

	record.stage_age_s = NAN;
	store_keep(store, "shop", &record);
	store_close(store);
	store = place_open(*state);
	assert_true(store_record(store, "shop", &record));
	assert_true(record.stage_age_s == 0);
	free(record.detail);
	store_close(store);
}

static void a_latch_holds_until_it_is_cleared(void **state)
{
	struct store *store = place_open(*state);

	latch(store, "r1", "it failed");
	latch(store, "r2", "it failed");
	assert_true(store_has_latch(store, "shop", "r1"));
	store_close(store);

	store = place_open(*state);
	assert_true(store_has_latch(store, "shop", "r1"));
	assert_true(store_has_latch(store, "shop", "r2"));
	assert_false(store_has_latch(store, "shop", "r3"));
	assert_false(store_has_latch(store, "other", "r1"));
	store_unlatch(store, "shop", "r1");
	assert_false(store_has_latch(store, "shop", "r1"));
	store_close(store);

	store = place_open(*state);
	assert_false(store_has_latch(store, "shop", "r1"));
	assert_true(store_has_latch(store, "shop", "r2"));
	store_close(store);
}

static void a_latch_that_is_cleared_and_set_again_at_once_holds(void **state)
{
	struct store *store = place_open(*state);

	for (int i = 0; i < 100; i++) {
		store_latch(store, "shop", "r1", PLACE_WALL_US, "it failed");
		store_unlatch(store, "shop", "r1");
	}
	latch(store, "r1", "it failed");
	store_close(store);
	store = place_open(*state);
	assert_true(store_has_latch(store, "shop", "r1"));
	store_close(store);
}

static void more_latches_at_once_than_there_are_slots_all_hold(void **state)
{
	struct store *store = place_open(*state);
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "route-%d", i);
		store_latch(store, name, "r1", PLACE_WALL_US, "it failed");
	}
	store_close(store);
	store = place_open(*state);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "route-%d", i);
		assert_true(store_has_latch(store, name, "r1"));
	}
	store_close(store);
}

static void budgets_come_back_for_their_release_only(void **state)
{
	const struct store_budget kept[] = {
		{ .path = "", .n = { 100, 10 }, .bad = { 1, 2 } },
		{ .path = "/orders/:id", .n = { 60, 4 }, .bad = { 0, 1 } },
	};
	struct store *store = place_open(*state);
	struct store_budget *budgets;

	store_keep_budgets(store, "shop", "r1", kept, 2);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_budgets(store, "shop", "r2", &budgets), 0);
	assert_null(budgets);
	assert_int_equal(store_budgets(store, "shop", "r1", &budgets), 2);
	assert_string_equal(budgets[1].path, "/orders/:id");
	assert_int_equal(budgets[0].n[ARM_LEGACY], 100);
	assert_int_equal(budgets[0].bad[ARM_CANARY], 2);
	free(budgets);
	store_keep_budgets(store, "shop", "r2", kept, 1);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_budgets(store, "shop", "r2", &budgets), 1);
	free(budgets);
	store_close(store);
}

static void only_a_drill_that_passed_counts(void **state)
{
	struct store *store = place_open(*state);

	store_drill(store, "shop", "r1", PLACE_WALL_US, true, "after 3 failures");
	store_drill(store, "shop", "r1", PLACE_WALL_US + 9000000, false, "never");
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_drill_passed_s(store, "shop", "r1"), PLACE_WALL_US / 1000000);
	assert_int_equal(store_drill_passed_s(store, "other", "r1"), 0);
	store_close(store);
	assert_int_equal(number_in(*state, "SELECT count(*) FROM drills"), 2);
}

/* As by a clock that was ahead. */
static void a_drill_from_the_future_stands_in_no_later_ones_way(void **state)
{
	struct store *store = place_open(*state);
	int64_t s = PLACE_WALL_US / 1000000;

	store_drill(store, "shop", "r1", PLACE_WALL_US + 86400 * UINT64_C(1000000), true, "");
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_drill_passed_s(store, "shop", "r1"), s + 86400);
	store_drill(store, "shop", "r1", PLACE_WALL_US, true, "");
	assert_int_equal(store_drill_passed_s(store, "shop", "r1"), s);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_drill_passed_s(store, "shop", "r1"), s);
	store_close(store);
}

static void a_drill_counts_for_its_release_and_the_latest_are_remembered(void **state)
{
	static const unsigned times_s[] = { 5, 1, 9, 3, 7, 2, 8, 4, 6, 10 };
	struct store *store = place_open(*state);
	char release[16];

	for (size_t i = 0; i < sizeof(times_s) / sizeof(times_s[0]); i++) {
		snprintf(release, sizeof(release), "r%u", times_s[i]);
		store_drill(store, "shop", release, times_s[i] * UINT64_C(1000000), true, "");
	}
	for (int start = 0; start < 2; start++) {
		assert_int_equal(store_drill_passed_s(store, "shop", "r2"), 0);
		for (unsigned s = 3; s <= 10; s++) {
			snprintf(release, sizeof(release), "r%u", s);
			assert_int_equal(store_drill_passed_s(store, "shop", release), s);
		}
		store_close(store);
		store = place_open(*state);
	}
	store_close(store);
}

static void a_latch_says_why_it_was_set_first(void **state)
{
	struct store *store = place_open(*state);
	char why[64] = "", cut[10];

	latch(store, "r1", "canary failed 6 of 43");
	latch(store, "r1", "held back");
	store_close(store);
	store = place_open(*state);
	assert_true(store_latch_why(store, "shop", "r1", why, sizeof(why)));
	assert_string_equal(why, "canary failed 6 of 43");
	assert_true(store_latch_why(store, "shop", "r1", cut, sizeof(cut)));
	assert_string_equal(cut, "canary fa");
	assert_false(store_latch_why(store, "shop", "r2", why, sizeof(why)));
	store_close(store);
}

static void keep_epoch(
    struct store *store, const char *release, uint32_t number, size_t n, uint16_t first)
{
	uint16_t units[EPOCH_SAVED_MAX];

	for (size_t i = 0; i < n; i++)
		units[i] = (uint16_t)(first + i);
	store_keep_epoch(store, "shop", release, number, units, n);
}

static void an_epoch_comes_back_for_its_release_and_number_only(void **state)
{
	struct store *store = place_open(*state);
	uint16_t *units;

	keep_epoch(store, "r1", 3, 2, 7);
	keep_epoch(store, "r1", 3, 3, 65533);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_epoch(store, "shop", "r2", 3, &units), 0);
	assert_null(units);
	assert_int_equal(store_epoch(store, "shop", "r1", 4, &units), 0);
	assert_int_equal(store_epoch(store, "other", "r1", 3, &units), 0);
	assert_int_equal(store_epoch(store, "shop", "r1", 3, &units), 3);
	assert_int_equal(units[0], 65533);
	assert_int_equal(units[2], 65535);
	free(units);
	keep_epoch(store, "r2", 1, EPOCH_SAVED_MAX, 0);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_epoch(store, "shop", "r2", 1, &units), EPOCH_SAVED_MAX);
	assert_int_equal(units[EPOCH_SAVED_MAX - 1], EPOCH_SAVED_MAX - 1);
	free(units);
	/* The next stage has failed nobody yet. */
	keep_epoch(store, "r2", 2, 0, 0);
	store_close(store);
	store = place_open(*state);
	assert_int_equal(store_epoch(store, "shop", "r2", 1, &units), 0);
	assert_int_equal(store_epoch(store, "shop", "r2", 2, &units), 0);
	store_close(store);
}

static void an_epoch_that_weir_did_not_write_is_as_good_as_none(void **state)
{
	struct store *store = place_open(*state);
	uint16_t *units;

	keep_epoch(store, "r1", 3, 2, 7);
	store_close(store);
	run_sql(*state, "UPDATE epochs SET units = zeroblob(1000000)");
	store = place_open(*state);
	assert_true(store_is_readable(store, NULL));
	assert_int_equal(store_epoch(store, "shop", "r1", 3, &units), 0);
	store_close(store);
}

static void a_database_of_the_version_before_is_brought_up(void **state)
{
	struct store *store = place_open(*state);
	struct release_record record = place_record("r1", 50000);
	uint16_t *units;

	store_keep(store, "shop", &record);
	latch(store, "r0", "it failed");
	place_decide(store, "shop", "r1");
	store_close(store);
	run_sql(*state, "DROP TABLE epochs; PRAGMA user_version = 1");
	store = place_open(*state);
	assert_true(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r0"));
	assert_true(store_record(store, "shop", &record));
	free(record.detail);
	keep_epoch(store, "r1", 1, 5, 0);
	store_close(store);
	assert_int_equal(number_in(*state, "PRAGMA user_version"), 2);
	assert_int_equal(number_in(*state, "SELECT count(*) FROM journal"), 1);
	store = place_open(*state);
	assert_int_equal(store_epoch(store, "shop", "r1", 1, &units), 5);
	free(units);
	store_close(store);
}

static void decisions_are_numbered_across_restarts(void **state)
{
	for (int run = 0; run < 3; run++) {
		struct store *store = place_open(*state);

		place_decide(store, "shop", "r1");
		place_decide(store, "shop", "r1");
		store_close(store);
	}
	assert_int_equal(number_in(*state, "SELECT count(*) FROM journal"), 6);
	assert_int_equal(number_in(*state, "SELECT max(seq) FROM journal"), 6);
}

static void nobody_changes_a_row_of_the_journal_by_mistake(void **state)
{
	struct store *store = place_open(*state);
	sqlite3 *db;

	place_decide(store, "shop", "r1");
	store_close(store);
	assert_int_equal(sqlite3_open(place_file(*state, "weir.db"), &db), SQLITE_OK);
	assert_int_not_equal(
	    sqlite3_exec(db, "UPDATE journal SET who = 'me'", NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(
	    sqlite3_exec(db, "DELETE FROM journal", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void files_and_directory_are_their_owners_alone(void **state)
{
	static const char *const names[] = { "weir.db", "weir.db-wal", "weir.db-shm",
		"journal.head", "latches.now" };
	const struct place *place = *state;
	struct store *store = place_open(place);
	mode_t before = umask(0);
	struct stat there;

	latch(store, "r1", "it failed");
	assert_int_equal(stat(place->state_dir, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0700);
	store_close(store);
	store = place_open(place);
	place_decide(store, "shop", "r1");
	store_close(store);
	store = place_open(place);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(stat(place_file(place, names[i]), &there), 0);
		assert_int_equal(there.st_mode & 0777, 0600);
	}
	store_close(store);
	umask(before);
}

static void a_directory_has_one_weir_at_a_time(void **state)
{
	const struct place *place = *state;
	struct store *store = place_open(place);
	struct error err = { "" };
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct store *second = store_open(place->state_dir, &err);

		_exit(second == NULL && strstr(err.text, "another weir") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_close(store);
	store_close(place_open(place));
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
	const struct place *place = *state;
	struct error err = { "" };
	char path[PLACE_PATH_SIZE + 32];

	snprintf(path, sizeof(path), "%s/absent/state", place->root);
	assert_null(store_open(path, &err));
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(mknod(place->state_dir, S_IFREG | 0600, 0), 0);
	assert_null(store_open(place->state_dir, &err));
	assert_non_null(strstr(err.text, "state_dir"));
}

/* What a start finds that is no database of weir's. */
static void damage(const struct place *place, unsigned how)
{
	char zeros[4096] = "";
	int fd;

	switch (how) {
	case 0: /* No database. */
		fd = open(place_file(place, "weir.db"), O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, "hello", 5), 5);
		close(fd);
		break;
	case 1: /* Holes in its tables. */
		fd = open(place_file(place, "weir.db"), O_WRONLY);
		for (off_t page = 1; page < 12; page++)
			assert_int_equal(pwrite(fd, zeros, 4096, page * 4096), 4096);
		close(fd);
		break;
	case 2: run_sql(place, "PRAGMA user_version = 99"); break;
	case 3: run_sql(place, "DROP TABLE latches"); break;
	case 4: run_sql(place, "PRAGMA application_id = 1"); break;
	case 5: /* Half of it. */
		assert_int_equal(truncate(place_file(place, "weir.db"), 10000), 0);
		break;
	default: /* Its very beginning. */
		fd = open(place_file(place, "weir.db"), O_WRONLY);
		assert_int_equal(pwrite(fd, zeros, 100, 0), 100);
		close(fd);
		break;
	}
}

static void fill(struct store *store)
{
	struct release_record record = place_record("r1", 50000);

	store_keep(store, "shop", &record);
	place_decide(store, "shop", "r1");
	store_latch(store, "shop", "r0", PLACE_WALL_US, "it failed");
}

static void a_damaged_database_is_moved_aside_and_its_releases_are_held_back(void **state)
{
	struct place *place = *state;

	for (unsigned how = 0; how < 7; how++) {
		struct store *store;
		const char *why = "";

		snprintf(place->state_dir, sizeof(place->state_dir), "%s/%u", place->root, how);
		store = place_open(place);
		fill(store);
		store_close(store);
		damage(place, how);

		store = place_open(place);
		assert_false(store_is_readable(store, &why));
		assert_non_null(strstr(why, "weir.db.damaged-"));
		latch(store, "r1", why);
		store_started(store);
		assert_true(store_is_readable(store, NULL));
		assert_healthy(store);
		place_decide(store, "shop", "r1");
		store_close(store);

		store = place_open(place);
		assert_true(store_is_readable(store, NULL));
		assert_true(store_has_latch(store, "shop", "r1"));
		store_close(store);
		/* The journal goes on behind what was lost. */
		assert_int_equal(number_in(place, "SELECT max(seq) FROM journal"), 2);
	}
}

/* Killed before its releases were held back, it must know at the next start, too. */
static void a_loss_is_known_until_what_follows_from_it_is_stored(void **state)
{
	struct store *store = place_open(*state);
	const char *why = "";

	fill(store);
	store_close(store);
	damage(*state, 0);
	for (int start = 0; start < 3; start++) {
		store = place_open(*state);
		assert_false(store_is_readable(store, &why));
		assert_non_null(strstr(why, "weir.db.damaged-"));
		store_close(store);
	}
	store = place_open(*state);
	store_latch(store, "shop", "r1", PLACE_WALL_US, "held back");
	store_started(store);
	store_close(store);
	store = place_open(*state);
	assert_true(store_is_readable(store, NULL));
	store_close(store);
}

static void latches_that_can_still_be_read_are_taken_from_a_damaged_database(void **state)
{
	struct store *store = place_open(*state);

	fill(store);
	store_close(store);
	run_sql(*state, "DROP TABLE releases");
	store = place_open(*state);
	assert_false(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r0"));
	store_close(store);
	store = place_open(*state);
	assert_true(store_has_latch(store, "shop", "r0"));
	store_close(store);
}

static void a_database_that_is_gone_or_older_is_a_loss_that_stays_to_be_seen(void **state)
{
	struct store *store = place_open(*state);
	const char *why = "";

	fill(store);
	place_decide(store, "shop", "r1");
	store_close(store);
	assert_int_equal(unlink(place_file(*state, "weir.db")), 0);
	store = place_open(*state);
	assert_false(store_is_readable(store, &why));
	assert_non_null(strstr(why, "2 decisions of the past are missing"));
	place_decide(store, "shop", "r1");
	store_close(store);
	assert_int_equal(number_in(*state, "SELECT min(seq) FROM journal"), 3);

	run_sql(*state, "DROP TRIGGER journal_is_append_only_2; DELETE FROM journal");
	store = place_open(*state);
	assert_false(store_is_readable(store, &why));
	assert_non_null(strstr(why, "1 decisions of the past are missing"));
	place_decide(store, "shop", "r1");
	store_close(store);
	assert_int_equal(number_in(*state, "SELECT min(seq) FROM journal"), 4);
}

/* A volume that came back in part: neither the database nor its head are there. */
static void a_directory_whose_slots_alone_are_left_was_used(void **state)
{
	static const char *const gone[] = { "weir.db", "weir.db-wal", "weir.db-shm",
		"journal.head" };
	struct store *store = place_open(*state);

	latch(store, "r1", "it failed");
	place_decide(store, "shop", "r1");
	store_close(store);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		unlink(place_file(*state, gone[i]));
	place_assert_held_back_until_started(*state);
}

/* Killed before it could make its database: nothing was ever decided there. */
static void a_first_start_that_was_cut_short_is_no_loss(void **state)
{
	const struct place *place = *state;
	struct store *store;

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_int_equal(mkdir(place_file(place, "weir.db"), 0700), 0);
	store = place_open(place);
	assert_false(store_is_readable(store, NULL));
	store_close(store);
	assert_int_equal(rmdir(place_file(place, "weir.db")), 0);
	store = place_open(place);
	assert_true(store_is_readable(store, NULL));
	store_close(store);
}

static void what_cannot_be_opened_is_no_reason_not_to_start(void **state)
{
	const struct place *place = *state;
	struct store_health health;
	const char *why = "";
	struct store *store;

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_int_equal(mkdir(place_file(place, "weir.db"), 0700), 0);
	store = place_open(place);
	assert_false(store_is_readable(store, &why));
	assert_non_null(strstr(why, "weir.db"));
	store_started(store);
	assert_false(store_is_readable(store, NULL));
	store_health(store, &health);
	assert_false(health.ok);
	fill(store);
	store_health(store, &health);
	assert_int_equal(health.pending, 1);
	assert_true(store_has_latch(store, "shop", "r0"));

	/* When it can be, what waited is written: here as the store is closed. */
	assert_int_equal(rmdir(place_file(place, "weir.db")), 0);
	store_close(store);
	store = place_open(place);
	assert_true(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r0"));
	store_close(store);
	assert_int_equal(number_in(place, "SELECT count(*) FROM journal"), 1);
	assert_int_equal(number_in(place, "SELECT weight_ppm FROM releases"), 50000);
}

static void what_is_read_late_gives_way_to_what_was_decided_meanwhile(void **state)
{
	const struct place *place = *state;
	struct release_record record;
	char aside[2 * PLACE_PATH_SIZE];
	struct store *store = place_open(place);

	fill(store);
	store_latch(store, "shop", "r8", PLACE_WALL_US, "it failed");
	store_close(store);
	snprintf(aside, sizeof(aside), "%s/aside", place->root);
	assert_int_equal(rename(place_file(place, "weir.db"), aside), 0);
	assert_int_equal(mkdir(place_file(place, "weir.db"), 0700), 0);
	store = place_open(place);
	record = place_record("r9", 0);
	store_keep(store, "shop", &record);
	store_unlatch(store, "shop", "r0");
	assert_int_equal(rmdir(place_file(place, "weir.db")), 0);
	assert_int_equal(rename(aside, place_file(place, "weir.db")), 0);
	store_close(store);

	store = place_open(place);
	assert_true(store_record(store, "shop", &record));
	assert_string_equal(record.release, "r9");
	free(record.detail);
	assert_false(store_has_latch(store, "shop", "r0"));
	assert_true(store_has_latch(store, "shop", "r8"));
	store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_directory_holds_nothing_and_is_readable),
		TEST(a_record_comes_back_as_it_was_kept_last),
		TEST(a_record_that_is_no_number_is_kept_all_the_same),
		TEST(a_latch_holds_until_it_is_cleared),
		TEST(a_latch_that_is_cleared_and_set_again_at_once_holds),
		TEST(more_latches_at_once_than_there_are_slots_all_hold),
		TEST(budgets_come_back_for_their_release_only),
		TEST(only_a_drill_that_passed_counts),
		TEST(a_drill_from_the_future_stands_in_no_later_ones_way),
		TEST(a_drill_counts_for_its_release_and_the_latest_are_remembered),
		TEST(a_latch_says_why_it_was_set_first),
		TEST(an_epoch_comes_back_for_its_release_and_number_only),
		TEST(an_epoch_that_weir_did_not_write_is_as_good_as_none),
		TEST(a_database_of_the_version_before_is_brought_up),
		TEST(decisions_are_numbered_across_restarts),
		TEST(nobody_changes_a_row_of_the_journal_by_mistake),
		TEST(files_and_directory_are_their_owners_alone),
		TEST(a_directory_has_one_weir_at_a_time),
		TEST(a_directory_that_cannot_be_made_is_an_error),
		TEST(a_damaged_database_is_moved_aside_and_its_releases_are_held_back),
		TEST(a_loss_is_known_until_what_follows_from_it_is_stored),
		TEST(latches_that_can_still_be_read_are_taken_from_a_damaged_database),
		TEST(a_database_that_is_gone_or_older_is_a_loss_that_stays_to_be_seen),
		TEST(a_directory_whose_slots_alone_are_left_was_used),
		TEST(a_first_start_that_was_cut_short_is_no_loss),
		TEST(what_cannot_be_opened_is_no_reason_not_to_start),
		TEST(what_is_read_late_gives_way_to_what_was_decided_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
