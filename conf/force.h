/*
 * A request that goes to one arm whatever its bucket: "canary header:X-Canary=1".
 *
 * Ownership  force_rules_done() frees the list with its names and values.
 */
#ifndef CONF_FORCE_H
#define CONF_FORCE_H

#include "base/slice.h"
#include "conf/config.h"

/*
 * Adds ARM and one of header:NAME, header:NAME=VALUE, the same with cookie, and
 * address:NETWORK to a list that begins as NULL; at most FORCE_RULES_MAX.
 */
__attribute__((warn_unused_result)) bool force_rules_add(struct slice text,
    struct conf_place place, struct force_rule **rules, size_t *n, struct error *err);
void force_rules_done(struct force_rule *rules, size_t n);

#endif
