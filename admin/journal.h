/*
 * The append-only record of every decision: one JSON object a line, in
 * <state_dir>/journal.jsonl. Its fields are a public interface (docs/journal.md).
 *
 * Thread  the control thread's. A line is written whole and is on disk when
 *         journal_write() returns true.
 */
#ifndef ADMIN_JOURNAL_H
#define ADMIN_JOURNAL_H

#include "base/error.h"
#include "rollout/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct journal;

/* In the state directory. */
extern const char journal_file_name[];

/*
 * Creates the file (0600) where it is not there. NULL: err says why; one reason is
 * that another weir has it open.
 */
__attribute__((warn_unused_result)) struct journal *journal_open(
    const char *state_dir, struct error *err);
void journal_close(struct journal *journal);

/*
 * One decision about a release on a route. False where it could not be stored;
 * weir decides all the same, and says so in the log and in journal_failures().
 */
bool journal_write(struct journal *journal, uint64_t wall_us, const char *route,
    const char *release, const struct transition *transition);

/* Decisions that could not be stored, since the start. */
uint64_t journal_failures(const struct journal *journal);

#endif
