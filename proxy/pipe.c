#include "proxy/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct pipe *pipe_take(struct pipes *pipes)
{
	struct pipe *pipe = pipes->spare;
	int fds[2];

	if (pipe != NULL) {
		pipes->spare = pipe->next_spare;
		pipes->n_spare--;
		return pipe;
	}
	if (pipes->n_open >= pipes->max_open)
		return NULL;
	pipe = calloc(1, sizeof(*pipe));
	if (pipe == NULL)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	pipes->n_open++;
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	/* Where it is refused (pipe-user-pages-soft), the smaller one does as well. */
	fcntl(pipe->write_fd, F_SETPIPE_SZ, PIPE_SIZE_BYTES);
	return pipe;
}

static void close_pipe(struct pipes *pipes, struct pipe *pipe)
{
	pipes->n_open--;
	close(pipe->read_fd);
	close(pipe->write_fd);
	free(pipe);
}

void pipe_put(struct pipes *pipes, struct pipe *pipe)
{
	if (pipe->n > 0 || pipes->n_spare == PIPES_SPARE_MAX) {
		close_pipe(pipes, pipe);
		return;
	}
	pipe->next_spare = pipes->spare;
	pipes->spare = pipe;
	pipes->n_spare++;
}

void pipes_done(struct pipes *pipes)
{
	while (pipes->spare != NULL) {
		struct pipe *pipe = pipes->spare;

		pipes->spare = pipe->next_spare;
		close_pipe(pipes, pipe);
	}
	pipes->n_spare = 0;
}

static enum io_result move(int from, int to, size_t most, size_t *n)
{
	ssize_t moved;

	do
		moved = splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (moved < 0 && errno == EINTR);
	if (moved > 0) {
		*n = (size_t)moved;
		return IO_DONE;
	}
	if (moved == 0)
		return IO_EOF;
	return errno == EAGAIN ? IO_AGAIN : IO_ERROR;
}

enum io_result pipe_fill(struct pipe *pipe, struct transport *from, size_t most)
{
	size_t n = 0;
	enum io_result result = move(transport_fd(from), pipe->write_fd, most, &n);

	pipe->n += n;
	return result;
}

enum io_result pipe_drain(struct pipe *pipe, struct transport *to)
{
	size_t n = 0;
	enum io_result result = move(pipe->read_fd, transport_fd(to), pipe->n, &n);

	pipe->n -= n;
	return result;
}
