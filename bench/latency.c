#include "bench/latency.h"

#include <string.h>

enum {
	STEP_BITS = 7,
	STEPS = 1 << STEP_BITS,
	BUCKETS = (65 - STEP_BITS) * STEPS
};

static uint64_t counts[BUCKETS];
static uint64_t total, most_ns;

/* Below 2 * STEPS each value has its own bucket; above, bucket [shift][STEPS..2*STEPS). */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift = 0;

	if (ns >= 2 * STEPS)
		shift = 63U - (unsigned)__builtin_clzll(ns) - STEP_BITS;
	return shift * STEPS + (unsigned)(ns >> shift);
}

static double middle_ns(unsigned bucket)
{
	unsigned shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
	uint64_t low = (uint64_t)(bucket - shift * STEPS) << shift;

	return (double)low + (double)((uint64_t)1 << shift) / 2;
}

void latency_reset(void)
{
	memset(counts, 0, sizeof(counts));
	total = most_ns = 0;
}

void latency_record(uint64_t ns)
{
	counts[bucket_of(ns)]++;
	total++;
	if (ns > most_ns)
		most_ns = ns;
}

double latency_at(double share)
{
	uint64_t seen = 0;

	for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
		seen += counts[bucket];
		if (seen > 0 && (double)seen >= share * (double)total)
			return middle_ns(bucket) / 1000;
	}
	return 0;
}

double latency_most(void)
{
	return (double)most_ns / 1000;
}
