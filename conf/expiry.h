/* When a release at 100% is due for clean-up: "2026-12-31", or "14d" after it got there. */
#ifndef CONF_EXPIRY_H
#define CONF_EXPIRY_H

#include "base/slice.h"
#include "conf/config.h"

/* A date is its midnight in UTC, from 2000 on; a time is 1s to ten years. */
__attribute__((warn_unused_result)) bool expiry_parse(
    struct slice text, struct expiry *expiry, struct error *err);

#endif
