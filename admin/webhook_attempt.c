#include "admin/webhook_attempt.h"

#include "admin/webhook_resolver.h"
#include "base/buffer.h"
#include "proxy/h1_parser.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	INPUT_MAX_BYTES = 64 * 1024,
};

static const struct h1_limits limits = {
	.max_head_bytes = 32 * 1024,
	.max_fields = 100,
	.max_uri_bytes = 8192,
};

struct webhook_net {
	struct event_base *base;
	struct webhook_resolver *resolver;
	SSL_CTX *tls; /* NULL before the first webhook with https */
};

struct webhook_attempt {
	struct webhook_net *net;
	webhook_attempt_done_fn *done;
	void *arg;
	bool tls;
	bool wants_body;
	unsigned turn;
	uint64_t now_wall_s;
	char *host;
	struct evbuffer *request;
	struct event *limit;
	struct event *end; /* calls done(), and frees */
	struct webhook_lookup *lookup;
	struct bufferevent *link;
	struct h1_parser parser;
	struct message message;
	struct buffer body;
	struct webhook_result result;
};

static bool set_tls(SSL_CTX *tls, const char *ca_file)
{
	if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
		return false;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (ca_file != NULL)
		return SSL_CTX_load_verify_locations(tls, ca_file, NULL) == 1;
	return SSL_CTX_set_default_verify_paths(tls) == 1;
}

static const char *tls_reason(unsigned long code)
{
	const char *reason = ERR_reason_error_string(code);

	return reason != NULL ? reason : "TLS fails without a reason";
}

bool webhook_net_use_tls(struct webhook_net *net, const char *ca_file, struct error *err)
{
	SSL_CTX *tls;

	ERR_clear_error();
	tls = SSL_CTX_new(TLS_client_method());
	if (tls == NULL || !set_tls(tls, ca_file)) {
		error_set(err, "cannot read the authorities%s%s: %s",
		    ca_file != NULL ? " of " : "", ca_file != NULL ? ca_file : "",
		    tls_reason(ERR_get_error()));
		ERR_clear_error();
		SSL_CTX_free(tls);
		return false;
	}
	SSL_CTX_free(net->tls); /* attempts under way hold their own reference */
	net->tls = tls;
	return true;
}

struct webhook_net *webhook_net_new(struct event_base *base)
{
	struct webhook_net *net = calloc(1, sizeof(*net));

	if (net == NULL || (net->resolver = webhook_resolver_new(base)) == NULL) {
		free(net);
		return NULL;
	}
	net->base = base;
	return net;
}

void webhook_net_free(struct webhook_net *net)
{
	webhook_resolver_free(net->resolver);
	SSL_CTX_free(net->tls);
	free(net);
}

uint64_t webhook_retry_after_ms(struct slice value, uint64_t now_wall_s)
{
	char text[64];
	struct tm date = { 0 };
	const char *rest;
	uint64_t seconds;
	time_t at;

	if (slice_to_u64(value, &seconds))
		return seconds > UINT32_MAX ? UINT64_C(1000) * UINT32_MAX : seconds * 1000;
	if (value.len >= sizeof(text))
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)value.len, value.data);
	rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
	if (rest == NULL || *rest != '\0')
		return 0;
	at = timegm(&date);
	if (at <= 0 || (uint64_t)at <= now_wall_s)
		return 0;
	return ((uint64_t)at - now_wall_s) * 1000;
}

static void close_link(struct webhook_attempt *attempt)
{
	if (attempt->lookup != NULL)
		webhook_lookup_cancel(attempt->lookup);
	attempt->lookup = NULL;
	if (attempt->link != NULL)
		bufferevent_free(attempt->link);
	attempt->link = NULL;
}

static void free_attempt(struct webhook_attempt *attempt)
{
	close_link(attempt);
	if (attempt->limit != NULL)
		event_free(attempt->limit);
	if (attempt->end != NULL)
		event_free(attempt->end);
	if (attempt->request != NULL)
		evbuffer_free(attempt->request);
	buffer_done(&attempt->body);
	free(attempt->host);
	free(attempt);
}

void webhook_attempt_cancel(struct webhook_attempt *attempt)
{
	free_attempt(attempt);
}

/* Nothing more happens but done(), from the loop. */
static void finish(struct webhook_attempt *attempt)
{
	close_link(attempt);
	event_del(attempt->limit);
	event_active(attempt->end, EV_TIMEOUT, 1);
}

__attribute__((format(printf, 2, 3))) static void fail(
    struct webhook_attempt *attempt, const char *format, ...)
{
	char text[sizeof(attempt->result.err.text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&attempt->result.err, "%s", text);
	finish(attempt);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct webhook_attempt *attempt = arg;

	(void)fd;
	(void)what;
	attempt->result.body = buffer_slice(&attempt->body);
	attempt->done(attempt->arg, &attempt->result);
	free_attempt(attempt);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct webhook_attempt *attempt = arg;

	(void)fd;
	(void)what;
	fail(attempt, "no %s in time",
	    attempt->lookup != NULL       ? "address from the resolver"
	    : attempt->result.status != 0 ? "whole answer"
					  : "answer");
}

static void take_head(struct webhook_attempt *attempt)
{
	const struct field *retry;

	attempt->result.status = attempt->message.status;
	retry = message_find_name(&attempt->message, SLICE("Retry-After"));
	if (retry != NULL)
		attempt->result.retry_after_ms =
		    webhook_retry_after_ms(retry->value, attempt->now_wall_s);
}

static bool is_interim(unsigned status)
{
	return status >= 100 && status < 200 && status != 101;
}

/* The end of a message: of the answer, or of an interim one before it. */
static void take_end(struct webhook_attempt *attempt)
{
	if (is_interim(attempt->message.status)) {
		h1_parser_init_response(&attempt->parser, &limits, false);
		return;
	}
	attempt->result.whole = true;
	finish(attempt);
}

/* Takes the next event out of the input; false where there is none for now. */
static bool take_event(struct webhook_attempt *attempt, struct evbuffer *input)
{
	size_t len = evbuffer_get_length(input);
	struct slice bytes = { (const char *)evbuffer_pullup(input, -1), len };
	struct slice data;
	size_t used = 0;

	switch (h1_parser_next(&attempt->parser, bytes, &attempt->message, &used, &data)) {
	case H1_HEAD:
		if (is_interim(attempt->message.status))
			break;
		take_head(attempt);
		if (!attempt->wants_body) {
			finish(attempt);
			return false;
		}
		break;
	case H1_DATA:
		if (buffer_append_slice(&attempt->body, data))
			break;
		fail(attempt, "the answer is larger than %d KiB",
		    WEBHOOK_ANSWER_MAX_BYTES / 1024);
		return false;
	case H1_END:
		evbuffer_drain(input, used);
		take_end(attempt);
		return attempt->link != NULL;
	case H1_FAULT:
		fail(
		    attempt, "the answer is not proper HTTP: %s", attempt->parser.fault.reason);
		return false;
	case H1_NEED_MORE: evbuffer_drain(input, used); return false;
	}
	evbuffer_drain(input, used);
	return true;
}

static void on_read(struct bufferevent *link, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(link);

	while (take_event(arg, input))
		continue;
}

static void on_closed(struct webhook_attempt *attempt)
{
	if (h1_parser_eof(&attempt->parser)) {
		attempt->result.whole = true;
		finish(attempt);
	} else {
		fail(attempt, "the connection was closed before the answer was %s",
		    attempt->result.status != 0 ? "whole" : "there");
	}
}

static void explain_error(struct webhook_attempt *attempt, int error)
{
	SSL *ssl = attempt->tls ? bufferevent_openssl_get_ssl(attempt->link) : NULL;
	unsigned long code = ssl != NULL ? bufferevent_get_openssl_error(attempt->link) : 0;
	long verified = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

	if (verified != X509_V_OK)
		fail(attempt, "the certificate cannot be trusted: %s",
		    X509_verify_cert_error_string(verified));
	else if (code != 0)
		fail(attempt, "TLS: %s", tls_reason(code));
	else
		fail(attempt, "%s", error != 0 ? strerror(error) : "the connection broke");
}

static void on_event(struct bufferevent *link, short what, void *arg)
{
	struct webhook_attempt *attempt = arg;
	int error = EVUTIL_SOCKET_ERROR();

	if (what & BEV_EVENT_CONNECTED) {
		if (bufferevent_write_buffer(link, attempt->request) < 0 ||
		    bufferevent_enable(link, EV_READ | EV_WRITE) < 0)
			fail(attempt, "out of memory");
		return;
	}
	if (what & BEV_EVENT_EOF)
		on_closed(attempt);
	else
		explain_error(attempt, error);
}

/* The name that the certificate must be for (RFC 9110 4.3.4). */
static bool expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	ERR_clear_error();
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static struct bufferevent *new_tls_link(struct webhook_attempt *attempt, int fd)
{
	SSL *ssl = SSL_new(attempt->net->tls);
	struct bufferevent *link = NULL;

	if (ssl != NULL && expect_host(ssl, attempt->host))
		link = bufferevent_openssl_socket_new(attempt->net->base, fd, ssl,
		    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (link == NULL)
		SSL_free(ssl);
	return link;
}

static void connect_to(struct webhook_attempt *attempt, const struct address *address)
{
	int fd =
	    socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		fail(attempt, "no socket: %s", strerror(errno));
		return;
	}
	if (attempt->tls && attempt->net->tls == NULL) {
		close(fd);
		fail(attempt, "TLS could not be prepared: the log says why");
		return;
	}
	if (attempt->tls)
		attempt->link = new_tls_link(attempt, fd);
	else
		attempt->link =
		    bufferevent_socket_new(attempt->net->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (attempt->link == NULL) {
		close(fd);
		fail(attempt, "out of memory");
		return;
	}
	bufferevent_setcb(attempt->link, on_read, NULL, on_event, attempt);
	bufferevent_setwatermark(attempt->link, EV_READ, 0, INPUT_MAX_BYTES);
	/* A failure to connect comes by on_event() too, if it has not already. */
	if (bufferevent_socket_connect(attempt->link,
		(const struct sockaddr *)&address->storage, (int)address->len) < 0 &&
	    attempt->link != NULL)
		fail(attempt, "%s", strerror(errno));
}

static void on_addresses(
    void *arg, const struct address *addresses, size_t n, const char *problem)
{
	struct webhook_attempt *attempt = arg;

	attempt->lookup = NULL;
	if (n == 0)
		fail(attempt, "the host's name cannot be resolved: %s", problem);
	else
		connect_to(attempt, &addresses[attempt->turn % n]);
}

static bool write_request(struct webhook_attempt *attempt, const struct webhook_post *post)
{
	const struct webhook_target *target = post->target;
	char signature[WEBHOOK_SIGNATURE_SIZE];
	bool is_signed = target->key != NULL;

	if (is_signed && !webhook_target_sign(target, post->body, post->body_len, signature))
		return false;
	return evbuffer_add_printf(attempt->request,
		   "POST %s HTTP/1.1\r\n"
		   "Host: %s\r\n"
		   "User-Agent: weir/%s\r\n"
		   "Accept: application/json\r\n"
		   "Content-Type: application/json\r\n"
		   "Content-Length: %zu\r\n"
		   "Weir-Event: %s\r\n"
		   "Weir-Delivery: %s\r\n"
		   "%s%s%s"
		   "Connection: close\r\n\r\n",
		   target->request_path, target->authority, WEIR_VERSION, post->body_len,
		   post->event, post->id, is_signed ? "Weir-Signature: " : "",
		   is_signed ? signature : "", is_signed ? "\r\n" : "") > 0 &&
	       evbuffer_add(attempt->request, post->body, post->body_len) == 0;
}

static bool set_up(struct webhook_attempt *attempt, const struct webhook_post *post)
{
	struct event_base *base = attempt->net->base;
	uint32_t limit_ms = post->target->timeout_ms;
	const struct timeval limit = {
		.tv_sec = limit_ms / 1000,
		.tv_usec = (suseconds_t)(limit_ms % 1000) * 1000,
	};

	attempt->limit = evtimer_new(base, on_limit, attempt);
	attempt->end = evtimer_new(base, on_end, attempt);
	attempt->host = strdup(post->target->host);
	attempt->request = evbuffer_new();
	return attempt->limit != NULL && attempt->end != NULL && attempt->host != NULL &&
	       attempt->request != NULL && write_request(attempt, post) &&
	       evtimer_add(attempt->limit, &limit) == 0;
}

struct webhook_attempt *webhook_attempt_start(struct webhook_net *net,
    const struct webhook_post *post, webhook_attempt_done_fn *done, void *arg)
{
	struct webhook_attempt *attempt = calloc(1, sizeof(*attempt));

	if (attempt == NULL)
		return NULL;
	attempt->net = net;
	attempt->done = done;
	attempt->arg = arg;
	attempt->tls = post->target->tls;
	attempt->wants_body = post->wants_body;
	attempt->turn = post->turn;
	attempt->now_wall_s = post->now_wall_s;
	buffer_init(&attempt->body, WEBHOOK_ANSWER_MAX_BYTES);
	h1_parser_init_response(&attempt->parser, &limits, false);
	if (!set_up(attempt, post)) {
		free_attempt(attempt);
		return NULL;
	}
	attempt->lookup = webhook_resolver_find(
	    net->resolver, attempt->host, post->target->port, on_addresses, attempt);
	return attempt;
}
