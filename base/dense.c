#include "base/dense.h"

#include "base/mapping.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Between two pieces, so that the address sanitizer sees what goes beyond one. */
enum {
#ifdef __SANITIZE_ADDRESS__
	GAP_BYTES = DENSE_ALIGNMENT
#else
	GAP_BYTES = 0
#endif
};

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

/* In huge pages where it fills some: a wish, without which all works in small ones. */
static char *map(size_t bytes)
{
	bool huge = bytes % HUGE_BYTES == 0;
	char *memory = mapping_new(bytes, huge ? HUGE_BYTES : PAGE_BYTES);

	if (memory == NULL)
		return NULL;
	if (huge)
		(void)madvise(memory, bytes, MADV_HUGEPAGE);
	/* For the leak sanitizer: what hangs on a piece is not lost. */
	__lsan_register_root_region(memory, bytes);
	return memory;
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
