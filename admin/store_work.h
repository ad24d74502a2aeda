/*
 * What is to be written: decisions, drills and evidence as they wait, and one load of
 * all that is due, taken from what the store knows.
 *
 * Thread     no locks: the store's. A load taken belongs to its taker alone.
 * Ownership  as each function says.
 */
#ifndef ADMIN_STORE_WORK_H
#define ADMIN_STORE_WORK_H

#include "admin/journal.h"
#include "admin/store_evidence.h"
#include "admin/store_memory.h"

enum {
	STORE_JOBS_MAX = 20000,      /* decisions and drills that wait for a disk */
	STORE_EVIDENCE_MAX = 100000, /* rows that wait: some 35 MB */
	STORE_LOAD_BYTES = 1 << 20,  /* of records in one load, or a single larger one */
	STORE_LOAD_JOBS = 1000,
	STORE_LOAD_EVIDENCE = 10000, /* rows */
};

/* A decision, or a drill. */
struct store_job {
	struct store_job *next;
	struct journal_row *row; /* NULL: a drill */
	char *route;             /* of the drill; and so the rest */
	char *release;
	char *text;
	uint64_t wall_us;
	bool passed;
};

/* What waits, first come first. */
struct store_queue {
	struct store_job *jobs;
	struct store_job **jobs_end;
	size_t n_jobs;
	struct evidence_batch *evidence;
	struct evidence_batch **evidence_end;
	size_t n_evidence; /* rows */
};

void store_queue_init(struct store_queue *queue);
void store_queue_done(struct store_queue *queue);

/* They take the job and the batch. False: there are too many; it is freed. */
__attribute__((warn_unused_result)) bool store_queue_add(
    struct store_queue *queue, struct store_job *job);
__attribute__((warn_unused_result)) bool store_queue_add_evidence(
    struct store_queue *queue, struct evidence_batch *batch);

void store_job_free(struct store_job *job);

/* A latch as it is to be in the database. */
struct latch_work {
	char *route;
	char *release;
	bool there;
	int64_t since_us;
	char *why;
};

struct record_work {
	char *route;
	struct release_record record;
};

struct budget_work {
	char *route;
	char *release;
	struct store_budget *budgets;
	size_t n;
};

struct epoch_work {
	char *route;
	struct stored_epoch epoch;
};

struct store_load {
	struct latch_work *latches;
	size_t n_latches;
	uint64_t ticket; /* of the last latch change in it */
	struct store_job *jobs;
	size_t n_jobs;
	struct record_work *records;
	size_t n_records;
	struct epoch_work *epochs; /* as many as there is room for records */
	size_t n_epochs;
	struct budget_work *budgets;
	size_t n_budgets;
	struct evidence_batch *evidence;
	bool more; /* is due, and did not go into it */
};

/*
 * Takes what is due: latches and jobs and the records and epochs of the jobs' routes, or,
 * where there are none of these, `periodic`: changed records and epochs, budgets, evidence.
 * False: nothing is due. What memory does not suffice for stays where it is.
 */
bool store_load_take(struct store_load *load, struct store_memory *memory,
    struct store_queue *queue, bool periodic);

/* It could not be written: everything but its evidence goes back, where nothing newer is. */
void store_load_return(
    struct store_load *load, struct store_memory *memory, struct store_queue *queue);

void store_load_free(struct store_load *load);

#endif
