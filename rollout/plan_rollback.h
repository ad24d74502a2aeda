/*
 * Down again: at once or in steps, with the canary's users evicted or drained.
 *
 * From the first step on the plan is latched: the weight can only go down. The
 * functions change a plan that is being prepared: only plan_apply() makes it the plan
 * in force.
 */
#ifndef ROLLOUT_PLAN_ROLLBACK_H
#define ROLLOUT_PLAN_ROLLBACK_H

#include "rollout/plan.h"

/* The first step, or all of it at once. */
void plan_roll_back(struct plan *next);

/* To 0 now, and nobody stays. */
void plan_roll_back_at_once(struct plan *next);

/* The steps that have come due, and the end of the drain. */
void plan_go_on_rolling_back(struct plan *next);

#endif
