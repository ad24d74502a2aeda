#include "metrics/epoch_map.h"

#include <stddef.h>

bool epoch_map_first(struct epoch_map *map, uint64_t hash)
{
	/* The cohort's bucket comes from the high bits: these are the low ones. */
	_Atomic uint64_t *word = &map->words[(hash % EPOCH_MAP_BITS) / 64];
	uint64_t bit = UINT64_C(1) << (hash % 64);

	/* In an outage most users are in the map already: look before locking. */
	if (atomic_load_explicit(word, memory_order_relaxed) & bit)
		return false;
	if (atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit)
		return false;
	atomic_fetch_add_explicit(&map->used, 1, memory_order_relaxed);
	return true;
}

bool epoch_map_is_half_full(const struct epoch_map *map)
{
	return atomic_load_explicit(&map->used, memory_order_relaxed) >= EPOCH_MAP_BITS / 2;
}

void epoch_map_clear(struct epoch_map *map)
{
	atomic_store_explicit(&map->used, 0, memory_order_relaxed);
	for (size_t i = 0; i < EPOCH_MAP_WORDS; i++)
		atomic_store_explicit(&map->words[i], 0, memory_order_relaxed);
}
