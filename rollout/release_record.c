#include "rollout/release_record.h"

#include "rollout/record_walk.h"
#include "rollout/release_parts.h"
#include "router/path_class_rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	VERSION = 2,
	VERSION_WITHOUT_SLACK = 1,
	ROLLBACK_STEPS_MAX = 100,
	CHECKSUM_BYTES = 8,
};

static const uint64_t magic = UINT64_C(0x6573616572776569); /* "eiwrease" */

typedef char class_name[PATH_CLASS_NAME_MAX + 1];

/* What a record holds, as it is written and read. */
struct stored {
	char id[RELEASE_ID_SIZE];
	struct plan plan; /* of its spec only what says whether the file was edited */
	struct release_cost cost;
	struct verdict verdict;
	struct transition last;
	int64_t began_wall_s;
	uint64_t age_us; /* of the release, its stage and its latest decision */
	uint64_t stage_age_us;
	uint64_t last_age_us;
	double hold_s; /* of the stage's time, passed */
	uint64_t n_classes;
	class_name classes[PATH_CLASS_SLOTS]; /* by slot */
	const unsigned char *guard;
	size_t guard_len;
};

/* An enum has no size of its own to point to. */
#define WALK_ENUM(walk, member, most, what)                                                    \
	do {                                                                                   \
		uint32_t wide_ = (uint32_t)(member);                                           \
		record_walk_u32(walk, &wide_, (uint32_t)(most), what);                         \
		(member) = wide_;                                                              \
	} while (0)

static void walk_plan(struct record_walk *walk, struct plan *plan)
{
	WALK_ENUM(walk, plan->state, PLAN_STATES - 1, "state");
	record_walk_u32(walk, &plan->stage, STAGES_MAX - 1, "stage");
	record_walk_u32(walk, &plan->entered, UINT32_MAX, "stages entered");
	record_walk_u32(walk, &plan->weight_ppm, PPM, "weight");
	record_walk_u32(walk, &plan->methods, UINT32_MAX, "methods");
	record_walk_bool(walk, &plan->by_hand, "by hand");
	record_walk_bool(walk, &plan->ready, "ready");
	record_walk_bool(walk, &plan->promoted, "promoted");
	record_walk_bool(walk, &plan->clean_up_due, "clean-up");
	WALK_ENUM(walk, plan->resumes_to, PLAN_STATES - 1, "pause");
	WALK_ENUM(walk, plan->pause, PLAN_PAUSES - 1, "pause");
	WALK_ENUM(walk, plan->hold, VERDICTS - 1, "hold");
	record_walk_u64(walk, &plan->held_us, UINT64_MAX, "hold");
	WALK_ENUM(walk, plan->gate, PLAN_GATES - 1, "gate");
	record_walk_bool(walk, &plan->gate_denied, "gate");
	record_walk_u32(walk, &plan->gate_ask, UINT32_MAX, "gate");
	record_walk_u64(walk, &plan->gate_us, UINT64_MAX, "gate");
	record_walk_text(walk, plan->gate_words, sizeof(plan->gate_words), "gate");
	record_walk_u32(walk, &plan->rollback_from_ppm, PPM, "rollback");
	record_walk_u32(walk, &plan->rollback_steps, ROLLBACK_STEPS_MAX, "rollback");
	record_walk_u32(walk, &plan->rollback_step, ROLLBACK_STEPS_MAX, "rollback");
	record_walk_u64(walk, &plan->rollback_due_us, UINT64_MAX, "rollback");
	record_walk_u32(walk, &plan->drain_ppm, PPM, "drain");
	record_walk_u64(walk, &plan->drain_until_us, UINT64_MAX, "drain");
	record_walk_u64(walk, &plan->withdrawn, UINT64_MAX, "withdrawn paths");
	record_walk_u64(walk, &plan->age_us, UINT64_MAX / 2, "age");
	record_walk_u64(walk, &plan->under_way_us, UINT64_MAX / 2, "age");
	record_walk_i64(walk, &plan->full_wall_s, "time at 100%");
	record_walk_i64(walk, &plan->drill_wall_s, "drill");
	record_walk_bool(walk, &plan->spec.staged, "plan");
	record_walk_u32(walk, &plan->spec.fixed_ppm, PPM, "fixed weight");
	record_walk_i64(walk, &plan->spec.expires.at_s, "expiry");
	record_walk_u32(walk, &plan->spec.expires.after_s, UINT32_MAX, "expiry");
}

static void walk_doubles(struct record_walk *walk, double *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		record_walk_double(walk, &numbers[i], "verdict");
}

static void walk_arms(struct record_walk *walk, struct arm_counts arms[ARMS])
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		walk_doubles(walk, &arms[arm].n, 1);
		walk_doubles(walk, &arms[arm].bad, 1);
		walk_doubles(walk, &arms[arm].failed, 1);
	}
}

static void walk_accuser(struct record_walk *walk, struct accuser *accuser)
{
	WALK_ENUM(walk, accuser->kind, EVIDENCE_KINDS, "verdict");
	record_walk_u32(walk, &accuser->path_class, PATH_CLASS_OTHER, "verdict");
	WALK_ENUM(walk, accuser->threshold, LATENCY_THRESHOLDS, "verdict");
	walk_doubles(walk, &accuser->ln_m, 1);
	record_walk_bool(walk, &accuser->in_stage, "verdict");
	walk_arms(walk, accuser->arms);
}

/* All that its words are made of: they are shown for as long as the latch holds. */
static void walk_verdict(struct record_walk *walk, struct verdict *verdict)
{
	WALK_ENUM(walk, verdict->action, VERDICTS - 1, "verdict");
	WALK_ENUM(walk, verdict->reason, VERDICT_REASONS - 1, "verdict");
	walk_doubles(walk, &verdict->ln_e, 1);
	walk_doubles(walk, verdict->ln_parts, EVIDENCE_KINDS);
	walk_accuser(walk, &verdict->accuser);
	record_walk_text(walk, verdict->path_name, sizeof(verdict->path_name), "verdict");
	walk_doubles(walk, &verdict->sample_ratio_ln_e, 1);
	walk_doubles(walk, &verdict->alpha, 1);
	walk_doubles(walk, &verdict->budget, 1);
	walk_doubles(walk, &verdict->latency_budget, 1);
	walk_doubles(walk, &verdict->weight, 1);
	walk_doubles(walk, &verdict->failures, 1);
	record_walk_bool(walk, &verdict->material, "verdict");
	record_walk_bool(walk, &verdict->material_in_stage, "verdict");
	walk_arms(walk, verdict->stage);
	walk_arms(walk, verdict->minute);
	walk_doubles(walk, verdict->burn_short, ARMS);
	walk_doubles(walk, verdict->burn_long, ARMS);
	walk_doubles(walk, &verdict->pooled_burn_60_s, 1);
	walk_doubles(walk, &verdict->pooled_burn_5_min, 1);
	walk_doubles(walk, verdict->slow_share, ARMS);
	walk_doubles(walk, verdict->units, ARMS);
	walk_doubles(walk, &verdict->units_expected, 1);
	walk_doubles(walk, &verdict->stage_age_s, 1);
	walk_doubles(walk, &verdict->hold_s, 1);
	walk_doubles(walk, &verdict->min_requests, 1);
	walk_doubles(walk, &verdict->p_max, 1);
	walk_doubles(walk, &verdict->promotion_ln_e, 1);
	for (size_t t = 0; t < LATENCY_THRESHOLDS; t++)
		record_walk_u32(walk, &verdict->threshold_us[t], UINT32_MAX, "verdict");
	walk_doubles(walk, &verdict->handicap.factor, 1);
}

/* The latest decision: who, and why; its verdict is the release's own by now. */
static void walk_last(struct record_walk *walk, struct transition *last)
{
	WALK_ENUM(walk, last->cause, PLAN_EVENTS - 1, "latest decision");
	WALK_ENUM(walk, last->from, PLAN_STATES - 1, "latest decision");
	WALK_ENUM(walk, last->to, PLAN_STATES - 1, "latest decision");
	record_walk_u32(walk, &last->stage_from, STAGES_MAX - 1, "latest decision");
	record_walk_u32(walk, &last->stage_to, STAGES_MAX - 1, "latest decision");
	record_walk_u32(walk, &last->weight_from_ppm, PPM, "latest decision");
	record_walk_u32(walk, &last->weight_to_ppm, PPM, "latest decision");
	record_walk_text(walk, last->path, sizeof(last->path), "latest decision");
	record_walk_text(walk, last->who, sizeof(last->who), "latest decision");
	record_walk_text(walk, last->why, sizeof(last->why), "latest decision");
}

static void walk_stored(struct record_walk *walk, struct stored *stored)
{
	uint64_t first = magic, version = VERSION;
	uint64_t unused = 0; /* a member of the cost that never came to be anything but 0 */

	record_walk_u64(walk, &first, UINT64_MAX, "beginning");
	record_walk_u64(walk, &version, UINT64_MAX, "version");
	if (first != magic)
		record_walk_refuse(walk, "beginning");
	if (version != VERSION && version != VERSION_WITHOUT_SLACK)
		record_walk_refuse(walk, "version");
	record_walk_text(walk, stored->id, sizeof(stored->id), "release id");
	walk_plan(walk, &stored->plan);
	record_walk_u64(walk, &stored->cost.requests, UINT64_MAX, "cost");
	record_walk_u64(walk, &stored->cost.failures, UINT64_MAX, "cost");
	record_walk_u64(walk, &unused, UINT64_MAX, "cost");
	record_walk_u32(walk, &stored->cost.peak_ppm, PPM, "cost");
	walk_verdict(walk, &stored->verdict);
	walk_last(walk, &stored->last);
	record_walk_i64(walk, &stored->began_wall_s, "age");
	record_walk_u64(walk, &stored->age_us, INT64_MAX / 2, "age");
	record_walk_u64(walk, &stored->stage_age_us, INT64_MAX / 2, "age");
	record_walk_u64(walk, &stored->last_age_us, INT64_MAX / 2, "age");
	record_walk_double(walk, &stored->hold_s, "elapsed hold");
	record_walk_u64(walk, &stored->n_classes, PATH_CLASS_SLOTS, "path classes");
	for (size_t i = 0; i < stored->n_classes; i++)
		record_walk_text(
		    walk, stored->classes[i], sizeof(stored->classes[i]), "path classes");
	record_walk_bytes(walk, &stored->guard, &stored->guard_len, "evidence");
	if (version != VERSION_WITHOUT_SLACK)
		record_walk_u32(
		    walk, &stored->verdict.handicap.slack_us, UINT32_MAX, "verdict");
}

static uint64_t age_us(int64_t since_us, const struct release_clock *clock)
{
	int64_t age = (int64_t)clock->now_us - since_us;

	return age > 0 ? (uint64_t)age : 0;
}

/* A slot without a class has an empty name. */
static void store_classes(struct stored *stored, const struct path_classes *path_classes)
{
	for (unsigned slot = 0; path_classes != NULL && slot < PATH_CLASS_SLOTS; slot++) {
		const char *name = path_classes_name(path_classes, slot);

		if (name == NULL)
			continue;
		snprintf(stored->classes[slot], sizeof(stored->classes[slot]), "%s", name);
		stored->n_classes = slot + 1;
	}
}

static struct stored *stored_of(const struct release *release,
    const struct path_classes *path_classes, const struct release_clock *clock)
{
	struct stored *stored = calloc(1, sizeof(*stored));

	if (stored == NULL)
		return NULL;
	snprintf(stored->id, sizeof(stored->id), "%s", release->id);
	stored->plan = release->plan;
	stored->cost = release->cost;
	stored->verdict = release->verdict;
	stored->last = release->last;
	stored->began_wall_s = release->began_wall_s;
	stored->age_us = age_us(release->began_us, clock);
	stored->stage_age_us = age_us(release->stage_began_us, clock);
	stored->last_age_us = age_us(release->last_us, clock);
	stored->hold_s = release->guard.stage_age_s;
	store_classes(stored, path_classes);
	return stored;
}

static void seal(struct record_walk *walk)
{
	uint64_t sum = XXH64(walk->out, walk->out_len, 0);

	record_walk_u64(walk, &sum, UINT64_MAX, "checksum");
}

bool release_save(const struct release *release, const struct path_classes *path_classes,
    const struct release_clock *clock, struct release_record *record, struct error *err)
{
	struct stored *stored = stored_of(release, path_classes, clock);
	unsigned char *guard = NULL;
	struct record_walk walk = { .in = NULL };

	*record = (struct release_record) { .detail = NULL };
	if (stored != NULL)
		guard = guard_save(&release->guard, &stored->guard_len);
	if (guard != NULL) {
		stored->guard = guard;
		walk_stored(&walk, stored);
		seal(&walk);
	}
	free(guard);
	free(stored);
	if (guard == NULL || walk.refused != NULL) {
		record_walk_done(&walk);
		error_set(err, "out of memory");
		return false;
	}
	snprintf(record->release, sizeof(record->release), "%s", release->id);
	snprintf(
	    record->state, sizeof(record->state), "%s", plan_state_name(release->plan.state));
	record->stage = release->plan.stage;
	record->weight_ppm = release->plan.weight_ppm;
	record->stage_age_s = release->guard.stage_age_s;
	record->began_wall_s = release->began_wall_s;
	record->detail = walk.out;
	record->detail_len = walk.out_len;
	return true;
}

void release_record_done(struct release_record *record)
{
	free(record->detail);
	*record = (struct release_record) { .detail = NULL };
}

/* What no plan is ever in, whatever the bytes say. */
static bool is_plausible(const struct stored *stored)
{
	const struct plan *plan = &stored->plan;
	bool holds = plan->hold == VERDICT_CONTINUE || plan->hold == VERDICT_HOLD_SUSPECT ||
		     plan->hold == VERDICT_HOLD_SHARED;

	if (plan->state == PLAN_NONE || !holds || !(stored->hold_s >= 0) ||
	    isinf(stored->hold_s) || plan->held_us > plan->age_us ||
	    plan->gate_us > plan->age_us)
		return false;
	switch (plan->state) {
	case PLAN_WAITING:
	case PLAN_ROLLED_BACK: return plan->weight_ppm == 0;
	case PLAN_PAUSED:
		return plan->resumes_to == PLAN_RUNNING || plan->resumes_to == PLAN_BAKING;
	case PLAN_ROLLING_BACK:
		return plan->rollback_step < plan->rollback_steps &&
		       plan->weight_ppm <= plan->rollback_from_ppm;
	default: return true;
	}
}

static bool unseal(const struct release_record *record, struct record_walk *walk)
{
	size_t len = record->detail_len;
	uint64_t sum = 0;

	if (record->detail == NULL || len < CHECKSUM_BYTES || len > RELEASE_DETAIL_MAX)
		return false;
	*walk = (struct record_walk) { .in = record->detail, .in_len = len - CHECKSUM_BYTES };
	for (size_t i = 0; i < CHECKSUM_BYTES; i++)
		sum |= (uint64_t)record->detail[walk->in_len + i] << (8 * i);
	return sum == XXH64(walk->in, walk->in_len, 0);
}

static bool read_stored(
    const struct release_record *record, struct stored *stored, struct error *err)
{
	struct record_walk walk;

	if (!unseal(record, &walk)) {
		error_set(err, "its record is cut or damaged");
		return false;
	}
	walk_stored(&walk, stored);
	if (walk.refused == NULL && (walk.at != walk.in_len || !is_plausible(stored)))
		walk.refused = "sense";
	if (walk.refused == NULL)
		return true;
	error_set(err, "its record has no %s that this weir can read", walk.refused);
	return false;
}

/* A class is interned as a pattern of its own name. */
static bool intern(struct stored *stored, struct path_classes *path_classes, struct error *err)
{
	char *names[PATH_CLASS_SLOTS];
	struct conf_strings patterns = { .items = names };
	struct path_class_rules *rules;
	size_t n_without_slot;

	for (size_t i = 0; i < stored->n_classes; i++)
		if (stored->classes[i][0] != '\0')
			names[patterns.n++] = stored->classes[i];
	rules = path_class_rules_new(&patterns, path_classes, NULL, &n_without_slot, err);
	path_class_rules_free(rules);
	return rules != NULL;
}

/* The class's slot as of now; PATH_CLASS_OTHER where it has none. */
static unsigned find_slot(const struct path_classes *path_classes, const char *class)
{
	for (unsigned slot = 0; slot < PATH_CLASS_SLOTS; slot++) {
		const char *name = path_classes_name(path_classes, slot);

		if (name != NULL && strcmp(name, class) == 0)
			return slot;
	}
	return PATH_CLASS_OTHER;
}

/* Withdrawn classes by their slots of now; *moved where any class has another slot. */
static bool find_slots(
    struct stored *stored, struct path_classes *path_classes, bool *moved, struct error *err)
{
	uint64_t withdrawn = 0;

	*moved = false;
	if (path_classes == NULL)
		return true;
	if (!intern(stored, path_classes, err))
		return false;
	for (unsigned i = 0; i < PATH_CLASS_SLOTS; i++) {
		unsigned slot = stored->classes[i][0] != '\0'
				    ? find_slot(path_classes, stored->classes[i])
				    : i;

		*moved = *moved || slot != i;
		if ((stored->plan.withdrawn >> i & 1) == 0)
			continue;
		if (slot == PATH_CLASS_OTHER || stored->classes[i][0] == '\0') {
			error_set(err, "the withdrawn path class '%s' has no slot any more",
			    stored->classes[i]);
			return false;
		}
		withdrawn |= UINT64_C(1) << slot;
	}
	stored->plan.withdrawn = withdrawn;
	return true;
}

/*
 * Without its evidence a stage goes on with what it has lasted. The guard knows paths by
 * their slots: where those are others now, what it knows is of no use.
 */
static void restore_guard(struct release *release, const struct route_conf *route,
    const struct stored *stored, bool moved)
{
	struct guard_params params = release_guard_params(route);
	struct guard_stage stage = release_guard_stage(release);
	bool restored = guard_restore(&release->guard, stored->guard, stored->guard_len, NULL);

	if (restored && moved && release->guard.paths != NULL) {
		guard_done(&release->guard);
		restored = false;
	}
	if (!restored) {
		guard_init(&release->guard, &params, &stage);
		release->guard.stage_age_s = stored->hold_s;
	}
	release->evidence_was_lost = !restored;
	release->guard.withdrawn = release->plan.withdrawn;
	guard_set_params(&release->guard, &params);
}

static void adopt(struct release *release, const struct stored *stored,
    const struct route_conf *route, const struct release_clock *clock)
{
	int64_t now_us = (int64_t)clock->now_us;

	*release = (struct release) {
		.plan = stored->plan,
		.verdict = stored->verdict,
		.cost = stored->cost,
		.warm = release_warm_handicap(route),
		.last_tick_us = clock->now_us,
		.began_us = now_us - (int64_t)stored->age_us,
		.began_wall_s = stored->began_wall_s,
		.stage_began_us = now_us - (int64_t)stored->stage_age_us,
		.last = stored->last,
		.last_us = now_us - (int64_t)stored->last_age_us,
	};
	memcpy(release->id, stored->id, sizeof(release->id));
	/* No time passes for a plan while weir is down. */
	release->plan.last_us = clock->now_us;
}

/* As a reload that found an edited file; every outcome from here on is evidence. */
static void go_on(struct release *release, const struct route_conf *route,
    const struct release_clock *clock, struct release_step *step)
{
	struct plan before = release->plan;
	struct plan_spec spec = plan_spec_of(route);
	struct plan_event event = {
		.kind = PLAN_EVENT_RESTORE,
		.clock = *clock,
		.who = "start",
		.why = "weir was restarted",
		.verdict = &release->verdict,
		.spec = &spec,
	};
	struct guard_stage stage;

	if (plan_apply(&release->plan, &event, &step->transition, NULL) == PLAN_CHANGED)
		release_remember(release, clock, step);
	release_new_generation(release, step);
	release->begun_generation = release->generation;
	release->first_generation = release->generation;
	release->stage_generation = release->generation;
	stage = release_guard_stage(release);
	if (release->plan.entered != before.entered) {
		guard_begin_stage(
		    &release->guard, &stage, release->plan.weight_ppm > before.weight_ppm);
		release->stage_began_us = (int64_t)clock->now_us;
	} else {
		guard_set_stage(&release->guard, &stage);
	}
	step->new_epoch = true;
}

bool release_restore(struct release *release, const struct route_conf *route,
    const struct release_record *record, struct path_classes *path_classes,
    const struct release_clock *clock, struct release_step *step, struct error *err)
{
	struct stored *stored = calloc(1, sizeof(*stored));
	bool moved;
	bool done = false;

	*step = (struct release_step) { .changed = false };
	if (stored == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	if (!read_stored(record, stored, err))
		goto out;
	if (strcmp(stored->id, route->release) != 0) {
		error_set(err, "its record is of release '%s'", stored->id);
		goto out;
	}
	if (!find_slots(stored, path_classes, &moved, err))
		goto out;
	adopt(release, stored, route, clock);
	restore_guard(release, route, stored, moved);
	go_on(release, route, clock, step);
	done = true;
out:
	free(stored);
	return done;
}
