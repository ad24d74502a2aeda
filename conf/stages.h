/*
 * The stages of a rollout: "1% 10m, 5% 30m methods=GET,HEAD gate=manual, 100%".
 *
 * A stage is its weight, its hold time, and options in any order:
 *
 *     methods=GET,HEAD    of these only the canary gets requests; absent: of all
 *     min_requests=200    of the canary, before the next stage
 *     p_max=5%            failure rate that must be ruled out before it; or none
 *     gate=manual         the next stage waits for a person's promote
 *     gate=webhook:NAME   or for leave from that webhook
 */
#ifndef CONF_STAGES_H
#define CONF_STAGES_H

#include "base/slice.h"
#include "conf/config.h"
#include "conf/value.h"

/*
 * Adds the stages of one line. Over all lines weights rise strictly, from above 0%
 * to at most 100%, no stage takes methods away, and each but the last has a hold time.
 */
__attribute__((warn_unused_result)) bool stages_add(const struct value_scope *scope,
    struct slice text, struct stage_conf stages[STAGES_MAX], size_t *n, struct error *err);

/* Once all keys are read: a stage without min_requests or p_max has the rollout's. */
void stages_settle(struct rollout_conf *rollout);

#endif
