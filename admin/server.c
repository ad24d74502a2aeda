#include "admin/server.h"

#include "admin/json_values.h"
#include "admin/status.h"
#include "base/clock.h"
#include "base/directory.h"
#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	TIMEOUT_S = 60,
	HEADERS_MAX_BYTES = 16384,
	BODY_MAX_BYTES = 4096,
	METRICS_MAX_BYTES = 64 * 1024 * 1024,
	ROUTE_NAME_MAX = 64,
	WHO_SIZE = 64,
	RELOADERS_MAX = 64,
};

/* Who waits to hear of a reload. */
struct reloader {
	struct admin_server *server;
	struct evhttp_request *request; /* NULL: has gone */
	bool queued;                    /* waits for the one after that under way */
};

struct admin_server {
	struct control *ctl;
	struct evhttp *local;    /* the unix socket: everything */
	struct evhttp *loopback; /* TCP: what changes nothing; NULL unless configured */
	char *socket_path;
	struct reloader reloaders[RELOADERS_MAX];
	size_t n_reloaders;
};

static const struct {
	const char *word;
	enum release_command command;
} commands[] = {
	{ "promote", RELEASE_PROMOTE },
	{ "rollback", RELEASE_ROLL_BACK },
	{ "pause", RELEASE_PAUSE },
	{ "resume", RELEASE_RESUME },
};

static void send_text(
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

/* Takes the reference. */
static void send_json(struct evhttp_request *req, int status, json_t *json)
{
	char *text =
	    json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	json_decref(json);
	if (text == NULL) {
		send_text(req, HTTP_INTERNAL, "text/plain", "out of memory\n", 14);
		return;
	}
	send_text(req, status, "application/json", text, strlen(text));
	free(text);
}

static void send_error(struct evhttp_request *req, int status, const char *text)
{
	send_json(req, status, json_pack("{s:o}", "error", json_text(text)));
}

static void get_status(struct admin_server *server, struct evhttp_request *req)
{
	control_refresh(server->ctl);
	send_json(req, HTTP_OK, status_json(server->ctl));
}

static void get_metrics(struct admin_server *server, struct evhttp_request *req)
{
	struct prometheus out;

	control_refresh(server->ctl);
	prometheus_init(&out, METRICS_MAX_BYTES);
	status_metrics(server->ctl, &out);
	if (prometheus_ok(&out))
		send_text(req, HTTP_OK, PROMETHEUS_CONTENT_TYPE, out.text, out.len);
	else
		send_error(req, HTTP_INTERNAL, "the metrics are larger than 64 MiB");
	prometheus_done(&out);
}

/* Answers what is only read; false where the path is none of those. */
static bool serve_reading(
    struct admin_server *server, struct evhttp_request *req, const char *path)
{
	bool status = strcmp(path, "/status") == 0;
	bool metrics = strcmp(path, "/metrics") == 0;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (!status && !metrics && strcmp(path, "/healthz") != 0)
		return false;
	if (method != EVHTTP_REQ_GET)
		send_error(req, HTTP_BADMETHOD, "this is only to be read: use GET");
	else if (status)
		get_status(server, req);
	else if (metrics)
		get_metrics(server, req);
	else
		send_text(req, HTTP_OK, "text/plain", "ok\n", 3);
	return true;
}

static const char *path_of(struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

	return path != NULL ? path : "";
}

/* "user:NAME" by the kernel's word on the socket's peer (SO_PEERCRED). */
static void who_asks(struct evhttp_request *req, char who[WHO_SIZE])
{
	struct bufferevent *bev =
	    evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		snprintf(who, WHO_SIZE, "user:unknown");
		return;
	}
	if (getpwuid_r(peer.uid, &entry, room, sizeof(room), &found) == 0 && found != NULL)
		snprintf(who, WHO_SIZE, "user:%s", entry.pw_name);
	else
		snprintf(who, WHO_SIZE, "user:%u", (unsigned)peer.uid);
}

static void order(struct admin_server *server, struct evhttp_request *req, const char *route,
    enum release_command command)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *query = evhttp_uri_get_query(uri);
	struct evkeyvalq params = { 0 };
	struct error err = { "" };
	char who[WHO_SIZE];
	size_t n;

	if (query != NULL && evhttp_parse_query_str(query, &params) < 0) {
		send_error(req, HTTP_BADREQUEST, "malformed query");
		return;
	}
	who_asks(req, who);
	if (!control_command(server->ctl, route, command, who,
		query != NULL ? evhttp_find_header(&params, "why") : NULL, &err)) {
		send_error(req, 409, err.text);
	} else {
		const struct managed_route *routes = control_routes(server->ctl, &n);
		size_t i = 0;

		while (strcmp(routes[i].route->conf->name, route) != 0)
			i++;
		send_json(req, HTTP_OK,
		    json_pack("{s:s, s:s, s:i}", "route", route, "state",
			plan_state_name(routes[i].release.plan.state), "weight_ppm",
			(int)release_weight_ppm(&routes[i].release)));
	}
	evhttp_clear_headers(&params);
}

static void tell(
    struct admin_server *server, struct evhttp_request *req, bool ok, const char *text)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
	if (ok)
		send_json(req, HTTP_OK,
		    json_pack(
			"{s:i}", "generation", (int)control_snapshot(server->ctl)->generation));
	else
		send_error(req, 422, text);
}

/* Those that came while it was under way wait for the next one. */
static void on_reloaded(void *arg, bool ok, const char *text)
{
	struct admin_server *server = arg;

	for (size_t i = 0; i < server->n_reloaders; i++) {
		struct reloader *reloader = &server->reloaders[i];

		if (reloader->request != NULL && !reloader->queued) {
			tell(server, reloader->request, ok, text);
			reloader->request = NULL;
		}
		reloader->queued = false;
	}
	while (server->n_reloaders > 0 &&
	       server->reloaders[server->n_reloaders - 1].request == NULL)
		server->n_reloaders--;
}

/* Whoever asked for the reload has left; the reload goes on. */
static void on_reloader_gone(struct evhttp_connection *connection, void *arg)
{
	struct reloader *reloader = arg;

	(void)connection;
	reloader->request = NULL;
}

static void reload(struct admin_server *server, struct evhttp_request *req)
{
	struct reloader *reloader = &server->reloaders[server->n_reloaders];
	struct error err = { "" };
	char who[WHO_SIZE];
	bool queued;

	who_asks(req, who);
	if (server->n_reloaders == RELOADERS_MAX) {
		send_error(req, 409, "too many reloads are waiting");
		return;
	}
	if (!control_reload(server->ctl, who, &queued, &err)) {
		send_error(req, 409, err.text);
		return;
	}
	server->n_reloaders++;
	*reloader = (struct reloader) { server, req, queued };
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(req), on_reloader_gone, reloader);
}

/* "/routes/NAME/WORD"; false where it is not of that form. */
static bool parse_order(
    const char *path, char route[ROUTE_NAME_MAX], enum release_command *command)
{
	static const char prefix[] = "/routes/";
	const char *name = path + sizeof(prefix) - 1;
	const char *slash;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return false;
	slash = strchr(name, '/');
	if (slash == NULL || slash == name || slash - name >= ROUTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(slash + 1, commands[i].word) != 0)
			continue;
		memcpy(route, name, (size_t)(slash - name));
		route[slash - name] = '\0';
		*command = commands[i].command;
		return true;
	}
	return false;
}

static bool route_exists(struct admin_server *server, const char *name)
{
	return snapshot_find_route(control_snapshot(server->ctl), name) >= 0;
}

static void on_local(struct evhttp_request *req, void *arg)
{
	struct admin_server *server = arg;
	const char *path = path_of(req);
	bool is_post = evhttp_request_get_command(req) == EVHTTP_REQ_POST;
	char route[ROUTE_NAME_MAX];
	enum release_command command;
	bool is_order = parse_order(path, route, &command);

	if (serve_reading(server, req, path))
		return;
	if (!is_order && strcmp(path, "/reload") != 0)
		send_error(req, HTTP_NOTFOUND, "no such thing here");
	else if (!is_post)
		send_error(req, HTTP_BADMETHOD, "this changes something: use POST");
	else if (!is_order)
		reload(server, req);
	else if (!route_exists(server, route))
		send_error(req, HTTP_NOTFOUND, "there is no route of that name");
	else
		order(server, req, route, command);
}

static void on_loopback(struct evhttp_request *req, void *arg)
{
	if (!serve_reading(arg, req, path_of(req)))
		send_error(req, HTTP_NOTFOUND,
		    "no such thing here; orders are taken on the admin socket alone");
}

/* Closed with its event, not by evhttp before it: its number may be a worker's then. */
static struct bufferevent *new_connection(struct event_base *base, void *arg)
{
	(void)arg;
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static void on_resume_accepting(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

/* Out of descriptors: without a pause the loop would do nothing but complain. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	const struct timeval pause = { .tv_sec = 1 };

	(void)arg;
	log_error("cannot accept admin connections: %s", strerror(errno));
	if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT,
		on_resume_accepting, listener, &pause) == 0)
		evconnlistener_disable(listener);
}

static bool accept_on(struct evhttp *http, int fd)
{
	struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(http, fd);

	if (bound == NULL)
		return false;
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_error);
	return true;
}

static struct evhttp *new_http(
    struct admin_server *server, void (*on_request)(struct evhttp_request *, void *))
{
	struct evhttp *http = evhttp_new(control_base(server->ctl));

	if (http == NULL)
		return NULL;
	evhttp_set_gencb(http, on_request, server);
	evhttp_set_bevcb(http, new_connection, NULL);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_timeout(http, TIMEOUT_S);
	evhttp_set_max_headers_size(http, HEADERS_MAX_BYTES);
	evhttp_set_max_body_size(http, BODY_MAX_BYTES);
	return http;
}

/* A socket that no one answers on was left by a weir that was killed. */
static bool remove_stale(const struct sockaddr_un *address, struct error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered =
	    fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	struct stat there;

	if (fd >= 0)
		close(fd);
	if (answered) {
		error_set(
		    err, "admin_socket %s: another weir is running there", address->sun_path);
		return false;
	}
	if (lstat(address->sun_path, &there) == 0 && !S_ISSOCK(there.st_mode)) {
		error_set(err, "admin_socket %s: there is a file that is no socket",
		    address->sun_path);
		return false;
	}
	unlink(address->sun_path);
	return true;
}

static int listen_unix(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct error reason;
	mode_t before;
	bool bound;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		error_set(err, "admin_socket %s: the path is longer than %zu bytes", path,
		    sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (!directory_make_for(path, &reason)) {
		error_set(err, "admin_socket %s: %.300s", path, reason.text);
		return -1;
	}
	if (!remove_stale(&address, err))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	before = umask(0177); /* 0600 from its first instant */
	bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	umask(before);
	if (bound && listen(fd, 64) == 0)
		return fd;
	error_set(err, "admin_socket %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool serve_unix(struct admin_server *server, const char *path, struct error *err)
{
	int fd = listen_unix(path, err);

	if (fd < 0)
		return false;
	server->socket_path = strdup(path);
	server->local = new_http(server, on_local);
	if (server->local != NULL && server->socket_path != NULL &&
	    accept_on(server->local, fd))
		return true;
	close(fd);
	error_set(err, "admin_socket %s: out of memory", path);
	return false;
}

static int listen_tcp(const struct address *address)
{
	int fd =
	    socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&address->storage, address->len) == 0 &&
	    listen(fd, 64) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool serve_tcp(
    struct admin_server *server, const struct address *address, struct error *err)
{
	struct address bound = { .len = sizeof(bound.storage) };
	char text[ADDRESS_TEXT_SIZE];
	int fd = listen_tcp(address);

	if (fd < 0) {
		address_format(address, text);
		error_set(err, "admin_listen %s: %s", text, strerror(errno));
		return false;
	}
	server->loopback = new_http(server, on_loopback);
	if (server->loopback == NULL || !accept_on(server->loopback, fd) ||
	    getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len) < 0) {
		error_set(err, "admin_listen: out of memory");
		return false;
	}
	address_format(&bound, text);
	log_info("admin address=%s", text);
	return true;
}

struct admin_server *admin_server_new(struct control *ctl, const char *socket_path,
    const struct address *loopback, struct error *err)
{
	struct admin_server *server = calloc(1, sizeof(*server));

	if (server == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	server->ctl = ctl;
	control_on_reloaded(ctl, on_reloaded, server);
	if (serve_unix(server, socket_path, err) &&
	    (loopback == NULL || serve_tcp(server, loopback, err)))
		return server;
	admin_server_free(server);
	return NULL;
}

void admin_server_free(struct admin_server *server)
{
	if (server->local != NULL)
		evhttp_free(server->local);
	if (server->loopback != NULL)
		evhttp_free(server->loopback);
	if (server->socket_path != NULL)
		unlink(server->socket_path);
	free(server->socket_path);
	free(server);
}
