/*
 * Webhooks and a receiver for them, in one event loop: a server of HTTP or of raw
 * bytes, with or without TLS, on a port of 127.0.0.1 that refuses until it serves.
 */
#ifndef TESTS_WEBHOOK_BENCH_H
#define TESTS_WEBHOOK_BENCH_H

#include "admin/webhook.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <jansson.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	REPLIES_MAX = 8,
	GOT_MAX = 64,
	HANG = -1, /* instead of a status: no answer */
	WATCHDOG_S = 30,
	LONG_MS = 60000, /* longer than any test takes */
};

struct reply {
	int status; /* 0: the last one again, or 200 */
	const char *body;
	const char *retry_after;
};

struct got {
	char *body;
	char *event;
	char *id;
	char *signature;
	char *host;
	char *target;
	char *type;
	char *agent;
};

struct bench {
	char dir[64];
	char secret_file[96];
	struct event_base *base;
	struct event *watchdog;
	evutil_socket_t listener; /* bound, and refusing until serve() */
	uint16_t port;
	struct evhttp *http;
	SSL_CTX *tls;
	struct evconnlistener *raw; /* instead of http: says raw_answer, and closes */
	const char *raw_answer;
	struct reply replies[REPLIES_MAX];
	struct got got[GOT_MAX];
	size_t n_got;
	struct webhooks *hooks;
	char url[128];
	struct webhook_conf conf;
	size_t n_answers;
	bool allowed;
	bool answered;
	char words[512];
	uint32_t ask;
	size_t n_ends;
};

static inline char *copy(const char *text)
{
	return strdup(text != NULL ? text : "");
}

static inline void keep(struct bench *bench, struct evhttp_request *request)
{
	struct evkeyvalq *fields = evhttp_request_get_input_headers(request);
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	struct got *got = &bench->got[bench->n_got++];

	assert_true(bench->n_got <= GOT_MAX);
	assert_int_equal(evhttp_request_get_command(request), EVHTTP_REQ_POST);
	got->body =
	    strndup((const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input));
	got->event = copy(evhttp_find_header(fields, "Weir-Event"));
	got->id = copy(evhttp_find_header(fields, "Weir-Delivery"));
	got->signature = copy(evhttp_find_header(fields, "Weir-Signature"));
	got->host = copy(evhttp_find_header(fields, "Host"));
	got->type = copy(evhttp_find_header(fields, "Content-Type"));
	got->agent = copy(evhttp_find_header(fields, "User-Agent"));
	got->target = copy(evhttp_request_get_uri(request));
}

static inline const struct reply *reply_to(const struct bench *bench, size_t i)
{
	static const struct reply fine = { .status = 200 };

	if (i >= REPLIES_MAX)
		i = REPLIES_MAX - 1;
	while (i > 0 && bench->replies[i].status == 0)
		i--;
	return bench->replies[i].status != 0 ? &bench->replies[i] : &fine;
}

static inline void on_request(struct evhttp_request *request, void *arg)
{
	struct bench *bench = arg;
	const struct reply *reply = reply_to(bench, bench->n_got);
	struct evbuffer *body;

	keep(bench, request);
	if (reply->status == HANG)
		return; /* evhttp frees it when the client has gone */
	body = evbuffer_new();
	if (reply->body != NULL)
		evbuffer_add(body, reply->body, strlen(reply->body));
	if (reply->retry_after != NULL)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After",
		    reply->retry_after);
	if (reply->status >= 300 && reply->status < 400)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Location", "/");
	evhttp_send_reply(request, reply->status, "Because", body);
	evbuffer_free(body);
}

static inline void bind_listener(struct bench *bench)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(bench->listener >= 0);
	assert_int_equal(
	    bind(bench->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &len), 0);
	bench->port = ntohs(address.sin_port);
}

static inline struct bufferevent *accept_tls(struct event_base *base, void *arg)
{
	struct bench *bench = arg;

	return bufferevent_openssl_socket_new(
	    base, -1, SSL_new(bench->tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static inline void serve(struct bench *bench)
{
	assert_int_equal(listen(bench->listener, 16), 0);
	bench->http = evhttp_new(bench->base);
	evhttp_set_gencb(bench->http, on_request, bench);
	if (bench->tls != NULL)
		evhttp_set_bevcb(bench->http, accept_tls, bench);
	assert_int_equal(evhttp_accept_socket(bench->http, bench->listener), 0);
}

static inline void on_raw_sent(struct bufferevent *link, void *arg)
{
	(void)arg;
	bufferevent_free(link);
}

static inline void on_raw_request(struct bufferevent *link, void *arg)
{
	struct bench *bench = arg;

	bufferevent_disable(link, EV_READ);
	bufferevent_setcb(link, NULL, on_raw_sent, NULL, NULL);
	if (bench->raw_answer[0] == '\0')
		bufferevent_free(link);
	else
		bufferevent_write(link, bench->raw_answer, strlen(bench->raw_answer));
}

static inline void on_raw_link(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct bench *bench = arg;
	struct bufferevent *link =
	    bufferevent_socket_new(bench->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)address;
	(void)len;
	bufferevent_setcb(link, on_raw_request, NULL, NULL, bench);
	bufferevent_enable(link, EV_READ);
}

static inline void serve_raw(struct bench *bench)
{
	bench->raw = evconnlistener_new(
	    bench->base, on_raw_link, bench, LEV_OPT_CLOSE_ON_FREE, 16, bench->listener);
	assert_non_null(bench->raw);
}

static inline void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fprintf(stderr, "what the test waits for does not happen\n");
	abort();
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static inline int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct timeval long_enough = { .tv_sec = WATCHDOG_S };

	snprintf(bench->dir, sizeof(bench->dir), "/tmp/weir-webhook-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	snprintf(bench->secret_file, sizeof(bench->secret_file), "%s/secret", bench->dir);
	write_file(bench->secret_file, "Jefe\n");
	bench->base = event_base_new();
	bench->watchdog = evtimer_new(bench->base, on_watchdog, NULL);
	evtimer_add(bench->watchdog, &long_enough);
	bind_listener(bench);
	snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%u/hooks/weir?to=shop",
	    bench->port);
	bench->conf = (struct webhook_conf) {
		.name = strdup("chat"),
		.url = bench->url,
		.secret_file = bench->secret_file,
		.timeout_ms = LONG_MS,
		.attempts = 1,
	};
	*state = bench;
	return 0;
}

static inline void free_got(struct got *got)
{
	free(got->body);
	free(got->event);
	free(got->id);
	free(got->signature);
	free(got->host);
	free(got->target);
	free(got->type);
	free(got->agent);
}

static inline int tear_down(void **state)
{
	struct bench *bench = *state;
	char path[128];

	if (bench->hooks != NULL)
		webhooks_free(bench->hooks);
	if (bench->http != NULL)
		evhttp_free(bench->http);
	else if (bench->raw != NULL)
		evconnlistener_free(bench->raw);
	else
		close(bench->listener);
	/* What was being closed gets its turn. */
	event_base_loop(bench->base, EVLOOP_NONBLOCK);
	event_free(bench->watchdog);
	event_base_free(bench->base);
	SSL_CTX_free(bench->tls);
	for (size_t i = 0; i < bench->n_got; i++)
		free_got(&bench->got[i]);
	unlink(bench->secret_file);
	snprintf(path, sizeof(path), "%s/ca.pem", bench->dir);
	unlink(path);
	rmdir(bench->dir);
	free(bench->conf.name);
	free(bench);
	return 0;
}

static inline struct webhooks_options quick(void)
{
	struct webhooks_options options = webhooks_default_options;

	options.pause_ms = 0;
	return options;
}

static inline void take_over(struct bench *bench, size_t n)
{
	struct error err;
	struct webhook_set *set = webhook_set_new(&bench->conf, n, &err);

	if (set == NULL)
		fail_msg("%s", err.text);
	webhooks_take_over(bench->hooks, set);
}

static inline void open_hooks(struct bench *bench, const struct webhooks_options *options)
{
	struct error err;

	bench->hooks = webhooks_new(bench->base, options, &err);
	if (bench->hooks == NULL)
		fail_msg("%s", err.text);
	take_over(bench, 1);
}

/* A notice whose words are `why`. */
static inline void tell(struct bench *bench, const char *why)
{
	const struct webhook_conf *confs[] = { &bench->conf };
	struct route_conf shop = { .name = (char[]) { "shop" } };
	struct notice_about about = { .route = &shop, .release = "7" };
	struct transition t = { .cause = PLAN_EVENT_PAUSE,
		.from = PLAN_RUNNING,
		.to = PLAN_PAUSED,
		.who = "user:alice" };
	struct notice notice;

	snprintf(t.why, sizeof(t.why), "%s", why);
	notice_of_transition(&notice, &about, &t);
	webhooks_tell(bench->hooks, confs, 1, &notice);
}

static inline void on_answer(void *arg, const struct webhook_answer *answer)
{
	struct bench *bench = arg;

	assert_string_equal(answer->webhook, "chat");
	assert_string_equal(answer->route, "shop");
	assert_string_equal(answer->release, "7");
	bench->n_answers++;
	bench->ask = answer->ask;
	bench->allowed = answer->allowed;
	bench->answered = answer->answered;
	snprintf(bench->words, sizeof(bench->words), "%s", answer->words);
}

static inline bool ask(struct bench *bench, uint32_t number, struct error *err)
{
	struct route_conf shop = { .name = (char[]) { "shop" } };
	struct notice_about about = { .route = &shop, .release = "7" };
	struct plan plan = { .state = PLAN_RUNNING, .weight_ppm = 50000 };
	struct verdict verdict = { .action = VERDICT_ADVANCE, .reason = REASON_PROVEN };
	struct notice_words words;
	struct notice question;
	struct webhook_ask asked = { &bench->conf, &question, number, on_answer, bench };

	notice_of_gate(&question, &about, &plan, &verdict, &words);
	return webhooks_ask(bench->hooks, &asked, err);
}

static inline struct webhook_stats stats(const struct bench *bench)
{
	return webhooks_total(bench->hooks);
}

/* Whatever is ready happens; nothing is waited for. */
static inline void let_happen(struct bench *bench)
{
	for (int i = 0; i < 1000; i++)
		event_base_loop(bench->base, EVLOOP_NONBLOCK);
}

static inline void turn(struct bench *bench)
{
	event_base_loop(bench->base, EVLOOP_ONCE);
}

static inline void until_delivered(struct bench *bench, uint64_t n)
{
	while (stats(bench).delivered < n)
		turn(bench);
}

static inline void until_given_up(struct bench *bench, uint64_t n)
{
	while (stats(bench).failed < n)
		turn(bench);
}

static inline void until_got(struct bench *bench, size_t n)
{
	while (bench->n_got < n)
		turn(bench);
}

static inline void until_answered(struct bench *bench, size_t n)
{
	while (bench->n_answers < n)
		turn(bench);
}

static inline const char *member(const struct got *got, const char *name, char text[512])
{
	json_t *json = json_loads(got->body, 0, NULL);

	assert_non_null(json);
	snprintf(text, 512, "%s", json_string_value(json_object_get(json, name)));
	json_decref(json);
	return text;
}

#endif
