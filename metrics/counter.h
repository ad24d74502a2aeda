/*
 * A number that one thread adds to and others read.
 *
 * Thread  one writer; any reader. The writer's add is a plain load and store,
 *         not a locked instruction, so a second writer would lose counts.
 */
#ifndef METRICS_COUNTER_H
#define METRICS_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t value;
};

static inline void counter_add(struct counter *counter, uint64_t more)
{
	uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);

	atomic_store_explicit(&counter->value, value + more, memory_order_relaxed);
}

static inline uint64_t counter_read(const struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/*
 * For a count that is part of another one: written after it and read before it, it is
 * never seen larger.
 */
static inline void counter_add_part(struct counter *counter, uint64_t more)
{
	uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);

	atomic_store_explicit(&counter->value, value + more, memory_order_release);
}

static inline uint64_t counter_read_part(const struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_acquire);
}

#endif
