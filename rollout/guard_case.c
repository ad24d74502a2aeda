#include "rollout/guard_case.h"

#include "rollout/guard_paths.h"

#include <math.h>

static const double least_failures = 3;
static const double least_budget = 1e-6;
static const double rounding = 1e-9;
static const double own_share = 0.75;   /* of what is in excess: then it is a path's own */
static const double sole_traffic = 0.5; /* a path with more of it is the route itself */

double guard_budget(const struct guard *guard)
{
	return fmax(guard->params.budget, least_budget);
}

double guard_latency_budget(const struct guard *guard)
{
	return fmax(guard->params.latency_budget_share, least_budget);
}

double guard_ruled_out(double budget)
{
	return FAST_BURN * budget;
}

double guard_case_e(const struct guard *guard, double m[EVIDENCE_KINDS])
{
	m[EVIDENCE_ERRORS] = failure_bets_m(&guard->route.errors);
	m[EVIDENCE_PATH_ERRORS] = guard_paths_mean_errors(guard->paths);
	m[EVIDENCE_LATENCY] = latency_m(&guard->route.latency);
	m[EVIDENCE_PATH_LATENCY] = guard_paths_mean_latency(guard->paths);
	m[EVIDENCE_LATENCY_BUDGET] = guard->over_stake > 0 ? failure_bets_m(&guard->over) : 1;
	return ERROR_STAKE * m[EVIDENCE_ERRORS] + PATH_ERROR_STAKE * m[EVIDENCE_PATH_ERRORS] +
	       guard->latency_stake * m[EVIDENCE_LATENCY] +
	       PATH_LATENCY_STAKE * m[EVIDENCE_PATH_LATENCY] +
	       guard->over_stake * m[EVIDENCE_LATENCY_BUDGET];
}

double guard_ln_e(const struct guard *guard)
{
	double m[EVIDENCE_KINDS];

	return log(guard_case_e(guard, m));
}

double guard_path_ln_m(const struct guard *guard, unsigned path_class, enum evidence_kind kind)
{
	const struct comparison *path = guard_paths_find(guard->paths, path_class);

	if (path == NULL)
		return 0;
	return log(kind == EVIDENCE_PATH_LATENCY ? latency_m(&path->latency)
						 : failure_bets_m(&path->errors));
}

/* The case as it is put together, part by part. */
struct scales {
	const struct guard *guard;
	bool excused; /* legacy is in trouble too */
	bool over_excused;
	double loudest; /* share of the accuser so far */
	double loudest_certain;
	struct guard_case against;
};

static struct scales scales_of(const struct guard *guard)
{
	return (struct scales) {
		.guard = guard,
		.excused =
		    burn_is_excused(&guard->burn, guard_budget(guard), WINDOW_60_S, FAST_BURN),
		.over_excused = burn_is_excused(
		    &guard->over_burn, guard_latency_budget(guard), WINDOW_60_S, FAST_BURN),
		.against = { .suspected = { .kind = EVIDENCE_KINDS },
		    .convicted = { .kind = EVIDENCE_KINDS } },
	};
}

static struct accuser accuse(
    const struct accuser *who, double m, const struct difference *difference)
{
	struct accuser accuser = *who;

	accuser.ln_m = log(m);
	accuser.in_stage = difference->in_stage;
	for (enum arm arm = 0; arm < ARMS; arm++)
		accuser.arms[arm] = difference->arms[arm];
	return accuser;
}

/* One e-process with a share of E, and the difference that it is about. */
static void weigh(struct scales *scales, double stake, double m,
    const struct difference *difference, double failures, const struct accuser *who)
{
	struct guard_case *against = &scales->against;
	bool matters = m > 1 && difference->material;
	bool enough = matters && failures >= least_failures;
	double kept = stake * fmin(m, 1), worth = stake * m;

	against->suspect += matters ? worth : kept;
	against->certain += enough ? worth : kept;
	if (matters && worth > scales->loudest) {
		scales->loudest = worth;
		against->suspected = accuse(who, m, difference);
	}
	if (enough && worth > scales->loudest_certain) {
		scales->loudest_certain = worth;
		against->convicted = accuse(who, m, difference);
	}
}

static void weigh_idle(struct scales *scales, double worth)
{
	scales->against.suspect += worth;
	scales->against.certain += worth;
}

/* An outage of both must not be the canary's where it is held against its budget alone. */
static double failures_m(const struct failure_bets *bets, bool excused)
{
	double m = failure_bets_m(bets);

	return excused ? fmin(m, eprocess_m(&bets->two_sample)) : m;
}

static double failures_of(const struct comparison *path)
{
	double failures = path->stage[ARM_CANARY].counts.bad;

	return failures >= least_failures ? failures
					  : fmax(failures, path->minute[ARM_CANARY].counts.bad);
}

static void weigh_errors(struct scales *scales, const struct comparison *comparison,
    double stake, double failures, const struct accuser *who)
{
	double m = failures_m(&comparison->errors, scales->excused);
	struct difference difference;

	if (m <= 1) {
		weigh_idle(scales, stake * m);
		return;
	}
	difference = comparison_errors(comparison, guard_budget(scales->guard));
	weigh(scales, stake, m, &difference, failures, who);
}

static void weigh_latency(struct scales *scales, const struct comparison *comparison,
    const double m[LATENCY_THRESHOLDS], double stake, const struct accuser *who)
{
	for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
		double share = stake / LATENCY_THRESHOLDS;
		struct accuser accuser = *who;
		struct difference difference;

		if (m[i] <= 1) {
			weigh_idle(scales, share * m[i]);
			continue;
		}
		accuser.threshold = (enum latency_threshold)i;
		difference = comparison_slow(comparison, accuser.threshold);
		weigh(scales, share, m[i], &difference, difference.arms[ARM_CANARY].bad,
		    &accuser);
	}
}

/* The distinct slow ones of the stage, or of the last minute. */
static struct difference over_difference(const struct guard *guard)
{
	double budget = guard_latency_budget(guard);
	struct difference stage = { .in_stage = true }, minute = { .in_stage = false };

	for (enum arm arm = 0; arm < ARMS; arm++) {
		stage.arms[arm] = guard->over_totals[arm];
		minute.arms[arm] = (struct arm_counts) {
			.n = guard->over_burn.units[arm].n[WINDOW_60_S],
			.bad = guard->over_burn.units[arm].bad[WINDOW_60_S],
			.failed = guard->over_burn.raw[arm].bad[WINDOW_60_S],
		};
	}
	/* Those that are slow and still in flight have not been counted as ended. */
	for (enum arm arm = 0; arm < ARMS; arm++) {
		stage.arms[arm].n = fmax(stage.arms[arm].n, stage.arms[arm].failed);
		minute.arms[arm].n = fmax(minute.arms[arm].n, minute.arms[arm].failed);
	}
	stage.material = is_material(stage.arms, budget);
	minute.material = is_material(minute.arms, budget);
	return stage.material || !minute.material ? stage : minute;
}

static void weigh_latency_budget(struct scales *scales)
{
	const struct guard *guard = scales->guard;
	struct difference difference;

	if (guard->over_stake <= 0)
		return;
	difference = over_difference(guard);
	weigh(scales, guard->over_stake, failures_m(&guard->over, scales->over_excused),
	    &difference, difference.arms[ARM_CANARY].bad,
	    &(struct accuser) { .kind = EVIDENCE_LATENCY_BUDGET });
}

/* Enough is certain, and this would not be the accuser: its counts need no look. */
static bool is_decided(const struct scales *scales, double worth)
{
	return scales->against.certain >= 1 / scales->guard->params.alpha &&
	       worth <= scales->loudest_certain;
}

static void weigh_path(struct scales *scales, size_t item)
{
	const struct guard_paths *paths = scales->guard->paths;
	const struct comparison *path = &paths->items[item];
	double error_share = PATH_ERROR_STAKE / PATH_CLASSES;
	double latency_share = PATH_LATENCY_STAKE / PATH_CLASSES;
	struct accuser who = { .path_class = paths->path_class[item] };

	if (is_decided(scales, error_share * paths->m_errors[item]) &&
	    is_decided(scales, latency_share * paths->m_latency[item]))
		return;
	who.kind = EVIDENCE_PATH_ERRORS;
	if (paths->m_errors[item] > 1 || scales->excused)
		weigh_errors(scales, path, error_share, failures_of(path), &who);
	else
		weigh_idle(scales, error_share * paths->m_errors[item]);
	who.kind = EVIDENCE_PATH_LATENCY;
	weigh_latency(scales, path, paths->m_thresholds[item], latency_share, &who);
}

static void weigh_paths(struct scales *scales)
{
	const struct guard *guard = scales->guard;
	const struct guard_paths *paths = guard->paths;
	size_t n = paths != NULL ? paths->n : 0;
	double shares = (PATH_ERROR_STAKE + PATH_LATENCY_STAKE) / PATH_CLASSES;
	double most = PATH_ERROR_STAKE * guard_paths_mean_errors(paths) +
		      PATH_LATENCY_STAKE * guard_paths_mean_latency(paths);

	/* Were all of it to matter, it would not be enough: none of it needs a look. */
	if (scales->against.suspect + most < (1 - rounding) * sqrt(1 / guard->params.alpha))
		return;
	weigh_idle(scales, shares * (double)(PATH_CLASSES - n));
	for (size_t i = 0; i < n; i++)
		if (!guard_path_is_withdrawn(guard, paths->path_class[i]))
			weigh_path(scales, i);
}

/*
 * E may be large for a difference that is certain but too small to matter. So each part
 * of it that grew counts only where the difference in its own counts is material: a
 * path with little of the traffic by its own, the whole route by all.
 */
struct guard_case guard_case_weigh(const struct guard *guard)
{
	struct scales scales = scales_of(guard);
	double m[LATENCY_THRESHOLDS];

	weigh_errors(&scales, &guard->route, ERROR_STAKE, guard->distinct_failures,
	    &(struct accuser) { .kind = EVIDENCE_ERRORS });
	latency_m_each(&guard->route.latency, m);
	weigh_latency(&scales, &guard->route, m, guard->latency_stake,
	    &(struct accuser) { .kind = EVIDENCE_LATENCY });
	weigh_latency_budget(&scales);
	weigh_paths(&scales);
	return scales.against;
}

/* What one path class is accused of, by errors or by latency; EVIDENCE_KINDS: nothing. */
static struct accuser accuse_path(const struct guard *guard, size_t item, bool latency)
{
	const struct comparison *path = &guard->paths->items[item];
	struct scales scales = scales_of(guard);
	struct accuser who = {
		.kind = latency ? EVIDENCE_PATH_LATENCY : EVIDENCE_PATH_ERRORS,
		.path_class = guard->paths->path_class[item],
	};

	if (latency)
		weigh_latency(&scales, path, guard->paths->m_thresholds[item], 1, &who);
	else
		weigh_errors(&scales, path, 1, failures_of(path), &who);
	return scales.against.convicted;
}

/* The stage's failures, or its requests past a threshold. */
static void stage_counts(const struct comparison *comparison, bool latency,
    enum latency_threshold threshold, struct arm_counts arms[ARMS])
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		const struct compared_arm *counted = &comparison->stage[arm];

		arms[arm] = latency ? compared_slow(counted, threshold) : counted->counts;
	}
}

static bool is_its_own(
    const struct guard *guard, const struct accuser *accuser, const struct comparison *path)
{
	bool latency = accuser->kind == EVIDENCE_PATH_LATENCY;
	struct arm_counts own[ARMS], all[ARMS];

	stage_counts(path, latency, accuser->threshold, own);
	stage_counts(&guard->route, latency, accuser->threshold, all);
	return own[ARM_CANARY].n <= sole_traffic * all[ARM_CANARY].n &&
	       excess_of(own) >= own_share * excess_of(all);
}

/* M that withdraws a path class: with its share of E, as much as E needs. */
static double withdrawing_m(const struct guard *guard, bool latency)
{
	return PATH_CLASSES /
	       ((latency ? PATH_LATENCY_STAKE : PATH_ERROR_STAKE) * guard->params.alpha);
}

bool guard_case_is_one_path(const struct guard *guard, bool latency, struct accuser *path)
{
	const struct guard_paths *paths = guard->paths;
	double ln_suspicious = -log(guard->params.alpha) / 2;
	bool ready = guard_path_to_withdraw(guard) != PATH_CLASSES;
	bool found = false;

	if (paths == NULL ||
	    (ready ? guard->offered : guard_ln_e(guard) >= log(withdrawing_m(guard, latency))))
		return false;
	for (size_t i = 0; i < paths->n; i++) {
		struct accuser accuser;

		if (paths->path_class[i] == PATH_CLASS_OTHER ||
		    guard_path_is_withdrawn(guard, paths->path_class[i]))
			continue;
		accuser = accuse_path(guard, i, latency);
		if (accuser.kind == EVIDENCE_KINDS || accuser.ln_m < ln_suspicious ||
		    (found && accuser.ln_m <= path->ln_m) ||
		    !is_its_own(guard, &accuser, &paths->items[i]))
			continue;
		*path = accuser;
		found = true;
	}
	return found;
}

unsigned guard_path_to_withdraw(const struct guard *guard)
{
	const struct guard_paths *paths = guard->paths;

	for (size_t i = 0; paths != NULL && i < paths->n; i++) {
		unsigned path_class = paths->path_class[i];

		if (path_class == PATH_CLASS_OTHER)
			continue;
		if ((paths->m_errors[i] >= withdrawing_m(guard, false) &&
			accuse_path(guard, i, false).kind != EVIDENCE_KINDS) ||
		    (paths->m_latency[i] >= withdrawing_m(guard, true) &&
			accuse_path(guard, i, true).kind != EVIDENCE_KINDS))
			return path_class;
	}
	return PATH_CLASSES;
}
