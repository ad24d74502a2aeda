/*
 * Writes to the database, and opens it anew where it was lost: all that the store's
 * thread does with a disk.
 *
 * Thread     one at a time; no locks. It may wait for the disk as long as that takes.
 * Ownership  embedded; store_writer_close() closes the database.
 */
#ifndef ADMIN_STORE_WRITER_H
#define ADMIN_STORE_WRITER_H

#include "admin/journal_head.h"
#include "admin/store_db.h"
#include "admin/store_work.h"

#include <stdbool.h>
#include <stdint.h>

struct store_writer {
	const char *state_dir;
	struct store_db *db;      /* NULL: not open */
	struct journal_head head; /* of the journal, as last written or read */
	bool was_used;            /* before this start: latches.now says so */
	bool condemned;           /* the database was found damaged while it was in use */
	bool misses_it;           /* it was found gone while it was in use */
};

/* What was found as the database was opened. */
struct store_found {
	bool created; /* it is a new one: it holds nothing */
	bool lost;    /* decisions of the past are not in it: `why` says how come */
	char why[400];
	struct store_memory memory; /* what it holds; the caller's to free */
};

/*
 * Opens the database. One that is damaged is moved aside, and another begun. False: it
 * cannot be used for now, and err says why.
 */
__attribute__((warn_unused_result)) bool store_writer_open(struct store_writer *writer,
    uint64_t wall_us, struct store_found *found, struct error *err);

/* Whether the open database is still in the directory; where it is not, it is closed. */
__attribute__((warn_unused_result)) bool store_writer_check(
    struct store_writer *writer, struct error *err);

/* What was lost has been made up for: the next start need not know of it. */
__attribute__((warn_unused_result)) bool store_writer_forget_loss(
    struct store_writer *writer, struct error *err);

/*
 * Writes the latches alone: safe from a kill when it returns true, but not synced. Not to a
 * database that is gone from the directory: nobody would find them.
 */
__attribute__((warn_unused_result)) bool store_writer_latches(
    struct store_writer *writer, const struct store_load *load, struct error *err);

/*
 * Writes all of the load, durably where it has latches or jobs. False: nothing of it was
 * written, and the database is closed: open it again. err says why.
 */
__attribute__((warn_unused_result)) bool store_writer_write(struct store_writer *writer,
    const struct store_load *load, uint64_t wall_us, struct error *err);

/* Takes a piece of old evidence away; *more where there is more of it. */
__attribute__((warn_unused_result)) bool store_writer_prune(
    struct store_writer *writer, bool *more, struct error *err);

void store_writer_close(struct store_writer *writer);

#endif
