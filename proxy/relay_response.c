#include "proxy/relay.h"
#include "proxy/waiting.h"

#include <assert.h>

/* More interim responses than any server has reason to send. */
enum {
	INTERIM_MAX = 32
};

static bool refuse(struct relay *relay)
{
	relay_server_lost(relay, LOSS_MALFORMED);
	return false;
}

/*
 * By the route's rules. What they make of what the client sent may be too large: that is
 * not the arm's failure.
 */
static bool rewrite(struct relay *relay, struct message *response)
{
	struct h1_fault fault;

	if (!relay->route->rewrites_response ||
	    rewrite_response(&relay->rewrite, response, &relay->arena, &fault))
		return true;
	exchange_client_lost(&relay->exchange);
	relay_answer(relay, fault.status, fault.reason);
	return false;
}

/* Passed on, and then the next head is awaited (RFC 9110 15.2). */
static bool on_interim(struct relay *relay, struct message *interim)
{
	struct sendq *q = &relay->to_client;

	if (!rewrite(relay, interim))
		return false;
	if (interim->status == 101)
		return relay_open_tunnel(relay, interim) || refuse(relay);
	if (++relay->n_interim > INTERIM_MAX)
		return refuse(relay);
	exchange_interim(&relay->exchange);
	if (exchange_passes_interim(&relay->exchange, interim->status)) {
		if (!h1_write_interim(&q->held, interim)) {
			relay_client_lost(relay, CLOSE_NO_MEMORY);
			return false;
		}
		sendq_written(q);
	}
	relay_expect_response(relay);
	return true;
}

/* The statuses that count as a failure, as far as this one may be among them. */
static const struct status_set *failures_of(
    const struct route *route, const struct message *response)
{
	static const struct status_set none;
	bool some = (route->failure_classes >> (response->status / 100 & 7) & 1) != 0;

	return some ? &route->conf->failure_status : &none;
}

/* Where the outcome will be counted, if this turn of the loop sees the end of it. */
static void fetch_histograms(const struct relay *relay)
{
	const struct exchange *ex = &relay->exchange;
	uint64_t now_us = ex->first_byte_us;

	if (relay->has_arm && now_us > ex->forwarded_us)
		route_stats_prefetch_latency(
		    relay->cell, now_us - ex->forwarded_us, now_us - ex->started_us);
}

/* The head in weir's own framing; false where the exchange cannot go on. */
static bool on_head(struct relay *relay, struct message *response)
{
	struct exchange *ex = &relay->exchange;
	struct sendq *q = &relay->to_client;
	struct connection_options options;
	struct response_context context;
	const struct field *upgrade;
	struct h1_fault fault;

	if (!headers_strip_hop_by_hop(response, &options, &fault))
		return refuse(relay);
	if (response->status < 200)
		return on_interim(relay, response);
	if (!rewrite(relay, response))
		return false;
	if (client_must_close(relay->client))
		ex->client_persists = false;
	exchange_response_head(ex, response, &options, failures_of(relay->route, response));
	fetch_histograms(relay);
	if (ex->framing != FRAMING_CHUNKED)
		headers_drop(response, FIELD_BIT(FIELD_TRAILER));
	context = (struct response_context) {
		.framing = ex->framing,
		.close = !ex->client_persists,
		.keep_alive = ex->client_persists && ex->client_minor == 0,
		.date = worker_date(relay->worker),
		.issue_cookie = { relay->issue_cookie, relay->issue_cookie_len },
	};
	/* What it wants instead is part of this answer (RFC 9110 15.5.22). */
	upgrade = response->status == 426 ? message_find(response, FIELD_UPGRADE) : NULL;
	if (upgrade != NULL)
		context.upgrade = upgrade->value;
	if (!h1_write_response_head(&q->held, response, &context)) {
		relay_client_lost(relay, CLOSE_NO_MEMORY);
		return false;
	}
	sendq_written(q);
	return true;
}

/* Behind the head that was read before it, the new one is written in its place. */
static bool refer_body(struct relay *relay, struct slice data)
{
	char *scratch = relay->worker->scratch;

	if (data.data < scratch || data.data >= scratch + sizeof(relay->worker->scratch))
		return sendq_refer(&relay->to_client, data);
	return sendq_refer_behind(&relay->to_client, data, scratch);
}

static bool on_body(struct relay *relay, struct slice data)
{
	struct sendq *q = &relay->to_client;
	char head[H1_CHUNK_HEAD_MAX];
	bool ok;

	if (relay->exchange.framing != FRAMING_CHUNKED)
		ok = refer_body(relay, data);
	else
		ok = sendq_copy(q, (struct slice) { head, h1_chunk_head(head, data.len) }) &&
		     refer_body(relay, data) && sendq_copy(q, SLICE("\r\n"));
	if (!ok)
		relay_client_lost(relay, CLOSE_NO_MEMORY);
	return ok;
}

/* clean: nothing has come behind the response, so the connection is in step. */
static void on_end(struct relay *relay, bool clean)
{
	struct exchange *ex = &relay->exchange;

	if (ex->framing == FRAMING_CHUNKED &&
	    !relay_write_last_chunk(relay, &relay->response_parser, &relay->to_client))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
	exchange_response_end(ex);
	/* While the request is still on its way the server keeps its connection. */
	if (ex->request == REQUEST_DONE && relay->to_server.pending == 0)
		relay_release_server(
		    relay, clean && ex->server_persists && !relay->server_deaf);
}

static size_t read_events(struct relay *relay, struct slice input)
{
	struct message *message = &relay->worker->message;
	size_t used = 0;
	bool go_on = true;

	while (go_on && relay->exchange.response <= RESPONSE_BODY && !relay->tunnel) {
		struct slice rest = { input.data + used, input.len - used };
		struct slice data;
		size_t n;
		enum h1_event event;

		/* Of the final answer, where an interim one came in the same piece. */
		if (rest.len > 0 && relay->exchange.first_byte_us == 0)
			exchange_first_byte(&relay->exchange, worker_now_us(relay->worker));
		event = h1_parser_next(&relay->response_parser, rest, message, &n, &data);

		used += n;
		switch (event) {
		case H1_HEAD: go_on = on_head(relay, message); break;
		case H1_DATA: go_on = on_body(relay, data); break;
		case H1_END: on_end(relay, used == input.len); break;
		case H1_FAULT: go_on = refuse(relay); break;
		case H1_NEED_MORE: return used;
		}
	}
	return relay->tunnel ? used : input.len;
}

void relay_feed_response(struct relay *relay, struct slice input)
{
	bool own = buffer_holds(&relay->from_server, input);
	size_t used;

	relay->server_bytes += input.len;
	sendq_forget(&relay->to_server);
	used = read_events(relay, input);
	if (relay->tunnel) {
		struct slice rest = { input.data + used, input.len - used };

		if (!sendq_refer(&relay->to_client, rest))
			relay_client_lost(relay, CLOSE_NO_MEMORY);
		used = input.len;
	}
	if (own)
		relay->server_used = used;
	else if (!buffer_append(&relay->from_server, input.data + used, input.len - used))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}

/* Whether the request would be repeated if only it were certain that nobody reads it. */
static bool is_doubtful(struct relay *relay)
{
	return relay->exchange.response == RESPONSE_WAITING && relay->server != NULL &&
	       relay->server->reused && !method_is_idempotent(relay->exchange.method) &&
	       !h1_parser_begun(&relay->response_parser) && relay->n_interim == 0 &&
	       relay->to_server.replayable && server_conn_doubt(relay->server);
}

/* A write has failed, and what looks like the end of a stream is where it was cut. */
static bool was_reset(const struct relay *relay)
{
	return relay->server != NULL && relay->server->reset && !relay->server->fin;
}

void relay_server_eof(struct relay *relay)
{
	if (relay->tunnel) {
		relay->server_eof = true;
		return;
	}
	if (is_doubtful(relay)) {
		relay->server_eof = true;
		relay->server_deaf = true;
		return;
	}
	if (relay->exchange.response == RESPONSE_BODY && !was_reset(relay) &&
	    h1_parser_eof(&relay->response_parser)) {
		relay->exchange.server_persists = false;
		on_end(relay, false);
		if (relay->server != NULL)
			relay_release_server(relay, false);
		return;
	}
	relay_server_lost(relay, LOSS_CLOSED);
}

void relay_server_lost(struct relay *relay, enum server_loss loss)
{
	struct server_conn *server = relay->server;
	struct sendq *q = &relay->to_server;
	bool sent = server != NULL && server->written > server->written_before;
	struct loss_facts facts = {
		.reused = server != NULL && server->reused,
		.response_begun =
		    h1_parser_begun(&relay->response_parser) || relay->n_interim > 0,
		.delivered = server != NULL && server_conn_delivered(server),
		.replayable = !sent || q->replayable,
		.others = relay->upstream->n_servers > 1,
		.client_stalled = relay_client_stalls(relay),
		.waited_us = (uint64_t)relay->upstream->conf->connect_timeout_ms * 1000,
	};

	relay_release_server(relay, false);
	if (relay->tunnel)
		return;
	switch (exchange_server_lost(&relay->exchange, loss, &facts)) {
	case STEP_RETRY:
		if (sent)
			sendq_rewind(q);
		relay->exchange.forwarded_us = 0;
		waiting_leave(relay);
		relay_connect(relay, true);
		break;
	case STEP_ANSWER:
		relay_answer(
		    relay, relay->exchange.answer_status, relay->exchange.answer_reason);
		break;
	case STEP_ABORT:
	case STEP_FINISH: break;
	}
}
