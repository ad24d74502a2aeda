/*
 * A non-blocking connection and its place in the event loop. TLS will come
 * behind these same functions; nothing above them knows the descriptor.
 *
 * Level-triggered, registered once for reading and left so: pausing takes
 * effect when an event comes although it is not wanted, so that a short pause
 * costs no system call. Writing is watched only after a short write.
 *
 * Thread     the worker's whose loop it is.
 * Ownership  embedded in its connection; transport_close() closes the descriptor.
 */
#ifndef PROXY_TRANSPORT_H
#define PROXY_TRANSPORT_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct transport {
	struct event event;
	short watched; /* EV_READ, EV_WRITE: what is registered */
};

enum io_result {
	IO_DONE,  /* *n bytes moved, at least one */
	IO_AGAIN, /* nothing now */
	IO_EOF,   /* the peer will send no more */
	IO_ERROR, /* reset, or worse: close */
};

/* Watches for reading (and writing, for a connection under way). */
__attribute__((warn_unused_result)) bool transport_open(struct transport *transport,
    struct event_base *base, int fd, short watch, event_callback_fn on_event, void *arg);
void transport_close(struct transport *transport);

/* Closes with a reset, so that the peer cannot take what it has for all there is. */
void transport_reset(struct transport *transport);

/* No more will be written; reading goes on. */
void transport_shutdown_write(struct transport *transport);

/* Registers for exactly this; false when the loop cannot (out of memory). */
__attribute__((warn_unused_result)) bool transport_watch(
    struct transport *transport, short watch);

enum io_result transport_read(struct transport *transport, char *bytes, size_t size, size_t *n);
/* Whether a byte is there, without taking it. */
enum io_result transport_peek(struct transport *transport, char *byte);
enum io_result transport_write(
    struct transport *transport, const struct iovec *iov, int n_iov, size_t *n);

/* For splice(2) alone: pipe.c. */
int transport_fd(const struct transport *transport);

/* 0, or the errno with which the connection, or a connect() under way, has failed. */
int transport_error(struct transport *transport);

/* How many bytes written are still in our kernel, for the peer to acknowledge. */
uint32_t transport_unsent(struct transport *transport);

/* How many bytes the peer's kernel has acknowledged, the handshake's included. */
uint64_t transport_bytes_acked(struct transport *transport);

#endif
