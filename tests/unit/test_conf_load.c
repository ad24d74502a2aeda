/* conf/load: what a configuration comes out as. */
#include "conf/load.h"
#include "conf/stages.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every name is 10.9.9.9. */
static bool resolve(
    const char *host, const char *port, struct address *address, struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];

	(void)host;
	snprintf(text, sizeof(text), "10.9.9.9:%.5s", port);
	return address_parse(text, address, err);
}

static struct config *load(const char *text)
{
	struct conf_problems problems;
	struct config *config =
	    config_load_text("weir.ini", slice_of(text), resolve, &problems);

	if (config == NULL)
		fail_msg("%s", problems.lines[0]);
	conf_problems_done(&problems);
	return config;
}

#define LISTEN    "[listen web]\naddress = 127.0.0.1:8080\n"
#define UPSTREAMS "[upstream a]\nserver = 10.0.0.1:80\n[upstream b]\nserver = 10.0.0.2:80\n"
#define MINIMAL   LISTEN UPSTREAMS "[route shop]\nlegacy = a\n"

/* MINIMAL's route, with these lines added. */
static struct config *load_route(const char *lines)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s%s[rollout plan]\nstages = 100%%\n", MINIMAL, lines);
	return load(text);
}

static void assert_address(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	assert_string_equal(text, expected);
}

static void a_process_has_its_defaults_without_a_section(void **state)
{
	struct config *config = load(MINIMAL);

	(void)state;
	assert_string_equal(config->path, "weir.ini");
	assert_int_equal(config->weir.workers, 0);
	assert_string_equal(config->weir.state_dir, "/var/lib/weir");
	assert_string_equal(config->weir.admin_socket, "/run/weir/admin.sock");
	assert_null(config->weir.admin_listen_text);
	assert_int_equal(config->weir.log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->weir.shutdown_timeout_ms, 30000);
	config_free(config);
}

static void a_listener_and_an_upstream_have_the_fields_defaults(void **state)
{
	struct config *config = load(MINIMAL);
	const struct listen_conf *listen = &config->listens[0];
	const struct upstream_conf *upstream = &config->upstreams[0];

	(void)state;
	assert_int_equal(listen->header_timeout_ms, 10000);
	assert_int_equal(listen->body_timeout_ms, 60000);
	assert_int_equal(listen->write_timeout_ms, 60000);
	assert_int_equal(listen->keepalive_timeout_ms, 75000);
	assert_int_equal(listen->max_head_bytes, 32768);
	assert_int_equal(listen->max_fields, 100);
	assert_int_equal(listen->max_uri_bytes, 8192);
	assert_int_equal(listen->max_buffered_bytes, 65536);
	assert_int_equal(listen->max_piped_bytes, 1048576);
	assert_int_equal(listen->max_requests, 0);
	assert_int_equal(listen->max_connections, 0);
	assert_int_equal(listen->backlog, 1024);
	assert_int_equal(upstream->connect_timeout_ms, 2000);
	assert_int_equal(upstream->response_timeout_ms, 15000);
	assert_int_equal(upstream->body_timeout_ms, 60000);
	assert_int_equal(upstream->write_timeout_ms, 60000);
	assert_int_equal(upstream->keepalive_timeout_ms, 55000);
	assert_int_equal(upstream->max_idle, 64);
	assert_int_equal(upstream->max_head_bytes, 32768);
	assert_int_equal(upstream->max_fields, 100);
	config_free(config);
}

static void a_route_has_its_defaults(void **state)
{
	struct config *config = load(MINIMAL);
	const struct route_conf *route = &config->routes[0];

	(void)state;
	assert_string_equal(route->name, "shop");
	assert_int_equal(route->place.line, 7);
	assert_int_equal(route->hosts.n, 0);
	assert_string_equal(route->path, "/");
	assert_false(route->path_exact);
	assert_ptr_equal(route->legacy, &config->upstreams[0]);
	assert_null(route->canary);
	assert_string_equal(route->release, "");
	assert_string_equal(route->salt, "shop");
	assert_int_equal(route->n_sticky, 1);
	assert_int_equal(route->sticky[0].kind, KEY_SOURCE_ISSUE);
	assert_string_equal(route->sticky[0].name, "weir_id");
	assert_int_equal(route->path_classes.n, 0);
	assert_int_equal(route->error_budget_ppm, 1000);
	assert_false(route->latency_budget.set);
	assert_int_equal(route->weight_ppm, 0);
	assert_null(route->rollout);
	config_free(config);
}

static void statuses_500_to_599_without_501_and_505_are_failures_by_default(void **state)
{
	struct config *config = load(MINIMAL);
	const struct status_set *set = &config->routes[0].failure_status;

	(void)state;
	for (unsigned status = 0; status < 1000; status++)
		assert_int_equal(status_set_has(set, status),
		    status >= 500 && status <= 599 && status != 501 && status != 505);
	config_free(config);
}

static void a_rollout_has_its_defaults(void **state)
{
	struct config *config =
	    load(MINIMAL "[rollout p]\nstages = 1% 10m, 33.3333% 1h, 100%\n");
	const struct rollout_conf *rollout = &config->rollouts[0];

	(void)state;
	assert_string_equal(rollout->name, "p");
	assert_int_equal(rollout->n_stages, 3);
	assert_int_equal(rollout->stages[0].weight_ppm, 10000);
	assert_int_equal(rollout->stages[0].hold_ms, 600000);
	assert_int_equal(rollout->stages[1].weight_ppm, 333333);
	assert_int_equal(rollout->stages[1].hold_ms, 3600000);
	assert_int_equal(rollout->stages[2].weight_ppm, PPM);
	assert_int_equal(rollout->stages[2].hold_ms, 0);
	assert_int_equal(rollout->bake_ms, 3600000);
	assert_int_equal(rollout->min_requests, 50);
	assert_true(rollout->alpha == 0.01); /* exactly the double that 0.01 is */
	config_free(config);
}

static void a_rollout_has_at_most_32_stages(void **state)
{
	struct stage_conf stages[STAGES_MAX];
	struct value_scope scope = { 0 };
	char text[1024] = "";
	struct error err;
	size_t n = 0;

	(void)state;
	for (int i = 1; i <= STAGES_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d%% 1s,", i);
	assert_true(stages_add(&scope, slice_of(text), stages, &n, NULL));
	assert_int_equal(n, STAGES_MAX);
	assert_false(stages_add(&scope, SLICE("100%"), stages, &n, &err));
	assert_string_equal(err.text, "at most 32 stages");
}

static void a_process_is_set_as_written(void **state)
{
	struct config *config = load("[weir]\nworkers = 256\nstate_dir = build/x y\n"
				     "admin_socket = a.sock\nadmin_listen = [::1]:9901\n"
				     "log_level = debug\nshutdown_timeout = 0\n" MINIMAL);

	(void)state;
	assert_int_equal(config->weir.workers, 256);
	assert_string_equal(config->weir.state_dir, "build/x y");
	assert_string_equal(config->weir.admin_socket, "a.sock");
	assert_string_equal(config->weir.admin_listen_text, "[::1]:9901");
	assert_address(&config->weir.admin_listen, "[::1]:9901");
	assert_int_equal(config->weir.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->weir.shutdown_timeout_ms, 0);
	config_free(config);
}

static void servers_keep_their_order_and_names_are_resolved(void **state)
{
	struct config *config = load(LISTEN "[upstream a]\nserver = [2001:db8::1]:80\n"
					    "server = shop.internal:8080\nmax_idle = 0\n"
					    "server = 10.0.0.1:81\n[route r]\nlegacy = a\n");
	const struct upstream_conf *upstream = &config->upstreams[0];

	(void)state;
	assert_int_equal(upstream->n_servers, 3);
	assert_address(&upstream->servers[0].address, "[2001:db8::1]:80");
	assert_string_equal(upstream->servers[1].text, "shop.internal:8080");
	assert_address(&upstream->servers[1].address, "10.9.9.9:8080");
	assert_address(&upstream->servers[2].address, "10.0.0.1:81");
	assert_int_equal(upstream->max_idle, 0);
	config_free(config);
}

static void hosts_are_in_lower_case_and_may_take_several_lines(void **state)
{
	struct config *config =
	    load_route("host = Shop.Example.com,*.Example.com\nhost = 10.0.0.1\n");
	const struct conf_strings *hosts = &config->routes[0].hosts;

	(void)state;
	assert_int_equal(hosts->n, 3);
	assert_string_equal(hosts->items[0], "shop.example.com");
	assert_string_equal(hosts->items[1], "*.example.com");
	assert_string_equal(hosts->items[2], "10.0.0.1");
	config_free(config);
}

static void a_path_is_a_prefix_unless_it_is_written_exact(void **state)
{
	struct config *config =
	    load(MINIMAL "path = /a%20b:c\n[route x]\nlegacy = a\npath = = /x\n"
			 "[route y]\nlegacy = a\npath = /x\n");

	(void)state;
	assert_string_equal(config->routes[0].path, "/a%20b:c");
	assert_false(config->routes[0].path_exact);
	assert_string_equal(config->routes[1].path, "/x");
	assert_true(config->routes[1].path_exact);
	assert_false(config->routes[2].path_exact);
	config_free(config);
}

static void key_sources_keep_the_order_in_which_they_are_tried(void **state)
{
	struct config *config =
	    load_route("sticky = header:X-User-Id , cookie:sid,address, issue:weir_id\n");
	const struct route_conf *route = &config->routes[0];

	(void)state;
	assert_int_equal(route->n_sticky, 4);
	assert_int_equal(route->sticky[0].kind, KEY_SOURCE_HEADER);
	assert_string_equal(route->sticky[0].name, "X-User-Id");
	assert_int_equal(route->sticky[1].kind, KEY_SOURCE_COOKIE);
	assert_string_equal(route->sticky[1].name, "sid");
	assert_int_equal(route->sticky[2].kind, KEY_SOURCE_ADDRESS);
	assert_null(route->sticky[2].name);
	assert_int_equal(route->sticky[3].kind, KEY_SOURCE_ISSUE);
	config_free(config);
}

static void budgets_are_kept_in_ppm_and_microseconds(void **state)
{
	struct config *config = load_route("error_budget = 0.0001%\nlatency_budget = 1%>250ms\n"
					   "failure_status = 500-599, 404 !503\n");
	const struct route_conf *route = &config->routes[0];

	(void)state;
	assert_int_equal(route->error_budget_ppm, 1);
	assert_true(route->latency_budget.set);
	assert_int_equal(route->latency_budget.share_ppm, 10000);
	assert_int_equal(route->latency_budget.threshold_us, 250000);
	assert_true(status_set_has(&route->failure_status, 404));
	assert_true(status_set_has(&route->failure_status, 501));
	assert_false(status_set_has(&route->failure_status, 503));
	config_free(config);
}

static void a_canary_has_a_weight_by_hand_or_a_plan(void **state)
{
	struct config *config =
	    load_route("canary = b\nweight = 0.5%\nrelease = 2026-11-22.1\n");

	(void)state;
	assert_ptr_equal(config->routes[0].canary, &config->upstreams[1]);
	assert_int_equal(config->routes[0].weight_ppm, 5000);
	assert_null(config->routes[0].rollout);
	assert_string_equal(config->routes[0].release, "2026-11-22.1");
	config_free(config);

	config = load_route("canary = b\nrollout = plan\n");
	assert_ptr_equal(config->routes[0].rollout, &config->rollouts[0]);
	config_free(config);
}

static void both_arms_may_be_one_upstream_to_try_the_guard_on_itself(void **state)
{
	struct config *config = load_route("canary = a\nweight = 50%\n");

	(void)state;
	assert_ptr_equal(config->routes[0].canary, config->routes[0].legacy);
	config_free(config);
}

static void a_route_may_serve_weirs_own_status_page(void **state)
{
	(void)state;
	config_free(load("[weir]\nadmin_listen = 127.0.0.1:9901\n" LISTEN
			 "[upstream admin]\nserver = 127.0.0.1:9901\n"
			 "[route status]\npath = = /status\nlegacy = admin\n"));
}

static void sections_may_come_in_any_order_and_upstreams_go_unused(void **state)
{
	struct config *config =
	    load("[route r]\nlegacy = b\ncanary = a\nrollout = p\n[rollout p]\n"
		 "stages = 5%\n" UPSTREAMS "[upstream spare]\nserver = 10.0.0.3:80\n" LISTEN);

	(void)state;
	assert_string_equal(config->routes[0].legacy->name, "b");
	assert_string_equal(config->routes[0].canary->name, "a");
	assert_string_equal(config->routes[0].rollout->name, "p");
	assert_int_equal(config->n_upstreams, 3);
	config_free(config);
}

static void ten_thousand_routes_fit(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct config *config;

	(void)state;
	assert_non_null(out);
	fputs(LISTEN, out);
	for (int i = 0; i < 10000; i++)
		fprintf(out,
		    "[upstream u%d]\nserver = 10.1.%d.%d:80\n"
		    "[route r%d]\nhost = h%d.example.com\nlegacy = u%d\n",
		    i, i / 250, i % 250, i, i, i);
	fclose(out);
	config = load(text);
	assert_int_equal(config->n_routes, 10000);
	for (size_t i = 0; i < config->n_routes; i++)
		assert_ptr_equal(config->routes[i].legacy, &config->upstreams[i]);
	config_free(config);
	free(text);
}

static void every_sample_is_accepted(void **state)
{
	static const char *const names[] = {
		"conf/blue-green.ini",
		"conf/careful-rollout.ini",
		"conf/full-plan.ini",
		"conf/minimal.ini",
		"conf/quickstart.ini",
	};
	glob_t files;

	(void)state;
	assert_int_equal(glob("conf/*.ini", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct conf_problems problems;
		struct config *config =
		    config_load(files.gl_pathv[i], CONF_TO_CHECK, &problems);

		if (config == NULL)
			fail_msg("%s", problems.lines[0]);
		/* The keys that the samples name are nobody's here. */
		for (size_t w = 0; w < problems.n_warnings; w++) {
			if (strstr(problems.warnings[w], "cannot be read here") == NULL)
				fail_msg("%s", problems.warnings[w]);
		}
		config_free(config);
		conf_problems_done(&problems);
	}
	globfree(&files);
}

static void assert_refused(const char *path, const char *expected)
{
	struct conf_problems problems;

	assert_null(config_load(path, CONF_TO_RUN, &problems));
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.lines[0], expected);
	conf_problems_done(&problems);
}

static void a_relative_path_is_relative_to_the_directory_of_the_file(void **state)
{
	static const char text[] = "[weir]\nstate_dir = state\nadmin_socket = ../run/a.sock\n"
				   "token_key_file = /etc/weir/key\n[webhook h]\n"
				   "url = http://[::1]\nsecret_file = h.key\n" MINIMAL
				   "[rollout r]\nstages = 100%\nnotify = h\n";
	struct conf_problems problems;
	struct config *config;

	(void)state;
	config = config_load_text("/srv/shop/weir.ini", slice_of(text), resolve, &problems);
	assert_non_null(config);
	assert_string_equal(config->weir.state_dir, "/srv/shop/state");
	assert_string_equal(config->weir.admin_socket, "/srv/shop/../run/a.sock");
	assert_string_equal(config->weir.token_key_file, "/etc/weir/key");
	assert_string_equal(config->webhooks[0].secret_file, "/srv/shop/h.key");
	config_free(config);
	conf_problems_done(&problems);
	config = load(text); /* from a file in the working directory */
	assert_string_equal(config->weir.state_dir, "state");
	config_free(config);
}

static void a_socket_too_far_down_for_the_system_is_refused_in_words(void **state)
{
	struct conf_problems problems;
	char path[128];

	(void)state;
	memset(path, 'd', sizeof(path));
	memcpy(path + 101, "/c", sizeof("/c"));
	assert_null(config_load_text(
	    path, slice_of("[weir]\nadmin_socket = a.sock\n" MINIMAL), resolve, &problems));
	assert_int_equal(problems.n, 1);
	assert_non_null(strstr(problems.lines[0],
	    "/c:2: admin_socket = a.sock: 108 bytes with the directory of the configuration "
	    "file; at most 107"));
	conf_problems_done(&problems);
}

static void a_file_that_cannot_be_read_is_said_to_be(void **state)
{
	char directory[] = "/tmp/weir-conf-XXXXXX";
	char path[64], expected[128];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/none.ini", directory);
	snprintf(
	    expected, sizeof(expected), "%s: cannot open: No such file or directory", path);
	assert_refused(path, expected);

	snprintf(expected, sizeof(expected), "%s: not a regular file", directory);
	assert_refused(directory, expected);

	snprintf(path, sizeof(path), "%s/fifo.ini", directory);
	snprintf(expected, sizeof(expected), "%s: not a regular file", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, expected);
	unlink(path);

	snprintf(path, sizeof(path), "%s/large.ini", directory);
	snprintf(expected, sizeof(expected), "%s: larger than 4 MiB", path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, CONFIG_MAX_BYTES + 1), 0);
	close(fd);
	assert_refused(path, expected);
	unlink(path);
	rmdir(directory);
}

static void the_systems_resolver_finds_this_machine(void **state)
{
	struct address address;
	struct error err;

	(void)state;
	if (!resolve_server("localhost", "8080", &address, &err))
		fail_msg("%s", err.text);
	assert_true(address_is_loopback(&address));
}

static void a_running_weir_takes_over_all_but_what_needs_a_restart(void **state)
{
	static const struct {
		const char *lines, *err;
	} rows[] = {
		{ "log_level = debug\nshutdown_timeout = 1s\n", NULL },
		{ "workers = auto\nstate_dir = /var/lib/weir\n", NULL },
		{ "workers = 2\n", "'workers' in [weir] has changed, which needs a restart" },
		{ "state_dir = /x\n",
		    "'state_dir' in [weir] has changed, which needs a restart" },
		{ "admin_socket = /x\n",
		    "'admin_socket' in [weir] has changed, which needs a restart" },
		{ "admin_listen = 127.0.0.1:1\n",
		    "'admin_listen' in [weir] has changed, which needs a restart" },
	};
	struct config *live = load(MINIMAL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { "" };
		struct config *next;
		char text[1024];

		snprintf(text, sizeof(text), "[weir]\n%s%s", rows[i].lines, MINIMAL);
		next = load(text);
		assert_int_equal(config_can_replace(live, next, &err), rows[i].err == NULL);
		assert_string_equal(err.text, rows[i].err != NULL ? rows[i].err : "");
		config_free(next);
	}
	config_free(live);
}

static void one_address_spelt_otherwise_is_no_change(void **state)
{
	struct config *live = load("[weir]\nadmin_listen = [::1]:9901\n" MINIMAL);
	struct config *next = load("[weir]\nadmin_listen = [0::1]:9901\n" MINIMAL);

	(void)state;
	assert_true(config_can_replace(live, next, NULL));
	config_free(live);
	config_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_its_defaults_without_a_section),
		cmocka_unit_test(a_listener_and_an_upstream_have_the_fields_defaults),
		cmocka_unit_test(a_route_has_its_defaults),
		cmocka_unit_test(
		    statuses_500_to_599_without_501_and_505_are_failures_by_default),
		cmocka_unit_test(a_rollout_has_its_defaults),
		cmocka_unit_test(a_rollout_has_at_most_32_stages),
		cmocka_unit_test(a_process_is_set_as_written),
		cmocka_unit_test(servers_keep_their_order_and_names_are_resolved),
		cmocka_unit_test(hosts_are_in_lower_case_and_may_take_several_lines),
		cmocka_unit_test(a_path_is_a_prefix_unless_it_is_written_exact),
		cmocka_unit_test(key_sources_keep_the_order_in_which_they_are_tried),
		cmocka_unit_test(budgets_are_kept_in_ppm_and_microseconds),
		cmocka_unit_test(a_canary_has_a_weight_by_hand_or_a_plan),
		cmocka_unit_test(both_arms_may_be_one_upstream_to_try_the_guard_on_itself),
		cmocka_unit_test(a_route_may_serve_weirs_own_status_page),
		cmocka_unit_test(sections_may_come_in_any_order_and_upstreams_go_unused),
		cmocka_unit_test(ten_thousand_routes_fit),
		cmocka_unit_test(every_sample_is_accepted),
		cmocka_unit_test(a_relative_path_is_relative_to_the_directory_of_the_file),
		cmocka_unit_test(a_socket_too_far_down_for_the_system_is_refused_in_words),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said_to_be),
		cmocka_unit_test(the_systems_resolver_finds_this_machine),
		cmocka_unit_test(a_running_weir_takes_over_all_but_what_needs_a_restart),
		cmocka_unit_test(one_address_spelt_otherwise_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
