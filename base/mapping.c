#include "base/mapping.h"

#include <stdint.h>
#include <sys/mman.h>

/* More is mapped, and what is over goes back. */
void *mapping_new(size_t bytes, size_t alignment)
{
	char *all = mmap(NULL, bytes + alignment, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (all == MAP_FAILED)
		return NULL;
	before = (alignment - (uintptr_t)all % alignment) % alignment;
	if (before > 0)
		munmap(all, before);
	munmap(all + before + bytes, alignment - before);
	return all + before;
}
