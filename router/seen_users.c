#include "router/seen_users.h"

#include <stdlib.h>

struct seen_users *seen_users_new(void)
{
	return calloc(1, sizeof(struct seen_users));
}

void seen_users_free(struct seen_users *seen)
{
	free(seen);
}

void seen_users_clear(struct seen_users *seen)
{
	for (size_t i = 0; i < SEEN_USERS_BITS / 64; i++)
		atomic_store_explicit(&seen->words[i], 0, memory_order_relaxed);
}
