/*
 * How long things took: a log-linear histogram of microseconds, 0 to one hour.
 *
 * Each power of two is cut into 16 buckets of equal width, so a quantile is off
 * by at most 3.2% of its value; below 32 us it is exact. Longer than an hour
 * counts as an hour. Fixed memory, nothing allocated.
 *
 * Thread  struct histogram: one writer, any reader. struct histogram_sum: the
 *         reader's own, merged from as many histograms as there are workers.
 */
#ifndef METRICS_HISTOGRAM_H
#define METRICS_HISTOGRAM_H

#include "metrics/counter.h"

#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 4, /* 16 buckets to a power of two */
	HISTOGRAM_SUB = 1 << HISTOGRAM_SUB_BITS,
	HISTOGRAM_BUCKETS = 459, /* the last one holds an hour */
};

#define HISTOGRAM_MAX_US UINT64_C(3600000000)

/* The sum of the values is kept by whoever owns it, beside what else it adds to. */
struct histogram {
	struct counter buckets[HISTOGRAM_BUCKETS];
};

struct histogram_sum {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t sum_us;
};

/*
 * The bucket of a value, at most HISTOGRAM_MAX_US. Values below 32 are their own
 * bucket; above, the exponent picks the row and the next four bits the column.
 */
static inline size_t histogram_bucket(uint64_t us)
{
	unsigned shift =
	    63U - HISTOGRAM_SUB_BITS - (unsigned)__builtin_clzll(us | HISTOGRAM_SUB);

	return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(us >> shift);
}

static inline void histogram_record(
    struct histogram *histogram, struct counter *sum_us, uint64_t us)
{
	if (us > HISTOGRAM_MAX_US)
		us = HISTOGRAM_MAX_US;
	counter_add(&histogram->buckets[histogram_bucket(us)], 1);
	counter_add(sum_us, us);
}

/* Fetches what histogram_record() of that value will touch. */
static inline void histogram_prefetch(const struct histogram *histogram, uint64_t us)
{
	__builtin_prefetch(
	    &histogram
		 ->buckets[histogram_bucket(us < HISTOGRAM_MAX_US ? us : HISTOGRAM_MAX_US)]);
}

/* The least value that falls in a bucket, in microseconds. */
uint64_t histogram_bucket_start(size_t bucket);

/* Adds what the histogram holds now; sum starts as all zeros. */
void histogram_merge(
    struct histogram_sum *sum, const struct histogram *histogram, const struct counter *sum_us);

/* The value below which the share p (0..1) lies, in microseconds; 0 when empty. */
uint64_t histogram_quantile(const struct histogram_sum *sum, double p);

/*
 * How many values were at most `us`. A bucket that straddles it counts whole
 * where its middle does, so the result never falls as us rises.
 */
uint64_t histogram_count_at_most(const struct histogram_sum *sum, uint64_t us);

#endif
