#include "rollout/release.h"

#include "rollout/release_parts.h"

#include <stdio.h>
#include <string.h>

static double seconds_between(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? (double)(to_us - from_us) / 1e6 : 0;
}

struct guard_params release_guard_params(const struct route_conf *route)
{
	const struct latency_budget *latency = &route->latency_budget;

	return (struct guard_params) {
		.alpha = route->rollout != NULL ? route->rollout->alpha : RELEASE_DEFAULT_ALPHA,
		.budget = (double)route->error_budget_ppm / PPM,
		.latency_budget_share = latency->set ? (double)latency->share_ppm / PPM : 0,
		.by_path =
		    route->rollout != NULL && route->rollout->rollback_scope == ROLLBACK_PATH,
	};
}

struct handicap release_warm_handicap(const struct route_conf *route)
{
	const struct rollout_conf *rollout = route->rollout;

	if (rollout == NULL)
		return (struct handicap) { 1 + RELEASE_DEFAULT_TOLERANCE,
			RELEASE_DEFAULT_SLACK_US };
	return (struct handicap) {
		.factor = 1 + (double)rollout->latency_tolerance_ppm / PPM,
		.slack_us = rollout->latency_slack_us,
	};
}

struct guard_stage release_guard_stage(const struct release *release)
{
	const struct plan *plan = &release->plan;
	const struct stage_conf *conf = &plan->spec.stages[plan->stage];
	enum plan_state progress = plan_progress(plan);
	struct guard_stage stage = { .hold_s = plan_hold_s(plan) };

	if (plan->by_hand || (progress != PLAN_RUNNING && progress != PLAN_BAKING))
		return stage;
	stage.min_requests = conf->min_requests;
	/* What a last stage without a time of its own is to show, the bake shows. */
	if (progress == PLAN_RUNNING || conf->hold_ms == 0)
		stage.p_max = (double)conf->p_max_ppm / PPM;
	return stage;
}

struct verdict release_first_verdict(const struct guard_params *params)
{
	return (struct verdict) {
		.action = VERDICT_CONTINUE,
		.reason = REASON_NOT_EXPOSED,
		.accuser = { .kind = EVIDENCE_KINDS },
		.alpha = params->alpha,
		.budget = params->budget,
		.latency_budget = params->latency_budget_share,
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

/* Of a moment by the plan's own time; one that has passed is due now. */
static uint64_t clock_us(const struct plan *plan, uint64_t us)
{
	return plan->last_us + (us > plan->age_us ? us - plan->age_us : 0);
}

static uint64_t sooner(uint64_t a_us, uint64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

uint64_t release_due_us(const struct release *release)
{
	const struct plan *plan = &release->plan;
	uint64_t due_us = release_warm_us(release);

	if (plan->state == PLAN_ROLLING_BACK)
		due_us = sooner(due_us, clock_us(plan, plan->rollback_due_us));
	if (plan->drain_ppm > 0)
		due_us = sooner(due_us, clock_us(plan, plan->drain_until_us));
	return due_us;
}

struct exposure_setting release_exposure(const struct release *release)
{
	const struct plan *plan = &release->plan;

	return (struct exposure_setting) {
		.generation = release->generation,
		.weight_ppm = plan->weight_ppm,
		.methods = plan->methods,
		.withdrawn = plan->withdrawn,
		.drain_ppm = plan->drain_ppm,
	};
}

void release_begin_step(const struct release *release, struct release_step *step)
{
	*step = (struct release_step) { .exposure = release_exposure(release) };
}

void release_new_generation(struct release *release, struct release_step *step)
{
	size_t slot = ++release->generation % EVIDENCE_GENERATIONS;

	release->weights_ppm[slot] = release->plan.weight_ppm;
	release->has_thresholds[slot] = release->thresholds_on;
	if (release->plan.weight_ppm > release->cost.peak_ppm)
		release->cost.peak_ppm = release->plan.weight_ppm;
	step->new_weight = true;
	step->keep = true;
	step->exposure = release_exposure(release);
}

/* The evidence begins afresh: what was assigned before is nobody's. */
static void begin_afresh(struct release *release, const struct guard_params *params,
    const struct release_clock *clock, struct release_step *step)
{
	struct guard_stage stage = release_guard_stage(release);

	guard_done(&release->guard);
	guard_init(&release->guard, params, &stage);
	release->verdict = release_first_verdict(params);
	release->last_tick_us = clock->now_us;
	release->stage_began_us = (int64_t)clock->now_us;
	release_new_generation(release, step);
	release->first_generation = release->generation;
	release->stage_generation = release->generation;
	step->new_epoch = true;
	release_tend_thresholds(release, clock, step);
}

static bool same_exposure(const struct plan *a, const struct plan *b)
{
	return a->weight_ppm == b->weight_ppm && a->methods == b->methods &&
	       a->withdrawn == b->withdrawn && a->drain_ppm == b->drain_ppm;
}

void release_follow_plan(struct release *release, const struct plan *before,
    const struct release_clock *clock, struct release_step *step)
{
	const struct plan *plan = &release->plan;
	struct guard_stage stage = release_guard_stage(release);

	if (!same_exposure(plan, before))
		release_new_generation(release, step);
	if (plan->entered != before->entered) {
		guard_begin_stage(
		    &release->guard, &stage, plan->weight_ppm > before->weight_ppm);
		release->stage_generation = release->generation;
		/* A weight set by hand is no stage: whose failure was counted stays counted. */
		step->new_epoch = !plan->by_hand;
	} else {
		guard_set_stage(&release->guard, &stage);
	}
	if (plan->entered != before->entered ||
	    (plan_is_latched(plan) && !plan_is_latched(before)))
		release->stage_began_us = (int64_t)clock->now_us;
	release_tend_thresholds(release, clock, step);
}

void release_remember(
    struct release *release, const struct release_clock *clock, struct release_step *step)
{
	step->changed = true;
	step->keep = true;
	release->last = step->transition;
	release->last_us = (int64_t)clock->now_us;
}

/* The webhook that the plan has just decided to ask. */
static void pass_on_question(
    const struct release *release, const struct plan *before, struct release_step *step)
{
	const struct plan *plan = &release->plan;

	if (plan->gate_ask == before->gate_ask)
		return;
	step->ask_gate = true;
	step->keep = true;
	step->gate_ask = plan->gate_ask;
	step->gate = plan->spec.stages[plan->stage].webhook;
}

/* One event, and what follows from it. */
static enum plan_answer apply(struct release *release, const struct plan_event *event,
    struct release_step *step, struct error *err)
{
	struct plan before = release->plan;
	enum plan_answer answer = plan_apply(&release->plan, event, &step->transition, err);

	if (answer == PLAN_REFUSED)
		return answer;
	if (answer == PLAN_CHANGED)
		release_remember(release, &event->clock, step);
	pass_on_question(release, &before, step);
	/* What was latched, or withdrawn, comes back without the evidence against it. */
	if ((plan_is_latched(&before) && !plan_is_latched(&release->plan)) ||
	    (before.withdrawn & ~release->plan.withdrawn) != 0) {
		struct guard_params params = release->guard.params;

		begin_afresh(release, &params, &event->clock, step);
	} else if (answer == PLAN_CHANGED || event->kind == PLAN_EVENT_RELOAD) {
		release_follow_plan(release, &before, &event->clock, step);
	}
	return answer;
}

/* A new release id, or the route's first. */
static void start(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, struct plan_event *event, struct release_step *step)
{
	struct plan_spec spec = plan_spec_of(route);
	struct guard_params params = release_guard_params(route);

	snprintf(release->id, sizeof(release->id), "%s", route->release);
	event->clock = *clock;
	event->spec = &spec;
	release->cost = (struct release_cost) { 0 };
	release->warm = release_warm_handicap(route);
	release->began_us = (int64_t)clock->now_us;
	release->began_wall_s = clock->wall_s;
	release->begun_generation = release->generation + 1;
	release->evidence_was_lost = false;
	if (plan_apply(&release->plan, event, &step->transition, NULL) == PLAN_CHANGED)
		release_remember(release, clock, step);
	begin_afresh(release, &params, clock, step);
}

static void start_new(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, struct release_step *step)
{
	char why[RELEASE_ID_SIZE + 32];
	struct plan_event event = { .kind = PLAN_EVENT_START, .who = who, .why = why };

	if (route->release[0] != '\0')
		snprintf(why, sizeof(why), "release '%s' begins", route->release);
	else
		snprintf(why, sizeof(why), "a release without a name begins");
	start(release, route, clock, &event, step);
}

void release_begin(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, struct release_step *step)
{
	*release = (struct release) { .generation = 0 };
	*step = (struct release_step) { .changed = false };
	start_new(release, route, clock, who, step);
}

void release_begin_unreadable(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, const char *why,
    struct release_step *step)
{
	char words[TRANSITION_WHY_SIZE];
	struct plan_event event = { .kind = PLAN_EVENT_UNREADABLE, .who = who, .why = words };

	snprintf(words, sizeof(words),
	    "what is stored of release '%.128s' cannot be read, and it may have been rolled "
	    "back: "
	    "it stays at 0 until `weir resume` or a new release id: %s",
	    route->release, why);
	*release = (struct release) { .generation = 0 };
	*step = (struct release_step) { .changed = false };
	start(release, route, clock, &event, step);
}

void release_held_back_words(const char *before, char why[TRANSITION_WHY_SIZE])
{
	snprintf(why, TRANSITION_WHY_SIZE,
	    "this release was rolled back before (%.500s): `weir resume` clears it, or a new "
	    "release id",
	    before[0] != '\0' ? before : "no reason was given");
}

void release_begin_held_back(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, const char *before,
    struct release_step *step)
{
	char why[TRANSITION_WHY_SIZE];
	struct plan_event event = {
		.kind = PLAN_EVENT_START,
		.who = who,
		.why = why,
		.held_back = true,
	};

	release_held_back_words(before, why);
	*step = (struct release_step) { .changed = false };
	start(release, route, clock, &event, step);
}

void release_done(struct release *release)
{
	guard_done(&release->guard);
}

/* One path class is bad by itself: it goes, the rest is judged anew. */
static bool withdraw(struct release *release, const struct release_evidence *evidence,
    const struct release_clock *clock, struct release_step *step)
{
	unsigned path_class = guard_path_to_withdraw(&release->guard);
	struct plan_event event = {
		.kind = PLAN_EVENT_WITHDRAW,
		.clock = *clock,
		.verdict = &release->verdict,
		.path_class = path_class,
	};

	if (path_class >= PATH_CLASS_SLOTS)
		return false;
	if (evidence->path_classes != NULL)
		event.path = path_classes_name(evidence->path_classes, path_class);
	if (apply(release, &event, step, NULL) != PLAN_CHANGED)
		return false;
	guard_withdraw_path(&release->guard, path_class);
	release->first_generation = release->generation;
	release->stage_generation = release->generation;
	step->new_epoch = true;
	return true;
}

static void name_accused_path(struct verdict *verdict, const struct path_classes *path_classes)
{
	bool is_path = verdict->accuser.kind == EVIDENCE_PATH_ERRORS ||
		       verdict->accuser.kind == EVIDENCE_PATH_LATENCY;
	const char *name = NULL;

	if (is_path && path_classes != NULL)
		name = path_classes_name(path_classes, verdict->accuser.path_class);
	if (name != NULL)
		snprintf(verdict->path_name, sizeof(verdict->path_name), "%s", name);
}

/* True where a decision came of it. */
static bool judge(struct release *release, const struct release_evidence *evidence,
    const struct guard_tick *tick, const struct release_clock *clock, struct release_step *step)
{
	struct plan_event event = {
		.kind = PLAN_EVENT_VERDICT, .clock = *clock, .verdict = &release->verdict
	};

	/* A latched release keeps the verdict that latched it. */
	if (release_is_latched(release))
		return false;
	/* At 100% there is nobody left to compare with, nor anywhere to go back to. */
	if (release->plan.state == PLAN_DONE && release->plan.weight_ppm == PPM) {
		release->verdict.action = VERDICT_CONTINUE;
		release->verdict.reason = REASON_COMPLETE;
		return false;
	}
	release->verdict = guard_tick(&release->guard, tick);
	name_accused_path(&release->verdict, evidence->path_classes);
	if (release->verdict.action != VERDICT_ROLL_BACK &&
	    release->plan.spec.withdraws_paths && withdraw(release, evidence, clock, step))
		return true;
	return apply(release, &event, step, NULL) == PLAN_CHANGED;
}

void release_tick(struct release *release, const struct release_evidence *evidence,
    const struct release_clock *clock, struct release_step *step)
{
	struct guard_path paths[PATH_CLASSES];
	struct guard_tick tick = {
		.dt_s = seconds_between(release->last_tick_us, clock->now_us),
		.hold_stopped = release->plan.state == PLAN_PAUSED,
	};
	struct plan_event event = { .kind = PLAN_EVENT_CLOCK,
		.clock = *clock,
		.who = "plan",
		.verdict = &release->verdict };

	release_begin_step(release, step);
	step->new_epoch = evidence->route->epoch_is_full;
	release_gather(release, evidence, &tick, paths);
	release->last_tick_us = clock->now_us;
	/* One decision a tick: what is due by the clock is still due at the next. */
	if (judge(release, evidence, &tick, clock, step) ||
	    apply(release, &event, step, NULL) == PLAN_CHANGED)
		return;
	release_tend_thresholds(release, clock, step);
}

void release_reload(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, const char *who, struct release_step *step)
{
	struct plan_spec spec = plan_spec_of(route);
	struct guard_params params = release_guard_params(route);
	struct plan_event event = {
		.kind = PLAN_EVENT_RELOAD,
		.clock = *clock,
		.who = who,
		.why = "the route's weight or plan was edited",
		.verdict = &release->verdict,
		.spec = &spec,
	};

	release_begin_step(release, step);
	if (strcmp(release->id, route->release) != 0) {
		start_new(release, route, clock, who, step);
		return;
	}
	release->warm = release_warm_handicap(route);
	guard_set_params(&release->guard, &params);
	(void)!apply(release, &event, step, NULL);
}

bool release_command(struct release *release, const struct release_order *order,
    const struct release_clock *clock, struct release_step *step, struct error *err)
{
	static const enum plan_event_kind kinds[] = {
		[RELEASE_PROMOTE] = PLAN_EVENT_PROMOTE,
		[RELEASE_ROLL_BACK] = PLAN_EVENT_ROLL_BACK,
		[RELEASE_PAUSE] = PLAN_EVENT_PAUSE,
		[RELEASE_RESUME] = PLAN_EVENT_RESUME,
		[RELEASE_SET_WEIGHT] = PLAN_EVENT_SET_WEIGHT,
	};
	struct plan_event event = {
		.kind = kinds[order->command],
		.clock = *clock,
		.who = order->who,
		.why = order->why,
		.verdict = &release->verdict,
		.weight_ppm = order->weight_ppm,
		.at_once = order->at_once,
	};

	release_begin_step(release, step);
	return apply(release, &event, step, err) != PLAN_REFUSED;
}

bool release_gate_answer(struct release *release, uint32_t ask, bool yes, const char *who,
    const char *words, const struct release_clock *clock, struct release_step *step)
{
	struct plan_event event = {
		.kind = PLAN_EVENT_GATE,
		.clock = *clock,
		.who = who,
		.why = words,
		.verdict = &release->verdict,
		.gate_ask = ask,
		.yes = yes,
	};

	release_begin_step(release, step);
	if (apply(release, &event, step, NULL) == PLAN_REFUSED)
		return false;
	step->keep = true;
	return true;
}

void release_drill_passed(struct release *release, const struct release_clock *clock,
    const char *who, struct release_step *step)
{
	struct plan_event event = {
		.kind = PLAN_EVENT_DRILL,
		.clock = *clock,
		.who = who,
		.verdict = &release->verdict,
	};

	release_begin_step(release, step);
	step->keep = apply(release, &event, step, NULL) != PLAN_REFUSED;
}
