#include "proxy/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int transport_fd(const struct transport *transport)
{
	return (int)event_get_fd(&transport->event);
}

bool transport_open(struct transport *transport, struct event_base *base, int fd, short watch,
    event_callback_fn on_event, void *arg)
{
	transport->watched = 0;
	if (event_assign(
		&transport->event, base, fd, (short)(watch | EV_PERSIST), on_event, arg) < 0)
		return false;
	if (event_add(&transport->event, NULL) < 0)
		return false;
	transport->watched = watch;
	return true;
}

static void forget(struct transport *transport)
{
	if (transport->watched != 0)
		event_del(&transport->event);
	transport->watched = 0;
}

void transport_close(struct transport *transport)
{
	forget(transport);
	close(transport_fd(transport));
}

void transport_reset(struct transport *transport)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(transport_fd(transport), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	transport_close(transport);
}

void transport_shutdown_write(struct transport *transport)
{
	shutdown(transport_fd(transport), SHUT_WR);
}

bool transport_watch(struct transport *transport, short watch)
{
	struct event *event = &transport->event;

	if (transport->watched == watch)
		return true;
	forget(transport);
	if (watch == 0)
		return true;
	if (event_assign(event, event_get_base(event), event_get_fd(event),
		(short)(watch | EV_PERSIST), event_get_callback(event),
		event_get_callback_arg(event)) < 0 ||
	    event_add(event, NULL) < 0)
		return false;
	transport->watched = watch;
	return true;
}

static enum io_result receive(
    struct transport *transport, char *bytes, size_t size, int flags, size_t *n)
{
	ssize_t got;

	do
		got = recv(transport_fd(transport), bytes, size, flags);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		*n = (size_t)got;
		return IO_DONE;
	}
	if (got == 0)
		return IO_EOF;
	return errno == EAGAIN ? IO_AGAIN : IO_ERROR;
}

enum io_result transport_read(struct transport *transport, char *bytes, size_t size, size_t *n)
{
	return receive(transport, bytes, size, 0, n);
}

enum io_result transport_peek(struct transport *transport, char *byte)
{
	size_t n;

	return receive(transport, byte, 1, MSG_PEEK, &n);
}

enum io_result transport_write(
    struct transport *transport, const struct iovec *iov, int n_iov, size_t *n)
{
	ssize_t put;

	do
		/* One piece, as most are, needs no vector to be read from user space. */
		put = n_iov == 1 ? send(transport_fd(transport), iov->iov_base, iov->iov_len,
				       MSG_NOSIGNAL)
				 : writev(transport_fd(transport), iov, n_iov);
	while (put < 0 && errno == EINTR);
	if (put >= 0) {
		*n = (size_t)put;
		return IO_DONE;
	}
	return errno == EAGAIN ? IO_AGAIN : IO_ERROR;
}

int transport_error(struct transport *transport)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(transport_fd(transport), SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

uint32_t transport_unsent(struct transport *transport)
{
	int unsent = 0;

	if (ioctl(transport_fd(transport), SIOCOUTQ, &unsent) < 0 || unsent < 0)
		return 0;
	return (uint32_t)unsent;
}

uint64_t transport_bytes_acked(struct transport *transport)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	/* Where the kernel cannot say, assume the worst: everything arrived. */
	if (getsockopt(transport_fd(transport), IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
		return UINT64_MAX;
	return info.tcpi_bytes_acked;
}
