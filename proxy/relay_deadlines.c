#include "proxy/relay.h"

enum {
	/* A server's own patience with a client is hardly less, a pause of the network's is. */
	STALL_MS = 1000,
};

/* For how long a side is waited for, and how far it has come. 0 ms: it is not. */
struct patience {
	uint32_t ms;
	uint64_t progress;
	bool with_server; /* which waits as well */
};

static struct patience client_sends(const struct relay *relay)
{
	const struct exchange *ex = &relay->exchange;

	/* A head's time runs from its first byte, however many follow. */
	if (ex->request == REQUEST_HEAD)
		return (struct patience) { relay->client->acceptor->conf.header_timeout_ms, 0,
			false };
	if (relay->tunnel && relay->to_client.pending == 0)
		return (struct patience) { relay->upstream->conf->tunnel_timeout_ms,
			relay->client_bytes + relay->client_taken, false };
	if (ex->request == REQUEST_BODY && relay->to_server.pending == 0 &&
	    !exchange_awaits_continue(ex))
		return (struct patience) { relay->client->acceptor->conf.body_timeout_ms,
			relay->client_bytes, true };
	return (struct patience) { 0 };
}

static struct patience client_takes(const struct relay *relay)
{
	if (!relay_client_lags(relay))
		return (struct patience) { 0 };
	return (struct patience) { relay->client->acceptor->conf.write_timeout_ms,
		relay->client_taken, true };
}

static struct patience server_sends(const struct relay *relay)
{
	const struct upstream_conf *conf = relay->upstream->conf;
	const struct exchange *ex = &relay->exchange;
	const struct server_conn *server = relay->server;

	if (server->state == SERVER_CONNECTING)
		return (struct patience) { conf->connect_timeout_ms, 0, false };
	if (server->in_doubt)
		return (struct patience) { SERVER_DOUBT_MS, 0, false };
	if (relay->to_server.pending > 0)
		return (struct patience) { 0 };
	/* Of its head no byte counts but the last: only an interim response is progress. */
	if (exchange_awaits_continue(ex) ||
	    (ex->request == REQUEST_DONE && ex->response == RESPONSE_WAITING))
		return (struct patience) { conf->response_timeout_ms,
			server->written + relay->n_interim, false };
	if (ex->request != REQUEST_DONE || relay_client_lags(relay) || relay->tunnel)
		return (struct patience) { 0 };
	return (struct patience) { conf->body_timeout_ms, relay->server_bytes, false };
}

static struct patience server_takes(const struct relay *relay)
{
	if (relay->server->state != SERVER_BUSY || relay->to_server.pending == 0 ||
	    relay->server_deaf)
		return (struct patience) { 0 };
	return (struct patience) { relay->upstream->conf->write_timeout_ms,
		relay->server->written, false };
}

/* Up to now: the longest that it has been waited for. */
static uint32_t longest_ms(const struct relay_wait *wait, uint64_t now_ms)
{
	uint64_t began_ms = wait->due_ms - wait->patience_ms;

	if (wait->patience_ms == 0 || !wait->with_server ||
	    now_ms < began_ms + wait->longest_ms)
		return wait->longest_ms;
	return (uint32_t)(now_ms - began_ms);
}

bool relay_client_stalls(const struct relay *relay)
{
	const struct relay_waits *waits = &relay->client_waits;
	uint64_t now_ms = worker_now_ms(relay->worker);

	if (relay->exchange.request != REQUEST_DONE &&
	    longest_ms(&waits->sends, now_ms) >= STALL_MS)
		return true;
	return relay->exchange.response == RESPONSE_BODY &&
	       longest_ms(&waits->takes, now_ms) >= STALL_MS;
}

/* When it is over: from the last progress on, so that other events do not put it off. */
static uint64_t due_ms(struct relay_wait *wait, uint64_t now_ms, struct patience patience)
{
	if (patience.ms != wait->patience_ms || patience.progress != wait->progress)
		*wait = (struct relay_wait) {
			.patience_ms = patience.ms,
			.longest_ms = longest_ms(wait, now_ms),
			.with_server = patience.with_server,
			.progress = patience.progress,
			.due_ms = now_ms + patience.ms,
		};
	return patience.ms > 0 ? wait->due_ms : UINT64_MAX;
}

static void set(struct deadlines *all, struct deadline *deadline, struct relay_waits *waits,
    uint64_t now_ms, struct patience sends, struct patience takes)
{
	uint64_t sent = due_ms(&waits->sends, now_ms, sends);
	uint64_t taken = due_ms(&waits->takes, now_ms, takes);
	uint64_t due = sent < taken ? sent : taken;

	if (due == waits->due_ms)
		return;
	waits->due_ms = due;
	if (due == UINT64_MAX)
		deadline_stop(deadline);
	else
		deadline_set(all, deadline, due);
}

void relay_set_deadlines(struct relay *relay)
{
	struct worker *worker = relay->worker;
	uint64_t now_ms = worker_now_ms(worker);

	set(&worker->client_deadlines, &relay->client->deadline, &relay->client_waits, now_ms,
	    client_sends(relay), client_takes(relay));
	if (relay->server != NULL)
		set(&worker->server_deadlines, &relay->server->deadline, &relay->server_waits,
		    now_ms, server_sends(relay), server_takes(relay));
}
