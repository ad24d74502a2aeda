/*
 * Work that each of many routes has again and again, spread evenly over the time: what
 * thousands do in the same tick keeps a thread from all else.
 */
#ifndef ADMIN_TURNS_H
#define ADMIN_TURNS_H

#include <stddef.h>
#include <stdint.h>

/* Every `wanted_us`; but all n together no more often than each `pace_us`. */
static inline uint64_t paced_us(uint64_t wanted_us, uint64_t pace_us, size_t n)
{
	return wanted_us > n * pace_us ? wanted_us : n * pace_us;
}

/* When it is the turn of one of n next after `last_us`: by `every_us` later at the latest. */
static inline uint64_t next_turn_us(uint64_t last_us, uint64_t every_us, size_t one, size_t n)
{
	uint64_t ahead_us = one * every_us / n;

	return last_us + every_us - (last_us + ahead_us) % every_us;
}

#endif
