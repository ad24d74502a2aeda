#include "admin/decision.h"

#include "admin/cost.h"
#include "admin/notice.h"
#include "base/log.h"

#include <math.h>
#include <stdio.h>

static bool is_latching(const struct release_step *step)
{
	const struct transition *t = &step->transition;
	bool to = t->to == PLAN_ROLLED_BACK || t->to == PLAN_ROLLING_BACK;
	bool from = t->from == PLAN_ROLLED_BACK || t->from == PLAN_ROLLING_BACK;

	return step->changed && to && !from;
}

static bool is_clearing(const struct release_step *step)
{
	return step->changed && step->transition.from == PLAN_ROLLED_BACK &&
	       step->transition.to != PLAN_ROLLED_BACK &&
	       step->transition.cause == PLAN_EVENT_RESUME;
}

static bool is_new_release(const struct release_step *step)
{
	enum plan_event_kind cause = step->transition.cause;

	return step->changed && (cause == PLAN_EVENT_START || cause == PLAN_EVENT_UNREADABLE);
}

static void set_thresholds(struct route_stats *stats, const struct release_step *step)
{
	uint32_t generation = step->exposure.generation;

	if (step->thresholds == THRESHOLDS_FREEZE)
		route_stats_freeze_thresholds(stats, generation, &step->handicap);
	else if (step->thresholds == THRESHOLDS_SETTLE)
		route_stats_settle_thresholds(stats, generation, &step->handicap);
}

/* What the data plane is to know. */
static void publish(struct managed_routes *routes, const struct managed_route *managed,
    const struct release_step *step)
{
	struct route_live *live = managed->route->live;

	set_thresholds(live->stats, step);
	if (step->new_weight)
		snapshot_set_exposure(routes->snapshot, managed->index, &step->exposure);
	if (step->new_epoch)
		route_stats_begin_epoch(live->stats);
	if (is_new_release(step)) {
		route_stats_begin_units(live->stats);
		snapshot_forget_users(routes->snapshot, managed->index);
	}
}

static struct notice_about about(const struct managed_route *managed, const struct instant *now)
{
	return (struct notice_about) {
		.route = managed->route->conf,
		.release = managed->release.id,
		.cost = cost_of(managed),
		.wall_us = now->wall_us,
	};
}

static void announce(struct managed_routes *routes, const struct managed_route *managed,
    const struct transition *t, const struct instant *now)
{
	const struct rollout_conf *rollout = managed->route->conf->rollout;
	struct notice_about facts = about(managed, now);
	char text[NOTICE_TEXT_SIZE];
	struct notice notice;
	bool bad = t->to == PLAN_ROLLED_BACK || t->to == PLAN_ROLLING_BACK;

	notice_of_transition(&notice, &facts, t);
	log_line(bad ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
	    "decision route=%s release=%s who=%s state=%s->%s weight=%.4g%%->%.4g%% %s",
	    managed->route->conf->name, managed->release.id, t->who, plan_state_name(t->from),
	    plan_state_name(t->to), t->weight_from_ppm / 1e4, t->weight_to_ppm / 1e4,
	    notice_text(&notice, text, sizeof(text)));
	if (rollout != NULL && rollout->n_notify > 0)
		webhooks_tell(routes->webhooks, rollout->notify, rollout->n_notify, &notice);
}

static void on_answer(void *arg, const struct webhook_answer *answer);

static void ask_gate(struct managed_routes *routes, struct managed_route *managed,
    const struct release_step *step, const struct instant *now)
{
	struct notice_about facts = about(managed, now);
	struct notice_words words;
	struct notice question;
	struct webhook_ask ask = {
		.conf = step->gate,
		.question = &question,
		.number = step->gate_ask,
		.answer = on_answer,
		.arg = routes,
	};
	struct error err;

	notice_of_gate(
	    &question, &facts, &managed->release.plan, &managed->release.verdict, &words);
	/* Without an answer the plan asks again by itself, after a while. */
	if (!webhooks_ask(routes->webhooks, &ask, &err))
		log_error("route %s: the gate's webhook cannot be asked: %s",
		    managed->route->conf->name, err.text);
}

static void on_answer(void *arg, const struct webhook_answer *answer)
{
	struct instant now;

	instant_read(&now);
	managed_routes_gate_answer(arg, answer, &now);
}

static bool keep_record(struct managed_routes *routes, const struct managed_route *managed,
    const struct instant *now)
{
	const char *route = managed->route->conf->name;
	struct release_record record;
	struct error err;

	if (!release_save(&managed->release, managed->route->live->path_classes, &now->clock,
		&record, &err)) {
		log_error("route %s: the release's state is not stored: %s", route, err.text);
		return false;
	}
	store_keep(routes->store, route, &record);
	release_record_done(&record);
	return true;
}

static void keep_budgets(struct managed_routes *routes, const struct managed_route *managed)
{
	static struct store_budget kept[PATH_CLASSES + 1];
	const struct path_classes *classes = managed->route->live->path_classes;
	size_t n = 0;

	for (unsigned c = 0; c <= PATH_CLASS_ALL; c++) {
		const struct budget *budgets = managed->budgets.budgets[c];
		const char *name = c == PATH_CLASS_ALL ? "" : path_classes_name(classes, c);

		if (name == NULL || (budgets[ARM_LEGACY].n == 0 && budgets[ARM_CANARY].n == 0))
			continue;
		snprintf(kept[n].path, sizeof(kept[n].path), "%s", name);
		for (enum arm arm = 0; arm < ARMS; arm++) {
			kept[n].n[arm] = budgets[arm].n;
			kept[n].bad[arm] = budgets[arm].bad;
		}
		n++;
	}
	store_keep_budgets(
	    routes->store, managed->route->conf->name, managed->release.id, kept, n);
}

void decision_keep(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now)
{
	managed->kept_us = now->clock.now_us;
	keep_record(routes, managed, now);
	keep_budgets(routes, managed);
}

/* Why a release is held back from now on: a person's order with whose it was. */
static void latch(struct managed_routes *routes, const struct managed_route *managed,
    const struct transition *t, const struct instant *now)
{
	char why[TRANSITION_WHO_SIZE + TRANSITION_WHY_SIZE + 32];
	bool by_order = t->cause == PLAN_EVENT_ROLL_BACK;

	snprintf(why, sizeof(why), "%s%s%s%s", by_order ? "rolled back by " : "",
	    by_order ? t->who : "", by_order && t->why[0] != '\0' ? ": " : "", t->why);
	store_latch(
	    routes->store, managed->route->conf->name, managed->release.id, now->wall_us, why);
}

/* What outlives the process. */
static void remember(struct managed_routes *routes, struct managed_route *managed,
    const struct release_step *step, const struct instant *now)
{
	const char *route = managed->route->conf->name;

	if (is_clearing(step))
		store_unlatch(routes->store, route, managed->release.id);
	if (step->keep || step->changed)
		decision_keep(routes, managed, now);
	if (step->changed)
		store_decide(
		    routes->store, now->wall_us, route, managed->release.id, &step->transition);
}

void decision_carry_out(struct managed_routes *routes, struct managed_route *managed,
    const struct release_step *step, const struct instant *now)
{
	bool has_canary = managed->route->conf->canary != NULL;

	if (has_canary && is_latching(step))
		latch(routes, managed, &step->transition, now);
	publish(routes, managed, step);
	managed->due_us = has_canary ? release_due_us(&managed->release) : UINT64_MAX;
	if (!has_canary)
		return;
	/* Still as of the stage and the release before. */
	if (step->changed)
		evidence_log_flush(&managed->log, routes->store, managed->route->conf->name,
		    managed->route->live->path_classes, now);
	/* What it cost is told up to this moment. */
	if (step->changed)
		route_budgets_tick(
		    &managed->budgets, managed->route->live->stats, now->clock.now_us);
	remember(routes, managed, step, now);
	if (step->changed)
		announce(routes, managed, &step->transition, now);
	if (step->ask_gate)
		ask_gate(routes, managed, step, now);
}
