/*
 * `weir judge` reads what it says it reads, refuses the rest with the line's number, and
 * decides as the guard does: docs/judge.md.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/guard.h"
#include "rollout/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_BYTES = 1 << 20,
	FILE_BYTES = 1 << 16,
};

#define HEADER "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\n"

/* What judge says of a whole file; the error's text with its line where it refuses it. */
struct judged {
	char text[OUTPUT_BYTES];
	char refused[600]; /* "12: why"; "" */
};

static bool feed(struct judge *judge, const char *file, struct buffer *out, struct error *err)
{
	while (*file != '\0') {
		const char *end = strchrnul(file, '\n');

		if (!judge_line(judge, (struct slice) { file, (size_t)(end - file) }, out, err))
			return false;
		file = *end == '\n' ? end + 1 : end;
	}
	return judge_end(judge, out, err);
}

static struct judged *judged_by(const char *settings_text, const char *file)
{
	static struct judged judged;
	struct judge_settings settings;
	struct judge *judge;
	struct buffer out;
	struct error err;

	judge_settings_init(&settings);
	assert_true(judge_settings_set(&settings, settings_text, &err));
	judge = judge_new(&settings);
	assert_non_null(judge);
	buffer_init(&out, OUTPUT_BYTES - 1);
	judged.refused[0] = '\0';
	if (!feed(judge, file, &out, &err))
		snprintf(judged.refused, sizeof(judged.refused), "%u: %s",
		    (unsigned)judge_line_number(judge), err.text);
	if (buffer_len(&out) > 0)
		memcpy(judged.text, buffer_slice(&out).data, buffer_len(&out));
	judged.text[buffer_len(&out)] = '\0';
	buffer_done(&out);
	judge_free(judge);
	return &judged;
}

static struct judged *judged(const char *file)
{
	struct judged *result = judged_by("", file);

	if (result->refused[0] != '\0')
		fail_msg("refused: %s", result->refused);
	return result;
}

static unsigned ticks_of(const struct judged *judged)
{
	unsigned lines = 0;

	for (const char *at = judged->text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines - 1; /* the header */
}

/* The line of a tick, from 1. */
static const char *tick_line(const struct judged *judged, unsigned tick)
{
	const char *at = judged->text;

	for (unsigned i = 0; i < tick && at != NULL; i++) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at == NULL || *at == '\0')
		fail_msg("there is no tick %u in:\n%s", tick, judged->text);
	return at;
}

struct line {
	unsigned tick;
	char ln_e[32];
	char verdict[32];
};

static struct line line_of(const struct judged *judged, unsigned tick)
{
	struct line line;

	assert_int_equal(sscanf(tick_line(judged, tick), "%u\t%31[^\t]\t%31[^\t]\t", &line.tick,
			     line.ln_e, line.verdict),
	    3);
	assert_int_equal(line.tick, tick);
	return line;
}

/* The R rows' inputs are prose in golden.tsv; what is expected is read from it. */
static const struct golden_case {
	const char *id;
	const char *settings;
	struct {
		unsigned times;
		const char *row;
	} runs[2];
} golden_cases[] = {
	{ "R1", "", { { 3, "1\t.01\t20\t1\t1980\t0\n" }, { 0, "" } } },
	{ "R2", "", { { 60, "1\t.1\t10\t0\t90\t0\n" }, { 20, "1\t.1\t10\t3\t90\t27\n" } } },
	{ "R3", "p_max=1%", { { 60, "1\t.25\t10\t0\t30\t0\n" }, { 0, "" } } },
	{ "R4", "", { { 3, "1\t.5\t1e6\t30\t1000000\t2\n" }, { 0, "" } } },
};

static void golden_expectations(const char *id, char *text, size_t size)
{
	FILE *file = fopen("tests/data/policy/golden.tsv", "r");
	char line[512];
	const char *expected = NULL;

	assert_non_null(file);
	while (expected == NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, id, strlen(id)) == 0 && line[strlen(id)] == '\t')
			expected = strchr(line + strlen(id) + 1, '\t');
	fclose(file);
	if (expected == NULL)
		fail_msg("golden.tsv has no row %s", id);
	snprintf(text, size, "%s", expected + 1);
}

/* Ten significant digits, as both print them. */
static void check_golden(const char *id, const struct judged *judged, const char *expectation)
{
	char name[16], value[32];
	unsigned tick;
	struct line line;

	assert_int_equal(sscanf(expectation, "%15[^@]@%u=%31s", name, &tick, value), 3);
	line = line_of(judged, tick);
	if (strcmp(name, "verdict") == 0 && strcmp(value, "ROLLBACK") == 0)
		snprintf(value, sizeof(value), "ROLL_BACK");
	if (strcmp(strcmp(name, "lnE") == 0 ? line.ln_e : line.verdict, value) != 0)
		fail_msg(
		    "%s, %s: tick %u is %s %s", id, expectation, tick, line.ln_e, line.verdict);
}

static void the_golden_decisions_come_out_to_the_tenth_digit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden_cases) / sizeof(golden_cases[0]); i++) {
		const struct golden_case *c = &golden_cases[i];
		char file[FILE_BYTES] = HEADER, expected[512], *rest = NULL;
		size_t checked = 0;
		struct judged *result;

		for (size_t run = 0; run < 2; run++)
			for (unsigned k = 0; k < c->runs[run].times; k++)
				strcat(file, c->runs[run].row);
		golden_expectations(c->id, expected, sizeof(expected));
		result = judged_by(c->settings, file);
		assert_string_equal(result->refused, "");
		for (char *one = strtok_r(expected, " \n", &rest); one != NULL;
		     one = strtok_r(NULL, " \n", &rest), checked++)
			check_golden(c->id, result, one);
		assert_true(checked >= 4);
	}
}

static void columns_may_come_in_any_order(void **state)
{
	char *first;

	(void)state;
	first = strdup(judged(HEADER "1\t.1\t10\t3\t90\t1\n2\t.1\t12\t0\t95\t1\n")->text);
	assert_non_null(first);
	assert_string_equal(judged("bad_legacy\tn_canary\tw\tn_legacy\tdt\tbad_canary\n"
				   "1\t10\t.1\t90\t1\t3\n1\t12\t.1\t95\t2\t0\n")
				->text,
	    first);
	free(first);
}

static void line_ends_of_either_kind_blank_lines_and_none_at_the_end_are_understood(
    void **state)
{
	char *first;

	(void)state;
	first = strdup(judged(HEADER "1\t.1\t10\t3\t90\t1\n")->text);
	assert_non_null(first);
	assert_string_equal(judged("\xef\xbb\xbf"
				   "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\r\n"
				   "1\t.1\t10\t3\t90\t1\r\n\r\n\n")
				->text,
	    first);
	assert_string_equal(judged(HEADER "\n1\t.1\t10\t3\t90\t1")->text, first);
	free(first);
}

static void a_file_without_ticks_is_judged_to_nothing(void **state)
{
	(void)state;
	assert_string_equal(judged(HEADER)->text, "tick\tlnE\tverdict\treason\n");
}

static void it_goes_on_after_a_rollback(void **state)
{
	struct judged *result = judged(HEADER "1\t.01\t20\t3\t1980\t0\n"
					      "1\t.01\t20\t0\t1980\t0\n");

	(void)state;
	assert_string_equal(line_of(result, 1).verdict, "ROLL_BACK");
	assert_int_equal(ticks_of(result), 2);
}

static void the_reason_is_in_words_with_its_figures(void **state)
{
	(void)state;
	assert_non_null(strstr(judged(HEADER "1\t.01\t20\t3\t1980\t0\n")->text,
	    "canary failed 3 of 20 requests (15%)"));
}

/* The guard itself, told the same in its own terms. */
struct direct {
	struct guard guard;
	struct guard_stage stage;
	struct verdict verdict;
};

static void direct_begin(struct direct *direct, double latency_budget)
{
	direct->stage = (struct guard_stage) { .hold_s = 60, .min_requests = 50, .p_max = .05 };
	guard_init(&direct->guard,
	    &(struct guard_params) {
		.alpha = .01, .budget = .001, .latency_budget_share = latency_budget },
	    &direct->stage);
}

static struct guard_entry entry_of(
    double w, unsigned n_canary, unsigned bad_canary, unsigned n_legacy, unsigned bad_legacy)
{
	return (struct guard_entry) { .weight = w,
		.arms = {
		    [ARM_CANARY] = { .n = n_canary, .bad = bad_canary, .failed = bad_canary },
		    [ARM_LEGACY] = {
			.n = n_legacy, .bad = bad_legacy, .failed = bad_legacy } } };
}

static void direct_tick(struct direct *direct, double dt_s, struct guard_entry entry)
{
	struct guard_tick tick = { .dt_s = dt_s, .n_entries = 1, .entries = { entry } };

	direct->verdict = guard_tick(&direct->guard, &tick);
}

/* Tick `tick` of the file says what the guard said; ends the guard. */
static void assert_same(const struct judged *judged, unsigned tick, struct direct *direct)
{
	char ln_e[32];

	snprintf(ln_e, sizeof(ln_e), "%.10g", direct->verdict.ln_e);
	assert_string_equal(line_of(judged, tick).ln_e, ln_e);
	assert_string_equal(
	    line_of(judged, tick).verdict, verdict_name(direct->verdict.action));
	guard_done(&direct->guard);
}

static void a_higher_weight_begins_a_stage_and_stakes_what_was_kept_for_it(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 60, entry_of(.01, 100, 0, 9900, 4));
	guard_begin_stage(&direct.guard, &direct.stage, true);
	direct_tick(&direct, 1, entry_of(.05, 5, 2, 95, 0));
	assert_same(
	    judged(HEADER "60\t.01\t100\t0\t9900\t4\n1\t.05\t5\t2\t95\t0\n"), 2, &direct);
}

static void a_lower_weight_begins_a_stage_too_but_stakes_nothing(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 60, entry_of(.5, 100, 0, 100, 4));
	guard_begin_stage(&direct.guard, &direct.stage, false);
	direct_tick(&direct, 1, entry_of(.05, 5, 2, 95, 0));
	assert_same(judged(HEADER "60\t.5\t100\t0\t100\t4\n1\t.05\t5\t2\t95\t0\n"), 2, &direct);
}

static void a_change_of_the_stage_column_begins_a_stage_at_the_same_weight(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 60, entry_of(.5, 100, 1, 100, 4));
	guard_begin_stage(&direct.guard, &direct.stage, false);
	direct_tick(&direct, 1, entry_of(.5, 5, 0, 5, 0));
	assert_string_equal(verdict_name(direct.verdict.action), "CONTINUE");
	assert_same(judged("stage\tdt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\n"
			   "reads\t60\t.5\t100\t1\t100\t4\nwrites\t1\t.5\t5\t0\t5\t0\n"),
	    2, &direct);
}

static void a_row_of_an_older_weight_without_time_is_a_late_outcome(void **state)
{
	struct guard_tick late = { .n_entries = 2 };
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 60, entry_of(.01, 100, 0, 9900, 4));
	guard_begin_stage(&direct.guard, &direct.stage, true);
	direct_tick(&direct, 1, entry_of(.05, 5, 2, 95, 0));
	late.entries[0].weight = .05;
	late.entries[1] = entry_of(.01, 3, 1, 40, 2);
	direct.verdict = guard_tick(&direct.guard, &late);
	direct_tick(&direct, 1, entry_of(.05, 5, 0, 95, 0));
	assert_same(judged(HEADER "60\t.01\t100\t0\t9900\t4\n1\t.05\t5\t2\t95\t0\n"
				  "0\t.01\t3\t1\t40\t2\n1\t.05\t5\t0\t95\t0\n"),
	    4, &direct);
}

static void a_higher_weight_that_was_never_in_force_is_no_late_outcome(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 60, entry_of(.01, 100, 0, 9900, 4));
	guard_begin_stage(&direct.guard, &direct.stage, true);
	direct_tick(&direct, 0, entry_of(.05, 3, 3, 0, 0));
	assert_same(
	    judged(HEADER "60\t.01\t100\t0\t9900\t4\n0\t.05\t3\t3\t0\t0\n"), 2, &direct);
}

static void a_row_without_time_at_the_same_weight_is_an_evaluation_between_ticks(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 1, entry_of(.01, 10, 0, 990, 0));
	direct_tick(&direct, 0, entry_of(.01, 3, 3, 0, 0));
	assert_same(judged(HEADER "1\t.01\t10\t0\t990\t0\n0\t.01\t3\t3\t0\t0\n"), 2, &direct);
}

static void failures_that_are_not_counted_again_have_a_column_of_their_own(void **state)
{
	struct guard_entry entry = entry_of(.1, 100, 1, 900, 9);
	struct direct direct;

	(void)state;
	entry.arms[ARM_CANARY].failed = 30;
	entry.arms[ARM_LEGACY].failed = 270;
	direct_begin(&direct, 0);
	direct_tick(&direct, 10, entry);
	assert_int_equal(direct.verdict.action, VERDICT_HOLD_SHARED);
	assert_same(judged("dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\t"
			   "failed_canary\tfailed_legacy\n10\t.1\t100\t1\t900\t9\t30\t270\n"),
	    1, &direct);
}

static void what_is_not_slow_is_good_and_thresholds_not_named_are_no_evidence(void **state)
{
	struct guard_entry entry = entry_of(.1, 100, 0, 900, 0);
	struct direct direct;

	(void)state;
	entry.has_latency = true;
	entry.arms[ARM_CANARY].slow[THRESHOLD_Q99] = 30;
	entry.arms[ARM_CANARY].good[THRESHOLD_Q99] = 70;
	entry.arms[ARM_LEGACY].slow[THRESHOLD_Q99] = 9;
	entry.arms[ARM_LEGACY].good[THRESHOLD_Q99] = 891;
	direct_begin(&direct, 0);
	direct_tick(&direct, 10, entry);
	assert_true(direct.verdict.ln_e > 1);
	assert_same(judged("dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\t"
			   "slow_canary_q99\tslow_legacy_q99\n10\t.1\t100\t0\t900\t0\t30\t9\n"),
	    1, &direct);
}

static void halves_of_legacys_slow_requests_give_the_design_effect(void **state)
{
	static const char header[] =
	    "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\tslow_canary_q90\t"
	    "slow_legacy_q90\thalf1_legacy_q90\thalf2_legacy_q90\n";
	char alike[1024], apart[1024];
	double e_alike, e_apart;

	(void)state;
	snprintf(alike, sizeof(alike),
	    "%s1\t.1\t100\t0\t900\t0\t10\t90\t45\t45\n"
	    "1\t.1\t100\t0\t900\t0\t40\t90\t45\t45\n",
	    header);
	snprintf(apart, sizeof(apart),
	    "%s1\t.1\t100\t0\t900\t0\t10\t90\t90\t0\n"
	    "1\t.1\t100\t0\t900\t0\t40\t90\t0\t90\n",
	    header);
	e_alike = strtod(line_of(judged(alike), 2).ln_e, NULL);
	e_apart = strtod(line_of(judged(apart), 2).ln_e, NULL);
	assert_true(e_alike > e_apart + 1);
}

static void where_a_threshold_was_not_in_force_its_cells_are_empty(void **state)
{
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	direct_tick(&direct, 10, entry_of(.1, 100, 1, 900, 0));
	assert_same(judged("dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\t"
			   "slow_canary_q99\tslow_legacy_q99\n10\t.1\t100\t1\t900\t0\t\t\n"),
	    1, &direct);
}

static void an_explicit_latency_budget_is_judged_where_one_is_set(void **state)
{
	static const char file[] = "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\t"
				   "over_canary\tover_legacy\n"
				   "10\t.1\t100\t0\t900\t0\t40\t0\n";
	struct guard_entry entry = entry_of(.1, 100, 0, 900, 0);
	struct direct direct;

	(void)state;
	entry.arms[ARM_CANARY].over = entry.arms[ARM_CANARY].over_all = 40;
	direct_begin(&direct, .05);
	direct_tick(&direct, 10, entry);
	assert_int_equal(direct.verdict.action, VERDICT_ROLL_BACK);
	assert_same(judged_by("latency_budget=5%", file), 1, &direct);
}

static void paths_follow_their_ticks_row(void **state)
{
	struct guard_path path = { .path_class = 0, .n_entries = 1 };
	struct guard_tick tick = { .dt_s = 1, .n_entries = 1, .paths = &path, .n_paths = 1 };
	struct judged *result;
	struct direct direct;

	(void)state;
	direct_begin(&direct, 0);
	tick.entries[0] = entry_of(.1, 100, 3, 900, 2);
	path.entries[0] = entry_of(.1, 10, 3, 90, 0);
	direct.verdict = guard_tick(&direct.guard, &tick);
	direct_tick(&direct, 1, entry_of(.1, 100, 0, 900, 0));
	result = judged("dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\tpath\n"
			"1\t.1\t100\t3\t900\t2\t\n"
			"\t.1\t10\t3\t90\t0\t/cart\n"
			"1\t.1\t100\t0\t900\t0\t\n");
	assert_int_equal(ticks_of(result), 2);
	assert_same(result, 2, &direct);
}

static void late_outcomes_may_stand_between_a_ticks_row_and_its_paths(void **state)
{
	struct judged *result =
	    judged("dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\tpath\n"
		   "60\t.01\t100\t0\t9900\t4\t\n"
		   "1\t.05\t5\t2\t95\t0\t\n"
		   "0\t.01\t3\t1\t40\t2\t\n"
		   "1\t.05\t5\t2\t95\t0\t/cart\n"
		   "0\t.01\t3\t1\t40\t2\t/cart\n");

	(void)state;
	assert_int_equal(ticks_of(result), 3);
	assert_true(
	    strtod(line_of(result, 3).ln_e, NULL) > strtod(line_of(result, 2).ln_e, NULL));
}

static void a_path_is_known_again_by_its_name(void **state)
{
	static const char header[] =
	    "path\tdt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\n";
	char same[1024], other[1024];
	double e_same, e_other;

	(void)state;
	for (int i = 0; i < 2; i++)
		snprintf(i == 0 ? same : other, 1024,
		    "%s\t1\t.1\t100\t2\t900\t0\n/a\t\t.1\t10\t2\t90\t0\n"
		    "\t1\t.1\t100\t2\t900\t0\n%s\t\t.1\t10\t2\t90\t0\n",
		    header, i == 0 ? "/a" : "/b");
	e_same = strtod(line_of(judged(same), 2).ln_e, NULL);
	e_other = strtod(line_of(judged(other), 2).ln_e, NULL);
	assert_true(e_same > e_other);
}

static const struct refusal {
	const char *file;
	const char *message;
} refusals[] = {
	{ "", "0: it is empty: there is not even a header line" },
	{ "dt,w\n", "1: the header names an unknown column 'dt,w'; did you mean 'dt'?" },
	{ "1\t.1\t10\t3\t90\t1\n", "1: the first line is to name the columns, and holds '1'" },
	{ "dt\tw\tn_canary\tbad_canary\tn_legacy\n",
	    "1: the header lacks the column 'bad_legacy'; it names dt, w, n_canary, "
	    "bad_canary, "
	    "n_legacy and bad_legacy, separated by tabs" },
	{ "dt\tw\tdt\n", "1: the header names the column 'dt' twice" },
	{ "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\tslow_canary_q90\n",
	    "1: the header has only one of the columns 'slow_canary_q90' and "
	    "'slow_legacy_q90'" },
	{ "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\thalf1_legacy_q90\t"
	  "half2_legacy_q90\n",
	    "1: the header lacks the column 'slow_canary_q90'" },
	{ HEADER "1\t.1\t10\t3\t90\n", "2: the row has 5 cells, the header 6" },
	{ HEADER "1\t.1\t10\t3\t90\t1\t\n", "2: the row has 7 cells, the header 6" },
	{ HEADER "1\t.1\t10\t3\t90\t1\n1\n", "3: the row has 1 cell, the header 6" },
	{ HEADER "\t.1\t10\t3\t90\t1\n", "2: dt is empty; only a path's row may leave it so" },
	{ HEADER "1\t\t10\t3\t90\t1\n", "2: w is '', which is no number" },
	{ HEADER "1\t5%\t10\t3\t90\t1\n", "2: w is '5%', which is no number" },
	{ HEADER "1\t1.5\t10\t3\t90\t1\n", "2: w is 1.5: at most 1 can be" },
	{ HEADER "1\tnan\t10\t3\t90\t1\n", "2: w is 'nan', which is no number" },
	{ HEADER "1\t0x1\t10\t3\t90\t1\n", "2: w is '0x1', which is no number" },
	{ HEADER "1\t.1e\t10\t3\t90\t1\n", "2: w is '.1e', which is no number" },
	{ HEADER "-1\t.1\t10\t3\t90\t1\n", "2: dt is -1: it cannot be negative" },
	{ HEADER "1e9\t.1\t10\t3\t90\t1\n", "2: dt is 1e9: at most 31622400 can be" },
	{ HEADER "1\t.1\t10\tx\t90\t1\n", "2: bad_canary is 'x', which is no number" },
	{ HEADER "1\t.1\t10\t3.5\t90\t1\n", "2: bad_canary is 3.5: counts are whole numbers" },
	{ HEADER "1\t.1\t10\t3\t90\t-1\n", "2: bad_legacy is -1: it cannot be negative" },
	{ HEADER "1\t.1\t4294967296\t3\t90\t1\n",
	    "2: n_canary is 4294967296: at most 4294967295 can be" },
	{ HEADER "1\t.1\t 10\t3\t90\t1\n", "2: n_canary is ' 10', which is no number" },
	{ HEADER "1\t.1\t\x1b[2J\t3\t90\t1\n", "2: n_canary is '?[2J', which is no number" },
	{ "path\t" HEADER "/a\t1\t.1\t10\t3\t90\t1\n",
	    "2: a path's row follows its tick's row without a path, and there is none yet" },
	{ "path\t" HEADER "\t1\t.1\t10\t3\t90\t1\n/a\t2\t.1\t10\t3\t90\t1\n",
	    "3: a path's dt is its tick's (1), 0 or empty, not 2" },
	{ "path\t" HEADER
	  "\t1\t.1\t10\t3\t90\t1\n/a\t1\t.1\t1\t0\t9\t1\n/a\t1\t.1\t1\t0\t9\t1\n",
	    "4: this path and w have a row in this tick already" },
	{ "path\t" HEADER "\t1\t.1\t10\t3\t90\t1\n/a\x01\t1\t.1\t1\t0\t9\t1\n",
	    "3: path holds a control character (byte 1)" },
	{ "path\tstage\t" HEADER "\t1\t1\t.1\t10\t3\t90\t1\n/a\t2\t1\t.1\t1\t0\t9\t1\n",
	    "3: a path's stage is its tick's, or empty" },
	{ "dt\tw\tn_canary\tbad_canary\tn_legacy\tbad_legacy\tslow_canary_far\tslow_legacy_"
	  "far\n"
	  "1\t.1\t10\t3\t90\t1\t2\t\n",
	    "2: slow_canary_far is given, but slow_legacy_far is empty" },
};

static void what_does_not_mean_one_thing_is_refused_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		assert_string_equal(
		    judged_by("", refusals[i].file)->refused, refusals[i].message);
}

static void what_came_before_a_bad_line_is_judged_all_the_same(void **state)
{
	struct judged *result = judged_by("", HEADER "1\t.01\t20\t3\t1980\t0\n"
						     "1\t.01\t20\t0\t1980\t0\nx\n");

	(void)state;
	assert_non_null(strstr(result->refused, "4: "));
	assert_string_equal(line_of(result, 1).verdict, "ROLL_BACK");
}

static void a_line_has_its_cap(void **state)
{
	char file[TICK_LINE_MAX + 8];

	(void)state;
	memset(file, 'x', sizeof(file));
	file[TICK_LINE_MAX + 1] = '\0';
	assert_string_equal(
	    judged_by("", file)->refused, "1: the line has more than 8192 bytes");
}

static void the_sixty_fifth_path_is_refused(void **state)
{
	char file[FILE_BYTES] = "path\t" HEADER "\t1\t.1\t10\t0\t90\t0\n";

	(void)state;
	for (int i = 0; i < 65; i++) {
		assert_string_equal(judged_by("", file)->refused, "");
		sprintf(file + strlen(file), "/p%d\t\t.1\t1\t0\t9\t0\n", i);
		if (i == 63) /* it is no path of its own */
			strcat(file, "other\t\t.1\t1\t0\t9\t0\n");
	}
	assert_string_equal(judged_by("", file)->refused,
	    "68: the path '/p64' is one more than 64: the rest is to be in one, 'other'");
}

static void the_parameters_can_be_varied(void **state)
{
	struct judge_settings settings;
	struct error err;

	(void)state;
	judge_settings_init(&settings);
	assert_true(judge_settings_set(
	    &settings, "alpha=0.001, budget=0.5% ,hold=10m,min_requests=7,p_max=0.02", &err));
	assert_true(judge_settings_set(&settings, "latency_budget=5%", &err));
	assert_true(settings.alpha == .001 && settings.budget == .005);
	assert_true(settings.hold_s == 600 && settings.min_requests == 7);
	assert_true(settings.p_max == .02 && settings.latency_budget == .05);
}

static void parameters_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "alhpa=0.1", "there is no parameter 'alhpa'; did you mean 'alpha'?" },
		{ "alpha", "'alpha' is not NAME=VALUE" },
		{ "alpha=0.1,alpha=0.2", "alpha is set twice" },
		{ "alpha=0", "alpha: it must be above 0 and at most 0.5" },
		{ "alpha=0.9", "alpha: it must be above 0 and at most 0.5" },
		{ "p_max=100%", "p_max: it must be below 100%" },
		{ "min_requests=-1", "min_requests: it must be a whole number of at most "
				     "4294967295" },
		{ "hold=60", "hold: a time needs its unit: us, ms, s, m, h or d, as in 250ms" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct judge_settings settings;
		struct error err;

		judge_settings_init(&settings);
		assert_false(judge_settings_set(&settings, cases[i].text, &err));
		assert_string_equal(err.text, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_decisions_come_out_to_the_tenth_digit),
		cmocka_unit_test(columns_may_come_in_any_order),
		cmocka_unit_test(
		    line_ends_of_either_kind_blank_lines_and_none_at_the_end_are_understood),
		cmocka_unit_test(a_file_without_ticks_is_judged_to_nothing),
		cmocka_unit_test(it_goes_on_after_a_rollback),
		cmocka_unit_test(the_reason_is_in_words_with_its_figures),
		cmocka_unit_test(
		    a_higher_weight_begins_a_stage_and_stakes_what_was_kept_for_it),
		cmocka_unit_test(a_lower_weight_begins_a_stage_too_but_stakes_nothing),
		cmocka_unit_test(
		    a_change_of_the_stage_column_begins_a_stage_at_the_same_weight),
		cmocka_unit_test(a_row_of_an_older_weight_without_time_is_a_late_outcome),
		cmocka_unit_test(a_higher_weight_that_was_never_in_force_is_no_late_outcome),
		cmocka_unit_test(
		    a_row_without_time_at_the_same_weight_is_an_evaluation_between_ticks),
		cmocka_unit_test(
		    failures_that_are_not_counted_again_have_a_column_of_their_own),
		cmocka_unit_test(
		    what_is_not_slow_is_good_and_thresholds_not_named_are_no_evidence),
		cmocka_unit_test(halves_of_legacys_slow_requests_give_the_design_effect),
		cmocka_unit_test(where_a_threshold_was_not_in_force_its_cells_are_empty),
		cmocka_unit_test(an_explicit_latency_budget_is_judged_where_one_is_set),
		cmocka_unit_test(paths_follow_their_ticks_row),
		cmocka_unit_test(late_outcomes_may_stand_between_a_ticks_row_and_its_paths),
		cmocka_unit_test(a_path_is_known_again_by_its_name),
		cmocka_unit_test(what_does_not_mean_one_thing_is_refused_with_its_line),
		cmocka_unit_test(what_came_before_a_bad_line_is_judged_all_the_same),
		cmocka_unit_test(a_line_has_its_cap),
		cmocka_unit_test(the_sixty_fifth_path_is_refused),
		cmocka_unit_test(the_parameters_can_be_varied),
		cmocka_unit_test(parameters_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
