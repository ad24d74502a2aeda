/*
 * Pipes that carry large bodies from one connection to another inside the
 * kernel (splice(2)), so that their bytes are never copied to weir and back.
 *
 * Thread     one worker's.
 * Ownership  the worker's spare ones; a relay borrows one while bytes are in it. So
 *            slow readers keep them: what they may have together is limited.
 */
#ifndef PROXY_PIPE_H
#define PROXY_PIPE_H

#include "conf/config.h"
#include "proxy/transport.h"

struct pipe {
	struct pipe *next_spare;
	int read_fd;
	int write_fd;
	size_t n; /* bytes in it */
};

struct pipes {
	struct pipe *spare;
	unsigned n_spare;
	uint32_t n_open; /* spare or borrowed */
	uint32_t max_open;
};

enum {
	/* Below this a body is not worth the calls. */
	PIPE_WORTH_BYTES = 131072,
	PIPE_SIZE_BYTES = PIPED_MAX_BYTES, /* asked for; the system may give less */
	PIPE_LEAST_BYTES = 4096,           /* at once: less costs more than to copy */
	PIPES_SPARE_MAX = 32,
};

/* NULL where max_open are borrowed, or the system has none to give: copy instead. */
struct pipe *pipe_take(struct pipes *pipes);

/* Back to the spare ones, or closed where bytes are left in it. */
void pipe_put(struct pipes *pipes, struct pipe *pipe);

void pipes_done(struct pipes *pipes);

/* At most `most` bytes from the connection into the empty pipe. */
enum io_result pipe_fill(struct pipe *pipe, struct transport *from, size_t most);

/* As much as the connection takes. IO_AGAIN where it takes nothing now. */
enum io_result pipe_drain(struct pipe *pipe, struct transport *to);

#endif
