#include "base/dense.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/*
 * So that the address sanitizer sees what goes beyond a piece or comes after its end, and
 * the leak sanitizer what hangs on one.
 */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
enum {
	GAP_BYTES = DENSE_ALIGNMENT /* between two pieces */
};
#else
#define ASAN_POISON_MEMORY_REGION(memory, bytes)     ((void)(memory), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(memory, bytes)   ((void)(memory), (void)(bytes))
#define __lsan_register_root_region(memory, bytes)   ((void)(memory), (void)(bytes))
#define __lsan_unregister_root_region(memory, bytes) ((void)(memory), (void)(bytes))
enum {
	GAP_BYTES = 0
};
#endif

enum {
	PAGE_BYTES = 4096,
	HUGE_BYTES = 2 << 20,
	FIRST_BLOCK_BYTES = 64 << 10,
	LARGEST_BLOCK_BYTES = 32 << 20,
	PIECE_MAX = 256 << 10, /* in a block */
	SIZES = (PIECE_MAX + GAP_BYTES) / DENSE_ALIGNMENT + 1,
	/* From here on a mapping of its own fills a huge page well enough. */
	WORTH_HUGE_BYTES = HUGE_BYTES / 2,
};

struct free_piece {
	struct free_piece *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct free_piece *given_back[SIZES]; /* by size, in units of the alignment */
static char *block, *block_end;              /* what is left of the newest */
static size_t block_bytes;                   /* its size; 0: none yet */

static size_t round_up(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

/* Aligned to huge pages where it has any: more is mapped, and what is over goes back. */
static char *map(size_t bytes)
{
	size_t over = bytes % HUGE_BYTES == 0 ? HUGE_BYTES : 0;
	char *all = mmap(
	    NULL, bytes + over, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (all == MAP_FAILED)
		return NULL;
	if (over > 0) {
		before = (HUGE_BYTES - (uintptr_t)all % HUGE_BYTES) % HUGE_BYTES;
		if (before > 0)
			munmap(all, before);
		if (before < over)
			munmap(all + before + bytes, over - before);
		all += before;
		/* A wish: without it all works, in small pages. */
		(void)madvise(all, bytes, MADV_HUGEPAGE);
	}
	__lsan_register_root_region(all, bytes);
	return all;
}

static size_t own_bytes(size_t bytes)
{
	return round_up(bytes, bytes >= WORTH_HUGE_BYTES ? HUGE_BYTES : PAGE_BYTES);
}

/* With room for a piece. What is left of the block before is left: less than that. */
static bool begin_block(size_t piece_bytes)
{
	size_t next = block_bytes == 0 ? FIRST_BLOCK_BYTES : 2 * block_bytes;
	char *fresh;

	while (next < piece_bytes)
		next *= 2;
	if (next > LARGEST_BLOCK_BYTES)
		next = LARGEST_BLOCK_BYTES;
	fresh = map(next);
	if (fresh == NULL)
		return false;
	ASAN_POISON_MEMORY_REGION(fresh, next);
	block = fresh;
	block_end = fresh + next;
	block_bytes = next;
	return true;
}

static char *take_fresh(size_t bytes)
{
	char *piece;

	if ((size_t)(block_end - block) < bytes && !begin_block(bytes))
		return NULL;
	piece = block;
	block += bytes;
	return piece;
}

static void *take_piece(size_t bytes)
{
	size_t whole = round_up(bytes, DENSE_ALIGNMENT) + GAP_BYTES;
	struct free_piece *piece;
	bool recycled;

	pthread_mutex_lock(&lock);
	piece = given_back[whole / DENSE_ALIGNMENT];
	recycled = piece != NULL;
	if (recycled) {
		ASAN_UNPOISON_MEMORY_REGION(piece, sizeof(*piece));
		given_back[whole / DENSE_ALIGNMENT] = piece->next;
	} else {
		piece = (void *)take_fresh(whole);
	}
	pthread_mutex_unlock(&lock);
	if (piece == NULL)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
	return recycled ? memset(piece, 0, bytes) : piece;
}

void *dense_take(size_t bytes)
{
	if (bytes < sizeof(struct free_piece))
		bytes = sizeof(struct free_piece);
	if (bytes <= PIECE_MAX)
		return take_piece(bytes);
	return bytes > SIZE_MAX / 2 ? NULL : map(own_bytes(bytes));
}

static void give_piece(struct free_piece *piece, size_t bytes)
{
	size_t whole = round_up(bytes, DENSE_ALIGNMENT) + GAP_BYTES;

	pthread_mutex_lock(&lock);
	piece->next = given_back[whole / DENSE_ALIGNMENT];
	given_back[whole / DENSE_ALIGNMENT] = piece;
	ASAN_POISON_MEMORY_REGION(piece, whole);
	pthread_mutex_unlock(&lock);
}

void dense_give(void *memory, size_t bytes)
{
	if (memory == NULL)
		return;
	if (bytes < sizeof(struct free_piece))
		bytes = sizeof(struct free_piece);
	if (bytes <= PIECE_MAX) {
		give_piece(memory, bytes);
		return;
	}
	__lsan_unregister_root_region(memory, own_bytes(bytes));
	munmap(memory, own_bytes(bytes));
}
