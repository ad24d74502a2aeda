#include "admin/server.h"

#include "admin/api.h"
#include "admin/api_reload.h"
#include "base/directory.h"
#include "base/log.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
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
};

struct admin_server {
	struct control *ctl;
	struct evhttp *local;    /* the unix socket: everything */
	struct evhttp *loopback; /* TCP: what changes nothing; NULL unless configured */
	char *socket_path;
	struct api_reloads *reloads;
};

static void on_local(struct evhttp_request *req, void *arg)
{
	struct admin_server *server = arg;

	api_serve(server->ctl, server->reloads, req, true);
}

static void on_loopback(struct evhttp_request *req, void *arg)
{
	struct admin_server *server = arg;

	api_serve(server->ctl, server->reloads, req, false);
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
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE);
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
	server->reloads = api_reloads_new(ctl);
	if (server->reloads == NULL)
		error_set(err, "out of memory");
	else if (serve_unix(server, socket_path, err) &&
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
	api_reloads_free(server->reloads);
	if (server->socket_path != NULL)
		unlink(server->socket_path);
	free(server->socket_path);
	free(server);
}
