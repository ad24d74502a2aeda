/*
 * The journal's last row, remembered beside the database in STATE_DIR/journal.head:
 * what shows that rows were taken from its end, which the chain alone cannot show.
 * One line, "SEQ HASH"; always written in its place, so that a full disk has room.
 *
 * Thread  any; one writer.
 */
#ifndef ADMIN_JOURNAL_HEAD_H
#define ADMIN_JOURNAL_HEAD_H

#include "admin/journal.h"

extern const char journal_head_name[];

/* "SEQ HASH" */
enum {
	JOURNAL_HEAD_TEXT_SIZE = 20 + 1 + JOURNAL_HASH_TEXT_SIZE
};
void journal_head_format(const struct journal_head *head, char text[JOURNAL_HEAD_TEXT_SIZE]);
/* False, and *head is zeros, where it is none. */
__attribute__((warn_unused_result)) bool journal_head_parse(
    const char *text, struct journal_head *head);

/* Zeros where there is no such file, or an empty one. False where it cannot be read or makes no
 * sense. */
__attribute__((warn_unused_result)) bool journal_head_read(
    const char *state_dir, struct journal_head *head, struct error *err);

/* On disk when it returns true. */
__attribute__((warn_unused_result)) bool journal_head_write(
    const char *state_dir, const struct journal_head *head, struct error *err);

#endif
