/*
 * Which users have already had a failure counted in this epoch: a bit for each of
 * 65,536 hashes of the cohort key (docs/policy.md, 2). One map serves both arms and all
 * workers of a route: with a map per arm the larger arm's would fill faster, and
 * the smaller arm would be blamed for it.
 *
 * Thread  epoch_map_first(): any. epoch_map_clear(): the control thread; a failure
 *         that arrives while it runs may be counted once more or once less.
 */
#ifndef METRICS_EPOCH_MAP_H
#define METRICS_EPOCH_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	EPOCH_MAP_BITS = 65536,
	EPOCH_MAP_WORDS = EPOCH_MAP_BITS / 64,
};

struct epoch_map {
	_Atomic uint64_t words[EPOCH_MAP_WORDS];
	_Atomic uint32_t used; /* bits set */
};

/* True for the first failure of that hash since the map was cleared. */
bool epoch_map_first(struct epoch_map *map, uint64_t hash);

/* So many bits are set that distinct users begin to look alike: clear it. */
bool epoch_map_is_half_full(const struct epoch_map *map);

void epoch_map_clear(struct epoch_map *map);

#endif
