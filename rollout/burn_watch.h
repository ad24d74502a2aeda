/*
 * How fast both arms burn a budget, over windows of a minute to six hours: the
 * absolute guard, and the outages that both arms share (docs/policy.md, 7).
 *
 * Thread  none of its own. A plain struct.
 */
#ifndef ROLLOUT_BURN_WATCH_H
#define ROLLOUT_BURN_WATCH_H

#include "metrics/series.h"
#include "rollout/verdict.h"

#include <stdbool.h>

#define FAST_BURN   14.4
#define STEADY_BURN 6.0

enum {
	BURN_FAILURES = 10 /* fewer burn nothing */
};

struct burn_watch {
	struct series units[ARMS]; /* requests, and failures once for each unit */
	struct series raw[ARMS];   /* requests, and all failures */
	struct series matched;     /* legacy, weighted as if it had had the canary's traffic */
};

void burn_watch_age(struct burn_watch *watch, const struct series_decay *decay);

/* Newly counted under weight w in (0, 1]. */
void burn_watch_observe(struct burn_watch *watch, double w, const struct arm_counts arms[ARMS]);

/* How many times faster than is sustainable; by units, and pooled by requests. */
double burn_watch_rate(
    const struct burn_watch *watch, enum arm arm, double budget, enum series_window window);
double burn_watch_pooled(
    const struct burn_watch *watch, double budget, enum series_window window);

/* The canary burns its budget `factor` times too fast in both windows, legacy does not. */
bool burns_alone(const struct burn_watch *watch, double budget, enum series_window narrow,
    enum series_window wide, double factor);

/* Legacy burns it too: at a third of `factor` it excuses the canary. */
bool burn_is_excused(
    const struct burn_watch *watch, double budget, enum series_window window, double factor);

/* Both arms pooled burn it fast; `failures` are those of distinct units in the stage. */
bool burn_is_shared(const struct burn_watch *watch, double budget, double failures);

#endif
