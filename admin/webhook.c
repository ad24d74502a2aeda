#include "admin/webhook.h"

#include "admin/webhook_delivery.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	QUESTIONS_MAX = 64, /* open at once, per webhook */
	WORDS_SIZE = WEBHOOK_WHY_SIZE + 64,
};

const struct webhooks_options webhooks_default_options = {
	.pause_ms = 1000,
	.pause_max_ms = 5 * 60 * 1000,
	.retry_after_max_ms = 15 * 60 * 1000,
	.queue_max = 1000,
};

TAILQ_HEAD(deliveries, webhook_delivery);

/* What a gate wants to know, for whoever gets the answer. */
struct webhook_question {
	webhook_answer_fn *answer;
	void *arg;
	char *webhook;
	char *route;
	char *release;
	uint32_t ask;
};

struct webhook_hook {
	char *name;
	struct webhook_target target;
	struct deliveries notices;
	size_t n_notices;
	struct deliveries questions;
	size_t n_questions;
	uint64_t delivered;
	uint64_t failed;
	uint64_t dropped;
};

struct webhook_set {
	struct webhook_hook **hooks;
	size_t n;
};

struct webhooks {
	struct webhook_sender sender;
	struct webhook_set *set;
	struct webhook_stats past;    /* of webhooks that are gone */
	struct deliveries unanswered; /* questions to webhooks that are gone */
	struct event *tell_unanswered;
	struct event *stopped; /* all is sent, or patience has ended */
	webhooks_done_fn *done;
	void *done_arg;
};

static void free_question(struct webhook_question *question)
{
	if (question == NULL)
		return;
	free(question->webhook);
	free(question->route);
	free(question->release);
	free(question);
}

static void free_delivery(struct webhook_delivery *delivery)
{
	free_question(delivery->question);
	webhook_delivery_free(delivery);
}

static void free_all(struct deliveries *list)
{
	struct webhook_delivery *delivery;

	while ((delivery = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, delivery, link);
		free_delivery(delivery);
	}
}

static void free_hook(struct webhook_hook *hook)
{
	if (hook == NULL)
		return;
	free_all(&hook->notices);
	free_all(&hook->questions);
	webhook_target_done(&hook->target);
	free(hook->name);
	free(hook);
}

static struct webhook_hook *new_hook(const struct webhook_conf *conf, struct error *err)
{
	struct webhook_hook *hook = calloc(1, sizeof(*hook));

	if (hook == NULL || (hook->name = strdup(conf->name)) == NULL) {
		free(hook);
		error_set(err, "out of memory");
		return NULL;
	}
	TAILQ_INIT(&hook->notices);
	TAILQ_INIT(&hook->questions);
	if (webhook_target_init(&hook->target, conf, err))
		return hook;
	free_hook(hook);
	return NULL;
}

struct webhook_set *webhook_set_new(
    const struct webhook_conf *confs, size_t n, struct error *err)
{
	struct webhook_set *set = calloc(1, sizeof(*set));

	if (set == NULL ||
	    (set->hooks = calloc(n + 1, sizeof(struct webhook_hook *))) == NULL) {
		free(set);
		error_set(err, "out of memory");
		return NULL;
	}
	for (; set->n < n; set->n++) {
		set->hooks[set->n] = new_hook(&confs[set->n], err);
		if (set->hooks[set->n] != NULL)
			continue;
		webhook_set_free(set);
		return NULL;
	}
	return set;
}

void webhook_set_free(struct webhook_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free_hook(set->hooks[i]);
	free(set->hooks);
	free(set);
}

static struct webhook_hook *find(const struct webhook_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->hooks[i]->name, name) == 0)
			return set->hooks[i];
	return NULL;
}

/* Out of the lists; the caller's from here. */
static void detach(struct webhooks *hooks, struct webhook_delivery *delivery)
{
	struct webhook_hook *hook = delivery->hook;

	if (hook == NULL) {
		TAILQ_REMOVE(&hooks->unanswered, delivery, link);
	} else if (delivery->question != NULL) {
		TAILQ_REMOVE(&hook->questions, delivery, link);
		hook->n_questions--;
	} else {
		TAILQ_REMOVE(&hook->notices, delivery, link);
		hook->n_notices--;
	}
}

static void answer(struct webhooks *hooks, struct webhook_delivery *delivery,
    enum delivery_end end, const char *why)
{
	const struct webhook_question *question = delivery->question;
	char words[WORDS_SIZE];
	struct webhook_answer told = {
		.webhook = question->webhook,
		.route = question->route,
		.release = question->release,
		.ask = question->ask,
		.allowed = end == DELIVERY_DONE,
		.answered = end != DELIVERY_GIVEN_UP,
		.words = words,
	};

	snprintf(words, sizeof(words), "%s%s", told.answered ? "" : "no answer: ", why);
	detach(hooks, delivery);
	question->answer(question->arg, &told);
	free_delivery(delivery);
}

static void end_if_sent(struct webhooks *hooks)
{
	for (size_t i = 0; i < hooks->set->n; i++)
		if (hooks->set->hooks[i]->n_notices > 0)
			return;
	event_active(hooks->stopped, EV_TIMEOUT, 1);
}

/* The first notice is dealt with: the next one's turn. */
static void next_notice(struct webhooks *hooks, struct webhook_delivery *dealt_with)
{
	struct webhook_hook *hook = dealt_with->hook;
	struct webhook_delivery *next;

	detach(hooks, dealt_with);
	free_delivery(dealt_with);
	next = TAILQ_FIRST(&hook->notices);
	if (next != NULL)
		webhook_delivery_start(next);
	else if (hooks->sender.is_ending)
		end_if_sent(hooks);
}

static void on_delivery_done(
    struct webhook_delivery *delivery, enum delivery_end end, const char *why)
{
	struct webhooks *hooks = delivery->sender->owner;

	if (delivery->question != NULL) {
		answer(hooks, delivery, end, why);
		return;
	}
	if (end == DELIVERY_DONE)
		delivery->hook->delivered++;
	else
		delivery->hook->failed++;
	next_notice(hooks, delivery);
}

static struct webhook_delivery *new_delivery(
    struct webhooks *hooks, struct webhook_hook *hook, const struct notice *notice)
{
	struct webhook_delivery *delivery = webhook_delivery_new(&hooks->sender, notice);

	if (delivery == NULL)
		return NULL;
	delivery->hook = hook;
	delivery->name = hook->name;
	delivery->target = &hook->target;
	return delivery;
}

/* The oldest that is not on its way already. */
static void make_room(struct webhooks *hooks, struct webhook_hook *hook)
{
	struct webhook_delivery *oldest = TAILQ_FIRST(&hook->notices);

	if (oldest != NULL && oldest->attempt != NULL)
		oldest = TAILQ_NEXT(oldest, link);
	if (oldest == NULL)
		return;
	log_warn("webhook=%s event=%s id=%s dropped: %zu notices wait already", hook->name,
	    notice_event_name(oldest->event), oldest->id, hook->n_notices);
	hook->dropped++;
	detach(hooks, oldest);
	free_delivery(oldest);
}

static void tell(struct webhooks *hooks, struct webhook_hook *hook, const struct notice *notice)
{
	struct webhook_delivery *delivery = new_delivery(hooks, hook, notice);
	struct webhook_delivery *first;

	if (delivery == NULL) {
		log_error("webhook=%s: out of memory for a notice", hook->name);
		hook->dropped++;
		return;
	}
	if (hook->n_notices >= hooks->sender.options.queue_max)
		make_room(hooks, hook);
	TAILQ_INSERT_TAIL(&hook->notices, delivery, link);
	hook->n_notices++;
	first = TAILQ_FIRST(&hook->notices);
	if (webhook_delivery_is_idle(first))
		webhook_delivery_start(first);
}

void webhooks_tell(struct webhooks *hooks, const struct webhook_conf *const *confs, size_t n,
    const struct notice *notice)
{
	for (size_t i = 0; i < n; i++) {
		struct webhook_hook *hook = find(hooks->set, confs[i]->name);

		if (hook != NULL)
			tell(hooks, hook, notice);
	}
}

static bool is_same(const struct webhook_question *question, const struct webhook_ask *ask)
{
	return question->ask == ask->number &&
	       strcmp(question->route, ask->question->route) == 0 &&
	       strcmp(question->release, ask->question->release) == 0;
}

static bool is_asking(const struct webhook_hook *hook, const struct webhook_ask *ask)
{
	const struct webhook_delivery *delivery = TAILQ_FIRST(&hook->questions);

	while (delivery != NULL && !is_same(delivery->question, ask))
		delivery = TAILQ_NEXT(delivery, link);
	return delivery != NULL;
}

static struct webhook_question *new_question(const struct webhook_ask *ask)
{
	struct webhook_question *question = calloc(1, sizeof(*question));

	if (question == NULL)
		return NULL;
	question->answer = ask->answer;
	question->arg = ask->arg;
	question->webhook = strdup(ask->conf->name);
	question->route = strdup(ask->question->route);
	question->release = strdup(ask->question->release);
	question->ask = ask->number;
	if (question->webhook != NULL && question->route != NULL && question->release != NULL)
		return question;
	free_question(question);
	return NULL;
}

static bool may_ask(const struct webhooks *hooks, const struct webhook_hook *hook,
    const struct webhook_ask *ask, struct error *err)
{
	if (hook == NULL)
		error_set(err, "there is no webhook '%s'", ask->conf->name);
	else if (hooks->sender.is_ending)
		error_set(err, "weir is ending");
	else if (hook->n_questions >= QUESTIONS_MAX)
		error_set(err, "webhook '%s' has %d questions to answer already",
		    ask->conf->name, QUESTIONS_MAX);
	else
		return true;
	return false;
}

bool webhooks_ask(struct webhooks *hooks, const struct webhook_ask *ask, struct error *err)
{
	struct webhook_hook *hook = find(hooks->set, ask->conf->name);
	struct webhook_delivery *delivery;

	if (hook != NULL && is_asking(hook, ask))
		return true;
	if (!may_ask(hooks, hook, ask, err))
		return false;
	delivery = new_delivery(hooks, hook, ask->question);
	if (delivery != NULL)
		delivery->question = new_question(ask);
	if (delivery == NULL || delivery->question == NULL) {
		if (delivery != NULL)
			free_delivery(delivery);
		error_set(err, "out of memory");
		return false;
	}
	TAILQ_INSERT_TAIL(&hook->questions, delivery, link);
	hook->n_questions++;
	webhook_delivery_start(delivery);
	return true;
}

static void on_tell_unanswered(evutil_socket_t fd, short what, void *arg)
{
	struct webhooks *hooks = arg;
	struct webhook_delivery *delivery;

	(void)fd;
	(void)what;
	while ((delivery = TAILQ_FIRST(&hooks->unanswered)) != NULL)
		answer(hooks, delivery, DELIVERY_GIVEN_UP, "it is not configured any more");
}

static void on_stopped(evutil_socket_t fd, short what, void *arg)
{
	struct webhooks *hooks = arg;
	struct webhook_stats total = webhooks_total(hooks);
	webhooks_done_fn *done = hooks->done;

	(void)fd;
	(void)what;
	if (done == NULL)
		return;
	if (total.pending > 0)
		log_warn("webhooks: %llu notices were not delivered before the end",
		    (unsigned long long)total.pending);
	hooks->done = NULL;
	evtimer_del(hooks->stopped);
	done(hooks->done_arg);
}

struct webhooks *webhooks_new(
    struct event_base *base, const struct webhooks_options *options, struct error *err)
{
	struct webhooks *hooks = calloc(1, sizeof(*hooks));

	if (hooks == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	hooks->sender = (struct webhook_sender) {
		.owner = hooks,
		.base = base,
		.options = *options,
		.done = on_delivery_done,
		.net = webhook_net_new(base),
	};
	TAILQ_INIT(&hooks->unanswered);
	hooks->set = webhook_set_new(NULL, 0, err);
	hooks->tell_unanswered = evtimer_new(base, on_tell_unanswered, hooks);
	hooks->stopped = evtimer_new(base, on_stopped, hooks);
	if (hooks->set != NULL && hooks->sender.net != NULL && hooks->tell_unanswered != NULL &&
	    hooks->stopped != NULL)
		return hooks;
	webhooks_free(hooks);
	error_set(err, "out of memory");
	return NULL;
}

void webhooks_free(struct webhooks *hooks)
{
	free_all(&hooks->unanswered);
	if (hooks->set != NULL)
		webhook_set_free(hooks->set);
	if (hooks->sender.net != NULL)
		webhook_net_free(hooks->sender.net);
	if (hooks->tell_unanswered != NULL)
		event_free(hooks->tell_unanswered);
	if (hooks->stopped != NULL)
		event_free(hooks->stopped);
	free(hooks);
}

static struct webhook_stats stats_of(const struct webhook_hook *hook)
{
	return (struct webhook_stats) {
		.name = hook->name,
		.pending = hook->n_notices,
		.delivered = hook->delivered,
		.failed = hook->failed,
		.dropped = hook->dropped,
		.questions = hook->n_questions,
	};
}

static void add_stats(struct webhook_stats *sum, const struct webhook_stats *stats)
{
	sum->pending += stats->pending;
	sum->delivered += stats->delivered;
	sum->failed += stats->failed;
	sum->dropped += stats->dropped;
	sum->questions += stats->questions;
}

struct webhook_stats webhooks_total(const struct webhooks *hooks)
{
	struct webhook_stats sum = hooks->past;

	for (size_t i = 0; i < hooks->set->n; i++) {
		struct webhook_stats stats = stats_of(hooks->set->hooks[i]);

		add_stats(&sum, &stats);
	}
	return sum;
}

size_t webhooks_n(const struct webhooks *hooks)
{
	return hooks->set->n;
}

struct webhook_stats webhooks_stats(const struct webhooks *hooks, size_t i)
{
	return stats_of(hooks->set->hooks[i]);
}

/* Its questions get no leave, and its notices nowhere to go. */
static void dismiss(struct webhooks *hooks, struct webhook_hook *hook)
{
	struct webhook_delivery *delivery;
	struct webhook_stats stats;

	while ((delivery = TAILQ_FIRST(&hook->questions)) != NULL) {
		webhook_delivery_halt(delivery);
		detach(hooks, delivery);
		delivery->hook = NULL;
		TAILQ_INSERT_TAIL(&hooks->unanswered, delivery, link);
		event_active(hooks->tell_unanswered, EV_TIMEOUT, 1);
	}
	if (hook->n_notices > 0)
		log_warn("webhook=%s is not configured any more: %zu notices dropped",
		    hook->name, hook->n_notices);
	hook->dropped += hook->n_notices;
	hook->n_notices = 0;
	stats = stats_of(hook);
	add_stats(&hooks->past, &stats);
}

/* Settings that were just corrected are tried at once. */
static void hurry(struct deliveries *list)
{
	struct webhook_delivery *delivery;

	for (delivery = TAILQ_FIRST(list); delivery != NULL;
	     delivery = TAILQ_NEXT(delivery, link))
		if (webhook_delivery_is_pausing(delivery))
			webhook_delivery_start(delivery);
}

/* The new settings go to the webhook that has the queue; `fresh` gets the old ones. */
static void swap_settings(struct webhook_hook *hook, struct webhook_hook *fresh)
{
	struct webhook_target old = hook->target;

	hook->target = fresh->target;
	fresh->target = old;
}

static void prepare_tls(struct webhooks *hooks, const struct webhook_set *set)
{
	struct error err;
	size_t i = 0;

	while (i < set->n && !set->hooks[i]->target.tls)
		i++;
	if (i < set->n &&
	    !webhook_net_use_tls(hooks->sender.net, hooks->sender.options.ca_file, &err))
		log_error("webhook=%s: %s", set->hooks[i]->name, err.text);
}

void webhooks_take_over(struct webhooks *hooks, struct webhook_set *set)
{
	struct webhook_set *before = hooks->set;

	prepare_tls(hooks, set);
	for (size_t i = 0; i < before->n; i++) {
		struct webhook_hook *hook = before->hooks[i];
		struct webhook_hook *fresh = find(set, hook->name);

		if (fresh == NULL) {
			dismiss(hooks, hook);
			continue;
		}
		swap_settings(hook, fresh);
		for (size_t k = 0; k < set->n; k++)
			if (set->hooks[k] == fresh)
				set->hooks[k] = hook;
		before->hooks[i] = fresh; /* freed below, with the old settings */
	}
	hooks->set = set;
	webhook_set_free(before);
	for (size_t i = 0; i < set->n; i++) {
		hurry(&set->hooks[i]->notices);
		hurry(&set->hooks[i]->questions);
	}
}

void webhooks_stop(
    struct webhooks *hooks, uint32_t patience_ms, webhooks_done_fn *done, void *arg)
{
	const struct timeval patience = {
		.tv_sec = patience_ms / 1000,
		.tv_usec = (suseconds_t)(patience_ms % 1000) * 1000,
	};

	if (hooks->sender.is_ending)
		return;
	hooks->sender.is_ending = true;
	hooks->done = done;
	hooks->done_arg = arg;
	free_all(&hooks->unanswered);
	evtimer_add(hooks->stopped, &patience);
	for (size_t i = 0; i < hooks->set->n; i++) {
		struct webhook_hook *hook = hooks->set->hooks[i];

		free_all(&hook->questions);
		hook->n_questions = 0;
		hurry(&hook->notices);
	}
	end_if_sent(hooks);
}
