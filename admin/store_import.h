/*
 * The journal of an older weir, STATE_DIR/journal.jsonl: its rows become the first of
 * the journal here, its rolled-back releases stay held back, and the file is renamed to
 * journal.jsonl.imported. It happens at most once to a file, whenever weir is killed.
 *
 * Thread  one at a time, as the database.
 */
#ifndef ADMIN_STORE_IMPORT_H
#define ADMIN_STORE_IMPORT_H

#include "admin/journal.h"
#include "admin/latches.h"
#include "admin/store_db.h"
#include "base/error.h"

extern const char store_import_name[];

/*
 * True where there is no such file, too. Adds to `latches` what the file says, and moves
 * the journal's *head on; lines that are no rows are skipped, and the log says how many. False:
 * err says why, and nothing was imported.
 */
__attribute__((warn_unused_result)) bool store_import(struct store_db *db,
    const char *state_dir, struct latches *latches, struct journal_head *head,
    struct error *err);

#endif
