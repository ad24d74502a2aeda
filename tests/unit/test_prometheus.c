/* The metrics as text: escaping, caps, and what promtool thinks of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CAP_BYTES = 1 << 20
};

static const char promtool[] = "/usr/bin/promtool";

static void assert_text(const struct prometheus *out, const char *expected)
{
	assert_true(prometheus_ok(out));
	assert_int_equal(out->len, strlen(expected));
	assert_memory_equal(out->text, expected, out->len);
}

static void a_family_is_announced_once_before_its_samples(void **state)
{
	const struct prometheus_label labels[] = { { "route", "shop" }, { "arm", "canary" } };
	struct prometheus out;

	(void)state;
	prometheus_init(&out, CAP_BYTES);
	prometheus_family(&out, "weir_requests_total", PROMETHEUS_COUNTER, "Requests.");
	prometheus_sample(&out, "", labels, 2, 17);
	prometheus_sample(&out, "", NULL, 0, .25);
	assert_text(&out, "# HELP weir_requests_total Requests.\n"
			  "# TYPE weir_requests_total counter\n"
			  "weir_requests_total{route=\"shop\",arm=\"canary\"} 17\n"
			  "weir_requests_total 0.25\n");
	prometheus_done(&out);
}

static void label_values_are_escaped(void **state)
{
	const struct prometheus_label label = { "route", "a\"b\\c\nd" };
	struct prometheus out;

	(void)state;
	prometheus_init(&out, CAP_BYTES);
	prometheus_family(&out, "x", PROMETHEUS_GAUGE, "say \"hi\"\\\n");
	prometheus_sample(&out, "", &label, 1, 1);
	assert_text(&out, "# HELP x say \"hi\"\\\\\\n\n# TYPE x gauge\n"
			  "x{route=\"a\\\"b\\\\c\\nd\"} 1\n");
	prometheus_done(&out);
}

static void values_beyond_numbers_have_their_names(void **state)
{
	struct prometheus out;

	(void)state;
	prometheus_init(&out, CAP_BYTES);
	out.family = "x";
	prometheus_sample(&out, "", NULL, 0, NAN);
	prometheus_sample(&out, "", NULL, 0, INFINITY);
	prometheus_sample(&out, "", NULL, 0, -INFINITY);
	prometheus_sample(&out, "", NULL, 0, 123456789012345.0);
	assert_text(&out, "x NaN\nx +Inf\nx -Inf\nx 123456789012345\n");
	prometheus_done(&out);
}

static void past_its_cap_the_text_is_refused_whole(void **state)
{
	struct prometheus out;

	(void)state;
	prometheus_init(&out, 20);
	out.family = "x";
	for (int i = 0; i < 4; i++)
		prometheus_sample(&out, "", NULL, 0, 11);
	assert_true(prometheus_ok(&out));
	prometheus_sample(&out, "", NULL, 0, 11);
	assert_false(prometheus_ok(&out));
	assert_true(out.len <= 20);
	prometheus_done(&out);
}

/* A route with traffic of every kind, and one without a canary. */
struct fixture {
	struct route_stats *stats;
	struct route_stats *plain;
	struct route_budgets *budgets;
	struct metrics_route_view routes[2];
	struct metrics_view view;
	struct prometheus out;
};

static const char *const verdicts[] = { "CONTINUE", "ADVANCE", "ROLL_BACK" };
static const char *const forms[] = { "errors", "latency" };
static const double ln_parts[] = { 1.5, -INFINITY };

static void fill(struct route_stats *stats)
{
	for (unsigned i = 0; i < 600; i++) {
		struct outcome outcome = {
			.arm = i % 3 == 0 ? ARM_CANARY : ARM_LEGACY,
			.path_class = (uint8_t)(i % 5 == 4 ? PATH_CLASS_OTHER : i % 5),
			.status = (uint16_t)(i % 7 == 0 ? 0 : 100 * (1 + i % 5)),
			.failure =
			    i % 11 == 0 ? (enum failure_kind)(i % FAILURE_KINDS) : FAILURE_NONE,
			.client_gone = i % 50 == 1,
			.counts = true,
			.generation = 1,
			.has_first_byte = i % 7 != 0,
			.first_byte_us = i * i * 37,
			.total_us = i * i * 41 + 5,
		};

		route_stats_record(stats, 0, 1, &outcome);
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->stats = route_stats_new(1, 0);
	f->plain = route_stats_new(1, 0);
	f->budgets = calloc(1, sizeof(*f->budgets));
	assert_true(f->stats != NULL && f->plain != NULL && f->budgets != NULL);
	route_budgets_begin(f->budgets, 1000, f->stats, 0);
	fill(f->stats);
	fill(f->plain);
	route_budgets_tick(f->budgets, f->stats, 1000000);
	f->routes[0] = (struct metrics_route_view) { .route = "shop \"1\"",
		.release = "2026-11-22.1",
		.stats = f->stats,
		.budgets = f->budgets,
		.path_classes = { "/", "/orders/:id" },
		.has_canary = true,
		.weight_ppm = 50000,
		.ln_e = -.5,
		.ln_parts = ln_parts,
		.sample_ratio_ln_e = 2.25,
		.verdict = "ADVANCE",
		.state = "running",
		.stage = 2,
		.waiting_for = "time",
		.hold_left_s = 90.5,
		.failures_seen = 12,
		.has_thresholds = true,
		.threshold_us = { 2500, 40000, 120000, 240000 },
		.withdrawn_paths = 1 };
	f->routes[1] = (struct metrics_route_view) {
		.route = "plain", .release = "", .stats = f->plain, .verdict = "CONTINUE"
	};
	f->view = (struct metrics_view) { .version = "0.1.0",
		.verdicts = verdicts,
		.n_verdicts = 3,
		.forms = forms,
		.n_forms = 2,
		.threshold_names = { "q50", "q90", "q99", "far" },
		.routes = f->routes,
		.n_routes = 2 };
	prometheus_init(&f->out, CAP_BYTES);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	prometheus_done(&f->out);
	route_stats_free(f->stats);
	route_stats_free(f->plain);
	free(f->budgets);
	free(f);
	return 0;
}

static bool has_line(const struct prometheus *out, const char *line)
{
	return memmem(out->text, out->len, line, strlen(line)) != NULL;
}

static void a_route_shows_its_weight_evidence_verdict_and_latch(void **state)
{
	struct fixture *f = *state;

	metrics_write(&f->out, &f->view);
	assert_true(prometheus_ok(&f->out));
	assert_true(has_line(&f->out,
	    "\nweir_weight_ratio{route=\"shop \\\"1\\\"\",release=\"2026-11-22.1\"} 0.05\n"));
	assert_true(has_line(&f->out, "\nweir_evidence_log{route=\"shop \\\"1\\\"\"} -0.5\n"));
	assert_true(has_line(
	    &f->out, "\nweir_verdict{route=\"shop \\\"1\\\"\",verdict=\"ADVANCE\"} 1\n"));
	assert_true(has_line(
	    &f->out, "\nweir_verdict{route=\"shop \\\"1\\\"\",verdict=\"ROLL_BACK\"} 0\n"));
	assert_true(has_line(&f->out, "\nweir_latched{route=\"shop \\\"1\\\"\"} 0\n"));
	assert_false(has_line(&f->out, "weir_weight_ratio{route=\"plain\""));
}

/* Whether the first route has that sample; `labels` follow its own. */
static bool has_sample(
    const struct prometheus *out, const char *name, const char *labels, const char *value)
{
	char line[256];

	snprintf(
	    line, sizeof(line), "\n%s{route=\"shop \\\"1\\\"\"%s} %s\n", name, labels, value);
	return has_line(out, line);
}

static void a_route_shows_where_its_plan_stands_and_what_it_waits_for(void **state)
{
	struct fixture *f = *state;

	metrics_write(&f->out, &f->view);
	assert_true(has_sample(
	    &f->out, "weir_state", ",release=\"2026-11-22.1\",state=\"running\"", "1"));
	assert_true(has_sample(&f->out, "weir_stage", "", "2"));
	assert_true(has_sample(&f->out, "weir_waiting_for", ",what=\"time\"", "1"));
	assert_true(has_sample(&f->out, "weir_hold_left_seconds", "", "90.5"));
	assert_true(has_sample(&f->out, "weir_withdrawn_paths", "", "1"));
	assert_true(has_sample(&f->out, "weir_clean_up_due", "", "0"));
}

static void what_it_does_not_wait_for_is_absent(void **state)
{
	struct fixture *f = *state;

	f->routes[0].waiting_for = "";
	f->routes[0].hold_left_s = INFINITY;
	f->routes[0].has_thresholds = false;
	metrics_write(&f->out, &f->view);
	assert_false(has_line(&f->out, "weir_waiting_for{"));
	assert_false(has_line(&f->out, "weir_hold_left_seconds{"));
	assert_false(has_line(&f->out, "weir_latency_threshold_seconds{"));
}

static void evidence_is_shown_by_form(void **state)
{
	struct fixture *f = *state;

	f->routes[0].evidence_lost = true;
	metrics_write(&f->out, &f->view);
	assert_true(has_sample(&f->out, "weir_evidence_part_log", ",form=\"errors\"", "1.5"));
	assert_true(has_sample(&f->out, "weir_evidence_part_log", ",form=\"latency\"", "-Inf"));
	assert_true(has_sample(&f->out, "weir_sample_ratio_log", "", "2.25"));
	assert_true(has_sample(&f->out, "weir_evidence_lost", "", "1"));
}

static void what_the_release_has_cost_is_counted_by_release(void **state)
{
	struct fixture *f = *state;

	metrics_write(&f->out, &f->view);
	assert_true(has_sample(
	    &f->out, "weir_canary_failures_seen_total", ",release=\"2026-11-22.1\"", "12"));
}

static void latency_thresholds_are_in_seconds(void **state)
{
	struct fixture *f = *state;

	metrics_write(&f->out, &f->view);
	assert_true(has_sample(
	    &f->out, "weir_latency_threshold_seconds", ",threshold=\"q50\"", "0.0025"));
	assert_true(has_sample(
	    &f->out, "weir_latency_threshold_seconds", ",threshold=\"far\"", "0.24"));
}

static void a_route_without_a_canary_has_no_plan_to_show(void **state)
{
	static const char *const families[] = { "weir_state", "weir_stage", "weir_evidence_log",
		"weir_evidence_part_log", "weir_latched", "weir_clean_up_due",
		"weir_canary_failures_seen_total" };
	struct fixture *f = *state;
	char line[128];

	metrics_write(&f->out, &f->view);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		snprintf(line, sizeof(line), "%s{route=\"plain\"", families[i]);
		assert_false(has_line(&f->out, line));
	}
}

static void path_classes_are_labelled_by_name_or_by_their_slot(void **state)
{
	struct fixture *f = *state;

	metrics_write(&f->out, &f->view);
	assert_true(has_line(&f->out, "path_class=\"/orders/:id\""));
	assert_true(has_line(&f->out, "path_class=\"2\""));
	assert_true(has_line(&f->out, "path_class=\"other\""));
}

static void the_metrics_please_promtool(void **state)
{
	struct fixture *f = *state;
	FILE *pipe;

	if (access(promtool, X_OK) != 0) {
		print_message("skipped: no %s here\n", promtool);
		skip();
	}
	metrics_write(&f->out, &f->view);
	assert_true(prometheus_ok(&f->out));
	pipe = popen("/usr/bin/promtool check metrics 2>&1", "w");
	assert_non_null(pipe);
	assert_int_equal(fwrite(f->out.text, 1, f->out.len, pipe), f->out.len);
	assert_int_equal(pclose(pipe), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_is_announced_once_before_its_samples),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(values_beyond_numbers_have_their_names),
		cmocka_unit_test(past_its_cap_the_text_is_refused_whole),
		TEST(a_route_shows_its_weight_evidence_verdict_and_latch),
		TEST(a_route_shows_where_its_plan_stands_and_what_it_waits_for),
		TEST(what_it_does_not_wait_for_is_absent),
		TEST(evidence_is_shown_by_form),
		TEST(what_the_release_has_cost_is_counted_by_release),
		TEST(latency_thresholds_are_in_seconds),
		TEST(a_route_without_a_canary_has_no_plan_to_show),
		TEST(path_classes_are_labelled_by_name_or_by_their_slot),
		TEST(the_metrics_please_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
