/*
 * A person's orders: what each state makes of them, and the reasons for those that
 * cannot be followed.
 *
 * The functions change a plan that is being prepared: only plan_apply() makes it the
 * plan in force.
 */
#ifndef ROLLOUT_PLAN_ORDER_H
#define ROLLOUT_PLAN_ORDER_H

#include "rollout/plan.h"

/* PROMOTE, ROLL_BACK, PAUSE, RESUME or SET_WEIGHT. Refused: err says why. */
enum plan_answer plan_order(
    struct plan *next, const struct plan_event *event, struct error *err);

#endif
