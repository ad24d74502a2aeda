#include "admin/drill_session.h"

#include "admin/decision.h"
#include "base/log.h"
#include "rollout/drill_words.h"

#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOKEN_SPARE_S = 2 /* a token outlives its drill by so much */
};

static const uint64_t US_PER_S = 1000000;

void drill_session_free(struct managed_route *managed)
{
	if (managed->drill == NULL)
		return;
	drill_done(&managed->drill->drill);
	free(managed->drill);
	managed->drill = NULL;
}

/* What the order asks for that the route cannot give. */
static bool may_begin(const struct managed_routes *routes, const struct managed_route *managed,
    const struct drill_order *order, struct error *err)
{
	const char *route = managed->route->conf->name;

	if (managed->route->conf->canary == NULL) {
		error_set(err, "route '%s' has no canary: there is nothing to rehearse", route);
		return false;
	}
	if (drill_session_is_running(managed)) {
		error_set(err, "a drill by %s is under way on route '%s', for %.0f s so far",
		    managed->drill->who, route, managed->drill->drill.lasted_s);
		return false;
	}
	if (order->live && routes->snapshot->token_key.len == 0) {
		error_set(err, "a live drill marks its requests with tokens: set "
			       "token_key_file in [weir], or leave out --live");
		return false;
	}
	return true;
}

static uint64_t random_seed(void)
{
	uint64_t seed;

	evutil_secure_rng_get_bytes(&seed, sizeof(seed));
	return seed;
}

bool drill_session_begin(struct managed_routes *routes, struct managed_route *managed,
    const struct drill_order *order, const struct instant *now, struct error *err)
{
	const struct drill_setting setting = {
		.fail_ppm = order->fail_ppm,
		.for_s = order->for_ms / 1e3,
		.live = order->live,
		.seed = random_seed(),
	};
	struct drill_session *session;

	if (!may_begin(routes, managed, order, err))
		return false;
	session = calloc(1, sizeof(*session));
	if (session == NULL) {
		error_set(err, "out of memory");
		return false;
	}
	if (!drill_begin(
		&session->drill, &managed->release, &setting, now->clock.now_us, err)) {
		free(session);
		return false;
	}
	snprintf(session->who, sizeof(session->who), "%s", order->who);
	session->asked_us = now->clock.now_us;
	session->token_expires_s = now->clock.wall_s + order->for_ms / 1000 + TOKEN_SPARE_S;
	route_stats_drill(managed->route->live->stats, session->told);
	drill_session_free(managed);
	managed->drill = session;
	if (order->live)
		snapshot_set_drill(routes->snapshot, managed->index, order->fail_ppm);
	log_info("drill begins route=%s release=%s who=%s fail=%.4g%% for=%.4gs live=%s",
	    managed->route->conf->name, managed->release.id, session->who,
	    order->fail_ppm / 1e4, setting.for_s, order->live ? "yes" : "no");
	return true;
}

/* What was counted since it was last told. A failure may show a little before its request. */
static void tell_synthetic(struct drill_counts told[ARMS], const struct route_stats *stats,
    struct drill_counts news[ARMS])
{
	struct drill_counts now[ARMS];

	route_stats_drill(stats, now);
	for (enum arm arm = 0; arm < ARMS; arm++) {
		uint64_t failed = now[arm].failed - told[arm].failed;

		news[arm].n = now[arm].n - told[arm].n;
		news[arm].failed = failed < news[arm].n ? failed : news[arm].n;
		told[arm].n += news[arm].n;
		told[arm].failed += news[arm].failed;
	}
}

static void log_end(const struct managed_route *managed, const char *words)
{
	const struct drill_session *session = managed->drill;
	int line = (int)strcspn(words, "\n");

	log_info("drill ends route=%s release=%s who=%s state=%s %.*s",
	    managed->route->conf->name, session->drill.release, session->who,
	    drill_state_name(session->drill.state), line, words);
}

/* It has just ended, whatever ended it. */
static void conclude(struct managed_routes *routes, struct managed_route *managed)
{
	char words[DRILL_WORDS_SIZE];

	if (managed->drill->drill.setting.live)
		snapshot_set_drill(routes->snapshot, managed->index, 0);
	drill_words(&managed->drill->drill, words, sizeof(words));
	log_end(managed, words);
}

/* One that came to a result. */
static void remember(
    struct managed_routes *routes, struct managed_route *managed, const struct instant *now)
{
	const struct drill_session *session = managed->drill;
	bool passed = session->drill.state == DRILL_PASSED;
	char words[DRILL_WORDS_SIZE];
	struct release_step step;

	drill_words(&session->drill, words, sizeof(words));
	store_drill(routes->store, managed->route->conf->name, session->drill.release,
	    now->wall_us, passed, words);
	if (!passed)
		return;
	release_drill_passed(&managed->release, &now->clock, session->who, &step);
	decision_carry_out(routes, managed, &step, now);
}

void drill_session_stop(
    struct managed_routes *routes, struct managed_route *managed, const char *why)
{
	if (!drill_session_is_running(managed))
		return;
	drill_stop(&managed->drill->drill, why);
	conclude(routes, managed);
}

void drill_session_tick(struct managed_routes *routes, struct managed_route *managed,
    const struct release_evidence *evidence, double dt_s, const struct instant *now)
{
	struct drill_session *session = managed->drill;
	struct drill_counts synthetic[ARMS];

	if (!drill_session_is_running(managed))
		return;
	if (session->drill.setting.live &&
	    now->clock.now_us > session->asked_us + DRILL_PATIENCE_S * US_PER_S) {
		drill_session_stop(
		    routes, managed, "nobody has asked for its progress for a while");
		return;
	}
	tell_synthetic(session->told, managed->route->live->stats, synthetic);
	drill_tick(
	    &session->drill, &managed->release, evidence, synthetic, dt_s, now->clock.now_us);
	if (session->drill.state == DRILL_RUNNING)
		return;
	conclude(routes, managed);
	if (session->drill.state != DRILL_STOPPED)
		remember(routes, managed, now);
}
