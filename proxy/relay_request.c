#include "proxy/forwarded.h"
#include "proxy/relay.h"
#include "router/forced.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>

static void refuse(struct relay *relay, uint16_t status, const char *reason)
{
	relay->refusal = status;
	relay->refusal_reason = reason;
}

/* Eight digits at once, each nibble in a byte of its own. */
static void put_hex32(char text[8], uint32_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t v = ((uint64_t)(n & 0xffff0000) << 16) | (n & 0xffff);
	uint64_t over_nine;

	v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
	v = (v | v << 4) & (ones * 0x0f);
	over_nine = ((v + ones * 6) >> 4) & ones;
	v = htobe64(v + ones * '0' + over_nine * ('a' - '0' - 10));
	memcpy(text, &v, sizeof(v));
}

static void put_hex(char text[16], uint64_t n)
{
	put_hex32(text, (uint32_t)(n >> 32));
	put_hex32(text + 8, (uint32_t)n);
}

/* The client's own, if it can be passed on, or a new one. */
static void settle_request_id(struct relay *relay, const struct message *request)
{
	const struct field *field = message_find(request, FIELD_X_REQUEST_ID);

	if (field != NULL && headers_request_id_is_sane(field->value)) {
		memcpy(relay->request_id, field->value.data, field->value.len);
		relay->request_id_len = field->value.len;
		return;
	}
	put_hex(relay->request_id, worker_random(relay->worker));
	put_hex(relay->request_id + 16, worker_random(relay->worker));
	relay->request_id_len = 32;
}

static const char cookie_attributes[] = "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";

_Static_assert((int)ISSUE_NAME_MAX + 1 + (int)COHORT_ID_SIZE + (int)sizeof(cookie_attributes) <=
		   (int)RELAY_COOKIE_MAX,
    "a cookie fits");

static void issue_cookie(struct relay *relay, struct cohort_identity *identity)
{
	uint64_t bits[2] = { worker_random(relay->worker), worker_random(relay->worker) };
	uint8_t random[16];
	char id[COHORT_ID_SIZE];
	int n;

	memcpy(random, bits, sizeof(random));
	cohort_issue(random, id);
	n = snprintf(relay->issue_cookie, sizeof(relay->issue_cookie), "%.*s=%s%s",
	    (int)identity->issue.len, identity->issue.data, id, cookie_attributes);
	assert(n > 0 && (size_t)n < sizeof(relay->issue_cookie));
	relay->issue_cookie_len = (size_t)n;
	cohort_assign(relay->route->cohort, COHORT_SOURCE_NEW, slice_of(id), identity);
}

/* Who sends it: the cohort key's hash and bucket, or a bucket by chance. */
static void identify(struct relay *relay, const struct message *request, struct slice client_ip)
{
	struct outcome *outcome = &relay->exchange.outcome;
	struct cohort_identity identity;

	cohort_identify(relay->route->cohort, request, client_ip, &identity);
	if (identity.source == COHORT_SOURCE_NEW)
		issue_cookie(relay, &identity);
	if (identity.source == COHORT_SOURCE_NONE)
		identity.bucket = cohort_bucket(worker_random(relay->worker));
	outcome->has_unit = identity.source != COHORT_SOURCE_NONE;
	outcome->unit_hash = identity.unit_hash;
	relay->bucket = identity.bucket;
	relay->has_bucket = true;
}

/* Where more than the bucket decides. Rare: out of the way of what every request runs. */
__attribute__((cold, noinline)) static enum arm choose_limited(
    struct relay *relay, const struct message *request, bool *randomised)
{
	const struct route *route = relay->route;
	const struct outcome *outcome = &relay->exchange.outcome;
	struct exposure_request asked = {
		.method = request->method_id,
		.path_class = outcome->path_class,
		.bucket = relay->bucket,
		.was_canary = outcome->has_unit && route->seen_users != NULL &&
			      seen_users_has(route->seen_users, outcome->unit_hash),
	};
	enum exposure_reason reason;
	enum arm arm = exposure_choose(&route->exposure, relay->assignment, &asked, &reason);

	*randomised = reason == EXPOSURE_BY_BUCKET;
	return arm;
}

/* What is kept of a user whom the exposure gave an arm. */
static void keep_assigned(struct relay *relay, enum arm arm)
{
	const struct route *route = relay->route;
	const struct outcome *outcome = &relay->exchange.outcome;

	if (arm == ARM_CANARY && route->seen_users != NULL)
		seen_users_add(route->seen_users, outcome->unit_hash);
	if (outcome->randomised && route_stats_samples_unit(outcome->unit_hash))
		route_stats_assigned(route->stats, relay->worker->index, outcome->generation,
		    arm, outcome->unit_hash);
}

/* Which arm: as it is forced, or else by the bucket and what narrows the exposure. */
static enum arm choose_arm(
    struct relay *relay, const struct message *request, const struct forced *forced)
{
	struct outcome *outcome = &relay->exchange.outcome;
	bool randomised = true;
	enum arm arm;

	outcome->counts = forced == NULL;
	outcome->synthetic = forced != NULL && forced->synthetic;
	if (forced != NULL && forced->has_arm)
		return forced->arm;
	if (exposure_is_plain(relay->assignment, request->method_id))
		arm = exposure_arm(relay->assignment, relay->bucket);
	else
		arm = choose_limited(relay, request, &randomised);
	if (forced != NULL)
		return arm;
	outcome->randomised = randomised;
	if (outcome->has_unit)
		keep_assigned(relay, arm);
	return arm;
}

/* NULL: it is not forced. */
__attribute__((cold, noinline)) static const struct forced *find_forced(struct relay *relay,
    const struct message *request, struct slice client_ip, struct forced *forced)
{
	struct forced_request asked = {
		.route = relay->route->conf,
		.message = request,
		.client_ip = client_ip,
		.token_key = &relay->view->snapshot->token_key,
		.now_s = (int64_t)relay->worker->date_s,
	};

	forced_find(&asked, forced);
	return forced->is_forced ? forced : NULL;
}

static void choose_upstream(struct relay *relay, const struct message *request,
    struct slice path, struct slice client_ip)
{
	const struct route *route = relay->route;
	struct outcome *outcome = &relay->exchange.outcome;
	const struct forced *why = NULL;
	struct forced forced;

	relay->assignment = exposure_get(&route->exposure);
	outcome->generation = relay->assignment.generation;
	outcome->path_class = (uint8_t)path_class_lookup(
	    route->path_rules, route->path_classes, path, &relay->unseen_class);
	relay->has_arm = WEIR_COUNTS;
	outcome->counts = true;
	if (route->arms[ARM_CANARY] != NULL) {
		identify(relay, request, client_ip);
		if (route->may_be_forced)
			why = find_forced(relay, request, client_ip, &forced);
		outcome->arm = choose_arm(relay, request, why);
	}
	relay->upstream = route->arms[outcome->arm];
	route_stats_prefetch_place(
	    route->stats, relay->worker->index, outcome->path_class, outcome->arm);
}

static const struct route *find_route(
    struct relay *relay, const struct router_host *host, struct slice path)
{
	const struct snapshot *snapshot = relay->view->snapshot;
	int index = router_find(snapshot->router, host, path);

	return index >= 0 ? &snapshot->routes[index] : NULL;
}

static void begin_rewrite(
    struct relay *relay, const struct message *request, struct slice client_ip)
{
	struct rewrite_context *context = &relay->rewrite;

	rewrite_context_init(context, relay->route->conf, request);
	context->client_ip = client_ip;
	context->request_id = (struct slice) { relay->request_id, relay->request_id_len };
	context->arm = slice_of(arm_name(relay->exchange.outcome.arm));
	context->bucket = relay->bucket;
	context->has_bucket = relay->has_bucket;
}

/* The fields and the target as the server is to see them. */
static bool rewrite_head(struct relay *relay, struct message *request, struct slice client_ip,
    struct h1_fault *fault)
{
	const struct listen_conf *conf = &relay->client->acceptor->conf;
	struct forwarded_context forwarded = {
		.peer = client_host(relay->client),
		.peer_is_trusted = relay->client->trusted,
		.proto = SLICE("http"),
		.policy = conf->untrusted_forwarded,
		.style = conf->forwarded,
	};
	bool wants_request = relay->route->rewrites_request;
	bool wants_response = relay->route->rewrites_response;

	if (relay->view->snapshot->token_key.len > 0 && !token_strip(request, &relay->arena)) {
		*fault = (struct h1_fault) { 431, "the cookies are too large to rewrite" };
		return false;
	}
	headers_strip_replaced(request, conf->underscores == UNDERSCORES_ALLOW);
	if (wants_request || wants_response)
		begin_rewrite(relay, request, client_ip);
	if (!forwarded_apply(&forwarded, request, &relay->arena, fault))
		return false;
	if (wants_request && !rewrite_request(&relay->rewrite, request, &relay->arena, fault))
		return false;
	if (!wants_response || rewrite_context_keep(&relay->rewrite, &relay->arena))
		return true;
	*fault = (struct h1_fault) { 431, "the fields are too large to rewrite" };
	return false;
}

/* What was asked for is compared with what the server agrees to. */
static bool keep_upgrade(struct relay *relay, struct slice asked)
{
	char *copy;

	if (asked.len == 0)
		return true;
	copy = arena_take(&relay->arena, asked.len);
	if (copy == NULL)
		return false;
	memcpy(copy, asked.data, asked.len);
	relay->asked_upgrade = (struct slice) { copy, asked.len };
	return true;
}

static bool write_head(struct relay *relay, const struct message *request,
    const struct connection_options *options)
{
	struct sendq *q = &relay->to_server;
	struct request_context context = {
		.request_id = { relay->request_id, relay->request_id_len },
		.accepts_trailers = headers_accept_trailers(request),
		.upgrade = headers_upgrade(request, options),
	};

	if (!keep_upgrade(relay, context.upgrade))
		return false;
	relay->chunked_to_server = request->body == BODY_STREAM;
	if (!h1_write_request_head(&q->held, request, &context))
		return false;
	sendq_written(q);
	return true;
}

/* A live drill: weir is the failing canary of synthetic requests. */
static bool drill_fails_it(struct relay *relay)
{
	const struct outcome *outcome = &relay->exchange.outcome;
	uint32_t fail_ppm;

	if (!outcome->synthetic || outcome->arm != ARM_CANARY)
		return false;
	fail_ppm =
	    atomic_load_explicit(&relay->route->live->drill_fail_ppm, memory_order_relaxed);
	return cohort_bucket(worker_random(relay->worker)) < fail_ppm;
}

/* To an arm's upstream, in weir's words. */
static void forward(struct relay *relay, struct message *request, struct slice path,
    const struct connection_options *options, struct slice client_ip)
{
	struct h1_fault fault;

	choose_upstream(relay, request, path, client_ip);
	if (drill_fails_it(relay)) {
		relay->exchange.outcome.status = 503;
		relay->exchange.outcome.failure = FAILURE_STATUS;
		refuse(relay, 503, "weir: drill");
	} else if (!rewrite_head(relay, request, client_ip, &fault)) {
		exchange_client_lost(&relay->exchange);
		refuse(relay, fault.status, fault.reason);
	} else if (!write_head(relay, request, options)) {
		exchange_client_lost(&relay->exchange);
		refuse(relay, 431, "the head is too large as the route rewrites it");
	} else {
		relay_connect(relay, false);
		relay->cell = route_stats_cell(relay->route->stats, relay->worker->index,
		    relay->exchange.outcome.path_class, relay->exchange.outcome.arm);
		relay_fetch_counters(relay);
	}
}

static void dispatch(struct relay *relay, struct message *request,
    const struct connection_options *options, const struct router_host *host)
{
	struct client *client = relay->client;
	struct slice client_ip = forwarded_client(request, client_host(client), client->trusted,
	    &client->acceptor->conf.trusted_networks, relay->client_ip);
	struct slice path = message_path(request);
	char max_forwards[MAX_FORWARDS_DIGITS];

	relay->route = find_route(relay, host, path);
	if (relay->route == NULL) {
		refuse(relay, 404, "no route matches this host and path");
	} else if (relay->route->arms[ARM_LEGACY] == NULL) {
		begin_rewrite(relay, request, client_ip);
		relay->route_answers = true;
	} else if (!headers_count_forward(request, max_forwards)) {
		refuse(relay, request->method_id == METHOD_OPTIONS ? 200 : 501,
		    "Max-Forwards ends here, at weir");
	} else {
		forward(relay, request, path, options, client_ip);
	}
}

void relay_begin(struct relay *relay, struct message *request)
{
	struct client *client = relay->client;
	struct connection_options options;
	const struct router_host *host;
	struct h1_fault fault;

	relay->view = worker_view_ref(relay->worker);
	host = route_ahead_settle(
	    &relay->worker->ahead, relay->view->snapshot, request->authority);
	settle_request_id(relay, request);
	/* No body may follow the answer to a HEAD, a refused one's either. */
	relay->exchange.method = request->method_id;
	if (!headers_strip_hop_by_hop(request, &options, &fault)) {
		relay_answer(relay, fault.status, fault.reason);
		return;
	}
	exchange_request_head(&relay->exchange, request, &options);
	client->n_requests++;
	if (client_must_close(client))
		relay->exchange.client_persists = false;
	dispatch(relay, request, &options, host);
}

static const struct server *next_server(struct relay *relay)
{
	const struct upstream *upstream = relay->upstream;
	size_t index = (size_t)(upstream - relay->view->snapshot->upstreams);
	uint32_t *next = &relay->view->next_server[index];
	const struct server *server = upstream->servers[(*next)++ % upstream->n_servers];

	/* Other requests have moved the turn on meanwhile: it may be the one that failed. */
	if (relay->exchange.attempts > 1 && server == relay->tried)
		server = upstream->servers[(*next)++ % upstream->n_servers];
	relay->tried = server;
	return server;
}

void relay_connect(struct relay *relay, bool fresh)
{
	assert(relay->server == NULL);
	relay->exchange.attempts++;
	relay->server_deaf = false;
	relay->response_limits = (struct h1_limits) {
		.max_head_bytes = relay->upstream->conf->max_head_bytes,
		.max_fields = relay->upstream->conf->max_fields,
	};
	relay_expect_response(relay);
	relay->server = server_conn_get(
	    relay->worker, (struct server *)(uintptr_t)next_server(relay), relay, fresh);
	relay->server_waits = (struct relay_waits) { 0 };
	relay->server_eof = false;
	if (relay->server != NULL)
		return;
	/* Out of descriptors, ports or memory: no fault of the server's. */
	if (errno != ECONNREFUSED && errno != ENETUNREACH && errno != EHOSTUNREACH) {
		relay->has_arm = false;
		relay_answer(relay, 503, "weir has no connection left for this request");
	} else {
		relay_server_lost(relay, LOSS_CONNECT);
	}
}

/* A piece of body in weir's own framing. */
static bool forward_body(struct relay *relay, struct slice data)
{
	struct sendq *q = &relay->to_server;
	char head[H1_CHUNK_HEAD_MAX];

	if (!relay->chunked_to_server)
		return sendq_refer(q, data);
	return sendq_copy(q, (struct slice) { head, h1_chunk_head(head, data.len) }) &&
	       sendq_refer(q, data) && sendq_copy(q, SLICE("\r\n"));
}

/* Whether anyone is still there to take the request's body. */
static bool body_is_wanted(const struct relay *relay)
{
	return relay->refusal == 0 && !relay->route_answers && relay->server != NULL &&
	       !relay->server_deaf;
}

static void on_body(struct relay *relay, struct slice data)
{
	exchange_request_body(&relay->exchange);
	if (body_is_wanted(relay) && !forward_body(relay, data))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}

static void on_end(struct relay *relay)
{
	exchange_request_end(&relay->exchange);
	if (body_is_wanted(relay) && relay->chunked_to_server &&
	    !relay_write_last_chunk(relay, &relay->request_parser, &relay->to_server))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}

static void on_fault(struct relay *relay, struct slice input)
{
	const struct h1_fault *fault = &relay->request_parser.fault;

	/* No body may follow the answer to a HEAD, however malformed it was. */
	while (input.len > 0 && (input.data[0] == '\r' || input.data[0] == '\n')) {
		input.data++;
		input.len--;
	}
	if (relay->exchange.request == REQUEST_HEAD && input.len > 5 &&
	    memcmp(input.data, "HEAD ", 5) == 0)
		relay->exchange.method = METHOD_HEAD;
	exchange_client_lost(&relay->exchange);
	relay_answer(relay, fault->status, fault->reason);
}

/* Reads events until the input, the request, or the client's credit is used up. */
static size_t read_events(struct relay *relay, struct slice input)
{
	struct message *message = &relay->worker->message;
	size_t used = 0;

	while (relay->exchange.request != REQUEST_DONE && !relay->client_lost) {
		struct slice rest = { input.data + used, input.len - used };
		struct slice data;
		size_t n;
		enum h1_event event =
		    h1_parser_next(&relay->request_parser, rest, message, &n, &data);

		used += n;
		switch (event) {
		case H1_HEAD: relay_begin(relay, message); break;
		case H1_DATA: on_body(relay, data); break;
		case H1_END: on_end(relay); break;
		case H1_FAULT: on_fault(relay, rest); return input.len;
		case H1_NEED_MORE: return used;
		}
	}
	return used;
}

void relay_feed_request(struct relay *relay, struct slice input)
{
	bool own = buffer_holds(&relay->from_client, input);
	size_t used;

	relay->client_bytes += input.len;
	if (relay->tunnel) {
		if (!sendq_refer(&relay->to_server, input))
			relay_client_lost(relay, CLOSE_NO_MEMORY);
		return;
	}
	used = read_events(relay, input);
	if (relay->route_answers && relay->exchange.response == RESPONSE_WAITING)
		relay_answer_for_route(relay);
	else if (relay->refusal != 0 && relay->exchange.response == RESPONSE_WAITING)
		relay_answer(relay, relay->refusal, relay->refusal_reason);
	if (own)
		relay->client_used = used;
	else if (!buffer_append(&relay->from_client, input.data + used, input.len - used))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}

void relay_client_lost(struct relay *relay, enum close_reason reason)
{
	exchange_client_lost(&relay->exchange);
	if (!relay->client_lost)
		relay->lost_reason = reason;
	relay->client_lost = true;
}
