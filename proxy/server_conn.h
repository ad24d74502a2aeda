/*
 * A connection to a server of an upstream: connecting, at work for one relay,
 * or idle in its server's pool.
 *
 *     CONNECTING ──► BUSY ◄──► IDLE
 *          └───────────┴─────────┴──► closed (freed)
 *
 * Thread     one worker's.
 * Ownership  a relay owns the one it works with; the pool owns idle ones.
 */
#ifndef PROXY_SERVER_CONN_H
#define PROXY_SERVER_CONN_H

#include "proxy/deadline.h"
#include "proxy/snapshot.h"
#include "proxy/transport.h"

struct relay;
struct worker;

enum server_conn_state {
	SERVER_CONNECTING,
	SERVER_BUSY,
	SERVER_IDLE,
};

struct server_conn {
	struct transport transport;
	struct deadline deadline;
	struct worker *worker;
	struct server *server;
	struct relay *relay; /* while CONNECTING or BUSY */
	enum server_conn_state state;
	uint32_t taken_turn;     /* the turn of the loop in which this exchange got it */
	bool reused;             /* has served an exchange before this one */
	bool fin;                /* it has closed its side in good order */
	bool reset;              /* it has reset the connection */
	bool in_doubt;           /* a FIN came, and whether a reset follows is waited for */
	uint64_t written;        /* bytes, since it was connected */
	uint64_t written_before; /* when this exchange began */
	struct server_conn *newer, *older; /* in the pool */
};

/*
 * A connection for the relay: an idle one, or a new one under way (state says
 * which). fresh: only a new one. NULL where connecting failed at once: see errno.
 */
struct server_conn *server_conn_get(
    struct worker *worker, struct server *server, struct relay *relay, bool fresh);

/* Back into the pool, or closed where the pool has enough or is not to be filled. */
void server_conn_put(struct server_conn *conn, uint32_t max_idle, uint32_t idle_timeout_ms);

void server_conn_close(struct server_conn *conn);

/* Whether any byte written in this exchange may have reached the server's process. */
bool server_conn_delivered(struct server_conn *conn);

/* A read or a write has failed with this errno. */
void server_conn_note_reset(struct server_conn *conn);

/*
 * It has closed its side, and it cannot be told yet whether it reads on. True where that
 * is worth SERVER_DOUBT_MS: nothing is read or written meanwhile, then its deadline passes.
 */
enum {
	SERVER_DOUBT_MS = 200
};
__attribute__((warn_unused_result)) bool server_conn_doubt(struct server_conn *conn);

/* Its deadline has passed. */
void server_conn_expired(struct server_conn *conn);

/* Closes what is idle in this worker's pool of that server. */
void server_conns_close_idle(struct server *server, size_t worker);

#endif
