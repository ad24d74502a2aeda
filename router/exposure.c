#include "router/exposure.h"

#include "base/path_slots.h"
#include "conf/config.h"

#include <assert.h>

_Static_assert(PPM < 1 << EXPOSURE_WEIGHT_BITS, "a weight fits its bits");
_Static_assert(1 << METHOD_TRACE <= EXPOSURE_METHODS_ALL, "every method has a bit");

static uint64_t pack(const struct exposure_setting *setting)
{
	uint32_t methods = setting->methods == 0 ? EXPOSURE_METHODS_ALL : setting->methods;
	uint32_t limits = methods & EXPOSURE_METHODS_ALL;

	assert(setting->weight_ppm <= PPM && setting->drain_ppm <= PPM);
	if (setting->withdrawn != 0)
		limits |= EXPOSURE_WITHDRAWS;
	if (setting->drain_ppm != 0)
		limits |= EXPOSURE_DRAINS;
	return (uint64_t)setting->generation << 32 | limits << EXPOSURE_WEIGHT_BITS |
	       setting->weight_ppm;
}

void exposure_init(struct exposure *exposure, uint32_t weight_ppm)
{
	struct exposure_setting setting = { .generation = 1, .weight_ppm = weight_ppm };

	atomic_init(&exposure->withdrawn, 0);
	atomic_init(&exposure->drain_ppm, 0);
	atomic_init(&exposure->word, pack(&setting));
}

void exposure_set(struct exposure *exposure, const struct exposure_setting *setting)
{
	atomic_store_explicit(&exposure->withdrawn, setting->withdrawn, memory_order_relaxed);
	atomic_store_explicit(&exposure->drain_ppm, setting->drain_ppm, memory_order_relaxed);
	atomic_store_explicit(&exposure->word, pack(setting), memory_order_release);
}

struct exposure_setting exposure_read(const struct exposure *exposure)
{
	struct assignment now = exposure_get(exposure);
	uint32_t methods = now.limits & EXPOSURE_METHODS_ALL;

	return (struct exposure_setting) {
		.generation = now.generation,
		.weight_ppm = now.weight_ppm,
		.methods = methods == EXPOSURE_METHODS_ALL ? 0 : methods,
		.withdrawn = atomic_load_explicit(&exposure->withdrawn, memory_order_relaxed),
		.drain_ppm = atomic_load_explicit(&exposure->drain_ppm, memory_order_relaxed),
	};
}

enum arm exposure_choose(const struct exposure *exposure, struct assignment assignment,
    const struct exposure_request *request, enum exposure_reason *reason)
{
	enum arm arm = exposure_arm(assignment, request->bucket);

	*reason = EXPOSURE_BY_METHOD;
	if ((assignment.limits & 1u << request->method) == 0)
		return ARM_LEGACY;
	*reason = EXPOSURE_BY_PATH;
	if ((assignment.limits & EXPOSURE_WITHDRAWS) != 0 &&
	    request->path_class < PATH_CLASS_SLOTS &&
	    (atomic_load_explicit(&exposure->withdrawn, memory_order_relaxed) >>
		    request->path_class &
		1) != 0)
		return ARM_LEGACY;
	*reason = EXPOSURE_BY_BUCKET;
	if ((assignment.limits & EXPOSURE_DRAINS) == 0)
		return arm;
	*reason = EXPOSURE_DURING_DRAIN;
	if (arm == ARM_CANARY || !request->was_canary ||
	    request->bucket >= atomic_load_explicit(&exposure->drain_ppm, memory_order_relaxed))
		return arm;
	*reason = EXPOSURE_BY_DRAIN;
	return ARM_CANARY;
}
