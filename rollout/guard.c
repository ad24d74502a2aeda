#include "rollout/guard.h"

#include "rollout/guard_case.h"
#include "rollout/guard_judge.h"
#include "rollout/guard_paths.h"

#include <math.h>
#include <stdlib.h>

static const double evidence_life_s = 86400;
static const double idle_limit_s = 60; /* without canary traffic a stage stands still */
enum {
	TURNS = 10 /* a second */
};

static const double independent[LATENCY_THRESHOLDS] = { 1, 1, 1, 1 };

/* Bets of the weights in one tick: the guard's own, and those of late outcomes. */
struct tick_bets {
	struct weight_bets late[EVIDENCE_GENERATIONS];
	size_t n_late;
};

static void refresh(struct guard *guard, size_t item, bool harm)
{
	guard_paths_refresh(guard->paths, item,
	    guard_path_is_withdrawn(guard, guard->paths->path_class[item]), harm);
}

static void begin_evidence(struct guard *guard)
{
	guard_settle(guard);
	guard->evidence_age_s = 0;
	guard->raises = 0;
	comparison_begin_evidence(&guard->route, 0);
	failure_bets_init(&guard->over);
	sample_ratio_init(&guard->sample_ratio);
	guard->latency_stake = LATENCY_STAKE;
	guard->over_stake = 0;
	for (size_t i = 0; guard->paths != NULL && i < guard->paths->n; i++) {
		comparison_begin_evidence(&guard->paths->items[i], 0);
		refresh(guard, i, true);
	}
}

/*
 * A latency budget takes over half of the capital that the thresholds have by then, so
 * that E is the same before and after. It keeps that, should the budget be unset.
 */
static void stake_latency_budget(struct guard *guard)
{
	if (guard->params.latency_budget_share <= 0 || guard->over_stake > 0)
		return;
	guard->latency_stake /= 2;
	guard->over_stake = guard->latency_stake * latency_m(&guard->route.latency) /
			    failure_bets_m(&guard->over);
}

void guard_init(
    struct guard *guard, const struct guard_params *params, const struct guard_stage *stage)
{
	*guard = (struct guard) { .params = *params };
	comparison_init(&guard->route, 0);
	begin_evidence(guard);
	stake_latency_budget(guard);
	guard_begin_stage(guard, stage, false);
}

void guard_done(struct guard *guard)
{
	guard_paths_free(guard->paths);
	guard->paths = NULL;
}

bool guard_copy(struct guard *copy, const struct guard *guard, struct error *err)
{
	struct guard_paths *paths = guard_paths_copy(guard->paths);

	if (paths == NULL && guard->paths != NULL) {
		error_set(err, "out of memory: the guard's evidence could not be copied");
		return false;
	}
	*copy = *guard;
	copy->paths = paths;
	return true;
}

void guard_begin_stage(struct guard *guard, const struct guard_stage *stage, bool raised)
{
	size_t n_paths = guard->paths != NULL ? guard->paths->n : 0;

	/* It is the stage's before, and no bet on it may be raised. */
	guard_settle(guard);
	guard->stage = *stage;
	guard->stage_age_s = 0;
	guard->idle_s = 0;
	guard->distinct_failures = 0;
	for (enum arm arm = 0; arm < ARMS; arm++)
		guard->over_totals[arm] = (struct arm_counts) { 0 };
	promotion_init(&guard->promotion);
	comparison_begin_stage(&guard->route);
	for (size_t i = 0; i < n_paths; i++)
		comparison_begin_stage(&guard->paths->items[i]);
	if (!raised)
		return;
	guard->raises += guard->raises < GUARD_RAISES_MAX;
	comparison_raise(&guard->route);
	failure_bets_raise(&guard->over);
	for (size_t i = 0; i < n_paths; i++)
		comparison_raise(&guard->paths->items[i]);
}

void guard_set_params(struct guard *guard, const struct guard_params *params)
{
	guard_settle(guard);
	guard->params = *params;
	stake_latency_budget(guard);
}

void guard_set_stage(struct guard *guard, const struct guard_stage *stage)
{
	/* What was bet against another p_max says nothing about this one. */
	if (stage->p_max != guard->stage.p_max)
		promotion_init(&guard->promotion);
	guard->stage = *stage;
}

static const struct weight_bets *bets_in_force(struct guard *guard)
{
	if (guard->bets.weight != guard->weight)
		weight_bets_init(&guard->bets, guard->weight);
	return &guard->bets;
}

static const struct weight_bets *bets_of(
    struct guard *guard, struct tick_bets *bets, double weight)
{
	if (weight == guard->weight)
		return bets_in_force(guard);
	for (size_t i = 0; i < bets->n_late; i++)
		if (bets->late[i].weight == weight)
			return &bets->late[i];
	/* A path's weights are the route's; one more than fits takes the last place. */
	if (bets->n_late < EVIDENCE_GENERATIONS)
		bets->n_late++;
	weight_bets_init(&bets->late[bets->n_late - 1], weight);
	return &bets->late[bets->n_late - 1];
}

static void arm_counts_of(const struct guard_entry *entry, struct arm_counts arms[ARMS])
{
	for (enum arm arm = 0; arm < ARMS; arm++)
		arms[arm] = (struct arm_counts) {
			.n = entry->arms[arm].n,
			.bad = entry->arms[arm].bad,
			.failed = entry->arms[arm].failed,
		};
}

static void observe_latency_budget(
    struct guard *guard, const struct guard_entry *entry, const struct weight_bets *bets)
{
	const struct evidence_counts *canary = &entry->arms[ARM_CANARY];
	struct failure_counts counts = {
		.canary_n = canary->n,
		.canary_bad = canary->over,
		.legacy_bad = entry->arms[ARM_LEGACY].over,
	};
	struct arm_counts arms[ARMS];

	if (guard->params.latency_budget_share <= 0)
		return;
	for (enum arm arm = 0; arm < ARMS; arm++) {
		arms[arm] = (struct arm_counts) {
			.n = entry->arms[arm].n,
			.bad = entry->arms[arm].over,
			.failed = entry->arms[arm].over_all,
		};
		if (entry->weight != guard->weight)
			continue;
		guard->over_totals[arm].n += arms[arm].n;
		guard->over_totals[arm].bad += arms[arm].bad;
		guard->over_totals[arm].failed += arms[arm].failed;
	}
	failure_bets_observe(&guard->over, entry->weight, &bets->errors,
	    guard_ruled_out(guard->params.latency_budget_share), &counts);
	burn_watch_observe(&guard->over_burn, entry->weight, arms);
}

/* What was counted of the whole route under one weight, whenever. */
static void observe(struct guard *guard, const struct comparison_tick *now,
    const struct guard_entry *entry, const struct weight_bets *bets)
{
	const struct evidence_counts *canary = &entry->arms[ARM_CANARY];
	const struct evidence_counts *legacy = &entry->arms[ARM_LEGACY];
	struct arm_counts arms[ARMS];

	arm_counts_of(entry, arms);
	comparison_observe(&guard->route, now, entry, bets);
	burn_watch_observe(&guard->burn, entry->weight, arms);
	observe_latency_budget(guard, entry, bets);
	sample_ratio_observe(&guard->sample_ratio, entry->weight, canary->units, legacy->units);
	guard->distinct_failures += canary->bad;
	if (guard->stage.p_max > 0 && entry->weight == guard->weight)
		promotion_observe(&guard->promotion, entry->weight, guard->stage.p_max,
		    canary->n, canary->bad, legacy->bad);
}

bool guard_path_is_withdrawn(const struct guard *guard, unsigned path_class)
{
	return path_class < PATH_CLASS_SLOTS && (guard->withdrawn >> path_class & 1) != 0;
}

static struct comparison_tick now_of(const struct guard *guard, const double *least_d)
{
	return (struct comparison_tick) {
		.evidence_s = guard->evidence_age_s,
		.now_s = guard->now_s,
		.weight = guard->weight,
		.p0 = guard_ruled_out(guard_budget(guard)),
		.least_d = least_d,
	};
}

/* `harm` as for guard_batch_settle(). */
static void settle(struct guard *guard, size_t item, const struct guard_entry *harm,
    const struct comparison_tick *now)
{
	bool harmed = guard_batch_settle(&guard->paths->batches[item], harm,
	    &guard->paths->items[item], now, bets_in_force(guard));

	guard_unmark(&guard->paths->waiting, item);
	refresh(guard, item, harmed);
}

/* Those whose turn comes in the time that passes: each item's does once in a second. */
static struct guard_marks in_turn(const struct guard *guard, double dt_s)
{
	double turn = floor(guard->now_s * TURNS);
	double turns = floor((guard->now_s + dt_s) * TURNS) - turn;
	struct guard_marks marks = { { 0 } };

	if (guard->paths == NULL)
		return marks;
	for (unsigned i = 0; i < TURNS && i < turns; i++)
		for (size_t item = (size_t)fmod(turn + 1 + i, TURNS); item < guard->paths->n;
		     item += TURNS)
			guard_mark(&marks, item);
	return marks;
}

/* They are far away in memory: while the route is judged they come closer. */
static void fetch(const struct guard *guard, const struct guard_marks *turn)
{
	const struct guard_paths *paths = guard->paths;

	for (size_t i = 0; paths != NULL && i < GUARD_MARK_WORDS; i++)
		for (uint64_t left = turn->words[i] & paths->waiting.words[i]; left != 0;
		     left &= left - 1) {
			size_t item = 64 * i + (size_t)__builtin_ctzll(left);
			const char *path = (const char *)&paths->items[item];

			for (size_t at = 0; at < offsetof(struct comparison, errors); at += 64)
				__builtin_prefetch(path + at, 1);
		}
}

static void settle_in_turn(struct guard *guard, const struct guard_marks *turn)
{
	struct comparison_tick now = now_of(guard, independent);

	for (size_t i = 0; guard->paths != NULL && i < GUARD_MARK_WORDS; i++)
		for (uint64_t left = turn->words[i] & guard->paths->waiting.words[i]; left != 0;
		     left &= left - 1)
			settle(guard, 64 * i + (size_t)__builtin_ctzll(left), NULL, &now);
}

void guard_settle(struct guard *guard)
{
	if (guard->paths != NULL)
		settle_in_turn(guard, &guard->paths->waiting);
}

/* A class that appears late has lived through the same time and raises without news. */
static bool take_path(
    struct guard *guard, unsigned path_class, const struct comparison_tick *now, size_t *item)
{
	struct comparison *path;
	bool is_new;

	if (!guard_paths_take(&guard->paths, path_class, item, &is_new))
		return false;
	if (!is_new)
		return true;
	path = &guard->paths->items[*item];
	comparison_init(path, now->now_s);
	for (unsigned i = 0; i < guard->raises; i++)
		comparison_raise(path);
	return true;
}

/* Of the weight in force: it waits, or it is staked with all that did. */
static void add_to_batch(struct guard *guard, size_t item, const struct comparison_tick *now,
    const struct guard_entry *entry)
{
	struct guard_batch *batch = &guard->paths->batches[item];
	struct guard_marks *waiting = &guard->paths->waiting;

	if (guard_is_marked(waiting, item) && batch->has_latency != entry->has_latency)
		settle(guard, item, NULL, now);
	if (!guard_is_marked(waiting, item)) {
		guard_batch_begin(batch, now, entry->has_latency);
		guard_mark(waiting, item);
	}
	guard_batch_add(batch, entry);
	if (!guard_batch_takes(entry))
		settle(guard, item, entry, now);
}

/* Of an older weight, or where nothing may wait. */
static void stake(struct guard *guard, size_t item, const struct comparison_tick *now,
    const struct guard_entry *entry, const struct weight_bets *bets)
{
	struct comparison *path = &guard->paths->items[item];

	if (guard_is_marked(&guard->paths->waiting, item))
		settle(guard, item, NULL, now);
	comparison_pass(path, now);
	refresh(guard, item, comparison_observe(path, now, entry, bets));
}

/* Where memory is short a class stays without evidence of its own, at M = 1. */
static void observe_path(struct guard *guard, const struct comparison_tick *now,
    const struct guard_path *news, bool by_turns, struct tick_bets *bets)
{
	size_t item;

	if (news->path_class >= PATH_CLASSES ||
	    guard_path_is_withdrawn(guard, news->path_class) ||
	    !take_path(guard, news->path_class, now, &item))
		return;
	for (size_t i = 0; i < news->n_entries && i < EVIDENCE_GENERATIONS; i++) {
		const struct guard_entry *entry = &news->entries[i];

		if (entry->weight <= 0)
			continue;
		if (by_turns && entry->weight == guard->weight)
			add_to_batch(guard, item, now, entry);
		else
			stake(guard, item, now, entry, bets_of(guard, bets, entry->weight));
	}
}

static void follow_handicap(struct guard *guard, const struct handicap *handicap)
{
	if (handicap_equal(handicap, &guard->handicap))
		return;
	guard->handicap = *handicap;
	comparison_begin_latency(&guard->route);
	for (size_t i = 0; guard->paths != NULL && i < guard->paths->n; i++)
		comparison_begin_latency(&guard->paths->items[i]);
}

static void age_windows(struct guard *guard, double dt_s)
{
	struct series_decay decay;

	guard->now_s += dt_s;
	if (dt_s <= 0)
		return;
	decay = series_decay_of(dt_s);
	burn_watch_age(&guard->burn, &decay);
	if (guard->params.latency_budget_share > 0)
		burn_watch_age(&guard->over_burn, &decay);
}

static void age_stage(struct guard *guard, const struct guard_tick *tick)
{
	double n = tick->entries[0].arms[ARM_CANARY].n;

	guard->idle_s = n > 0 ? 0 : guard->idle_s + tick->dt_s;
	if (!tick->hold_stopped && guard->idle_s < idle_limit_s)
		guard->stage_age_s += tick->dt_s;
}

static void take_in(struct guard *guard, const struct guard_tick *tick)
{
	struct tick_bets bets = { .n_late = 0 };
	size_t n = tick->n_entries < EVIDENCE_GENERATIONS ? tick->n_entries
							  : (size_t)EVIDENCE_GENERATIONS;
	double dt_s = fmax(0, tick->dt_s), weight = n > 0 ? tick->entries[0].weight : 0;
	struct guard_marks turn = in_turn(guard, dt_s);
	double least_d[LATENCY_THRESHOLDS];
	struct comparison_tick now;

	/* A batch is of one weight and under one handicap. */
	if (weight != guard->weight || !handicap_equal(&tick->handicap, &guard->handicap) ||
	    !tick->by_turns)
		guard_settle(guard);
	fetch(guard, &turn);
	guard->weight = weight;
	age_windows(guard, dt_s);
	follow_handicap(guard, &tick->handicap);
	if (guard->weight > 0) {
		guard->evidence_age_s += dt_s;
		failure_bets_pass(&guard->over, dt_s);
	}
	now = now_of(guard, independent);
	comparison_pass(&guard->route, &now);
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		least_d[i] = guard->route.latency.designs[i].d;
	for (size_t i = 0; i < n; i++)
		if (tick->entries[i].weight > 0)
			observe(guard, &now, &tick->entries[i],
			    bets_of(guard, &bets, tick->entries[i].weight));
	now.least_d = least_d;
	for (size_t i = 0; i < tick->n_paths; i++)
		observe_path(guard, &now, &tick->paths[i], tick->by_turns, &bets);
	settle_in_turn(guard, &turn);
	if (guard->weight > 0)
		age_stage(guard, tick);
}

/*
 * What is suspect rests on all that was counted. E is then a capital of this moment: a
 * sum of ones of different moments might pick the best of each.
 */
static void settle_what_matters(struct guard *guard)
{
	double m[EVIDENCE_KINDS];

	if (guard_case_e(guard, m) >= sqrt(1 / guard->params.alpha))
		guard_settle(guard);
	guard_paths_sum_up(guard->paths);
}

struct verdict guard_tick(struct guard *guard, const struct guard_tick *tick)
{
	struct verdict verdict;

	if (guard->evidence_age_s >= evidence_life_s) {
		begin_evidence(guard);
		stake_latency_budget(guard);
	}
	take_in(guard, tick);
	settle_what_matters(guard);
	verdict = guard_judge(guard);
	guard->offered = verdict.reason == REASON_SUSPECT_PATH &&
			 guard_path_to_withdraw(guard) != PATH_CLASSES;
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++)
		verdict.threshold_us[i] = tick->threshold_us[i];
	verdict.handicap = tick->handicap;
	return verdict;
}

void guard_withdraw_path(struct guard *guard, unsigned path_class)
{
	struct guard_stage stage = guard->stage;

	if (path_class >= PATH_CLASS_SLOTS)
		return;
	guard_settle(guard);
	guard->withdrawn |= UINT64_C(1) << path_class;
	guard->offered = false;
	if (guard->paths != NULL && guard->paths->index[path_class] != 0)
		refresh(guard, guard->paths->index[path_class] - 1U, true);
	comparison_begin_evidence(&guard->route, guard->evidence_age_s);
	failure_bets_init(&guard->over);
	for (enum arm arm = 0; arm < ARMS; arm++)
		guard->route.minute[arm] = (struct compared_arm) { .counts = { 0 } };
	guard->burn = guard->over_burn = (struct burn_watch) { .matched = { { 0 } } };
	guard_begin_stage(guard, &stage, false);
}
