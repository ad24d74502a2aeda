/*
 * One walk over the members of a record, in either direction, so that what is written
 * is what is read. Numbers are eight bytes, little-endian; texts have their length
 * before them.
 *
 * Ownership  a writing walk owns `out`: take it, or record_walk_done() it.
 *
 * What cannot be read is not told at once: `refused` is set to what it was, and
 * everything after is left as it is.
 */
#ifndef ROLLOUT_RECORD_WALK_H
#define ROLLOUT_RECORD_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_walk {
	const unsigned char *in; /* NULL: it writes */
	size_t in_len;
	size_t at;
	unsigned char *out;
	size_t out_len;
	size_t out_size;
	const char *refused; /* NULL: nothing so far */
};

/* `most` bounds what may be read. */
void record_walk_u64(
    struct record_walk *walk, uint64_t *number, uint64_t most, const char *what);
void record_walk_u32(
    struct record_walk *walk, uint32_t *number, uint32_t most, const char *what);
void record_walk_i64(struct record_walk *walk, int64_t *number, const char *what);
void record_walk_bool(struct record_walk *walk, bool *value, const char *what);
/* NaN is refused. */
void record_walk_double(struct record_walk *walk, double *number, const char *what);
/* A string in an array of `size` bytes. */
void record_walk_text(struct record_walk *walk, char *text, size_t size, const char *what);

/* *data is in the record that is read. */
void record_walk_bytes(
    struct record_walk *walk, const unsigned char **data, size_t *len, const char *what);

void record_walk_refuse(struct record_walk *walk, const char *what);
void record_walk_done(struct record_walk *walk);

#endif
