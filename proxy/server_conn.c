#include "proxy/server_conn.h"

#include "proxy/relay.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pool *pool_of(const struct server_conn *conn)
{
	return &conn->server->pools[conn->worker->index];
}

/* One door: all that is BUSY or IDLE came through here. */
static void set_state(struct server_conn *conn, enum server_conn_state next)
{
	assert(next != SERVER_CONNECTING && next != conn->state);
	assert(conn->state != SERVER_CONNECTING || next == SERVER_BUSY);
	conn->state = next;
}

static void free_conn(struct server_conn *conn)
{
	deadline_clear(&conn->deadline);
	transport_close(&conn->transport);
	slab_give(&conn->worker->server_conn_memory, conn);
}

void server_conn_close(struct server_conn *conn)
{
	if (conn->state == SERVER_IDLE)
		pool_remove(pool_of(conn), conn);
	free_conn(conn);
}

static void on_connected(struct server_conn *conn)
{
	struct relay *relay = conn->relay;

	if (transport_error(&conn->transport) != 0 ||
	    !transport_watch(&conn->transport, EV_READ)) {
		relay_server_lost(relay, LOSS_CONNECT);
		relay_run(relay);
		return;
	}
	set_state(conn, SERVER_BUSY);
	relay_run(relay);
}

/* While idle nothing is expected but its end. */
static void on_idle_readable(struct server_conn *conn)
{
	size_t n;

	if (transport_read(&conn->transport, conn->worker->scratch, 1, &n) != IO_AGAIN)
		server_conn_close(conn);
}

static bool room_for_input(struct relay *relay, char **at, size_t *size)
{
	struct buffer *buffer = &relay->from_server;
	enum {
		AT_ONCE = 8192
	};
	size_t most = relay_max_buffered(relay);

	if (buffer_len(buffer) == 0) {
		*at = relay->worker->scratch + WORKER_HEAD_ROOM;
		*size = most;
		return true;
	}
	if (!buffer_reserve(buffer, AT_ONCE))
		return false;
	*at = buffer->data + buffer->end;
	*size = most < AT_ONCE ? most : AT_ONCE;
	return true;
}

void server_conn_note_reset(struct server_conn *conn)
{
	conn->reset = true;
	/* Behind a FIN Linux reports a reset so (tcp_reset()). */
	conn->fin = conn->fin || errno == EPIPE;
}

/* Where a reset was reported already, what looks like a FIN is none. */
static void note_fin(struct server_conn *conn)
{
	if (!conn->reset)
		conn->fin = true;
}

static void on_eof(struct server_conn *conn)
{
	note_fin(conn);
	relay_server_eof(conn->relay);
}

/* A large body goes from socket to socket; END needs no more bytes. */
static void on_spliceable(struct relay *relay, struct pipe *pipe)
{
	switch (relay_splice(relay, pipe)) {
	case IO_AGAIN: return;
	case IO_EOF: on_eof(relay->server); break;
	case IO_ERROR:
		server_conn_note_reset(relay->server);
		relay_server_lost(relay, LOSS_CLOSED);
		break;
	case IO_DONE:
		relay_feed_response(relay, (struct slice) { relay->worker->scratch, 0 });
		break;
	}
	relay_run(relay);
}

static void on_readable(struct server_conn *conn)
{
	struct relay *relay = conn->relay;
	struct pipe *pipe;
	char *at;
	size_t size, n;

	if (!relay_reads_server(relay)) {
		/* It comes again and again until it is read: look away meanwhile. */
		if (!transport_watch(&conn->transport, conn->transport.watched & EV_WRITE))
			relay_client_lost(relay, CLOSE_NO_MEMORY);
		relay_run(relay);
		return;
	}
	pipe = relay_can_splice(relay) ? pipe_take(&relay->worker->pipes) : NULL;
	if (pipe != NULL) {
		on_spliceable(relay, pipe);
		return;
	}
	relay_fetch_counters(relay);
	if (!room_for_input(relay, &at, &size)) {
		relay_client_lost(relay, CLOSE_NO_MEMORY);
		relay_run(relay);
		return;
	}
	switch (transport_read(&conn->transport, at, size, &n)) {
	case IO_AGAIN: return;
	case IO_EOF: on_eof(conn); break;
	case IO_ERROR:
		server_conn_note_reset(conn);
		relay_server_lost(relay, LOSS_CLOSED);
		break;
	case IO_DONE:
		if (at == relay->worker->scratch + WORKER_HEAD_ROOM) {
			relay_feed_response(relay, (struct slice) { at, n });
		} else {
			buffer_added(&relay->from_server, n);
			relay_feed_response(relay, buffer_slice(&relay->from_server));
		}
		break;
	}
	relay_run(relay);
}

/*
 * It was readable before it was given this request: the server has closed it, or
 * has sent what nobody asked for, which is no answer to anything.
 */
static void on_stale(struct server_conn *conn)
{
	struct relay *relay = conn->relay;
	char byte;

	switch (transport_peek(&conn->transport, &byte)) {
	case IO_EOF: on_eof(conn); break;
	case IO_ERROR:
		server_conn_note_reset(conn);
		relay_server_lost(relay, LOSS_CLOSED);
		break;
	default: relay_server_lost(relay, LOSS_CLOSED); break; /* it may read the request */
	}
	relay_run(relay);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct server_conn *conn = arg;

	(void)fd;
	if (conn->state == SERVER_CONNECTING)
		on_connected(conn);
	else if (conn->state == SERVER_IDLE)
		on_idle_readable(conn);
	else if (conn->reused && conn->taken_turn == conn->worker->turn)
		on_stale(conn);
	else if (what & EV_READ)
		on_readable(conn);
	else
		relay_run(conn->relay);
}

/* A non-blocking connect; *under_way where it is not through at once. */
static int begin_connect(const struct address *address, bool *under_way)
{
	int fd =
	    socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int error;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*under_way = false;
	if (connect(fd, (const struct sockaddr *)&address->storage, address->len) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*under_way = true;
		return fd;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static struct server_conn *connect_new(
    struct worker *worker, struct server *server, struct relay *relay)
{
	struct server_conn *conn = slab_take(&worker->server_conn_memory);
	bool under_way;
	int fd;

	if (conn == NULL)
		return NULL;
	fd = begin_connect(&server->address, &under_way);
	if (fd < 0) {
		int error = errno;

		slab_give(&worker->server_conn_memory, conn);
		errno = error;
		return NULL;
	}
	conn->worker = worker;
	conn->server = server;
	conn->relay = relay;
	conn->state = under_way ? SERVER_CONNECTING : SERVER_BUSY;
	deadline_init(&conn->deadline);
	if (!transport_open(&conn->transport, worker->base, fd, under_way ? EV_WRITE : EV_READ,
		on_event, conn)) {
		free_conn(conn);
		return NULL;
	}
	return conn;
}

struct server_conn *server_conn_get(
    struct worker *worker, struct server *server, struct relay *relay, bool fresh)
{
	struct server_conn *conn = fresh ? NULL : pool_take(&server->pools[worker->index]);

	if (conn == NULL)
		return connect_new(worker, server, relay);
	set_state(conn, SERVER_BUSY);
	conn->relay = relay;
	conn->written_before = conn->written;
	conn->taken_turn = worker->turn;
	return conn;
}

void server_conn_put(struct server_conn *conn, uint32_t max_idle, uint32_t idle_timeout_ms)
{
	struct worker *worker = conn->worker;
	uint32_t current = worker->view->snapshot->generation;

	/* A server that is no longer configured gets no more requests. */
	if (worker->stopping ||
	    atomic_load_explicit(&conn->server->generation, memory_order_relaxed) < current ||
	    !transport_watch(&conn->transport, EV_READ) ||
	    !pool_put(pool_of(conn), conn, max_idle)) {
		free_conn(conn);
		return;
	}
	set_state(conn, SERVER_IDLE);
	conn->relay = NULL;
	conn->reused = true;
	deadline_set(&worker->server_deadlines, &conn->deadline,
	    worker_now_ms(worker) + idle_timeout_ms);
}

static bool wrote_nothing(const struct server_conn *conn)
{
	return conn->state != SERVER_BUSY || conn->written == conn->written_before;
}

/* The handshake's SYN counts as one byte. */
static bool acknowledged_some(struct server_conn *conn)
{
	return transport_bytes_acked(&conn->transport) > conn->written_before + 1;
}

/*
 * Nothing was, where nothing could be written; and where the server's FIN came first,
 * then a reset, and no byte of this exchange was acknowledged: nobody was there to read.
 * A FIN alone says nothing of what is still read, nor a reset alone of what was.
 */
bool server_conn_delivered(struct server_conn *conn)
{
	if (wrote_nothing(conn))
		return false;
	return !conn->fin || !conn->reset || acknowledged_some(conn);
}

bool server_conn_doubt(struct server_conn *conn)
{
	if (conn->in_doubt || !conn->fin || wrote_nothing(conn))
		return false;
	conn->reset = conn->reset || transport_error(&conn->transport) != 0;
	conn->in_doubt =
	    !conn->reset && !acknowledged_some(conn) && transport_watch(&conn->transport, 0);
	return conn->in_doubt;
}

void server_conn_expired(struct server_conn *conn)
{
	struct relay *relay = conn->relay;

	if (conn->state == SERVER_IDLE) {
		server_conn_close(conn);
		return;
	}
	if (conn->in_doubt) {
		conn->reset = transport_error(&conn->transport) != 0;
		relay_server_lost(relay, LOSS_CLOSED);
		relay_run(relay);
		return;
	}
	relay_server_lost(
	    relay, conn->state == SERVER_CONNECTING ? LOSS_CONNECT_TIMEOUT : LOSS_TIMEOUT);
	relay_run(relay);
}

void server_conns_close_idle(struct server *server, size_t worker)
{
	while (server->pools[worker].newest != NULL)
		server_conn_close(server->pools[worker].newest);
}
