/*
 * One exchange carried between its two connections: codecs, queues and buffers
 * on one side, the exchange's decisions on the other.
 *
 *     client ─► from_client ─► request_parser ─► exchange ─► to_server ─► server
 *     client ◄─ to_client ◄─── exchange ◄─ response_parser ◄─ from_server ◄─ server
 *
 * Back-pressure: neither side is read while what it sent last still waits for
 * the other side to take it.
 *
 * Thread     one worker's.
 * Ownership  borrowed from the worker (relay_take) and given back with its memory
 *            (relay_finish), so that a steady state allocates nothing.
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/h1_parser.h"
#include "proxy/pipe.h"
#include "proxy/rewrite.h"
#include "proxy/sendq.h"
#include "proxy/server_conn.h"

enum {
	/* Sizes up to this stay with a spare relay. */
	RELAY_KEEP_BYTES = 8192,
	RELAY_COOKIE_MAX = 192, /* with a name of ISSUE_NAME_MAX and all its attributes */
};

/* What a side is waited for: its time begins anew when either changes. */
struct relay_wait {
	uint32_t patience_ms; /* 0: none */
	uint32_t longest_ms;  /* that it took while the server waited, too: of past ones */
	bool with_server;     /* the server waits for it as well */
	uint64_t progress;
	uint64_t due_ms;
};

/* The two things at once: that it sends something, and that it takes what waits for it. */
struct relay_waits {
	struct relay_wait sends, takes;
	uint64_t due_ms; /* what its connection's deadline is set to; 0: not by this exchange */
};

struct relay {
	struct relay *next_spare;
	struct relay *next_waiting; /* proxy/waiting.h */
	struct relay *prev_waiting;
	bool is_waiting;
	struct worker *worker;
	struct client *client;
	struct server_conn *server; /* NULL: none (yet, or any more) */
	struct worker_view *view;   /* a reference, from the request's head on */
	const struct route *route;  /* NULL before, and where none matched */
	const struct cell *cell;    /* where it will likely be counted; NULL: not known */
	const struct upstream *upstream;
	const struct server *tried; /* of the upstream's, last */
	struct exchange exchange;

	struct h1_parser request_parser;
	struct h1_parser response_parser;
	struct h1_limits request_limits;
	struct h1_limits response_limits;
	struct buffer from_client; /* read, not used yet */
	struct buffer from_server;
	struct sendq to_server;
	struct pipe *pipe; /* behind to_client: a large body's bytes; NULL: none */
	struct sendq to_client;

	struct relay_waits client_waits;
	struct relay_waits server_waits;
	uint64_t client_bytes; /* read from it */
	uint64_t client_taken; /* written to it */
	uint64_t server_bytes; /* read from it */
	size_t client_used;    /* of from_client: to be consumed after the flush */
	size_t server_used;    /* likewise of from_server */
	bool client_lost;
	enum close_reason lost_reason;
	bool server_deaf; /* nothing is written to it any more; its answer may still come */
	bool has_arm;     /* an arm was chosen: the outcome is counted */
	bool chunked_to_server;
	bool tunnel;      /* upgraded: bytes pass both ways unread */
	bool server_eof;  /* the server will send no more */
	bool told_client; /* of a tunnel: our side to the client is closed */
	bool told_server;
	uint16_t refusal; /* status that weir answers once the request is read */
	const char *refusal_reason;
	bool route_answers; /* likewise, as the route says: a redirect or a fixed answer */
	unsigned n_interim;
	struct assignment assignment;
	struct path_class_name unseen_class;
	char request_id[REQUEST_ID_MAX];
	size_t request_id_len;
	char issue_cookie[RELAY_COOKIE_MAX];
	size_t issue_cookie_len;
	struct slice asked_upgrade; /* the protocols, in the arena; empty: none */
	struct buffer request_trailers;
	struct buffer response_trailers;
	struct arena arena; /* bytes made for the fields of this exchange */
	struct rewrite_context rewrite;
	char client_ip[ADDRESS_TEXT_SIZE]; /* behind trusted proxies */
	uint32_t bucket;
	bool has_bucket;
};

/* A fresh one for the client's next request; NULL when out of memory. */
struct relay *relay_take(struct worker *worker, struct client *client);

/* Frees the spare ones beyond `keep`. */
void relay_trim_spares(struct worker *worker, uint32_t keep);

/*
 * Bytes have come: in the relay's own buffer (then they are consumed once what
 * refers to them is sent), or elsewhere (then what is not used is copied).
 * relay_run() must follow before those bytes go away.
 */
void relay_feed_request(struct relay *relay, struct slice input);
void relay_feed_response(struct relay *relay, struct slice input);

/* The server has closed: it will send no more. */
void relay_server_eof(struct relay *relay);

/* The client's connection has failed or stalled: the exchange ends. */
void relay_client_lost(struct relay *relay, enum close_reason reason);

/* The server's connection has failed. */
void relay_server_lost(struct relay *relay, enum server_loss loss);

/* weir's own answer, or the end where another has begun. */
void relay_answer(struct relay *relay, uint16_t status, const char *reason);

/* The answer of a route that redirects or answers by itself. */
void relay_answer_for_route(struct relay *relay);

/*
 * All that can be done now: writes what waits, keeps what cannot be written,
 * ends the exchange if it is over and goes on with the next one that the client
 * has sent already. Every event ends with it. The relay may be gone afterwards,
 * and the client with it.
 */
void relay_run(struct relay *relay);

/*
 * Whether the response body's next bytes can go through a pipe, and their move
 * into it: as a read from the server.
 */
bool relay_can_splice(const struct relay *relay);
enum io_result relay_splice(struct relay *relay, struct pipe *pipe);

/* For a read from either side: max_buffered of the listener that the client came by. */
static inline size_t relay_max_buffered(const struct relay *relay)
{
	return relay->client->acceptor->conf.max_buffered_bytes;
}

/* Whether to read from that side now. */
bool relay_reads_client(const struct relay *relay);
bool relay_reads_server(const struct relay *relay);

/* Between the relay's own files: */

/* The request's head is read: route it and begin to forward, or refuse it. */
void relay_begin(struct relay *relay, struct message *request);

/* Connects to a server of the relay's upstream; fresh: not one from the pool. */
void relay_connect(struct relay *relay, bool fresh);

/* The next response head is awaited. */
void relay_expect_response(struct relay *relay);

/* The end of a chunked body, with the trailer fields that may go on. */
__attribute__((warn_unused_result)) bool relay_write_last_chunk(
    struct relay *relay, const struct h1_parser *parser, struct sendq *q);

/* Bytes wait for the client to take them. */
static inline bool relay_client_lags(const struct relay *relay)
{
	return relay->to_client.pending > 0 || relay->pipe != NULL;
}

/* For how long each side is waited for now. */
void relay_set_deadlines(struct relay *relay);

/* Whether the client has kept the server waiting for a second or more. */
bool relay_client_stalls(const struct relay *relay);

/* Of one route among thousands they are cold: when the request goes, and as the response comes.
 */
void relay_fetch_counters(const struct relay *relay);

/* Counts the outcome, once. */
void relay_record(struct relay *relay);

/*
 * Something was counted on the relay's route: the control thread is to look at it, at
 * its next tick where it matters.
 */
void relay_touch(struct relay *relay, bool matters);

/* The server has answered 101: from here on bytes pass as they are. */
__attribute__((warn_unused_result)) bool relay_open_tunnel(
    struct relay *relay, struct message *answer);

/* Passes on that a side has closed. True where the tunnel is at its end. */
__attribute__((warn_unused_result)) bool relay_tunnel_is_over(struct relay *relay);

/* Ends the work with the server's connection: into the pool if it can be reused. */
void relay_release_server(struct relay *relay, bool reusable);

#endif
