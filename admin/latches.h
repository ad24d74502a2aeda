/*
 * The releases that were rolled back and not cleared since, by route, as held in
 * memory: what keeps one from coming back because its route was renamed away and
 * back, because the file returned to an older release, or because weir was restarted.
 *
 * Thread     no locks: the caller's.
 * Ownership  embedded; latches_done() frees what it holds.
 */
#ifndef ADMIN_LATCHES_H
#define ADMIN_LATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LATCHES_MAX = 100000 /* the oldest go first; so many broken releases are never */
};

struct latch {
	char *route;
	char *release;
	int64_t since_us; /* wall clock */
	char *why;
};

struct latches {
	struct latch **items; /* by route, then release */
	size_t n;
	size_t size;
};

void latches_done(struct latches *latches);

/* NULL: not latched. Valid until that latch goes. */
const struct latch *latches_find(
    const struct latches *latches, const char *route, const char *release);

/* One that is there stays as it is. False when out of memory. */
__attribute__((warn_unused_result)) bool latches_add(struct latches *latches, const char *route,
    const char *release, int64_t since_us, const char *why);
void latches_remove(struct latches *latches, const char *route, const char *release);

#endif
