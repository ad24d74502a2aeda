/*
 * One POST to a webhook: name resolved, connected, verified, sent, answered.
 *
 *   start ─► resolve ─► connect (TLS) ─► send ─► status ─► body ─► done()
 *     └──────────┴─────────────┴───────────┴────────┴── time limit, failure ──► done()
 *
 * Thread     the control's; everything happens in events of its loop, done() too.
 * Time       one limit for all of it.
 * Ownership  done() is the attempt's last act: it frees itself after. Until then
 *            webhook_attempt_cancel() ends it without done().
 */
#ifndef ADMIN_WEBHOOK_ATTEMPT_H
#define ADMIN_WEBHOOK_ATTEMPT_H

#include "admin/webhook_target.h"
#include "base/error.h"
#include "base/slice.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the attempts of a process share: TLS and the resolver. */
struct webhook_net;
struct webhook_attempt;

/* NULL when out of memory. */
__attribute__((warn_unused_result)) struct webhook_net *webhook_net_new(
    struct event_base *base);

/*
 * Makes https possible, or reads the authorities anew. ca_file: PEM of those to
 * believe; NULL: the system's. False: err says why, and it stays as it was.
 */
__attribute__((warn_unused_result)) bool webhook_net_use_tls(
    struct webhook_net *net, const char *ca_file, struct error *err);

/* No attempt may be under way. */
void webhook_net_free(struct webhook_net *net);

enum {
	WEBHOOK_ANSWER_MAX_BYTES = 64 * 1024,
};

/* How it ended. With a status there was an answer, whatever became of its body. */
struct webhook_result {
	unsigned status;         /* 0: none */
	bool whole;              /* the body has come whole, and is in `body` */
	struct slice body;       /* valid in done() */
	uint64_t retry_after_ms; /* 0: not asked for */
	struct error err;        /* without a status, or not whole: what went wrong */
};
typedef void webhook_attempt_done_fn(void *arg, const struct webhook_result *result);

struct webhook_post {
	const struct webhook_target *target; /* needed by webhook_attempt_start() alone */
	const char *event;                   /* "rollback" */
	const char *id;
	const char *body;
	size_t body_len;
	unsigned turn;       /* which of the host's addresses to try: the attempts made */
	bool wants_body;     /* else the status ends it */
	uint64_t now_wall_s; /* against which a date in Retry-After is held */
};

/* NULL only when out of memory; every other failure comes by done(), later. */
__attribute__((warn_unused_result)) struct webhook_attempt *webhook_attempt_start(
    struct webhook_net *net, const struct webhook_post *post, webhook_attempt_done_fn *done,
    void *arg);

void webhook_attempt_cancel(struct webhook_attempt *attempt);

/* Retry-After (RFC 9110 10.2.3), seconds or a date, in ms; 0 where it is neither. */
uint64_t webhook_retry_after_ms(struct slice value, uint64_t now_wall_s);

#endif
