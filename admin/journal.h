/*
 * The append-only record of every decision: its rows, and the chain of hashes that
 * shows whether one was changed. The store keeps them; `weir journal` reads them.
 * Their members are a public interface (docs/journal.md).
 *
 * A row's hash is SHA-256 over the 32 bytes of the hash before (zeros for the first)
 * and the row's fields as netstrings, in the order of struct journal_row, numbers
 * in decimal.
 *
 * Thread     plain functions of their arguments, for any thread.
 * Ownership  journal_row_free() frees a row and its texts.
 */
#ifndef ADMIN_JOURNAL_H
#define ADMIN_JOURNAL_H

#include "base/error.h"
#include "rollout/plan.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	JOURNAL_HASH_SIZE = 32,
	JOURNAL_HASH_TEXT_SIZE = 2 * JOURNAL_HASH_SIZE + 1,
	JOURNAL_TEXT_MAX = 65536, /* of each text in a row, in bytes */
};

/* State, stage and weight before or after a decision; as they are shown. */
struct journal_side {
	char *state;
	int64_t stage; /* from 1; 0 in the states that are no stage of a plan's */
	int64_t weight_ppm;
};

/* No text is NULL. */
struct journal_row {
	int64_t seq; /* 1 for the first; 0 until the store has numbered it */
	int64_t time_us;
	char *route;
	char *release;
	char *who;
	char *action;
	struct journal_side from;
	struct journal_side to;
	char *verdict;
	char *reason;
	char *evidence; /* a JSON object; and so the next */
	char *counters;
	unsigned char prev_hash[JOURNAL_HASH_SIZE];
	unsigned char hash[JOURNAL_HASH_SIZE];
};

/* The last row's number and hash; zeros where there is none. */
struct journal_head {
	int64_t seq;
	unsigned char hash[JOURNAL_HASH_SIZE];
};

/* One decision about a release on a route. NULL when out of memory. */
__attribute__((warn_unused_result)) struct journal_row *journal_row_new(uint64_t wall_us,
    const char *route, const char *release, const struct transition *transition);

/* A row as journal_row_json() writes it, or an older weir did. NULL: it is none. */
__attribute__((warn_unused_result)) struct journal_row *journal_row_parse(const json_t *json);

void journal_row_free(struct journal_row *row);

/* What happened, in a word: "rollback"; and why. The texts are the transition's or static. */
const char *journal_action(const struct transition *transition);
const char *journal_reason(const struct transition *transition);

/* The object of docs/journal.md. A new reference, or NULL when out of memory. */
json_t *journal_row_json(const struct journal_row *row);

/* Gives the row its number and its place in the chain behind *head, and moves *head on. */
__attribute__((warn_unused_result)) bool journal_row_chain(
    struct journal_row *row, struct journal_head *head);

/* Whether the row follows *head and is as it was written; then moves *head on. */
__attribute__((warn_unused_result)) bool journal_row_follows(
    const struct journal_row *row, struct journal_head *head, struct error *err);

void journal_hash_format(
    const unsigned char hash[JOURNAL_HASH_SIZE], char text[JOURNAL_HASH_TEXT_SIZE]);

#endif
