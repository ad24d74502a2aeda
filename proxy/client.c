#include "proxy/client.h"

#include "base/log.h"
#include "proxy/relay.h"

#include <assert.h>
#include <unistd.h>

enum {
	/* How long, and how much, a refused client is listened to. */
	LINGER_MS = 2000,
	LINGER_READS = 64,
	/* How long an idle client's next request is waited for when weir ends. */
	LAST_REQUEST_MS = 500,
	READ_MORE_BYTES = 8192,
	/* What leaves at once (RFC 6928), though it is not acknowledged yet. */
	ONE_FLIGHT_BYTES = 14600,
};

const char *close_reason_name(enum close_reason reason)
{
	static const char *const names[CLOSE_REASONS] = {
		[CLOSE_BY_CLIENT] = "client",
		[CLOSE_DONE] = "done",
		[CLOSE_IDLE] = "idle",
		[CLOSE_TIMEOUT] = "timeout",
		[CLOSE_REFUSED] = "refused",
		[CLOSE_CUT] = "upstream_cut",
		[CLOSE_SHUTDOWN] = "shutdown",
		[CLOSE_NO_MEMORY] = "no_memory",
	};

	return names[reason];
}

/* One door: the states as drawn in the header. */
static void set_state(struct client *client, enum client_state next)
{
	assert(client->state != next && client->state != CLIENT_LINGER);
	client->worker->n_exchanges += next == CLIENT_EXCHANGE;
	client->worker->n_exchanges -= client->state == CLIENT_EXCHANGE;
	client->state = next;
}

static void unlink_client(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->newer != NULL)
		client->newer->older = client->older;
	else
		worker->clients = client->older;
	if (client->older != NULL)
		client->older->newer = client->newer;
	worker->n_clients--;
	worker->n_exchanges -= client->state == CLIENT_EXCHANGE;
}

static void link_client(struct client *client)
{
	struct worker *worker = client->worker;

	client->older = worker->clients;
	if (worker->clients != NULL)
		worker->clients->newer = client;
	worker->clients = client;
	worker->n_clients++;
	worker_make_room(worker);
}

static void leave(struct client *client, enum close_reason reason)
{
	struct worker *worker = client->worker;
	struct acceptor *acceptor = client->acceptor;

	assert(client->relay == NULL);
	log_debug("client closed address=%.*s reason=%s requests=%u", (int)client->host_len,
	    client->host, close_reason_name(reason), client->n_requests);
	deadline_clear(&client->deadline);
	unlink_client(client);
	slab_give(&worker->client_memory, client);
	acceptor->n_clients--;
	acceptor_unref(acceptor);
	worker_check_end(worker);
}

void client_close(struct client *client, enum close_reason reason)
{
	transport_close(&client->transport);
	leave(client, reason);
}

void client_reset(struct client *client, enum close_reason reason)
{
	transport_reset(&client->transport);
	leave(client, reason);
}

bool client_must_close(const struct client *client)
{
	const struct listen_conf *conf = &client->acceptor->conf;

	return client->worker->stopping || client->acceptor->listener == NULL ||
	       (conf->max_requests > 0 && client->n_requests >= conf->max_requests);
}

static void linger(struct client *client, enum close_reason reason)
{
	set_state(client, CLIENT_LINGER);
	client->reason = reason;
	client->n_lingered = 0;
	client->unsent = UINT32_MAX;
	transport_shutdown_write(&client->transport);
	if (!transport_watch(&client->transport, EV_READ)) {
		client_close(client, CLOSE_NO_MEMORY);
		return;
	}
	deadline_set(&client->worker->client_deadlines, &client->deadline,
	    worker_now_ms(client->worker) + LINGER_MS);
}

static void idle(struct client *client)
{
	struct worker *worker = client->worker;
	uint32_t patience_ms =
	    worker->stopping ? LAST_REQUEST_MS : client->acceptor->conf.keepalive_timeout_ms;

	set_state(client, CLIENT_IDLE);
	if (!transport_watch(&client->transport, EV_READ)) {
		client_close(client, CLOSE_NO_MEMORY);
		return;
	}
	deadline_set(
	    &worker->client_deadlines, &client->deadline, worker_now_ms(worker) + patience_ms);
}

/* What it may still send then: a reset, its answer, destroys what has not left yet. */
static bool may_be_closed(struct client *client, bool all_read)
{
	return client->eof ||
	       (all_read && transport_unsent(&client->transport) <= ONE_FLIGHT_BYTES);
}

void client_exchange_done(struct client *client, bool persists, bool all_read)
{
	/* Also where none but its next request will be served: that answer will say so. */
	if (persists && !client->eof) {
		idle(client);
	} else if (may_be_closed(client, all_read)) {
		client_close(client, CLOSE_DONE);
	} else {
		linger(client, all_read ? CLOSE_DONE : CLOSE_REFUSED);
	}
}

/*
 * Of its next request nothing has come but empty lines, as some put behind a body
 * (RFC 9112 2.2): it is idle, and would take a 408 for the answer to what it sends next.
 */
static bool has_begun_no_request(const struct relay *relay)
{
	struct slice read = buffer_slice(&relay->from_client);

	if (relay->exchange.request != REQUEST_HEAD)
		return false;
	while (read.len > 0 && (read.data[0] == '\r' || read.data[0] == '\n')) {
		read.data++;
		read.len--;
	}
	return read.len == 0;
}

/* It may be slow, as long as it takes something. */
static void linger_on(struct client *client)
{
	uint32_t before = client->unsent;

	client->unsent = transport_unsent(&client->transport);
	client->n_lingered = 0;
	if (client->unsent == 0 || client->unsent >= before ||
	    !transport_watch(&client->transport, EV_READ)) {
		client_close(client, client->reason);
		return;
	}
	deadline_set(&client->worker->client_deadlines, &client->deadline,
	    worker_now_ms(client->worker) + LINGER_MS);
}

void client_expired(struct client *client)
{
	struct relay *relay = client->relay;

	switch (client->state) {
	case CLIENT_IDLE: client_close(client, CLOSE_IDLE); return;
	case CLIENT_LINGER: linger_on(client); return;
	case CLIENT_EXCHANGE: break;
	}
	/* Who does not take an answer would not take this one either. */
	if (has_begun_no_request(relay)) {
		relay_client_lost(relay, CLOSE_IDLE);
	} else if (relay->exchange.response == RESPONSE_WAITING &&
		   relay->to_client.pending == 0) {
		exchange_client_lost(&relay->exchange);
		relay_answer(relay, 408, "the request did not arrive in time");
	} else {
		relay_client_lost(relay, CLOSE_TIMEOUT);
	}
	relay_run(relay);
}

static void on_linger_readable(struct client *client)
{
	size_t n;

	switch (transport_read(
	    &client->transport, client->worker->scratch, sizeof(client->worker->scratch), &n)) {
	case IO_AGAIN: return;
	case IO_DONE:
		if (++client->n_lingered < LINGER_READS)
			return;
		/* Enough of that; the rest waits with its kernel while it takes its answer. */
		if (transport_unsent(&client->transport) > 0 &&
		    transport_watch(&client->transport, 0))
			return;
		break;
	default: break;
	}
	client_close(client, client->reason);
}

static void on_eof(struct client *client)
{
	if (client->relay == NULL) {
		client_close(client, CLOSE_BY_CLIENT);
		return;
	}
	client->eof = true;
	if (!transport_watch(&client->transport, client->transport.watched & EV_WRITE))
		relay_client_lost(client->relay, CLOSE_NO_MEMORY);
	relay_run(client->relay);
}

static void on_error(struct client *client)
{
	if (client->relay == NULL) {
		client_close(client, CLOSE_BY_CLIENT);
		return;
	}
	relay_client_lost(client->relay, CLOSE_BY_CLIENT);
	relay_run(client->relay);
}

/* The first bytes of a request: buffers and parsers are borrowed from now on. */
static bool begin_exchange(struct client *client)
{
	struct relay *relay = relay_take(client->worker, client);

	if (relay == NULL) {
		client_close(client, CLOSE_NO_MEMORY);
		return false;
	}
	set_state(client, CLIENT_EXCHANGE);
	client->relay = relay;
	worker_make_room(client->worker);
	return true;
}

static void on_readable(struct client *client)
{
	struct worker *worker = client->worker;
	struct relay *relay = client->relay;
	char *at = worker->scratch;
	size_t size = client->acceptor->conf.max_buffered_bytes;
	size_t n;

	if (relay != NULL && buffer_len(&relay->from_client) > 0) {
		if (!buffer_reserve(&relay->from_client, READ_MORE_BYTES)) {
			on_error(client);
			return;
		}
		at = relay->from_client.data + relay->from_client.end;
		size = size < READ_MORE_BYTES ? size : READ_MORE_BYTES;
	}
	switch (transport_read(&client->transport, at, size, &n)) {
	case IO_AGAIN: return;
	case IO_EOF: on_eof(client); return;
	case IO_ERROR: on_error(client); return;
	case IO_DONE: break;
	}
	if (relay == NULL) {
		route_ahead_peek(
		    &worker->ahead, worker->view->snapshot, (struct slice) { at, n });
		if (!begin_exchange(client)) {
			route_ahead_forget(&worker->ahead);
			return;
		}
		route_ahead_guess(&worker->ahead, worker->view->snapshot);
		relay = client->relay;
	}
	if (at == worker->scratch) {
		relay_feed_request(relay, (struct slice) { at, n });
	} else {
		buffer_added(&relay->from_client, n);
		relay_feed_request(relay, buffer_slice(&relay->from_client));
	}
	route_ahead_forget(&worker->ahead);
	relay_run(relay);
}

void client_serve_last(struct client *client)
{
	char byte;

	switch (transport_peek(&client->transport, &byte)) {
	case IO_DONE: on_readable(client); break;
	case IO_AGAIN:
		deadline_set(&client->worker->client_deadlines, &client->deadline,
		    worker_now_ms(client->worker) + LAST_REQUEST_MS);
		break;
	default: client_close(client, CLOSE_BY_CLIENT); break;
	}
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	struct relay *relay = client->relay;

	(void)fd;
	if (client->state == CLIENT_LINGER) {
		on_linger_readable(client);
	} else if (relay != NULL && (what & EV_WRITE)) {
		relay_run(relay);
	} else if (relay != NULL && !relay_reads_client(relay)) {
		/* It comes again and again until it is read: look away meanwhile. */
		if (!transport_watch(&client->transport, client->transport.watched & EV_WRITE))
			relay_client_lost(relay, CLOSE_NO_MEMORY);
		relay_run(relay);
	} else {
		on_readable(client);
	}
}

void client_settle_trust(struct client *client)
{
	struct ip_address ip;

	client->trusted = ip_address_parse(client_host(client), &ip) &&
			  network_set_has(&client->acceptor->conf.trusted_networks, &ip);
}

void client_accept(struct acceptor *acceptor, int fd, const struct address *peer)
{
	struct worker *worker = acceptor->worker;
	struct client *client = slab_take(&worker->client_memory);
	char host[ADDRESS_TEXT_SIZE];

	if (client == NULL) {
		close(fd);
		return;
	}
	client->worker = worker;
	client->state = CLIENT_IDLE;
	deadline_init(&client->deadline);
	if (!transport_open(&client->transport, worker->base, fd, EV_READ, on_event, client)) {
		close(fd);
		slab_give(&worker->client_memory, client);
		return;
	}
	address_format_host(peer, host);
	client->host_len = (uint8_t)strnlen(host, sizeof(client->host));
	memcpy(client->host, host, client->host_len);
	client->trusted = network_set_has_address(&acceptor->conf.trusted_networks, peer);
	client->acceptor = acceptor;
	acceptor->refs++;
	acceptor->n_clients++;
	link_client(client);
	deadline_set(&worker->client_deadlines, &client->deadline,
	    worker_now_ms(worker) + acceptor->conf.header_timeout_ms);
}
