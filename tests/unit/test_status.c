/* What /status says of a route, and of the whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A route, its counters and its release, and everything else that /status tells. */
struct setting {
	struct route_conf conf;
	struct rollout_conf rollout;
	struct upstream_conf upstream_confs[ARMS];
	struct upstream upstreams[ARMS];
	struct route_live live;
	struct route route;
	struct managed_route managed;
	struct status_view view;
};

static int set_up(void **state)
{
	static char name[] = "shop", release[] = "r1", v1[] = "v1", v2[] = "v2";
	/* A route keeps to cache lines of its own. */
	struct setting *setting = aligned_alloc(_Alignof(struct setting), sizeof(*setting));

	if (setting == NULL)
		return -1;
	memset(setting, 0, sizeof(*setting));
	setting->upstream_confs[ARM_LEGACY].name = v1;
	setting->upstream_confs[ARM_CANARY].name = v2;
	setting->conf = (struct route_conf) { .name = name,
		.release = release,
		.legacy = &setting->upstream_confs[ARM_LEGACY],
		.canary = &setting->upstream_confs[ARM_CANARY],
		.error_budget_ppm = 10000,
		.weight_ppm = 25000 };
	setting->live.path_classes = path_classes_new();
	setting->live.stats = route_stats_new(1, 0);
	setting->route = (struct route) { .conf = &setting->conf, .live = &setting->live };
	for (enum arm arm = 0; arm < ARMS; arm++) {
		setting->upstreams[arm].conf = &setting->upstream_confs[arm];
		setting->route.arms[arm] = &setting->upstreams[arm];
	}
	setting->managed.route = &setting->route;
	setting->view = (struct status_view) { .clock = { .now_us = 5000000, .wall_s = 1000 },
		.started_us = 2000000,
		.workers = 2,
		.generation = 7,
		.routes = &setting->managed,
		.n_routes = 1,
		.store = { .ok = true, .text = "ok", .failures = 3, .pending = 4 },
		.webhooks = { .pending = 5, .delivered = 6, .failed = 7, .dropped = 8 } };
	route_budgets_begin(
	    &setting->managed.budgets, setting->conf.error_budget_ppm, setting->live.stats, 0);
	*state = setting;
	return setting->live.path_classes != NULL && setting->live.stats != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct setting *setting = *state;

	release_done(&setting->managed.release);
	path_classes_free(setting->live.path_classes);
	route_stats_free(setting->live.stats);
	free(setting);
	return 0;
}

static void begin(struct setting *setting)
{
	struct release_step step;

	release_begin(
	    &setting->managed.release, &setting->conf, &setting->view.clock, "start", &step);
}

static void order(struct setting *setting, enum release_command command, const char *why)
{
	struct release_step step;
	struct error err;

	assert_true(release_command(&setting->managed.release,
	    &(struct release_order) { .command = command, .who = "user:alice", .why = why },
	    &setting->view.clock, &step, &err));
}

/* The status and, in *route, its only route. json_decref() the status. */
static json_t *status_of(struct setting *setting, const json_t **route)
{
	json_t *status = status_json(&setting->view);
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
	static const char *const absent[] = { "owner", "hypothesis", "waiting_for", "latency",
		"hold_left_s", "clean_up", "drain", "gate" };
	const json_t *route, *arm;
	json_t *status;

	begin(*state);
	status = status_of(*state, &route);
	assert_counts(status, "generation", 7);
	assert_counts(status, "workers", 2);
	assert_counts(status, "uptime_s", 3);
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
	assert_int_equal(json_array_size(json_object_get(route, "withdrawn_paths")), 0);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_true(json_is_null(json_object_get(route, absent[i])));
	json_decref(status);
}

static void an_arm_tells_what_it_has_failed_and_how_long_it_took(void **state)
{
	struct setting *setting = *state;
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

	begin(setting);
	for (unsigned i = 0; i < 9; i++)
		route_stats_record(setting->live.stats, 0, 1, &outcome);
	outcome.failure = FAILURE_CONNECT;
	outcome.status = 0;
	outcome.has_first_byte = false;
	route_stats_record(setting->live.stats, 0, 1, &outcome);
	route_budgets_tick(&setting->managed.budgets, setting->live.stats, 1000000);

	status = status_of(setting, &route);
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
	struct setting *setting = *state;
	const json_t *route;
	json_t *status;

	setting->conf.canary = NULL;
	setting->route.arms[ARM_CANARY] = NULL;
	begin(setting);
	status = status_of(setting, &route);
	assert_says(route, "reason", "the route has no canary");
	assert_counts(route, "weight_ppm", 0);
	assert_true(json_is_null(arm_of(route, "canary")));
	assert_true(json_is_null(json_object_get(json_object_get(route, "budget"), "canary")));
	json_decref(status);
}

static void a_persons_rollback_is_told_with_name_and_reason(void **state)
{
	struct setting *setting = *state;
	const json_t *route;
	json_t *status;

	begin(setting);
	order(setting, RELEASE_ROLL_BACK, "slow \xff");
	status = status_of(setting, &route);
	assert_says(route, "state", "rolled_back");
	assert_says(route, "reason", "rolled back by user:alice: slow ?");
	assert_true(json_is_true(json_object_get(route, "latched")));
	json_decref(status);

	order(setting, RELEASE_RESUME, NULL);
	order(setting, RELEASE_ROLL_BACK, NULL);
	status = status_of(setting, &route);
	assert_says(route, "reason", "rolled back by user:alice");
	json_decref(status);
}

/* Two stages, with everything that a person can write about a rollout. */
static void roll_out(struct setting *setting)
{
	static char owner[] = "alice", hypothesis[] = "checkout is faster";

	setting->rollout = (struct rollout_conf) {
		.stages = { { .weight_ppm = 50000, .hold_ms = 60000, .gate = GATE_MANUAL },
		    { .weight_ppm = 1000000 } },
		.n_stages = 2,
		.alpha = 0.01,
		.rollback_steps = 1,
		.owner = owner,
		.hypothesis = hypothesis,
		.expires = { .after_s = 14 * 86400 }
	};
	setting->conf.rollout = &setting->rollout;
}

static void a_rollout_tells_whose_it_is_what_it_waits_for_and_how_long(void **state)
{
	struct setting *setting = *state;
	const json_t *route, *waiting;
	json_t *status;

	roll_out(setting);
	begin(setting);
	status = status_of(setting, &route);
	assert_says(route, "owner", "alice");
	assert_says(route, "hypothesis", "checkout is faster");
	assert_counts(route, "hold_left_s", 60);
	waiting = json_object_get(route, "waiting_for");
	assert_says(waiting, "what", "time");
	assert_true(strlen(json_string_value(json_object_get(waiting, "words"))) > 0);
	assert_says(json_object_get(route, "clean_up"), "expires", "14d after 100%");
	assert_true(json_is_false(json_object_get(json_object_get(route, "clean_up"), "due")));
	json_decref(status);
	setting->rollout.expires = (struct expiry) { .at_s = 86400 };
	setting->managed.release.plan.spec.expires = setting->rollout.expires;
	status = status_of(setting, &route);
	assert_says(json_object_get(route, "clean_up"), "expires", "1970-01-02T00:00:00.000Z");
	json_decref(status);
}

static void the_last_decision_is_told_with_its_age(void **state)
{
	struct setting *setting = *state;
	const json_t *route, *last;
	json_t *status;

	begin(setting);
	setting->view.clock.now_us += 2000000;
	order(setting, RELEASE_ROLL_BACK, "slow");
	setting->view.clock.now_us += 7000000;
	status = status_of(setting, &route);
	last = json_object_get(route, "last");
	assert_counts(last, "age_s", 7);
	assert_says(last, "who", "user:alice");
	assert_says(last, "action", "rollback");
	assert_says(last, "why", "slow");
	assert_counts(json_object_get(last, "from"), "weight_ppm", 25000);
	assert_says(json_object_get(last, "to"), "state", "rolled_back");
	assert_says(json_object_get(route, "waiting_for"), "what", "clearing");
	json_decref(status);
}

static void evidence_is_told_in_parts(void **state)
{
	static const char *const names[EVIDENCE_KINDS] = { "errors", "path_errors", "latency",
		"path_latency", "latency_budget" };
	struct setting *setting = *state;
	const json_t *route, *parts;
	json_t *status;

	begin(setting);
	for (enum evidence_kind kind = 0; kind < EVIDENCE_KINDS; kind++)
		setting->managed.release.verdict.ln_parts[kind] = 1 + (double)kind;
	setting->managed.release.verdict.sample_ratio_ln_e = -INFINITY;
	status = status_of(setting, &route);
	parts = json_object_get(json_object_get(route, "evidence"), "parts");
	for (enum evidence_kind kind = 0; kind < EVIDENCE_KINDS; kind++)
		assert_counts(parts, names[kind], 1 + (json_int_t)kind);
	assert_true(json_is_null(json_object_get(parts, "sample_ratio")));
	json_decref(status);
}

static void withdrawn_paths_a_drain_and_a_gate_are_told(void **state)
{
	struct setting *setting = *state;
	struct plan *plan = &setting->managed.release.plan;
	const json_t *route;
	json_t *status;

	begin(setting);
	plan->withdrawn = 1ULL << 63;
	plan->drain_ppm = 50000;
	plan->age_us = 1000000;
	plan->drain_until_us = 3500000;
	plan->gate = PLAN_GATE_DENIED;
	snprintf(plan->gate_words, sizeof(plan->gate_words), "not on a friday");
	status = status_of(setting, &route);
	assert_int_equal(json_array_size(json_object_get(route, "withdrawn_paths")), 1);
	assert_counts(json_object_get(route, "drain"), "below_ppm", 50000);
	assert_true(
	    json_real_value(json_object_get(json_object_get(route, "drain"), "left_s")) == 2.5);
	assert_says(json_object_get(route, "gate"), "state", "denied");
	assert_says(json_object_get(route, "gate"), "words", "not on a friday");
	json_decref(status);
}

static void the_cost_is_what_users_saw(void **state)
{
	struct setting *setting = *state;
	const json_t *route, *cost;
	json_t *status;

	begin(setting);
	setting->managed.release.cost =
	    (struct release_cost) { .requests = 100, .failures = 4 };
	setting->managed.budgets.budgets[PATH_CLASS_ALL][ARM_CANARY].n = 100;
	setting->managed.budgets.budgets[PATH_CLASS_ALL][ARM_CANARY].bad = 4;
	status = status_of(setting, &route);
	cost = json_object_get(route, "cost");
	assert_counts(cost, "requests", 100);
	assert_counts(cost, "failures", 4);
	assert_null(json_object_get(cost, "rescued"));
	/* Four failed of a hundred, where one may. */
	assert_true(fabs(json_number_value(json_object_get(cost, "budget_spent")) - 4) < 1e-9);
	json_decref(status);
}

static void the_store_and_the_webhooks_tell_how_they_are(void **state)
{
	struct setting *setting = *state;
	const json_t *route, *store, *webhooks;
	json_t *status;

	begin(setting);
	setting->view.store.ok = false;
	status = status_of(setting, &route);
	store = json_object_get(status, "store");
	assert_true(json_is_false(json_object_get(store, "ok")));
	assert_says(store, "text", "ok");
	assert_counts(store, "failures", 3);
	assert_counts(status, "journal_failures", 3);
	assert_counts(store, "pending", 4);
	webhooks = json_object_get(status, "webhooks");
	assert_counts(webhooks, "pending", 5);
	assert_counts(webhooks, "delivered", 6);
	assert_counts(webhooks, "failed", 7);
	assert_counts(webhooks, "dropped", 8);
	assert_counts(webhooks, "questions", 0);
	json_decref(status);
}

static void a_pause_is_told_before_the_guards_words(void **state)
{
	struct setting *setting = *state;
	const json_t *route;
	json_t *status;

	roll_out(setting);
	begin(setting);
	order(setting, RELEASE_PAUSE, "lunch");
	status = status_of(setting, &route);
	assert_says(route, "state", "paused");
	assert_counts(route, "stage", 1);
	assert_counts(route, "stages", 2);
	assert_says(route, "reason", "paused by user:alice: lunch; the canary gets no traffic");
	json_decref(status);
}

static void evidence_beyond_all_bounds_is_still_json(void **state)
{
	static const double values[] = { INFINITY, -INFINITY, 1e6, -1e6, NAN };
	struct setting *setting = *state;

	begin(setting);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const json_t *route, *e;
		json_t *status;

		setting->managed.release.verdict.ln_e = values[i];
		status = status_of(setting, &route);
		e = json_object_get(json_object_get(route, "evidence"), "e");
		assert_true(isnan(values[i]) ? json_is_null(e) : json_is_number(e));
		assert_true(json_number_value(e) <= 1e300);
		json_decref(status);
	}
}

static void the_metrics_tell_of_the_daemon_too(void **state)
{
	struct setting *setting = *state;
	struct prometheus out;
	char *text;

	begin(setting);
	prometheus_init(&out, 1 << 20);
	status_metrics(&setting->view, &out);
	assert_true(prometheus_ok(&out));
	text = strndup(out.text, out.len);
	assert_non_null(text);
	assert_non_null(strstr(text, "\nweir_journal_failures_total 3\n"));
	assert_non_null(strstr(text, "\nweir_uptime_seconds 3\n"));
	assert_non_null(strstr(text, "\nweir_store_ok 1\n"));
	assert_non_null(strstr(text, "\nweir_store_pending 4\n"));
	assert_non_null(strstr(text, "\nweir_webhook_pending 5\n"));
	assert_non_null(strstr(text, "\nweir_webhook_failures_total 15\n"));
	assert_non_null(
	    strstr(text, "\nweir_weight_ratio{route=\"shop\",release=\"r1\"} 0.025\n"));
	free(text);
	prometheus_done(&out);
}

static char *read_manual(void)
{
	FILE *file = fopen("docs/status.md", "r");
	char *text = calloc(1, 1 << 17);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 17) - 1, file) > 0);
	assert_true(feof(file));
	fclose(file);
	return text;
}

static void the_manual_has_every_metric(void **state)
{
	static const char heading[] = "# TYPE ";
	struct setting *setting = *state;
	char *manual = read_manual();
	struct prometheus out;
	size_t n = 0;
	char *text;

	begin(setting);
	prometheus_init(&out, 1 << 20);
	status_metrics(&setting->view, &out);
	text = strndup(out.text, out.len);
	assert_non_null(text);
	for (const char *at = text; (at = strstr(at, heading)) != NULL; n++) {
		char row[128], type[16];

		at += strlen(heading);
		assert_int_equal(sscanf(at, "%*s %15s", type), 1);
		snprintf(
		    row, sizeof(row), "\n| `%.*s` | %s |", (int)strcspn(at, " "), at, type);
		if (strstr(manual, row) == NULL)
			fail_msg("docs/status.md has no row%s", row);
	}
	assert_true(n >= 30);
	free(text);
	free(manual);
	prometheus_done(&out);
}

static void the_metrics_tell_of_the_plan_what_status_does(void **state)
{
	static const char *const samples[] = {
		"\nweir_state{route=\"shop\",release=\"r1\",state=\"running\"} 1\n",
		"\nweir_stage{route=\"shop\"} 1\n",
		"\nweir_waiting_for{route=\"shop\",what=\"time\"} 1\n",
		"\nweir_hold_left_seconds{route=\"shop\"} 60\n",
		"\nweir_evidence_part_log{route=\"shop\",form=\"latency_budget\"} 5\n",
		"\nweir_sample_ratio_log{route=\"shop\"} 0.5\n",
		"\nweir_canary_failures_seen_total{route=\"shop\",release=\"r1\"} 4\n",
		"\nweir_withdrawn_paths{route=\"shop\"} 2\n",
		"\nweir_clean_up_due{route=\"shop\"} 0\n",
		"\nweir_evidence_lost{route=\"shop\"} 1\n",
	};
	struct setting *setting = *state;
	struct release *release = &setting->managed.release;
	struct prometheus out;
	char *text;

	roll_out(setting);
	begin(setting);
	release->verdict.ln_parts[EVIDENCE_LATENCY_BUDGET] = 5;
	release->verdict.sample_ratio_ln_e = .5;
	setting->managed.budgets.budgets[PATH_CLASS_ALL][ARM_CANARY].bad = 4;
	release->plan.withdrawn = 1ULL << 63 | 1;
	release->evidence_was_lost = true;
	prometheus_init(&out, 1 << 20);
	status_metrics(&setting->view, &out);
	assert_true(prometheus_ok(&out));
	text = strndup(out.text, out.len);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strstr(text, samples[i]) == NULL)
			fail_msg("no%s", samples[i]);
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
		TEST(a_rollout_tells_whose_it_is_what_it_waits_for_and_how_long),
		TEST(the_last_decision_is_told_with_its_age),
		TEST(evidence_is_told_in_parts),
		TEST(withdrawn_paths_a_drain_and_a_gate_are_told),
		TEST(the_cost_is_what_users_saw),
		TEST(the_store_and_the_webhooks_tell_how_they_are),
		TEST(a_pause_is_told_before_the_guards_words),
		TEST(evidence_beyond_all_bounds_is_still_json),
		TEST(the_metrics_tell_of_the_daemon_too),
		TEST(the_manual_has_every_metric),
		TEST(the_metrics_tell_of_the_plan_what_status_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
