#include "metrics/histogram.h"

#include <math.h>

static uint64_t bucket_width(size_t bucket)
{
	return bucket < 2 * HISTOGRAM_SUB ? 1
					  : UINT64_C(1) << ((bucket >> HISTOGRAM_SUB_BITS) - 1);
}

uint64_t histogram_bucket_start(size_t bucket)
{
	if (bucket < HISTOGRAM_SUB)
		return bucket;
	return (uint64_t)(HISTOGRAM_SUB + bucket % HISTOGRAM_SUB) * bucket_width(bucket);
}

/* The value that stands for a bucket: no value in it is further off than half its width. */
static uint64_t bucket_middle(size_t bucket)
{
	return histogram_bucket_start(bucket) + bucket_width(bucket) / 2;
}

void histogram_merge(
    struct histogram_sum *sum, const struct histogram *histogram, const struct counter *sum_us)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t count = counter_read(&histogram->buckets[i]);

		sum->buckets[i] += count;
		sum->count += count;
	}
	sum->sum_us += counter_read(sum_us);
}

uint64_t histogram_quantile(const struct histogram_sum *sum, double p)
{
	uint64_t rank, below = 0;
	double exact;

	if (sum->count == 0)
		return 0;
	exact = ceil(p * (double)sum->count);
	rank = exact < 1 ? 1 : (uint64_t)exact;
	if (rank > sum->count)
		rank = sum->count;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += sum->buckets[i];
		if (below >= rank)
			return bucket_middle(i);
	}
	return HISTOGRAM_MAX_US;
}

uint64_t histogram_count_at_most(const struct histogram_sum *sum, uint64_t us)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS && bucket_middle(i) <= us; i++)
		count += sum->buckets[i];
	return count;
}
