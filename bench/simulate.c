/*
 * The guard against simulated traffic: how often it rolls a healthy canary back, and
 * what a broken one costs until it does (docs/policy.md, 10).
 *
 *     simulate [--quick] [--seed N]
 *
 * Prints a table, each line with the bar it is held to; status 1 where one is missed.
 * The same seed gives the same table.
 */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic.h"

enum {
	MAX_RUNS = 2000,
	WEIGHTS = 4,
	RATES = 3,
};

static const double rates[RATES] = { 5, 100, 2000 };
static const double weights[WEIGHTS] = { .01, .05, .25, .5 };
static const double base_failing = 0.001;
static const double alpha = 0.01;
static const double healthy_s = 600;
static const double hour_s = 3600;
static const double day_s = 86400;

static struct options {
	bool quick;
	uint64_t seed;
} options = { .seed = 1 };

static bool missed;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static double quantile(double *values, size_t n, double p)
{
	if (n == 0)
		return NAN;
	qsort(values, n, sizeof(*values), by_value);
	return values[(size_t)ceil(p * (double)n) - (p > 0 ? 1 : 0)];
}

/*
 * How many canary requests any rule with that bound on false alarms needs on average,
 * where each request shows one of n things, with these shares (docs/policy.md, 10).
 */
static double limit_of(double w, const double *canary, const double *legacy, size_t n)
{
	double information = 0;

	for (size_t i = 0; i < n; i++) {
		double pooled = w * canary[i] + (1 - w) * legacy[i];

		if (canary[i] > 0)
			information += w * canary[i] * log(canary[i] / pooled);
		if (legacy[i] > 0)
			information += (1 - w) * legacy[i] * log(legacy[i] / pooled);
	}
	return w * -log(alpha) / information;
}

/* The least number of failures that leak: at least one has to be seen. */
static double leak_limit(double w, double failing)
{
	double canary[] = { failing, 1 - failing };
	double legacy[] = { base_failing, 1 - base_failing };

	return fmax(1, failing * limit_of(w, canary, legacy, 2));
}

static double slowness_limit(double w, double slowness)
{
	double canary[TRAFFIC_BANDS], legacy[TRAFFIC_BANDS];

	traffic_bands(slowness, 1, canary);
	traffic_bands(1, 1, legacy);
	return limit_of(w, canary, legacy, TRAFFIC_BANDS);
}

/* A seed for each run of each line of the table. */
static uint64_t seed_of(const char *name, unsigned line, unsigned run)
{
	uint64_t seed = options.seed;

	for (; *name != '\0'; name++)
		seed = hash_of(seed ^ (uint64_t)*name);
	return hash_of(seed ^ ((uint64_t)line << 32 | run));
}

static const char *held(bool met)
{
	missed = missed || !met;
	return met ? "met" : "MISSED";
}

static unsigned runs_of(unsigned quick, unsigned full)
{
	return options.quick ? quick : full;
}

/* -- False alarms: a canary that is no worse than legacy ------------------------- */

struct alarms {
	unsigned runs;
	unsigned rolled_back;
	unsigned held_shared;
};

/* So many that a rule which keeps to alpha has no more, but once in a thousand tables. */
static unsigned most_alarms(unsigned runs)
{
	double mean = alpha * runs;

	return (unsigned)(mean + 3.1 * sqrt(mean) + 1);
}

static void print_alarms(
    const char *what, double rate, const struct alarms *alarms, unsigned most)
{
	printf("  %-44s %6.0f/s %5u runs  %4u rolled back (%.2f%%), bar %u: %s\n", what, rate,
	    alarms->runs, alarms->rolled_back, 100.0 * alarms->rolled_back / alarms->runs, most,
	    held(alarms->rolled_back <= most));
	fflush(stdout);
}

/* A careful rollout of a day, all of it healthy. */
static bool climbs(double rate, uint64_t seed, double seconds)
{
	static const double holds_s[WEIGHTS] = { 600, 1800, hour_s, day_s };
	static struct traffic traffic;
	bool rolled_back = false;

	traffic_init(&traffic, rate, weights[0], base_failing, seed);
	for (size_t i = 0; i < WEIGHTS && !rolled_back && traffic.now_s < seconds; i++) {
		if (i > 0)
			traffic_raise(&traffic, weights[i]);
		rolled_back =
		    traffic_run(&traffic, fmin(holds_s[i], seconds - traffic.now_s), 1);
	}
	traffic_done(&traffic);
	return rolled_back;
}

static void healthy_for_a_day(void)
{
	for (unsigned i = 0; i < RATES; i++) {
		struct alarms alarms = { .runs = runs_of(10, 400) };

		for (unsigned run = 0; run < alarms.runs; run++)
			alarms.rolled_back += climbs(rates[i], seed_of("day", i, run),
			    options.quick ? 3 * hour_s : day_s);
		print_alarms(options.quick ? "healthy, 0.1%, 1% to 50% in 3 h"
					   : "healthy, 0.1%, 1% to 50% in a day",
		    rates[i], &alarms, most_alarms(alarms.runs));
	}
}

enum affliction {
	BROKEN,
	BROKEN_COUNTED_RAW,
	SLUGGISH,
};

static bool afflicted_hour(enum affliction affliction, double rate, uint64_t seed)
{
	static struct traffic traffic;
	bool rolled_back;

	traffic_init(&traffic, rate, .1, 0, seed);
	traffic.users = 10000;
	traffic.broken = affliction == SLUGGISH ? 0 : .01;
	traffic.sluggish = affliction == SLUGGISH ? .01 : 0;
	traffic.with_latency = affliction == SLUGGISH;
	traffic.every_failure = affliction == BROKEN_COUNTED_RAW;
	rolled_back = traffic_run(&traffic, hour_s, .1);
	traffic_done(&traffic);
	return rolled_back;
}

/* A/A: the same service twice, and users that carry their troubles with them. */
static void afflicted_users(void)
{
	static const struct {
		const char *what;
		enum affliction affliction;
		double rate;
		unsigned quick, full;
	} lines[] = {
		{ "A/A, 1% of users always broken, an hour", BROKEN, 100, 30, 200 },
		{ "A/A, 1% of users always broken, an hour", BROKEN, 2000, 0, 200 },
		{ "A/A, 1% of users always slow, an hour", SLUGGISH, 100, 20, 200 },
		{ "(each failure counted: what the policy avoids)", BROKEN_COUNTED_RAW, 100, 10,
		    200 },
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct alarms alarms = { .runs = runs_of(lines[i].quick, lines[i].full) };

		for (unsigned run = 0; run < alarms.runs; run++)
			alarms.rolled_back += afflicted_hour(
			    lines[i].affliction, lines[i].rate, seed_of("afflicted", i, run));
		if (alarms.runs > 0)
			print_alarms(lines[i].what, lines[i].rate, &alarms,
			    lines[i].affliction == BROKEN_COUNTED_RAW
				? alarms.runs
				: most_alarms(alarms.runs));
	}
}

/* A/A: one user of legacy's makes half of the requests, all quick, at first or later. */
static void one_busy_user(void)
{
	static struct traffic traffic;

	for (unsigned later = 0; later < 2; later++)
		for (unsigned i = 0; i < RATES; i++) {
			struct alarms alarms = { .runs = runs_of(12, i < 2 ? 400 : 100) };

			for (unsigned run = 0; run < alarms.runs; run++) {
				traffic_init(&traffic, rates[i], weights[run % WEIGHTS],
				    base_failing, seed_of("busy", later * RATES + i, run));
				traffic.with_latency = true;
				traffic.busy = later ? 0 : .5;
				alarms.rolled_back += traffic_run(&traffic, healthy_s, .1);
				traffic.busy = .5;
				if (later && traffic.verdict.action != VERDICT_ROLL_BACK)
					alarms.rolled_back +=
					    traffic_run(&traffic, healthy_s, .1);
				traffic_done(&traffic);
			}
			print_alarms(later ? "A/A, one busy user after ten minutes"
					   : "A/A, one legacy user makes half of it",
			    rates[i], &alarms, most_alarms(alarms.runs));
		}
}

/* Both arms fail at 30% for ten minutes. */
static void shared_outage(void)
{
	static struct traffic traffic;

	for (unsigned i = 0; i < RATES; i++) {
		struct alarms alarms = { .runs = runs_of(12, 200) };

		for (unsigned run = 0; run < alarms.runs; run++) {
			double w = weights[run % WEIGHTS];
			bool rolled_back;

			traffic_init(
			    &traffic, rates[i], w, base_failing, seed_of("outage", i, run));
			rolled_back = traffic_run(&traffic, healthy_s, 1);
			traffic.arms[ARM_LEGACY].failing = traffic.arms[ARM_CANARY].failing =
			    .3;
			rolled_back = rolled_back || traffic_run(&traffic, healthy_s, .1);
			alarms.rolled_back += rolled_back;
			alarms.held_shared += traffic.verdict.action == VERDICT_HOLD_SHARED;
			traffic_done(&traffic);
		}
		print_alarms("shared outage, 30%, ten minutes", rates[i], &alarms,
		    most_alarms(alarms.runs));
		printf("  %-44s %6.0f/s %5u runs  %4u held as shared at its end\n", "",
		    rates[i], alarms.runs, alarms.held_shared);
	}
}

/* -- Detection: a canary that is broken from its first request, or breaks later ---- */

enum breakage {
	FAILS,
	FAILS_ON_ONE_PATH,
	SLOWS_DOWN,
	HANGS,
	HANGS_WHILE_ONE_IS_BUSY,
};

static const struct breaking {
	const char *what;
	enum breakage how;
	double degree;             /* share that fails, or factor of the latency */
	double bar_new, bar_later; /* on the median ratio */
	unsigned quick[RATES];     /* runs */
} breakings[] = {
	{ "0.1% -> 1.1%", FAILS, .011, 4, 6, { 0, 16, 8 } },
	{ "0.1% -> 20%", FAILS, .2, 4, 6, { 8, 16, 8 } },
	{ "0.1% -> 100%", FAILS, 1, 4, 12, { 8, 16, 8 } },
	{ "one path of 20 -> 20%", FAILS_ON_ONE_PATH, .2, 6, 8, { 0, 16, 0 } },
	{ "one path of 20 -> 100%", FAILS_ON_ONE_PATH, 1, 6, 12, { 8, 16, 0 } },
	/*
	 * Later: a minute's window of faster requests has to show that it matters, however
	 * soon it is certain, and at 2,000 a second that is a long time.
	 */
	{ "latency x2", SLOWS_DOWN, 2, 12, 150, { 8, 16, 0 } },
	{ "hangs", HANGS, 1, 20, 40, { 8, 16, 8 } },
	{ "hangs, one user busy", HANGS_WHILE_ONE_IS_BUSY, 1, 20, 40, { 8, 16, 8 } },
};

struct costs {
	unsigned runs;
	unsigned unfound; /* within a day */
	size_t n;
	double ratios[MAX_RUNS]; /* cost over the limit */
	double cost[MAX_RUNS];   /* leaked failures; of latency, canary requests */
	double seconds[MAX_RUNS];
};

static bool is_of_latency(enum breakage how)
{
	return how == SLOWS_DOWN || how == HANGS || how == HANGS_WHILE_ONE_IS_BUSY;
}

static double cost_so_far(const struct breaking *breaking, const struct traffic *traffic)
{
	switch (breaking->how) {
	case SLOWS_DOWN: return (double)traffic->requests[ARM_CANARY];
	case HANGS:
	case HANGS_WHILE_ONE_IS_BUSY: return (double)traffic->hung;
	default: return (double)traffic->failed[ARM_CANARY];
	}
}

static void begin_to_break(const struct breaking *breaking, struct service *canary)
{
	switch (breaking->how) {
	case FAILS: canary->failing = breaking->degree; break;
	case FAILS_ON_ONE_PATH: canary->bad_failing = breaking->degree; break;
	case SLOWS_DOWN: canary->slowness = breaking->degree; break;
	case HANGS:
	case HANGS_WHILE_ONE_IS_BUSY: canary->hangs = true; break;
	}
}

/* Of a path: were it known which one to look at. */
static double limit_for(const struct breaking *breaking, double w)
{
	return breaking->how == SLOWS_DOWN ? slowness_limit(w, breaking->degree)
					   : leak_limit(w, breaking->degree);
}

static void break_once(const struct breaking *breaking, struct traffic *traffic, double after_s,
    struct costs *costs)
{
	double cost, began_s;
	bool found;

	traffic->with_paths = breaking->how == FAILS_ON_ONE_PATH;
	traffic->with_latency = is_of_latency(breaking->how);
	traffic->busy = breaking->how == HANGS_WHILE_ONE_IS_BUSY ? .5 : 0;
	/* A false alarm is no detection; the first part of the table counts those. */
	if (traffic_run(traffic, after_s, 1))
		return;
	cost = cost_so_far(breaking, traffic);
	began_s = traffic->now_s;
	begin_to_break(breaking, &traffic->arms[ARM_CANARY]);
	found = traffic_run(traffic, day_s, 0);
	costs->runs++;
	costs->unfound += !found;
	if (!found)
		return;
	costs->cost[costs->n] = cost_so_far(breaking, traffic) - cost;
	costs->ratios[costs->n] = costs->cost[costs->n] / limit_for(breaking, traffic->weight);
	costs->seconds[costs->n++] = traffic->now_s - began_s;
}

static void print_costs(const char *what, double rate, struct costs *costs, double bar)
{
	size_t n = costs->n;
	double median = quantile(costs->ratios, n, .5);
	bool met = costs->unfound == 0 && median <= bar;

	printf("  %-22s %5.0f/s %4u runs  %6.1f %6.1f %6.1f  %7.0f %7.0f  %8.2f %8.2f", what,
	    rate, costs->runs, median, quantile(costs->ratios, n, .9),
	    quantile(costs->ratios, n, 1), quantile(costs->cost, n, .5),
	    quantile(costs->cost, n, .9), quantile(costs->seconds, n, .5),
	    quantile(costs->seconds, n, .9));
	if (costs->unfound > 0)
		printf("  %u not found", costs->unfound);
	printf("  bar %.0f: %s\n", bar, held(met));
	fflush(stdout);
}

static void broken_canaries(const char *title, double after_s)
{
	static struct traffic traffic;
	static struct costs costs;

	printf("\n%s, at weights of 1%%, 5%%, 25%% and 50%%\n"
	       "  %-41s       cost / limit             cost        seconds to rollback\n"
	       "  %-41s    p50    p90    max      p50     p90       p50      p90\n",
	    title, "(cost: leaked failures; of latency,", " requests to the canary)");
	for (size_t i = 0; i < sizeof(breakings) / sizeof(breakings[0]); i++)
		for (unsigned j = 0; j < RATES; j++) {
			const struct breaking *breaking = &breakings[i];
			unsigned runs = runs_of(breaking->quick[j], 200);

			memset(&costs, 0, sizeof(costs));
			for (unsigned run = 0; run < runs; run++) {
				traffic_init(&traffic, rates[j], weights[run % WEIGHTS],
				    base_failing, seed_of(title, (unsigned)i * RATES + j, run));
				break_once(breaking, &traffic, after_s, &costs);
				traffic_done(&traffic);
			}
			if (costs.runs > 0)
				print_costs(breaking->what, rates[j], &costs,
				    after_s > 0 ? breaking->bar_later : breaking->bar_new);
		}
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "quick", no_argument, NULL, 'q' },
		{ "seed", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'q') {
			options.quick = true;
		} else if (option == 's') {
			options.seed = strtoull(optarg, NULL, 10);
		} else {
			fprintf(stderr, "usage: simulate [--quick] [--seed N]\n");
			return 2;
		}
	}
	printf("A canary that is no worse: alpha 1%%, budget 0.1%%\n");
	afflicted_users();
	one_busy_user();
	shared_outage();
	healthy_for_a_day();
	broken_canaries("A canary is broken from its first request", 0);
	broken_canaries("A canary breaks after ten healthy minutes", healthy_s);
	return missed ? 1 : 0;
}
