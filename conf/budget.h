/* What a route counts as a failure, and how slow is too slow. */
#ifndef CONF_BUDGET_H
#define CONF_BUDGET_H

#include "base/slice.h"
#include "conf/config.h"

/* "1% > 250ms": at most that share of requests slower than that. 1us to 1h. */
__attribute__((warn_unused_result)) bool latency_budget_parse(
    struct slice text, struct latency_budget *budget, struct error *err);

/*
 * "500-599 !501 !505": statuses and ranges of 100..599, separated by spaces or
 * commas, read left to right; '!' takes out what was put in before.
 */
__attribute__((warn_unused_result)) bool status_set_parse(
    struct slice text, struct status_set *set, struct error *err);

#endif
