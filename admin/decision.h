/*
 * What follows from a release's step: the one place where a decision reaches the data
 * plane, the store, the log and the webhooks.
 *
 * Thread     the control thread's.
 */
#ifndef ADMIN_DECISION_H
#define ADMIN_DECISION_H

#include "admin/managed_route.h"

/*
 * Carries it out, in the order that a kill between any two parts does least harm: a
 * rollback is remembered before it is seen, anything else is seen before it is
 * remembered.
 */
void decision_carry_out(struct managed_routes *routes, struct managed_route *managed,
    const struct release_step *step, const struct instant *now);

/* Tells the store how the release stands, and what it has spent. */
void decision_keep(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now);

#endif
