/*
 * Many small objects of one size, in blocks of their own that go back to the
 * system as soon as they are empty, whatever else was allocated meanwhile.
 *
 *     block (aligned to its size): header | object | object | ...
 *
 * Thread     one owner's. Ownership: slab_done() when every object was given back.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

struct slab_block;

struct slab {
	size_t object_bytes;
	struct slab_block *with_room; /* blocks that have a free object */
	size_t n_blocks;
};

/* object_bytes: up to a quarter of a block (16 KiB). */
void slab_init(struct slab *slab, size_t object_bytes);

/* Asserts that nothing is left. */
void slab_done(struct slab *slab);

/* Zeroed; NULL when out of memory. */
__attribute__((warn_unused_result)) void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *object);

#endif
