/*
 * A connection from a client. Between exchanges it is this and nothing more:
 * buffers and parsers are the relay's, which it borrows with the first byte of
 * a request.
 *
 *     IDLE ◄──► EXCHANGE ──► LINGER ──► closed (freed)
 *       └───────────┴──────────────────►
 *
 * LINGER: the answer is sent and our side closed; what the client still sends is
 * read and dropped, lest a reset destroy the answer (RFC 9112 9.6): for a moment, and
 * for as long as the client takes what of the answer is still with our kernel.
 *
 * Thread     one worker's. Ownership: the worker's list; freed by client_close().
 */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "proxy/deadline.h"
#include "proxy/transport.h"
#include "proxy/worker.h"

#include <netinet/in.h>

enum client_state {
	CLIENT_IDLE,
	CLIENT_EXCHANGE,
	CLIENT_LINGER,
};

/* Why a client's connection was closed: the log's words. */
enum close_reason {
	CLOSE_BY_CLIENT, /* the client closed, or reset */
	CLOSE_DONE,      /* the answer said so */
	CLOSE_IDLE,      /* keepalive_timeout */
	CLOSE_TIMEOUT,   /* header, body or write timeout */
	CLOSE_REFUSED,   /* what it sent was refused */
	CLOSE_CUT,       /* the upstream failed inside an answer */
	CLOSE_SHUTDOWN,  /* weir ends, or does not listen there any more */
	CLOSE_NO_MEMORY,
	CLOSE_REASONS, /* how many */
};

struct client {
	struct transport transport;
	struct deadline deadline;
	struct acceptor *acceptor; /* a reference */
	struct worker *worker;
	struct relay *relay; /* in EXCHANGE */
	struct client *newer, *older;
	enum client_state state;
	bool eof;                 /* it will send no more */
	uint16_t n_lingered;      /* reads in LINGER */
	enum close_reason reason; /* in LINGER */
	uint32_t unsent; /* in LINGER: bytes that the client's kernel has not acknowledged */
	uint32_t n_requests;
	bool trusted; /* its X-Forwarded-* are believed */
	uint8_t host_len;
	char host[INET6_ADDRSTRLEN]; /* its address: "192.0.2.7" */
};

/* Takes the descriptor, also where it fails. */
void client_accept(struct acceptor *acceptor, int fd, const struct address *peer);

void client_close(struct client *client, enum close_reason reason);
/* Likewise with a reset, where a plain close would pass for the end of an answer. */
void client_reset(struct client *client, enum close_reason reason);

/*
 * The relay has finished and is gone: keep the connection, linger, or close. persists:
 * the client was not told otherwise, and may be sending its next request already.
 */
void client_exchange_done(struct client *client, bool persists, bool all_read);

/* weir ends: a request that an idle client has sent, or is sending, is its last. */
void client_serve_last(struct client *client);

/* Whether its X-Forwarded-* are believed, as its acceptor's configuration has it now. */
void client_settle_trust(struct client *client);

/* Its deadline has passed. */
void client_expired(struct client *client);

/* No next request is to be served on it. */
bool client_must_close(const struct client *client);

/* Its address, as in X-Forwarded-For. */
static inline struct slice client_host(const struct client *client)
{
	return (struct slice) { client->host, client->host_len };
}

const char *close_reason_name(enum close_reason reason);

#endif
