#include "metrics/route_stats.h"

#include "metrics/epoch_map.h"

#include <stdlib.h>
#include <string.h>

enum {
	CACHE_LINE_BYTES = 64,
	WAKE_AFTER_FAILURES = 3, /* docs/policy.md, 4 */
};

/* One generation's; each count is part of the one above it. */
struct evidence_slot {
	struct counter n;
	struct counter failed;
	struct counter bad;
};

/* One path class on one arm, as one worker has seen it. */
struct cell {
	struct counter status[STATUS_CLASSES];
	struct counter failures[FAILURE_KINDS];
	struct counter client_gone;
	struct counter slow;
	struct counter uncounted;        /* forced or synthetic: no evidence, no budget */
	struct counter uncounted_failed; /* of those */
	struct evidence_slot evidence[EVIDENCE_GENERATIONS];
	struct histogram first_byte;
	struct histogram total;
};

/* One worker's. Nobody else writes here. */
struct shard {
	_Alignas(CACHE_LINE_BYTES) struct evidence_slot evidence[ARMS][EVIDENCE_GENERATIONS];
	uint32_t canary_failures; /* counted since the control thread was last woken */
	_Atomic(struct cell *) cells[PATH_CLASSES][ARMS];
};

struct route_stats {
	struct epoch_map epoch;
	_Atomic uint32_t slow_threshold_us;
	size_t n_shards;
	struct shard *shards[];
};

static void *new_zeroed(size_t bytes)
{
	size_t whole = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
	void *memory = aligned_alloc(CACHE_LINE_BYTES, whole);

	if (memory != NULL)
		memset(memory, 0, whole);
	return memory;
}

struct route_stats *route_stats_new(size_t workers, uint32_t slow_threshold_us)
{
	struct route_stats *stats =
	    new_zeroed(sizeof(*stats) + workers * sizeof(stats->shards[0]));

	if (stats == NULL)
		return NULL;
	stats->n_shards = workers;
	route_stats_set_slow_threshold(stats, slow_threshold_us);
	for (size_t i = 0; i < workers; i++) {
		stats->shards[i] = new_zeroed(sizeof(struct shard));
		if (stats->shards[i] == NULL) {
			route_stats_free(stats);
			return NULL;
		}
	}
	return stats;
}

void route_stats_free(struct route_stats *stats)
{
	if (stats == NULL)
		return;
	for (size_t i = 0; i < stats->n_shards && stats->shards[i] != NULL; i++) {
		for (size_t c = 0; c < PATH_CLASSES; c++)
			for (size_t arm = 0; arm < ARMS; arm++)
				free(atomic_load_explicit(
				    &stats->shards[i]->cells[c][arm], memory_order_relaxed));
		free(stats->shards[i]);
	}
	free(stats);
}

void route_stats_set_slow_threshold(struct route_stats *stats, uint32_t slow_threshold_us)
{
	atomic_store_explicit(
	    &stats->slow_threshold_us, slow_threshold_us, memory_order_relaxed);
}

/* The worker's own cell, made on first use. NULL when out of memory. */
static struct cell *shard_cell(struct shard *shard, unsigned path_class, enum arm arm)
{
	_Atomic(struct cell *) *place = &shard->cells[path_class][arm];
	struct cell *cell = atomic_load_explicit(place, memory_order_relaxed);

	if (__builtin_expect(cell == NULL, 0)) {
		cell = new_zeroed(sizeof(*cell));
		/* A reader that sees the cell sees its zeros. */
		atomic_store_explicit(place, cell, memory_order_release);
	}
	return cell;
}

static enum status_class status_class_of(unsigned status)
{
	return status >= 100 && status < 600 ? (enum status_class)(status / 100) : STATUS_NONE;
}

static void record_totals(
    struct cell *cell, const struct outcome *outcome, uint32_t slow_threshold_us)
{
	uint64_t waited_us =
	    outcome->has_first_byte ? outcome->first_byte_us : outcome->total_us;

	counter_add(&cell->status[status_class_of(outcome->status)], 1);
	if (outcome->has_first_byte)
		histogram_record(&cell->first_byte, outcome->first_byte_us);
	if (outcome->client_gone) {
		counter_add_part(&cell->client_gone, 1);
		return; /* how long it would have taken, and whether it would have failed */
	}
	histogram_record(&cell->total, outcome->total_us);
	if (slow_threshold_us != 0 && waited_us > slow_threshold_us)
		counter_add(&cell->slow, 1);
	if (outcome->failure != FAILURE_NONE)
		counter_add_part(&cell->failures[outcome->failure], 1);
	if (!outcome->counts) {
		counter_add_part(&cell->uncounted, 1);
		if (outcome->failure != FAILURE_NONE)
			counter_add_part(&cell->uncounted_failed, 1);
	}
}

static void slot_add(struct evidence_slot *slot, bool failed, bool bad)
{
	counter_add(&slot->n, 1);
	if (failed)
		counter_add_part(&slot->failed, 1);
	if (bad)
		counter_add_part(&slot->bad, 1);
}

bool route_stats_record(struct route_stats *stats, size_t worker, uint32_t current_generation,
    const struct outcome *outcome)
{
	struct shard *shard = stats->shards[worker];
	unsigned path_class =
	    outcome->path_class < PATH_CLASSES ? outcome->path_class : PATH_CLASS_OTHER;
	struct cell *cell = shard_cell(shard, path_class, outcome->arm);
	size_t slot = outcome->generation % EVIDENCE_GENERATIONS;
	bool failed = outcome->failure != FAILURE_NONE;
	bool bad;

	if (cell != NULL)
		record_totals(cell, outcome,
		    atomic_load_explicit(&stats->slow_threshold_us, memory_order_relaxed));
	if (!outcome->counts || outcome->client_gone ||
	    current_generation - outcome->generation >= EVIDENCE_GENERATIONS)
		return false;

	bad = failed &&
	      (!outcome->has_unit || epoch_map_first(&stats->epoch, outcome->unit_hash));
	slot_add(&shard->evidence[outcome->arm][slot], failed, bad);
	if (cell != NULL)
		slot_add(&cell->evidence[slot], failed, bad);
	if (!bad || outcome->arm != ARM_CANARY ||
	    ++shard->canary_failures < WAKE_AFTER_FAILURES)
		return false;
	shard->canary_failures = 0;
	return true;
}

static const struct cell *read_cell(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm)
{
	return atomic_load_explicit(
	    &stats->shards[worker]->cells[path_class][arm], memory_order_acquire);
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
			histogram_merge(
			    sum, kind == LATENCY_TOTAL ? &cell->total : &cell->first_byte);
			any = true;
		}
	}
	return any;
}

static void add_slots(
    struct evidence *evidence, enum arm arm, const struct evidence_slot *slots)
{
	for (size_t i = 0; i < EVIDENCE_GENERATIONS; i++) {
		evidence->slots[i][arm].bad += counter_read_part(&slots[i].bad);
		evidence->slots[i][arm].failed += counter_read_part(&slots[i].failed);
		evidence->slots[i][arm].n += counter_read(&slots[i].n);
	}
}

void route_stats_evidence(
    const struct route_stats *stats, unsigned path_class, struct evidence *evidence)
{
	*evidence =
	    (struct evidence) { .epoch_is_full = epoch_map_is_half_full(&stats->epoch) };
	for (size_t worker = 0; worker < stats->n_shards; worker++) {
		for (enum arm arm = 0; arm < ARMS; arm++) {
			const struct cell *cell;

			if (path_class == PATH_CLASS_ALL) {
				add_slots(evidence, arm, stats->shards[worker]->evidence[arm]);
				continue;
			}
			cell = read_cell(stats, worker, path_class, arm);
			if (cell != NULL)
				add_slots(evidence, arm, cell->evidence);
		}
	}
}

void route_stats_begin_epoch(struct route_stats *stats)
{
	epoch_map_clear(&stats->epoch);
}
