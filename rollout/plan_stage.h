/*
 * Up the ladder: how a plan begins, advances, and what it must pass before it does.
 *
 * The functions change a plan that is being prepared: only plan_apply() makes it
 * the plan in force.
 */
#ifndef ROLLOUT_PLAN_STAGE_H
#define ROLLOUT_PLAN_STAGE_H

#include "rollout/plan.h"

/* As at the start: the fixed weight, the first stage, or WAITING for it. */
void plan_begin(struct plan *next, const struct release_clock *clock);

void plan_begin_fixed(struct plan *next);
void plan_begin_stage(struct plan *next, uint32_t stage);

/* The same, but a plan that was paused stays so (unless it is done). */
void plan_begin_stage_paused(struct plan *next, uint32_t stage);

/* At a weight that no stage gave: a plan is paused there, at the stage it fits. */
void plan_stay_by_hand(struct plan *next, uint32_t weight_ppm);

/* On from a stage or a bake, paused or not. */
void plan_advance(struct plan *next);

/* On from a stage that is ready, or to its gate. */
void plan_pass_gate(struct plan *next);

/* What was asked or granted is void. */
void plan_close_gate(struct plan *next);

/* What keeps a plan from beginning. */
enum plan_obstacle {
	OBSTACLE_NONE,
	OBSTACLE_DRILL,  /* no drill has passed, or too long ago */
	OBSTACLE_PERSON, /* start = manual */
	OBSTACLE_WINDOW, /* outside `only` */
};
enum plan_obstacle plan_obstacle(const struct plan *plan, const struct release_clock *clock);

/* Whether the plan may advance at this time of the week. */
bool plan_in_window(const struct plan *plan, const struct release_clock *clock);

/* The gate that stands after the present stage; GATE_NONE after a bake. */
enum stage_gate plan_gate_ahead(const struct plan *plan);

#endif
