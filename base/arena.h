/*
 * Bytes made during one exchange, for slices to point at: they never move, so
 * what was taken first stays good while more is taken. All go at once.
 *
 * Ownership  embedded; arena_done() frees the bytes. A recycled arena keeps a
 *            block (arena_reset), so that a steady state allocates nothing.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *newest; /* the one with room; behind it the older ones */
	size_t used;                /* of the newest's bytes */
	size_t taken;               /* bytes since the last reset, at most cap */
	size_t cap;
};

void arena_init(struct arena *arena, size_t cap);
void arena_done(struct arena *arena);

/* n bytes, aligned for nothing but char. NULL when over the cap or out of memory. */
__attribute__((warn_unused_result)) char *arena_take(struct arena *arena, size_t n);

/* Empties it: what was taken is void. One block stays if not over keep_bytes. */
void arena_reset(struct arena *arena, size_t keep_bytes);

#endif
