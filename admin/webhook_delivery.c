#include "admin/webhook_delivery.h"

#include "base/clock.h"
#include "base/log.h"

#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_SIZE = WEBHOOK_WHY_SIZE + 64
};

void webhook_delivery_halt(struct webhook_delivery *delivery)
{
	if (delivery->attempt != NULL)
		webhook_attempt_cancel(delivery->attempt);
	delivery->attempt = NULL;
	if (delivery->pause != NULL)
		evtimer_del(delivery->pause);
}

void webhook_delivery_free(struct webhook_delivery *delivery)
{
	webhook_delivery_halt(delivery);
	if (delivery->pause != NULL)
		event_free(delivery->pause);
	free(delivery->body);
	free(delivery);
}

bool webhook_delivery_is_pausing(const struct webhook_delivery *delivery)
{
	return evtimer_pending(delivery->pause, NULL);
}

bool webhook_delivery_is_idle(const struct webhook_delivery *delivery)
{
	return delivery->attempt == NULL && !webhook_delivery_is_pausing(delivery);
}

static uint64_t pause_of(const struct webhook_delivery *delivery, uint64_t retry_after_ms)
{
	uint32_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return webhook_pause_ms(
	    &delivery->sender->options, delivery->made, retry_after_ms, random);
}

uint64_t webhook_pause_ms(const struct webhooks_options *options, uint32_t made,
    uint64_t retry_after_ms, uint32_t random)
{
	uint64_t pause_ms = options->pause_ms;

	for (uint32_t i = 1; i < made && pause_ms < options->pause_max_ms; i++)
		pause_ms *= 2;
	if (pause_ms > options->pause_max_ms)
		pause_ms = options->pause_max_ms;
	/* Three quarters, and up to a half more: receivers are not hit in step. */
	pause_ms = pause_ms - pause_ms / 4 + (pause_ms / 2) * (random >> 16) / 0xffff;
	if (retry_after_ms > options->retry_after_max_ms)
		retry_after_ms = options->retry_after_max_ms;
	return pause_ms > retry_after_ms ? pause_ms : retry_after_ms;
}

static bool is_success(unsigned status)
{
	return status >= 200 && status < 300;
}

/* A failure that another attempt may not meet. */
static bool may_pass(unsigned status)
{
	return status == 0 || status == 408 || status == 429 || status >= 500;
}

static void describe(const struct webhook_result *result, char words[WORDS_SIZE])
{
	const char *problem = result->err.text;

	if (result->status == 0 || (result->status < 300 && problem[0] != '\0'))
		snprintf(words, WORDS_SIZE, "%.*s", WEBHOOK_WHY_SIZE, problem);
	else
		snprintf(words, WORDS_SIZE, "HTTP status %u%s", result->status,
		    result->status >= 300 && result->status < 400
			? " (redirects are not followed)"
			: "");
}

static bool try_again(
    struct webhook_delivery *delivery, const struct webhook_result *result, const char *words)
{
	uint64_t pause_ms;
	struct timeval pause;

	if (delivery->made >= delivery->target->attempts || delivery->sender->is_ending)
		return false;
	pause_ms = pause_of(delivery, result->retry_after_ms);
	pause.tv_sec = (time_t)(pause_ms / 1000);
	pause.tv_usec = (suseconds_t)(pause_ms % 1000) * 1000;
	log_info("webhook=%s event=%s id=%s attempt=%u of=%u failed: %s; again in %.1f s",
	    delivery->name, notice_event_name(delivery->event), delivery->id, delivery->made,
	    delivery->target->attempts, words, (double)pause_ms / 1000);
	return evtimer_add(delivery->pause, &pause) == 0;
}

static void give_up(struct webhook_delivery *delivery, const char *words)
{
	log_warn("webhook=%s event=%s id=%s given up attempts=%u: %s", delivery->name,
	    notice_event_name(delivery->event), delivery->id, delivery->made, words);
	delivery->sender->done(delivery, DELIVERY_GIVEN_UP, words);
}

/* The answer to a question; false where another attempt may bring a better one. */
static bool take_leave(struct webhook_delivery *delivery, const struct webhook_result *result)
{
	char why[WEBHOOK_WHY_SIZE];

	/* Half of an answer may lack the very word that refuses. */
	if (may_pass(result->status) || (is_success(result->status) && !result->whole))
		return false;
	switch (webhook_leave_read(result->status, result->body, why)) {
	case LEAVE_GIVEN: delivery->sender->done(delivery, DELIVERY_DONE, why); break;
	case LEAVE_REFUSED: delivery->sender->done(delivery, DELIVERY_REFUSED, why); break;
	case LEAVE_UNCLEAR: give_up(delivery, why); break;
	}
	return true;
}

static void on_result(void *arg, const struct webhook_result *result)
{
	struct webhook_delivery *delivery = arg;
	char words[WORDS_SIZE];

	delivery->attempt = NULL;
	delivery->made++;
	if (delivery->question != NULL && take_leave(delivery, result))
		return;
	if (delivery->question == NULL && is_success(result->status)) {
		delivery->sender->done(delivery, DELIVERY_DONE, "");
		return;
	}
	describe(result, words);
	if ((!may_pass(result->status) && !is_success(result->status)) ||
	    !try_again(delivery, result, words))
		give_up(delivery, words);
}

void webhook_delivery_start(struct webhook_delivery *delivery)
{
	struct webhook_post post = {
		.target = delivery->target,
		.event = notice_event_name(delivery->event),
		.id = delivery->id,
		.body = delivery->body,
		.body_len = delivery->body_len,
		.turn = delivery->made,
		.wants_body = delivery->question != NULL,
		.now_wall_s = clock_wall_us() / 1000000,
	};
	const struct timeval soon = { .tv_sec = 1 };

	evtimer_del(delivery->pause);
	delivery->attempt =
	    webhook_attempt_start(delivery->sender->net, &post, on_result, delivery);
	if (delivery->attempt != NULL)
		return;
	log_error("webhook=%s id=%s: out of memory", delivery->name, delivery->id);
	evtimer_add(delivery->pause, &soon);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	webhook_delivery_start(arg);
}

struct webhook_delivery *webhook_delivery_new(
    const struct webhook_sender *sender, const struct notice *notice)
{
	struct webhook_delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL)
		return NULL;
	delivery->sender = sender;
	delivery->event = notice->event;
	snprintf(delivery->id, sizeof(delivery->id), "%s", notice->id);
	delivery->body = notice_json(notice, &delivery->body_len);
	delivery->pause = evtimer_new(sender->base, on_pause_over, delivery);
	if (delivery->body != NULL && delivery->pause != NULL)
		return delivery;
	webhook_delivery_free(delivery);
	return NULL;
}
