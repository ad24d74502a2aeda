#include "rollout/drill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Too large for the stack of a tick. */
struct drill_scratch {
	struct evidence route;
	struct path_evidence paths[PATH_CLASSES];
	struct guard_path guard_paths[PATH_CLASSES];
};

static const char *const state_names[] = {
	[DRILL_RUNNING] = "running",
	[DRILL_PASSED] = "passed",
	[DRILL_FAILED] = "failed",
	[DRILL_STOPPED] = "stopped",
};

const char *drill_state_name(enum drill_state state)
{
	return state_names[state];
}

/* Whether there is a canary whose failures would be judged; sets the weight if so. */
static bool can_rehearse(struct drill *drill, const struct release *release, struct error *err)
{
	const struct plan *plan = &release->plan;

	drill->weight_ppm = plan->weight_ppm;
	if (release_is_latched(release)) {
		error_set(err, "the release is rolled back already: there is nothing to "
			       "rehearse until `weir resume` or a new release");
		return false;
	}
	if (plan->state == PLAN_DONE && plan->weight_ppm == PPM) {
		error_set(err, "the rollout is complete: the canary is no longer judged");
		return false;
	}
	if (plan->state == PLAN_WAITING && plan->spec.n_stages > 0) {
		drill->stands_in = true;
		drill->weight_ppm = plan->spec.stages[0].weight_ppm;
	}
	if (drill->weight_ppm > 0)
		return true;
	error_set(err, "the canary has weight 0, and no stage to come: give it users first, "
		       "with `weir set-weight`");
	return false;
}

/* The first stage as the guard will meet it; how long it lasts does not matter here. */
static void begin_first_stage(struct drill *drill)
{
	const struct guard_stage stage = { .hold_s = INFINITY };

	guard_begin_stage(&drill->guard, &stage, true);
}

bool drill_begin(struct drill *drill, const struct release *release,
    const struct drill_setting *setting, uint64_t now_us, struct error *err)
{
	*drill = (struct drill) {
		.setting = *setting,
		.began_us = now_us,
		.entered = release->plan.entered,
		.withdrawn = release->plan.withdrawn,
		.faults = { .fail = (double)setting->fail_ppm / PPM, .random = setting->seed },
		.verdict = release->verdict,
	};
	memcpy(drill->release, release->id, sizeof(drill->release));
	if (!can_rehearse(drill, release, err))
		return false;
	drill->scratch = malloc(sizeof(*drill->scratch));
	if (drill->scratch == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	if (!guard_copy(&drill->guard, &release->guard, err)) {
		drill_done(drill);
		return false;
	}
	drill->guard.params.by_path = false;
	if (drill->stands_in) {
		drill->faults.stand_in = (double)drill->weight_ppm / PPM;
		begin_first_stage(drill);
	}
	return true;
}

/* What only a running drill needs. */
static void let_go(struct drill *drill)
{
	if (drill->scratch != NULL)
		guard_done(&drill->guard);
	free(drill->scratch);
	drill->scratch = NULL;
}

void drill_done(struct drill *drill)
{
	let_go(drill);
}

static void end(struct drill *drill, enum drill_state state)
{
	drill->state = state;
	let_go(drill);
}

void drill_stop(struct drill *drill, const char *why)
{
	if (drill->state != DRILL_RUNNING)
		return;
	snprintf(drill->why, sizeof(drill->why), "%s", why);
	end(drill, DRILL_STOPPED);
}

/* Why there is no sense in going on; NULL: there is. */
static const char *changed(const struct drill *drill, const struct release *release)
{
	const struct plan *plan = &release->plan;

	if (strcmp(drill->release, release->id) != 0)
		return "another release has begun";
	if (release_is_latched(release))
		return "the release itself was rolled back";
	if (drill->stands_in && plan->state != PLAN_WAITING)
		return "the release has begun: its canary has users of its own now";
	if (!drill->stands_in && plan->weight_ppm == 0)
		return "the canary's weight is 0 now";
	if (plan->state == PLAN_DONE && plan->weight_ppm == PPM)
		return "the rollout is complete: the canary is no longer judged";
	return NULL;
}

/* Where the release has got to, the copy gets too. */
static void follow(struct drill *drill, const struct release *release)
{
	const struct plan *plan = &release->plan;
	uint64_t withdrawn = plan->withdrawn & ~drill->withdrawn;

	if (drill->stands_in)
		return;
	for (unsigned c = 0; c < PATH_CLASS_SLOTS; c++)
		if ((withdrawn >> c & 1) != 0)
			guard_withdraw_path(&drill->guard, c);
	if (plan->entered != drill->entered)
		guard_begin_stage(
		    &drill->guard, &release->guard.stage, plan->weight_ppm > drill->weight_ppm);
	drill->entered = plan->entered;
	drill->withdrawn = plan->withdrawn;
	drill->weight_ppm = plan->weight_ppm;
}

static void count(struct drill *drill, uint32_t first, const struct evidence *route)
{
	for (size_t i = 0; i < route->n_entries; i++) {
		const struct evidence_entry *entry = &route->entries[i];

		if ((int32_t)(entry->generation - first) < 0)
			continue;
		for (enum arm arm = 0; arm < ARMS; arm++) {
			drill->arms[arm].requests += entry->arms[arm].n;
			drill->arms[arm].failed += entry->arms[arm].failed;
		}
	}
}

/* The evidence with the drill's failures in it, as the guard is shown evidence. */
static void show_simulated(struct drill *drill, const struct release *release,
    const struct release_evidence *evidence, struct guard_tick *tick)
{
	struct drill_scratch *scratch = drill->scratch;
	struct release_evidence changed_evidence = *evidence;
	uint64_t added;

	scratch->route = *evidence->route;
	for (size_t i = 0; i < evidence->n_paths; i++)
		scratch->paths[i] = evidence->paths[i];
	added = drill_faults_apply(&drill->faults, release->first_generation, &scratch->route,
	    scratch->paths, evidence->n_paths);
	drill->simulated += added;
	count(drill, release->first_generation, &scratch->route);
	drill->arms[ARM_CANARY].failed -= added;
	changed_evidence.route = &scratch->route;
	changed_evidence.paths = scratch->paths;
	release_show_guard(release, &changed_evidence, tick, scratch->guard_paths);
}

static void stand_in(
    double weight, struct guard_entry entries[EVIDENCE_GENERATIONS], size_t n_entries)
{
	for (size_t i = 0; i < n_entries; i++) {
		entries[i].weight = weight;
		entries[i].has_latency = false;
	}
}

/* Each synthetic request is a unit of its own, and half of them go to the canary. */
static void add_synthetic(
    struct drill *drill, const struct drill_counts synthetic[ARMS], struct guard_tick *tick)
{
	struct guard_entry *entry;

	if (tick->n_entries == EVIDENCE_GENERATIONS)
		tick->n_entries--; /* the last is the oldest of the late ones */
	entry = &tick->entries[tick->n_entries++];
	*entry = (struct guard_entry) { .weight = (double)DRILL_SYNTHETIC_PPM / PPM };
	for (enum arm arm = 0; arm < ARMS; arm++) {
		drill->synthetic[arm].n += synthetic[arm].n;
		drill->synthetic[arm].failed += synthetic[arm].failed;
		entry->arms[arm].n = (uint32_t)synthetic[arm].n;
		entry->arms[arm].failed = (uint32_t)synthetic[arm].failed;
		entry->arms[arm].bad = (uint32_t)synthetic[arm].failed;
	}
}

static void show(struct drill *drill, const struct release *release,
    const struct release_evidence *evidence, const struct drill_counts synthetic[ARMS],
    struct guard_tick *tick)
{
	double weight = (double)drill->weight_ppm / PPM;

	if (!drill->setting.live) {
		show_simulated(drill, release, evidence, tick);
	} else if (!drill->stands_in) {
		count(drill, release->first_generation, evidence->route);
		release_show_guard(release, evidence, tick, drill->scratch->guard_paths);
	} else {
		tick->n_entries = 1;
	}
	if (drill->stands_in) {
		stand_in(weight, tick->entries, tick->n_entries);
		for (size_t i = 0; i < tick->n_paths; i++)
			stand_in(weight, drill->scratch->guard_paths[i].entries,
			    drill->scratch->guard_paths[i].n_entries);
	}
	if (drill->setting.live)
		add_synthetic(drill, synthetic, tick);
}

static uint64_t injected(const struct drill *drill)
{
	return drill->setting.live ? drill->synthetic[ARM_CANARY].failed : drill->simulated;
}

static void name_path(struct verdict *verdict, const struct path_classes *classes)
{
	const char *name = NULL;

	if (classes != NULL && (verdict->accuser.kind == EVIDENCE_PATH_ERRORS ||
				   verdict->accuser.kind == EVIDENCE_PATH_LATENCY))
		name = path_classes_name(classes, verdict->accuser.path_class);
	if (name != NULL)
		snprintf(verdict->path_name, sizeof(verdict->path_name), "%s", name);
}

void drill_tick(struct drill *drill, const struct release *release,
    const struct release_evidence *evidence, const struct drill_counts synthetic[ARMS],
    double dt_s, uint64_t now_us)
{
	struct guard_tick tick = { .hold_stopped = release->plan.state == PLAN_PAUSED };
	const char *why;

	if (drill->state != DRILL_RUNNING)
		return;
	drill->lasted_s =
	    now_us > drill->began_us ? (double)(now_us - drill->began_us) / 1e6 : 0;
	why = changed(drill, release);
	if (why != NULL) {
		drill_stop(drill, why);
		return;
	}
	follow(drill, release);
	tick.dt_s = fmin(dt_s, drill->lasted_s);
	memset(drill->scratch->guard_paths, 0, sizeof(drill->scratch->guard_paths));
	show(drill, release, evidence, synthetic, &tick);
	drill->verdict = guard_tick(&drill->guard, &tick);
	name_path(&drill->verdict, evidence->path_classes);
	if (drill->verdict.action == VERDICT_ROLL_BACK && injected(drill) > 0)
		end(drill, DRILL_PASSED);
	else if (drill->verdict.action == VERDICT_ROLL_BACK)
		drill_stop(drill, "the canary fails so often by itself that it is rolled back");
	else if (drill->lasted_s >= drill->setting.for_s)
		end(drill, DRILL_FAILED);
}

uint64_t drill_failures(const struct drill *drill)
{
	return drill->setting.live ? drill->synthetic[ARM_CANARY].failed
				   : drill->simulated + drill->arms[ARM_CANARY].failed;
}

uint64_t drill_canary_requests(const struct drill *drill)
{
	return drill->setting.live ? drill->synthetic[ARM_CANARY].n
				   : drill->arms[ARM_CANARY].requests;
}

/* w * p * ln(p / pooled) and the like; 0 where p is. */
static double divergence(double p, double pooled)
{
	return p > 0 ? p * log(p / pooled) : 0;
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

double drill_least_failures(const struct drill *drill)
{
	const struct drill_arm *arms = drill->arms;
	const struct drill_counts *synthetic = &drill->synthetic[ARM_LEGACY];
	double fail = (double)drill->setting.fail_ppm / PPM;
	double w, pc, pb, p, information;

	if (drill->setting.live) {
		w = (double)DRILL_SYNTHETIC_PPM / PPM;
		pc = fail;
		pb = share_of(synthetic->failed, synthetic->n);
	} else {
		w = (double)drill->weight_ppm / PPM;
		pb = share_of(arms[ARM_LEGACY].failed, arms[ARM_LEGACY].requests);
		pc = share_of(arms[ARM_CANARY].failed, arms[ARM_CANARY].requests);
		pc = fail + (1 - fail) * pc;
	}
	if (w >= 1 || (drill->setting.live ? synthetic->n : arms[ARM_LEGACY].requests) == 0)
		return NAN;
	p = w * pc + (1 - w) * pb;
	information = w * (divergence(pc, p) + divergence(1 - pc, 1 - p)) +
		      (1 - w) * (divergence(pb, p) + divergence(1 - pb, 1 - p));
	if (information <= 1e-12)
		return INFINITY;
	return fmax(1, w * pc * -log(drill->guard.params.alpha) / information);
}
