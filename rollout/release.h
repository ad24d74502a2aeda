/*
 * A release on a route: its guard, its plan, and which weight each generation
 * stands for. The one thing the control thread talks to:
 *
 *   route_stats_evidence(stats, PATH_CLASS_ALL, &evidence);
 *   release_tick(&release, now_us, &evidence, &step);
 *   if (step.new_epoch)    route_stats_begin_epoch(stats);
 *   if (step.new_weight)   publish release_weight_ppm() with release_generation();
 *   if (step.changed)      journal step.transition;
 *
 * A generation is one setting of the weight; each new one is one higher, for the life
 * of the route, across releases too. A request carries the generation under which it was
 * assigned, so that its outcome, however late, is judged under the weight that held
 * then. The weights of the last eight generations are kept here; outcomes assigned before
 * this release began, or before it was resumed, are nobody's evidence.
 *
 * Thread     the control thread's.
 * Time       monotonic microseconds, given as now_us.
 * Ownership  a plain struct without pointers: it can be copied and stored.
 */
#ifndef ROLLOUT_RELEASE_H
#define ROLLOUT_RELEASE_H

#include "base/error.h"
#include "conf/config.h"
#include "metrics/route_stats.h"
#include "rollout/guard.h"
#include "rollout/plan.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RELEASE_ID_SIZE = 256
};

/* Where a route sets no plan of its own. */
#define RELEASE_DEFAULT_ALPHA 0.01

struct release {
	char id[RELEASE_ID_SIZE];
	struct plan plan;
	struct guard guard;
	struct verdict verdict; /* the latest */
	double min_requests;
	uint64_t last_tick_us;
	uint64_t began_us;       /* this release */
	uint64_t stage_began_us; /* its present stage, or its latch */
	struct transition last;  /* the latest decision, and when */
	uint64_t last_us;
	uint32_t generation;       /* of the weight now in force; the first is 1 */
	uint32_t first_generation; /* the oldest whose outcomes are evidence */
	uint32_t weights_ppm[EVIDENCE_GENERATIONS]; /* by generation % 8 */
	struct evidence seen;                       /* the counters as last read */
};

/* What the control thread must do after a call. */
struct release_step {
	bool changed; /* transition is to be journalled */
	struct transition transition;
	bool new_weight; /* weight and generation are to be published */
	bool new_epoch;  /* route_stats_begin_epoch() */
};

/*
 * A route's first release, with counters and exposure as new as itself. The step is
 * a change, to generation 1.
 */
void release_begin(struct release *release, const struct route_conf *route, uint64_t now_us,
    const char *who, struct release_step *step);

/* Every 100 ms, and at once when route_stats_record() asked for it. */
void release_tick(struct release *release, const struct evidence *evidence, uint64_t now_us,
    struct release_step *step);

/*
 * The route's settings after a reload. Another release id begins afresh (and
 * clears a latch); the same one keeps its stage, its latch and its evidence.
 */
void release_reload(struct release *release, const struct route_conf *route, uint64_t now_us,
    const char *who, struct release_step *step);

enum release_command {
	RELEASE_PROMOTE,
	RELEASE_ROLL_BACK,
	RELEASE_PAUSE,
	RELEASE_RESUME,
};

/*
 * A person's order. False where it cannot be done, with a reason for the person.
 * `why` may be NULL.
 */
__attribute__((warn_unused_result)) bool release_command(struct release *release,
    enum release_command command, uint64_t now_us, const char *who, const char *why,
    struct release_step *step, struct error *err);

uint32_t release_weight_ppm(const struct release *release);
uint32_t release_generation(const struct release *release);
bool release_is_latched(const struct release *release);

#endif
