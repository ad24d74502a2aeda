/*
 * The database of a state directory, STATE_DIR/weir.db: opening and checking it, its
 * tables (docs/state.md), transactions and statements.
 *
 * What fails keeps its cause: store_db_fault().
 *
 * Thread     one at a time.
 * Ownership  store_db_close() frees the handle and its statements.
 */
#ifndef ADMIN_STORE_DB_H
#define ADMIN_STORE_DB_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>

struct store_db;

extern const char store_db_name[];

/* What can be done about a database that does not work. */
enum store_fault {
	STORE_FAULT_DISK,    /* nothing: try again later */
	STORE_FAULT_DAMAGED, /* begin another */
};

/*
 * Opens it, makes it (0600) where it is not there, and checks all of it that weir
 * starts from. *created: there was none, and a durable transaction has begun, which is
 * the caller's to commit: the tables are there with what it puts into them, or not at all,
 * whenever weir is killed. NULL: err and *fault say why.
 */
__attribute__((warn_unused_result)) struct store_db *store_db_open(
    const char *state_dir, bool *created, enum store_fault *fault, struct error *err);

/*
 * To read only, while a weir may be writing. checked: it is weir's, of this version,
 * and not empty. NULL: err says why.
 */
__attribute__((warn_unused_result)) struct store_db *store_db_open_reader(
    const char *path, bool checked, struct error *err);

void store_db_close(struct store_db *db);

/* Whether the open file is still the one of that name in the directory. */
bool store_db_is_in_place(const struct store_db *db, const char *state_dir);

/* durable: on disk when the commit returns true; else only safe from a kill. */
__attribute__((warn_unused_result)) bool store_db_begin(struct store_db *db, bool durable);
__attribute__((warn_unused_result)) bool store_db_commit(struct store_db *db);
void store_db_rollback(struct store_db *db);

/*
 * The arguments, by their letters in `types`: t const char *, i int64_t, d double,
 * b const void * and size_t. sql must be a constant: its statement is kept.
 */
__attribute__((warn_unused_result)) bool store_db_run(
    struct store_db *db, const char *sql, const char *types, ...);

/* A statement whose rows store_db_next() steps through; NULL: it failed. */
__attribute__((warn_unused_result)) sqlite3_stmt *store_db_query(
    struct store_db *db, const char *sql, const char *types, ...);

/* After the last row, and where it failed, the statement is reset. */
enum store_row {
	STORE_ROW,
	STORE_ROW_NONE,
	STORE_ROW_FAILED,
};
enum store_row store_db_next(struct store_db *db, sqlite3_stmt *statement);

/* Before the last row. */
void store_db_leave(sqlite3_stmt *statement);

/* A column's text; "" for NULL. Valid until the next step. */
const char *store_db_text(sqlite3_stmt *statement, int column);

/* What the last failure was. */
enum store_fault store_db_fault(const struct store_db *db, struct error *err);

/* The last failure, where it was none of SQLite's. */
void store_db_blame(struct store_db *db, enum store_fault fault, const char *what);

#endif
