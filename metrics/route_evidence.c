/* What the control thread reads as evidence: the differences since it last looked. */
#include "metrics/route_stats.h"
#include "base/dense.h"
#include "metrics/shard.h"

#include <stdlib.h>
#include <string.h>

enum {
	/*
	 * Each so many reads look at all generations: of every class, in time, as it has no
	 * factor in common with TURNS.
	 */
	FULL_READ = 31,
	/*
	 * Of a route with more classes than this that have news, those without a failure or
	 * something far too slow are read in turn, each once in so many reads.
	 */
	CLASSES_AT_ONCE = 16,
	TURNS = 10,
};

static uint32_t read32(const _Atomic uint32_t *count)
{
	return atomic_load_explicit(count, memory_order_acquire);
}

static uint32_t since(uint32_t *seen, uint32_t now)
{
	uint32_t more = now - *seen;

	*seen = now;
	return more;
}

/* One worker's slot. Parts are read before what they are part of. */
static void add_slot(const struct evidence_slot *slot, struct evidence_seen *seen,
    struct evidence_counts *counts)
{
	uint32_t slow[LEVEL_THRESHOLDS];
	uint32_t more[LATENCY_HALVES][LATENCY_LEVELS];

	counts->slow[THRESHOLD_FAR] += since(&seen->far, read32(&slot->far));
	counts->bad += since(&seen->bad, read32(&slot->bad));
	counts->failed += since(&seen->failed, read32(&slot->failed));
	for (unsigned i = 0; i < LEVEL_THRESHOLDS; i++)
		slow[i] = read32(&slot->early[i]);
	for (unsigned h = 0; h < LATENCY_HALVES; h++) {
		for (unsigned l = 0; l < LATENCY_LEVELS; l++) {
			uint32_t now = read32(&slot->level[h][l]);

			more[h][l] = since(&seen->level[h][l], now);
			counts->n += more[h][l];
			counts->half_n[h] += more[h][l];
			for (unsigned i = 0; i < LEVEL_THRESHOLDS; i++) {
				if (i >= l) {
					counts->good[i] += more[h][l];
					continue;
				}
				slow[i] += now;
				counts->half_slow[h][i] += more[h][l];
			}
		}
	}
	for (unsigned i = 0; i < LEVEL_THRESHOLDS; i++) {
		/* One on its way from `early` to its level was in neither for an instant. */
		if ((int32_t)(slow[i] - seen->slow[i]) > 0)
			counts->slow[i] += since(&seen->slow[i], slow[i]);
	}
}

static bool has_news(const struct evidence_counts *counts)
{
	uint32_t any = counts->n | counts->failed | counts->bad | counts->over |
		       counts->over_all | counts->units;

	for (unsigned i = 0; i < LATENCY_THRESHOLDS; i++)
		any |= counts->slow[i];
	return any != 0;
}

/* The entry of a generation; the latest comes first, the others in order of age. */
static struct evidence_entry *entry_of(
    struct evidence *evidence, uint32_t generation, bool has_latency)
{
	for (size_t i = 0; i < evidence->n_entries; i++)
		if (evidence->entries[i].generation == generation)
			return &evidence->entries[i];
	evidence->entries[evidence->n_entries] =
	    (struct evidence_entry) { .generation = generation, .has_latency = has_latency };
	return &evidence->entries[evidence->n_entries++];
}

/* The reading of one route, as far as it has come. */
struct reading {
	struct route_stats *stats;
	const struct thresholds *thresholds;
	uint32_t generation;
	struct evidence *route;
};

/* Generations are numbers on a circle: is this one at or after the thresholds'? */
static bool has_thresholds(const struct reading *reading, uint32_t generation)
{
	uint32_t from =
	    reading->thresholds != NULL
		? atomic_load_explicit(&reading->thresholds->since, memory_order_relaxed)
		: 0;

	return from != 0 && (int32_t)(generation - from) >= 0;
}

static void read_generation(struct reading *reading, unsigned path_class, uint32_t generation,
    struct path_evidence *path)
{
	size_t slot = generation % EVIDENCE_GENERATIONS;
	bool latency = has_thresholds(reading, generation);
	struct evidence_counts arms[ARMS] = { { .n = 0 } };
	struct evidence_entry *entry;

	for (size_t w = 0; w < reading->stats->n_shards; w++) {
		for (enum arm arm = 0; arm < ARMS; arm++) {
			struct cell *cell = atomic_load_explicit(
			    &reading->stats->shards[w].cells[path_class][arm],
			    memory_order_acquire);

			if (cell != NULL)
				add_slot(&cell->evidence[slot].slot, &cell->evidence[slot].seen,
				    &arms[arm]);
		}
	}
	if (generation != reading->generation && !has_news(&arms[ARM_LEGACY]) &&
	    !has_news(&arms[ARM_CANARY]))
		return;
	entry = entry_of(
	    &path->evidence, generation, latency && reading->thresholds->own[path_class]);
	for (enum arm arm = 0; arm < ARMS; arm++)
		entry->arms[arm] = arms[arm];
	entry = entry_of(reading->route, generation, latency);
	for (enum arm arm = 0; arm < ARMS; arm++)
		evidence_counts_add(&entry->arms[arm], &arms[arm]);
}

/* The marks of all workers, taken down. */
struct marked {
	uint64_t news;
	uint64_t late;
	uint64_t harm;
	bool other;
	bool route;
};

static struct marked take_marks(struct route_stats *stats)
{
	struct marked marked = { 0 };

	for (size_t w = 0; w < stats->n_shards; w++) {
		struct marks *marks = &stats->shards[w].marks;

		/* The worker sets them the other way round: none is lost between the two. */
		marked.late |= atomic_exchange(&marks->late, 0);
		marked.harm |= atomic_exchange(&marks->harm, 0);
		marked.news |= atomic_exchange(&marks->news, 0);
		marked.other |= atomic_exchange(&marks->other, 0) != 0;
		marked.route |= atomic_exchange(&marks->route, 0) != 0;
	}
	return marked;
}

/* What is kept for the whole route alone. */
static void read_route_slots(struct reading *reading, uint32_t age)
{
	uint32_t generation = reading->generation - age;
	size_t slot = generation % EVIDENCE_GENERATIONS;
	struct evidence_counts arms[ARMS] = { { .n = 0 } };
	struct evidence_entry *entry;

	for (size_t w = 0; w < reading->stats->n_shards; w++) {
		struct shard *shard = &reading->stats->shards[w];

		for (enum arm arm = 0; arm < ARMS; arm++) {
			struct route_slot *now = &shard->slots[slot][arm];
			struct route_seen *seen = &shard->seen[slot][arm];

			arms[arm].over += since(&seen->over, read32(&now->over));
			arms[arm].over_all += since(&seen->over_all, read32(&now->over_all));
			arms[arm].units += since(&seen->units, read32(&now->units));
		}
	}
	if (!has_news(&arms[ARM_LEGACY]) && !has_news(&arms[ARM_CANARY]))
		return;
	entry = entry_of(reading->route, generation, has_thresholds(reading, generation));
	for (enum arm arm = 0; arm < ARMS; arm++) {
		entry->arms[arm].over = arms[arm].over;
		entry->arms[arm].over_all = arms[arm].over_all;
		entry->arms[arm].units = arms[arm].units;
	}
}

static bool is_half_full(const struct route_stats *stats)
{
	const struct epoch_map *over = atomic_load_explicit(&stats->over, memory_order_relaxed);
	const struct epoch_map *far = atomic_load_explicit(&stats->far, memory_order_relaxed);

	return epoch_map_is_half_full(stats->failed) ||
	       (over != NULL && epoch_map_is_half_full(over)) ||
	       (far != NULL && epoch_map_is_half_full(far));
}

/* Every tenth class, from that one on. */
static uint64_t classes_of_turn(uint32_t turn)
{
	uint64_t classes = 0;

	for (uint32_t c = turn % TURNS; c < PATH_CLASS_SLOTS; c += TURNS)
		classes |= UINT64_C(1) << c;
	return classes;
}

/* Which classes are to be read now; the others keep their news. */
static uint64_t take_turn(struct route_stats *stats, const struct marked *marked, bool all)
{
	uint64_t taken = stats->unread | marked->news | marked->late;

	if (!all && __builtin_popcountll(taken) > CLASSES_AT_ONCE)
		taken &= marked->harm | classes_of_turn(stats->n_reads);
	stats->unread = (stats->unread | marked->news | marked->late) & ~taken;
	return taken;
}

/* What will be read is cold: it comes side by side. */
static void prefetch_classes(const struct reading *reading, uint64_t classes)
{
	size_t slot = reading->generation % EVIDENCE_GENERATIONS;

	for (uint64_t left = classes; left != 0; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctzll(left);

		for (size_t w = 0; w < reading->stats->n_shards; w++) {
			for (enum arm arm = 0; arm < ARMS; arm++) {
				struct cell *cell = atomic_load_explicit(
				    &reading->stats->shards[w].cells[c][arm],
				    memory_order_relaxed);

				if (cell == NULL)
					continue;
				__builtin_prefetch(&cell->evidence[slot].slot);
				__builtin_prefetch(&cell->evidence[slot].seen, 1);
			}
		}
	}
}

/* The news of one class: in the latest generation, and in older ones where need be. */
static void read_class(struct reading *reading, unsigned path_class, uint32_t generations,
    struct path_evidence *path)
{
	path->path_class = path_class;
	path->evidence.n_entries = 0;
	path->evidence.epoch_is_full = false;
	for (uint32_t age = 0; age < generations; age++)
		read_generation(reading, path_class, reading->generation - age, path);
}

size_t route_stats_read_evidence(struct route_stats *stats, uint32_t generation,
    struct evidence *route, struct path_evidence *paths)
{
	struct reading reading = {
		.stats = stats,
		.thresholds = atomic_load_explicit(&stats->thresholds, memory_order_relaxed),
		.generation = generation,
		.route = route,
	};
	struct marked marked = take_marks(stats);
	/* Now and then for what was counted just as the generation changed. */
	bool changed = generation != stats->read_generation;
	bool all = changed || ++stats->n_reads % FULL_READ == 0;
	uint64_t late = stats->unread_late | marked.late;
	uint64_t taken = take_turn(stats, &marked, changed);
	size_t n_paths = 0;

	*route = (struct evidence) { .epoch_is_full = is_half_full(stats) };
	entry_of(route, generation, has_thresholds(&reading, generation));
	stats->read_generation = generation;
	stats->unread_late = late & ~taken;
	prefetch_classes(&reading, taken);
	for (uint64_t left = taken; left != 0; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctzll(left);

		read_class(&reading, c, all || (late >> c & 1) != 0 ? EVIDENCE_GENERATIONS : 1,
		    &paths[n_paths++]);
	}
	/* Whose late ones share a bit with class 0. */
	if (marked.other)
		read_class(&reading, PATH_CLASS_OTHER,
		    all || marked.late != 0 ? EVIDENCE_GENERATIONS : 1, &paths[n_paths++]);
	for (uint32_t age = 0; marked.route && age < EVIDENCE_GENERATIONS; age++)
		read_route_slots(&reading, age);
	return n_paths;
}

bool route_stats_has_unread(const struct route_stats *stats)
{
	return stats->unread != 0;
}

static bool legacy_quantiles(
    const struct route_stats *stats, unsigned path_class, uint32_t us[LATENCY_THRESHOLDS])
{
	struct histogram_sum sum;

	return route_stats_latency(stats, path_class, ARM_LEGACY, LATENCY_FIRST_BYTE, &sum) &&
	       thresholds_quantiles(&sum, us);
}

static struct thresholds *need_thresholds(struct route_stats *stats)
{
	struct thresholds *thresholds =
	    atomic_load_explicit(&stats->thresholds, memory_order_relaxed);

	if (thresholds == NULL) {
		thresholds = dense_take(sizeof(*thresholds));
		atomic_store_explicit(&stats->thresholds, thresholds, memory_order_release);
	}
	return thresholds;
}

bool route_stats_freeze_thresholds(
    struct route_stats *stats, uint32_t generation, const struct handicap *handicap)
{
	uint32_t route_us[LATENCY_THRESHOLDS];
	struct thresholds *thresholds;

	if (!legacy_quantiles(stats, PATH_CLASS_ALL, route_us))
		return false;
	thresholds = need_thresholds(stats);
	if (thresholds == NULL)
		return false;
	stats_need_map(&stats->far);
	for (unsigned c = 0; c <= PATH_CLASS_ALL; c++) {
		thresholds->own[c] = legacy_quantiles(stats, c, thresholds->frozen_us[c]);
		if (!thresholds->own[c])
			memcpy(thresholds->frozen_us[c], route_us, sizeof(route_us));
	}
	thresholds_publish(thresholds, generation, handicap);
	return true;
}

void route_stats_settle_thresholds(
    struct route_stats *stats, uint32_t generation, const struct handicap *handicap)
{
	struct thresholds *thresholds =
	    atomic_load_explicit(&stats->thresholds, memory_order_relaxed);

	if (thresholds == NULL)
		return;
	for (unsigned c = 0; c < PATH_CLASSES; c++)
		if (!thresholds->own[c])
			thresholds->own[c] =
			    legacy_quantiles(stats, c, thresholds->frozen_us[c]);
	thresholds_publish(thresholds, generation, handicap);
}

bool route_stats_thresholds(
    const struct route_stats *stats, unsigned path_class, uint32_t us[LATENCY_THRESHOLDS])
{
	const struct thresholds *thresholds =
	    atomic_load_explicit(&stats->thresholds, memory_order_relaxed);

	if (thresholds == NULL || !thresholds->own[path_class])
		return false;
	for (unsigned i = 0; i < LATENCY_THRESHOLDS; i++)
		us[i] = thresholds->frozen_us[path_class][i];
	return true;
}
