#include "admin/drill_traffic.h"

#include "base/address.h"
#include "conf/config.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTIONS = 16, /* that many answers may be awaited at a time */
	TIMEOUT_S = 5,
	ANSWER_MAX_BYTES = 16 * 1024 * 1024,
	HEADER_MAX_BYTES = 8192,
};

struct connection {
	struct drill_traffic *traffic;
	struct evhttp_connection *http;
	bool is_busy;
};

struct drill_traffic {
	struct drill_traffic_setting setting;
	struct event *timer;
	struct connection connections[CONNECTIONS];
	struct drill_traffic_sums sums;
};

struct drill_traffic_sums drill_traffic_sums(const struct drill_traffic *traffic)
{
	return traffic->sums;
}

static void on_answer(struct evhttp_request *req, void *arg)
{
	struct connection *connection = arg;

	connection->is_busy = false;
	if (req != NULL && evhttp_request_get_response_code(req) != 0)
		connection->traffic->sums.answered++;
	else
		connection->traffic->sums.unanswered++;
}

static bool is_host(const char *name)
{
	return evutil_ascii_strcasecmp(name, "Host") == 0;
}

/* "NAME: VALUE" */
static bool add_header(struct evkeyvalq *headers, const char *text)
{
	char name[HEADER_MAX_BYTES];
	size_t len = strcspn(text, ":");
	const char *value = text + len + (text[len] == ':');

	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	value += strspn(value, " \t");
	if (is_host(name))
		evhttp_remove_header(headers, "Host");
	return evhttp_add_header(headers, name, value) == 0;
}

static enum arm draw_arm(const struct drill_traffic_setting *setting)
{
	uint32_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return (uint64_t)random * PPM >> 32 < setting->canary_ppm ? ARM_CANARY : ARM_LEGACY;
}

static void ask(struct connection *connection)
{
	const struct drill_traffic_setting *setting = &connection->traffic->setting;
	struct evhttp_request *req = evhttp_request_new(on_answer, connection);
	struct evkeyvalq *headers;
	bool ok;

	if (req == NULL)
		return;
	headers = evhttp_request_get_output_headers(req);
	ok = evhttp_add_header(headers, "Host", setting->host) == 0 &&
	     evhttp_add_header(headers, "User-Agent", "weir-drill/" WEIR_VERSION) == 0 &&
	     evhttp_add_header(headers, "Weir-Token", setting->tokens[draw_arm(setting)]) == 0;
	for (size_t i = 0; i < setting->n_headers; i++)
		ok = ok && add_header(headers, setting->headers[i]);
	if (!ok) {
		evhttp_request_free(req);
		connection->traffic->sums.unanswered++;
		return;
	}
	connection->is_busy = true;
	/* It takes the request; where it fails the answer is told of, or was just now. */
	if (evhttp_make_request(connection->http, req, EVHTTP_REQ_GET, setting->path) < 0)
		connection->is_busy = false;
}

/* Where every connection is busy the answers are slow, and the requests are fewer. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct drill_traffic *traffic = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (traffic->connections[i].is_busy)
			continue;
		ask(&traffic->connections[i]);
		return;
	}
}

static bool connect_all(
    struct drill_traffic *traffic, struct event_base *base, const char *host, uint16_t port)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct evhttp_connection *http =
		    evhttp_connection_base_new(base, NULL, host, port);

		if (http == NULL)
			return false;
		evhttp_connection_set_timeout(http, TIMEOUT_S);
		evhttp_connection_set_max_body_size(http, ANSWER_MAX_BYTES);
		traffic->connections[i] =
		    (struct connection) { .traffic = traffic, .http = http };
	}
	return true;
}

static uint16_t port_of(const struct address *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;

	return ntohs(address->storage.ss_family == AF_INET6 ? in6->sin6_port : in->sin_port);
}

struct drill_traffic *drill_traffic_new(
    struct event_base *base, const struct drill_traffic_setting *setting, struct error *err)
{
	const struct timeval every = { .tv_usec = 1000000 / DRILL_TRAFFIC_PER_S };
	struct drill_traffic *traffic;
	char host[ADDRESS_TEXT_SIZE];
	struct address address;

	if (!address_parse(setting->address, &address, err))
		return NULL;
	address_format_host(&address, host);
	traffic = calloc(1, sizeof(*traffic));
	if (traffic != NULL) {
		traffic->setting = *setting;
		traffic->timer = event_new(base, -1, EV_PERSIST, on_timer, traffic);
		if (traffic->timer != NULL && event_add(traffic->timer, &every) == 0 &&
		    connect_all(traffic, base, host, port_of(&address)))
			return traffic;
		drill_traffic_free(traffic);
	}
	error_set(err, "out of memory");
	return NULL;
}

void drill_traffic_free(struct drill_traffic *traffic)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (traffic->connections[i].http != NULL)
			evhttp_connection_free(traffic->connections[i].http);
	if (traffic->timer != NULL)
		event_free(traffic->timer);
	free(traffic);
}
