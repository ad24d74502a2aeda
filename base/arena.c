#include "base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	SMALLEST = 512
};

struct arena_block {
	struct arena_block *older;
	size_t size;
	char bytes[];
};

void arena_init(struct arena *arena, size_t cap)
{
	*arena = (struct arena) { .cap = cap };
}

void arena_done(struct arena *arena)
{
	while (arena->newest != NULL) {
		struct arena_block *older = arena->newest->older;

		free(arena->newest);
		arena->newest = older;
	}
	arena_init(arena, arena->cap);
}

/* Each block is twice the one before, so that soon one is enough. */
static bool add_block(struct arena *arena, size_t n)
{
	size_t size = arena->newest != NULL ? 2 * arena->newest->size : SMALLEST;
	struct arena_block *block;

	if (size < n)
		size = n;
	block = malloc(sizeof(*block) + size);
	if (block == NULL)
		return false;
	block->older = arena->newest;
	block->size = size;
	arena->newest = block;
	arena->used = 0;
	return true;
}

char *arena_take(struct arena *arena, size_t n)
{
	char *bytes;

	assert(arena->taken <= arena->cap);
	if (n > arena->cap - arena->taken)
		return NULL;
	if ((arena->newest == NULL || n > arena->newest->size - arena->used) &&
	    !add_block(arena, n))
		return NULL;
	bytes = arena->newest->bytes + arena->used;
	arena->used += n;
	arena->taken += n;
	return bytes;
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
	struct arena_block *kept = arena->newest;

	if (kept != NULL && kept->size <= keep_bytes) {
		arena->newest = kept->older;
		kept->older = NULL;
	} else {
		kept = NULL;
	}
	arena_done(arena);
	arena->newest = kept;
}
