/*
 * What was counted of a path class and is not staked yet. The log likelihood of many
 * requests is the sum of theirs, so a batch is worth what they are one by one, and is
 * settled when it matters: most ticks only add to a few numbers that lie together.
 *
 * A batch holds nothing that speaks of harm by itself: no failure, and nothing past `far`.
 * It bets with what was at stake when it began, and with the design effect of then.
 *
 * Thread  none of its own. A plain struct: zeroed, it is empty.
 */
#ifndef ROLLOUT_GUARD_BATCH_H
#define ROLLOUT_GUARD_BATCH_H

#include "rollout/comparison.h"

#include <stdbool.h>
#include <stdint.h>

/* Two cache lines. All of it is of the weight in force. */
struct guard_batch {
	_Alignas(64) double evidence_s;   /* the time of the evidence when it began */
	float squared[LATENCY_QUANTILES]; /* design_effect_square() of its reads */
	uint32_t n[ARMS];                 /* of a second: 32 bits hold that */
	uint32_t slow[ARMS][LATENCY_QUANTILES];
	uint32_t good[ARMS][LATENCY_QUANTILES];
	uint32_t half_slow[2][LATENCY_QUANTILES]; /* legacy's */
	uint32_t half_n[2];                       /* so too */
	float least_d[LATENCY_QUANTILES];         /* the route's, when it began */
	bool has_latency;
};

/* Whether this can wait for its batch. */
bool guard_batch_takes(const struct guard_entry *entry);

/* It begins, empty: with latency or without. */
void guard_batch_begin(
    struct guard_batch *batch, const struct comparison_tick *now, bool has_latency);

void guard_batch_add(struct guard_batch *batch, const struct guard_entry *entry);

/*
 * All of it, staked: `now` but for when the batch began. `bets` are those of now->weight.
 * `harm` was added to the batch, but for what no batch holds: that is staked here. NULL: none.
 * Returns what comparison_observe() does.
 */
bool guard_batch_settle(const struct guard_batch *batch, const struct guard_entry *harm,
    struct comparison *path, const struct comparison_tick *now, const struct weight_bets *bets);

#endif
