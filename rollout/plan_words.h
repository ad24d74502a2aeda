/*
 * Why a plan changed, in words for the journal.
 */
#ifndef ROLLOUT_PLAN_WORDS_H
#define ROLLOUT_PLAN_WORDS_H

#include "rollout/plan.h"

/* Cut at `size`; TRANSITION_WHY_SIZE is meant. `before` became `next` by the event. */
void plan_explain(const struct plan *before, const struct plan *next,
    const struct plan_event *event, char *why, size_t size);

#endif
