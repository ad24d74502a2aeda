/*
 * What /status says of one route: its release, what that waits for, and why.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_STATUS_ROUTE_H
#define ADMIN_STATUS_ROUTE_H

#include "admin/managed_route.h"

#include <jansson.h>

/* A new reference, or NULL when out of memory. store may be NULL, as in struct status_view. */
json_t *status_route_json(const struct managed_route *managed, const struct store *store,
    const struct release_clock *clock);

#endif
