#include "admin/api_call.h"

#include "admin/json_values.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

const char *api_param(const struct api_call *call, const char *name)
{
	return evhttp_find_header(&call->query, name);
}

bool api_number(
    const struct api_call *call, const char *name, uint32_t min, uint32_t max, uint32_t *value)
{
	const char *text = api_param(call, name);
	unsigned long long number;
	char words[128];

	if (text == NULL)
		return true;
	/* Ten digits at most: strtoull() neither overflows nor takes a sign. */
	if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text) &&
	    strlen(text) <= 10) {
		number = strtoull(text, NULL, 10);
		if (number >= min && number <= max) {
			*value = (uint32_t)number;
			return true;
		}
	}
	snprintf(words, sizeof(words),
	    "%s is to be a whole number from %" PRIu32 " to %" PRIu32, name, min, max);
	api_send_error(call->req, HTTP_BADREQUEST, words);
	return false;
}

void api_who(const struct api_call *call, char who[API_WHO_SIZE])
{
	struct bufferevent *bev =
	    evhttp_connection_get_bufferevent(evhttp_request_get_connection(call->req));
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		snprintf(who, API_WHO_SIZE, "user:unknown");
		return;
	}
	if (getpwuid_r(peer.uid, &entry, room, sizeof(room), &found) == 0 && found != NULL)
		snprintf(who, API_WHO_SIZE, "user:%s", entry.pw_name);
	else
		snprintf(who, API_WHO_SIZE, "user:%u", (unsigned)peer.uid);
}

struct managed_route *api_managed(const struct api_call *call)
{
	size_t n, i = 0;
	struct managed_route *routes = control_routes(call->ctl, &n);

	while (i < n && strcmp(routes[i].route->conf->name, call->route) != 0)
		i++;
	return i < n ? &routes[i] : NULL;
}

void api_send_text(
    struct evhttp_request *req, int status, const char *type, const char *text, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (body == NULL || evbuffer_add(body, text, len) < 0)
		status = HTTP_INTERNAL;
	evhttp_send_reply(req, status, NULL, body);
	if (body != NULL)
		evbuffer_free(body);
}

void api_send_json(struct evhttp_request *req, int status, json_t *json)
{
	char *text =
	    json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	json_decref(json);
	if (text == NULL) {
		api_send_text(req, HTTP_INTERNAL, "text/plain", "out of memory\n", 14);
		return;
	}
	api_send_text(req, status, "application/json", text, strlen(text));
	free(text);
}

void api_send_error(struct evhttp_request *req, int status, const char *text)
{
	api_send_json(req, status, json_pack("{s:o}", "error", json_text(text)));
}
