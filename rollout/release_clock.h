/*
 * The instant of a call, on the clocks that a plan goes by: durations are counted on the
 * monotonic one, moments that a person wrote down are met on the wall's.
 *
 * Ownership  a plain struct; the caller reads the clocks.
 */
#ifndef ROLLOUT_RELEASE_CLOCK_H
#define ROLLOUT_RELEASE_CLOCK_H

#include <stdint.h>

struct release_clock {
	uint64_t now_us;  /* monotonic */
	int64_t wall_s;   /* since 1970 */
	unsigned weekday; /* local, 0: Sunday */
	unsigned minute;  /* of the local day, 0..1439 */
};

#endif
