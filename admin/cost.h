/*
 * What a release has cost its users: one account for notices, /status and metrics.
 *
 * Thread  the control thread's.
 */
#ifndef ADMIN_COST_H
#define ADMIN_COST_H

#include "admin/managed_route.h"
#include "admin/notice.h"

/* Since the release began, as of its last tick. */
struct notice_cost cost_of(const struct managed_route *managed);

#endif
