#include "admin/store.h"

#include "admin/store_threads.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LATCH_WAIT_US = 20000,    /* at most so long, */
	LATCH_WINDOW_US = 100000, /* and for all latches within this time together */
};

struct store *store_open(const char *state_dir, struct error *err)
{
	struct store *store = store_new(state_dir, err);

	if (store == NULL)
		return NULL;
	store_threads_prepare(store);
	if (store_threads_start(store))
		return store;
	error_set(err, "cannot start the store's threads");
	store_free(store);
	return NULL;
}

void store_close(struct store *store)
{
	bool ended = store_threads_end(store);
	size_t pending;

	store_lock(store);
	pending = store->queue.n_jobs + store->in_flight;
	store_unlock(store);
	if (pending > 0)
		log_error("%zu decisions are in the log alone: they were not stored", pending);
	if (ended)
		store_free(store);
	else
		log_error("the disk of state_dir does not answer: not waiting for it");
}

bool store_is_readable(struct store *store, const char **why)
{
	bool readable;

	store_lock(store);
	readable = store->loaded && (!store->lost || store->started);
	memcpy(store->answer, store->why, sizeof(store->answer));
	store_unlock(store);
	if (why != NULL)
		*why = store->answer;
	return readable;
}

void store_started(struct store *store)
{
	store_lock(store);
	store->started = true;
	store_unlock(store);
}

bool store_has_latch(const struct store *store, const char *route, const char *release)
{
	bool has;

	store_lock(store);
	has = latches_find(&store->memory.latches, route, release) != NULL;
	store_unlock(store);
	return has;
}

bool store_latch_why(
    const struct store *store, const char *route, const char *release, char *why, size_t size)
{
	const struct latch *latch;

	store_lock(store);
	latch = latches_find(&store->memory.latches, route, release);
	if (latch != NULL)
		snprintf(why, size, "%s", latch->why);
	store_unlock(store);
	return latch != NULL;
}

/* With the lock: how long the control thread may wait now. */
static uint64_t patience_us(struct store *store, uint64_t now_us)
{
	if (now_us >= store->window_us + LATCH_WINDOW_US) {
		store->window_us = now_us;
		store->waited_us = 0;
	}
	return store->waited_us < LATCH_WAIT_US ? LATCH_WAIT_US - store->waited_us : 0;
}

static bool latch_is_written(const struct store *store, int slot, uint64_t ticket)
{
	return store->db_ticket >= ticket ||
	       (slot >= 0 && store->slots_written[slot] == ticket);
}

/* With the lock. */
static bool await_latch(struct store *store, int slot, uint64_t ticket)
{
	uint64_t start_us = clock_monotonic_us();
	uint64_t until_us = start_us + patience_us(store, start_us);
	const struct timespec until = {
		.tv_sec = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000) * 1000,
	};

	while (!latch_is_written(store, slot, ticket) && (store->ok || slot >= 0)) {
		if (pthread_cond_timedwait(&store->written, &store->mutex, &until) != 0)
			break;
	}
	store->waited_us += clock_monotonic_us() - start_us;
	return latch_is_written(store, slot, ticket);
}

bool store_latch(struct store *store, const char *route, const char *release, uint64_t wall_us,
    const char *why)
{
	uint64_t ticket = 0;
	bool written = false;
	int slot;

	store_lock(store);
	if (latches_find(&store->memory.latches, route, release) != NULL &&
	    !store_memory_has_change(&store->memory, route, release)) {
		store_unlock(store);
		return true;
	}
	if (latches_add(&store->memory.latches, route, release, (int64_t)wall_us, why))
		ticket = store_memory_note_latch(&store->memory, route, release);
	if (ticket != 0) {
		slot = latch_slots_take(&store->slots,
		    latches_find(&store->memory.latches, route, release), ticket);
		pthread_cond_signal(&store->quick_work);
		pthread_cond_signal(&store->work);
		written = await_latch(store, slot, ticket);
	}
	store_unlock(store);
	return written;
}

void store_unlatch(struct store *store, const char *route, const char *release)
{
	store_lock(store);
	latches_remove(&store->memory.latches, route, release);
	if (store_memory_note_latch(&store->memory, route, release) == 0)
		log_error("out of memory: release %s of route %s will be held back again "
			  "after a restart",
		    release, route);
	pthread_cond_signal(&store->work);
	store_unlock(store);
}

bool store_record(const struct store *store, const char *route, struct release_record *record)
{
	const struct stored_route *stored;
	bool ok;

	store_lock(store);
	stored = store_memory_find(&store->memory, route);
	ok = stored != NULL && stored->has_record && store_copy_record(record, &stored->record);
	store_unlock(store);
	return ok;
}

void store_keep(struct store *store, const char *route, const struct release_record *record)
{
	struct stored_route *stored;

	store_lock(store);
	stored = store_memory_route(&store->memory, route);
	if (stored != NULL && stored_route_set_record(stored, record))
		stored->record_changed = true;
	else
		log_error(
		    "route %s: its state has no room in memory, and is not stored", route);
	store_unlock(store);
}

void store_keep_epoch(struct store *store, const char *route, const char *release,
    uint32_t number, const uint16_t *units, size_t n)
{
	struct stored_route *stored;

	store_lock(store);
	stored = store_memory_route(&store->memory, route);
	if (stored != NULL && !stored_epoch_equals(&stored->epoch, release, number, units, n) &&
	    stored_epoch_set(&stored->epoch, release, number, units, n))
		stored->epoch_changed = true;
	store_unlock(store);
}

size_t store_epoch(const struct store *store, const char *route, const char *release,
    uint32_t number, uint16_t **units)
{
	const struct stored_route *stored;
	size_t n = 0;

	*units = NULL;
	store_lock(store);
	stored = store_memory_find(&store->memory, route);
	if (stored != NULL && stored_epoch_is_of(&stored->epoch, release, number) &&
	    stored->epoch.n > 0)
		*units = malloc(stored->epoch.n * sizeof(stored->epoch.units[0]));
	if (*units != NULL) {
		n = stored->epoch.n;
		memcpy(*units, stored->epoch.units, n * sizeof(stored->epoch.units[0]));
	}
	store_unlock(store);
	return n;
}

/* With the lock. */
static void add_job(struct store *store, struct store_job *job)
{
	if (job != NULL && store_queue_add(&store->queue, job)) {
		pthread_cond_signal(&store->work);
		return;
	}
	if (store->failures++ == 0)
		log_error("too many decisions wait for the disk, or memory is short: from "
			  "here on some are in the log alone");
}

void store_decide(struct store *store, uint64_t wall_us, const char *route, const char *release,
    const struct transition *transition)
{
	struct journal_row *row = journal_row_new(wall_us, route, release, transition);
	struct store_job *job = row != NULL ? calloc(1, sizeof(*job)) : NULL;

	if (job != NULL)
		job->row = row;
	else
		journal_row_free(row);
	store_lock(store);
	add_job(store, job);
	store_unlock(store);
}

void store_keep_budgets(struct store *store, const char *route, const char *release,
    const struct store_budget *budgets, size_t n)
{
	struct stored_route *stored;

	store_lock(store);
	stored = store_memory_route(&store->memory, route);
	if (stored != NULL && stored_route_set_budgets(stored, release, budgets, n))
		stored->budgets_changed = true;
	store_unlock(store);
}

size_t store_budgets(const struct store *store, const char *route, const char *release,
    struct store_budget **budgets)
{
	const struct stored_route *stored;
	size_t n = 0;

	*budgets = NULL;
	store_lock(store);
	stored = store_memory_find(&store->memory, route);
	if (stored != NULL && stored->budgets_release != NULL && stored->n_budgets > 0 &&
	    strcmp(stored->budgets_release, release) == 0)
		*budgets = malloc(stored->n_budgets * sizeof(stored->budgets[0]));
	if (*budgets != NULL) {
		n = stored->n_budgets;
		memcpy(*budgets, stored->budgets, n * sizeof(stored->budgets[0]));
	}
	store_unlock(store);
	return n;
}

void store_add_evidence(struct store *store, const char *route, const char *release,
    uint64_t wall_us, const struct store_evidence *rows, size_t n)
{
	struct evidence_batch *batch = evidence_batch_new(route, release, wall_us, rows, n);
	bool lost;

	store_lock(store);
	/* What judges a rollout does not wait for a disk: this is for looking back. */
	lost = batch == NULL || !store->ok || !store_queue_add_evidence(&store->queue, batch);
	if (lost && batch != NULL && !store->ok)
		evidence_batches_free(batch);
	if (lost && !store->evidence_was_lost)
		log_warn(
		    "recorded evidence is lost: `weir journal --export judge` will lack it");
	store->evidence_was_lost = lost;
	store_unlock(store);
}

static struct store_job *drill_job(
    const char *route, const char *release, uint64_t wall_us, bool passed, const char *text)
{
	struct store_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->route = strdup(route);
	job->release = strdup(release);
	job->text = strdup(text);
	job->wall_us = wall_us;
	job->passed = passed;
	if (job->route != NULL && job->release != NULL && job->text != NULL)
		return job;
	store_job_free(job);
	return NULL;
}

void store_drill(struct store *store, const char *route, const char *release, uint64_t wall_us,
    bool passed, const char *text)
{
	struct store_job *job = drill_job(route, release, wall_us, passed, text);
	struct stored_route *stored;

	store_lock(store);
	stored = store_memory_route(&store->memory, route);
	if (passed && (stored == NULL || !stored_route_note_drill(
					     stored, release, (int64_t)(wall_us / 1000000))))
		log_error("out of memory: route %s forgets that a drill of release %s passed",
		    route, release);
	add_job(store, job);
	store_unlock(store);
}

int64_t store_drill_passed_s(const struct store *store, const char *route, const char *release)
{
	const struct stored_route *stored;
	int64_t passed_s;

	store_lock(store);
	stored = store_memory_find(&store->memory, route);
	passed_s = stored != NULL ? stored_route_drill_passed_s(stored, release) : 0;
	store_unlock(store);
	return passed_s;
}

void store_health(const struct store *store, struct store_health *health)
{
	store_lock(store);
	health->ok = store->ok;
	memcpy(health->text, store->text, sizeof(health->text));
	health->failures = store->failures;
	health->pending = store->queue.n_jobs + store->in_flight;
	store_unlock(store);
}
