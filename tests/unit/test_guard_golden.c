/*
 * The test vectors of the rollback policy, tests/data/policy/golden.tsv. What is
 * expected comes from the file; what goes in is prose there, and so stands here, by id.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/eprocess.h"
#include "rollout/guard.h"
#include "rollout/promotion.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROW_BYTES = 512,
	MAX_EXPECTED = 8,
	MAX_RUNS = 3,
	BETWEEN_RAISES = 600,
};

/* `name@tick=value` of a row's third column. */
struct expected {
	char name[16];
	unsigned tick;
	char value[24];
};

struct row {
	struct expected items[MAX_EXPECTED];
	size_t n;
};

static struct row row_of(const char *id)
{
	struct row row = { .n = 0 };
	char line[ROW_BYTES];
	FILE *file = fopen("tests/data/policy/golden.tsv", "r");
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		char *rest = NULL, *column = strtok_r(line, "\t", &rest);

		if (column == NULL || strcmp(column, id) != 0)
			continue;
		found = true;
		assert_non_null(strtok_r(NULL, "\t", &rest));
		while ((column = strtok_r(NULL, " \t\n", &rest)) != NULL) {
			struct expected *item = &row.items[row.n++];

			assert_true(row.n <= MAX_EXPECTED);
			assert_int_equal(sscanf(column, "%15[^@]@%u=%23s", item->name,
					     &item->tick, item->value),
			    3);
		}
	}
	fclose(file);
	if (!found || row.n == 0)
		fail_msg("golden.tsv has no usable row %s", id);
	return row;
}

/* Ten significant digits: half a unit of the last one printed. */
static void check_number(
    const char *id, const struct expected *expected, double actual, size_t *checked)
{
	double value = strtod(expected->value, NULL);
	double tolerance = 5.1e-11 * fmax(pow(10, ceil(log10(fabs(value) + 1e-300))), 1);

	if (!(fabs(actual - value) <= tolerance))
		fail_msg("%s: %s@%u is %.10g, not %s", id, expected->name, expected->tick,
		    actual, expected->value);
	(*checked)++;
}

static void check_tick(const char *id, const struct row *row, const char *name, unsigned tick,
    double actual, size_t *checked)
{
	for (size_t i = 0; i < row->n; i++)
		if (row->items[i].tick == tick && strcmp(row->items[i].name, name) == 0)
			check_number(id, &row->items[i], actual, checked);
}

/* A run of equal ticks. */
struct run {
	unsigned ticks;
	double w;
	double dt_s;
	double canary_bad;
	double legacy_bad;
	bool raise; /* the "raise w" step comes first */
};

static const struct errors_case {
	const char *id;
	struct run runs[MAX_RUNS];
} errors_cases[] = {
	{ "G1", { { 3, .01, 1, 1, 0, false } } },
	{ "G2", { { 16, .5, 1, 1, 0, false } } },
	{ "G3", { { 100, .1, 1, 1, 9, false } } },
	{ "G4", { { 20, .05, .1, 50, 950, false } } },
	{ "G5", { { 1, .1, .1, 3, 1, false }, { 1, .1, .1, 2, 0, false },
		    { 1, .1, .1, 4, 1, false } } },
	{ "G6", { { 3600, .1, 1, 0, 1, false }, { 6, .1, 1, 1, 0, false } } },
	{ "G7", { { BETWEEN_RAISES, .01, 1, 0, 1, false }, { 4, .05, 1, 1, 0, true } } },
	{ "G9", { { 1, .5, 1, 10000, 0, false } } },
};

static void the_two_sample_e_process_matches_the_golden_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors_cases) / sizeof(errors_cases[0]); i++) {
		const struct errors_case *c = &errors_cases[i];
		struct row row = row_of(c->id);
		struct eprocess process;
		size_t checked = 0;
		unsigned tick = 0;

		eprocess_init(&process, ERROR_BETS);
		for (const struct run *run = c->runs; run < c->runs + MAX_RUNS; run++) {
			if (run->raise)
				eprocess_raise(&process);
			for (unsigned k = 0; k < run->ticks; k++) {
				eprocess_errors(&process, run->dt_s, run->w, run->canary_bad,
				    run->legacy_bad);
				check_tick(c->id, &row, "lnM", ++tick, eprocess_ln(&process),
				    &checked);
			}
		}
		assert_int_equal(checked, row.n);
	}
}

static void the_one_sample_e_process_matches_the_golden_row(void **state)
{
	struct row row = row_of("G13");
	struct eprocess process;
	size_t checked = 0;

	(void)state;
	eprocess_init(&process, ONE_SAMPLE_BETS);
	for (unsigned tick = 1; tick <= 3; tick++) {
		eprocess_one_sample(&process, 1, .0144, 100, 8);
		check_tick("G13", &row, "lnM", tick, eprocess_ln(&process), &checked);
	}
	assert_int_equal(checked, row.n);
}

static void promotion_matches_the_golden_rows(void **state)
{
	static const struct {
		const char *id;
		unsigned ticks;
		double p_max, canary_bad, legacy_bad;
	} cases[] = { { "G14", 4, .01, 0, 0 }, { "G15", 30, .005, 1, 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct row row = row_of(cases[i].id);
		struct promotion promotion;
		size_t checked = 0;

		promotion_init(&promotion);
		for (unsigned tick = 1; tick <= cases[i].ticks; tick++) {
			promotion_observe(&promotion, .25, cases[i].p_max, 100,
			    cases[i].canary_bad, cases[i].legacy_bad);
			check_tick(
			    cases[i].id, &row, "lnE", tick, promotion_ln(&promotion), &checked);
		}
		assert_int_equal(checked, row.n);
	}
}

/* At one threshold, with D = 1. */
static const struct latency_case {
	const char *id;
	enum latency_threshold threshold;
	unsigned ticks;
	uint32_t slow[ARMS], good[ARMS];
} latency_cases[] = {
	{ "G11", THRESHOLD_Q99, 5, { 9, 3 }, { 891, 97 } },
	{ "G12", THRESHOLD_Q50, 3, { 450, 65 }, { 450, 35 } },
};

static void latency_bets_match_the_golden_rows(void **state)
{
	static const double least_d[LATENCY_THRESHOLDS] = { 1, 1, 1, 1 };
	const double w = .1;
	struct latency_bets bets;
	struct eprocess_bets errors;

	(void)state;
	latency_bets_init(&bets, w);
	eprocess_error_bets(&errors, w);
	for (size_t i = 0; i < sizeof(latency_cases) / sizeof(latency_cases[0]); i++) {
		const struct latency_case *c = &latency_cases[i];
		struct row row = row_of(c->id);
		struct evidence_counts arms[ARMS] = { { .n = 0 } };
		double left_out[LATENCY_QUANTILES];
		struct latency latency;
		size_t checked = 0;

		for (enum arm arm = 0; arm < ARMS; arm++) {
			arms[arm].slow[c->threshold] = c->slow[arm];
			arms[arm].good[c->threshold] = c->good[arm];
		}
		latency_init(&latency);
		for (unsigned tick = 1; tick <= c->ticks; tick++) {
			latency_pass(&latency, 1, 1);
			latency_observe(
			    &latency, &bets, &errors, arms, least_d, NULL, left_out);
			check_tick(c->id, &row, "lnM", tick,
			    eprocess_ln(&latency.thresholds[c->threshold]), &checked);
		}
		assert_int_equal(checked, row.n);
	}
}

static void the_sample_ratio_matches_the_golden_row(void **state)
{
	struct row row = row_of("G16");
	struct sample_ratio ratio;
	size_t checked = 0;

	(void)state;
	sample_ratio_init(&ratio);
	for (unsigned tick = 1; tick <= 2; tick++) {
		sample_ratio_observe(&ratio, .1, 1200, 8800);
		check_tick("G16", &row, "lnE", tick, sample_ratio_ln(&ratio), &checked);
	}
	assert_int_equal(checked, row.n);
}

/* The counters of one tick of a whole decision. */
struct decision_run {
	unsigned ticks;
	struct evidence_counts legacy;
	struct evidence_counts canary;
};

/* Requests and failures, each of a unit of its own. */
#define COUNTS(requests, failures)                                                             \
	{                                                                                      \
		.n = (requests), .bad = (failures), .failed = (failures)                       \
	}

static const struct decision_case {
	const char *id;
	double w;
	double p_max;
	struct decision_run runs[MAX_RUNS];
} decision_cases[] = {
	{ "R1", .01, .05, { { 3, COUNTS(1980, 0), COUNTS(20, 1) } } },
	{ "R2", .1, .05,
	    { { 60, COUNTS(90, 0), COUNTS(10, 0) }, { 20, COUNTS(90, 27), COUNTS(10, 3) } } },
	{ "R3", .25, .01, { { 60, COUNTS(30, 0), COUNTS(10, 0) } } },
	{ "R4", .5, .05, { { 3, COUNTS(1000000, 2), COUNTS(1000000, 30) } } },
};

/* The file writes ROLLBACK where weir says ROLL_BACK. */
static const char *as_in_the_file(enum verdict_action action)
{
	return action == VERDICT_ROLL_BACK ? "ROLLBACK" : verdict_name(action);
}

static void check_verdict(const char *id, const struct row *row, unsigned tick,
    const struct verdict *verdict, size_t *checked)
{
	check_tick(id, row, "lnE", tick, verdict->ln_e, checked);
	for (size_t i = 0; i < row->n; i++) {
		const struct expected *item = &row->items[i];

		if (item->tick != tick || strcmp(item->name, "verdict") != 0)
			continue;
		if (strcmp(as_in_the_file(verdict->action), item->value) != 0)
			fail_msg("%s: verdict@%u is %s, not %s", id, tick,
			    as_in_the_file(verdict->action), item->value);
		(*checked)++;
	}
}

static void whole_decisions_match_the_golden_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decision_cases) / sizeof(decision_cases[0]); i++) {
		const struct decision_case *c = &decision_cases[i];
		struct row row = row_of(c->id);
		struct guard guard;
		size_t checked = 0;
		unsigned tick = 0;

		guard_init(&guard, &(struct guard_params) { .alpha = .01, .budget = .001 },
		    &(struct guard_stage) {
			.hold_s = 60, .min_requests = 50, .p_max = c->p_max });
		for (const struct decision_run *run = c->runs; run < c->runs + MAX_RUNS;
		     run++) {
			struct guard_tick in = { .dt_s = 1, .n_entries = 1 };

			in.entries[0] = (struct guard_entry) { .weight = c->w,
				.arms = {
				    [ARM_LEGACY] = run->legacy, [ARM_CANARY] = run->canary } };
			for (unsigned k = 0; k < run->ticks; k++) {
				struct verdict verdict = guard_tick(&guard, &in);

				check_verdict(c->id, &row, ++tick, &verdict, &checked);
			}
		}
		assert_int_equal(checked, row.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_sample_e_process_matches_the_golden_rows),
		cmocka_unit_test(the_one_sample_e_process_matches_the_golden_row),
		cmocka_unit_test(promotion_matches_the_golden_rows),
		cmocka_unit_test(latency_bets_match_the_golden_rows),
		cmocka_unit_test(the_sample_ratio_matches_the_golden_row),
		cmocka_unit_test(whole_decisions_match_the_golden_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
