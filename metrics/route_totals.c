/* What people and budgets read: totals and latencies since the start. */
#include "metrics/route_stats.h"
#include "metrics/shard.h"

static const struct cell *read_cell(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm)
{
	const struct shard *shard = &stats->shards[worker];

	/* Most have none: that is known without a look at where it would be. */
	if (path_class != PATH_CLASS_OTHER &&
	    (atomic_load_explicit(&shard->classes, memory_order_acquire) >> path_class & 1) ==
		0)
		return NULL;
	return atomic_load_explicit(&shard->cells[path_class][arm], memory_order_acquire);
}

/* The classes that `path_class` stands for: itself, or all. */
static unsigned first_class(unsigned path_class)
{
	return path_class == PATH_CLASS_ALL ? 0 : path_class;
}

static unsigned last_class(unsigned path_class)
{
	return path_class == PATH_CLASS_ALL ? PATH_CLASS_OTHER : path_class;
}

static void add_totals(struct arm_totals *totals, const struct cell *cell)
{
	uint64_t failed = 0, requests = 0;
	/* Parts before what they are part of, so that no difference wraps. */
	uint64_t uncounted_failed = counter_read_part(&cell->uncounted_failed);
	uint64_t uncounted = counter_read_part(&cell->uncounted);
	uint64_t gone = counter_read_part(&cell->client_gone);

	for (size_t i = 0; i < FAILURE_KINDS; i++) {
		uint64_t count = counter_read_part(&cell->failures[i]);

		totals->failures[i] += count;
		failed += count;
	}
	for (size_t i = 0; i < STATUS_CLASSES; i++) {
		uint64_t count = counter_read(&cell->status[i]);

		totals->status[i] += count;
		requests += count;
	}
	totals->requests += requests;
	totals->failed += failed;
	totals->client_gone += gone;
	totals->slow += counter_read(&cell->slow);
	if (requests > gone + uncounted)
		totals->budget_n += requests - gone - uncounted;
	if (failed > uncounted_failed)
		totals->budget_bad += failed - uncounted_failed;
}

bool route_stats_totals(const struct route_stats *stats, unsigned path_class, enum arm arm,
    struct arm_totals *totals)
{
	bool any = false;

	*totals = (struct arm_totals) { 0 };
	for (size_t worker = 0; worker < stats->n_shards; worker++) {
		for (unsigned c = first_class(path_class); c <= last_class(path_class); c++) {
			const struct cell *cell = read_cell(stats, worker, c, arm);

			if (cell == NULL)
				continue;
			add_totals(totals, cell);
			any = true;
		}
	}
	return any;
}

static void add_latency(
    struct histogram_sum *sum, const struct cell *cell, enum latency_kind kind)
{
	if (kind == LATENCY_TOTAL)
		histogram_merge(sum, &cell->total, &cell->total_sum_us);
	else
		histogram_merge(sum, &cell->first_byte, &cell->first_byte_sum_us);
}

bool route_stats_latency(const struct route_stats *stats, unsigned path_class, enum arm arm,
    enum latency_kind kind, struct histogram_sum *sum)
{
	bool any = false;

	*sum = (struct histogram_sum) { 0 };
	for (size_t worker = 0; worker < stats->n_shards; worker++) {
		for (unsigned c = first_class(path_class); c <= last_class(path_class); c++) {
			const struct cell *cell = read_cell(stats, worker, c, arm);

			if (cell == NULL)
				continue;
			add_latency(sum, cell, kind);
			any = true;
		}
	}
	return any;
}

void route_stats_drill(const struct route_stats *stats, struct drill_counts counts[ARMS])
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		counts[arm] = (struct drill_counts) { 0 };
		for (size_t w = 0; w < stats->n_shards; w++) {
			const struct shard *shard = &stats->shards[w];

			counts[arm].failed += counter_read_part(&shard->drill_failed[arm]);
			counts[arm].n += counter_read(&shard->drill[arm]);
		}
	}
}
