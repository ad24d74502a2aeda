#include "proxy/relay.h"

#include "proxy/waiting.h"

#include <assert.h>
#include <sys/mman.h>

static void init_for_request(struct relay *relay)
{
	struct client *client = relay->client;
	const struct listen_conf *conf = &client->acceptor->conf;

	relay->server = NULL;
	relay->view = NULL;
	relay->route = NULL;
	relay->cell = NULL;
	relay->upstream = NULL;
	exchange_init(&relay->exchange, worker_now_us(relay->worker));
	relay->request_limits = (struct h1_limits) {
		.max_head_bytes = conf->max_head_bytes,
		.max_fields = conf->max_fields,
		.max_uri_bytes = conf->max_uri_bytes,
	};
	h1_parser_init_request(&relay->request_parser, &relay->request_limits);
	h1_parser_keep_trailers(&relay->request_parser, &relay->request_trailers);
	sendq_reset(&relay->to_server, true, RELAY_KEEP_BYTES);
	relay->to_server.replay_cap = relay_max_buffered(relay);
	relay->client_used = 0;
	relay->server_used = 0;
	relay->client_lost = false;
	relay->server_deaf = false;
	relay->has_arm = false;
	relay->client_waits = (struct relay_waits) { 0 };
	relay->server_waits = (struct relay_waits) { 0 };
	relay->client_bytes = 0;
	relay->client_taken = 0;
	relay->server_bytes = 0;
	relay->chunked_to_server = false;
	relay->tunnel = false;
	relay->pipe = NULL;
	relay->server_eof = false;
	relay->told_client = false;
	relay->told_server = false;
	relay->asked_upgrade = (struct slice) { 0 };
	relay->route_answers = false;
	relay->has_bucket = false;
	relay->refusal = 0;
	relay->n_interim = 0;
	relay->request_id_len = 0;
	relay->issue_cookie_len = 0;
	relay->unseen_class.n = 0;
}

/*
 * A relay and the first memory of its queues, in pages of their own: after a burst
 * they go back to the system whole, whatever small things were allocated between.
 */
enum {
	BLOCK_BYTES = 8192
};
struct block {
	struct relay relay;
	char to_server[2560];
	char to_client[2560];
};
_Static_assert(sizeof(struct block) <= BLOCK_BYTES, "a relay fits its block");

static struct relay *relay_new(struct worker *worker)
{
	/* What waits in a queue is bounded by pausing its source; the caps are a net. */
	enum {
		QUEUE_CAP = 4 * WORKER_READ_BYTES
	};
	struct block *block =
	    mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct relay *relay;

	if (block == MAP_FAILED)
		return NULL;
	relay = &block->relay;
	relay->worker = worker;
	buffer_init(&relay->from_client, QUEUE_CAP);
	buffer_init(&relay->from_server, QUEUE_CAP);
	buffer_init(&relay->request_trailers, QUEUE_CAP);
	buffer_init(&relay->response_trailers, QUEUE_CAP);
	arena_init(&relay->arena, QUEUE_CAP);
	sendq_init(&relay->to_server, QUEUE_CAP, 0);
	sendq_lend(&relay->to_server, block->to_server, sizeof(block->to_server));
	sendq_init(&relay->to_client, QUEUE_CAP, 0);
	sendq_lend(&relay->to_client, block->to_client, sizeof(block->to_client));
	return relay;
}

static void relay_free(struct relay *relay)
{
	buffer_done(&relay->from_client);
	buffer_done(&relay->from_server);
	buffer_done(&relay->request_trailers);
	buffer_done(&relay->response_trailers);
	arena_done(&relay->arena);
	sendq_done(&relay->to_server);
	sendq_done(&relay->to_client);
	munmap(relay, BLOCK_BYTES);
}

struct relay *relay_take(struct worker *worker, struct client *client)
{
	struct relay *relay = worker->spare_relays;

	if (relay != NULL) {
		worker->spare_relays = relay->next_spare;
		worker->n_spare_relays--;
		if (worker->n_spare_relays < worker->fewest_spare_relays)
			worker->fewest_spare_relays = worker->n_spare_relays;
	} else {
		relay = relay_new(worker);
	}
	if (relay == NULL)
		return NULL;
	relay->client = client;
	init_for_request(relay);
	return relay;
}

/* What the exchange has left behind; from_client may hold the next request. */
static void empty(struct relay *relay)
{
	buffer_reset(&relay->from_server, RELAY_KEEP_BYTES);
	buffer_reset(&relay->request_trailers, 0);
	buffer_reset(&relay->response_trailers, 0);
	arena_reset(&relay->arena, RELAY_KEEP_BYTES);
	sendq_reset(&relay->to_server, false, RELAY_KEEP_BYTES);
	sendq_reset(&relay->to_client, false, RELAY_KEEP_BYTES);
}

static void give_back(struct relay *relay)
{
	struct worker *worker = relay->worker;

	buffer_reset(&relay->from_client, RELAY_KEEP_BYTES);
	empty(relay);
	relay->client = NULL;
	relay->next_spare = worker->spare_relays;
	worker->spare_relays = relay;
	worker->n_spare_relays++;
}

void relay_trim_spares(struct worker *worker, uint32_t keep)
{
	while (worker->n_spare_relays > keep) {
		struct relay *relay = worker->spare_relays;

		worker->spare_relays = relay->next_spare;
		worker->n_spare_relays--;
		relay_free(relay);
	}
}

void relay_expect_response(struct relay *relay)
{
	h1_parser_init_response(&relay->response_parser, &relay->response_limits,
	    relay->exchange.method == METHOD_HEAD);
	h1_parser_keep_trailers(&relay->response_parser, &relay->response_trailers);
}

bool relay_write_last_chunk(
    struct relay *relay, const struct h1_parser *parser, struct sendq *q)
{
	const struct route_conf *conf = relay->route->conf;
	struct message *trailers = &relay->worker->message;
	bool to_server = q == &relay->to_server;
	struct buffer section;
	bool ok;

	if (!h1_parser_has_trailers(parser))
		return sendq_copy(q, SLICE(H1_LAST_CHUNK));
	/* What llhttp lets pass and the RFC does not is left behind. */
	if (!h1_parser_trailers(parser, trailers))
		message_clear(trailers);
	headers_strip_trailers(trailers, h1_parser_nominated(parser),
	    !to_server || relay->client->acceptor->conf.underscores == UNDERSCORES_ALLOW);
	rewrite_trailers(
	    to_server ? &conf->request_headers : &conf->response_headers, trailers);
	/* Not into the queue itself, which may hold what is kept for a replay. */
	buffer_init(&section, q->held.cap);
	ok = h1_write_last_chunk(&section, trailers) && sendq_copy(q, buffer_slice(&section));
	buffer_done(&section);
	return ok;
}

bool relay_reads_client(const struct relay *relay)
{
	if (relay->client->eof)
		return false;
	/* What follows a whole request is the next one's, and waits its turn. */
	if (relay->exchange.request == REQUEST_DONE && !relay->tunnel)
		return buffer_len(&relay->from_client) < relay_max_buffered(relay);
	return relay->to_server.pending == 0 && !relay->server_deaf;
}

bool relay_reads_server(const struct relay *relay)
{
	return !relay_client_lags(relay) && !relay->server_eof;
}

static bool write_queue(struct transport *transport, struct sendq *q, uint64_t *written)
{
	struct iovec iov[SENDQ_PARTS_MAX];
	int n_iov = sendq_iov(q, iov);
	size_t n = 0;

	switch (transport_write(transport, iov, n_iov, &n)) {
	case IO_DONE: break;
	case IO_AGAIN: return true;
	default: return false;
	}
	*written += n;
	sendq_sent(q, n);
	return true;
}

static void flush_to_server(struct relay *relay)
{
	struct sendq *q = &relay->to_server;
	struct server_conn *server = relay->server;

	if (server != NULL && server->state == SERVER_BUSY && !relay->server_deaf) {
		if (q->pending > 0 && !write_queue(&server->transport, q, &server->written)) {
			/* Its answer, or why it closed, is still to be read. */
			server_conn_note_reset(server);
			relay->server_deaf = true;
		}
		if (q->pending == 0 && relay->exchange.request == REQUEST_DONE &&
		    relay->exchange.forwarded_us == 0) {
			exchange_forwarded(&relay->exchange, worker_now_us(relay->worker));
			waiting_join(relay);
		}
	}
	/* Until the answer has begun the request may have to be sent again. */
	if ((relay->server_deaf || server == NULL) &&
	    relay->exchange.response != RESPONSE_WAITING)
		sendq_reset(q, false, RELAY_KEEP_BYTES);
	if (!sendq_keep(q))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}

bool relay_can_splice(const struct relay *relay)
{
	return !relay->tunnel && relay->exchange.framing == FRAMING_LENGTH &&
	       relay->exchange.response == RESPONSE_BODY &&
	       relay->client->acceptor->conf.max_piped_bytes >= PIPE_LEAST_BYTES &&
	       h1_parser_body_left(&relay->response_parser) >= PIPE_WORTH_BYTES &&
	       buffer_len(&relay->from_server) == 0;
}

enum io_result relay_splice(struct relay *relay, struct pipe *pipe)
{
	uint64_t left = h1_parser_body_left(&relay->response_parser);
	size_t room = relay->client->acceptor->conf.max_piped_bytes;
	size_t most = left < room ? (size_t)left : room;
	enum io_result result;

	assert(relay->pipe == NULL);
	result = pipe_fill(pipe, &relay->server->transport, most);
	if (result != IO_DONE) {
		pipe_put(&relay->worker->pipes, pipe);
		return result;
	}
	relay->pipe = pipe;
	relay->server_bytes += pipe->n;
	h1_parser_body_passed(&relay->response_parser, pipe->n);
	return IO_DONE;
}

static void drop_pipe(struct relay *relay)
{
	if (relay->pipe != NULL)
		pipe_put(&relay->worker->pipes, relay->pipe);
	relay->pipe = NULL;
}

static void drain_pipe(struct relay *relay)
{
	size_t before = relay->pipe->n;

	switch (pipe_drain(relay->pipe, &relay->client->transport)) {
	case IO_DONE:
		relay->client_taken += before - relay->pipe->n;
		if (relay->pipe->n == 0)
			drop_pipe(relay);
		break;
	case IO_AGAIN: break;
	default: relay_client_lost(relay, CLOSE_BY_CLIENT); break;
	}
}

static void flush_to_client(struct relay *relay)
{
	struct sendq *q = &relay->to_client;

	if (relay->client_lost)
		return;
	if (q->pending > 0 && !write_queue(&relay->client->transport, q, &relay->client_taken))
		relay_client_lost(relay, CLOSE_BY_CLIENT);
	else if (!sendq_keep(q))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
	else if (q->pending == 0 && relay->pipe != NULL)
		drain_pipe(relay);
}

static void consume_input(struct relay *relay)
{
	buffer_consume(&relay->from_client, relay->client_used);
	relay->client_used = 0;
	buffer_consume(&relay->from_server, relay->server_used);
	relay->server_used = 0;
}

void relay_fetch_counters(const struct relay *relay)
{
	const struct route *route = relay->route;

	if (relay->cell == NULL)
		return;
	__builtin_prefetch(route->live);
	route_stats_prefetch(route->stats, relay->cell, relay->exchange.outcome.generation);
}

/* In the worker's own view: nobody looks at an older one any more. NULL: it is not there. */
static atomic_uchar *touched_of(const struct relay *relay)
{
	const struct worker_view *view = relay->worker->view;
	long index = relay->route - relay->view->snapshot->routes;

	if (relay->view != view)
		index = snapshot_find_route(view->snapshot, relay->route->live->name);
	return index >= 0 ? &view->touched[index] : NULL;
}

void relay_touch(struct relay *relay, bool matters)
{
	atomic_uchar *touched = touched_of(relay);
	unsigned sum;

	if (touched == NULL)
		return;
	sum = atomic_load_explicit(touched, memory_order_relaxed);
	if (sum < TOUCH_MOST)
		sum += matters ? TOUCH_MATTERS : TOUCH_REQUEST;
	/* After the counters: who clears it before has yet to read them. */
	atomic_store_explicit(touched, (unsigned char)sum, memory_order_release);
}

void relay_record(struct relay *relay)
{
	struct exchange *ex = &relay->exchange;
	struct route_live *live;
	const struct outcome *outcome;
	uint32_t generation;
	bool urgent;

	waiting_leave(relay);
	if (!relay->has_arm)
		return;
	relay->has_arm = false;
	live = relay->route->live;
	if (relay->unseen_class.n > 0 && path_class_deserves_slot(ex->outcome.status))
		ex->outcome.path_class =
		    (uint8_t)path_class_intern(live->path_classes, &relay->unseen_class);
	outcome = exchange_outcome(ex, worker_now_us(relay->worker));
	generation = atomic_load_explicit(&live->generation, memory_order_relaxed);
	urgent = route_stats_record(live->stats, relay->worker->index, generation, outcome);
	relay_touch(relay, outcome->failure != FAILURE_NONE);
	if (urgent)
		worker_wake_control(relay->worker);
}

void relay_release_server(struct relay *relay, bool reusable)
{
	struct server_conn *server = relay->server;

	relay->server = NULL;
	if (server == NULL)
		return;
	if (reusable)
		server_conn_put(server, relay->upstream->conf->max_idle,
		    relay->upstream->conf->keepalive_timeout_ms);
	else
		server_conn_close(server);
}

/* The exchange is over: counted, and nothing of it remains but the client. */
static void finish(struct relay *relay)
{
	relay_record(relay);
	drop_pipe(relay);
	relay_release_server(relay, false);
	if (relay->view != NULL)
		worker_view_unref(relay->view);
	relay->view = NULL;
}

static void end_with_client(struct relay *relay, enum close_reason reason)
{
	struct client *client = relay->client;
	bool abruptly = relay->exchange.response == RESPONSE_BROKEN &&
			relay->exchange.framing == FRAMING_CLOSE;

	finish(relay);
	client->relay = NULL;
	give_back(relay);
	if (abruptly)
		client_reset(client, reason);
	else
		client_close(client, reason);
}

enum settled {
	SETTLED_WAITS, /* for one of its connections */
	SETTLED_NEXT,  /* over; the client has sent more already */
	SETTLED_GONE,  /* over; the relay has been given back */
};

/* The server has answered early and reads on: it gets what the client has sent. */
static bool upload_goes_on(const struct relay *relay)
{
	const struct exchange *ex = &relay->exchange;

	return relay->server != NULL && relay->server->state == SERVER_BUSY &&
	       !relay->server_deaf && relay->to_server.pending > 0 &&
	       ex->response == RESPONSE_DONE && !ex->local && !exchange_awaits_continue(ex);
}

static enum settled settle(struct relay *relay)
{
	struct exchange *ex = &relay->exchange;
	struct client *client = relay->client;
	bool persists, all_read;

	if (client->eof && ex->request != REQUEST_DONE)
		relay_client_lost(relay, CLOSE_BY_CLIENT);
	if (relay->client_lost) {
		end_with_client(relay, relay->lost_reason);
		return SETTLED_GONE;
	}
	if (relay->tunnel) {
		if (!relay_tunnel_is_over(relay))
			return SETTLED_WAITS;
		end_with_client(relay, CLOSE_DONE);
		return SETTLED_GONE;
	}
	if (!exchange_is_over(ex, relay->server != NULL && !relay->server_deaf) ||
	    upload_goes_on(relay))
		return SETTLED_WAITS;
	if (ex->response == RESPONSE_BROKEN) {
		end_with_client(relay, CLOSE_CUT);
		return SETTLED_GONE;
	}
	if (relay_client_lags(relay))
		return SETTLED_WAITS;
	persists = ex->client_persists;
	all_read = ex->request == REQUEST_DONE && buffer_len(&relay->from_client) == 0;
	finish(relay);
	if (persists && !all_read) {
		empty(relay);
		init_for_request(relay);
		return SETTLED_NEXT;
	}
	client->relay = NULL;
	give_back(relay);
	client_exchange_done(client, persists, all_read);
	return SETTLED_GONE;
}

/* Reading is watched again as soon as it is wanted, given up when it disturbs. */
static bool watch(struct transport *transport, bool reads, bool writes)
{
	short wanted = transport->watched & EV_READ;

	if (reads)
		wanted |= EV_READ;
	if (writes)
		wanted |= EV_WRITE;
	return transport_watch(transport, wanted);
}

static bool watch_both(struct relay *relay)
{
	struct server_conn *server = relay->server;

	if (server != NULL && server->state == SERVER_BUSY &&
	    !watch(&server->transport, relay_reads_server(relay),
		relay->to_server.pending > 0 && !relay->server_deaf))
		return false;
	return watch(
	    &relay->client->transport, relay_reads_client(relay), relay_client_lags(relay));
}

void relay_run(struct relay *relay)
{
	for (;;) {
		flush_to_server(relay);
		flush_to_client(relay);
		consume_input(relay);
		switch (settle(relay)) {
		case SETTLED_GONE: return;
		case SETTLED_NEXT:
			relay_feed_request(relay, buffer_slice(&relay->from_client));
			continue;
		case SETTLED_WAITS: break;
		}
		break;
	}
	if (watch_both(relay)) {
		relay_set_deadlines(relay);
		return;
	}
	relay_client_lost(relay, CLOSE_NO_MEMORY);
	settle(relay);
}
