/*
 * How long the guard takes for one tick of 1,000 routes with 64 path classes each.
 *
 *     evaluate [--ticks N]
 *
 * Each guard has been through traffic on all its classes. Prints the median and the
 * worst tick in milliseconds.
 */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/path_slots.h"
#include "bench/dice.h"
#include "rollout/guard.h"

enum {
	ROUTES = 1000,
	MAX_TICKS = 10000,
};

static struct guard guards[ROUTES];
static struct dice dice;
static bool all_suspect; /* every canary fails more often than legacy */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One request to one of the arms: it may have failed, or been slow. */
static void add_request(struct guard_entry *entry)
{
	enum arm arm = dice_below(&dice, 10) == 0 ? ARM_CANARY : ARM_LEGACY;
	struct evidence_counts *counts = &entry->arms[arm];
	double slowness = dice_share(&dice);
	size_t half = dice_below(&dice, 2);

	counts->n++;
	if (dice_below(&dice, 1000) == 0 || (all_suspect && arm == ARM_CANARY))
		counts->failed = ++counts->bad;
	for (enum latency_threshold i = 0; i < LATENCY_THRESHOLDS; i++) {
		bool slow = slowness < latency_tail(i);

		*(slow ? &counts->slow[i] : &counts->good[i]) += 1;
		if (slow && arm == ARM_LEGACY)
			counts->half_slow[half][i]++;
	}
}

/* Both arms serve alike: as nearly always. */
static struct guard_entry some_traffic(void)
{
	struct guard_entry entry = { .weight = .1, .has_latency = true };

	for (int i = 0; i < 10; i++)
		add_request(&entry);
	return entry;
}

/* One tick of all routes, `news` of their path classes with requests. */
static double tick_all(size_t news)
{
	static struct guard_path paths[ROUTES][PATH_CLASS_SLOTS];
	static struct guard_tick ticks[ROUTES];
	double started;

	for (size_t i = 0; i < ROUTES; i++) {
		/* Spread evenly, and not over the same classes each time. */
		size_t n = news * (i + 1) / ROUTES - news * i / ROUTES;
		unsigned first = (unsigned)dice_below(&dice, PATH_CLASS_SLOTS);

		ticks[i] = (struct guard_tick) { .dt_s = .1, .n_entries = 1, .n_paths = n };
		ticks[i].entries[0] =
		    n > 0 ? some_traffic() : (struct guard_entry) { .weight = .1 };
		ticks[i].paths = paths[i];
		for (size_t k = 0; k < n; k++) {
			paths[i][k].path_class = (first + (unsigned)k) % PATH_CLASS_SLOTS;
			paths[i][k].n_entries = 1;
			paths[i][k].entries[0] = some_traffic();
		}
	}
	started = now_ms();
	for (size_t i = 0; i < ROUTES; i++)
		(void)guard_tick(&guards[i], &ticks[i]);
	return now_ms() - started;
}

static void measure(const char *what, size_t news, size_t ticks)
{
	static double took[MAX_TICKS];

	for (size_t i = 0; i < ticks; i++)
		took[i] = tick_all(news);
	qsort(took, ticks, sizeof(*took), by_value);
	printf("  %-36s %8.3f ms   worst %8.3f ms\n", what, took[ticks / 2], took[ticks - 1]);
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "ticks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 } };
	struct guard_params params = { .alpha = .01, .budget = .001 };
	struct guard_stage stage = { .hold_s = INFINITY };
	size_t ticks = 200;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		ticks = option == 't' ? strtoul(optarg, NULL, 10) : 0;
		if (ticks == 0 || ticks > MAX_TICKS) {
			fprintf(stderr, "usage: evaluate [--ticks N]\n");
			return 2;
		}
	}
	dice = dice_of(1);
	for (size_t i = 0; i < ROUTES; i++)
		guard_init(&guards[i], &params, &stage);
	for (int i = 0; i < 5; i++)
		tick_all((size_t)ROUTES * PATH_CLASS_SLOTS);
	printf("One tick of %d routes x %d path classes\n", ROUTES, PATH_CLASS_SLOTS);
	measure("all idle", 0, ticks);
	measure("2,500 classes with news", 2500, ticks);
	measure("all 64,000 classes with news", (size_t)ROUTES * PATH_CLASS_SLOTS,
	    ticks < 20 ? ticks : 20);
	all_suspect = true;
	measure("2,500, and every canary is suspect", 2500, ticks);
	for (size_t i = 0; i < ROUTES; i++)
		guard_done(&guards[i]);
	return 0;
}
