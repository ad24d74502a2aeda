/*
 * A store whose process is killed at any instant: what it acknowledged is there, and what
 * is there is whole.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/journal_head.h"
#include "admin/store_db.h"
#include "admin/store_rows.h"
#include "tests/support/state_place.h"

#include <signal.h>
#include <sys/wait.h>

enum {
	KILLS = 40,
	ACKNOWLEDGED_MAX = 20000,
};

/*
 * Rolls one release after another back, as the control thread does, and writes the number
 * of each whose latch was acknowledged; until it is killed.
 */
static void roll_back_for_ever(const struct place *place, unsigned run, int out)
{
	struct store *store = place_open(place);
	char release[32];

	for (unsigned i = 0;; i++) {
		struct release_record record;

		snprintf(release, sizeof(release), "%u-%u", run, i);
		record = place_record(release, 50000);
		store_keep(store, "shop", &record);
		if (store_latch(store, "shop", release, PLACE_WALL_US, "it failed") &&
		    write(out, &i, sizeof(i)) != (ssize_t)sizeof(i))
			_exit(1);
		place_decide(store, "shop", release);
		record = place_record(release, 0);
		store_keep(store, "shop", &record);
		/* Those that were cleared come back no more than those that were not. */
		if (i % 4 == 3)
			store_unlatch(store, "shop", release);
	}
}

/* The releases whose latches were acknowledged before the kill, by their numbers. */
struct acknowledged {
	unsigned items[ACKNOWLEDGED_MAX];
	size_t n;
};

static bool take_one(int in, struct acknowledged *acknowledged)
{
	if (acknowledged->n == ACKNOWLEDGED_MAX)
		return false;
	if (read(in, &acknowledged->items[acknowledged->n], sizeof(unsigned)) !=
	    (ssize_t)sizeof(unsigned))
		return false;
	acknowledged->n++;
	return true;
}

static void kill_one(const struct place *place, unsigned run, struct acknowledged *acknowledged)
{
	int pipe_fds[2], status;
	pid_t child;

	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(pipe_fds[0]);
		roll_back_for_ever(place, run, pipe_fds[1]);
	}
	close(pipe_fds[1]);
	/* At another instant of its work each time. */
	while (acknowledged->n < 1 + run % 13 && take_one(pipe_fds[0], acknowledged))
		continue;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (take_one(pipe_fds[0], acknowledged))
		continue;
	close(pipe_fds[0]);
	assert_true(acknowledged->n >= 1);
}

static void assert_journal_is_whole(const struct place *place)
{
	static const char sql[] = "SELECT " STORE_JOURNAL_COLUMNS " FROM journal ORDER BY seq";
	struct error err = { "" };
	struct store_db *db = store_db_open_reader(place_file(place, "weir.db"), true, &err);
	struct journal_head head = { .seq = 0 }, remembered;
	sqlite3_stmt *statement;

	assert_non_null(db);
	assert_true(journal_head_read(place->state_dir, &remembered, &err));
	statement = store_db_query(db, sql, "");
	assert_non_null(statement);
	while (store_db_next(db, statement) == STORE_ROW) {
		struct journal_row row;

		assert_true(store_rows_journal_row(statement, &row));
		if (!journal_row_follows(&row, &head, &err))
			fail_msg("%s", err.text);
	}
	assert_true(head.seq >= remembered.seq);
	store_db_close(db);
}

static void no_latch_that_was_acknowledged_is_lost_to_a_kill(void **state)
{
	static struct acknowledged acknowledged[KILLS];
	char release[32];

	for (unsigned run = 0; run < KILLS; run++) {
		struct store *store;

		kill_one(*state, run, &acknowledged[run]);
		store = place_open(*state);
		assert_true(store_is_readable(store, NULL));
		for (unsigned before = 0; before <= run; before++) {
			for (unsigned i = 0; i < acknowledged[before].n; i++) {
				unsigned number = acknowledged[before].items[i];

				snprintf(release, sizeof(release), "%u-%u", before, number);
				if (number % 4 != 3 && !store_has_latch(store, "shop", release))
					fail_msg("run %u: %s is lost", run, release);
			}
		}
		store_close(store);
		assert_journal_is_whole(*state);
	}
}

/* As a start that is killed before it has stored what it found out. */
static void a_database_is_made_with_the_first_that_goes_into_it(void **state)
{
	const struct place *place = *state;
	enum store_fault fault;
	struct error err;
	struct store_db *db;
	bool created;

	store_close(place_open(place));
	unlink(place_file(place, store_db_name));
	for (int i = 0; i < 2; i++) {
		db = store_db_open(place->state_dir, &created, &fault, &err);
		assert_non_null(db);
		assert_true(created);
		store_db_close(db);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_database_is_made_with_the_first_that_goes_into_it),
		TEST(no_latch_that_was_acknowledged_is_lost_to_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
