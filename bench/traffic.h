/*
 * Simulated traffic of one route, judged by the real guard: users with a bucket each,
 * requests as a Poisson process, failures counted once for each user and epoch in the
 * real epoch map, evaluated every 100 ms and at once when a worker has counted three
 * new canary failures.
 *
 * Time       seconds, simulated.
 * Ownership  traffic_done() frees what it holds.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "bench/dice.h"
#include "metrics/epoch_map.h"
#include "rollout/guard.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TRAFFIC_WORKERS = 2,
	TRAFFIC_PATHS = 20, /* each with the same share of the requests */
	BAD_PATH = 0,
	TRAFFIC_BANDS = LATENCY_THRESHOLDS + 1, /* of latency: between the thresholds */
};

/* How an arm serves. */
struct service {
	double failing;     /* share of requests that fail, on any path */
	double bad_failing; /* on BAD_PATH alone; 0: as on the others */
	double slowness;    /* factor on every latency */
	bool hangs;         /* no request ends: all are past every threshold */
};

struct traffic {
	double rate;   /* requests a second */
	double weight; /* of the canary */
	uint64_t users;
	double broken;   /* share of users whose every request fails, on either arm */
	double sluggish; /* share of users whose every request is slow, on either arm */
	double busy;     /* share of the requests that one user makes, quick ones, on legacy */
	bool with_latency;  /* thresholds are in force: legacy's quantiles, handicap 1.1 */
	bool with_paths;    /* evidence is kept by path class */
	bool every_failure; /* counts without the epoch map: what the policy avoids */
	struct service arms[ARMS];

	uint64_t salt; /* of who is who */
	struct dice dice;
	struct epoch_map map; /* whose failure was counted */
	struct epoch_map far; /* who was counted as far too slow */
	struct guard guard;
	struct guard_stage stage;
	struct verdict verdict; /* the latest */
	double now_s;
	double unjudged_s; /* since the last evaluation */
	struct evidence_counts counts[ARMS];
	struct evidence_counts path_counts[TRAFFIC_PATHS][ARMS];
	unsigned
	    unseen[TRAFFIC_WORKERS]; /* canary failures since a worker last woke the guard */
	uint64_t hung;               /* of the canary's, since the start */
	uint64_t requests[ARMS];     /* since the start */
	uint64_t failed[ARMS];
};

/* Healthy arms that fail at `failing`; the rest of the members are the caller's to set. */
void traffic_init(
    struct traffic *traffic, double rate, double weight, double failing, uint64_t seed);
void traffic_done(struct traffic *traffic);

/*
 * Runs for so long, or until the guard rolls back: true then. step_s is how finely time
 * is cut; 0: as finely as it matters.
 */
bool traffic_run(struct traffic *traffic, double seconds, double step_s);

/* The weight is raised: a stage begins, and an epoch. */
void traffic_raise(struct traffic *traffic, double weight);

/* The share of an arm's requests in each band of latency; its thresholds are `handicap`
 * times legacy's. */
void traffic_bands(double slowness, double handicap, double shares[TRAFFIC_BANDS]);

#endif
