/* conf/load: the settings of what weir does to messages, as they come out. */
#include "conf/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static bool resolve_nothing(
    const char *host, const char *port, struct address *address, struct error *err)
{
	(void)port;
	(void)address;
	error_set(err, "cannot resolve '%s'", host);
	return false;
}

/* With these lines in the listener, the upstream and the route. */
static struct config *load(const char *listen, const char *upstream, const char *route)
{
	struct conf_problems problems;
	struct config *config;
	char text[4096];

	snprintf(text, sizeof(text),
	    "[listen web]\naddress = 127.0.0.1:80\n%s[upstream a]\nserver = 10.0.0.1:80\n%s"
	    "[route shop]\n%s",
	    listen, upstream, route);
	config = config_load_text("weir.ini", slice_of(text), resolve_nothing, &problems);
	if (config == NULL)
		fail_msg("%s", problems.lines[0]);
	conf_problems_done(&problems);
	return config;
}

static bool trusts(const struct config *config, const char *text)
{
	struct ip_address ip;

	assert_true(ip_address_parse(slice_of(text), &ip));
	return network_set_has(&config->listens[0].trusted_networks, &ip);
}

static void nobody_is_trusted_by_default_and_nothing_is_rewritten(void **state)
{
	struct config *config = load("", "", "legacy = a\n");
	const struct listen_conf *listen = &config->listens[0];
	const struct route_conf *route = &config->routes[0];

	(void)state;
	assert_int_equal(listen->trusted_networks.n, 0);
	assert_int_equal(listen->untrusted_forwarded, UNTRUSTED_REPLACE);
	assert_int_equal(listen->forwarded, FORWARDED_X);
	assert_int_equal(listen->underscores, UNDERSCORES_DROP);
	assert_int_equal(config->upstreams[0].tunnel_timeout_ms, 3600 * 1000);
	assert_int_equal(route->request_headers.n, 0);
	assert_int_equal(route->response_headers.n, 0);
	assert_null(route->strip_prefix);
	assert_null(route->add_prefix);
	assert_null(route->host_rewrite);
	assert_int_equal(route->redirect.status, 0);
	assert_int_equal(route->respond.status, 0);
	config_free(config);
}

static void trusted_networks_may_take_several_lines(void **state)
{
	struct config *config = load("trusted_networks = 10.0.0.0/8, 192.0.2.7\n"
				     "trusted_networks = 2001:db8::/32\n",
	    "", "legacy = a\n");

	(void)state;
	assert_int_equal(config->listens[0].trusted_networks.n, 3);
	assert_true(trusts(config, "10.1.2.3"));
	assert_true(trusts(config, "192.0.2.7"));
	assert_true(trusts(config, "2001:db8::1"));
	assert_false(trusts(config, "192.0.2.8"));
	config_free(config);
}

static void there_are_at_most_64_trusted_networks(void **state)
{
	char text[4096] = "[listen web]\naddress = 127.0.0.1:80\n";
	struct conf_problems problems;
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i < 65; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "trusted_networks = 10.0.0.%d\n", i);
	snprintf(text + len, sizeof(text) - len, "[route r]\nredirect = 301 /\n");
	assert_null(config_load_text("weir.ini", slice_of(text), resolve_nothing, &problems));
	assert_int_equal(problems.n, 1);
	assert_string_equal(
	    problems.lines[0], "weir.ini:67: trusted_networks = 10.0.0.64: at most 64");
	conf_problems_done(&problems);
}

static void each_choice_has_its_words(void **state)
{
	static const struct {
		const char *word;
		enum untrusted_forwarded policy;
	} policies[] = {
		{ "replace", UNTRUSTED_REPLACE },
		{ "append", UNTRUSTED_APPEND },
		{ "drop", UNTRUSTED_DROP },
	};
	static const struct {
		const char *word;
		enum forwarded_style style;
	} styles[] = {
		{ "x", FORWARDED_X },
		{ "rfc7239", FORWARDED_RFC7239 },
		{ "both", FORWARDED_BOTH },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char lines[256];
		struct config *config;

		snprintf(lines, sizeof(lines),
		    "untrusted_forwarded = %s\nforwarded = %s\nunderscores = allow\n",
		    policies[i].word, styles[i].word);
		config = load(lines, "tunnel_timeout = 5m\n", "legacy = a\n");
		assert_int_equal(config->listens[0].untrusted_forwarded, policies[i].policy);
		assert_int_equal(config->listens[0].forwarded, styles[i].style);
		assert_int_equal(config->listens[0].underscores, UNDERSCORES_ALLOW);
		assert_int_equal(config->upstreams[0].tunnel_timeout_ms, 300 * 1000);
		config_free(config);
	}
}

static void header_rules_come_in_the_order_in_which_they_are_applied(void **state)
{
	static const struct {
		enum header_op op;
		const char *name;
	} expected[] = {
		{ HEADER_REMOVE, "X-3" },
		{ HEADER_REMOVE, "Cookie" },
		{ HEADER_SET, "X-2" },
		{ HEADER_SET, "X-4" },
		{ HEADER_ADD, "X-1" },
		{ HEADER_ADD, "X-1" },
	};
	struct config *config = load("", "",
	    "legacy = a\nrequest_header_add = X-1: 1\nrequest_header_set = X-2 : ${path}\n"
	    "request_header_remove = X-3\nresponse_header_remove = X-9\n"
	    "request_header_set = X-4: a:b\nrequest_header_add = X-1:${host}\n"
	    "request_header_remove = Cookie\n");
	const struct header_rules *rules = &config->routes[0].request_headers;

	(void)state;
	assert_int_equal(rules->n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(rules->items[i].op, expected[i].op);
		assert_string_equal(rules->items[i].name, expected[i].name);
		assert_int_equal(rules->items[i].name_len, strlen(expected[i].name));
	}
	assert_int_equal(rules->items[1].id, FIELD_COOKIE);
	assert_int_equal(rules->items[2].id, FIELD_OTHER);
	assert_string_equal(rules->items[2].value.text, "${path}");
	assert_string_equal(rules->items[3].value.text, "a:b");
	assert_int_equal(rules->variables, 1U << VARIABLE_PATH | 1U << VARIABLE_HOST);
	assert_int_equal(config->routes[0].response_headers.n, 1);
	assert_int_equal(config->routes[0].response_headers.variables, 0);
	config_free(config);
}

static void a_template_is_taken_apart(void **state)
{
	static const struct {
		enum template_variable variable;
		const char *literal;
	} expected[] = {
		{ VARIABLE_NONE, "a" },
		{ VARIABLE_NONE, "$" },
		{ VARIABLE_NONE, "b{c}" },
		{ VARIABLE_CLIENT_IP, NULL },
		{ VARIABLE_BUCKET, NULL },
		{ VARIABLE_NONE, " d" },
		{ VARIABLE_NONE, "$" },
	};
	struct template template;

	(void)state;
	assert_true(template_parse(SLICE("a$$b{c}${client_ip}${bucket} d$$"), &template, NULL));
	assert_int_equal(template.n_parts, 7);
	for (size_t i = 0; i < 7; i++) {
		const struct template_part *part = &template.parts[i];

		assert_int_equal(part->variable, expected[i].variable);
		if (part->variable == VARIABLE_NONE)
			assert_true(slice_equal(part->literal, slice_of(expected[i].literal)));
	}
	assert_true(template_has(&template, 1U << VARIABLE_BUCKET));
	assert_false(template_has(&template, 1U << VARIABLE_PATH));
	template_done(&template);
}

static void each_variable_can_be_named(void **state)
{
	(void)state;
	for (int v = VARIABLE_NONE + 1; v < VARIABLES; v++) {
		const char *name = template_variable_name((enum template_variable)v);
		struct template template;
		char text[64];

		snprintf(text, sizeof(text), "${%s}", name);
		assert_true(template_parse(slice_of(text), &template, NULL));
		assert_int_equal(template.parts[0].variable, v);
		template_done(&template);
	}
}

static void prefixes_and_hosts_are_kept_as_written(void **state)
{
	static const char *const hosts[] = { "backend.internal", "backend:8080", "10.0.0.1",
		"10.0.0.1:80", "[2001:db8::1]", "[::1]:8080" };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char lines[256];
		struct config *config;

		snprintf(lines, sizeof(lines),
		    "legacy = a\nstrip_prefix = /api/v1\nadd_prefix = /v2\nhost_rewrite = "
		    "%s\n",
		    hosts[i]);
		config = load("", "", lines);
		assert_string_equal(config->routes[0].strip_prefix, "/api/v1");
		assert_string_equal(config->routes[0].add_prefix, "/v2");
		assert_string_equal(config->routes[0].host_rewrite, hosts[i]);
		config_free(config);
	}
}

static void a_prefix_may_be_above_or_below_the_routes_path(void **state)
{
	static const char *const lines[] = {
		"legacy = a\npath = /api/v1\nstrip_prefix = /api\n",
		"legacy = a\npath = /api\nstrip_prefix = /api\n",
		"legacy = a\npath = /\nstrip_prefix = /api\n",
		"legacy = a\npath = /api\nstrip_prefix = /api/v1\n",
		"legacy = a\npath = /api/\nstrip_prefix = /api\n",
		"legacy = a\npath = = /api/v1\nstrip_prefix = /api\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		config_free(load("", "", lines[i]));
}

static void a_route_may_answer_itself(void **state)
{
	struct config *config = load("", "",
	    "path = /old\nredirect = 308   https://${host}${path}?${query}\n"
	    "response_header_set = Cache-Control: no-store\n"
	    "[route sorry]\npath = /sorry\nrespond = 503 back at  noon\n"
	    "[route empty]\npath = /empty\nrespond = 204\n");

	(void)state;
	assert_null(config->routes[0].legacy);
	assert_int_equal(config->routes[0].redirect.status, 308);
	assert_string_equal(
	    config->routes[0].redirect.location.text, "https://${host}${path}?${query}");
	assert_int_equal(config->routes[1].respond.status, 503);
	assert_string_equal(config->routes[1].respond.text, "back at  noon");
	assert_int_equal(config->routes[2].respond.status, 204);
	assert_string_equal(config->routes[2].respond.text, "");
	config_free(config);
}

static void a_location_is_a_path_or_a_url(void **state)
{
	static const char *const locations[] = { "/", "/a?b#c", "${path}", "/new${path}",
		"https://a.example.com", "${scheme}://a.example.com:8443${path}",
		"//cdn.example.com${path}", "app://open${path}", "app:///open",
		"https://${host}", "https://${host}:8443/?from=${query}",
		"https://a.example?${query}", "https://${route}.example.com/${query}",
		"/go//${query}", "/\\${query}" };

	(void)state;
	for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
		char lines[256];
		struct config *config;

		snprintf(lines, sizeof(lines), "redirect = 301 %s\n", locations[i]);
		config = load("", "", lines);
		assert_string_equal(config->routes[0].redirect.location.text, locations[i]);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_trusted_by_default_and_nothing_is_rewritten),
		cmocka_unit_test(trusted_networks_may_take_several_lines),
		cmocka_unit_test(there_are_at_most_64_trusted_networks),
		cmocka_unit_test(each_choice_has_its_words),
		cmocka_unit_test(header_rules_come_in_the_order_in_which_they_are_applied),
		cmocka_unit_test(a_template_is_taken_apart),
		cmocka_unit_test(each_variable_can_be_named),
		cmocka_unit_test(prefixes_and_hosts_are_kept_as_written),
		cmocka_unit_test(a_prefix_may_be_above_or_below_the_routes_path),
		cmocka_unit_test(a_route_may_answer_itself),
		cmocka_unit_test(a_location_is_a_path_or_a_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
