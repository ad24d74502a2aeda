/* The hosts and paths of all routes: which of them a request can never reach. */
#ifndef CONF_MATCHES_H
#define CONF_MATCHES_H

#include "conf/config.h"
#include "conf/problems.h"

/*
 * Warns of each host and path that a route before has too; and, where there is no
 * problem yet, of each route of which routes before it take every request, those after
 * one that takes all of them at once: a host that could not be read would pass for any
 * host. False when out of memory.
 */
__attribute__((warn_unused_result)) bool matches_check(
    const struct config *config, struct problems *problems);

#endif
