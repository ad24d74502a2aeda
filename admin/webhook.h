/*
 * Webhooks: notices as JSON POSTs, and the gates' questions. Nothing here blocks: the
 * transfers, their time limits and their retries are events of the control's loop.
 *
 * Notices    each webhook has a queue, sent in order, one at a time. A status 2xx ends
 *            the sending; 408, 429, 5xx and failures of the network are tried again,
 *            `attempts` times in all, with growing pauses (Retry-After is heeded);
 *            anything else, and a redirect, is given up at once. A queue that is full
 *            loses its oldest notice, and says so in the log.
 * Questions  each by itself, ahead of the notices, with the same retries. Leave is
 *            given by a 2xx, unless its JSON body says {"allow": false}; it is refused
 *            so, or by 403 or 409. Whatever else happens is no answer, and no leave.
 * Trust      https is verified against the system's authorities and the host name;
 *            redirects are not followed; of an answer at most 64 KiB are read. URLs and
 *            secrets are never logged: they may be credentials.
 *
 * Thread     the control thread's, except webhook_set_new().
 * Ownership  webhooks copy what they send.
 */
#ifndef ADMIN_WEBHOOK_H
#define ADMIN_WEBHOOK_H

#include "admin/notice.h"
#include "base/error.h"
#include "conf/config.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct webhooks;
struct webhook_set;

struct webhooks_options {
	const char *ca_file;         /* PEM; NULL: the system's authorities */
	uint32_t pause_ms;           /* before the second attempt; doubles with each */
	uint32_t pause_max_ms;       /* and no longer than this */
	uint32_t retry_after_max_ms; /* the longest that a receiver can put weir off */
	size_t queue_max;            /* notices per webhook */
};

/* 1 s, 5 min, 15 min, 1,000. */
extern const struct webhooks_options webhooks_default_options;

/* NULL: err says why. `base` must outlive it. */
__attribute__((warn_unused_result)) struct webhooks *webhooks_new(
    struct event_base *base, const struct webhooks_options *options, struct error *err);

/* Whatever is still queued is dropped, and no question is answered any more. */
void webhooks_free(struct webhooks *hooks);

/*
 * Build, then swap: everything that can fail about new settings, such as an URL or a
 * secret file, fails here. NULL: err says why. Any thread's.
 */
__attribute__((warn_unused_result)) struct webhook_set *webhook_set_new(
    const struct webhook_conf *confs, size_t n, struct error *err);
void webhook_set_free(struct webhook_set *set);

/*
 * The webhooks from now on; takes the set, and reads the authorities for https anew. One of the
 * same name keeps its queue, and its next attempt goes by the new settings. What is queued for
 * one that is gone is dropped, with a line in the log; its questions get no leave.
 */
void webhooks_take_over(struct webhooks *hooks, struct webhook_set *set);

/* Queues the notice for each of these; one that is not known is passed over. */
void webhooks_tell(struct webhooks *hooks, const struct webhook_conf *const *confs, size_t n,
    const struct notice *notice);

/* How a gate's question ended: for whom it was asked, and the answer. */
struct webhook_answer {
	const char *webhook; /* name */
	const char *route;
	const char *release;
	uint32_t ask;
	bool allowed;
	bool answered;     /* else `allowed` is false for want of an answer */
	const char *words; /* what it said, which may be "", or "no answer: ..." */
};
typedef void webhook_answer_fn(void *arg, const struct webhook_answer *answer);

struct webhook_ask {
	const struct webhook_conf *conf;
	const struct notice *question; /* of notice_of_gate() */
	uint32_t number;               /* release_step.gate_ask; comes back as `ask` */
	webhook_answer_fn *answer;
	void *arg;
};

/*
 * Asks whether a release may go on. The answer always comes later, from the loop, when
 * the release may have changed or gone: look it up by the answer's names. While the
 * same number of the same release is being asked already, nothing is done. False where
 * it cannot be asked: err says why, and no answer comes.
 */
__attribute__((warn_unused_result)) bool webhooks_ask(
    struct webhooks *hooks, const struct webhook_ask *ask, struct error *err);

struct webhook_stats {
	const char *name;   /* NULL in the total */
	uint64_t pending;   /* notices queued, the one being sent included */
	uint64_t delivered; /* since the start, as the next two */
	uint64_t failed;    /* given up */
	uint64_t dropped;   /* for want of room, or with their webhook */
	uint64_t questions; /* open */
};

/* Of all webhooks, those of the past included. */
struct webhook_stats webhooks_total(const struct webhooks *hooks);

/* How many there are, and the statistics of one by its index. */
size_t webhooks_n(const struct webhooks *hooks);
struct webhook_stats webhooks_stats(const struct webhooks *hooks, size_t i);

/*
 * At the end: what is queued is sent without pauses, one attempt each; questions are
 * withdrawn. done() is called once, from the loop: when everything has been sent, or
 * after patience_ms. A second call does nothing.
 */
typedef void webhooks_done_fn(void *arg);
void webhooks_stop(
    struct webhooks *hooks, uint32_t patience_ms, webhooks_done_fn *done, void *arg);

/*
 * The pause before the next attempt after `made` of them have failed, in ms:
 * pause_ms x 2^(made - 1) within pause_max_ms, made longer or shorter by up to a
 * quarter by `random` (any 32 bits); but retry_after_ms, within retry_after_max_ms,
 * where that is longer.
 */
uint64_t webhook_pause_ms(const struct webhooks_options *options, uint32_t made,
    uint64_t retry_after_ms, uint32_t random);

#endif
