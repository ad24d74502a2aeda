/*
 * Memory of which there may be thousands of pieces, each touched by a request now and then:
 * a route's counters, its cohort, its rules. They lie side by side in large blocks, which
 * the system is asked to back with huge pages. Spread over a heap of small pages, a
 * request to one of ten thousand routes pays more for finding where its pages are than
 * for all else that the routes cost.
 *
 * Blocks grow with what is taken, from 64 KiB, so that a few routes cost no more than on the
 * heap. What is given back is kept for pieces of the same size; a piece of more than 256 KiB
 * is a mapping of its own and goes back to the system.
 *
 * Thread     any. Under a lock: not for the steady state of the request path.
 * Ownership  dense_give() with the size that it was taken with.
 */
#ifndef BASE_DENSE_H
#define BASE_DENSE_H

#include "base/cache_line.h"

#include <stddef.h>

enum {
	DENSE_ALIGNMENT = 2 * CACHE_LINE_BYTES /* which processors fetch in pairs */
};

/* Zeroed, and so aligned; NULL when out of memory. */
__attribute__((warn_unused_result)) void *dense_take(size_t bytes);

/* memory may be NULL. */
void dense_give(void *memory, size_t bytes);

#endif
