/*
 * What /status says of a route in numbers: both arms, their budgets, the path classes.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_STATUS_COUNTERS_H
#define ADMIN_STATUS_COUNTERS_H

#include "admin/managed_route.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Adds `arms` and `budget` of a path class, or of the whole route with PATH_CLASS_ALL.
 * False when out of memory, or where json is NULL.
 */
__attribute__((warn_unused_result)) bool status_add_counters(
    json_t *json, const struct managed_route *managed, unsigned path_class);

/* The list of those that were seen; NULL when out of memory. */
json_t *status_path_classes(const struct managed_route *managed);

#endif
