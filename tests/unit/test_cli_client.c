/* The command line's HTTP client, against answers of every kind. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REQUEST_SIZE = 4096
};

/* A socket that is listened on, in a directory of the test's own. */
struct place {
	char dir[64];
	char path[96];
	int fd;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (place == NULL)
		return -1;
	snprintf(place->dir, sizeof(place->dir), "/tmp/weir-test-client-XXXXXX");
	if (mkdtemp(place->dir) == NULL)
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/admin.sock", place->dir);
	memcpy(address.sun_path, place->path, strlen(place->path) + 1);
	place->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*state = place;
	if (bind(place->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return listen(place->fd, 4);
}

static int tear_down(void **state)
{
	struct place *place = *state;

	if (place->fd >= 0)
		close(place->fd);
	unlink(place->path);
	rmdir(place->dir);
	free(place);
	return 0;
}

/* In a child: takes one request, checks its start, sends the answer in two pieces. */
static pid_t answer_once(int listener, const char *expected, const char *text, size_t len)
{
	pid_t child = fork();
	char request[REQUEST_SIZE];
	size_t n = 0;
	int fd;

	assert_true(child >= 0);
	if (child > 0)
		return child;
	alarm(60); /* where no one asks */
	fd = accept(listener, NULL, NULL);
	while (
	    n < sizeof(request) - 1 && (n < 4 || memcmp(request + n - 4, "\r\n\r\n", 4) != 0)) {
		ssize_t got = read(fd, request + n, 1);

		if (got != 1)
			_exit(2);
		n += (size_t)got;
	}
	if (strncmp(request, expected, strlen(expected)) != 0)
		_exit(3);
	/* The client may have seen enough of it, and gone. */
	if (send(fd, text, len / 2, MSG_NOSIGNAL) >= 0 &&
	    send(fd, text + len / 2, len - len / 2, MSG_NOSIGNAL) >= 0)
		_exit(0);
	_exit(errno == EPIPE ? 0 : 4);
}

static void assert_was_asked(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool ask(const char *place, struct client_answer *answer, struct error *err)
{
	struct client_request request = {
		.place = place, .method = "GET", .target = "/status", .timeout_s = 10
	};

	*err = (struct error) { "" };
	return client_ask(&request, answer, err);
}

static void an_answer_is_read_however_it_is_framed(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		"chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
	};
	const struct place *place = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		pid_t child = answer_once(
		    place->fd, "GET /status HTTP/1.1\r\nHost: ", texts[i], strlen(texts[i]));
		struct client_answer answer;
		struct error err;

		if (!ask(place->path, &answer, &err))
			fail_msg("%s", err.text);
		assert_int_equal(answer.status, 200);
		assert_true(slice_equal(buffer_slice(&answer.body), SLICE("hello")));
		client_answer_done(&answer);
		assert_was_asked(child);
	}
}

static void a_large_answer_is_read_whole(void **state)
{
	enum {
		BODY = 3000000
	};
	const struct place *place = *state;
	char *text = malloc(BODY + 128);
	int head;
	pid_t child;
	struct client_answer answer;
	struct error err;

	assert_non_null(text);
	head = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
	memset(text + head, 'x', BODY);
	child = answer_once(place->fd, "GET ", text, (size_t)head + BODY);
	assert_true(ask(place->path, &answer, &err));
	assert_int_equal(buffer_len(&answer.body), BODY);
	client_answer_done(&answer);
	assert_was_asked(child);
	free(text);
}

static void a_refusal_is_an_answer_too(void **state)
{
	static const char text[] = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}";
	const struct place *place = *state;
	pid_t child = answer_once(place->fd,
	    "POST /routes/shop/pause HTTP/1.1\r\nHost: weir\r\n", text, sizeof(text) - 1);
	struct client_request request = {
		.place = place->path,
		.method = "POST",
		.target = "/routes/shop/pause",
		.timeout_s = 10,
	};
	struct client_answer answer;
	struct error err;

	assert_true(client_ask(&request, &answer, &err));
	assert_int_equal(answer.status, 409);
	client_answer_done(&answer);
	assert_was_asked(child);
}

static void what_is_no_whole_answer_is_an_error_in_words(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "closed the connection before its answer was whole" },
		{ "HTTP/1.1 200 OK\r\nConte", "closed the connection before" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
		    "closed the connection before" },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer as weir does" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		    "does not answer as weir does" },
	};
	const struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t child =
		    answer_once(place->fd, "GET ", rows[i].text, strlen(rows[i].text));
		struct client_answer answer;
		struct error err;

		assert_false(ask(place->path, &answer, &err));
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("%s", err.text);
		assert_non_null(strstr(err.text, place->path));
		assert_was_asked(child);
	}
}

static void a_weir_that_does_not_run_is_told_as_that(void **state)
{
	struct place *place = *state;
	struct client_answer answer;
	struct error err;

	close(place->fd); /* as a crash leaves it */
	place->fd = -1;
	assert_false(ask(place->path, &answer, &err));
	assert_non_null(strstr(err.text, "no weir listens at "));
	assert_non_null(strstr(err.text, place->path));
	assert_int_equal(unlink(place->path), 0);
	assert_false(ask(place->path, &answer, &err));
	assert_non_null(strstr(err.text, "no weir listens at "));
}

static void a_path_too_long_for_a_socket_is_an_error_in_words(void **state)
{
	char path[300];
	struct client_answer answer;
	struct error err;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_false(ask(path, &answer, &err));
	assert_non_null(strstr(err.text, "longer than"));
}

static void an_address_is_asked_over_tcp(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char place[32];
	pid_t child;
	struct client_answer answer;
	struct error err;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(place, sizeof(place), "127.0.0.1:%u", ntohs(address.sin_port));
	child = answer_once(fd, "GET /status ", text, sizeof(text) - 1);
	if (!ask(place, &answer, &err))
		fail_msg("%s", err.text);
	client_answer_done(&answer);
	assert_was_asked(child);
	close(fd);
}

static void what_a_target_cannot_hold_is_encoded(void **state)
{
	struct buffer target;

	(void)state;
	buffer_init(&target, 64);
	assert_true(client_append_encoded(&target, "a-Z_0.~ /?&=%\n\xc3\xa9"));
	assert_true(
	    slice_equal(buffer_slice(&target), SLICE("a-Z_0.~%20%2F%3F%26%3D%25%0A%C3%A9")));
	assert_false(client_append_encoded(&target, "                              "));
	buffer_done(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_answer_is_read_however_it_is_framed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_large_answer_is_read_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refusal_is_an_answer_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_no_whole_answer_is_an_error_in_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_weir_that_does_not_run_is_told_as_that, set_up, tear_down),
		cmocka_unit_test(a_path_too_long_for_a_socket_is_an_error_in_words),
		cmocka_unit_test(an_address_is_asked_over_tcp),
		cmocka_unit_test(what_a_target_cannot_hold_is_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
