/*
 * What the database holds of releases, latches, budgets, drills and the journal: its
 * rows, written and read.
 *
 * False means that it failed: store_db_fault() says why. Writing belongs between
 * store_db_begin() and store_db_commit().
 *
 * Thread  one at a time, as the database.
 */
#ifndef ADMIN_STORE_ROWS_H
#define ADMIN_STORE_ROWS_H

#include "admin/journal_head.h"
#include "admin/store_db.h"
#include "admin/store_memory.h"

/* latch NULL: the latch is gone. */
__attribute__((warn_unused_result)) bool store_rows_put_latch(
    struct store_db *db, const char *route, const char *release, const struct latch *latch);

__attribute__((warn_unused_result)) bool store_rows_put_record(struct store_db *db,
    const char *route, const struct release_record *record, uint64_t wall_us);

__attribute__((warn_unused_result)) bool store_rows_put_epoch(
    struct store_db *db, const char *route, const struct stored_epoch *epoch);

/* In place of all that the route has. */
__attribute__((warn_unused_result)) bool store_rows_put_budgets(struct store_db *db,
    const char *route, const char *release, const struct store_budget *budgets, size_t n);

__attribute__((warn_unused_result)) bool store_rows_put_drill(struct store_db *db,
    const char *route, const char *release, uint64_t wall_us, bool passed, const char *text);

/* Numbered and chained by the caller. */
__attribute__((warn_unused_result)) bool store_rows_append(
    struct store_db *db, const struct journal_row *row);

/*
 * Adds what is stored to what is known: it is older, and gives way.
 */
__attribute__((warn_unused_result)) bool store_rows_load(
    struct store_db *db, struct store_memory *memory);

/* Only the latches, as many as can be read: of a damaged database. */
void store_rows_salvage_latches(struct store_db *db, struct latches *latches);

/*
 * The journal's last row; where there is none, what the first follows: zeros, or the
 * head of the database before this one, which store_rows_set_base() noted.
 */
__attribute__((warn_unused_result)) bool store_rows_head(
    struct store_db *db, struct journal_head *head);
__attribute__((warn_unused_result)) bool store_rows_base(
    struct store_db *db, struct journal_head *base);
__attribute__((warn_unused_result)) bool store_rows_set_base(
    struct store_db *db, const struct journal_head *base);

/* A note of one line under a name. value: "" where there is none. */
__attribute__((warn_unused_result)) bool store_rows_set_meta(
    struct store_db *db, const char *key, const char *value);
__attribute__((warn_unused_result)) bool store_rows_meta(
    struct store_db *db, const char *key, char *value, size_t size);

/* The columns of a journal row, in the order that store_rows_journal_row() reads. */
#define STORE_JOURNAL_COLUMNS                                                                  \
	"seq, time_us, route, release, who, action, from_state, from_stage, from_weight_ppm, " \
	"to_state, to_stage, to_weight_ppm, verdict, reason, evidence, counters, prev_hash, "  \
	"hash"

/*
 * A row as it stands; its texts are the statement's, until the next step. False where one
 * of them goes on behind a '\0', which weir never writes: what *row shows is not all.
 */
bool store_rows_journal_row(sqlite3_stmt *statement, struct journal_row *row);

#endif
