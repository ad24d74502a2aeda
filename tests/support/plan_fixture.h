/*
 * A plan under test: its clock, what its last event brought, and the orders a test gives.
 */
#ifndef TESTS_SUPPORT_PLAN_FIXTURE_H
#define TESTS_SUPPORT_PLAN_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/plan.h"

#include <string.h>

static const uint64_t second_us = 1000000;

/* 1% for 10 s, 5% for 20 s, 100%; then a bake of 60 s. */
static inline struct plan_spec ladder_spec(void)
{
	return (struct plan_spec) {
		.staged = true,
		.stages = { { .weight_ppm = 10000, .hold_ms = 10000 },
		    { .weight_ppm = 50000, .hold_ms = 20000 }, { .weight_ppm = PPM } },
		.n_stages = 3,
		.bake_ms = 60000,
		.rollback_steps = 1,
	};
}

static inline struct plan_spec fixed_spec(uint32_t weight_ppm)
{
	return (struct plan_spec) { .fixed_ppm = weight_ppm };
}

struct fixture {
	struct plan plan;
	struct release_clock clock;
	struct transition transition; /* of the last event that was visible */
	struct error err;
};

static inline enum plan_answer apply(struct fixture *f, struct plan_event event)
{
	struct transition transition;
	enum plan_answer answer;

	event.clock = f->clock;
	f->err.text[0] = '\0';
	memset(&f->transition, 0, sizeof(f->transition));
	answer = plan_apply(&f->plan, &event, &transition, &f->err);
	if (answer == PLAN_CHANGED)
		f->transition = transition;
	return answer;
}

static inline enum plan_answer judged(struct fixture *f, enum verdict_action action)
{
	struct verdict verdict = { .action = action, .alpha = .01, .budget = .001 };

	if (action == VERDICT_ROLL_BACK)
		verdict.reason = REASON_WORSE;
	if (action == VERDICT_ADVANCE)
		verdict.reason = REASON_PROVEN;
	return apply(
	    f, (struct plan_event) { .kind = PLAN_EVENT_VERDICT, .verdict = &verdict });
}

static inline enum plan_answer ordered(struct fixture *f, enum plan_event_kind kind)
{
	return apply(f, (struct plan_event) { .kind = kind, .who = "user:alice", .why = "so" });
}

static inline enum plan_answer weight_set(struct fixture *f, uint32_t weight_ppm)
{
	return apply(f,
	    (struct plan_event) {
		.kind = PLAN_EVENT_SET_WEIGHT, .who = "user:alice", .weight_ppm = weight_ppm });
}

static inline enum plan_answer reloaded(struct fixture *f, const struct plan_spec *spec)
{
	return apply(f,
	    (struct plan_event) { .kind = PLAN_EVENT_RELOAD, .who = "reload", .spec = spec });
}

static inline enum plan_answer answered(struct fixture *f, uint32_t ask, bool yes)
{
	return apply(f, (struct plan_event) { .kind = PLAN_EVENT_GATE,
			    .who = "webhook:ops",
			    .why = yes ? "go" : "not on a Friday",
			    .gate_ask = ask,
			    .yes = yes });
}

static inline enum plan_answer withdrawn(struct fixture *f, unsigned path_class)
{
	struct verdict verdict = { .action = VERDICT_HOLD_SUSPECT, .alpha = .01 };

	return apply(f, (struct plan_event) { .kind = PLAN_EVENT_WITHDRAW,
			    .verdict = &verdict,
			    .path_class = path_class,
			    .path = "/orders/:id" });
}

static inline enum plan_answer drilled(struct fixture *f)
{
	return apply(f, (struct plan_event) { .kind = PLAN_EVENT_DRILL, .who = "user:alice" });
}

/* Time passes on both clocks; then the plan looks at them. */
static inline enum plan_answer waited(struct fixture *f, uint64_t seconds)
{
	f->clock.now_us += seconds * second_us;
	f->clock.wall_s += (int64_t)seconds;
	return apply(f, (struct plan_event) { .kind = PLAN_EVENT_CLOCK, .who = "plan" });
}

/* Monday, 10:00. */
static inline struct fixture started(struct plan_spec spec)
{
	struct fixture f = { .clock = { .now_us = 1000 * second_us,
				 .wall_s = 1700000000,
				 .weekday = 1,
				 .minute = 600 } };

	assert_int_equal(
	    apply(&f, (struct plan_event) { .kind = PLAN_EVENT_START, .spec = &spec }),
	    PLAN_CHANGED);
	return f;
}

static inline void assert_at(
    const struct fixture *f, enum plan_state state, uint32_t weight_ppm)
{
	assert_string_equal(plan_state_name(f->plan.state), plan_state_name(state));
	assert_int_equal(f->plan.weight_ppm, weight_ppm);
}

#endif
