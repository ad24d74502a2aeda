#include "base/slab.h"

#include "base/mapping.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
	BLOCK_BYTES = 16384,
	ALIGNMENT = 16,
};

struct free_object {
	struct free_object *next;
};

struct slab_block {
	struct slab_block *next, *prev; /* among those with room */
	struct free_object *given_back;
	uint32_t n_used;
	uint32_t n_fresh; /* objects never handed out, at the end */
};

static size_t header_bytes(void)
{
	return (sizeof(struct slab_block) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static uint32_t capacity(const struct slab *slab)
{
	return (uint32_t)((BLOCK_BYTES - header_bytes()) / slab->object_bytes);
}

void slab_init(struct slab *slab, size_t object_bytes)
{
	assert(object_bytes >= sizeof(struct free_object) && object_bytes <= BLOCK_BYTES / 4);
	*slab = (struct slab) {
		.object_bytes = (object_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1),
	};
}

static void unmap_block(struct slab_block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block, BLOCK_BYTES);
	munmap(block, BLOCK_BYTES);
}

static void link_block(struct slab *slab, struct slab_block *block)
{
	block->prev = NULL;
	block->next = slab->with_room;
	if (block->next != NULL)
		block->next->prev = block;
	slab->with_room = block;
}

static void unlink_block(struct slab *slab, struct slab_block *block)
{
	if (block->prev != NULL)
		block->prev->next = block->next;
	else
		slab->with_room = block->next;
	if (block->next != NULL)
		block->next->prev = block->prev;
}

static struct slab_block *block_with_room(struct slab *slab)
{
	struct slab_block *block = slab->with_room;

	if (block != NULL)
		return block;
	block = mapping_new(BLOCK_BYTES, BLOCK_BYTES);
	if (block == NULL)
		return NULL;
	block->n_fresh = capacity(slab);
	link_block(slab, block);
	slab->n_blocks++;
	return block;
}

void *slab_take(struct slab *slab)
{
	struct slab_block *block = block_with_room(slab);
	struct free_object *object;

	if (block == NULL)
		return NULL;
	object = block->given_back;
	if (object != NULL) {
		ASAN_UNPOISON_MEMORY_REGION(object, slab->object_bytes);
		block->given_back = object->next;
	} else
		object =
		    (void *)((char *)block + header_bytes() +
			     (size_t)(capacity(slab) - block->n_fresh--) * slab->object_bytes);
	block->n_used++;
	if (block->given_back == NULL && block->n_fresh == 0)
		unlink_block(slab, block);
	return memset(object, 0, slab->object_bytes);
}

void slab_give(struct slab *slab, void *memory)
{
	struct slab_block *block = (void *)((char *)memory - (uintptr_t)memory % BLOCK_BYTES);
	struct free_object *object = memory;

	if (block->given_back == NULL && block->n_fresh == 0)
		link_block(slab, block);
	object->next = block->given_back;
	block->given_back = object;
	ASAN_POISON_MEMORY_REGION(object, slab->object_bytes);
	if (--block->n_used > 0)
		return;
	/* One stays, lest the next object map it again. */
	if (slab->n_blocks == 1)
		return;
	unlink_block(slab, block);
	slab->n_blocks--;
	unmap_block(block);
}

void slab_done(struct slab *slab)
{
	struct slab_block *block = slab->with_room;

	assert(slab->n_blocks <= 1);
	if (block == NULL)
		return;
	assert(block->n_used == 0);
	unmap_block(block);
	slab_init(slab, slab->object_bytes);
}
