#include "rollout/release_parts.h"

#include <string.h>

/* Since `oldest`, and not so long ago that its weight is forgotten. */
static bool is_since(const struct release *release, uint32_t oldest, uint32_t generation)
{
	return generation >= oldest && generation <= release->generation &&
	       release->generation - generation < EVIDENCE_GENERATIONS;
}

/* A generation of the same weight in the same stage is the stage's own evidence. */
static bool is_same_setting(const struct release *release, uint32_t generation)
{
	size_t then = generation % EVIDENCE_GENERATIONS;
	size_t now = release->generation % EVIDENCE_GENERATIONS;

	return generation == release->generation ||
	       (generation >= release->stage_generation &&
		   release->weights_ppm[then] == release->weights_ppm[now] &&
		   release->has_thresholds[then] == release->has_thresholds[now]);
}

/* Nothing was counted yet: what `arms` holds is not looked at. */
static void begin_entry(
    const struct release *release, struct guard_entry *entry, uint32_t generation)
{
	size_t slot = generation % EVIDENCE_GENERATIONS;

	entry->weight = (double)release->weights_ppm[slot] / PPM;
	entry->has_latency = release->has_thresholds[slot];
}

static void gather(const struct release *release, const struct evidence *evidence,
    struct guard_entry entries[EVIDENCE_GENERATIONS], size_t *n_entries)
{
	bool has_first = false;

	begin_entry(release, &entries[0], release->generation);
	*n_entries = 1;
	for (size_t i = 0; i < evidence->n_entries && i < EVIDENCE_GENERATIONS; i++) {
		const struct evidence_entry *counted = &evidence->entries[i];
		struct guard_entry *entry = &entries[0];
		bool is_new = !has_first;

		if (!is_since(release, release->first_generation, counted->generation))
			continue;
		if (!is_same_setting(release, counted->generation)) {
			if (*n_entries == EVIDENCE_GENERATIONS)
				continue;
			entry = &entries[(*n_entries)++];
			begin_entry(release, entry, counted->generation);
			is_new = true;
		} else {
			has_first = true;
		}
		if (is_new)
			memcpy(entry->arms, counted->arms, sizeof(entry->arms));
		for (enum arm arm = 0; arm < ARMS && !is_new; arm++)
			evidence_counts_add(&entry->arms[arm], &counted->arms[arm]);
	}
	if (!has_first)
		memset(entries[0].arms, 0, sizeof(entries[0].arms));
}

static void count(struct release *release, const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->n_entries && i < EVIDENCE_GENERATIONS; i++) {
		const struct evidence_entry *counted = &evidence->entries[i];

		release->legacy_requests += counted->arms[ARM_LEGACY].n;
		if (counted->generation < release->begun_generation)
			continue;
		release->cost.requests += counted->arms[ARM_CANARY].n;
		release->cost.failures += counted->arms[ARM_CANARY].failed;
	}
}

void release_gather(struct release *release, const struct release_evidence *evidence,
    struct guard_tick *tick, struct guard_path paths[PATH_CLASSES])
{
	count(release, evidence->route);
	release_show_guard(release, evidence, tick, paths);
}

void release_show_guard(const struct release *release, const struct release_evidence *evidence,
    struct guard_tick *tick, struct guard_path paths[PATH_CLASSES])
{
	gather(release, evidence->route, tick->entries, &tick->n_entries);
	for (size_t i = 0; i < evidence->n_paths && tick->n_paths < PATH_CLASSES; i++) {
		const struct path_evidence *path = &evidence->paths[i];
		struct guard_path *to = &paths[tick->n_paths];

		if (path->path_class < PATH_CLASS_SLOTS &&
		    (release->plan.withdrawn >> path->path_class & 1) != 0)
			continue;
		to->path_class = path->path_class;
		gather(release, &path->evidence, to->entries, &to->n_entries);
		tick->n_paths++;
	}
	tick->paths = paths;
	memcpy(tick->threshold_us, evidence->threshold_us, sizeof(tick->threshold_us));
	tick->handicap = release->handicap;
	tick->by_turns = true;
}
