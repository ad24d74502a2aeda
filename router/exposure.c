#include "router/exposure.h"

#include "conf/config.h"

#include <assert.h>

static uint64_t pack(struct assignment assignment)
{
	return (uint64_t)assignment.generation << 32 | assignment.weight_ppm;
}

void exposure_init(struct exposure *exposure, uint32_t weight_ppm)
{
	assert(weight_ppm <= PPM);
	atomic_init(&exposure->word,
	    pack((struct assignment) { .generation = 1, .weight_ppm = weight_ppm }));
}

void exposure_set(struct exposure *exposure, uint32_t generation, uint32_t weight_ppm)
{
	assert(weight_ppm <= PPM);
	atomic_store_explicit(&exposure->word,
	    pack((struct assignment) { .generation = generation, .weight_ppm = weight_ppm }),
	    memory_order_relaxed);
}
