/*
 * One request and its answer on their way through weir: two halves, each with
 * its own state, and the decisions that depend on both.
 *
 *     request:   HEAD ──► BODY ──► DONE          (as read from the client)
 *                  └───────────────►
 *
 *     response:  WAITING ──► BODY ──► DONE       (as queued for the client)
 *                   │          └────► BROKEN     the head went out, the rest failed
 *                   └───────────────► DONE       no body, or weir's own answer
 *
 * The answer may come, and end, while the request is still being sent.
 *
 * Sans-IO; time is an argument. It knows no connection: what it is told comes
 * from relay, what it decides relay carries out.
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "base/message.h"
#include "conf/config.h"
#include "metrics/outcome.h"
#include "proxy/h1_writer.h"
#include "proxy/headers.h"

enum request_state {
	REQUEST_HEAD,
	REQUEST_BODY,
	REQUEST_DONE,
};

enum response_state {
	RESPONSE_WAITING,
	RESPONSE_BODY,
	RESPONSE_DONE,
	RESPONSE_BROKEN,
};

/* How a server failed. */
enum server_loss {
	LOSS_CONNECT, /* refused, unreachable */
	LOSS_CONNECT_TIMEOUT,
	LOSS_CLOSED,    /* end of file, reset */
	LOSS_TIMEOUT,   /* no answer, or one that stalled; or it takes no bytes */
	LOSS_MALFORMED, /* not HTTP, or against its rules */
};

/* What to do about it. */
enum exchange_step {
	STEP_RETRY,  /* the same bytes again, on a fresh connection */
	STEP_ANSWER, /* tell the client: exchange->answer_status and _reason */
	STEP_ABORT,  /* the client has part of an answer: close, so that it knows */
	STEP_FINISH, /* the client has its whole answer: nothing is lost */
};

/* What is known about the connection that was lost. */
struct loss_facts {
	bool reused;         /* it had served an exchange before */
	bool response_begun; /* a byte of the answer had come */
	bool delivered;      /* a byte of the request may have reached the server */
	bool replayable;     /* all that was sent is still there */
	bool others;         /* the upstream has other servers */
	bool client_stalled; /* the client has kept the server waiting for long */
	uint64_t waited_us;  /* with LOSS_CONNECT_TIMEOUT */
};

struct exchange {
	enum request_state request;
	enum response_state response;

	uint8_t client_minor;
	enum method_id method;
	bool body_begun; /* a byte of the request's body has come */
	bool expects_continue;
	bool continued;       /* a 100 went to the client */
	bool client_persists; /* the client's connection may serve another request */
	bool server_persists; /* likewise the server's */
	bool local;           /* the answer is weir's own */
	bool client_gone;

	enum response_framing framing;
	uint16_t answer_status; /* with STEP_ANSWER */
	const char *answer_reason;
	unsigned attempts; /* connections tried */

	uint64_t started_us;    /* first byte of the request */
	uint64_t waited_us;     /* for a server that took no connection; another was tried */
	uint64_t forwarded_us;  /* its last byte was sent on, less that wait; 0 before */
	uint64_t first_byte_us; /* of the response; 0 before */
	struct outcome outcome; /* filled in as facts come; complete once it is over */
};

enum {
	EXCHANGE_ATTEMPTS_MAX = 3
};

void exchange_init(struct exchange *ex, uint64_t now_us);

/* The head was read; options are what its Connection field said. */
void exchange_request_head(struct exchange *ex, const struct message *request,
    const struct connection_options *options);
void exchange_request_body(struct exchange *ex);
void exchange_request_end(struct exchange *ex);

/* All of the request is with the server's kernel. */
void exchange_forwarded(struct exchange *ex, uint64_t now_us);

/* The first byte of an answer has come; */
void exchange_first_byte(struct exchange *ex, uint64_t now_us);
/* but of an interim one: the answer is still awaited. */
void exchange_interim(struct exchange *ex);

/*
 * A final response head was read: settles the framing towards the client and
 * which connections persist. failures: the statuses that count as one.
 */
void exchange_response_head(struct exchange *ex, const struct message *response,
    const struct connection_options *options, const struct status_set *failures);
void exchange_response_end(struct exchange *ex);

/* The server changes protocols as it was asked to: the exchange goes on as a tunnel. */
void exchange_upgrade(struct exchange *ex);

/* Whether an interim response (1xx) is passed on (RFC 9110 15.2). */
bool exchange_passes_interim(struct exchange *ex, uint16_t status);

/* The client holds its body back until the server has said 100, or answered. */
bool exchange_awaits_continue(const struct exchange *ex);

/* weir answers itself; the client's connection persists only if it can. */
void exchange_answer_locally(struct exchange *ex, uint16_t status);

/*
 * The server failed: what now? Keeps the failure for the outcome unless it is a retry. A
 * server that closes on a client which stalls has not failed: it is as if the client had
 * gone, for any client could bring a failure about so.
 */
enum exchange_step exchange_server_lost(
    struct exchange *ex, enum server_loss loss, const struct loss_facts *facts);

/* The client closed, stalled, or sent what is not HTTP: no failure of the arm's. */
void exchange_client_lost(struct exchange *ex);

/* No more will be read or sent for it; server_there: its connection is still open. */
bool exchange_is_over(const struct exchange *ex, bool server_there);

/* The outcome with its times, once it is over. */
const struct outcome *exchange_outcome(struct exchange *ex, uint64_t now_us);

#endif
