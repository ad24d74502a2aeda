/*
 * Room on the disk for latches, taken in advance: STATE_DIR/latches.now, a file of fixed
 * size whose slots are written in their place. A latch is there until the database
 * has it for certain. So it is remembered at once although the database is being
 * synced, and although the disk is full.
 *
 * Behind the slots a mark tells that the directory was used: latches once written there
 * went into a database. Without that, it is gone.
 *
 * A slot written outlives a kill of the process, not a power cut (it is not synced;
 * the database is).
 *
 * Thread     no locks: the store's. After the opening latch_slots_write(),
 *            latch_slots_write_mark() and latch_slots_mend() alone touch the disk, and only
 *            their own arguments.
 * Ownership  embedded; latch_slots_close() closes the file.
 */
#ifndef ADMIN_LATCH_SLOTS_H
#define ADMIN_LATCH_SLOTS_H

#include "admin/latches.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LATCH_SLOTS = 128,
	LATCH_SLOT_SIZE = 1024,
};

extern const char latch_slots_name[];

struct latch_slot {
	char image[LATCH_SLOT_SIZE]; /* as it is to be on the disk; zeros: free */
	bool changed;                /* and not yet written */
	uint64_t ticket;             /* of the latch change it holds; 0: free */
};

struct latch_slots {
	int fd;        /* -1: there is no such file, and no slot is given */
	int n;         /* slots that have room on the disk; no others are given */
	bool was_used; /* before it was opened: it has the mark, or held a latch, or is cut */
	struct latch_slot items[LATCH_SLOTS];
};

/*
 * Opens or makes the file, and adds what it holds to `latches`; those slots stay
 * taken until latch_slots_adopt() gives them a ticket and that is released. Slots that
 * are not whole are free. False where it cannot be read or made, then no slots are given; or
 * where not all of them have room: those that do are.
 */
__attribute__((warn_unused_result)) bool latch_slots_open(struct latch_slots *slots,
    const char *state_dir, struct latches *latches, struct error *err);
void latch_slots_close(struct latch_slots *slots);

/* The latches that were found are part of the change with that ticket. */
void latch_slots_adopt(struct latch_slots *slots, uint64_t ticket);

/* A slot for the latch, to be written; -1: none is free, or the latch has no room in one. */
int latch_slots_take(struct latch_slots *slots, const struct latch *latch, uint64_t ticket);

/* Frees every slot with a ticket of at most that; they are to be written. */
void latch_slots_release(struct latch_slots *slots, uint64_t ticket);

/* The first slot that is to be written; -1: none. */
int latch_slots_next(const struct latch_slots *slots);

/*
 * Sees to it that the file of the open descriptor is in the directory, makes it where it is
 * not (the descriptor is another file's then, and *anew is set), and takes what room is
 * missing. How many slots have room: for latch_slots_mended().
 */
__attribute__((warn_unused_result)) int latch_slots_mend(
    int fd, const char *state_dir, bool *anew);

/* Whatever is in a slot is to be written to a file that was made anew. */
void latch_slots_mended(struct latch_slots *slots, int n, bool anew);

/* Leaves the mark behind the slots; not synced. */
__attribute__((warn_unused_result)) bool latch_slots_write_mark(int fd);

__attribute__((warn_unused_result)) bool latch_slots_write(
    int fd, int slot, const char image[LATCH_SLOT_SIZE]);

#endif
