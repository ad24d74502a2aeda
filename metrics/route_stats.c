#include "metrics/route_stats.h"

#include "base/dense.h"
#include "metrics/shard.h"

#include <stdlib.h>
#include <string.h>

enum {
	WAKE_AFTER_FAILURES = 3, /* docs/policy.md, 4 */
};

static size_t stats_bytes(size_t workers)
{
	return sizeof(struct route_stats) + workers * sizeof(struct shard);
}

struct route_stats *route_stats_new(size_t workers, uint32_t slow_threshold_us)
{
	struct route_stats *stats = dense_take(stats_bytes(workers));

	if (stats == NULL)
		return NULL;
	stats->n_shards = workers;
	stats->failed = calloc(1, sizeof(*stats->failed));
	if (stats->failed == NULL) {
		route_stats_free(stats);
		return NULL;
	}
	route_stats_set_slow_threshold(stats, slow_threshold_us);
	return stats;
}

void route_stats_free(struct route_stats *stats)
{
	if (stats == NULL)
		return;
	for (size_t i = 0; i < stats->n_shards; i++) {
		for (size_t c = 0; c < PATH_CLASSES; c++)
			for (size_t arm = 0; arm < ARMS; arm++)
				dense_give(atomic_load_explicit(&stats->shards[i].cells[c][arm],
					       memory_order_relaxed),
				    sizeof(struct cell));
	}
	free(stats->failed);
	free(atomic_load_explicit(&stats->over, memory_order_relaxed));
	free(atomic_load_explicit(&stats->far, memory_order_relaxed));
	free(atomic_load_explicit(&stats->units, memory_order_relaxed));
	dense_give(atomic_load_explicit(&stats->thresholds, memory_order_relaxed),
	    sizeof(struct thresholds));
	dense_give(stats, stats_bytes(stats->n_shards));
}

static void set_bits(_Atomic uint64_t *set, uint64_t bits)
{
	uint64_t now = atomic_load_explicit(set, memory_order_relaxed);

	atomic_store_explicit(set, now | bits, memory_order_release);
}

/* The worker's own cell, made on first use. NULL when out of memory. */
static struct cell *shard_cell(struct shard *shard, unsigned path_class, enum arm arm)
{
	_Atomic(struct cell *) *place = &shard->cells[path_class][arm];
	struct cell *cell = atomic_load_explicit(place, memory_order_relaxed);

	if (__builtin_expect(cell == NULL, 0)) {
		cell = dense_take(sizeof(*cell));
		/* A reader that sees the cell sees its zeros. */
		atomic_store_explicit(place, cell, memory_order_release);
		if (cell != NULL && path_class != PATH_CLASS_OTHER)
			set_bits(&shard->classes, UINT64_C(1) << path_class);
	}
	return cell;
}

static unsigned class_of(const struct outcome *outcome)
{
	return outcome->path_class < PATH_CLASSES ? outcome->path_class : PATH_CLASS_OTHER;
}

static enum status_class status_class_of(unsigned status)
{
	return status >= 100 && status < 600 ? (enum status_class)(status / 100) : STATUS_NONE;
}

static uint64_t waited_us(const struct outcome *outcome)
{
	return outcome->has_first_byte ? outcome->first_byte_us : outcome->total_us;
}

static bool is_over(const struct route_stats *stats, uint64_t us)
{
	uint32_t threshold =
	    atomic_load_explicit(&stats->slow_threshold_us, memory_order_relaxed);

	return threshold != 0 && us > threshold;
}

static void record_totals(
    const struct route_stats *stats, struct cell *cell, const struct outcome *outcome)
{
	counter_add(&cell->status[status_class_of(outcome->status)], 1);
	/* Legacy's quantiles are frozen from this: testers have no say in them. */
	if (outcome->has_first_byte && outcome->counts)
		histogram_record(
		    &cell->first_byte, &cell->first_byte_sum_us, outcome->first_byte_us);
	if (outcome->client_gone) {
		counter_add_part(&cell->client_gone, 1);
		return; /* how long it would have taken, and whether it would have failed */
	}
	histogram_record(&cell->total, &cell->total_sum_us, outcome->total_us);
	if (is_over(stats, waited_us(outcome)))
		counter_add(&cell->slow, 1);
	if (outcome->failure != FAILURE_NONE)
		counter_add_part(&cell->failures[outcome->failure], 1);
	if (!outcome->counts) {
		counter_add_part(&cell->uncounted, 1);
		if (outcome->failure != FAILURE_NONE)
			counter_add_part(&cell->uncounted_failed, 1);
	}
}

/* Without a map (memory was short) each counts, as if it had no key. */
static bool is_first(struct epoch_map *map, const struct outcome *outcome)
{
	return map == NULL || !outcome->has_unit || epoch_map_first(map, outcome->unit_hash);
}

/* Three of them, and the control thread had better look at once. */
static bool is_urgent(struct shard *shard, enum arm arm)
{
	if (arm != ARM_CANARY || ++shard->canary_failures < WAKE_AFTER_FAILURES)
		return false;
	shard->canary_failures = 0;
	return true;
}

/* Past the latency budget's threshold: a failure of that budget. */
static bool record_over(
    struct route_stats *stats, struct shard *shard, const struct outcome *outcome)
{
	struct route_slot *slot =
	    &shard->slots[outcome->generation % EVIDENCE_GENERATIONS][outcome->arm];
	struct epoch_map *map = atomic_load_explicit(&stats->over, memory_order_acquire);

	bool first = is_first(map, outcome);

	count32(&slot->over_all, 1);
	if (first)
		count32(&slot->over, 1);
	atomic_store_explicit(&shard->marks.route, 1, memory_order_release);
	return first && is_urgent(shard, outcome->arm);
}

/* How many latency thresholds it has passed by now. */
static unsigned level_of(
    const struct route_stats *stats, const struct outcome *outcome, uint64_t us)
{
	const struct thresholds *thresholds =
	    atomic_load_explicit(&stats->thresholds, memory_order_acquire);

	if (thresholds == NULL)
		return 0;
	return thresholds_level(
	    thresholds, outcome->generation, class_of(outcome), outcome->arm, us);
}

/* Which half of legacy it counts in, where the design effect is told from: by its key. */
static unsigned half_of(const struct outcome *outcome, const struct cell *cell)
{
	/* Not a bit that the sample of keys was chosen by. */
	return (unsigned)(outcome->has_unit ? outcome->unit_hash >> 8
					    : counter_read(&cell->status[STATUS_2XX])) &
	       1;
}

static void record_far(
    struct route_stats *stats, struct evidence_slot *slot, const struct outcome *outcome)
{
	if (is_first(atomic_load_explicit(&stats->far, memory_order_acquire), outcome))
		count32(&slot->far, 1);
}

/* True where it was far too slow. */
static bool record_latency(struct route_stats *stats, const struct cell *cell,
    struct evidence_slot *slot, const struct outcome *outcome)
{
	unsigned level = level_of(stats, outcome, waited_us(outcome));
	unsigned was = outcome->was_slow;
	bool far;

	if (level < was)
		level = was;
	far = level > LEVEL_THRESHOLDS;
	if (far) {
		level = LEVEL_THRESHOLDS;
		if (was <= LEVEL_THRESHOLDS)
			record_far(stats, slot, outcome);
	}
	/* Out of `early` before it is in its level: never in both. */
	for (unsigned i = 0; i < was && i < LEVEL_THRESHOLDS; i++)
		count32(&slot->early[i], UINT32_MAX);
	count32(&slot->level[half_of(outcome, cell)][level], 1);
	return far;
}

/* There is something to read; after the counters, so that it is not cleared too soon. */
static void mark(struct shard *shard, unsigned path_class, bool late, bool harm)
{
	uint64_t bit = UINT64_C(1) << (path_class % PATH_CLASS_SLOTS);

	if (late)
		set_bits(&shard->marks.late, bit);
	if (harm)
		set_bits(&shard->marks.harm, bit);
	if (path_class == PATH_CLASS_OTHER)
		atomic_store_explicit(&shard->marks.other, 1, memory_order_release);
	else
		set_bits(&shard->marks.news, bit);
}

static bool is_evidence(const struct outcome *outcome, uint32_t current_generation)
{
	return outcome->counts && outcome->randomised && !outcome->client_gone &&
	       current_generation - outcome->generation < EVIDENCE_GENERATIONS;
}

/* True as for route_stats_record(): a drill is to find out how quick weir is. */
static bool record_drill(struct shard *shard, const struct outcome *outcome)
{
	counter_add(&shard->drill[outcome->arm], 1);
	if (outcome->failure == FAILURE_NONE)
		return false;
	counter_add_part(&shard->drill_failed[outcome->arm], 1);
	return is_urgent(shard, outcome->arm);
}

void route_stats_prefetch_place(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm)
{
	const struct shard *shard = &stats->shards[worker];

	__builtin_prefetch(shard);
	__builtin_prefetch(&shard->cells[path_class][arm]);
}

const struct cell *route_stats_cell(
    const struct route_stats *stats, size_t worker, unsigned path_class, enum arm arm)
{
	return atomic_load_explicit(
	    &stats->shards[worker].cells[path_class][arm], memory_order_relaxed);
}

void route_stats_prefetch(
    const struct route_stats *stats, const struct cell *cell, uint32_t generation)
{
	__builtin_prefetch(stats);
	if (cell == NULL)
		return;
	__builtin_prefetch(cell);
	__builtin_prefetch(&cell->evidence[generation % EVIDENCE_GENERATIONS].slot);
}

void route_stats_prefetch_latency(
    const struct cell *cell, uint64_t first_byte_us, uint64_t total_us)
{
	if (cell == NULL)
		return;
	histogram_prefetch(&cell->first_byte, first_byte_us);
	histogram_prefetch(&cell->total, total_us);
}

bool route_stats_record(struct route_stats *stats, size_t worker, uint32_t current_generation,
    const struct outcome *outcome)
{
	struct shard *shard = &stats->shards[worker];
	struct cell *cell = shard_cell(shard, class_of(outcome), outcome->arm);
	struct evidence_slot *slot;
	bool urgent = false;
	bool harm;

	if (cell == NULL)
		return false;
	record_totals(stats, cell, outcome);
	if (outcome->synthetic)
		urgent = record_drill(shard, outcome);
	if (!is_evidence(outcome, current_generation))
		return urgent;
	slot = &cell->evidence[outcome->generation % EVIDENCE_GENERATIONS].slot;
	harm = record_latency(stats, cell, slot, outcome);
	if (!outcome->was_over && is_over(stats, waited_us(outcome)))
		urgent = record_over(stats, shard, outcome);
	if (outcome->failure != FAILURE_NONE) {
		harm = true;
		count32(&slot->failed, 1);
		if (is_first(stats->failed, outcome)) {
			count32(&slot->bad, 1);
			urgent |= is_urgent(shard, outcome->arm);
		}
	}
	mark(shard, class_of(outcome), outcome->generation != current_generation, harm);
	return urgent;
}

bool route_stats_in_flight(struct route_stats *stats, size_t worker,
    uint32_t current_generation, struct outcome *outcome, uint64_t us)
{
	struct shard *shard = &stats->shards[worker];
	struct cell *cell = shard_cell(shard, class_of(outcome), outcome->arm);
	struct evidence_slot *slot;
	bool urgent = false;
	unsigned level;

	if (cell == NULL || !is_evidence(outcome, current_generation))
		return false;
	slot = &cell->evidence[outcome->generation % EVIDENCE_GENERATIONS].slot;
	level = level_of(stats, outcome, us);
	if (level <= outcome->was_slow && (outcome->was_over || !is_over(stats, us)))
		return false;
	for (; outcome->was_slow < level; outcome->was_slow++) {
		if (outcome->was_slow < LEVEL_THRESHOLDS)
			count32(&slot->early[outcome->was_slow], 1);
		else
			record_far(stats, slot, outcome);
	}
	if (!outcome->was_over && is_over(stats, us)) {
		outcome->was_over = true;
		urgent = record_over(stats, shard, outcome);
	}
	mark(shard, class_of(outcome), outcome->generation != current_generation, true);
	return urgent;
}

void route_stats_assigned(struct route_stats *stats, size_t worker, uint32_t generation,
    enum arm arm, uint64_t unit_hash)
{
	struct epoch_map *units = atomic_load_explicit(&stats->units, memory_order_acquire);
	struct shard *shard = &stats->shards[worker];

	/* Past half full the map takes different users for one another. */
	if (units == NULL || epoch_map_is_half_full(units) ||
	    !epoch_map_first(units, unit_hash >> 4))
		return;
	count32(&shard->slots[generation % EVIDENCE_GENERATIONS][arm].units, 1);
	atomic_store_explicit(&shard->marks.route, 1, memory_order_release);
}

struct epoch_map *stats_need_map(_Atomic(struct epoch_map *) *place)
{
	struct epoch_map *map = atomic_load_explicit(place, memory_order_relaxed);

	if (map == NULL) {
		map = calloc(1, sizeof(*map));
		atomic_store_explicit(place, map, memory_order_release);
	}
	return map;
}

void route_stats_set_slow_threshold(struct route_stats *stats, uint32_t slow_threshold_us)
{
	if (slow_threshold_us != 0)
		stats_need_map(&stats->over);
	atomic_store_explicit(
	    &stats->slow_threshold_us, slow_threshold_us, memory_order_relaxed);
}

void route_stats_begin_units(struct route_stats *stats)
{
	struct epoch_map *units = stats_need_map(&stats->units);

	if (units != NULL)
		epoch_map_clear(units);
}

void route_stats_begin_epoch(struct route_stats *stats)
{
	struct epoch_map *over = atomic_load_explicit(&stats->over, memory_order_relaxed);
	struct epoch_map *far = atomic_load_explicit(&stats->far, memory_order_relaxed);

	epoch_map_clear(stats->failed);
	if (over != NULL)
		epoch_map_clear(over);
	if (far != NULL)
		epoch_map_clear(far);
}

size_t route_stats_save_epoch(const struct route_stats *stats, uint16_t units[EPOCH_SAVED_MAX])
{
	const struct epoch_map *map = stats->failed;
	size_t n = 0;

	if (atomic_load_explicit(&map->used, memory_order_relaxed) == 0)
		return 0;
	for (unsigned i = 0; i < EPOCH_MAP_WORDS; i++) {
		uint64_t word = atomic_load_explicit(&map->words[i], memory_order_relaxed);

		for (; word != 0; word &= word - 1) {
			if (n == EPOCH_SAVED_MAX)
				return 0;
			units[n++] = (uint16_t)(i * 64 + (unsigned)__builtin_ctzll(word));
		}
	}
	return n;
}

void route_stats_restore_epoch(struct route_stats *stats, const uint16_t *units, size_t n)
{
	for (size_t i = 0; i < n; i++)
		epoch_map_first(stats->failed, units[i]);
}
