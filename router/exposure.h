/*
 * How much of a route's traffic its canary gets, at this moment: the weight, and
 * what narrows it.
 *
 * A ramp up only adds users to the canary and a ramp down only removes them,
 * since a bucket's side depends on nothing but the weight. What else may decide:
 *
 *     methods     others than these go to legacy
 *     withdrawn   path classes that go to legacy
 *     drain       after a rollback, users below this bucket whom the canary had
 *                 served stay there (router/seen_users.h)
 *
 * Where one of these has decided, or a drain is on, the request is not
 * `randomised`: its arm is no longer an accident of its bucket alone, so it is no
 * evidence for or against the canary.
 *
 * Thread     one control thread sets it, any worker reads it. What every request
 *            needs changes together, in one atomic word; what few need is written
 *            before it and read after it, where a bit of the word says so.
 */
#ifndef ROUTER_EXPOSURE_H
#define ROUTER_EXPOSURE_H

#include "base/arm.h"
#include "base/message.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* As the control thread sets it. */
struct exposure_setting {
	uint32_t generation; /* from 1, and 1 more with every change */
	uint32_t weight_ppm; /* 0 to PPM */
	uint32_t methods;    /* bits 1 << enum method_id; 0: all */
	uint64_t withdrawn;  /* a bit for each path class slot, 0 to 63 */
	uint32_t drain_ppm;  /* 0: nobody stays */
};

/* Of the word, from the top: generation 32, flags 2, methods 10, weight 20 bits. */
enum {
	EXPOSURE_WEIGHT_BITS = 20,
	EXPOSURE_METHODS_ALL = (1 << 10) - 1,
	EXPOSURE_WITHDRAWS = 1 << 10, /* struct exposure.withdrawn is in use */
	EXPOSURE_DRAINS = 1 << 11,    /* and so is drain_ppm */
};

struct exposure {
	_Atomic uint64_t word;
	_Atomic uint64_t withdrawn;
	_Atomic uint32_t drain_ppm;
};

/* The exposure a request was assigned under. */
struct assignment {
	uint32_t generation;
	uint32_t weight_ppm;
	uint32_t limits; /* bits of methods, EXPOSURE_WITHDRAWS, EXPOSURE_DRAINS */
};

/* Generation 1, all methods, nothing withdrawn. */
void exposure_init(struct exposure *exposure, uint32_t weight_ppm);

/* Control thread only. From now on. */
void exposure_set(struct exposure *exposure, const struct exposure_setting *setting);

/* As it was last set, for a person to read. */
struct exposure_setting exposure_read(const struct exposure *exposure);

static inline struct assignment exposure_get(const struct exposure *exposure)
{
	uint64_t word = atomic_load_explicit(&exposure->word, memory_order_acquire);
	uint32_t low = (uint32_t)word;

	return (struct assignment) {
		.generation = (uint32_t)(word >> 32),
		.weight_ppm = low & ((1u << EXPOSURE_WEIGHT_BITS) - 1),
		.limits = low >> EXPOSURE_WEIGHT_BITS,
	};
}

/* By the bucket alone. */
static inline enum arm exposure_arm(struct assignment assignment, uint32_t bucket)
{
	return bucket < assignment.weight_ppm ? ARM_CANARY : ARM_LEGACY;
}

/* Nothing but the bucket decides about a request of that method. */
static inline bool exposure_is_plain(struct assignment assignment, enum method_id method)
{
	uint32_t bit = 1u << method;

	return (assignment.limits & (bit | EXPOSURE_WITHDRAWS | EXPOSURE_DRAINS)) == bit;
}

/* Why a request has its arm. */
enum exposure_reason {
	EXPOSURE_BY_BUCKET,    /* the only one that is randomised */
	EXPOSURE_BY_METHOD,    /* not among the stage's: legacy */
	EXPOSURE_BY_PATH,      /* its class is withdrawn: legacy */
	EXPOSURE_BY_DRAIN,     /* the user was on the canary, and stays */
	EXPOSURE_DURING_DRAIN, /* the bucket's arm, but while others stay */
};

struct exposure_request {
	enum method_id method;
	unsigned path_class; /* slot, or PATH_CLASS_OTHER, which is never withdrawn */
	uint32_t bucket;
	bool was_canary; /* the map of seen users has its key */
};

/* The general form, for where exposure_is_plain() says no. */
enum arm exposure_choose(const struct exposure *exposure, struct assignment assignment,
    const struct exposure_request *request, enum exposure_reason *reason);

#endif
