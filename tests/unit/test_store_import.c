/* The journal of an older weir: its rows are taken over once, and its latches hold. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/journal_reader.h"
#include "tests/support/state_place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static const char old_journal[] =
    "{\"time\":\"2026-11-20T10:00:00.000Z\",\"route\":\"shop\",\"release\":\"r1\","
    "\"who\":\"start\",\"action\":\"start\","
    "\"from\":{\"state\":\"none\",\"stage\":0,\"weight_ppm\":0},"
    "\"to\":{\"state\":\"running\",\"stage\":1,\"weight_ppm\":10000},"
    "\"verdict\":\"CONTINUE\",\"reason\":\"start\","
    "\"evidence\":{\"ln_e\":0,\"e\":1,\"threshold\":null},"
    "\"counters\":{\"canary\":{\"requests\":0,\"failures\":0},"
    "\"legacy\":{\"requests\":0,\"failures\":0}}}\n"
    "this line is none\n"
    "{\"time\":\"2026-11-20T10:05:00.000Z\",\"route\":\"shop\",\"release\":\"r1\","
    "\"who\":\"guard\",\"action\":\"rollback\","
    "\"from\":{\"state\":\"running\",\"stage\":1,\"weight_ppm\":10000},"
    "\"to\":{\"state\":\"rolled_back\",\"stage\":0,\"weight_ppm\":0},"
    "\"verdict\":\"ROLL_BACK\",\"reason\":\"it failed\",\"evidence\":{},\"counters\":{}}\n"
    "{\"time\":\"2026-11-20T10:06:00.000Z\",\"route\":\"blog\",\"release\":\"b1\","
    "\"who\":\"guard\",\"action\":\"rollback\","
    "\"from\":{\"state\":\"running\",\"stage\":1,\"weight_ppm\":10000},"
    "\"to\":{\"state\":\"rolled_back\",\"stage\":0,\"weight_ppm\":0},"
    "\"verdict\":\"ROLL_BACK\",\"reason\":\"it failed\",\"evidence\":{},\"counters\":{}}\n"
    "{\"time\":\"2026-11-20T10:07:00.000Z\",\"route\":\"blog\",\"release\":\"b1\","
    "\"who\":\"user:alice\",\"action\":\"resume\","
    "\"from\":{\"state\":\"rolled_back\",\"stage\":0,\"weight_ppm\":0},"
    "\"to\":{\"state\":\"running\",\"stage\":1,\"weight_ppm\":10000},"
    "\"verdict\":\"CONTINUE\",\"reason\":\"fixed\",\"evidence\":{},\"counters\":{}}\n"
    "{\"time\":\"2026-11-20T10:08:00.000Z\",\"route\":\"sh";

static void write_old_journal(const struct place *place)
{
	FILE *file;

	mkdir(place->state_dir, 0700);
	file = fopen(place_file(place, "journal.jsonl"), "w");
	assert_non_null(file);
	fputs(old_journal, file);
	fclose(file);
}

static uint64_t count_rows(const struct place *place)
{
	struct error err = { "" };
	struct journal_reader *reader = journal_reader_open(place->state_dir, &err);
	struct journal_walk walk;

	assert_non_null(reader);
	if (!journal_reader_verify(reader, &walk, &err))
		fail_msg("%s", err.text);
	journal_reader_close(reader);
	return walk.rows;
}

static void its_rows_and_latches_are_taken_over(void **state)
{
	const struct place *place = *state;
	struct store *store;

	write_old_journal(place);
	store = place_open(place);
	assert_true(store_is_readable(store, NULL));
	assert_true(store_has_latch(store, "shop", "r1"));
	assert_false(store_has_latch(store, "blog", "b1"));
	place_decide(store, "shop", "r2");
	store_close(store);
	assert_int_equal(count_rows(place), 5);
	assert_int_not_equal(access(place_file(place, "journal.jsonl"), F_OK), 0);
	assert_int_equal(access(place_file(place, "journal.jsonl.imported"), F_OK), 0);

	store = place_open(place);
	assert_true(store_has_latch(store, "shop", "r1"));
	store_close(store);
	assert_int_equal(count_rows(place), 5);
}

/* Killed between its commit and the renaming of the file, it finds the file again. */
static void it_is_taken_over_only_once(void **state)
{
	const struct place *place = *state;
	char imported[2 * PLACE_PATH_SIZE];

	write_old_journal(place);
	store_close(place_open(place));
	snprintf(imported, sizeof(imported), "%s", place_file(place, "journal.jsonl.imported"));
	assert_int_equal(rename(imported, place_file(place, "journal.jsonl")), 0);
	store_close(place_open(place));
	assert_int_equal(count_rows(place), 4);
	assert_int_equal(access(imported, F_OK), 0);
}

static void one_that_cannot_be_read_makes_the_state_unreadable(void **state)
{
	const struct place *place = *state;
	const char *why = "";
	struct store *store;

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_int_equal(mkdir(place_file(place, "journal.jsonl"), 0700), 0);
	store = place_open(place);
	assert_false(store_is_readable(store, &why));
	assert_non_null(strstr(why, "journal.jsonl"));
	store_close(store);
}

static void an_older_weir_that_still_runs_is_another_weir(void **state)
{
	const struct place *place = *state;
	struct error err = { "" };
	int fd;

	write_old_journal(place);
	fd = open(place_file(place, "journal.jsonl"), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_null(store_open(place->state_dir, &err));
	assert_non_null(strstr(err.text, "another weir"));
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(its_rows_and_latches_are_taken_over),
		TEST(it_is_taken_over_only_once),
		TEST(one_that_cannot_be_read_makes_the_state_unreadable),
		TEST(an_older_weir_that_still_runs_is_another_weir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
