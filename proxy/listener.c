#include "proxy/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool fail(const struct listen_conf *conf, int error, struct error *err)
{
	error_set(err, "[listen %s] cannot listen on %s: %s", conf->name, conf->address_text,
	    strerror(error));
	return false;
}

static int new_socket(const struct address *address)
{
	int fd =
	    socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return -1;
	if (address->storage.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool bind_to(int fd, const struct address *address)
{
	return bind(fd, (const struct sockaddr *)&address->storage, address->len) == 0;
}

/*
 * SO_REUSEPORT would let a second weir share the address unnoticed; a socket
 * without it is refused where anyone listens there.
 */
static bool address_is_free(const struct address *address)
{
	int fd = new_socket(address);
	bool free_now;
	int error;

	if (fd < 0)
		return false;
	free_now = bind_to(fd, address);
	error = errno;
	close(fd);
	errno = error;
	return free_now;
}

static int open_one(const struct address *address, uint32_t backlog)
{
	int fd = new_socket(address);
	int on = 1;

	if (fd < 0)
		return -1;
	/* Clients inherit the options of the socket that accepted them. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
	    !bind_to(fd, address) || listen(fd, (int)backlog) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool open_all(
    struct listener *listener, const struct listen_conf *conf, struct error *err)
{
	struct address address = conf->address;

	if (!address_is_free(&address))
		return fail(conf, errno, err);
	for (size_t i = 0; i < listener->workers; i++) {
		listener->fds[i] = open_one(&address, conf->backlog);
		if (listener->fds[i] < 0)
			return fail(conf, errno, err);
		/* With port 0 the first one's choice holds for all. */
		address.len = sizeof(address.storage);
		if (getsockname(listener->fds[i], (struct sockaddr *)&address.storage,
			&address.len) < 0)
			return fail(conf, errno, err);
	}
	address_format(&address, listener->bound);
	return true;
}

struct listener *listener_open(
    const struct listen_conf *conf, size_t workers, struct error *err)
{
	struct listener *listener = calloc(1, sizeof(*listener) + workers * sizeof(int));

	if (listener == NULL) {
		fail(conf, ENOMEM, err);
		return NULL;
	}
	atomic_init(&listener->refs, 1);
	listener->workers = workers;
	for (size_t i = 0; i < workers; i++)
		listener->fds[i] = -1;
	listener->conf_text = strdup(conf->address_text);
	if (listener->conf_text == NULL || !open_all(listener, conf, err)) {
		listener_unref(listener);
		return NULL;
	}
	return listener;
}

struct listener *listener_ref(struct listener *listener)
{
	atomic_fetch_add_explicit(&listener->refs, 1, memory_order_relaxed);
	return listener;
}

void listener_unref(struct listener *listener)
{
	if (atomic_fetch_sub_explicit(&listener->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < listener->workers; i++) {
		if (listener->fds[i] >= 0)
			close(listener->fds[i]);
	}
	free(listener->conf_text);
	free(listener);
}
