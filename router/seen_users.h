/*
 * The users whom a route's canary has served in this release, so that after a
 * rollback they can finish what they have there (on_rollback = drain).
 *
 * One bit for each 1,048,576th of the keys' hashes: 128 kB, whatever the number of
 * users. Two users may share a bit, so some stay that need not: n users seen are
 * taken for at most n / 1,048,576 of all others. It forgets nobody.
 *
 * Thread     workers add and look up, the control thread clears; relaxed atomics.
 * Ownership  seen_users_free(); no worker may be using it.
 */
#ifndef ROUTER_SEEN_USERS_H
#define ROUTER_SEEN_USERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SEEN_USERS_BITS = 1 << 20
};

struct seen_users {
	_Atomic uint64_t words[SEEN_USERS_BITS / 64];
};

/* Nobody; NULL when out of memory. */
__attribute__((warn_unused_result)) struct seen_users *seen_users_new(void);
void seen_users_free(struct seen_users *seen);

/* Nobody from now on; what is added meanwhile may stay or go. */
void seen_users_clear(struct seen_users *seen);

/* The bucket is of the hash's high bits, epoch and sample of its low ones. */
static inline uint32_t seen_users_bit(uint64_t unit_hash)
{
	return (uint32_t)(unit_hash >> 24) & (SEEN_USERS_BITS - 1);
}

static inline bool seen_users_has(const struct seen_users *seen, uint64_t unit_hash)
{
	uint32_t bit = seen_users_bit(unit_hash);

	return (atomic_load_explicit(&seen->words[bit / 64], memory_order_relaxed) >>
		       (bit % 64) &
		   1) != 0;
}

/* Writes only what is new, so that a line that all workers read stays shared. */
static inline void seen_users_add(struct seen_users *seen, uint64_t unit_hash)
{
	uint32_t bit = seen_users_bit(unit_hash);

	if (!seen_users_has(seen, unit_hash))
		atomic_fetch_or_explicit(
		    &seen->words[bit / 64], UINT64_C(1) << (bit % 64), memory_order_relaxed);
}

#endif
