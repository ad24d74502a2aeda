/* What a start makes of what is stored: a route with its release, over restarts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/managed_route.h"
#include "admin/store_db.h"
#include "conf/load.h"
#include "tests/support/state_place.h"

#include <sched.h>

enum {
	BROKEN = 3, /* users of the canary, and four times as many of legacy, who always fail */
	SERVED = 400, /* requests of everyone else on the canary; likewise */
	RESTARTS = 36,
};

/* A weir without its sockets. */
struct life {
	const struct place *place;
	struct store *store;
	struct snapshot *snapshot;
	struct managed_routes routes;
	struct instant now;
};

static bool resolve_nothing(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

static struct config *load(const struct place *place, const char *release, const char *rollout)
{
	struct conf_problems problems;
	struct config *config;
	char text[2048];

	snprintf(text, sizeof(text),
	    "[weir]\nstate_dir = %s\n[listen web]\naddress = 127.0.0.1:0\n"
	    "[upstream a]\nserver = 127.0.0.1:1\n[upstream b]\nserver = 127.0.0.1:2\n"
	    "[rollout plan]\nstages = 20%% 1h, 50%% 1h, 100%%\n%s"
	    "[route shop]\nlegacy = a\ncanary = b\nrelease = %s\nrollout = plan\n",
	    place->state_dir, rollout, release);
	config = config_load_text("weir.ini", slice_of(text), resolve_nothing, &problems);
	if (config == NULL)
		fail_msg("%s", problems.lines[0]);
	conf_problems_done(&problems);
	return config;
}

static void start(struct life *life, const char *release, const char *rollout)
{
	struct error err = { "" };
	struct managed_route *items;

	life->store = place_open(life->place);
	life->snapshot = snapshot_new(load(life->place, release, rollout), NULL, 1, &err);
	if (life->snapshot == NULL)
		fail_msg("%s", err.text);
	life->routes = (struct managed_routes) { .store = life->store };
	items = managed_routes_prepare(life->snapshot);
	assert_non_null(items);
	managed_routes_take_over(&life->routes, items, life->snapshot, &life->now, "start");
	store_started(life->store);
}

static void stop(struct life *life)
{
	managed_routes_done(&life->routes, &life->now);
	snapshot_unref(life->snapshot);
	store_close(life->store);
}

static struct life first(const struct place *place)
{
	return (struct life) {
		.place = place,
		.now = { .clock = { .now_us = 1000000, .wall_s = PLACE_WALL_US / 1000000 },
		    .wall_us = PLACE_WALL_US },
	};
}

/* The file, edited: as `weir reload` takes it over. */
static void reload(struct life *life, const char *release, const char *rollout)
{
	struct snapshot *before = life->snapshot;
	struct error err = { "" };
	struct managed_route *items;

	life->snapshot = snapshot_new(load(life->place, release, rollout), before, 1, &err);
	if (life->snapshot == NULL)
		fail_msg("%s", err.text);
	items = managed_routes_prepare(life->snapshot);
	assert_non_null(items);
	managed_routes_take_over(
	    &life->routes, items, life->snapshot, &life->now, "signal:HUP");
	snapshot_unref(before);
}

static void order(struct life *life, enum release_command command, const char *why)
{
	const struct release_order order = {
		.command = command, .who = "user:alice", .why = why
	};
	struct error err = { "" };

	if (!managed_routes_command(&life->routes, "shop", &order, &life->now, &err))
		fail_msg("%s", err.text);
}

static void tick(struct life *life)
{
	life->now.clock.now_us += 100000;
	managed_routes_tick(&life->routes, &life->now, true);
}

static const struct release *release_of(const struct life *life)
{
	return &life->routes.items[0].release;
}

static void answer_after(
    struct life *life, enum arm arm, bool failed, uint64_t user, uint64_t us)
{
	uint32_t generation = release_generation(release_of(life));
	const struct outcome outcome = {
		.arm = arm,
		.path_class = PATH_CLASS_OTHER,
		.status = failed ? 503 : 200,
		.failure = failed ? FAILURE_STATUS : FAILURE_NONE,
		.counts = true,
		.randomised = true,
		.has_unit = true,
		.unit_hash = user,
		.generation = generation,
		.has_first_byte = true,
		.first_byte_us = us,
		.total_us = us,
	};

	route_stats_record(life->snapshot->routes[0].live->stats, 0, generation, &outcome);
}

static void answer(struct life *life, enum arm arm, bool failed, uint64_t user)
{
	answer_after(life, arm, failed, user, 1000);
}

/* A canary at 20% that never fails, and legacy, which answers in 0.13 ms. */
static void serve_fast(struct life *life, unsigned ticks, uint64_t canary_us)
{
	for (unsigned i = 0; i < ticks; i++) {
		for (uint64_t user = 0; user < 25; user++)
			answer_after(life, user < 5 ? ARM_CANARY : ARM_LEGACY, false,
			    i * 25 + user, user < 5 ? canary_us : 130);
		tick(life);
	}
}

/* Past the first minute, in which caches are cold. */
static void start_fast(struct life *life, const char *rollout)
{
	start(life, "r1", rollout);
	serve_fast(life, 650, 130);
	assert_true(release_of(life)->handicap.factor < 2);
	assert_int_equal(release_of(life)->plan.state, PLAN_RUNNING);
}

/* A healthy canary at 20%: the same few users fail on either arm, and nobody else. */
static void serve(struct life *life)
{
	for (uint64_t user = 0; user < 5 * BROKEN; user++)
		answer(life, user < BROKEN ? ARM_CANARY : ARM_LEGACY, true, user);
	for (uint64_t user = 0; user < 5 * SERVED; user++)
		answer(life, user < SERVED ? ARM_CANARY : ARM_LEGACY, false, 1000 + user);
	tick(life);
}

static void assert_each_counted_once(const struct life *life)
{
	const struct verdict *verdict = &release_of(life)->verdict;

	assert_int_equal(release_of(life)->plan.state, PLAN_RUNNING);
	assert_float_equal(verdict->stage[ARM_CANARY].bad, BROKEN, 1e-9);
	assert_float_equal(verdict->stage[ARM_LEGACY].bad, 4 * BROKEN, 1e-9);
}

static void a_release_held_back_says_why_it_was_rolled_back(void **state)
{
	struct life life = first(*state);
	struct store *store = place_open(*state);
	const char *why;

	while (!store_latch(store, "shop", "r1", PLACE_WALL_US, "canary failed 6 of 43"))
		continue;
	store_close(store);
	start(&life, "r1", "");
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	assert_int_equal(release_of(&life)->plan.weight_ppm, 0);
	why = release_of(&life)->last.why;
	if (strstr(why, "rolled back before (canary failed 6 of 43): `weir resume`") == NULL)
		fail_msg("%s", why);
	stop(&life);
	start(&life, "r2", "");
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	stop(&life);
}

/* Killed as soon as it had passed: the drill is stored, the record does not have it. */
static void a_drill_that_the_record_does_not_know_of_counts_for_its_release(void **state)
{
	static const char rollout[] = "require_drill = 24h\n";
	struct life life = first(*state);
	struct store *store;

	start(&life, "r1", rollout);
	assert_int_equal(release_of(&life)->plan.state, PLAN_WAITING);
	stop(&life);
	store = place_open(*state);
	store_drill(store, "shop", "r1", PLACE_WALL_US - 5000000, true, "after 3 failures");
	store_drill(store, "shop", "r3", PLACE_WALL_US - 5000000, false, "never");
	store_close(store);

	start(&life, "r1", rollout);
	tick(&life);
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	stop(&life);
	start(&life, "r2", rollout);
	tick(&life);
	assert_int_equal(release_of(&life)->plan.state, PLAN_WAITING);
	stop(&life);
	start(&life, "r3", rollout);
	tick(&life);
	assert_int_equal(release_of(&life)->plan.state, PLAN_WAITING);
	stop(&life);
	/* And where the route's record is another release's. */
	start(&life, "r1", rollout);
	tick(&life);
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	stop(&life);
}

/* A drill of tomorrow, by a clock that was ahead, beside one that has just passed. */
static void a_drill_from_the_future_does_not_void_one_that_counts(void **state)
{
	static const char rollout[] = "require_drill = 24h\nstart = manual\n";
	struct life life = first(*state);
	struct release_step step;

	start(&life, "r1", rollout);
	release_drill_passed(
	    &life.routes.items[0].release, &life.now.clock, "user:alice", &step);
	store_drill(
	    life.store, "shop", "r1", PLACE_WALL_US + 86400 * UINT64_C(1000000), true, "");
	reload(&life, "r1", rollout);
	assert_int_equal(release_of(&life)->plan.drill_wall_s, PLACE_WALL_US / 1000000);
	stop(&life);
	start(&life, "r1", rollout);
	assert_int_equal(release_of(&life)->plan.drill_wall_s, PLACE_WALL_US / 1000000);
	order(&life, RELEASE_PROMOTE, "");
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	stop(&life);
}

/* The journal's rows of that release, oldest first, as "action from>to weight;". */
static char *rows_of(const struct place *place, const char *release)
{
	static char rows[1024];
	struct error err = { "" };
	struct store_db *db = store_db_open_reader(place_file(place, "weir.db"), true, &err);
	sqlite3_stmt *statement;

	assert_non_null(db);
	statement = store_db_query(db,
	    "SELECT who || ' ' || action || ' ' || from_state || '>' || to_state || ' ' ||"
	    " to_weight_ppm || ';' FROM journal WHERE release = ? ORDER BY seq",
	    "t", release);
	assert_non_null(statement);
	rows[0] = '\0';
	while (store_db_next(db, statement) == STORE_ROW)
		strncat(rows, store_db_text(statement, 0), sizeof(rows) - strlen(rows) - 1);
	store_db_close(db);
	return rows;
}

static void a_release_that_is_held_back_never_begins(void **state)
{
	struct life life = first(*state);

	start(&life, "r1", "");
	order(&life, RELEASE_ROLL_BACK, "too slow");
	reload(&life, "r2", "");
	assert_int_equal(release_of(&life)->plan.weight_ppm, 200000);
	reload(&life, "r1", "");
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	stop(&life);
	start(&life, "r3", "");
	stop(&life);
	start(&life, "r1", "");
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	assert_int_equal(release_of(&life)->plan.weight_ppm, 0);
	if (strstr(release_of(&life)->last.why, "(rolled back by user:alice: too slow)") ==
	    NULL)
		fail_msg("%s", release_of(&life)->last.why);
	stop(&life);
	assert_string_equal(rows_of(*state, "r1"),
	    "start start none>running 200000;user:alice rollback running>rolled_back 0;"
	    "weir rollback running>rolled_back 0;weir rollback none>rolled_back 0;");
	/* But by a person's word. */
	start(&life, "r1", "");
	order(&life, RELEASE_RESUME, "");
	reload(&life, "r2", "");
	reload(&life, "r1", "");
	assert_int_equal(release_of(&life)->plan.weight_ppm, 200000);
	stop(&life);
}

/* What a kill would leave. */
static double stored_hold_s(const struct place *place)
{
	struct error err = { "" };
	struct store_db *db = store_db_open_reader(place_file(place, "weir.db"), true, &err);
	sqlite3_stmt *statement =
	    db != NULL ? store_db_query(db, "SELECT stage_age_s FROM releases", "") : NULL;
	double hold_s = 0;

	if (statement != NULL && store_db_next(db, statement) == STORE_ROW)
		hold_s = sqlite3_column_double(statement, 0);
	store_db_close(db);
	return hold_s;
}

/* A last request, then none: what it was is told all the same, and once. */
static void what_was_counted_is_stored_within_a_second_of_it(void **state)
{
	struct life life = first(*state);
	const struct managed_route *managed;
	uint64_t counted_us;

	start(&life, "r1", "");
	managed = &life.routes.items[0];
	for (int i = 0; i < 20 || !managed->unkept; i++) {
		answer(&life, ARM_LEGACY, false, 1);
		tick(&life);
	}
	counted_us = life.now.clock.now_us;
	while (managed->kept_us < counted_us) {
		assert_true(life.now.clock.now_us < counted_us + 700000);
		life.now.clock.now_us += 100000;
		managed_routes_tick(&life.routes, &life.now, false);
	}
	assert_false(managed->unkept);
	while (stored_hold_s(*state) < 2)
		sched_yield();
	stop(&life);
}

/* Without traffic: at its end in that tick, and until then as seldom as any other. */
static void a_warm_up_wants_a_look_when_it_ends(void **state)
{
	struct life life = first(*state);
	const struct release *release;
	unsigned looks = 0;
	uint64_t ends_us;

	start(&life, "r1", "");
	release = release_of(&life);
	ends_us = (uint64_t)release->stage_began_us + 60000000;
	serve(&life);
	assert_true(release->thresholds_on);
	assert_int_equal(release_due_us(release), ends_us);
	while (release_due_us(release) != UINT64_MAX) {
		assert_true(life.now.clock.now_us < ends_us);
		life.now.clock.now_us += 100000;
		managed_routes_tick(&life.routes, &life.now, false);
		looks += release->last_tick_us == life.now.clock.now_us;
	}
	assert_in_range(looks, 1, 10);
	stop(&life);
}

/* The marks of what was counted stay with the old configuration. */
static void what_fails_while_the_file_is_reloaded_is_looked_at_at_once(void **state)
{
	struct life life = first(*state);

	start(&life, "r1", "");
	serve(&life);
	/* Nothing else wants a look. */
	while (life.routes.fresh_ticks > 0 || life.routes.items[0].unkept) {
		life.now.clock.now_us += 100000;
		managed_routes_tick(&life.routes, &life.now, false);
	}
	for (uint64_t user = 0; user < 40; user++)
		answer(&life, ARM_CANARY, true, 100 + user);
	reload(&life, "r1", "");
	life.now.clock.now_us += 100000;
	managed_routes_tick(&life.routes, &life.now, false);
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	stop(&life);
}

static void a_canary_a_hair_slower_than_a_very_fast_legacy_is_left_alone(void **state)
{
	struct life life = first(*state);

	start_fast(&life, "");
	serve_fast(&life, 300, 430);
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	assert_true(release_of(&life)->verdict.ln_e <= 0);
	/* Cold again, then warm, under thresholds of its own. */
	stop(&life);
	start(&life, "r1", "");
	serve_fast(&life, 650, 430);
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	assert_true(release_of(&life)->verdict.ln_e <= 0);
	/* What is past the slack is found as ever. */
	serve_fast(&life, 300, 1300);
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	assert_int_equal(release_of(&life)->verdict.reason, REASON_SLOWER);
	stop(&life);
}

static void with_no_slack_any_difference_past_the_tolerance_is_one(void **state)
{
	struct life life = first(*state);

	start_fast(&life, "latency_slack = 0\n");
	serve_fast(&life, 300, 430);
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	assert_int_equal(release_of(&life)->verdict.reason, REASON_SLOWER);
	stop(&life);
}

static void another_slack_holds_from_the_reload_on(void **state)
{
	struct life life = first(*state);

	start_fast(&life, "");
	serve_fast(&life, 100, 430);
	reload(&life, "r1", "latency_slack = 200us\n");
	serve_fast(&life, 300, 310);
	assert_int_equal(release_of(&life)->plan.state, PLAN_RUNNING);
	serve_fast(&life, 300, 430);
	assert_int_equal(release_of(&life)->plan.state, PLAN_ROLLED_BACK);
	stop(&life);
}

/* Also after a restart, under whatever slack. */
static void the_reason_says_from_when_on_the_canary_was_slow(void **state)
{
	struct life life = first(*state);
	char before[VERDICT_TEXT_SIZE], after[VERDICT_TEXT_SIZE], says[64];
	const struct verdict *verdict;
	uint32_t us;

	start_fast(&life, "latency_slack = 200us\n");
	serve_fast(&life, 300, 430);
	verdict = &release_of(&life)->verdict;
	assert_int_equal(verdict->reason, REASON_SLOWER);
	us = verdict->threshold_us[verdict->accuser.threshold];
	snprintf(says, sizeof(says), "(%.4g ms, for the canary %.4g ms)", us / 1e3,
	    (us + 200) / 1e3);
	verdict_reason_text(verdict, before, sizeof(before));
	if (strstr(before, says) == NULL)
		fail_msg("not %s: %s", says, before);
	stop(&life);
	start(&life, "r1", "latency_slack = 5ms\n");
	verdict_reason_text(&release_of(&life)->verdict, after, sizeof(after));
	assert_string_equal(after, before);
	stop(&life);
}

static void a_few_broken_users_do_not_count_again_for_every_restart(void **state)
{
	struct life life = first(*state);

	start(&life, "r1", "");
	for (int i = 0; i < RESTARTS; i++) {
		serve(&life);
		assert_each_counted_once(&life);
		stop(&life);
		start(&life, "r1", "");
	}
	stop(&life);
}

static void a_users_failure_counts_again_in_the_next_stage(void **state)
{
	struct life life = first(*state);

	start(&life, "r1", "");
	serve(&life);
	stop(&life);
	start(&life, "r1", "");
	order(&life, RELEASE_PROMOTE, "");
	stop(&life);
	start(&life, "r1", "");
	assert_int_equal(release_of(&life)->plan.stage, 1);
	serve(&life);
	assert_each_counted_once(&life);
	stop(&life);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_release_held_back_says_why_it_was_rolled_back),
		TEST(a_drill_that_the_record_does_not_know_of_counts_for_its_release),
		TEST(a_drill_from_the_future_does_not_void_one_that_counts),
		TEST(a_release_that_is_held_back_never_begins),
		TEST(what_was_counted_is_stored_within_a_second_of_it),
		TEST(a_warm_up_wants_a_look_when_it_ends),
		TEST(what_fails_while_the_file_is_reloaded_is_looked_at_at_once),
		TEST(a_canary_a_hair_slower_than_a_very_fast_legacy_is_left_alone),
		TEST(with_no_slack_any_difference_past_the_tolerance_is_one),
		TEST(another_slack_holds_from_the_reload_on),
		TEST(the_reason_says_from_when_on_the_canary_was_slow),
		TEST(a_few_broken_users_do_not_count_again_for_every_restart),
		TEST(a_users_failure_counts_again_in_the_next_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
