#include "rollout/drill_faults.h"

#include <math.h>
#include <stdbool.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_bits(struct drill_faults *faults)
{
	uint64_t z = faults->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* (0, 1] */
static double uniform(struct drill_faults *faults)
{
	return ((double)(next_bits(faults) >> 11) + 1) * 0x1p-53;
}

uint32_t drill_draw(struct drill_faults *faults, uint32_t n, double probability)
{
	double log_not, at = 0;
	uint32_t drawn = 0;

	if (probability <= 0 || n == 0)
		return 0;
	if (probability >= 1)
		return n;
	/* The rarer of the two outcomes is drawn: from one to the next it is geometric. */
	if (probability > 0.5)
		return n - drill_draw(faults, n, 1 - probability);
	log_not = log1p(-probability);
	for (;;) {
		at += floor(log(uniform(faults)) / log_not) + 1;
		if (at > n)
			return drawn;
		drawn++;
	}
}

/* Of one arm's counts: what concerns a drill. */
struct part {
	uint32_t good;
	uint32_t failed_again; /* of units that have failed before */
	uint32_t bad;
};

static struct part part_of(const struct evidence_counts *counts)
{
	uint32_t failed = counts->failed < counts->n ? counts->failed : counts->n;
	uint32_t bad = counts->bad < failed ? counts->bad : failed;

	return (struct part) {
		.good = counts->n - failed, .failed_again = failed - bad, .bad = bad
	};
}

static void take_away(uint32_t *from, uint32_t n)
{
	*from -= n < *from ? n : *from;
}

static void part_take_away(struct part *from, const struct part *part)
{
	take_away(&from->good, part->good);
	take_away(&from->failed_again, part->failed_again);
	take_away(&from->bad, part->bad);
}

/* What is to become of one entry. */
struct change {
	struct part moved; /* from legacy to the canary */
	uint32_t faults;
};

static struct change draw_change(
    struct drill_faults *faults, const struct part *legacy, const struct part *canary)
{
	struct change change = { .faults = 0 };

	if (faults->stand_in > 0) {
		double share = faults->stand_in;

		change.moved.good = drill_draw(faults, legacy->good, share);
		change.moved.failed_again = drill_draw(faults, legacy->failed_again, share);
		change.moved.bad = drill_draw(faults, legacy->bad, share);
	}
	change.faults = drill_draw(faults, canary->good + change.moved.good, faults->fail);
	return change;
}

static void change_entry(struct evidence_entry *entry, const struct change *change)
{
	struct evidence_counts *legacy = &entry->arms[ARM_LEGACY];
	struct evidence_counts *canary = &entry->arms[ARM_CANARY];
	const struct part *moved = &change->moved;
	uint32_t failed = moved->failed_again + moved->bad;

	take_away(&legacy->n, moved->good + failed);
	take_away(&legacy->failed, failed);
	take_away(&legacy->bad, moved->bad);
	canary->n += moved->good + failed;
	canary->failed += failed + change->faults;
	canary->bad += moved->bad + change->faults;
}

/* Whose requests stand in for the canary's were neither timed as its own, nor sampled. */
static void leave_out_the_rest(struct evidence_entry *entry)
{
	entry->has_latency = false;
	for (enum arm arm = 0; arm < ARMS; arm++)
		entry->arms[arm] = (struct evidence_counts) {
			.n = entry->arms[arm].n,
			.failed = entry->arms[arm].failed,
			.bad = entry->arms[arm].bad,
		};
}

static bool is_since(uint32_t first, uint32_t generation)
{
	return (int32_t)(generation - first) >= 0;
}

static struct evidence_entry *entry_of(struct evidence *evidence, uint32_t generation)
{
	for (size_t i = 0; i < evidence->n_entries; i++)
		if (evidence->entries[i].generation == generation)
			return &evidence->entries[i];
	return NULL;
}

struct applying {
	struct drill_faults *faults;
	uint32_t first;
	struct evidence *route;
	struct part rest[EVIDENCE_GENERATIONS][ARMS]; /* of the route: in none of its paths */
};

static uint32_t apply_to_path_entry(struct applying *applying, struct evidence_entry *entry)
{
	struct evidence_entry *whole = entry_of(applying->route, entry->generation);
	struct part arms[ARMS] = { part_of(&entry->arms[ARM_LEGACY]),
		part_of(&entry->arms[ARM_CANARY]) };
	struct change change;

	if (whole == NULL || !is_since(applying->first, entry->generation))
		return 0;
	for (enum arm arm = 0; arm < ARMS; arm++)
		part_take_away(
		    &applying->rest[whole - applying->route->entries][arm], &arms[arm]);
	change = draw_change(applying->faults, &arms[ARM_LEGACY], &arms[ARM_CANARY]);
	change_entry(entry, &change);
	change_entry(whole, &change);
	if (applying->faults->stand_in > 0)
		leave_out_the_rest(entry);
	return change.faults;
}

static uint32_t apply_to_rest(struct applying *applying, size_t i)
{
	struct evidence_entry *entry = &applying->route->entries[i];
	const struct part *rest = applying->rest[i];
	struct change change;

	if (!is_since(applying->first, entry->generation))
		return 0;
	change = draw_change(applying->faults, &rest[ARM_LEGACY], &rest[ARM_CANARY]);
	change_entry(entry, &change);
	if (applying->faults->stand_in > 0)
		leave_out_the_rest(entry);
	return change.faults;
}

uint64_t drill_faults_apply(struct drill_faults *faults, uint32_t first, struct evidence *route,
    struct path_evidence *paths, size_t n_paths)
{
	struct applying applying = { .faults = faults, .first = first, .route = route };
	uint64_t added = 0;

	for (size_t i = 0; i < route->n_entries; i++)
		for (enum arm arm = 0; arm < ARMS; arm++)
			applying.rest[i][arm] = part_of(&route->entries[i].arms[arm]);
	for (size_t p = 0; p < n_paths; p++)
		for (size_t i = 0; i < paths[p].evidence.n_entries; i++)
			added += apply_to_path_entry(&applying, &paths[p].evidence.entries[i]);
	for (size_t i = 0; i < route->n_entries; i++)
		added += apply_to_rest(&applying, i);
	return added;
}
