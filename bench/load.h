/*
 * A load that costs little: keep-alive connections, each request for the next of many
 * users. Anything but a complete 200 ends the program.
 *
 * Thread     that of bench/loop.h.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOAD_MAX_CONNECTIONS = 60000,
	LOAD_MAX_USERS = 1000000, /* six digits */
	LOAD_MAX_NAMES = 100000,  /* five digits */
};

enum idle {
	IDLE_NONE,
	IDLE_PACED,
	IDLE_BURST
};

struct load_options {
	uint16_t port;
	unsigned connections;
	double seconds;
	uint64_t requests; /* at most; 0: as many as the time allows */
	/*
	 * A second; 0: every connection asks again as soon as it was answered. Otherwise
	 * request k is due at start + k / rate whatever became of the ones before, and its
	 * latency counts from then, so that a slow server cannot make the load wait for it
	 * (no coordinated omission).
	 */
	unsigned rate;
	bool sleeps; /* with a rate: between requests; else it polls */
	unsigned users;
	unsigned hosts, paths; /* how many the requests go round */
	bool close;            /* a connection for each request */
	bool arms;             /* note which arm answers each user */
	enum idle idle;        /* one request on each connection, then at rest */
};

struct load_result {
	uint64_t requests;
	double seconds;
	unsigned users, canary, both; /* with arms: how many were seen, and on which */
};

/*
 * Runs to the end; latencies are in bench/latency.h. Connections of an idle run stay
 * open until the next run begins.
 */
struct load_result load_run(const struct load_options *options);

#endif
