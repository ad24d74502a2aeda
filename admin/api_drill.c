#include "admin/api_drill.h"

#include "admin/drill_session.h"
#include "admin/json_values.h"
#include "rollout/drill_words.h"
#include "router/token.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	CONFLICT = 409,
	HOST_SIZE = 320,
};

static json_t *arm_json(uint64_t requests, uint64_t failed)
{
	return json_pack(
	    "{s:I, s:I}", "requests", (json_int_t)requests, "failures", (json_int_t)failed);
}

static json_t *drill_json(const struct api_call *call, const struct drill_session *session)
{
	const struct drill *drill = &session->drill;
	const struct drill_arm *arms = drill->arms;
	const struct drill_counts *synthetic = drill->synthetic;
	char words[DRILL_WORDS_SIZE], reason[VERDICT_TEXT_SIZE];
	json_t *json = json_object();

	drill_words(drill, words, sizeof(words));
	verdict_reason_text(&drill->verdict, reason, sizeof(reason));
	json_object_set_new(json, "route", json_text(call->route));
	json_object_set_new(json, "release", json_text(drill->release));
	json_object_set_new(json, "who", json_text(session->who));
	json_object_set_new(json, "state", json_string(drill_state_name(drill->state)));
	json_object_set_new(json, "live", json_boolean(drill->setting.live));
	json_object_set_new(json, "stands_in", json_boolean(drill->stands_in));
	json_object_set_new(json, "fail_ppm", json_integer(drill->setting.fail_ppm));
	json_object_set_new(json, "weight_ppm", json_integer(drill->weight_ppm));
	json_object_set_new(json, "for_s", json_number(drill->setting.for_s));
	json_object_set_new(json, "lasted_s", json_number(drill->lasted_s));
	json_object_set_new(
	    json, "requests", json_integer((json_int_t)drill_canary_requests(drill)));
	json_object_set_new(json, "failures", json_integer((json_int_t)drill_failures(drill)));
	json_object_set_new(json, "simulated", json_integer((json_int_t)drill->simulated));
	json_object_set_new(json, "least_failures", json_number(drill_least_failures(drill)));
	json_object_set_new(json, "users",
	    json_pack("{s:o, s:o}", "legacy",
		arm_json(arms[ARM_LEGACY].requests, arms[ARM_LEGACY].failed), "canary",
		arm_json(arms[ARM_CANARY].requests, arms[ARM_CANARY].failed)));
	json_object_set_new(json, "synthetic",
	    json_pack("{s:o, s:o}", "legacy",
		arm_json(synthetic[ARM_LEGACY].n, synthetic[ARM_LEGACY].failed), "canary",
		arm_json(synthetic[ARM_CANARY].n, synthetic[ARM_CANARY].failed)));
	json_object_set_new(json, "evidence", json_evidence(&drill->verdict));
	json_object_set_new(json, "verdict", json_string(verdict_name(drill->verdict.action)));
	json_object_set_new(json, "reason", json_text(reason));
	json_object_set_new(json, "text", json_text(words));
	return json;
}

/* Where this machine reaches the first listener: one for any address, by loopback. */
static json_t *address_json(const struct snapshot *snapshot)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.storage;

	if (!address_parse(snapshot->listeners[0]->bound, &address, NULL))
		return NULL;
	if (address.storage.ss_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY)
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (address.storage.ss_family == AF_INET6 &&
		 memcmp(&in6->sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0)
		in6->sin6_addr = in6addr_loopback;
	address_format(&address, text);
	return json_string(text);
}

/* A host that the route takes: for "*.example.com" some name below it. */
static json_t *host_json(const struct route_conf *conf)
{
	char host[HOST_SIZE];

	if (conf->hosts.n == 0)
		return json_string("localhost");
	snprintf(host, sizeof(host), "%s%s", conf->hosts.items[0][0] == '*' ? "drill" : "",
	    conf->hosts.items[0] + (conf->hosts.items[0][0] == '*'));
	return json_text(host);
}

static json_t *token_json(
    const struct api_call *call, const struct drill_session *session, enum arm arm)
{
	const struct secret *key = &control_snapshot(call->ctl)->token_key;
	const struct token token = {
		.arm = arm, .synthetic = true, .expires_s = session->token_expires_s
	};
	char text[TOKEN_SIZE];
	struct error err;

	return token_write(key, call->route, &token, text, &err) ? json_string(text) : NULL;
}

/* What the one who sends the requests of a live drill needs to know. */
static void add_traffic(
    const struct api_call *call, const struct drill_session *session, json_t *json)
{
	const struct route_conf *conf = api_managed(call)->route->conf;

	json_object_set_new(json, "traffic",
	    json_pack("{s:o, s:o, s:s, s:I, s:{s:o, s:o}}", "address",
		address_json(control_snapshot(call->ctl)), "host", host_json(conf), "path",
		conf->path, "canary_ppm", (json_int_t)DRILL_SYNTHETIC_PPM, "tokens", "legacy",
		token_json(call, session, ARM_LEGACY), "canary",
		token_json(call, session, ARM_CANARY)));
}

static void send_drill(const struct api_call *call)
{
	api_send_json(call->req, HTTP_OK, drill_json(call, api_managed(call)->drill));
}

static void begin(const struct api_call *call)
{
	char who[API_WHO_SIZE];
	struct drill_order order = { .for_ms = 60000, .who = who };
	const struct managed_route *managed;
	uint32_t live = 0;
	struct error err;
	json_t *json;

	if (api_param(call, "fail_ppm") == NULL) {
		api_send_error(call->req, HTTP_BADREQUEST, "a drill needs fail_ppm");
		return;
	}
	if (!api_number(call, "fail_ppm", 1, PPM, &order.fail_ppm) ||
	    !api_number(call, "for_ms", DRILL_FOR_MIN_MS, DRILL_FOR_MAX_MS, &order.for_ms) ||
	    !api_number(call, "live", 0, 1, &live))
		return;
	order.live = live == 1;
	api_who(call, who);
	if (!control_begin_drill(call->ctl, call->route, &order, &err)) {
		api_send_error(call->req, CONFLICT, err.text);
		return;
	}
	managed = api_managed(call);
	json = drill_json(call, managed->drill);
	if (order.live)
		add_traffic(call, managed->drill, json);
	api_send_json(call->req, HTTP_OK, json);
}

static void show(const struct api_call *call)
{
	struct managed_route *managed = api_managed(call);
	struct instant now;

	if (managed->drill == NULL) {
		api_send_error(call->req, HTTP_NOTFOUND,
		    "no drill was begun on this route since weir was started");
		return;
	}
	instant_read(&now);
	managed->drill->asked_us = now.clock.now_us;
	send_drill(call);
}

static void stop(const struct api_call *call)
{
	char who[API_WHO_SIZE];
	char why[DRILL_WHY_SIZE];

	api_who(call, who);
	snprintf(why, sizeof(why), "%s has stopped it", who);
	if (control_stop_drill(call->ctl, call->route, why))
		send_drill(call);
	else
		api_send_error(call->req, CONFLICT, "no drill is under way on this route");
}

void api_drill(struct api_call *call)
{
	switch (evhttp_request_get_command(call->req)) {
	case EVHTTP_REQ_POST: begin(call); return;
	case EVHTTP_REQ_DELETE: stop(call); return;
	default: show(call);
	}
}
