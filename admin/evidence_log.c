#include "admin/evidence_log.h"

#include "admin/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t STORE_PLAN_US = 1000000;
static const uint64_t STORE_FIXED_US = 10000000;
static const uint64_t STORE_PACE_US = 10000; /* times the routes: 100 moments a second */

static uint64_t store_every_us(const struct release *release, size_t n_routes)
{
	uint64_t wanted = release->plan.state == PLAN_FIXED ? STORE_FIXED_US : STORE_PLAN_US;

	return paced_us(wanted, STORE_PACE_US, n_routes);
}

struct evidence_log_row {
	unsigned path_class; /* PATH_CLASS_ALL: the route */
	struct evidence_entry entry;
	double weight; /* 0..1 */
};

void evidence_log_done(struct evidence_log *log)
{
	free(log->rows);
	*log = (struct evidence_log) { .n = 0 };
}

static struct evidence_log_row *row_of(
    struct evidence_log *log, unsigned path_class, uint32_t generation)
{
	for (size_t i = 0; i < log->n; i++)
		if (log->rows[i].path_class == path_class &&
		    log->rows[i].entry.generation == generation)
			return &log->rows[i];
	if (log->n == log->size) {
		size_t size = log->size > 0 ? 2 * log->size : 8;
		struct evidence_log_row *rows = reallocarray(log->rows, size, sizeof(*rows));

		if (rows == NULL)
			return NULL;
		log->rows = rows;
		log->size = size;
	}
	log->rows[log->n] = (struct evidence_log_row) { .path_class = path_class };
	log->rows[log->n].entry.generation = generation;
	return &log->rows[log->n++];
}

static void add_evidence(struct evidence_log *log, const struct release *release,
    unsigned path_class, const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->n_entries; i++) {
		const struct evidence_entry *entry = &evidence->entries[i];
		struct evidence_log_row *row;

		/* What was assigned before the release began is nobody's evidence. */
		if ((int32_t)(entry->generation - release->first_generation) < 0)
			continue;
		row = row_of(log, path_class, entry->generation);
		if (row == NULL)
			return;
		row->weight = release->weights_ppm[entry->generation % EVIDENCE_GENERATIONS] /
			      (double)PPM;
		row->entry.has_latency = entry->has_latency;
		for (enum arm arm = 0; arm < ARMS; arm++)
			evidence_counts_add(&row->entry.arms[arm], &entry->arms[arm]);
	}
}

static uint32_t stage_of(const struct release *release)
{
	return release->plan.spec.staged ? release->plan.stage + 1 : 0;
}

void evidence_log_add(struct evidence_log *log, const struct release *release,
    const struct release_evidence *evidence, double dt_s)
{
	if (log->n == 0) {
		log->stage = stage_of(release);
		memcpy(log->release, release->id, sizeof(log->release));
	}
	log->dt_s += dt_s;
	add_evidence(log, release, PATH_CLASS_ALL, evidence->route);
	for (size_t i = 0; i < evidence->n_paths; i++)
		add_evidence(
		    log, release, evidence->paths[i].path_class, &evidence->paths[i].evidence);
}

static bool has_counts(const struct evidence_log *log)
{
	for (size_t i = 0; i < log->n; i++)
		for (enum arm arm = 0; arm < ARMS; arm++)
			if (log->rows[i].entry.arms[arm].n > 0 ||
			    log->rows[i].entry.arms[arm].bad > 0)
				return true;
	return false;
}

static void fill(struct store_evidence *to, const struct evidence_log *log,
    const struct evidence_log_row *row, double dt_s, const struct path_classes *path_classes)
{
	const char *name = "";

	if (row->path_class != PATH_CLASS_ALL)
		name = path_classes_name(path_classes, row->path_class);
	*to = (struct store_evidence) {
		.stage = log->stage,
		.dt_s = dt_s,
		.weight = row->weight,
		.has_latency = row->entry.has_latency,
	};
	snprintf(to->path, sizeof(to->path), "%s", name != NULL ? name : "other");
	memcpy(to->arms, row->entry.arms, sizeof(to->arms));
}

/* One generation: the route's row, then those of its paths; they are one tick of judge's. */
static size_t fill_generation(struct store_evidence *rows, const struct evidence_log *log,
    uint32_t generation, double dt_s, const struct path_classes *path_classes)
{
	size_t n = 0;

	for (int paths = 0; paths < 2; paths++) {
		for (size_t i = 0; i < log->n; i++) {
			const struct evidence_log_row *row = &log->rows[i];

			if (row->entry.generation == generation &&
			    (row->path_class != PATH_CLASS_ALL) == (paths == 1))
				fill(&rows[n++], log, row, dt_s, path_classes);
		}
	}
	return n;
}

static void store_rows(struct evidence_log *log, struct store *store, const char *route,
    const struct path_classes *path_classes, uint64_t wall_us)
{
	struct store_evidence *rows = calloc(log->n, sizeof(*rows));
	uint32_t latest = 0;
	size_t n = 0;

	if (rows == NULL)
		return;
	for (size_t i = 0; i < log->n; i++)
		if (i == 0 || (int32_t)(log->rows[i].entry.generation - latest) > 0)
			latest = log->rows[i].entry.generation;
	/* The time belongs to the latest; older ones are late. */
	for (uint32_t age = 0; age < 2 * EVIDENCE_GENERATIONS && n < log->n; age++)
		n += fill_generation(
		    rows + n, log, latest - age, n == 0 ? log->dt_s : 0, path_classes);
	store_add_evidence(store, route, log->release, wall_us, rows, n);
	free(rows);
}

void evidence_log_flush(struct evidence_log *log, struct store *store, const char *route,
    const struct path_classes *path_classes, const struct instant *now)
{
	/* Time without traffic adds up, to be told with the next that comes. */
	if (has_counts(log)) {
		store_rows(log, store, route, path_classes, now->wall_us);
		log->n = 0;
		log->dt_s = 0;
	}
	log->stored_us = now->clock.now_us;
}

void evidence_log_store(struct evidence_log *log, struct store *store, const char *route,
    const struct release *release, const struct path_classes *path_classes,
    const struct instant *now, size_t index, size_t n_routes)
{
	uint64_t every_us = store_every_us(release, n_routes);

	if (now->clock.now_us >= next_turn_us(log->stored_us, every_us, index, n_routes))
		evidence_log_flush(log, store, route, path_classes, now);
}
