/* The stages of a rollout: "1% 10m, 5% 30m, 25% 1h, 100%". */
#ifndef CONF_STAGES_H
#define CONF_STAGES_H

#include "base/slice.h"
#include "conf/config.h"

/*
 * Weights rise strictly, from above 0% to at most 100%; each stage but the last
 * needs its hold time.
 */
__attribute__((warn_unused_result)) bool stages_parse(
    struct slice text, struct stage_conf stages[STAGES_MAX], size_t *n, struct error *err);

#endif
