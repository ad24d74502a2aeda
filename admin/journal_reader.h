/*
 * The journal in the database of a state directory, read while a weir may be writing it:
 * listed, verified, and the recorded evidence beside it as `weir judge` reads it.
 *
 * Nothing is read and printed in the same breath: a reader that a pager holds up would
 * keep the database's log from being emptied.
 *
 * Thread     any; blocks.
 * Ownership  journal_reader_close() frees it.
 */
#ifndef ADMIN_JOURNAL_READER_H
#define ADMIN_JOURNAL_READER_H

#include "admin/journal.h"
#include "base/error.h"

#include <stdio.h>

struct journal_reader;

/* NULL: err says why. */
__attribute__((warn_unused_result)) struct journal_reader *journal_reader_open(
    const char *state_dir, struct error *err);
void journal_reader_close(struct journal_reader *reader);

/* Which rows are wanted. */
struct journal_filter {
	const char *route;   /* NULL: of all */
	const char *verdict; /* "ROLL_BACK"; NULL: with any */
	const char *action;  /* "rollback"; NULL: any */
	uint64_t since_us;
	uint64_t until_us; /* not included */
};

/* Writes one row to `out`; false: it failed. */
typedef bool journal_print(const struct journal_row *row, FILE *out);

/*
 * Oldest first; *n: how many. False: err says why; what came before has been printed.
 */
__attribute__((warn_unused_result)) bool journal_reader_list(struct journal_reader *reader,
    const struct journal_filter *filter, journal_print *print, FILE *out, uint64_t *n,
    struct error *err);

/* *knows: whether there is a row of a route of that name. False: err says why. */
__attribute__((warn_unused_result)) bool journal_reader_knows_route(
    struct journal_reader *reader, const char *route, bool *knows, struct error *err);

/* What a walk along the chain found. */
struct journal_walk {
	uint64_t rows;
	struct journal_head base; /* what the first row follows; seq 0: nothing */
	struct journal_head head;
	bool head_was_known; /* from journal.head: no rows are missing at the end */
};

/* False: err names the first row that was changed or is missing, or what failed. */
__attribute__((warn_unused_result)) bool journal_reader_verify(
    struct journal_reader *reader, struct journal_walk *walk, struct error *err);

/*
 * The evidence of the last release that the route had in that time, as a table for
 * `weir judge`. *left_out: how many other releases it had then.
 */
__attribute__((warn_unused_result)) bool journal_reader_export(struct journal_reader *reader,
    const struct journal_filter *filter, FILE *out, unsigned *left_out, struct error *err);

#endif
