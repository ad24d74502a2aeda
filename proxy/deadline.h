/*
 * Deadlines of connections: a timing wheel that is swept, so that neither
 * setting nor clearing one costs a system call or, usually, more than a store.
 *
 * An entry lies in the slot of some moment not later than it is due. Moving a
 * deadline back leaves it where it lies; the sweep finds it early and moves it
 * on. Only a deadline that comes nearer is moved at once.
 *
 * Accuracy   an entry expires up to one slot (64 ms) after it is due, and when
 *            the wheel is swept next.
 * Thread     one worker's. Time: monotonic milliseconds as an argument.
 * Ownership  entries are embedded; deadline_clear() before one is freed.
 */
#ifndef PROXY_DEADLINE_H
#define PROXY_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DEADLINE_SLOT_MS = 64,
	DEADLINE_SLOTS = 2048, /* 131 s ahead; what is due later is looked at then */
};

struct deadline {
	struct deadline *next; /* NULL while in no slot */
	struct deadline *prev;
	uint64_t due_ms;  /* 0: none, though it may still lie in a slot */
	uint64_t seen_ms; /* when its slot is swept */
};

struct deadlines {
	struct deadline slots[DEADLINE_SLOTS]; /* heads of rings */
	uint64_t swept_ms; /* everything due before this has been reported */
};

void deadlines_init(struct deadlines *all, uint64_t now_ms);

void deadline_init(struct deadline *d);
void deadline_set(struct deadlines *all, struct deadline *d, uint64_t due_ms);

/* It is not wanted now; the entry may stay in its slot. */
static inline void deadline_stop(struct deadline *d)
{
	d->due_ms = 0;
}

/* Out of its slot: the memory may go. */
void deadline_clear(struct deadline *d);

/*
 * The next entry that is due, stopped and out of its slot; NULL when there is
 * none left. Call until it says NULL.
 */
struct deadline *deadlines_sweep(struct deadlines *all, uint64_t now_ms);

#endif
