/*
 * The failures of a drill: what was counted, changed to what would have been counted
 * had the canary failed so much more.
 *
 * Each of the canary's requests that did not fail by itself fails with the drill's
 * probability. Counters do not say whose a request was, so each of these failures is
 * taken for another unit's.
 *
 * Thread  none of its own. Plain structs; the same seed draws the same failures.
 */
#ifndef ROLLOUT_DRILL_FAULTS_H
#define ROLLOUT_DRILL_FAULTS_H

#include "metrics/evidence.h"

#include <stddef.h>
#include <stdint.h>

struct drill_faults {
	double fail; /* with what probability, 0..1 */
	/*
	 * Where the canary has no users yet: which share of legacy's requests stand in for
	 * its own. 0: it has users. How fast they were, and whose, is left out then.
	 */
	double stand_in;
	uint64_t random; /* any number, to begin with */
};

/* How many of n trials succeed, each with that probability (exact; O(successes)). */
uint32_t drill_draw(struct drill_faults *faults, uint32_t n, double probability);

/*
 * Changes the route's evidence and that of its paths alike; outcomes of generations
 * before `first` are nobody's, and stay. Returns how many failures it added.
 */
uint64_t drill_faults_apply(struct drill_faults *faults, uint32_t first, struct evidence *route,
    struct path_evidence *paths, size_t n_paths);

#endif
