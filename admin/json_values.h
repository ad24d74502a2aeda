/*
 * The JSON values that /status and the journal share. None of them can make the
 * text around it invalid: a number is finite or null, a text is UTF-8.
 *
 * Ownership  each returns a new reference, or NULL when out of memory.
 */
#ifndef ADMIN_JSON_VALUES_H
#define ADMIN_JSON_VALUES_H

#include "rollout/plan.h"
#include "rollout/verdict.h"

#include <jansson.h>
#include <stdbool.h>

/* Whole numbers without a fraction; NaN and the infinities as null. */
json_t *json_number(double value);

/* Whether it is all well-formed UTF-8 (RFC 3629 4). */
bool text_is_utf8(const char *text);

/* Bytes that are not UTF-8 become '?': a person's words may be cut, or hostile. */
json_t *json_text(const char *text);

/* "rolled_back": the plan's state as it is shown outside. */
enum {
	SHOWN_STATE_SIZE = 24
};
void shown_state(enum plan_state state, char text[SHOWN_STATE_SIZE]);
json_t *json_state(enum plan_state state);

/* From 1; 0 in the states that are no stage of a plan's. */
uint32_t shown_stage(enum plan_state state, uint32_t stage);
json_t *json_stage(enum plan_state state, uint32_t stage);
/* {"state", "stage", "weight_ppm"}: where a release stands, before or after a decision. */
json_t *json_side(enum plan_state state, uint32_t stage, uint32_t weight_ppm);

/* {"ln_e", "e", "threshold"}: E at which the guard rolls back; null where none is set. */
json_t *json_evidence(const struct verdict *verdict);

#endif
