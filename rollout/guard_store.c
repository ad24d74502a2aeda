/*
 * The guard as bytes: one walk over its numbers serves both directions, so that what is
 * written is what is read.
 */
#include "rollout/guard.h"

#include "rollout/guard_case.h"
#include "rollout/guard_paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	NUMBER_BYTES = 8
};

static const double magic = 0x77656972; /* "weir" */
static const double version = 1;

/* Writes where `out` is set, else reads; only counts where neither is. */
struct walk {
	unsigned char *out;
	const unsigned char *in;
	size_t len; /* of in */
	size_t at;
	bool cut;
	const char *refused; /* what held a number that it cannot hold */
};

static uint64_t bits_of(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

static double number_of(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static void walk_number(struct walk *walk, double *number)
{
	uint64_t bits = bits_of(*number);

	if (walk->in != NULL && walk->len - walk->at < NUMBER_BYTES) {
		walk->cut = true;
		return;
	}
	if (walk->in != NULL)
		bits = 0;
	for (size_t i = 0; i < NUMBER_BYTES; i++) {
		if (walk->out != NULL)
			walk->out[walk->at + i] = (unsigned char)(bits >> (8 * i));
		if (walk->in != NULL)
			bits |= (uint64_t)walk->in[walk->at + i] << (8 * i);
	}
	walk->at += NUMBER_BYTES;
	*number = number_of(bits);
}

static void refuse(struct walk *walk, const char *what)
{
	if (walk->in != NULL && walk->refused == NULL)
		walk->refused = what;
}

/* A count, a capital, a time: from 0 to most. */
static void walk_within(struct walk *walk, double *number, double most, const char *what)
{
	walk_number(walk, number);
	if (!(*number >= 0 && *number <= most))
		refuse(walk, what);
}

static void walk_amounts(struct walk *walk, double *numbers, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		walk_within(walk, &numbers[i], EPROCESS_MAX, what);
}

/* Logarithms may be negative. */
static void walk_logs(struct walk *walk, double *numbers, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		walk_number(walk, &numbers[i]);
		if (!isfinite(numbers[i]))
			refuse(walk, what);
	}
}

static void walk_whole(struct walk *walk, unsigned *number, unsigned most, const char *what)
{
	double value = *number;

	walk_within(walk, &value, most, what);
	if (walk->refused == NULL && value != floor(value))
		refuse(walk, what);
	if (walk->in != NULL && walk->refused == NULL && !walk->cut)
		*number = (unsigned)value;
}

static void walk_eprocess(struct walk *walk, struct eprocess *process)
{
	/* How many bets there are is not stored: it is the code's. */
	walk_amounts(walk, process->capital, process->n_bets, "an e-process");
	walk_within(walk, &process->left_time, 1, "an e-process");
	walk_within(walk, &process->left_stage, 1, "an e-process");
}

static void walk_failure_bets(struct walk *walk, struct failure_bets *bets)
{
	walk_eprocess(walk, &bets->two_sample);
	walk_eprocess(walk, &bets->one_sample);
}

static void walk_counts(struct walk *walk, struct arm_counts arms[ARMS])
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		walk_amounts(walk, &arms[arm].n, 1, "a count");
		walk_amounts(walk, &arms[arm].bad, 1, "a count");
		walk_amounts(walk, &arms[arm].failed, 1, "a count");
	}
}

static void walk_design(struct walk *walk, struct design_effect *design)
{
	walk_amounts(walk, &design->reads_squared, 1, "a design effect");
	walk_amounts(walk, &design->reads_sum, 1, "a design effect");
	for (size_t i = 0; i < DESIGN_BLOCKS; i++)
		walk_amounts(walk, design->blocks[i], 2, "a design effect");
	walk_whole(walk, &design->n_blocks, DESIGN_BLOCKS - 1, "a design effect");
	walk_amounts(walk, &design->block_s, 1, "a design effect");
	walk_amounts(walk, &design->open_s, 1, "a design effect");
	walk_within(walk, &design->d, DESIGN_MAX, "a design effect");
	if (design->d < 1)
		refuse(walk, "a design effect");
	if (walk->in != NULL && walk->refused == NULL && !walk->cut)
		design_effect_derive(design);
}

/* There is one time in what is stored: written, all of it has passed. */
static void walk_comparison(struct walk *walk, struct comparison *comparison)
{
	if (walk->in == NULL)
		comparison_pass_harm(comparison);
	walk_failure_bets(walk, &comparison->errors);
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		walk_eprocess(walk, &comparison->latency.thresholds[i]);
		walk_design(walk, &comparison->latency.designs[i]);
	}
	walk_amounts(walk, &comparison->evidence_s, 1, "a time");
	walk_amounts(walk, &comparison->now_s, 1, "a time");
	comparison->harm_evidence_s = comparison->evidence_s;
	comparison->harm_now_s = comparison->now_s;
	for (enum arm arm = 0; arm < ARMS; arm++) {
		struct compared_arm *both[] = { &comparison->stage[arm],
			&comparison->minute[arm] };

		for (size_t i = 0; i < 2; i++) {
			walk_amounts(walk, &both[i]->counts.n, 1, "a count");
			walk_amounts(walk, &both[i]->counts.bad, 1, "a count");
			walk_amounts(walk, &both[i]->counts.failed, 1, "a count");
			walk_amounts(walk, both[i]->slow, LATENCY_THRESHOLDS, "a count");
			walk_amounts(walk, both[i]->good, LATENCY_THRESHOLDS, "a count");
		}
	}
}

static void walk_series(struct walk *walk, struct series *series)
{
	walk_amounts(walk, series->n, WINDOWS, "a window");
	walk_amounts(walk, series->bad, WINDOWS, "a window");
}

static void walk_burn(struct walk *walk, struct burn_watch *watch)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		walk_series(walk, &watch->units[arm]);
		walk_series(walk, &watch->raw[arm]);
	}
	walk_series(walk, &watch->matched);
}

static void walk_settings(struct walk *walk, struct guard *guard)
{
	double by_path = guard->params.by_path;

	walk_within(walk, &guard->params.alpha, 1, "alpha");
	if (guard->params.alpha <= 0)
		refuse(walk, "alpha");
	walk_within(walk, &guard->params.budget, 1, "a budget");
	walk_within(walk, &guard->params.latency_budget_share, 1, "a budget");
	walk_within(walk, &by_path, 1, "a setting");
	guard->params.by_path = by_path > 0;
	walk_within(walk, &guard->stage.hold_s, INFINITY, "a time");
	walk_amounts(walk, &guard->stage.min_requests, 1, "a count");
	walk_within(walk, &guard->stage.p_max, 1, "p_max");
}

/* Two halves, so that each is a whole number of a double. */
static void walk_withdrawn(struct walk *walk, struct guard *guard)
{
	unsigned low = (unsigned)(guard->withdrawn & UINT32_MAX);
	unsigned high = (unsigned)(guard->withdrawn >> 32);

	walk_whole(walk, &low, UINT32_MAX, "a path class");
	walk_whole(walk, &high, UINT32_MAX, "a path class");
	guard->withdrawn = (uint64_t)high << 32 | low;
}

static void walk_route(struct walk *walk, struct guard *guard)
{
	walk_settings(walk, guard);
	walk_comparison(walk, &guard->route);
	walk_failure_bets(walk, &guard->over);
	walk_counts(walk, guard->over_totals);
	walk_burn(walk, &guard->burn);
	walk_burn(walk, &guard->over_burn);
	walk_logs(walk, guard->sample_ratio.ll, SAMPLE_RATIO_BETS, "the sample ratio");
	walk_amounts(walk, guard->sample_ratio.units, ARMS, "a count");
	walk_amounts(walk, &guard->sample_ratio.expected, 1, "a count");
	walk_logs(walk, guard->promotion.absolute, PROMOTION_BETS, "the promotion");
	walk_logs(walk, &guard->promotion.relative, 1, "the promotion");
	walk_within(walk, &guard->latency_stake, LATENCY_STAKE, "a stake");
	walk_amounts(walk, &guard->over_stake, 1, "a stake");
	walk_amounts(walk, &guard->evidence_age_s, 1, "a time");
	walk_whole(walk, &guard->raises, GUARD_RAISES_MAX, "a count");
	walk_amounts(walk, &guard->now_s, 1, "a time");
	walk_amounts(walk, &guard->stage_age_s, 1, "a time");
	walk_amounts(walk, &guard->idle_s, 1, "a time");
	walk_amounts(walk, &guard->distinct_failures, 1, "a count");
	walk_within(walk, &guard->weight, 1, "a weight");
	/* Without its slack: the next process freezes its thresholds and counts anew anyway. */
	walk_amounts(walk, &guard->handicap.factor, 1, "a handicap");
	walk_withdrawn(walk, guard);
}

static void walk_head(struct walk *walk)
{
	double mark = magic, form = version, len = (double)walk->len;

	walk_number(walk, &mark);
	walk_number(walk, &form);
	walk_number(walk, &len);
	if (mark != magic)
		refuse(walk, "its head");
	else if (form != version)
		refuse(walk, "its version, which this weir does not know");
	else if (len != (double)walk->len)
		refuse(walk, "its length");
}

/* Class by class; reading, each gets its place in *paths. */
static void walk_path(
    struct walk *walk, struct guard *guard, size_t item, struct guard_paths **paths)
{
	unsigned path_class = walk->in == NULL ? (*paths)->path_class[item] : 0;
	struct comparison *path;
	size_t place;
	bool is_new = true;

	walk_whole(walk, &path_class, PATH_CLASSES - 1, "a path class");
	if (walk->cut || walk->refused != NULL)
		return;
	if (!guard_paths_take(paths, path_class, &place, &is_new)) {
		refuse(walk, "more than fits into memory");
		return;
	}
	path = &(*paths)->items[place];
	if (walk->in != NULL) {
		if (!is_new)
			refuse(walk, "a path class twice");
		comparison_init(path, 0);
	}
	walk_comparison(walk, path);
	if (walk->in == NULL)
		return;
	guard_paths_refresh(*paths, place, guard_path_is_withdrawn(guard, path_class), true);
}

static void walk_guard(struct walk *walk, struct guard *guard)
{
	unsigned n = guard->paths != NULL ? (unsigned)guard->paths->n : 0;

	walk_head(walk);
	if (walk->cut || walk->refused != NULL)
		return;
	walk_route(walk, guard);
	walk_whole(walk, &n, PATH_CLASSES, "a count");
	for (size_t i = 0; i < n && !walk->cut && walk->refused == NULL; i++)
		walk_path(walk, guard, i, &guard->paths);
}

unsigned char *guard_save(const struct guard *guard, size_t *len)
{
	struct walk measured = { .len = 0 };
	struct walk walk = { .len = 0 };
	struct guard copy;

	if (!guard_copy(&copy, guard, NULL))
		return NULL;
	/* What waits is not stored: it is staked. */
	guard_settle(&copy);
	walk_guard(&measured, &copy);
	walk.len = measured.at;
	walk.out = malloc(walk.len);
	if (walk.out != NULL)
		walk_guard(&walk, &copy);
	*len = walk.len;
	guard_done(&copy);
	return walk.out;
}

bool guard_restore(
    struct guard *guard, const unsigned char *data, size_t len, struct error *err)
{
	struct walk walk = { .in = data, .len = len };
	struct guard_params params = { .alpha = 0.01 };
	struct guard_stage stage = { .hold_s = INFINITY };
	struct guard restored;

	guard_init(&restored, &params, &stage);
	walk_guard(&walk, &restored);
	if (!walk.cut && walk.refused == NULL && walk.at == len) {
		*guard = restored;
		return true;
	}
	if (walk.refused != NULL)
		error_set(err, "the saved evidence cannot be used: wrong is %s, at byte %zu",
		    walk.refused, walk.at);
	else
		error_set(err, "the saved evidence cannot be used: %s after %zu of %zu bytes",
		    walk.cut ? "it is cut" : "it should end", walk.at, len);
	guard_done(&restored);
	return false;
}
