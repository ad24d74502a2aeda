#include "admin/store_work.h"

#include <stdlib.h>
#include <string.h>

void store_queue_init(struct store_queue *queue)
{
	*queue = (struct store_queue) { .n_jobs = 0 };
	queue->jobs_end = &queue->jobs;
	queue->evidence_end = &queue->evidence;
}

void store_job_free(struct store_job *job)
{
	journal_row_free(job->row);
	free(job->route);
	free(job->release);
	free(job->text);
	free(job);
}

static void free_jobs(struct store_job *jobs)
{
	while (jobs != NULL) {
		struct store_job *next = jobs->next;

		store_job_free(jobs);
		jobs = next;
	}
}

void store_queue_done(struct store_queue *queue)
{
	free_jobs(queue->jobs);
	evidence_batches_free(queue->evidence);
	store_queue_init(queue);
}

bool store_queue_add(struct store_queue *queue, struct store_job *job)
{
	if (queue->n_jobs == STORE_JOBS_MAX) {
		store_job_free(job);
		return false;
	}
	job->next = NULL;
	*queue->jobs_end = job;
	queue->jobs_end = &job->next;
	queue->n_jobs++;
	return true;
}

bool store_queue_add_evidence(struct store_queue *queue, struct evidence_batch *batch)
{
	if (queue->n_evidence + batch->n > STORE_EVIDENCE_MAX) {
		evidence_batches_free(batch);
		return false;
	}
	batch->next = NULL;
	*queue->evidence_end = batch;
	queue->evidence_end = &batch->next;
	queue->n_evidence += batch->n;
	return true;
}

static bool copy_latch(
    struct latch_work *work, const struct latch_change *change, const struct latches *latches)
{
	const struct latch *latch = latches_find(latches, change->route, change->release);

	work->route = strdup(change->route);
	work->release = strdup(change->release);
	work->there = latch != NULL;
	work->since_us = latch != NULL ? latch->since_us : 0;
	work->why = strdup(latch != NULL ? latch->why : "");
	return work->route != NULL && work->release != NULL && work->why != NULL;
}

/* All of them or none: their ticket stands for all before it. */
static bool take_latches(struct store_load *load, const struct store_memory *memory)
{
	if (memory->n_changes == 0)
		return true;
	load->latches = calloc(memory->n_changes, sizeof(load->latches[0]));
	if (load->latches == NULL)
		return false;
	for (size_t i = 0; i < memory->n_changes; i++) {
		load->n_latches++;
		if (!copy_latch(&load->latches[i], &memory->changes[i], &memory->latches))
			return false;
	}
	load->ticket = memory->ticket;
	return true;
}

static void take_jobs(struct store_load *load, struct store_queue *queue)
{
	struct store_job **end = &queue->jobs;

	while (*end != NULL && load->n_jobs < STORE_LOAD_JOBS) {
		end = &(*end)->next;
		load->n_jobs++;
	}
	if (load->n_jobs == 0)
		return;
	load->jobs = queue->jobs;
	queue->jobs = *end;
	*end = NULL;
	if (queue->jobs == NULL)
		queue->jobs_end = &queue->jobs;
	queue->n_jobs -= load->n_jobs;
	load->more = queue->jobs != NULL;
}

/* Out of memory: it stays marked, and is tried again. */
static void take_record(struct store_load *load, struct stored_route *route)
{
	struct record_work *work = &load->records[load->n_records];

	if (!route->record_changed)
		return;
	work->route = strdup(route->name);
	if (work->route == NULL || !store_copy_record(&work->record, &route->record)) {
		free(work->route);
		return;
	}
	route->record_changed = false;
	load->n_records++;
}

/* Likewise. */
static void take_epoch(struct store_load *load, struct stored_route *route)
{
	const struct stored_epoch *epoch = &route->epoch;
	struct epoch_work *work = &load->epochs[load->n_epochs];

	if (!route->epoch_changed)
		return;
	work->route = strdup(route->name);
	if (work->route == NULL || !stored_epoch_set(&work->epoch, epoch->release,
				       epoch->number, epoch->units, epoch->n)) {
		free(work->route);
		return;
	}
	route->epoch_changed = false;
	load->n_epochs++;
}

static bool make_room_for_records(struct store_load *load, size_t n)
{
	load->records = calloc(n > 0 ? n : 1, sizeof(load->records[0]));
	load->epochs = calloc(n > 0 ? n : 1, sizeof(load->epochs[0]));
	return load->records != NULL && load->epochs != NULL;
}

static void take_records_of_jobs(struct store_load *load, struct store_memory *memory)
{
	if (load->n_jobs == 0 || !make_room_for_records(load, load->n_jobs))
		return;
	for (const struct store_job *job = load->jobs; job != NULL; job = job->next) {
		struct stored_route *route =
		    job->row != NULL ? store_memory_find(memory, job->row->route) : NULL;

		if (route == NULL)
			continue;
		take_record(load, route);
		take_epoch(load, route);
	}
}

static void take_budgets(struct store_load *load, struct stored_route *route)
{
	struct budget_work *work = &load->budgets[load->n_budgets];
	size_t bytes = route->n_budgets * sizeof(route->budgets[0]);

	if (!route->budgets_changed)
		return;
	*work = (struct budget_work) {
		.route = strdup(route->name),
		.release = strdup(route->budgets_release),
		.budgets = malloc(bytes > 0 ? bytes : 1),
		.n = route->n_budgets,
	};
	if (work->route == NULL || work->release == NULL || work->budgets == NULL) {
		free(work->route);
		free(work->release);
		free(work->budgets);
		return;
	}
	if (bytes > 0)
		memcpy(work->budgets, route->budgets, bytes);
	route->budgets_changed = false;
	load->n_budgets++;
}

static void take_evidence(struct store_load *load, struct store_queue *queue)
{
	struct evidence_batch **end = &queue->evidence;
	size_t rows = 0;

	while (*end != NULL && rows < STORE_LOAD_EVIDENCE) {
		rows += (*end)->n;
		end = &(*end)->next;
	}
	if (end == &queue->evidence)
		return;
	load->evidence = queue->evidence;
	queue->evidence = *end;
	*end = NULL;
	if (queue->evidence == NULL)
		queue->evidence_end = &queue->evidence;
	queue->n_evidence -= rows;
	load->more = load->more || queue->evidence != NULL;
}

/* The routes take turns, as they may change faster than they are written. */
static void take_periodic(
    struct store_load *load, struct store_memory *memory, struct store_queue *queue)
{
	size_t n = memory->n_routes;
	size_t bytes = 0, looked = 0;

	load->budgets = calloc(n > 0 ? n : 1, sizeof(load->budgets[0]));
	if (!make_room_for_records(load, n) || load->budgets == NULL)
		return;
	for (; looked < n && bytes < STORE_LOAD_BYTES; looked++) {
		struct stored_route *route = memory->routes[(memory->turn + looked) % n];

		if (route->record_changed)
			bytes += route->record.detail_len;
		if (route->epoch_changed)
			bytes += route->epoch.n * sizeof(route->epoch.units[0]);
		take_record(load, route);
		take_epoch(load, route);
		take_budgets(load, route);
	}
	memory->turn = n > 0 ? (memory->turn + looked) % n : 0;
	load->more = looked < n;
	take_evidence(load, queue);
}

bool store_load_take(struct store_load *load, struct store_memory *memory,
    struct store_queue *queue, bool periodic)
{
	*load = (struct store_load) { .n_latches = 0 };
	if (!take_latches(load, memory)) {
		store_load_free(load);
		return false;
	}
	take_jobs(load, queue);
	take_records_of_jobs(load, memory);
	if (load->n_latches == 0 && load->n_jobs == 0 && periodic)
		take_periodic(load, memory, queue);
	if (load->n_latches + load->n_jobs + load->n_records + load->n_epochs +
		    load->n_budgets >
		0 ||
	    load->evidence != NULL)
		return true;
	store_load_free(load);
	return false;
}

static void return_jobs(struct store_load *load, struct store_queue *queue)
{
	struct store_job *last = load->jobs;

	if (last == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	last->next = queue->jobs;
	if (queue->jobs == NULL)
		queue->jobs_end = &last->next;
	queue->jobs = load->jobs;
	queue->n_jobs += load->n_jobs;
	load->jobs = NULL;
	load->n_jobs = 0;
}

void store_load_return(
    struct store_load *load, struct store_memory *memory, struct store_queue *queue)
{
	return_jobs(load, queue);
	for (size_t i = 0; i < load->n_records; i++) {
		struct stored_route *route = store_memory_find(memory, load->records[i].route);

		if (route != NULL)
			route->record_changed = true;
	}
	for (size_t i = 0; i < load->n_epochs; i++) {
		struct stored_route *route = store_memory_find(memory, load->epochs[i].route);

		if (route != NULL)
			route->epoch_changed = true;
	}
	for (size_t i = 0; i < load->n_budgets; i++) {
		struct stored_route *route = store_memory_find(memory, load->budgets[i].route);

		if (route != NULL)
			route->budgets_changed = true;
	}
	store_load_free(load);
}

void store_load_free(struct store_load *load)
{
	for (size_t i = 0; i < load->n_latches; i++) {
		free(load->latches[i].route);
		free(load->latches[i].release);
		free(load->latches[i].why);
	}
	for (size_t i = 0; i < load->n_records; i++) {
		free(load->records[i].route);
		free(load->records[i].record.detail);
	}
	for (size_t i = 0; i < load->n_epochs; i++) {
		free(load->epochs[i].route);
		stored_epoch_done(&load->epochs[i].epoch);
	}
	for (size_t i = 0; i < load->n_budgets; i++) {
		free(load->budgets[i].route);
		free(load->budgets[i].release);
		free(load->budgets[i].budgets);
	}
	free(load->latches);
	free(load->records);
	free(load->epochs);
	free(load->budgets);
	free_jobs(load->jobs);
	evidence_batches_free(load->evidence);
	*load = (struct store_load) { .n_latches = 0 };
}
