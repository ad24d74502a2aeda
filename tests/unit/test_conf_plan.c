/* conf/load: rollouts, webhooks and forced arms, as they come out. */
#include "base/message.h"
#include "conf/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool resolve_nothing(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

/* With these lines in the rollout, and in the route. */
static struct config *load(const char *rollout, const char *route)
{
	struct conf_problems problems;
	struct config *config;
	char text[4096];

	snprintf(text, sizeof(text),
	    "[listen web]\naddress = 127.0.0.1:80\n[upstream a]\nserver = 10.0.0.1:80\n"
	    "[upstream b]\nserver = 10.0.0.2:80\n[rollout plan]\n%s"
	    "[webhook chat]\nurl = https://hooks.example.com/weir\n"
	    "[webhook board]\nurl = http://[::1]:8080\nsecret_file = /etc/weir/board\n"
	    "timeout = 2s\nattempts = 1\n"
	    "[route shop]\nlegacy = a\ncanary = b\nrollout = plan\n%s",
	    rollout, route);
	config = config_load_text("weir.ini", slice_of(text), resolve_nothing, &problems);
	if (config == NULL)
		fail_msg("%s", problems.lines[0]);
	conf_problems_done(&problems);
	return config;
}

static struct config *load_plan(const char *rollout)
{
	return load(rollout, "");
}

static void a_plan_of_stages_alone_has_its_defaults(void **state)
{
	struct config *config = load_plan("stages = 1% 10m, 100%\n");
	const struct rollout_conf *plan = &config->rollouts[0];

	(void)state;
	assert_int_equal(plan->p_max_ppm, 0);
	assert_int_equal(plan->hold_back_ppm, 50000);
	assert_int_equal(plan->latency_tolerance_ppm, 100000);
	assert_int_equal(plan->latency_slack_us, 1000);
	assert_int_equal(plan->on_rollback, ROLLBACK_EVICT);
	assert_int_equal(plan->drain_for_ms, 600000);
	assert_int_equal(plan->rollback_scope, ROLLBACK_ROUTE);
	assert_int_equal(plan->rollback_steps, 1);
	assert_int_equal(plan->rollback_step_ms, 5000);
	assert_int_equal(plan->max_duration_ms, 0);
	assert_null(plan->owner);
	assert_null(plan->hypothesis);
	assert_int_equal(plan->expires.at_s, 0);
	assert_int_equal(plan->expires.after_s, 0);
	assert_false(plan->start_manual);
	assert_int_equal(plan->only.n, 0);
	assert_int_equal(plan->require_drill_ms, 0);
	assert_int_equal(plan->n_notify, 0);
	assert_int_equal(plan->stages[0].methods, 0);
	assert_int_equal(plan->stages[0].gate, GATE_NONE);
	assert_null(plan->stages[0].webhook);
	config_free(config);
}

static void a_plan_is_set_as_written(void **state)
{
	struct config *config = load_plan(
	    "stages = 100%\nbake = 2h\np_max = 2%\nhold_back = 0%\n"
	    "latency_tolerance = 25%\nlatency_slack = 250us\non_rollback = drain\ndrain_for = "
	    "1m\n"
	    "rollback_scope = path\nrollback_steps = 3\nrollback_step = 500ms\n"
	    "max_duration = 2d\nowner = Ann, team shop\nhypothesis = as fast, no errors\n"
	    "start = manual\nrequire_drill = 7d\nnotify = board, chat\n");
	const struct rollout_conf *plan = &config->rollouts[0];

	(void)state;
	assert_int_equal(plan->bake_ms, 7200000);
	assert_int_equal(plan->p_max_ppm, 20000);
	assert_int_equal(plan->hold_back_ppm, 0);
	assert_int_equal(plan->latency_tolerance_ppm, 250000);
	assert_int_equal(plan->latency_slack_us, 250);
	assert_int_equal(plan->on_rollback, ROLLBACK_DRAIN);
	assert_int_equal(plan->drain_for_ms, 60000);
	assert_int_equal(plan->rollback_scope, ROLLBACK_PATH);
	assert_int_equal(plan->rollback_steps, 3);
	assert_int_equal(plan->rollback_step_ms, 500);
	assert_int_equal(plan->max_duration_ms, 2 * 86400000);
	assert_string_equal(plan->owner, "Ann, team shop");
	assert_string_equal(plan->hypothesis, "as fast, no errors");
	assert_true(plan->start_manual);
	assert_int_equal(plan->require_drill_ms, 7 * 86400000);
	assert_int_equal(plan->n_notify, 2);
	assert_ptr_equal(plan->notify[0], &config->webhooks[1]);
	assert_ptr_equal(plan->notify[1], &config->webhooks[0]);
	config_free(config);
}

static void a_stage_has_options_in_any_order(void **state)
{
	static const char *const lines[] = {
		"stages = 5% 30m methods=GET,HEAD min_requests=200 p_max=5% gate=manual, "
		"100%\n",
		"stages = 5% 30m gate=manual p_max=5% min_requests=200 methods=HEAD,GET,100%\n",
		"stages =5%\t30m  min_requests=200 methods=GET, HEAD gate=manual p_max=5% , "
		"100%\n",
		"stages = 5% 30m gate=manual min_requests=200 p_max=5% methods=GET ,HEAD,  "
		"100%\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct config *config = load_plan(lines[i]);
		const struct rollout_conf *plan = &config->rollouts[0];

		assert_int_equal(plan->n_stages, 2);
		assert_int_equal(plan->stages[0].weight_ppm, 50000);
		assert_int_equal(plan->stages[0].hold_ms, 1800000);
		assert_int_equal(plan->stages[0].methods, 1U << METHOD_GET | 1U << METHOD_HEAD);
		assert_int_equal(plan->stages[0].min_requests, 200);
		assert_int_equal(plan->stages[0].p_max_ppm, 50000);
		assert_int_equal(plan->stages[0].gate, GATE_MANUAL);
		assert_int_equal(plan->stages[1].weight_ppm, PPM);
		assert_int_equal(plan->stages[1].methods, 0);
		assert_int_equal(plan->stages[1].gate, GATE_NONE);
		config_free(config);
	}
}

static void a_stage_without_an_option_has_the_plans(void **state)
{
	/* Whichever of the two comes first in the file. */
	struct config *config =
	    load_plan("stages = 1% 1m, 5% 1m p_max=none, 10% 1m p_max=1% min_requests=7\n"
		      "min_requests = 90\np_max = 3%\nstages = 100%\n");
	const struct stage_conf *stages = config->rollouts[0].stages;

	(void)state;
	assert_int_equal(config->rollouts[0].n_stages, 4);
	assert_int_equal(stages[0].p_max_ppm, 30000);
	assert_int_equal(stages[1].p_max_ppm, 0);
	assert_int_equal(stages[2].p_max_ppm, 10000);
	assert_int_equal(stages[3].p_max_ppm, 30000);
	assert_int_equal(stages[0].min_requests, 90);
	assert_int_equal(stages[2].min_requests, 7);
	config_free(config);
}

static void a_gate_asks_a_webhook_that_may_come_later_in_the_file(void **state)
{
	struct config *config = load_plan("stages = 1% 1m gate=webhook:board, 100%\n");

	(void)state;
	assert_int_equal(config->rollouts[0].stages[0].gate, GATE_WEBHOOK);
	assert_ptr_equal(config->rollouts[0].stages[0].webhook, &config->webhooks[1]);
	config_free(config);
}

static void methods_may_grow_from_stage_to_stage(void **state)
{
	struct config *config =
	    load_plan("stages = 1% 1m methods=GET, 5% 1m methods=POST,GET, 10% 1m, 100%\n");

	(void)state;
	assert_int_equal(
	    config->rollouts[0].stages[1].methods, 1U << METHOD_GET | 1U << METHOD_POST);
	assert_int_equal(config->rollouts[0].stages[2].methods, 0);
	config_free(config);
}

static void a_rollout_may_last_exactly_as_long_as_its_holds(void **state)
{
	(void)state;
	config_free(load_plan("stages = 1% 10m, 5% 50m, 100% 1h\nmax_duration = 1h\n"));
}

static void a_stage_above_what_hold_back_leaves_is_accepted(void **state)
{
	struct config *config = load_plan("stages = 98% 10m, 100%\nhold_back = 5%\n");

	(void)state;
	assert_int_equal(config->rollouts[0].stages[0].weight_ppm, 980000);
	config_free(config);
}

static void it_expires_at_midnight_in_utc_or_some_time_after_it_is_complete(void **state)
{
	static const struct {
		const char *text;
		int64_t at_s;
		uint32_t after_s;
	} rows[] = {
		{ "2026-12-31", 1798675200, 0 },
		{ "2028-02-29", 1835395200, 0 },
		{ "2000-01-01", 946684800, 0 },
		{ "14d", 0, 14 * 86400 },
		{ "3650d", 0, 3650 * 86400 },
		{ "90s", 0, 90 },
	};

	(void)state;
	setenv("TZ", "EST5", 1);
	tzset();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config;
		char lines[128];

		snprintf(lines, sizeof(lines), "stages = 100%%\nexpires = %s\n", rows[i].text);
		config = load_plan(lines);
		assert_int_equal(config->rollouts[0].expires.at_s, rows[i].at_s);
		assert_int_equal(config->rollouts[0].expires.after_s, rows[i].after_s);
		config_free(config);
	}
}

static void a_webhook_has_its_defaults_or_what_is_written(void **state)
{
	struct config *config = load_plan("stages = 100%\n");

	(void)state;
	assert_int_equal(config->n_webhooks, 2);
	assert_string_equal(config->webhooks[0].name, "chat");
	assert_string_equal(config->webhooks[0].url, "https://hooks.example.com/weir");
	assert_null(config->webhooks[0].secret_file);
	assert_int_equal(config->webhooks[0].timeout_ms, 5000);
	assert_int_equal(config->webhooks[0].attempts, 5);
	assert_string_equal(config->webhooks[1].secret_file, "/etc/weir/board");
	assert_int_equal(config->webhooks[1].timeout_ms, 2000);
	assert_int_equal(config->webhooks[1].attempts, 1);
	config_free(config);
}

static void force_rules_keep_their_order_and_their_parts(void **state)
{
	static const struct {
		enum arm arm;
		enum force_match match;
		const char *name, *value;
	} expected[] = {
		{ ARM_CANARY, FORCE_BY_HEADER, "X-Canary", "1" },
		{ ARM_LEGACY, FORCE_BY_COOKIE, "arm", NULL },
		{ ARM_CANARY, FORCE_BY_ADDRESS, NULL, NULL },
		{ ARM_LEGACY, FORCE_BY_HEADER, "X-Canary", "a=b, c" },
		{ ARM_LEGACY, FORCE_BY_HEADER, "X-Canary", NULL },
	};
	struct config *config = load("stages = 100%\n",
	    "force = canary header:X-Canary=1\nforce = legacy cookie:arm\n"
	    "force = canary\taddress:10.0.0.0/8\n"
	    "force = legacy header:X-Canary=a=b, c\n"
	    "force = legacy header:X-Canary\n"
	    "force_from = 10.0.0.0/8\nforce_from = 2001:db8::/32\n");
	const struct route_conf *route = &config->routes[0];

	(void)state;
	assert_int_equal(route->n_force, 5);
	for (size_t i = 0; i < route->n_force; i++) {
		const struct force_rule *rule = &route->force[i];

		assert_int_equal(rule->arm, expected[i].arm);
		assert_int_equal(rule->match, expected[i].match);
		assert_int_equal(rule->name != NULL, expected[i].name != NULL);
		assert_int_equal(rule->value != NULL, expected[i].value != NULL);
		if (rule->name != NULL)
			assert_string_equal(rule->name, expected[i].name);
		if (rule->value != NULL)
			assert_string_equal(rule->value, expected[i].value);
	}
	assert_int_equal(route->force[2].network.prefix_bits, 104);
	assert_non_null(route->force_from);
	assert_int_equal(route->force_from->n, 2);
	config_free(config);
}

static void a_rule_by_address_needs_no_other_networks(void **state)
{
	struct config *config = load("stages = 100%\n", "force = canary address:192.0.2.7\n");

	(void)state;
	assert_null(config->routes[0].force_from);
	config_free(config);
}

static void a_key_for_tokens_is_the_processs_and_takes_effect_on_reload(void **state)
{
	static const char text[] = "[weir]\ntoken_key_file = /etc/weir/token.key\n"
				   "[listen web]\naddress = 127.0.0.1:80\n"
				   "[route r]\nrespond = 200\n";
	struct config *without = load_plan("stages = 100%\n");
	struct conf_problems problems;
	struct config *config =
	    config_load_text("weir.ini", SLICE(text), resolve_nothing, &problems);

	(void)state;
	assert_non_null(config);
	conf_problems_done(&problems);
	assert_string_equal(config->weir.token_key_file, "/etc/weir/token.key");
	assert_null(without->weir.token_key_file);
	assert_true(config_can_replace(without, config, NULL));
	config_free(config);
	config_free(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_of_stages_alone_has_its_defaults),
		cmocka_unit_test(a_plan_is_set_as_written),
		cmocka_unit_test(a_stage_has_options_in_any_order),
		cmocka_unit_test(a_stage_without_an_option_has_the_plans),
		cmocka_unit_test(a_gate_asks_a_webhook_that_may_come_later_in_the_file),
		cmocka_unit_test(methods_may_grow_from_stage_to_stage),
		cmocka_unit_test(a_rollout_may_last_exactly_as_long_as_its_holds),
		cmocka_unit_test(a_stage_above_what_hold_back_leaves_is_accepted),
		cmocka_unit_test(
		    it_expires_at_midnight_in_utc_or_some_time_after_it_is_complete),
		cmocka_unit_test(a_webhook_has_its_defaults_or_what_is_written),
		cmocka_unit_test(force_rules_keep_their_order_and_their_parts),
		cmocka_unit_test(a_rule_by_address_needs_no_other_networks),
		cmocka_unit_test(a_key_for_tokens_is_the_processs_and_takes_effect_on_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
