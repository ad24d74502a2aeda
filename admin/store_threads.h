/*
 * The store's insides: what its functions and its two threads share, and the threads.
 *
 * `writer` owns the database, and `quick` the slots for latches, so that a latch is
 * remembered although the writer waits for the disk.
 *
 * Thread  everything is guarded by `mutex`, which nobody holds while waiting for a
 *         disk, but for what is the writer's alone.
 */
#ifndef ADMIN_STORE_THREADS_H
#define ADMIN_STORE_THREADS_H

#include "admin/latch_slots.h"
#include "admin/store.h"
#include "admin/store_memory.h"
#include "admin/store_work.h"
#include "admin/store_writer.h"

#include <pthread.h>

struct store {
	char *state_dir;
	int lock_fd;
	pthread_mutex_t mutex;
	pthread_cond_t work;       /* for the writer */
	pthread_cond_t quick_work; /* for the quick thread */
	pthread_cond_t written;    /* a latch is, or the writer has ended */
	pthread_t writer_thread;
	pthread_t quick_thread;
	bool stopping;
	bool writer_ended;

	struct store_memory memory;
	struct store_queue queue;
	struct latch_slots slots;
	uint64_t slots_written[LATCH_SLOTS]; /* the ticket that is on the disk */
	uint64_t db_ticket;                  /* latch changes that are in the database */
	uint64_t window_us;                  /* in which latches were last waited for */
	uint64_t waited_us;                  /* how long, in that window */

	bool loaded;        /* what was stored before is in memory */
	bool missed;        /* it was gone: the one that is opened next may be another */
	bool lost;          /* some of it was not there any more */
	bool started;       /* store_started() */
	bool loss_is_noted; /* in the database, until all that follows from it is stored */
	char why[400];
	bool ok;
	char text[256];
	uint64_t failures;
	size_t in_flight; /* jobs that are being written */
	bool evidence_was_lost;

	char answer[400]; /* store_is_readable()'s */

	struct store_writer writer; /* the writer's alone */
	uint64_t period_us;         /* when what is not urgent is written next */
	uint64_t retry_us;          /* when a database that does not work is tried next */
	uint64_t look_us;           /* when the database is looked after next */
	unsigned looks;
};

/* A store of that directory, locked by this process, with nothing in it. NULL: err. */
__attribute__((warn_unused_result)) struct store *store_new(
    const char *state_dir, struct error *err);
void store_free(struct store *store);

void store_lock(const struct store *store);
void store_unlock(const struct store *store);

/* Reads what is stored, in the caller's thread. */
void store_threads_prepare(struct store *store);

__attribute__((warn_unused_result)) bool store_threads_start(struct store *store);

/*
 * Has them write what is pending, and waits for that. False: a disk does not answer, and
 * they hold the store until the process ends.
 */
__attribute__((warn_unused_result)) bool store_threads_end(struct store *store);

#endif
