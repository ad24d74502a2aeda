/* weir journal: what it lists, what it finds, what it exports. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/cli_journal.h"
#include "admin/journal_time.h"
#include "admin/store_evidence.h"
#include "rollout/judge.h"
#include "tests/support/state_place.h"

#include <jansson.h>
#include <sqlite3.h>

enum {
	ARGUMENTS_MAX = 12
};

struct shown {
	enum cli_status status;
	char *out;
	char *errors;
};

/* The command line after `weir journal --state-dir DIR`, NULL at its end. */
static struct shown show(const struct place *place, const char *const *words)
{
	char *argv[ARGUMENTS_MAX + 4] = { (char[]) { "weir" }, (char[]) { "journal" },
		(char[]) { "--state-dir" }, (char *)(uintptr_t)place->state_dir };
	struct shown shown = { .out = NULL };
	size_t out_len, errors_len;
	FILE *out = open_memstream(&shown.out, &out_len);
	FILE *errors = open_memstream(&shown.errors, &errors_len);
	struct cli_args args;
	struct error err;
	int argc = 4;

	for (; *words != NULL; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	if (!cli_args_parse(argc, argv, &args, &err))
		fail_msg("%s", err.text);
	shown.status = cli_journal_show(&args, PLACE_WALL_US + 3600000000, out, errors);
	fclose(out);
	fclose(errors);
	return shown;
}

#define SHOW(...) show(*state, (const char *const[]) { __VA_ARGS__ })

static void done(struct shown *shown)
{
	free(shown->out);
	free(shown->errors);
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* Ten decisions on two routes, an hour apart from each other, the last at PLACE_WALL_US. */
static int set_up(void **state)
{
	struct transition transition = place_rollback();
	struct store *store;

	if (place_set_up(state) != 0)
		return -1;
	store = place_open(*state);
	for (unsigned i = 0; i < 10; i++) {
		transition.verdict.action = i % 5 == 0 ? VERDICT_ROLL_BACK : VERDICT_CONTINUE;
		snprintf(transition.why, sizeof(transition.why), "reason %u", i);
		store_decide(store, PLACE_WALL_US - (9 - i) * UINT64_C(3600000000),
		    i % 2 == 0 ? "shop" : "blog", "r1", &transition);
	}
	store_close(store);
	return 0;
}

static void it_lists_the_newest_last(void **state)
{
	struct shown shown = SHOW(NULL);

	assert_int_equal(shown.status, CLI_OK);
	assert_string_equal(shown.errors, "");
	assert_int_equal(lines(shown.out), 21);
	assert_non_null(strstr(shown.out, "TIME "));
	assert_non_null(strstr(shown.out,
	    "2026-11-22T10:00:00.250Z  rollback    blog            r1              "
	    "running 2 5% -> rolled_back 0%\n  by guard, CONTINUE: reason 9\n"));
	assert_true(strstr(shown.out, "reason 0") < strstr(shown.out, "reason 9"));
	done(&shown);
}

static void its_rows_are_chosen_by_route_verdict_and_time(void **state)
{
	static const struct {
		const char *words[7];
		unsigned rows;
	} cases[] = {
		{ { "--route", "shop" }, 5 },
		{ { "--route", "absent" }, 0 },
		{ { "--verdict", "ROLL_BACK" }, 2 },
		{ { "--verdict", "roll_back", "--route", "shop" }, 1 },
		{ { "--action", "rollback" }, 10 },
		{ { "--action", "RESUME" }, 0 },
		{ { "--since", "2h" }, 2 }, /* an hour after the last */
		{ { "--since", "2026-11-22T09:00:00Z" }, 2 },
		{ { "--since", "2026-11-22T10:00:00+01:00", "--until", "1h" }, 1 },
		{ { "--until", "2026-11-22T01:00:00.251Z" }, 1 },
		{ { "--until", "2026-11-22T01:00:00.250Z" }, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shown shown = show(*state, cases[i].words);

		assert_int_equal(shown.status, CLI_OK);
		assert_int_equal(lines(shown.out), 1 + 2 * cases[i].rows);
		assert_int_equal(shown.errors[0] == '\0', cases[i].rows > 0);
		done(&shown);
	}
}

static void a_route_without_rows_is_named(void **state)
{
	struct shown shown = SHOW("--route", "shpo", NULL);

	assert_string_equal(shown.errors, "there is no decision on a route 'shpo'\n");
	done(&shown);
	shown = SHOW("--route", "shop", "--action", "resume", NULL);
	assert_string_equal(shown.errors, "there is no such decision\n");
	done(&shown);
}

static void as_json_each_row_is_an_object_on_a_line(void **state)
{
	struct shown shown = SHOW("--json", NULL);
	char *line = shown.out;
	unsigned n = 0;

	assert_int_equal(shown.status, CLI_OK);
	for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
		json_t *row =
		    json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);

		assert_int_equal(json_integer_value(json_object_get(row, "seq")), n + 1);
		assert_string_equal(
		    json_string_value(json_object_get(row, "action")), "rollback");
		assert_int_equal(json_string_length(json_object_get(row, "hash")), 64);
		json_decref(row);
	}
	assert_int_equal(n, 10);
	done(&shown);
}

static void words_that_make_no_sense_together_are_refused(void **state)
{
	static const char *const cases[][7] = {
		{ "--verify", "--json" },
		{ "--verify", "--route", "shop" },
		{ "--export", "csv", "--route", "shop" },
		{ "--export", "judge" },
		{ "--export", "judge", "--route", "shop", "--json" },
		{ "--verdict", "MAYBE" },
		{ "--action", "rolback" },
		{ "--verify", "--action", "rollback" },
		{ "--since", "yesterday" },
		{ "--until", "3 weeks" },
		{ "--config", "weir.ini" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shown shown = show(*state, cases[i]);

		assert_int_equal(shown.status, CLI_USAGE);
		assert_string_equal(shown.out, "");
		assert_string_not_equal(shown.errors, "");
		done(&shown);
	}
}

static void a_journal_that_is_not_there_is_said_so(void **state)
{
	struct place *place = *state;
	struct shown shown;

	snprintf(place->state_dir, sizeof(place->state_dir), "%s/absent", place->root);
	shown = SHOW(NULL);
	assert_int_equal(shown.status, CLI_FAILED);
	assert_non_null(strstr(shown.errors, "absent/weir.db: No such file"));
	done(&shown);
}

static void a_journal_that_nobody_named_is_looked_for_with_a_hint(void **state)
{
	char *argv[] = { (char[]) { "weir" }, (char[]) { "journal" } };
	char *errors = NULL;
	size_t len;
	FILE *to = open_memstream(&errors, &len);
	struct cli_args args;
	struct error err;

	(void)state;
	assert_true(cli_args_parse(2, argv, &args, &err));
	if (access("/var/lib/weir/weir.db", F_OK) == 0) {
		fclose(to);
		free(errors);
		skip();
	}
	assert_int_equal(cli_journal_show(&args, PLACE_WALL_US, to, to), CLI_FAILED);
	fclose(to);
	assert_non_null(strstr(errors, "/var/lib/weir/weir.db: No such file"));
	assert_non_null(strstr(errors, "--config FILE or --state-dir DIR"));
	free(errors);
}

static void run_sql(const struct place *place, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(place_file(place, "weir.db"), &db), SQLITE_OK);
	if (sqlite3_exec(db,
		"DROP TRIGGER IF EXISTS journal_is_append_only_1;"
		"DROP TRIGGER IF EXISTS journal_is_append_only_2",
		NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static void verifying_says_how_many_rows_hold_and_the_last_ones_hash(void **state)
{
	struct shown shown = SHOW("--verify", NULL);

	assert_int_equal(shown.status, CLI_OK);
	assert_int_equal(strncmp(shown.out, "ok 10 rows, head ", 17), 0);
	assert_int_equal(strlen(shown.out), 17 + 64 + 1);
	assert_string_equal(shown.errors, "");
	done(&shown);
}

static void verifying_finds_what_was_done_to_a_row(void **state)
{
	static const struct {
		const char *sql, *found;
	} cases[] = {
		{ "UPDATE journal SET reason = 'nothing' WHERE seq = 4", "row 4 was changed" },
		{ "UPDATE journal SET to_weight_ppm = 5 WHERE seq = 1", "row 1 was changed" },
		{ "UPDATE journal SET reason = reason || char(0) || ' EVIL' WHERE seq = 5",
		    "row 5 was changed: a text of it goes on behind a NUL" },
		{ "UPDATE journal SET counters = counters || char(0) WHERE seq = 10",
		    "row 10 was changed" },
		{ "UPDATE journal SET prev_hash = zeroblob(32) WHERE seq = 2",
		    "row 2 was changed" },
		{ "DELETE FROM journal WHERE seq = 6", "row 6 is missing" },
		{ "DELETE FROM journal WHERE seq = 1", "row 1 is missing" },
		{ "DELETE FROM journal WHERE seq > 7", "rows 8 to 10 are missing at the end" },
		{ "DELETE FROM journal", "rows 1 to 10 are missing at the end" },
		{ "UPDATE journal SET seq = -1 WHERE seq = 3;"
		  "UPDATE journal SET seq = 3 WHERE seq = 4;"
		  "UPDATE journal SET seq = 4 WHERE seq = -1",
		    "row 3 was changed" },
		{ "UPDATE journal SET hash = zeroblob(32) WHERE seq = 9", "row 9 was changed" },
		{ "INSERT INTO journal SELECT 0, time_us, route, release, who, action,"
		  " from_state, from_stage, from_weight_ppm, to_state, to_stage, to_weight_ppm,"
		  " verdict, reason, evidence, counters, prev_hash, hash FROM journal LIMIT 1",
		    "row 1 is missing: after row 0 comes 0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shown shown;

		if (i > 0) {
			place_tear_down(state);
			assert_int_equal(set_up(state), 0);
		}
		run_sql(*state, cases[i].sql);
		shown = SHOW("--verify", NULL);
		assert_int_equal(shown.status, CLI_FAILED);
		assert_string_equal(shown.out, "");
		if (strstr(shown.errors, cases[i].found) == NULL)
			fail_msg("%s: %s", cases[i].sql, shown.errors);
		done(&shown);
	}
}

static void a_head_that_is_not_there_is_told(void **state)
{
	struct shown shown;

	assert_int_equal(unlink(place_file(*state, "journal.head")), 0);
	shown = SHOW("--verify", NULL);
	assert_int_equal(shown.status, CLI_OK);
	assert_non_null(strstr(shown.errors, "no journal.head"));
	done(&shown);
}

static void it_reads_while_a_weir_writes(void **state)
{
	struct store *store = place_open(*state);
	struct shown shown = SHOW("--verify", NULL);

	assert_int_equal(shown.status, CLI_OK);
	done(&shown);
	store_close(store);
}

/* One second's evidence of a route and one of its paths. */
static void add_evidence(struct store *store, const char *release, uint32_t stage, unsigned i)
{
	struct store_evidence rows[] = {
		{ .stage = stage, .dt_s = 1, .weight = 0.05, .has_latency = i > 1 },
		{ .path = "/orders/:id", .stage = stage, .dt_s = 1, .weight = 0.05 },
	};

	rows[0].arms[ARM_CANARY] = (struct evidence_counts) {
		.n = 100 + i,
		.failed = 3,
		.bad = 2,
		.units = 300,
		.slow = { 50, 5, 1, 0 },
	};
	rows[0].arms[ARM_LEGACY] = (struct evidence_counts) {
		.n = 4000000000U,
		.half_slow[1] = { 0, 0, 0, 9 },
	};
	rows[1].arms[ARM_LEGACY].n = 7;
	store_add_evidence(store, "shop", release, PLACE_WALL_US + i * 1000000, rows, 2);
}

/* What is exported is what was counted, and what `weir judge` reads. */
static void assert_exported(const char *text)
{
	struct tick_columns columns;
	struct tick_row row;
	struct error err = { "" };
	const char *line = text;
	unsigned n = 0;

	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
		struct slice slice = { line, (size_t)(end - line) };

		if (n == 0 ? !tick_columns_read(&columns, slice, &err)
			   : !tick_row_read(&columns, slice, &row, &err))
			fail_msg("line %u: %s", n, err.text);
		if (n == 3) { /* the second second's */
			assert_int_equal(row.arms[ARM_CANARY].n, 102);
			assert_int_equal(row.arms[ARM_CANARY].bad, 2);
			assert_int_equal(row.arms[ARM_CANARY].failed, 3);
			assert_int_equal(row.arms[ARM_CANARY].units, 300);
			assert_int_equal(row.arms[ARM_CANARY].slow[THRESHOLD_Q90], 5);
			assert_true(row.arms[ARM_LEGACY].n == 4000000000U);
			assert_int_equal(row.arms[ARM_LEGACY].half_slow[1][THRESHOLD_FAR], 9);
			assert_true(row.weight == 0.05);
			assert_true(row.has_latency);
		} else if (n == 2) {
			assert_true(slice_equal(row.path, slice_of("/orders/:id")));
			assert_true(slice_equal(row.stage, slice_of("1")));
			assert_int_equal(row.arms[ARM_LEGACY].n, 7);
			assert_false(row.has_latency);
		}
	}
	assert_int_equal(n, 5);
}

static void what_judge_reads_is_what_was_counted(void **state)
{
	struct store *store = place_open(*state);
	struct shown shown;

	add_evidence(store, "r1", 1, 0);
	add_evidence(store, "r2", 1, 1);
	add_evidence(store, "r2", 1, 2);
	store_close(store);
	shown = SHOW("--export", "judge", "--route", "shop", NULL);
	assert_int_equal(shown.status, CLI_OK);
	assert_non_null(strstr(shown.errors, "only the last release"));
	assert_exported(shown.out);
	done(&shown);

	shown = SHOW(
	    "--export", "judge", "--route", "shop", "--until", "2026-11-22T10:00:01Z", NULL);
	assert_int_equal(shown.status, CLI_OK);
	assert_int_equal(lines(shown.out), 3);
	done(&shown);
	shown = SHOW("--export", "judge", "--route", "blog", NULL);
	assert_int_equal(shown.status, CLI_FAILED);
	assert_non_null(strstr(shown.errors, "nothing is recorded"));
	done(&shown);
}

static int64_t evidence_rows(const struct place *place)
{
	struct error err;
	struct store_db *db = store_db_open_reader(place_file(place, "weir.db"), true, &err);
	sqlite3_stmt *statement;
	int64_t n;

	assert_non_null(db);
	statement = store_db_query(db, "SELECT count(*) FROM evidence", "");
	assert_int_equal(store_db_next(db, statement), STORE_ROW);
	n = sqlite3_column_int64(statement, 0);
	store_db_leave(statement);
	store_db_close(db);
	return n;
}

static void the_oldest_evidence_goes_in_small_pieces(void **state)
{
	const struct place *place = *state;
	struct store *store = place_open(place);
	enum store_fault fault;
	struct error err;
	struct store_db *db;
	bool created, more = true;

	for (unsigned i = 0; i < 1500; i++)
		add_evidence(store, "r1", 1, i);
	store_close(store);
	assert_int_equal(evidence_rows(place), 3000);
	db = store_db_open(place->state_dir, &created, &fault, &err);
	assert_non_null(db);
	assert_true(store_evidence_prune(db, 3000, 3000, &more));
	assert_int_equal(evidence_rows(place), 3000);
	assert_true(store_evidence_prune(db, 1500, 3000, &more));
	assert_true(more);
	assert_int_equal(evidence_rows(place), 2000);
	assert_true(store_evidence_prune(db, 1500, 3000, &more));
	assert_false(more);
	assert_int_equal(evidence_rows(place), 1500);
	assert_true(store_evidence_prune(db, 1500, 1200, &more));
	assert_int_equal(evidence_rows(place), 1200);
	store_db_close(db);
}

static void a_long_journal_is_listed_page_by_page(void **state)
{
	struct store *store = place_open(*state);
	struct shown shown;

	for (unsigned i = 0; i < 15000; i++)
		place_decide(store, "shop", "r1");
	store_close(store);
	shown = SHOW("--json", NULL);
	assert_int_equal(lines(shown.out), 15010);
	done(&shown);
	shown = SHOW("--verify", NULL);
	assert_int_equal(strncmp(shown.out, "ok 15010 rows", 13), 0);
	done(&shown);
}

static void times_are_rfc_3339_or_how_long_ago(void **state)
{
	static const struct {
		const char *text;
		int64_t s; /* since 1970; below 0: not taken */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-22T10:00:00Z", 1795341600 },
		{ "2026-11-22t11:30:00.5+01:30", 1795341600 },
		{ "2026-11-22T00:00:00-10:00", 1795341600 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2023-02-29T00:00:00Z", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-11-22 10:00:00Z", -1 },
		{ "2026-11-22T10:00:00", -1 },
		{ "2026-11-22T10:00:00Zx", -1 },
		{ "2026-11-22T25:00:00Z", -1 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "1s", 1795341599 },
		{ "2m", 1795341480 },
		{ "2h", 1795334400 },
		{ "7d", 1794736800 },
		{ "99999999999s", -1 },
		{ "0s", 1795341600 },
		{ "2", -1 },
		{ "-2h", -1 },
		{ "2w", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = { "" };
		uint64_t us = 0;
		bool ok = journal_time_parse_or_ago(
		    cases[i].text, UINT64_C(1795341600000000), &us, &err);

		assert_int_equal(ok, cases[i].s >= 0);
		if (ok)
			assert_int_equal(us / 1000000, cases[i].s);
		else
			assert_non_null(strstr(err.text, "is no time"));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_lists_the_newest_last),
		TEST(its_rows_are_chosen_by_route_verdict_and_time),
		TEST(a_route_without_rows_is_named),
		TEST(as_json_each_row_is_an_object_on_a_line),
		TEST(words_that_make_no_sense_together_are_refused),
		TEST(a_journal_that_is_not_there_is_said_so),
		TEST(a_journal_that_nobody_named_is_looked_for_with_a_hint),
		TEST(verifying_says_how_many_rows_hold_and_the_last_ones_hash),
		TEST(verifying_finds_what_was_done_to_a_row),
		TEST(a_head_that_is_not_there_is_told),
		TEST(it_reads_while_a_weir_writes),
		TEST(what_judge_reads_is_what_was_counted),
		TEST(the_oldest_evidence_goes_in_small_pieces),
		TEST(a_long_journal_is_listed_page_by_page),
		TEST(times_are_rfc_3339_or_how_long_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
