/*
 * Bytes on their way out to one peer, in order: some held here, some still in
 * the buffer that the current callback has read into.
 *
 *     parts:  [held][foreign][held] ...     one writev sends them all
 *
 * A callback appends, flushes (sendq_iov, writev, sendq_sent) and, if the peer
 * did not take it all, calls sendq_keep() before the foreign buffer is used
 * again. What then waits is bounded by one read, since the source is paused
 * until it has gone.
 *
 * While replaying is possible (sendq_replayable) what was sent is kept as well,
 * so that the same bytes can be sent once more to another connection.
 *
 * Sans-IO. Ownership: embedded; held bytes are its own, foreign ones are not.
 */
#ifndef PROXY_SENDQ_H
#define PROXY_SENDQ_H

#include "base/buffer.h"

#include <sys/uio.h>

enum {
	SENDQ_PARTS_MAX = 24
};

struct sendq_part {
	const char *foreign; /* NULL: the next len bytes that are held */
	size_t len;
};

struct sendq {
	struct buffer held;
	struct sendq_part parts[SENDQ_PARTS_MAX];
	unsigned n_parts;
	size_t pending;    /* bytes not sent yet */
	size_t replay_cap; /* the caller's to set, while it is empty */
	bool replayable;
};

/* cap_bytes bounds what can wait; replay_cap what can be sent again. */
void sendq_init(struct sendq *q, size_t cap_bytes, size_t replay_cap);
void sendq_done(struct sendq *q);

/* As buffer_lend(), for what is held. */
void sendq_lend(struct sendq *q, char *memory, size_t size);

/* Empties it for the next message; sent bytes are kept for a replay if asked. */
void sendq_reset(struct sendq *q, bool replayable, size_t keep_bytes);

/* Bytes that are copied. False when over the cap or out of memory. */
__attribute__((warn_unused_result)) bool sendq_copy(struct sendq *q, struct slice bytes);

/* Bytes that stay where they are until sent or sendq_keep(); small ones are copied. */
__attribute__((warn_unused_result)) bool sendq_refer(struct sendq *q, struct slice bytes);

/*
 * The same, where the bytes from `room` up to them are nobody's any more: what is held
 * goes there if it fits, so that one piece is sent and not two.
 */
__attribute__((warn_unused_result)) bool sendq_refer_behind(
    struct sendq *q, struct slice bytes, char *room);

/*
 * A writer has appended to q->held itself. Not on a queue that is replayable and
 * has sent something: the writer's reserve would move away what is kept.
 */
void sendq_written(struct sendq *q);

/* The unsent bytes as at most SENDQ_PARTS_MAX pieces; returns how many. */
int sendq_iov(const struct sendq *q, struct iovec iov[SENDQ_PARTS_MAX]);

/* The peer took n bytes. */
void sendq_sent(struct sendq *q, size_t n);

/* Copies what is foreign: afterwards nothing refers to the callback's buffer. */
__attribute__((warn_unused_result)) bool sendq_keep(struct sendq *q);

/* All that was sent becomes unsent again; only while replayable. */
void sendq_rewind(struct sendq *q);

/* No replay will be wanted: what was sent can go. */
void sendq_forget(struct sendq *q);

#endif
