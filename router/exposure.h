/*
 * The live weight of one route: the canary's share of buckets.
 *
 * A ramp up only adds users to the canary and a ramp down only removes them,
 * since a bucket's side depends on nothing but the weight.
 *
 * Thread     one control thread sets it, any worker reads it. Generation and
 *            weight change together, in one atomic word that stands for nothing
 *            but itself: relaxed order is enough.
 */
#ifndef ROUTER_EXPOSURE_H
#define ROUTER_EXPOSURE_H

#include "base/arm.h"

#include <stdatomic.h>
#include <stdint.h>

struct exposure {
	_Atomic uint64_t word; /* generation << 32 | weight_ppm */
};

/* The weight a request was assigned under, and which change of it that was. */
struct assignment {
	uint32_t generation; /* from 1, and 1 more with every change */
	uint32_t weight_ppm; /* 0 to PPM */
};

/* Generation 1. */
void exposure_init(struct exposure *exposure, uint32_t weight_ppm);

/* Control thread only. That weight from now on, as of that generation. */
void exposure_set(struct exposure *exposure, uint32_t generation, uint32_t weight_ppm);

static inline struct assignment exposure_get(const struct exposure *exposure)
{
	uint64_t word = atomic_load_explicit(&exposure->word, memory_order_relaxed);

	return (struct assignment) { .generation = (uint32_t)(word >> 32),
		.weight_ppm = (uint32_t)word };
}

static inline enum arm exposure_arm(struct assignment assignment, uint32_t bucket)
{
	return bucket < assignment.weight_ppm ? ARM_CANARY : ARM_LEGACY;
}

#endif
