/*
 * How long one tick of the control thread takes, of 1,000 routes with 64 path classes
 * each: reading the counters of two workers, then judging them. What is stored and sent
 * after a decision is not in it.
 *
 *     evaluate [--ticks N]
 *
 * Prints the median of each, and of their sum the median and the worst.
 */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/path_slots.h"
#include "bench/dice.h"
#include "metrics/route_stats.h"
#include "rollout/release.h"

enum {
	ROUTES = 1000,
	CLASSES = ROUTES * PATH_CLASS_SLOTS,
	WORKERS = 2,
	REQUESTS = 10, /* to a class with news */
	MAX_TICKS = 10000,
	TICK_US = 100000,
};

static struct upstream_conf canary;
static struct route_conf conf = {
	.name = "r",
	.release = "v2",
	.salt = "r",
	.canary = &canary,
	.weight_ppm = 100000,
	.error_budget_ppm = 1000,
};

struct route {
	struct release release;
	struct route_stats *stats;
};

static struct route routes[ROUTES];
static struct dice dice;
static struct release_clock clock_now = { .now_us = TICK_US, .wall_s = 1 };
static double canary_fails; /* share of its requests; legacy's are .001 */

/* What one tick took. */
struct took {
	double read_ms;
	double judge_ms;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* One request to one of the arms: it may fail, or be slow. */
static void request(struct route *route, unsigned path_class)
{
	enum arm arm = dice_below(&dice, 10) == 0 ? ARM_CANARY : ARM_LEGACY;
	double fails = arm == ARM_CANARY ? canary_fails : .001;
	bool failed = dice_share(&dice) < fails;
	/* A thousandth is past twice the 99th percentile. */
	uint64_t us = (uint64_t)(1000 / cbrt(1 - dice_share(&dice)));
	struct outcome outcome = {
		.arm = arm,
		.path_class = (uint8_t)path_class,
		.status = failed ? 500 : 200,
		.failure = failed ? FAILURE_STATUS : FAILURE_NONE,
		.counts = true,
		.randomised = true,
		.has_unit = true,
		.unit_hash = dice_bits(&dice),
		.generation = release_generation(&route->release),
		.has_first_byte = true,
		.first_byte_us = us,
		.total_us = us,
	};

	(void)route_stats_record(
	    route->stats, dice_below(&dice, WORKERS), outcome.generation, &outcome);
}

/* `news` classes of all routes, spread evenly, and not over the same ones each time. */
static void traffic(size_t news)
{
	for (size_t i = 0; i < ROUTES; i++) {
		size_t n = news * (i + 1) / ROUTES - news * i / ROUTES;
		unsigned first = (unsigned)dice_below(&dice, PATH_CLASS_SLOTS);

		for (unsigned k = 0; k < n; k++)
			for (int r = 0; r < REQUESTS; r++)
				request(&routes[i], (first + k) % PATH_CLASS_SLOTS);
	}
}

static void obey(struct route *route, const struct release_step *step)
{
	uint32_t generation = release_generation(&route->release);

	if (step->thresholds == THRESHOLDS_FREEZE &&
	    !route_stats_freeze_thresholds(route->stats, generation, &step->handicap))
		fprintf(stderr, "no thresholds\n");
	if (step->thresholds == THRESHOLDS_SETTLE)
		route_stats_settle_thresholds(route->stats, generation, &step->handicap);
	if (step->new_epoch)
		route_stats_begin_epoch(route->stats);
}

static struct took tick_all(void)
{
	static struct path_evidence paths[PATH_CLASSES];
	static struct release_step step;
	struct took took = { 0 };
	double then = now_ms();

	clock_now.now_us += TICK_US;
	for (size_t i = 0; i < ROUTES; i++) {
		struct route *route = &routes[i];
		struct evidence all;
		struct release_evidence evidence = { .route = &all, .paths = paths };
		double read;

		evidence.n_paths = route_stats_read_evidence(
		    route->stats, release_generation(&route->release), &all, paths);
		read = now_ms();
		took.read_ms += read - then;
		release_tick(&route->release, &evidence, &clock_now, &step);
		obey(route, &step);
		then = now_ms();
		took.judge_ms += then - read;
	}
	return took;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static void measure(const char *what, size_t news, size_t ticks)
{
	static double read[MAX_TICKS], judge[MAX_TICKS], both[MAX_TICKS];
	double mid;

	for (size_t i = 0; i < ticks; i++) {
		struct took took;

		traffic(news);
		took = tick_all();
		read[i] = took.read_ms;
		judge[i] = took.judge_ms;
		both[i] = took.read_ms + took.judge_ms;
	}
	mid = median(both, ticks);
	printf("  %-38s %8.2f  %8.2f  %8.2f  %8.2f\n", what, median(read, ticks),
	    median(judge, ticks), mid, both[ticks - 1]);
}

static bool begin(void)
{
	struct release_step step;

	for (size_t i = 0; i < ROUTES; i++) {
		routes[i].stats = route_stats_new(WORKERS, 0);
		if (routes[i].stats == NULL)
			return false;
		release_begin(&routes[i].release, &conf, &clock_now, "bench", &step);
	}
	return true;
}

/* Until each class has thresholds of its own and its batches have all had a turn. */
static void warm_up(void)
{
	for (int i = 0; i < 15; i++) {
		traffic(CLASSES);
		tick_all();
	}
	clock_now.now_us += 60 * UINT64_C(1000000); /* caches are no longer cold */
	for (int i = 0; i < 12; i++) {
		traffic(CLASSES);
		tick_all();
	}
}

/* A difference that is certain, and does not matter: E is large at every tick. */
static void make_suspect(size_t ticks)
{
	struct release_step step;

	conf.error_budget_ppm = PPM;
	canary_fails = .09;
	for (size_t i = 0; i < ROUTES; i++)
		release_reload(&routes[i].release, &conf, &clock_now, "bench", &step);
	for (size_t i = 0; i < ticks; i++) {
		traffic(CLASSES);
		tick_all();
	}
}

static void end(void)
{
	for (size_t i = 0; i < ROUTES; i++) {
		release_done(&routes[i].release);
		route_stats_free(routes[i].stats);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "ticks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 } };
	size_t ticks = 100, few;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		ticks = option == 't' ? strtoul(optarg, NULL, 10) : 0;
		if (ticks == 0 || ticks > MAX_TICKS) {
			fprintf(stderr, "usage: evaluate [--ticks N]\n");
			return 2;
		}
	}
	few = ticks < 30 ? ticks : 30;
	dice = dice_of(1);
	canary_fails = .001;
	if (!begin()) {
		fprintf(stderr, "out of memory: this takes 3 GB\n");
		return 1;
	}
	warm_up();
	printf("One tick of %d routes x %d path classes, in ms\n"
	       "  %-38s %8s  %8s  %8s  %8s\n",
	    ROUTES, PATH_CLASS_SLOTS, "", "read", "judge", "both", "worst");
	measure("all idle", 0, ticks);
	measure("2,500 classes with news", 2500, ticks);
	measure("all 64,000 classes with news", CLASSES, few);
	make_suspect(few);
	measure("2,500, and every canary is suspect", 2500, ticks);
	measure("all 64,000, and every canary suspect", CLASSES, few);
	conf.error_budget_ppm = 1000;
	for (size_t i = 0; i < ROUTES; i++) {
		struct release_step step;

		release_reload(&routes[i].release, &conf, &clock_now, "bench", &step);
	}
	measure("every canary is rolled back at once", CLASSES, 1);
	end();
	return 0;
}
