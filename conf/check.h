/* What can only be seen in a whole configuration, once every value is read. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/config.h"
#include "conf/problems.h"

/*
 * Adds a problem where there is nothing to listen on or no route, where one
 * address is listened on twice, by itself or with all others of its port, where a
 * server is a listener of weir's own. Warns of each route that routes before it leave
 * nothing to, and of each webhook that nothing is told. False when out of memory.
 */
__attribute__((warn_unused_result)) bool check_whole(
    const struct config *config, struct problems *problems);

#endif
