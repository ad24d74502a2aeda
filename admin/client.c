#include "admin/client.h"

#include "base/address.h"
#include "proxy/h1_parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	REQUEST_MAX_BYTES = 12 * 1024,
	INPUT_MAX_BYTES = 128 * 1024,
	READ_BYTES = 64 * 1024,
};

static const struct h1_limits limits = {
	.max_head_bytes = 32 * 1024,
	.max_fields = 100,
	.max_uri_bytes = 8192,
};

static bool unix_address(const char *path, struct address *address, struct error *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;

	*address = (struct address) { .len = sizeof(*un) };
	if (strlen(path) >= sizeof(un->sun_path)) {
		error_set(err, "the socket's path is longer than %zu bytes: %s",
		    sizeof(un->sun_path) - 1, path);
		return false;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	return true;
}

/* A path with a slash is never an address; what reads as one is no path. */
static bool find_place(const char *place, struct address *address, struct error *err)
{
	if (strchr(place, '/') == NULL && address_parse(place, address, NULL))
		return true;
	return unix_address(place, address, err);
}

static void explain_connect(const char *place, struct error *err)
{
	bool absent = errno == ENOENT || errno == ECONNREFUSED;

	error_set(err, "%s %s: %s%s", absent ? "no weir listens at" : "cannot connect to",
	    place, strerror(errno),
	    errno == EACCES ? " (the socket is for weir's own user)" : "");
}

/* The limits on sending hold for connecting too (Linux, socket(7)). */
static int connect_to(const struct client_request *request, struct error *err)
{
	struct timeval send_limit = { .tv_sec = CLIENT_TIMEOUT_S };
	struct timeval receive_limit = { .tv_sec = request->timeout_s };
	struct address address;
	int fd;

	if (!find_place(request->place, &address, err))
		return -1;
	fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive_limit, sizeof(receive_limit)) ==
		0 &&
	    connect(fd, (const struct sockaddr *)&address.storage, address.len) == 0)
		return fd;
	explain_connect(request->place, err);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool format_request(struct buffer *text, const struct client_request *request)
{
	return buffer_printf(text,
	    "%s %s HTTP/1.1\r\nHost: weir\r\nUser-Agent: weir/%s\r\nConnection: "
	    "close\r\n%s\r\n",
	    request->method, request->target, WEIR_VERSION,
	    strcmp(request->method, "GET") == 0 ? "" : "Content-Length: 0\r\n");
}

static bool send_request(int fd, const struct client_request *request, struct error *err)
{
	struct buffer text;
	bool ok;

	buffer_init(&text, REQUEST_MAX_BYTES);
	ok = format_request(&text, request);
	if (!ok)
		error_set(err, "the request is longer than %d bytes", REQUEST_MAX_BYTES);
	while (ok && buffer_len(&text) > 0) {
		struct slice rest = buffer_slice(&text);
		ssize_t n = send(fd, rest.data, rest.len, MSG_NOSIGNAL);

		if (n > 0) {
			buffer_consume(&text, (size_t)n);
		} else if (errno != EINTR) {
			ok = false;
			error_set(
			    err, "cannot send to %s: %s", request->place, strerror(errno));
		}
	}
	buffer_done(&text);
	return ok;
}

struct receiving {
	int fd;
	const struct client_request *request;
	struct h1_parser parser;
	struct message message;
	struct buffer input; /* what the parser has not used yet */
	bool eof;
};

/* More input, or its end. */
static bool receive(struct receiving *receiving, struct error *err)
{
	struct buffer *input = &receiving->input;
	ssize_t n;

	if (!buffer_reserve(input, READ_BYTES)) {
		error_set(err, "out of memory");
		return false;
	}
	do
		n = recv(receiving->fd, input->data + input->end, READ_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		error_set(err, "no answer from %s within %u s", receiving->request->place,
		    receiving->request->timeout_s);
		return false;
	}
	if (n < 0) {
		error_set(
		    err, "no answer from %s: %s", receiving->request->place, strerror(errno));
		return false;
	}
	receiving->eof = n == 0;
	buffer_added(input, (size_t)n);
	return true;
}

/* Does what the next event asks for; false at the end, with *ok, or on an error. */
static bool take_event(
    struct receiving *receiving, struct client_answer *answer, bool *ok, struct error *err)
{
	const char *place = receiving->request->place;
	struct slice data;
	size_t used;
	enum h1_event event = h1_parser_next(&receiving->parser,
	    buffer_slice(&receiving->input), &receiving->message, &used, &data);

	switch (event) {
	case H1_HEAD: answer->status = receiving->message.status; break;
	case H1_DATA:
		if (buffer_append_slice(&answer->body, data))
			break;
		error_set(err, "the answer from %s is larger than %d MiB", place,
		    CLIENT_ANSWER_MAX_BYTES >> 20);
		return false;
	case H1_END: *ok = true; return false;
	case H1_FAULT:
		error_set(err, "%s does not answer as weir does: %s", place,
		    receiving->parser.fault.reason);
		return false;
	case H1_NEED_MORE:
		buffer_consume(&receiving->input, used);
		if (!receiving->eof)
			return receive(receiving, err);
		*ok = h1_parser_eof(&receiving->parser);
		if (!*ok)
			error_set(
			    err, "%s closed the connection before its answer was whole", place);
		return false;
	}
	buffer_consume(&receiving->input, used);
	return true;
}

bool client_ask(
    const struct client_request *request, struct client_answer *answer, struct error *err)
{
	struct receiving receiving = { .request = request };
	bool ok = false;

	*answer = (struct client_answer) { .status = 0 };
	buffer_init(&answer->body, CLIENT_ANSWER_MAX_BYTES);
	receiving.fd = connect_to(request, err);
	if (receiving.fd < 0)
		return false;
	buffer_init(&receiving.input, INPUT_MAX_BYTES);
	h1_parser_init_response(&receiving.parser, &limits, false);
	if (send_request(receiving.fd, request, err)) {
		while (take_event(&receiving, answer, &ok, err))
			;
	}
	buffer_done(&receiving.input);
	close(receiving.fd);
	if (!ok)
		client_answer_done(answer);
	return ok;
}

void client_answer_done(struct client_answer *answer)
{
	buffer_done(&answer->body);
}

bool client_append_encoded(struct buffer *target, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (; *text != '\0'; text++) {
		bool ok = strchr(plain, *text) != NULL
			      ? buffer_append(target, text, 1)
			      : buffer_printf(target, "%%%02X", (unsigned char)*text);

		if (!ok)
			return false;
	}
	return true;
}
