#include "proxy/deadline.h"

static struct deadline *slot_of(struct deadlines *all, uint64_t ms)
{
	return &all->slots[ms / DEADLINE_SLOT_MS % DEADLINE_SLOTS];
}

static void unlink_entry(struct deadline *d)
{
	d->prev->next = d->next;
	d->next->prev = d->prev;
	d->next = d->prev = NULL;
}

static void link_entry(struct deadlines *all, struct deadline *d)
{
	const uint64_t horizon = (uint64_t)(DEADLINE_SLOTS - 1) * DEADLINE_SLOT_MS;
	struct deadline *head;

	d->seen_ms = d->due_ms;
	if (d->seen_ms > all->swept_ms + horizon)
		d->seen_ms = all->swept_ms + horizon;
	if (d->seen_ms < all->swept_ms)
		d->seen_ms = all->swept_ms;
	head = slot_of(all, d->seen_ms);
	d->prev = head->prev;
	d->next = head;
	head->prev->next = d;
	head->prev = d;
}

void deadlines_init(struct deadlines *all, uint64_t now_ms)
{
	for (size_t i = 0; i < DEADLINE_SLOTS; i++) {
		struct deadline *head = &all->slots[i];

		*head = (struct deadline) { .next = head, .prev = head };
	}
	all->swept_ms = now_ms / DEADLINE_SLOT_MS * DEADLINE_SLOT_MS;
}

void deadline_init(struct deadline *d)
{
	*d = (struct deadline) { 0 };
}

void deadline_set(struct deadlines *all, struct deadline *d, uint64_t due_ms)
{
	d->due_ms = due_ms;
	if (d->next != NULL) {
		if (d->seen_ms <= due_ms)
			return;
		unlink_entry(d);
	}
	link_entry(all, d);
}

void deadline_clear(struct deadline *d)
{
	d->due_ms = 0;
	if (d->next != NULL)
		unlink_entry(d);
}

/* The slot at swept_ms has wholly passed when the next one has begun. */
struct deadline *deadlines_sweep(struct deadlines *all, uint64_t now_ms)
{
	while (all->swept_ms + DEADLINE_SLOT_MS <= now_ms) {
		struct deadline *head = slot_of(all, all->swept_ms);

		while (head->next != head) {
			struct deadline *d = head->next;

			unlink_entry(d);
			if (d->due_ms == 0)
				continue;
			if (d->due_ms < all->swept_ms + DEADLINE_SLOT_MS) {
				d->due_ms = 0;
				return d;
			}
			link_entry(all, d);
		}
		all->swept_ms += DEADLINE_SLOT_MS;
	}
	return NULL;
}
