/*
 * One notice or question on its way to a webhook, until it is delivered or given up.
 *
 *   IDLE ──start──► SENDING ──► done()
 *                    │   ▲
 *                    ▼   │ the pause is over
 *                   PAUSING
 *
 * Thread     the control's.
 * Ownership  the owner's, who frees it in done() at the latest, or after; its name and
 *            target are the webhook's, and may be changed while it is not SENDING.
 */
#ifndef ADMIN_WEBHOOK_DELIVERY_H
#define ADMIN_WEBHOOK_DELIVERY_H

#include "admin/notice.h"
#include "admin/webhook.h"
#include "admin/webhook_attempt.h"
#include "admin/webhook_leave.h"

#include <sys/queue.h>

enum delivery_end {
	DELIVERY_DONE,    /* of a question: leave is given */
	DELIVERY_REFUSED, /* of a question: leave is not given */
	DELIVERY_GIVEN_UP,
};

struct webhook_delivery;

/* why: what the answer gave as its reason, or why it was given up; may be "". */
typedef void webhook_delivery_done_fn(
    struct webhook_delivery *delivery, enum delivery_end end, const char *why);

/* What all deliveries share. */
struct webhook_sender {
	void *owner; /* for done() */
	struct event_base *base;
	struct webhook_net *net;
	struct webhooks_options options;
	bool is_ending; /* nothing is tried again */
	webhook_delivery_done_fn *done;
};

struct webhook_question;
struct webhook_hook;

struct webhook_delivery {
	TAILQ_ENTRY(webhook_delivery) link; /* the owner's; and so the next two */
	struct webhook_hook *hook;
	struct webhook_question *question; /* NULL: a notice */
	const struct webhook_sender *sender;
	const char *name; /* of the webhook */
	const struct webhook_target *target;
	enum notice_event event;
	char id[NOTICE_ID_SIZE];
	char *body;
	size_t body_len;
	uint32_t made;                   /* attempts that have ended */
	struct webhook_attempt *attempt; /* while SENDING */
	struct event *pause;             /* pending while PAUSING */
};

/* IDLE; NULL when out of memory. */
__attribute__((warn_unused_result)) struct webhook_delivery *webhook_delivery_new(
    const struct webhook_sender *sender, const struct notice *notice);

/* Whatever its state; done() is not called. The question stays the owner's. */
void webhook_delivery_free(struct webhook_delivery *delivery);

/* The next attempt, now: out of IDLE, or of PAUSING before its time. */
void webhook_delivery_start(struct webhook_delivery *delivery);

/* Back to IDLE: done() is not called. */
void webhook_delivery_halt(struct webhook_delivery *delivery);

bool webhook_delivery_is_idle(const struct webhook_delivery *delivery);
bool webhook_delivery_is_pausing(const struct webhook_delivery *delivery);

#endif
