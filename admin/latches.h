/*
 * The releases that were rolled back and not cleared since, by route: what keeps
 * one from coming back because its route was renamed away and back, because the
 * file returned to an older release, or because weir was restarted.
 *
 * Thread     the control thread's.
 * Ownership  latches_free(). Errors: where memory is short a latch holds as long
 *            as its route's release is not replaced.
 */
#ifndef ADMIN_LATCHES_H
#define ADMIN_LATCHES_H

#include <stdbool.h>
#include <stddef.h>

struct latches;

/* NULL when out of memory. */
struct latches *latches_new(void);
void latches_free(struct latches *latches);

/* As the journal in that directory left them. A line that cannot be read is skipped. */
void latches_load(struct latches *latches, const char *state_dir);

void latches_add(struct latches *latches, const char *route, const char *release);
void latches_remove(struct latches *latches, const char *route, const char *release);
bool latches_has(const struct latches *latches, const char *route, const char *release);

#endif
