#include "rollout/release.h"

#include <stdio.h>
#include <string.h>

static double seconds_between(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? (double)(to_us - from_us) / 1e6 : 0;
}

static struct guard_params params_of(const struct route_conf *route)
{
	return (struct guard_params) {
		.alpha = route->rollout != NULL ? route->rollout->alpha : RELEASE_DEFAULT_ALPHA,
		.budget = (double)route->error_budget_ppm / PPM,
	};
}

static double min_requests_of(const struct route_conf *route)
{
	return route->rollout != NULL ? route->rollout->min_requests : 0;
}

static struct guard_stage stage_of(const struct release *release)
{
	return (struct guard_stage) {
		.hold_s = plan_hold_s(&release->plan),
		.min_requests = release->min_requests,
	};
}

uint32_t release_weight_ppm(const struct release *release)
{
	return release->plan.weight_ppm;
}

uint32_t release_generation(const struct release *release)
{
	return release->generation;
}

bool release_is_latched(const struct release *release)
{
	return plan_is_latched(&release->plan);
}

static void new_generation(struct release *release, struct release_step *step)
{
	release->generation++;
	release->weights_ppm[release->generation % EVIDENCE_GENERATIONS] =
	    release->plan.weight_ppm;
	step->new_weight = true;
}

/* The evidence begins afresh: what was assigned before is nobody's. */
static void begin_afresh(struct release *release, const struct guard_params *params,
    uint64_t now_us, struct release_step *step)
{
	struct guard_stage stage = stage_of(release);

	guard_init(&release->guard, params, &stage);
	release->verdict = (struct verdict) {
		.action = VERDICT_CONTINUE,
		.reason = REASON_NOT_EXPOSED,
		.alpha = params->alpha,
		.budget = params->budget,
	};
	release->last_tick_us = now_us;
	release->stage_began_us = now_us;
	new_generation(release, step);
	release->first_generation = release->generation;
	step->new_epoch = true;
}

/* What a changed plan means for the guard and the weight. */
static void follow_plan(struct release *release, const struct plan *before, uint64_t now_us,
    struct release_step *step)
{
	const struct plan *plan = &release->plan;
	struct guard_stage stage = stage_of(release);

	if (plan->weight_ppm != before->weight_ppm)
		new_generation(release, step);
	if (plan->entered != before->entered) {
		guard_begin_stage(
		    &release->guard, &stage, plan->weight_ppm > before->weight_ppm);
		step->new_epoch = true;
	} else {
		guard_set_stage(&release->guard, &stage);
	}
	if (plan->entered != before->entered || plan->state == PLAN_ROLLED_BACK)
		release->stage_began_us = now_us;
}

static void remember(struct release *release, uint64_t now_us, struct release_step *step)
{
	step->changed = true;
	release->last = step->transition;
	release->last_us = now_us;
}

/* A new release id, or the route's first. */
static void start(struct release *release, const struct route_conf *route, uint64_t now_us,
    const char *who, struct release_step *step)
{
	struct plan_spec spec = plan_spec_of(route);
	struct guard_params params = params_of(route);
	struct plan_event event = {
		.kind = PLAN_EVENT_START, .now_us = now_us, .who = who, .spec = &spec
	};
	char why[RELEASE_ID_SIZE + 32];

	snprintf(release->id, sizeof(release->id), "%s", route->release);
	snprintf(why, sizeof(why), "release '%s' begins", release->id);
	event.why = why;
	release->min_requests = min_requests_of(route);
	release->began_us = now_us;
	if (plan_apply(&release->plan, &event, &step->transition, NULL) == PLAN_CHANGED)
		remember(release, now_us, step);
	begin_afresh(release, &params, now_us, step);
}

void release_begin(struct release *release, const struct route_conf *route, uint64_t now_us,
    const char *who, struct release_step *step)
{
	*release = (struct release) { .generation = 0 };
	*step = (struct release_step) { .changed = false };
	start(release, route, now_us, who, step);
}

static struct arm_counts counted_since(
    const struct evidence_counts *seen, const struct evidence_counts *now)
{
	return (struct arm_counts) {
		.n = now->n > seen->n ? (double)(now->n - seen->n) : 0,
		.bad = now->bad > seen->bad ? (double)(now->bad - seen->bad) : 0,
		.failed = now->failed > seen->failed ? (double)(now->failed - seen->failed) : 0,
	};
}

/* What was counted since the last tick, by the weight it was assigned under. */
static void gather(
    struct release *release, const struct evidence *evidence, struct guard_tick *tick)
{
	for (uint32_t age = 0; age < EVIDENCE_GENERATIONS; age++) {
		uint32_t generation = release->generation - age;
		size_t slot = generation % EVIDENCE_GENERATIONS;
		struct guard_entry *entry = &tick->entries[tick->n_entries];
		double n = 0;

		if (age > release->generation - release->first_generation)
			break;
		entry->weight = (double)release->weights_ppm[slot] / PPM;
		for (enum arm arm = 0; arm < ARMS; arm++) {
			entry->arms[arm] = counted_since(
			    &release->seen.slots[slot][arm], &evidence->slots[slot][arm]);
			n += entry->arms[arm].n + entry->arms[arm].bad;
		}
		if (age == 0 || n > 0)
			tick->n_entries++;
	}
	release->seen = *evidence;
}

void release_tick(struct release *release, const struct evidence *evidence, uint64_t now_us,
    struct release_step *step)
{
	struct plan before = release->plan;
	struct guard_tick tick = {
		.dt_s = seconds_between(release->last_tick_us, now_us),
		.hold_stopped = before.state == PLAN_PAUSED,
	};
	struct plan_event event = { .kind = PLAN_EVENT_VERDICT, .now_us = now_us };

	*step = (struct release_step) { .new_epoch = evidence->epoch_is_full };
	gather(release, evidence, &tick);
	release->last_tick_us = now_us;
	/* A latched release keeps the verdict that latched it. */
	if (release_is_latched(release))
		return;
	/* At 100% there is nobody left to compare with, nor anywhere to go back to. */
	if (before.state == PLAN_DONE && before.weight_ppm == PPM) {
		release->verdict.action = VERDICT_CONTINUE;
		release->verdict.reason = REASON_COMPLETE;
		return;
	}
	release->verdict = guard_tick(&release->guard, &tick);
	event.verdict = &release->verdict;
	if (plan_apply(&release->plan, &event, &step->transition, NULL) != PLAN_CHANGED)
		return;
	remember(release, now_us, step);
	follow_plan(release, &before, now_us, step);
}

void release_reload(struct release *release, const struct route_conf *route, uint64_t now_us,
    const char *who, struct release_step *step)
{
	struct plan before = release->plan;
	struct plan_spec spec = plan_spec_of(route);
	struct guard_params params = params_of(route);
	struct plan_event event = {
		.kind = PLAN_EVENT_RELOAD,
		.now_us = now_us,
		.who = who,
		.why = "the route's weight or plan was edited",
		.verdict = &release->verdict,
		.spec = &spec,
	};

	*step = (struct release_step) { .changed = false };
	if (strcmp(release->id, route->release) != 0) {
		start(release, route, now_us, who, step);
		return;
	}
	release->min_requests = min_requests_of(route);
	guard_set_params(&release->guard, &params);
	if (plan_apply(&release->plan, &event, &step->transition, NULL) == PLAN_CHANGED)
		remember(release, now_us, step);
	follow_plan(release, &before, now_us, step);
}

bool release_command(struct release *release, enum release_command command, uint64_t now_us,
    const char *who, const char *why, struct release_step *step, struct error *err)
{
	static const enum plan_event_kind kinds[] = {
		[RELEASE_PROMOTE] = PLAN_EVENT_PROMOTE,
		[RELEASE_ROLL_BACK] = PLAN_EVENT_ROLL_BACK,
		[RELEASE_PAUSE] = PLAN_EVENT_PAUSE,
		[RELEASE_RESUME] = PLAN_EVENT_RESUME,
	};
	struct plan before = release->plan;
	struct plan_event event = {
		.kind = kinds[command],
		.now_us = now_us,
		.who = who,
		.why = why,
		.verdict = &release->verdict,
	};

	*step = (struct release_step) { .changed = false };
	if (plan_apply(&release->plan, &event, &step->transition, err) != PLAN_CHANGED)
		return false;
	remember(release, now_us, step);
	if (plan_is_latched(&before)) {
		struct guard_params params = release->guard.params;

		begin_afresh(release, &params, now_us, step);
	} else {
		follow_plan(release, &before, now_us, step);
	}
	return true;
}
