/*
 * Which verdict follows from what the guard has counted (docs/policy.md, 7). Looks
 * only; guard.c does the counting.
 *
 * Thread  the control thread's.
 */
#ifndef ROLLOUT_GUARD_JUDGE_H
#define ROLLOUT_GUARD_JUDGE_H

#include "rollout/guard.h"

struct verdict guard_judge(const struct guard *guard);

#endif
