/*
 * A drill: the rehearsal of a release's rollback, on a copy of its guard.
 *
 * The copy is shown what the guard is shown, changed as if the canary failed more
 * (rollout/drill_faults.h), until it says ROLL_BACK or time is up. The release itself
 * learns nothing of it: neither its weight nor its evidence changes.
 *
 *     simulated   live counters, with failures added to the canary's
 *     stand-in    so too, for a release that waits at weight 0 for its first stage: that
 *                 stage's share of legacy's requests stands in for the canary's
 *     live        live counters as they are, and those of synthetic requests, half of them
 *                 on each arm, of which the data plane fails the canary's
 *
 *     RUNNING --the copy says ROLL_BACK--> PASSED
 *        |----time is up-----------------> FAILED
 *        '----stopped, or the release is another one--> STOPPED
 *
 * Whatever follows a stage of the release (a raise, a withdrawn path class) follows in
 * the copy. The copy always rolls back the whole route (not rollback_scope = path):
 * every path fails alike.
 *
 * Thread     the control thread's.
 * Time       monotonic, as an argument.
 * Ownership  drill_done(); what it needs only while it runs is freed at its end.
 */
#ifndef ROLLOUT_DRILL_H
#define ROLLOUT_DRILL_H

#include "metrics/route_stats.h"
#include "rollout/drill_faults.h"
#include "rollout/release.h"

/* Of synthetic requests, so many go to the canary. */
#define DRILL_SYNTHETIC_PPM 500000U

enum {
	DRILL_WHY_SIZE = 160
};

enum drill_state {
	DRILL_RUNNING,
	DRILL_PASSED,  /* it would have been rolled back */
	DRILL_FAILED,  /* not within the time */
	DRILL_STOPPED, /* before it could tell */
};

struct drill_setting {
	uint32_t fail_ppm; /* of the canary's requests, 1 to PPM */
	double for_s;
	bool live;
	uint64_t seed; /* any number */
};

/* What the copy has been shown of one arm. */
struct drill_arm {
	uint64_t requests;
	uint64_t failed; /* of those, by themselves */
};

struct drill_scratch;

struct drill {
	struct drill_setting setting;
	enum drill_state state;
	char why[DRILL_WHY_SIZE]; /* of STOPPED */
	char release[RELEASE_ID_SIZE];
	uint32_t weight_ppm;    /* of the release, or of the stage that is stood in for */
	bool stands_in;         /* the release waits at weight 0 */
	uint64_t began_us;      /* monotonic */
	double lasted_s;        /* so far, or until its end */
	struct verdict verdict; /* the copy's latest */
	struct drill_arm arms[ARMS];
	uint64_t simulated;                  /* failures added to the canary's */
	struct drill_counts synthetic[ARMS]; /* of a live drill */

	struct guard guard; /* the copy; and so the rest: while it runs */
	struct drill_faults faults;
	uint32_t entered; /* the release's stage */
	uint64_t withdrawn;
	struct drill_scratch *scratch;
};

/*
 * False where there is nothing to rehearse (no canary's users and none to come, rolled
 * back already, complete), or memory is short: err says why, for a person.
 */
__attribute__((warn_unused_result)) bool drill_begin(struct drill *drill,
    const struct release *release, const struct drill_setting *setting, uint64_t now_us,
    struct error *err);
void drill_done(struct drill *drill);

/*
 * With each tick of the release, after it. synthetic: what was newly counted of synthetic
 * requests; only a live drill looks at it. Nothing happens once it is over.
 */
void drill_tick(struct drill *drill, const struct release *release,
    const struct release_evidence *evidence, const struct drill_counts synthetic[ARMS],
    double dt_s, uint64_t now_us);

/* Ends it before its time, if it runs. */
void drill_stop(struct drill *drill, const char *why);

/* How many requests of the canary have failed, or would have. */
uint64_t drill_failures(const struct drill *drill);
uint64_t drill_canary_requests(const struct drill *drill);

/*
 * The fewest failures that any rule with the same bound on false alarms needs on average
 * to tell such a canary from this legacy (docs/policy.md, 10); INFINITY where legacy fails
 * as often, NAN where there is no legacy to compare with.
 */
double drill_least_failures(const struct drill *drill);

/* "running", "passed", "failed", "stopped" */
const char *drill_state_name(enum drill_state state);

#endif
