/*
 * The admin API over its real socket. The control plane behind it is the test's own: it
 * notes what it is told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/drill_session.h"
#include "admin/server.h"

#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ANSWER_SIZE = 64 * 1024,
	REQUEST_SIZE = 8192,
};

struct control {
	struct event_base *base;
	struct admin_server *server;
	char dir[64];
	char path[96];
	/* One route, `shop`, at 50%, whose users are known by a header. */
	struct route_conf conf;
	struct upstream_conf upstream_conf;
	struct upstream upstream;
	struct route_live live;
	struct route route;
	struct snapshot snapshot;
	struct managed_route managed;
	struct drill_session drill;
	/* What it was told: */
	unsigned orders;
	struct release_order order;
	char who[80], why[700];
	const char *refusal; /* of the next order; NULL: it is taken */
	reload_done_fn *reload_done;
	void *reload_arg;
	unsigned reloads;
};

struct event_base *control_base(struct control *ctl)
{
	return ctl->base;
}

const struct snapshot *control_snapshot(const struct control *ctl)
{
	return &ctl->snapshot;
}

size_t control_workers(const struct control *ctl)
{
	(void)ctl;
	return 2;
}

uint64_t control_started_us(const struct control *ctl)
{
	(void)ctl;
	return 1;
}

struct store *control_store(struct control *ctl)
{
	(void)ctl;
	return NULL;
}

bool store_latch_why(
    const struct store *store, const char *route, const char *release, char *why, size_t size)
{
	(void)store;
	(void)route;
	(void)release;
	(void)why;
	(void)size;
	return false;
}

void store_health(const struct store *store, struct store_health *health)
{
	(void)store;
	*health = (struct store_health) { .ok = true, .text = "ok" };
}

struct webhooks *control_webhooks(struct control *ctl)
{
	(void)ctl;
	return NULL;
}

struct webhook_stats webhooks_total(const struct webhooks *hooks)
{
	(void)hooks;
	return (struct webhook_stats) { .pending = 3 };
}

void control_clock(struct release_clock *clock)
{
	*clock = (struct release_clock) { .now_us = 5000001, .wall_s = 1000 };
}

struct managed_route *control_routes(struct control *ctl, size_t *n)
{
	*n = 1;
	return &ctl->managed;
}

int snapshot_find_route(const struct snapshot *snapshot, const char *name)
{
	(void)snapshot;
	return strcmp(name, "shop") == 0 ? 0 : -1;
}

void control_refresh(struct control *ctl)
{
	(void)ctl;
}

bool control_command(struct control *ctl, const char *route, const struct release_order *order,
    struct error *err)
{
	assert_string_equal(route, "shop");
	ctl->orders++;
	ctl->order = *order;
	snprintf(ctl->who, sizeof(ctl->who), "%s", order->who);
	snprintf(ctl->why, sizeof(ctl->why), "%s", order->why != NULL ? order->why : "(none)");
	if (ctl->refusal != NULL)
		error_set(err, "%s", ctl->refusal);
	return ctl->refusal == NULL;
}

bool control_begin_drill(
    struct control *ctl, const char *route, const struct drill_order *order, struct error *err)
{
	const struct drill_setting setting = {
		.fail_ppm = order->fail_ppm, .for_s = order->for_ms / 1e3, .live = order->live
	};

	assert_string_equal(route, "shop");
	snprintf(ctl->who, sizeof(ctl->who), "%s", order->who);
	if (ctl->refusal != NULL) {
		error_set(err, "%s", ctl->refusal);
		return false;
	}
	ctl->managed.drill = &ctl->drill;
	snprintf(ctl->drill.who, sizeof(ctl->drill.who), "%s", order->who);
	return drill_begin(&ctl->drill.drill, &ctl->managed.release, &setting, 5000000, err);
}

bool control_stop_drill(struct control *ctl, const char *route, const char *why)
{
	assert_string_equal(route, "shop");
	if (!drill_session_is_running(&ctl->managed))
		return false;
	drill_stop(&ctl->drill.drill, why);
	return true;
}

bool control_reload(struct control *ctl, const char *who, bool *queued, struct error *err)
{
	(void)err;
	snprintf(ctl->who, sizeof(ctl->who), "%s", who);
	*queued = ctl->reloads++ > 0;
	return true;
}

void control_on_reloaded(struct control *ctl, reload_done_fn *done, void *arg)
{
	ctl->reload_done = done;
	ctl->reload_arg = arg;
}

/* Port 0: the system chooses one. */
static bool start(struct control *ctl)
{
	static char name[] = "shop", salt[] = "shop", header[] = "X-User", v[] = "v";
	struct conf_strings none = { .n = 0 };
	struct release_step step;
	struct release_clock clock;
	size_t n_without_slot;
	struct error err;

	ctl->upstream_conf.name = ctl->conf.release = v;
	ctl->upstream.conf = &ctl->upstream_conf;
	ctl->conf.name = name;
	ctl->conf.salt = salt;
	ctl->conf.legacy = ctl->conf.canary = &ctl->upstream_conf;
	ctl->conf.weight_ppm = 500000;
	ctl->conf.sticky[0] = (struct key_source) { KEY_SOURCE_HEADER, header };
	ctl->conf.n_sticky = 1;
	ctl->live.path_classes = path_classes_new();
	ctl->live.stats = route_stats_new(1, 0);
	exposure_init(&ctl->route.exposure, 500000);
	ctl->route.conf = &ctl->conf;
	ctl->route.live = &ctl->live;
	ctl->route.cohort = cohort_new(salt, ctl->conf.sticky, 1, &err);
	ctl->route.path_rules =
	    path_class_rules_new(&none, ctl->live.path_classes, NULL, &n_without_slot, &err);
	ctl->route.arms[ARM_LEGACY] = ctl->route.arms[ARM_CANARY] = &ctl->upstream;
	ctl->managed.route = &ctl->route;
	ctl->snapshot.generation = 7;
	control_clock(&clock);
	release_begin(&ctl->managed.release, &ctl->conf, &clock, "start", &step);
	ctl->server = admin_server_new(ctl, ctl->path, NULL, &err);
	return ctl->server != NULL && ctl->route.cohort != NULL;
}

static int set_up(void **state)
{
	/* A route keeps to cache lines of its own. */
	struct control *ctl = aligned_alloc(_Alignof(struct control), sizeof(*ctl));

	if (ctl == NULL)
		return -1;
	memset(ctl, 0, sizeof(*ctl));
	snprintf(ctl->dir, sizeof(ctl->dir), "/tmp/weir-test-api-XXXXXX");
	if (mkdtemp(ctl->dir) == NULL)
		return -1;
	snprintf(ctl->path, sizeof(ctl->path), "%s/admin.sock", ctl->dir);
	ctl->base = event_base_new();
	*state = ctl;
	return ctl->base != NULL && start(ctl) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct control *ctl = *state;

	admin_server_free(ctl->server);
	event_base_free(ctl->base);
	rmdir(ctl->dir);
	drill_done(&ctl->drill.drill);
	release_done(&ctl->managed.release);
	cohort_free(ctl->route.cohort);
	path_class_rules_free(ctl->route.path_rules);
	path_classes_free(ctl->live.path_classes);
	route_stats_free(ctl->live.stats);
	free(ctl);
	return 0;
}

/* A connection that has sent its request. */
static int ask_for(const struct control *ctl, const char *line)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[REQUEST_SIZE];
	int len = snprintf(text, sizeof(text),
	    "%s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	    line);

	memcpy(address.sun_path, ctl->path, strlen(ctl->path) + 1);
	assert_true(fd >= 0 && (size_t)len < sizeof(text));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, text, (size_t)len, 0), len);
	return fd;
}

/* The status; *json is the body's, to be json_decref()ed, or NULL where it is none. */
static int answer_from(struct control *ctl, int fd, json_t **json)
{
	static char text[ANSWER_SIZE];
	size_t len = 0;
	const char *body;
	ssize_t n;
	int status;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) != 0) {
		assert_true(n > 0 || errno == EAGAIN);
		len += n > 0 ? (size_t)n : 0;
		event_base_loop(ctl->base, EVLOOP_NONBLOCK);
	}
	close(fd);
	text[len] = '\0';
	assert_int_equal(sscanf(text, "HTTP/1.1 %d", &status), 1);
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	*json = json_loads(body + 4, 0, NULL);
	return status;
}

static int answer_to(struct control *ctl, const char *line, json_t **json)
{
	return answer_from(ctl, ask_for(ctl, line), json);
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text != NULL ? text : "(none)";
}

static void assert_answer(struct control *ctl, const char *line, int status, const char *error)
{
	json_t *json;
	int found = answer_to(ctl, line, &json);

	if (found != status || (error != NULL && strstr(text_of(json, "error"), error) == NULL))
		fail_msg("%s: %d %s", line, found, text_of(json, "error"));
	json_decref(json);
}

static void what_is_not_there_is_refused_with_its_own_status(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *error;
	} rows[] = {
		{ "GET /healthz", 200, NULL },
		{ "GET /metrics", 200, NULL },
		{ "GET /", 404, "no such thing" },
		{ "GET /statuses", 404, "no such thing" },
		{ "GET /shop/explain", 404, "no such thing" },
		{ "GET /routes/shop", 404, "no such thing" },
		{ "GET /routes/shop/status", 404, "no such thing" },
		{ "GET /routes//explain", 404, "no such thing" },
		{ "POST /routes/shop/explode", 404, "no such thing" },
		{ "POST /routes/shop/reload", 404, "no such thing" },
		{ "POST /promote", 404, "no such thing" },
		{ "POST /routes/shp/promote", 404, "no route 'shp'; did you mean 'shop'?" },
		{ "GET /routes/blog/explain", 404, "no route 'blog'" },
		{ "POST /status", 405, "use GET" },
		{ "POST /routes/shop/explain", 405, "use GET" },
		{ "GET /routes/shop/promote", 405, "use POST" },
		{ "GET /reload", 405, "use POST" },
		{ "DELETE /status", 405, "use GET" },
		{ "DELETE /routes/shop/promote", 405, "use POST" },
		{ "POST /routes/shop/promote?why", 400, "malformed query" },
		{ "GET /routes/shop/drill", 404, "no drill was begun" },
		{ "DELETE /routes/shop/drill", 409, "no drill is under way" },
		{ "POST /routes/shop/drill", 400, "needs fail_ppm" },
		{ "POST /routes/shop/drill?fail_ppm=0", 400, "1 to 1000000" },
		{ "POST /routes/shop/drill?fail_ppm=1&for_ms=999", 400, "1000 to 86400000" },
		{ "POST /routes/shop/drill?fail_ppm=1&live=yes", 400, "0 to 1" },
	};
	struct control *ctl = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_answer(ctl, rows[i].line, rows[i].status, rows[i].error);
	assert_int_equal(ctl->orders, 0);
	assert_int_equal(ctl->reloads, 0);
}

static void the_status_is_made_of_all_that_control_holds(void **state)
{
	json_t *json;

	assert_int_equal(answer_to(*state, "GET /status", &json), 200);
	assert_int_equal(json_integer_value(json_object_get(json, "uptime_s")), 5);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(json, "webhooks"), "pending")),
	    3);
	assert_string_equal(
	    text_of(json_array_get(json_object_get(json, "routes"), 0), "name"), "shop");
	json_decref(json);
}

static void a_drill_is_begun_shown_and_stopped(void **state)
{
	struct control *ctl = *state;
	json_t *json;

	assert_int_equal(
	    answer_to(ctl, "POST /routes/shop/drill?fail_ppm=50000&for_ms=2000", &json), 200);
	assert_string_equal(text_of(json, "state"), "running");
	assert_int_equal(json_integer_value(json_object_get(json, "fail_ppm")), 50000);
	assert_int_equal(json_integer_value(json_object_get(json, "for_s")), 2);
	assert_false(json_boolean_value(json_object_get(json, "live")));
	assert_null(json_object_get(json, "traffic"));
	assert_memory_equal(text_of(json, "who"), "user:", 5);
	json_decref(json);
	assert_int_equal(answer_to(ctl, "GET /routes/shop/drill", &json), 200);
	assert_string_equal(text_of(json, "state"), "running");
	json_decref(json);
	assert_int_equal(answer_to(ctl, "DELETE /routes/shop/drill", &json), 200);
	assert_string_equal(text_of(json, "state"), "stopped");
	assert_non_null(strstr(text_of(json, "text"), "has stopped it"));
	json_decref(json);
	assert_int_equal(ctl->orders, 0);
}

static void a_drill_that_cannot_be_is_refused_in_words(void **state)
{
	struct control *ctl = *state;

	ctl->refusal = "the release is rolled back already";
	assert_answer(ctl, "POST /routes/shop/drill?fail_ppm=1", 409, "rolled back already");
}

static void an_order_is_given_in_the_name_of_the_sockets_peer(void **state)
{
	static const struct {
		const char *line;
		enum release_command command;
		const char *why;
	} rows[] = {
		{ "POST /routes/shop/promote", RELEASE_PROMOTE, "(none)" },
		{ "POST /routes/shop/rollback?why=too%20slow%2C+caf%C3%A9", RELEASE_ROLL_BACK,
		    "too slow, caf\xc3\xa9" },
		{ "POST /routes/shop/pause?why=a%26b", RELEASE_PAUSE, "a&b" },
		{ "POST /routes/shop/resume", RELEASE_RESUME, "(none)" },
	};
	struct control *ctl = *state;
	const struct passwd *me = getpwuid(getuid());
	char who[80];
	json_t *json;

	snprintf(who, sizeof(who), "user:%s", me != NULL ? me->pw_name : "?");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(answer_to(ctl, rows[i].line, &json), 200);
		assert_int_equal(ctl->order.command, rows[i].command);
		assert_string_equal(ctl->why, rows[i].why);
		if (me != NULL)
			assert_string_equal(ctl->who, who);
		assert_string_equal(text_of(json, "route"), "shop");
		assert_string_equal(text_of(json, "state"), "FIXED");
		assert_int_equal(
		    json_integer_value(json_object_get(json, "weight_ppm")), 500000);
		json_decref(json);
	}
	ctl->refusal = "it is over";
	assert_answer(ctl, "POST /routes/shop/promote", 409, "it is over");
}

static void a_weight_is_taken_exactly_or_not_at_all(void **state)
{
	static const char *const bad[] = { "", "?weight_ppm=", "?weight_ppm=5%25",
		"?weight_ppm=-1", "?weight_ppm=1000001", "?weight_ppm=4294967297",
		"?weight_ppm=99999999999999999999", "?weight_ppm=1.5", "?weight_ppm=%201" };
	struct control *ctl = *state;
	char line[128];

	assert_answer(ctl, "POST /routes/shop/set-weight?weight_ppm=125000&why=x", 200, NULL);
	assert_int_equal(ctl->order.command, RELEASE_SET_WEIGHT);
	assert_int_equal(ctl->order.weight_ppm, 125000);
	assert_string_equal(ctl->why, "x");
	assert_answer(ctl, "POST /routes/shop/set-weight?weight_ppm=0", 200, NULL);
	assert_int_equal(ctl->order.weight_ppm, 0);
	assert_answer(ctl, "POST /routes/shop/set-weight?weight_ppm=1000000", 200, NULL);
	assert_int_equal(ctl->order.weight_ppm, 1000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "POST /routes/shop/set-weight%s", bad[i]);
		assert_answer(ctl, line, 400, "weight_ppm");
	}
	assert_int_equal(ctl->orders, 3);
}

static void a_reason_that_would_be_cut_is_refused_with_the_limit(void **state)
{
	struct control *ctl = *state;
	char line[1000];
	int len = snprintf(line, sizeof(line), "POST /routes/shop/rollback?why=");

	memset(line + len, 'x', 640);
	line[len + 639] = '\0';
	assert_answer(ctl, line, 200, NULL);
	assert_int_equal(strlen(ctl->why), 639);
	line[len + 639] = 'x';
	line[len + 640] = '\0';
	assert_answer(ctl, line, 400, "at most 639");
	assert_int_equal(ctl->orders, 1);
}

static void a_reason_that_is_no_text_is_refused(void **state)
{
	struct control *ctl = *state;

	assert_answer(ctl, "POST /routes/shop/pause?why=%ff%fe", 400, "UTF-8");
	assert_answer(ctl, "POST /routes/shop/rollback?why=%c0%af", 400, "UTF-8");
	assert_answer(
	    ctl, "POST /routes/shop/set-weight?weight_ppm=5&why=%ed%a0%80", 400, "UTF-8");
	assert_answer(ctl, "POST /routes/shop/resume?why=it%00is%20cut", 400, "UTF-8");
	assert_int_equal(ctl->orders, 0);
	assert_answer(ctl, "POST /routes/shop/pause?why=%e2%82%ac%0a%2500", 200, NULL);
	assert_string_equal(ctl->why, "\xe2\x82\xac\n%00");
}

static void explaining_goes_by_the_live_weight(void **state)
{
	struct control *ctl = *state;
	json_t *json;

	assert_int_equal(
	    answer_to(ctl,
		"GET "
		"/routes/shop/explain?header=A%3A1&header=X-User%3A%20u1&path=/x&weight_ppm="
		"0",
		&json),
	    200);
	assert_string_equal(text_of(json_object_get(json, "key"), "value"), "u1");
	assert_string_equal(text_of(json, "weight_from"), "live");
	assert_string_equal(text_of(json, "weight"), "50%");
	assert_string_equal(text_of(json_object_get(json, "at"), "arm"), "legacy");
	json_decref(json);
	exposure_set(&ctl->route.exposure,
	    &(struct exposure_setting) { .generation = 2, .weight_ppm = 70000 });
	assert_int_equal(answer_to(ctl, "GET /routes/shop/explain", &json), 200);
	assert_string_equal(text_of(json, "weight"), "7%");
	json_decref(json);
}

static void a_question_that_makes_no_sense_is_refused(void **state)
{
	char line[1000] = "GET /routes/shop/explain?header=A%3A1";

	assert_answer(*state, "GET /routes/shop/explain?ip=localhost", 400, "no IP address");
	assert_answer(*state, "GET /routes/shop/explain?weight_ppm=x", 400, "weight_ppm");
	assert_answer(*state, "GET /routes/shop/explain?header=A%3A1%0D%0AB%3A2", 400, "line");
	for (unsigned i = 1; i < 16; i++)
		strcat(line, "&header=A%3A1");
	assert_answer(*state, line, 200, NULL);
	strcat(line, "&header=A%3A1");
	assert_answer(*state, line, 400, "at most 16 headers");
}

static void a_reload_is_answered_when_it_is_over(void **state)
{
	struct control *ctl = *state;
	int first = ask_for(ctl, "POST /reload"), second;
	json_t *json;

	while (ctl->reloads < 1)
		event_base_loop(ctl->base, EVLOOP_NONBLOCK);
	second = ask_for(ctl, "POST /reload");
	while (ctl->reloads < 2)
		event_base_loop(ctl->base, EVLOOP_NONBLOCK);
	ctl->reload_done(
	    ctl->reload_arg, true, "weir.ini:1: warning: a\nweir.ini:2: warning: b");
	assert_int_equal(answer_from(ctl, first, &json), 200);
	assert_int_equal(json_integer_value(json_object_get(json, "generation")), 7);
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 2);
	json_decref(json);
	ctl->reload_done(ctl->reload_arg, false, "weir.ini:3: no");
	assert_int_equal(answer_from(ctl, second, &json), 422);
	assert_string_equal(text_of(json, "error"), "weir.ini:3: no");
	json_decref(json);
}

static void who_left_before_the_reload_was_over_is_forgotten(void **state)
{
	struct control *ctl = *state;
	int first = ask_for(ctl, "POST /reload");

	while (ctl->reloads < 1)
		event_base_loop(ctl->base, EVLOOP_NONBLOCK);
	close(first);
	event_base_loop(ctl->base, EVLOOP_NONBLOCK);
	ctl->reload_done(ctl->reload_arg, true, "");
	assert_answer(ctl, "GET /healthz", 200, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_there_is_refused_with_its_own_status),
		TEST(the_status_is_made_of_all_that_control_holds),
		TEST(a_drill_is_begun_shown_and_stopped),
		TEST(a_drill_that_cannot_be_is_refused_in_words),
		TEST(an_order_is_given_in_the_name_of_the_sockets_peer),
		TEST(a_weight_is_taken_exactly_or_not_at_all),
		TEST(a_reason_that_would_be_cut_is_refused_with_the_limit),
		TEST(a_reason_that_is_no_text_is_refused),
		TEST(explaining_goes_by_the_live_weight),
		TEST(a_question_that_makes_no_sense_is_refused),
		TEST(a_reload_is_answered_when_it_is_over),
		TEST(who_left_before_the_reload_was_over_is_forgotten),
	};

	signal(SIGPIPE, SIG_IGN); /* as weir does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
