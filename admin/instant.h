/*
 * The instant of a decision, on all the clocks that it goes by.
 *
 * Thread  any.
 */
#ifndef ADMIN_INSTANT_H
#define ADMIN_INSTANT_H

#include "rollout/release_clock.h"

#include <stdint.h>

struct instant {
	struct release_clock clock;
	uint64_t wall_us; /* since 1970 */
};

/* Now. */
void instant_read(struct instant *now);

#endif
