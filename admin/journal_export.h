/*
 * Recorded evidence as the table that `weir judge` reads (docs/judge.md).
 *
 * Thread  any; blocks.
 */
#ifndef ADMIN_JOURNAL_EXPORT_H
#define ADMIN_JOURNAL_EXPORT_H

#include "admin/store_evidence.h"

#include <stdio.h>

/*
 * The header line and a line for each row of the range, which store_evidence_look() has
 * filled in. False: store_db_fault() says why.
 */
__attribute__((warn_unused_result)) bool journal_export(
    struct store_db *db, const struct evidence_range *range, FILE *out);

#endif
