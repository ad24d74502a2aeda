/*
 * What /status says of a route. The control plane is the test's own: a route's
 * release, counters and budgets, and no threads.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/status.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct control {
	struct route_conf conf;
	struct upstream_conf upstream_confs[ARMS];
	struct upstream upstreams[ARMS];
	struct route_live live;
	struct route route;
	struct snapshot snapshot;
	struct managed_route managed;
};

size_t control_workers(const struct control *ctl)
{
	(void)ctl;
	return 1;
}

uint64_t control_started_us(const struct control *ctl)
{
	(void)ctl;
	return clock_monotonic_us();
}

uint64_t control_journal_failures(const struct control *ctl)
{
	(void)ctl;
	return 3;
}

const struct snapshot *control_snapshot(const struct control *ctl)
{
	return &ctl->snapshot;
}

struct managed_route *control_routes(struct control *ctl, size_t *n)
{
	*n = 1;
	return &ctl->managed;
}

static int set_up(void **state)
{
	static char name[] = "shop", release[] = "r1", v1[] = "v1", v2[] = "v2";
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL)
		return -1;
	ctl->upstream_confs[ARM_LEGACY].name = v1;
	ctl->upstream_confs[ARM_CANARY].name = v2;
	ctl->conf = (struct route_conf) { .name = name,
		.release = release,
		.legacy = &ctl->upstream_confs[ARM_LEGACY],
		.canary = &ctl->upstream_confs[ARM_CANARY],
		.error_budget_ppm = 10000,
		.weight_ppm = 25000 };
	ctl->live.path_classes = path_classes_new();
	ctl->live.stats = route_stats_new(1, 0);
	ctl->route = (struct route) { .conf = &ctl->conf, .live = &ctl->live };
	for (enum arm arm = 0; arm < ARMS; arm++) {
		ctl->upstreams[arm].conf = &ctl->upstream_confs[arm];
		ctl->route.arms[arm] = &ctl->upstreams[arm];
	}
	ctl->snapshot.generation = 7;
	ctl->managed.route = &ctl->route;
	route_budgets_begin(
	    &ctl->managed.budgets, ctl->conf.error_budget_ppm, ctl->live.stats, 0);
	*state = ctl;
	return ctl->live.path_classes != NULL && ctl->live.stats != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct control *ctl = *state;

	path_classes_free(ctl->live.path_classes);
	route_stats_free(ctl->live.stats);
	free(ctl);
	return 0;
}

static void begin(struct control *ctl)
{
	struct release_step step;

	release_begin(&ctl->managed.release, &ctl->conf, clock_monotonic_us(), "start", &step);
}

static void order(struct control *ctl, enum release_command command, const char *why)
{
	struct release_step step;
	struct error err;

	assert_true(release_command(&ctl->managed.release, command, clock_monotonic_us(),
	    "user:alice", why, &step, &err));
}

/* The status and, in *route, its only route. json_decref() the status. */
static json_t *status_of(struct control *ctl, const json_t **route)
{
	json_t *status = status_json(ctl);
	char *text;

	assert_non_null(status);
	text = json_dumps(status, JSON_COMPACT);
	assert_non_null(text);
	free(text);
	*route = json_array_get(json_object_get(status, "routes"), 0);
	assert_true(json_is_object(*route));
	return status;
}

static void assert_says(const json_t *object, const char *member, const char *expected)
{
	const char *text = json_string_value(json_object_get(object, member));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void assert_counts(const json_t *object, const char *member, json_int_t expected)
{
	assert_true(json_is_integer(json_object_get(object, member)));
	assert_int_equal(json_integer_value(json_object_get(object, member)), expected);
}

static const json_t *arm_of(const json_t *object, const char *arm)
{
	return json_object_get(json_object_get(object, "arms"), arm);
}

static void a_route_without_traffic_is_whole(void **state)
{
	const json_t *route, *arm;
	json_t *status;

	begin(*state);
	status = status_of(*state, &route);
	assert_counts(status, "generation", 7);
	assert_counts(status, "journal_failures", 3);
	assert_says(route, "name", "shop");
	assert_says(route, "release", "r1");
	assert_says(route, "state", "fixed");
	assert_says(route, "weight", "2.5%");
	assert_counts(route, "weight_ppm", 25000);
	assert_counts(route, "stage", 0);
	assert_true(json_is_null(json_object_get(route, "held")));
	assert_true(json_is_false(json_object_get(route, "latched")));
	arm = arm_of(route, "canary");
	assert_says(arm, "upstream", "v2");
	assert_counts(arm, "requests", 0);
	assert_true(json_is_null(json_object_get(arm, "p99_ms")));
	assert_int_equal(json_array_size(json_object_get(route, "path_classes")), 0);
	json_decref(status);
}

static void an_arm_tells_what_it_has_failed_and_how_long_it_took(void **state)
{
	struct control *ctl = *state;
	struct outcome outcome = {
		.arm = ARM_CANARY,
		.path_class = PATH_CLASS_OTHER,
		.status = 200,
		.counts = true,
		.generation = 1,
		.has_first_byte = true,
		.first_byte_us = 20,
		.total_us = 30,
	};
	const json_t *route, *arm, *class;
	json_t *status;

	begin(ctl);
	for (unsigned i = 0; i < 9; i++)
		route_stats_record(ctl->live.stats, 0, 1, &outcome);
	outcome.failure = FAILURE_CONNECT;
	outcome.status = 0;
	outcome.has_first_byte = false;
	route_stats_record(ctl->live.stats, 0, 1, &outcome);
	route_budgets_tick(&ctl->managed.budgets, ctl->live.stats, 1000000);

	status = status_of(ctl, &route);
	arm = arm_of(route, "canary");
	assert_counts(arm, "requests", 10);
	assert_counts(arm, "failures", 1);
	assert_counts(json_object_get(arm, "failures_by_kind"), "connect", 1);
	assert_counts(json_object_get(arm, "status"), "2xx", 9);
	assert_counts(json_object_get(arm, "status"), "none", 1);
	assert_true(json_real_value(json_object_get(arm, "p50_ms")) == 0.02);
	assert_true(json_real_value(json_object_get(arm, "p50_total_ms")) == 0.03);
	assert_counts(arm_of(route, "legacy"), "requests", 0);
	/* One in ten failed where one in a hundred may. */
	arm = json_object_get(json_object_get(route, "budget"), "canary");
	assert_true(
	    fabs(json_number_value(json_object_get(arm, "remaining")) - (1 - 10)) < 1e-9);
	assert_true(
	    fabs(json_number_value(json_object_get(json_object_get(arm, "burn"), "5m")) - 10) <
	    1e-9);

	class = json_array_get(json_object_get(route, "path_classes"), 0);
	assert_says(class, "name", "other");
	assert_counts(arm_of(class, "canary"), "requests", 10);
	assert_null(json_object_get(arm_of(class, "canary"), "upstream"));
	json_decref(status);
}

static void a_route_without_a_canary_says_so(void **state)
{
	struct control *ctl = *state;
	const json_t *route;
	json_t *status;

	ctl->conf.canary = NULL;
	ctl->route.arms[ARM_CANARY] = NULL;
	begin(ctl);
	status = status_of(ctl, &route);
	assert_says(route, "reason", "the route has no canary");
	assert_counts(route, "weight_ppm", 0);
	assert_true(json_is_null(arm_of(route, "canary")));
	assert_true(json_is_null(json_object_get(json_object_get(route, "budget"), "canary")));
	json_decref(status);
}

static void a_persons_rollback_is_told_with_name_and_reason(void **state)
{
	struct control *ctl = *state;
	const json_t *route;
	json_t *status;

	begin(ctl);
	order(ctl, RELEASE_ROLL_BACK, "slow \xff");
	status = status_of(ctl, &route);
	assert_says(route, "state", "rolled_back");
	assert_says(route, "reason", "rolled back by user:alice: slow ?");
	assert_true(json_is_true(json_object_get(route, "latched")));
	json_decref(status);

	order(ctl, RELEASE_RESUME, NULL);
	order(ctl, RELEASE_ROLL_BACK, NULL);
	status = status_of(ctl, &route);
	assert_says(route, "reason", "rolled back by user:alice");
	json_decref(status);
}

static void a_pause_is_told_before_the_guards_words(void **state)
{
	struct control *ctl = *state;
	struct rollout_conf rollout = {
		.stages = { { 50000, 60000 }, { 1000000, 0 } }, .n_stages = 2, .alpha = 0.01
	};
	const json_t *route;
	json_t *status;

	ctl->conf.rollout = &rollout;
	begin(ctl);
	order(ctl, RELEASE_PAUSE, "lunch");
	status = status_of(ctl, &route);
	assert_says(route, "state", "paused");
	assert_counts(route, "stage", 1);
	assert_counts(route, "stages", 2);
	assert_says(route, "reason", "paused by user:alice: lunch; the canary gets no traffic");
	json_decref(status);
}

static void evidence_beyond_all_bounds_is_still_json(void **state)
{
	static const double values[] = { INFINITY, -INFINITY, 1e6, -1e6, NAN };
	struct control *ctl = *state;

	begin(ctl);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const json_t *route, *e;
		json_t *status;

		ctl->managed.release.verdict.ln_e = values[i];
		status = status_of(ctl, &route);
		e = json_object_get(json_object_get(route, "evidence"), "e");
		assert_true(isnan(values[i]) ? json_is_null(e) : json_is_number(e));
		assert_true(json_number_value(e) <= 1e300);
		json_decref(status);
	}
}

static void the_metrics_tell_of_the_daemon_too(void **state)
{
	struct prometheus out;
	char *text;

	begin(*state);
	prometheus_init(&out, 1 << 20);
	status_metrics(*state, &out);
	assert_true(prometheus_ok(&out));
	text = strndup(out.text, out.len);
	assert_non_null(text);
	assert_non_null(strstr(text, "\nweir_journal_failures_total 3\n"));
	assert_non_null(strstr(text, "\nweir_uptime_seconds "));
	assert_non_null(
	    strstr(text, "\nweir_weight_ratio{route=\"shop\",release=\"r1\"} 0.025\n"));
	free(text);
	prometheus_done(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_route_without_traffic_is_whole),
		TEST(an_arm_tells_what_it_has_failed_and_how_long_it_took),
		TEST(a_route_without_a_canary_says_so),
		TEST(a_persons_rollback_is_told_with_name_and_reason),
		TEST(a_pause_is_told_before_the_guards_words),
		TEST(evidence_beyond_all_bounds_is_still_json),
		TEST(the_metrics_tell_of_the_daemon_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
