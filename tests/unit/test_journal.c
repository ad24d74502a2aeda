/* The journal: what a row says, and that no accident damages the rows around it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/journal.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SIZE = 256,
	TEXT_SIZE = 65536,
};

/* 2026-11-22T10:00:00.250Z */
#define WALL_US UINT64_C(1795341600250000)

/* A directory of the test's own, and the journal in it. */
struct place {
	char root[PATH_SIZE];
	char state_dir[PATH_SIZE + 16];
	char file[PATH_SIZE + 32];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return -1;
	snprintf(place->root, sizeof(place->root), "/tmp/weir-test-journal-XXXXXX");
	if (mkdtemp(place->root) == NULL)
		return -1;
	snprintf(place->state_dir, sizeof(place->state_dir), "%s/state", place->root);
	snprintf(place->file, sizeof(place->file), "%s/state/journal.jsonl", place->root);
	*state = place;
	return 0;
}

static int remove_one(const char *path, const struct stat *there, int kind, struct FTW *at)
{
	(void)there;
	(void)kind;
	(void)at;
	return remove(path);
}

static int tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static struct journal *open_journal(const struct place *place)
{
	struct error err = { "" };
	struct journal *journal = journal_open(place->state_dir, &err);

	if (journal == NULL)
		fail_msg("%s", err.text);
	return journal;
}

static char *read_file(const struct place *place)
{
	FILE *file = fopen(place->file, "rb");
	char *text = calloc(1, TEXT_SIZE);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, TEXT_SIZE - 1, file) < TEXT_SIZE - 1);
	fclose(file);
	return text;
}

static void write_file(const struct place *place, const char *text)
{
	FILE *file = fopen(place->file, "wb");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The n-th line, which must be a whole JSON object. */
static json_t *row_of(const struct place *place, unsigned n)
{
	char *text = read_file(place);
	char *line = text;
	char *end;
	json_t *row;

	for (; n > 0; n--) {
		line = strchr(line, '\n');
		assert_non_null(line);
		line++;
	}
	end = strchr(line, '\n');
	assert_non_null(end);
	row = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(row));
	free(text);
	return row;
}

static const char *text_of(const json_t *row, const char *member)
{
	const char *text = json_string_value(json_object_get(row, member));

	assert_non_null(text);
	return text;
}

static double number_at(const json_t *row, const char *a, const char *b, const char *c)
{
	const json_t *value = json_object_get(json_object_get(row, a), b);

	if (c != NULL)
		value = json_object_get(value, c);
	assert_true(json_is_number(value));
	return json_number_value(value);
}

static struct transition a_rollback(void)
{
	struct transition transition = {
		.cause = PLAN_EVENT_VERDICT,
		.from = PLAN_RUNNING,
		.to = PLAN_ROLLED_BACK,
		.stage_from = 1,
		.weight_from_ppm = 50000,
		.who = "guard",
		.why = "canary failed 12 of 340 requests",
		.verdict = {
			.action = VERDICT_ROLL_BACK,
			.ln_e = 5,
			.alpha = 0.01,
			.stage[ARM_CANARY] = { .n = 340, .bad = 12 },
			.stage[ARM_LEGACY] = { .n = 3100.5, .bad = 1 },
		},
	};

	return transition;
}

static void write_row(struct journal *journal, const struct transition *transition)
{
	assert_true(journal_write(journal, WALL_US, "shop", "r1", transition));
}

/* The only row of a journal of one decision. */
static json_t *row_for(const struct place *place, const struct transition *transition)
{
	struct journal *journal = open_journal(place);

	assert_int_equal(truncate(place->file, 0), 0);
	write_row(journal, transition);
	journal_close(journal);
	return row_of(place, 0);
}

static void a_row_says_who_did_what_when_why_and_on_which_evidence(void **state)
{
	struct transition transition = a_rollback();
	json_t *row = row_for(*state, &transition);

	assert_string_equal(text_of(row, "time"), "2026-11-22T10:00:00.250Z");
	assert_string_equal(text_of(row, "route"), "shop");
	assert_string_equal(text_of(row, "release"), "r1");
	assert_string_equal(text_of(row, "who"), "guard");
	assert_string_equal(text_of(row, "action"), "rollback");
	assert_string_equal(text_of(row, "verdict"), "ROLL_BACK");
	assert_string_equal(text_of(row, "reason"), "canary failed 12 of 340 requests");
	assert_string_equal(text_of(json_object_get(row, "from"), "state"), "running");
	assert_string_equal(text_of(json_object_get(row, "to"), "state"), "rolled_back");
	assert_true(number_at(row, "from", "stage", NULL) == 2);
	assert_true(number_at(row, "to", "stage", NULL) == 0);
	assert_true(number_at(row, "from", "weight_ppm", NULL) == 50000);
	assert_true(number_at(row, "to", "weight_ppm", NULL) == 0);
	assert_true(number_at(row, "evidence", "ln_e", NULL) == 5);
	assert_true(fabs(number_at(row, "evidence", "e", NULL) - exp(5)) < 1e-6);
	assert_true(number_at(row, "evidence", "threshold", NULL) == 100);
	assert_true(number_at(row, "counters", "canary", "requests") == 340);
	assert_true(number_at(row, "counters", "canary", "failures") == 12);
	assert_true(number_at(row, "counters", "legacy", "requests") == 3100.5);
	json_decref(row);
}

static void each_decision_has_the_name_of_what_it_was(void **state)
{
	static const struct {
		enum plan_event_kind cause;
		enum plan_state from, to;
		uint32_t stage_from, stage_to;
		enum verdict_action hold;
		const char *action;
	} rows[] = {
		{ PLAN_EVENT_START, PLAN_NONE, PLAN_RUNNING, 0, 0, VERDICT_CONTINUE, "start" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 0, 1, VERDICT_CONTINUE,
		    "advance" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_BAKING, 1, 1, VERDICT_CONTINUE,
		    "advance" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_ROLLED_BACK, 1, 0, VERDICT_CONTINUE,
		    "rollback" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 1, 1, VERDICT_HOLD_SUSPECT,
		    "hold" },
		{ PLAN_EVENT_VERDICT, PLAN_RUNNING, PLAN_RUNNING, 1, 1, VERDICT_CONTINUE,
		    "hold_end" },
		{ PLAN_EVENT_PROMOTE, PLAN_RUNNING, PLAN_RUNNING, 0, 1, VERDICT_CONTINUE,
		    "promote" },
		{ PLAN_EVENT_ROLL_BACK, PLAN_DONE, PLAN_ROLLED_BACK, 1, 0, VERDICT_CONTINUE,
		    "rollback" },
		{ PLAN_EVENT_PAUSE, PLAN_RUNNING, PLAN_PAUSED, 1, 1, VERDICT_CONTINUE,
		    "pause" },
		{ PLAN_EVENT_RESUME, PLAN_PAUSED, PLAN_RUNNING, 1, 1, VERDICT_CONTINUE,
		    "resume" },
		{ PLAN_EVENT_RELOAD, PLAN_FIXED, PLAN_FIXED, 0, 0, VERDICT_CONTINUE, "reload" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transition transition = {
			.cause = rows[i].cause,
			.from = rows[i].from,
			.to = rows[i].to,
			.stage_from = rows[i].stage_from,
			.stage_to = rows[i].stage_to,
			.hold = rows[i].hold,
		};
		json_t *row = row_for(*state, &transition);

		assert_string_equal(text_of(row, "action"), rows[i].action);
		assert_string_not_equal(text_of(row, "reason"), "");
		json_decref(row);
	}
}

static void numbers_that_json_lacks_are_null_or_bounded(void **state)
{
	struct transition transition = a_rollback();
	json_t *row, *evidence;

	transition.verdict.alpha = 0;
	transition.verdict.ln_e = 100000;
	transition.verdict.stage[ARM_CANARY].n = NAN;
	row = row_for(*state, &transition);
	evidence = json_object_get(row, "evidence");
	assert_true(json_is_null(json_object_get(evidence, "threshold")));
	assert_true(number_at(row, "evidence", "e", NULL) == 1e300);
	assert_true(json_is_null(json_object_get(
	    json_object_get(json_object_get(row, "counters"), "canary"), "requests")));
	json_decref(row);
}

static void a_persons_words_cannot_damage_a_row(void **state)
{
	static const struct {
		const char *why, *reason;
	} rows[] = {
		{ "two\nlines \"quoted\" \\", "two\nlines \"quoted\" \\" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac "
							       "\xf0\x9f\x98\x80" },
		{ "cut \xe2\x82", "cut ??" },
		{ "\xff\xc0\xafx", "???x" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf4\x90\x80\x80", "????" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transition transition = a_rollback();
		json_t *row;

		snprintf(transition.why, sizeof(transition.why), "%s", rows[i].why);
		row = row_for(*state, &transition);
		assert_string_equal(text_of(row, "reason"), rows[i].reason);
		json_decref(row);
	}
}

static void rows_are_added_to_those_of_the_run_before(void **state)
{
	struct transition transition = a_rollback();

	for (unsigned run = 0; run < 3; run++) {
		struct journal *journal = open_journal(*state);

		snprintf(transition.why, sizeof(transition.why), "run %u", run);
		write_row(journal, &transition);
		assert_int_equal(journal_failures(journal), 0);
		journal_close(journal);
	}
	for (unsigned run = 0; run < 3; run++) {
		json_t *row = row_of(*state, run);
		char why[16];

		snprintf(why, sizeof(why), "run %u", run);
		assert_string_equal(text_of(row, "reason"), why);
		json_decref(row);
	}
}

static void a_row_that_a_crash_has_cut_does_not_swallow_the_next(void **state)
{
	const struct place *place = *state;
	struct transition transition = a_rollback();
	struct journal *journal = open_journal(place);
	char *text;
	json_t *row;

	journal_close(journal);
	write_file(place, "{\"time\":\"2026-11-22T09:59:5");
	journal = open_journal(place);
	text = read_file(place);
	assert_string_equal(text, "{\"time\":\"2026-11-22T09:59:5\n");
	free(text);
	write_row(journal, &transition);
	journal_close(journal);
	row = row_of(place, 1);
	assert_string_equal(text_of(row, "action"), "rollback");
	json_decref(row);
}

static void a_whole_file_is_not_touched_when_it_is_opened(void **state)
{
	const struct place *place = *state;
	char *text;

	journal_close(open_journal(place));
	write_file(place, "{}\n");
	journal_close(open_journal(place));
	text = read_file(place);
	assert_string_equal(text, "{}\n");
	free(text);
}

/* As a full disk does, the limit lets a write end early and refuses the next. */
static void a_full_disk_is_counted_and_the_journal_goes_on_after_it(void **state)
{
	const struct place *place = *state;
	struct transition transition = a_rollback();
	struct journal *journal = open_journal(place);
	struct rlimit before, full;
	struct stat file;
	json_t *row;

	signal(SIGXFSZ, SIG_IGN);
	write_row(journal, &transition);
	assert_int_equal(stat(place->file, &file), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = (rlim_t)file.st_size + 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_false(journal_write(journal, WALL_US, "shop", "r1", &transition));
	assert_false(journal_write(journal, WALL_US, "shop", "r1", &transition));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(journal_failures(journal), 2);

	snprintf(transition.why, sizeof(transition.why), "room again");
	write_row(journal, &transition);
	assert_int_equal(journal_failures(journal), 2);
	journal_close(journal);
	json_decref(row_of(place, 0));
	row = row_of(place, 2); /* behind the cut one */
	assert_string_equal(text_of(row, "reason"), "room again");
	json_decref(row);
}

static void file_and_directory_are_their_owners_alone(void **state)
{
	const struct place *place = *state;
	struct stat there;

	journal_close(open_journal(place));
	assert_int_equal(stat(place->file, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0600);
	assert_int_equal(stat(place->state_dir, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0700);
}

static void an_absolute_state_dir_needs_its_parent(void **state)
{
	const struct place *place = *state;
	char path[PATH_SIZE + 32];
	struct error err = { "" };

	snprintf(path, sizeof(path), "%s/absent/state", place->root);
	assert_null(journal_open(path, &err));
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "No such file"));
}

static void a_relative_state_dir_is_made_with_its_parents(void **state)
{
	const struct place *place = *state;
	struct error err = { "" };
	int before = open(".", O_RDONLY | O_DIRECTORY);
	struct journal *journal;
	char path[PATH_SIZE + 32];

	assert_true(before >= 0);
	assert_int_equal(chdir(place->root), 0);
	journal = journal_open("a/b/state/", &err);
	assert_int_equal(fchdir(before), 0);
	close(before);
	assert_non_null(journal);
	journal_close(journal);
	snprintf(path, sizeof(path), "%s/a/b/state/journal.jsonl", place->root);
	assert_int_equal(access(path, F_OK), 0);
}

static void what_is_no_journal_is_refused_in_words(void **state)
{
	const struct place *place = *state;
	struct error err = { "" };

	assert_int_equal(mkdir(place->state_dir, 0700), 0);
	assert_int_equal(mkfifo(place->file, 0600), 0);
	assert_null(journal_open(place->state_dir, &err));
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(unlink(place->file), 0);
	assert_int_equal(rmdir(place->state_dir), 0);
	assert_int_equal(mknod(place->state_dir, S_IFREG | 0600, 0), 0);
	assert_null(journal_open(place->state_dir, &err));
	assert_non_null(strstr(err.text, "state_dir"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_row_says_who_did_what_when_why_and_on_which_evidence),
		TEST(each_decision_has_the_name_of_what_it_was),
		TEST(numbers_that_json_lacks_are_null_or_bounded),
		TEST(a_persons_words_cannot_damage_a_row),
		TEST(rows_are_added_to_those_of_the_run_before),
		TEST(a_row_that_a_crash_has_cut_does_not_swallow_the_next),
		TEST(a_whole_file_is_not_touched_when_it_is_opened),
		TEST(a_full_disk_is_counted_and_the_journal_goes_on_after_it),
		TEST(file_and_directory_are_their_owners_alone),
		TEST(an_absolute_state_dir_needs_its_parent),
		TEST(a_relative_state_dir_is_made_with_its_parents),
		TEST(what_is_no_journal_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
