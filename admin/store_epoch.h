/*
 * Which users of a release had a failure counted in its present epoch, as the store
 * holds it: a restart that forgot them would count the same users once more.
 *
 * Thread     no locks: the store's.
 * Ownership  embedded; stored_epoch_done() frees what it holds.
 */
#ifndef ADMIN_STORE_EPOCH_H
#define ADMIN_STORE_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stored_epoch {
	char *release;   /* NULL: none is known */
	uint32_t number; /* which of the release's epochs: plan.entered */
	uint16_t *units; /* the bits set in the epoch's map */
	size_t n;
};

void stored_epoch_done(struct stored_epoch *epoch);

/* Copies them. False when out of memory or too many: then it is as before. */
__attribute__((warn_unused_result)) bool stored_epoch_set(struct stored_epoch *epoch,
    const char *release, uint32_t number, const uint16_t *units, size_t n);

bool stored_epoch_is_of(const struct stored_epoch *epoch, const char *release, uint32_t number);

/* Whether setting it to that would change anything. */
bool stored_epoch_equals(const struct stored_epoch *epoch, const char *release, uint32_t number,
    const uint16_t *units, size_t n);

#endif
