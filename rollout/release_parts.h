/*
 * What the parts of a release share: how it speaks to its guard, and its generations.
 * Not for others.
 */
#ifndef ROLLOUT_RELEASE_PARTS_H
#define ROLLOUT_RELEASE_PARTS_H

#include "rollout/release.h"

struct guard_params release_guard_params(const struct route_conf *route);
/* The canary's, once its caches are warm. */
struct handicap release_warm_handicap(const struct route_conf *route);

/* The present stage or bake, as the guard is to judge it. */
struct guard_stage release_guard_stage(const struct release *release);

/* A verdict from before anything was judged. */
struct verdict release_first_verdict(const struct guard_params *params);

/* The exposure that the plan asks for, as of the present generation. */
struct exposure_setting release_exposure(const struct release *release);

/* The next generation, of the plan's weight; thresholds hold on. */
void release_new_generation(struct release *release, struct release_step *step);

/* An empty step. */
void release_begin_step(const struct release *release, struct release_step *step);

/* What was decided is the latest decision. */
void release_remember(
    struct release *release, const struct release_clock *clock, struct release_step *step);

/* What changed in the plan, to the guard, the exposure and the thresholds. */
void release_follow_plan(struct release *release, const struct plan *before,
    const struct release_clock *clock, struct release_step *step);

/* What was newly counted, by the weight it was assigned under; adds up the cost too. */
void release_gather(struct release *release, const struct release_evidence *evidence,
    struct guard_tick *tick, struct guard_path paths[PATH_CLASSES]);

/*
 * Freezes the latency thresholds at the begin of a stage, and settles the canary's
 * handicap after its first minute (docs/policy.md, 5).
 */
void release_tend_thresholds(
    struct release *release, const struct release_clock *clock, struct release_step *step);

/* When that minute ends; UINT64_MAX: it has, or nothing is frozen. */
uint64_t release_warm_us(const struct release *release);

#endif
