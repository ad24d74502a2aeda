/* proxy/rewrite: what a route does to messages. The cases are in tests/data/proxy/. */
#include "proxy/rewrite.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/message_cases.h"

enum {
	ROOM = 16 * 1024
};

static void set_context(
    struct rewrite_context *context, const struct config *config, const struct message *request)
{
	rewrite_context_init(context, &config->routes[0], request);
	context->client_ip = SLICE("198.51.100.9");
	context->request_id = SLICE("req-1");
	context->arm = SLICE("canary");
	context->bucket = 123456;
	context->has_bucket = true;
}

static void assert_redirect(
    const struct message_case *c, const struct rewrite_context *context, struct arena *arena)
{
	const char *fault_text = case_get(c, "fault", NULL);
	struct h1_fault fault = { 0 };
	struct slice location;

	if (fault_text != NULL) {
		assert_false(rewrite_location(context, arena, &location, &fault));
		assert_int_equal(fault.status, atoi(fault_text));
		return;
	}
	assert_true(rewrite_location(context, arena, &location, &fault));
	case_assert_slice(c, location, case_get(c, "location", NULL));
}

/* The request's bytes are gone by the time that the response comes. */
static void assert_response(const struct message_case *c, struct rewrite_context *context,
    struct message *request, struct arena *arena)
{
	static struct message response;
	struct h1_fault fault;

	assert_true(rewrite_context_keep(context, arena));
	response = *request;
	response.authority = response.target = SLICE("");
	free((char *)(uintptr_t)request->authority.data);
	free((char *)(uintptr_t)request->target.data);
	request->authority = request->target = (struct slice) { 0 };
	assert_true(rewrite_response(context, &response, arena, &fault));
	case_assert_fields(c, &response);
}

static void assert_request(const struct message_case *c, const struct rewrite_context *context,
    const struct message *before, struct arena *arena)
{
	static struct message request;
	struct h1_fault fault;

	request = *before;
	assert_true(rewrite_request(context, &request, arena, &fault));
	case_assert_fields(c, &request);
	case_assert_slice(
	    c, request.target, case_get(c, "out-target", case_get(c, "target", "/")));
	case_assert_slice(c, request.authority,
	    case_get(c, "out-host", case_get(c, "host", "shop.example.com")));
}

static void run_case(const struct message_case *c)
{
	static struct message before;
	struct config *config = case_load(c, true);
	struct rewrite_context context;
	struct arena arena;

	arena_init(&arena, ROOM);
	case_fill_message(c, &before);
	set_context(&context, config, &before);
	if (config->routes[0].redirect.status != 0)
		assert_redirect(c, &context, &arena);
	else if (strcmp(case_get(c, "on", "request"), "response") == 0)
		assert_response(c, &context, &before, &arena);
	else
		assert_request(c, &context, &before, &arena);
	case_free_message(&before);
	arena_done(&arena);
	config_free(config);
}

static void each_case_of_the_table_is_as_it_says(void **state)
{
	FILE *file = fopen("tests/data/proxy/rewrite.txt", "r");
	struct message_case c;
	size_t n = 0;

	(void)state;
	assert_non_null(file);
	for (; case_read(file, &c); n++) {
		run_case(&c);
		case_done(&c);
	}
	fclose(file);
	assert_true(n >= 50);
}

/* A route with these lines, and a context of GET http://shop.example.com/a?b. */
struct fixture {
	struct config *config;
	struct message request;
	struct rewrite_context context;
	struct arena arena;
	struct h1_fault fault;
};

static void set_up(struct fixture *f, const char *conf, size_t room)
{
	char keyword[] = "conf", name[] = "fixture", text[256];
	struct message_case c = { .n = 2 };

	snprintf(text, sizeof(text), "%s", conf);
	c.lines[0] = (struct case_line) { name, name };
	c.lines[1] = (struct case_line) { keyword, text };
	f->config = case_load(&c, true);
	f->request = (struct message) { .method = SLICE("GET"),
		.scheme = SLICE("http"),
		.authority = SLICE("shop.example.com"),
		.target = SLICE("/a?b") };
	f->fault = (struct h1_fault) { 0 };
	set_context(&f->context, f->config, &f->request);
	arena_init(&f->arena, room);
}

static void tear_down(struct fixture *f)
{
	arena_done(&f->arena);
	config_free(f->config);
}

static void fill_with_fields(struct message *message, uint32_t n)
{
	while (message->n_fields < n)
		assert_true(message_add(message, FIELD_OTHER, SLICE("a"), SLICE("b")));
}

static void a_route_without_settings_wants_nothing(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, "path = /", 0);
	assert_false(rewrite_wants_request(&f.config->routes[0]));
	assert_false(rewrite_wants_response(&f.config->routes[0]));
	assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_true(rewrite_context_keep(&f.context, &f.arena));
	assert_true(rewrite_response(&f.context, &f.request, &f.arena, &f.fault));
	assert_null(f.arena.newest);
	tear_down(&f);
}

static void each_setting_is_wanted_on_its_way(void **state)
{
	static const struct {
		const char *conf;
		bool request, response;
	} rows[] = {
		{ "request_header_set = X-A: 1", true, false },
		{ "request_header_remove = X-A", true, false },
		{ "strip_prefix = /a", true, false },
		{ "add_prefix = /a", true, false },
		{ "host_rewrite = a", true, false },
		{ "response_header_add = X-A: 1", false, true },
	};
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, rows[i].conf, 0);
		assert_int_equal(rewrite_wants_request(&f.config->routes[0]), rows[i].request);
		assert_int_equal(
		    rewrite_wants_response(&f.config->routes[0]), rows[i].response);
		tear_down(&f);
	}
}

static void what_one_part_stands_for_is_not_copied(void **state)
{
	static const char *const rows[] = { "request_header_set = X-A: literal",
		"request_header_set = X-A: ${path}", "strip_prefix = /b", "host_rewrite = a" };
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, rows[i], 0);
		assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
		assert_int_equal(f.arena.taken, 0);
		tear_down(&f);
	}
}

static void a_request_with_too_many_fields_is_a_431(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, "request_header_set = X-A: 1", ROOM);
	fill_with_fields(&f.request, MESSAGE_MAX_FIELDS - 1);
	assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_int_equal(f.request.n_fields, MESSAGE_MAX_FIELDS);
	assert_false(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_int_equal(f.request.n_fields, MESSAGE_MAX_FIELDS);
	assert_int_equal(f.fault.status, 431);
	tear_down(&f);
}

static void the_most_fields_that_a_peer_may_send_leave_room_for_all_that_is_added(void **state)
{
	static struct fixture f;
	char conf[256] = "";

	(void)state;
	for (int i = 0; i < 4; i++)
		snprintf(conf + strlen(conf), sizeof(conf) - strlen(conf),
		    "request_header_set = X-%d: 1\nrequest_header_add = X: 1\n", i);
	conf[strlen(conf) - 1] = '\0';
	set_up(&f, conf, ROOM);
	fill_with_fields(&f.request, MESSAGE_PEER_FIELDS + 4);
	for (int i = 0; i < 8; i++)
		assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_int_equal(f.request.n_fields, MESSAGE_PEER_FIELDS + 4 + 2 * HEADER_RULES_MAX);
	tear_down(&f);
}

static void trailers_of_names_that_rules_remove_or_set_are_dropped(void **state)
{
	static const char *const names[] = { "x-removed", "X-SET", "X-Added", "cookie",
		"X-Other" };
	static struct fixture f;

	(void)state;
	set_up(&f,
	    "request_header_remove = X-Removed\nrequest_header_remove = Cookie\n"
	    "request_header_set = X-Set: 1\nrequest_header_add = X-Added: 1",
	    ROOM);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(message_add(&f.request, field_identify(slice_of(names[i])),
		    slice_of(names[i]), SLICE("1")));
	rewrite_trailers(&f.config->routes[0].request_headers, &f.request);
	assert_int_equal(f.request.n_fields, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(f.request.fields[i].drop, i != 2 && i != 4);
	tear_down(&f);
}

/* RFC 9112 3.2.4; with a query it has a path. */
static void options_of_the_whole_server_has_no_path_to_rewrite(void **state)
{
	static const struct {
		enum method_id method;
		const char *before, *after;
	} rows[] = {
		{ METHOD_OPTIONS, "*", "*" },
		{ METHOD_OPTIONS, "", "" },
		{ METHOD_OPTIONS, "/", "/v2/" },
		{ METHOD_OPTIONS, "?a", "/v2/?a" },
		{ METHOD_OPTIONS, "/api", "/v2/" },
		{ METHOD_GET, "", "/v2/" },
	};
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, "strip_prefix = /api\nadd_prefix = /v2", ROOM);
		f.request.method_id = rows[i].method;
		f.request.target = slice_of(rows[i].before);
		assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
		assert_true(slice_equal(f.request.target, slice_of(rows[i].after)));
		tear_down(&f);
	}
}

static void a_response_with_too_many_fields_is_a_502(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, "response_header_set = X-A: 1", ROOM);
	fill_with_fields(&f.request, MESSAGE_MAX_FIELDS);
	assert_false(rewrite_response(&f.context, &f.request, &f.arena, &f.fault));
	assert_int_equal(f.fault.status, 502);
	tear_down(&f);
}

static void where_the_arena_is_full_the_request_fails(void **state)
{
	static const struct {
		const char *conf;
		uint16_t status;
	} rows[] = {
		{ "request_header_set = X-A: ${path}${path}", 431 },
		{ "request_header_set = X-A: ${bucket}", 431 },
		{ "add_prefix = /v2", 414 },
	};
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, rows[i].conf, 3);
		assert_false(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
		assert_int_equal(f.fault.status, rows[i].status);
		tear_down(&f);
	}
	set_up(&f, "response_header_set = X-A: ${path}", 3);
	assert_false(rewrite_context_keep(&f.context, &f.arena));
	tear_down(&f);
	for (size_t room = 0; room < 2 * strlen("https://shop.example.com/a"); room++) {
		struct slice location;

		set_up(&f, "redirect = 301 https://${host}${path}", room);
		assert_false(rewrite_location(&f.context, &f.arena, &location, &f.fault));
		assert_int_equal(f.fault.status, 414);
		tear_down(&f);
	}
}

/* None gets here: the codec refuses them. If one did, it would make a field of its own. */
static void a_byte_that_would_end_a_field_is_refused(void **state)
{
	static const struct slice rows[] = { { "/\r\nX: y", 7 }, { "/\n", 2 }, { "/\0", 2 },
		{ "/\x7f", 2 } };
	static struct fixture f;
	struct slice location;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, "request_header_set = X-A: ${path}", ROOM);
		f.context.target = rows[i];
		assert_false(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
		assert_int_equal(f.fault.status, 400);
		tear_down(&f);

		set_up(&f, "redirect = 301 ${path}", ROOM);
		f.context.target = rows[i];
		assert_false(rewrite_location(&f.context, &f.arena, &location, &f.fault));
		assert_int_equal(f.fault.status, 400);
		tear_down(&f);
	}
	set_up(&f, "redirect = 301 ${path}", ROOM);
	f.context.target = SLICE("/a b");
	assert_false(rewrite_location(&f.context, &f.arena, &location, &f.fault));
	tear_down(&f);
}

static void only_what_response_rules_name_is_kept_of_a_request(void **state)
{
	static const struct {
		const char *conf;
		size_t bytes;
	} rows[] = {
		{ "response_header_set = X-A: ${arm} ${client_ip} ${request_id} ${route}", 0 },
		{ "request_header_set = X-A: ${path}", 0 },
		{ "response_header_set = X-A: ${path}", 4 },
		{ "response_header_set = X-A: ${query}", 4 },
		{ "response_header_set = X-A: ${host}", 16 },
		{ "response_header_set = X-A: ${method}${scheme}", 7 },
	};
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(&f, rows[i].conf, ROOM);
		assert_true(rewrite_context_keep(&f.context, &f.arena));
		assert_int_equal(f.arena.taken, rows[i].bytes);
		tear_down(&f);
	}
}

static void a_bucket_is_empty_where_there_is_none_and_a_digit_where_it_is_0(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, "request_header_set = X-A: ${bucket}", ROOM);
	f.context.bucket = 0;
	assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_true(slice_equal(f.request.fields[0].value, SLICE("0")));
	f.context.has_bucket = false;
	assert_true(rewrite_request(&f.context, &f.request, &f.arena, &f.fault));
	assert_true(slice_equal(f.request.fields[1].value, SLICE("")));
	assert_true(f.request.fields[0].drop);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_table_is_as_it_says),
		cmocka_unit_test(a_route_without_settings_wants_nothing),
		cmocka_unit_test(each_setting_is_wanted_on_its_way),
		cmocka_unit_test(what_one_part_stands_for_is_not_copied),
		cmocka_unit_test(a_request_with_too_many_fields_is_a_431),
		cmocka_unit_test(
		    the_most_fields_that_a_peer_may_send_leave_room_for_all_that_is_added),
		cmocka_unit_test(trailers_of_names_that_rules_remove_or_set_are_dropped),
		cmocka_unit_test(options_of_the_whole_server_has_no_path_to_rewrite),
		cmocka_unit_test(a_response_with_too_many_fields_is_a_502),
		cmocka_unit_test(where_the_arena_is_full_the_request_fails),
		cmocka_unit_test(a_byte_that_would_end_a_field_is_refused),
		cmocka_unit_test(only_what_response_rules_name_is_kept_of_a_request),
		cmocka_unit_test(
		    a_bucket_is_empty_where_there_is_none_and_a_digit_where_it_is_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
