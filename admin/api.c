#include "admin/api.h"

#include "admin/api_drill.h"
#include "admin/api_explain.h"
#include "admin/api_order.h"
#include "admin/api_reload.h"
#include "admin/status.h"
#include "conf/nearest.h"

#include <stdio.h>
#include <string.h>

enum {
	METRICS_MAX_BYTES = 64 * 1024 * 1024,
	SUGGEST_ROUTES = 1000,
};

/* Everything there is to tell, as of now. */
static struct status_view view_of(struct control *ctl)
{
	struct status_view view = {
		.started_us = control_started_us(ctl),
		.workers = control_workers(ctl),
		.generation = control_snapshot(ctl)->generation,
		.webhooks = webhooks_total(control_webhooks(ctl)),
	};

	control_refresh(ctl);
	control_clock(&view.clock);
	view.routes = control_routes(ctl, &view.n_routes);
	view.latches = control_store(ctl);
	store_health(view.latches, &view.store);
	return view;
}

static void get_status(struct api_call *call)
{
	struct status_view view = view_of(call->ctl);

	api_send_json(call->req, HTTP_OK, status_json(&view));
}

static void get_metrics(struct api_call *call)
{
	struct status_view view = view_of(call->ctl);
	struct prometheus out;

	prometheus_init(&out, METRICS_MAX_BYTES);
	status_metrics(&view, &out);
	if (prometheus_ok(&out))
		api_send_text(call->req, HTTP_OK, PROMETHEUS_CONTENT_TYPE, out.text, out.len);
	else
		api_send_error(call->req, HTTP_INTERNAL, "the metrics are larger than 64 MiB");
	prometheus_done(&out);
}

static void get_healthz(struct api_call *call)
{
	api_send_text(call->req, HTTP_OK, "text/plain", "ok\n", 3);
}

static const struct resource {
	const char *word;
	bool of_route;    /* "/routes/NAME/WORD", else "/WORD" */
	unsigned methods; /* but for GET, on the socket alone */
	void (*serve)(struct api_call *call);
} resources[] = {
	{ "status", false, EVHTTP_REQ_GET, get_status },
	{ "metrics", false, EVHTTP_REQ_GET, get_metrics },
	{ "healthz", false, EVHTTP_REQ_GET, get_healthz },
	{ "reload", false, EVHTTP_REQ_POST, api_reload },
	{ "explain", true, EVHTTP_REQ_GET, api_explain },
	{ "promote", true, EVHTTP_REQ_POST, api_order },
	{ "rollback", true, EVHTTP_REQ_POST, api_order },
	{ "pause", true, EVHTTP_REQ_POST, api_order },
	{ "resume", true, EVHTTP_REQ_POST, api_order },
	{ "set-weight", true, EVHTTP_REQ_POST, api_order },
	{ "drill", true, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE, api_drill },
};

static const struct resource *find_resource(const char *word, bool of_route)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (resources[i].of_route == of_route && strcmp(resources[i].word, word) == 0)
			return &resources[i];
	return NULL;
}

/* Splits the path: into the call, its word and the name of a route where it has one. */
static const struct resource *read_path(struct api_call *call, const char *path)
{
	static const char prefix[] = "/routes/";
	const char *name = path + sizeof(prefix) - 1;
	const char *slash;

	if (path[0] != '/')
		return NULL;
	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0) {
		call->word = path + 1;
		return find_resource(call->word, false);
	}
	slash = strchr(name, '/');
	if (slash == NULL || slash == name || slash - name >= API_ROUTE_SIZE)
		return NULL;
	memcpy(call->route, name, (size_t)(slash - name));
	call->word = slash + 1;
	return find_resource(call->word, true);
}

/* Distances take time that the control thread has better use for among thousands. */
static void send_absence(const struct api_call *call)
{
	size_t n;
	const struct managed_route *routes = control_routes(call->ctl, &n);
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];
	char words[API_ROUTE_SIZE + NEAREST_TEXT_SIZE + 32];

	nearest_init(&nearest, call->route);
	for (size_t i = 0; n <= SUGGEST_ROUTES && i < n; i++)
		nearest_offer(&nearest, routes[i].route->conf->name);
	nearest_format(&nearest, hint);
	snprintf(words, sizeof(words), "there is no route '%s'%s", call->route, hint);
	api_send_error(call->req, HTTP_NOTFOUND, words);
}

static void serve_found(const struct resource *resource, struct api_call *call)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(call->req);
	const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
	unsigned method = evhttp_request_get_command(call->req);

	if ((resource->methods & method) == 0 && (resource->methods & EVHTTP_REQ_GET) != 0)
		api_send_error(call->req, HTTP_BADMETHOD, "this is only to be read: use GET");
	else if ((resource->methods & method) == 0)
		api_send_error(call->req, HTTP_BADMETHOD, "this changes something: use POST");
	else if (resource->of_route &&
		 snapshot_find_route(control_snapshot(call->ctl), call->route) < 0)
		send_absence(call);
	else if (query != NULL && evhttp_parse_query_str(query, &call->query) < 0)
		api_send_error(call->req, HTTP_BADREQUEST, "malformed query");
	else
		resource->serve(call);
	evhttp_clear_headers(&call->query);
}

/* Over TCP even the wrong method for an order gets no more than a 404. */
static bool may_change(const struct resource *resource, struct evhttp_request *req)
{
	return (resource->methods & EVHTTP_REQ_GET) == 0 ||
	       (resource->methods & evhttp_request_get_command(req) &
		   ~(unsigned)EVHTTP_REQ_GET) != 0;
}

void api_serve(
    struct control *ctl, struct api_reloads *reloads, struct evhttp_request *req, bool local)
{
	struct api_call call = { .ctl = ctl, .reloads = reloads, .req = req };
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	const struct resource *resource = read_path(&call, path != NULL ? path : "");

	if (resource != NULL && (local || !may_change(resource, req)))
		serve_found(resource, &call);
	else
		api_send_error(req, HTTP_NOTFOUND,
		    local ? "no such thing here"
			  : "no such thing here; orders are taken on the admin socket alone");
}
