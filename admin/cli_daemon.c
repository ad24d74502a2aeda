#include "admin/cli_daemon.h"

#include "admin/cli_socket.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HTTP_STATUS_OK = 200,
	RELOAD_TIMEOUT_S = 60,
};

char *cli_daemon_place(const struct cli_args *args, struct error *err)
{
	const char *config = cli_value(args, CLI_OPTION_CONFIG);
	const char *path = cli_value(args, CLI_OPTION_SOCKET);
	char *place;

	if (config != NULL)
		return cli_socket_of(config, err);
	place = strdup(path != NULL ? path : cli_socket_default());
	if (place == NULL)
		error_set(err, "out of memory");
	return place;
}

bool cli_target_begin(struct buffer *target, const char *route, const char *word)
{
	return buffer_printf(target, "/routes/") && client_append_encoded(target, route) &&
	       buffer_printf(target, "/%s", word);
}

bool cli_target_add(struct buffer *target, const char *name, const char *value)
{
	struct slice before = buffer_slice(target);
	bool first = memchr(before.data, '?', before.len) == NULL;

	return buffer_printf(target, "%c%s=", first ? '?' : '&', name) &&
	       client_append_encoded(target, value);
}

/* A whole line for standard error; text of any length. */
__attribute__((format(printf, 3, 4))) static void fail(
    struct cli_answer *answer, enum cli_status status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (vasprintf(&answer->words, format, list) < 0)
		answer->words = NULL;
	va_end(list);
	answer->status = status;
}

static void take_answer(struct cli_answer *answer, unsigned http_status)
{
	struct slice body = buffer_slice(&answer->body);
	json_t *json = json_loadb(body.data != NULL ? body.data : "", body.len, 0, NULL);
	const char *words = json_string_value(json_object_get(json, "error"));

	if (http_status != HTTP_STATUS_OK && words != NULL) {
		fail(answer, CLI_FAILED, "weir: %s", words);
	} else if (http_status != HTTP_STATUS_OK) {
		fail(answer, CLI_FAILED, "weir: refused with status %u", http_status);
	} else if (!json_is_object(json)) {
		fail(answer, CLI_FAILED, "weir: the answer is not the JSON that was asked for");
	} else {
		answer->json = json;
		return;
	}
	json_decref(json);
}

void cli_ask(const struct client_request *request, struct cli_answer *answer)
{
	struct client_answer raw;
	struct error err;

	*answer = (struct cli_answer) { .status = CLI_OK };
	if (!client_ask(request, &raw, &err)) {
		bool by_default = strcmp(request->place, cli_socket_default()) == 0;

		buffer_init(&answer->body, 0);
		fail(answer, CLI_UNREACHABLE, "%s%s", err.text,
		    by_default ? "; --config FILE or --socket PATH names another place" : "");
		return;
	}
	answer->body = raw.body;
	take_answer(answer, raw.status);
}

void cli_answer_done(struct cli_answer *answer)
{
	json_decref(answer->json);
	buffer_done(&answer->body);
	free(answer->words);
}

enum cli_status cli_ask_about(const struct cli_args *args, const char *method,
    struct buffer *target, struct cli_answer *answer)
{
	struct client_request request = {
		.method = method,
		.timeout_s = args->command == CLI_RELOAD ? RELOAD_TIMEOUT_S : CLIENT_TIMEOUT_S,
	};
	struct error err;
	char *place = cli_daemon_place(args, &err);

	if (place != NULL && buffer_append(target, "", 1)) {
		request.place = place;
		request.target = buffer_slice(target).data;
		cli_ask(&request, answer);
	} else {
		*answer = (struct cli_answer) { .status = CLI_FAILED };
		buffer_init(&answer->body, 0);
		fail(
		    answer, CLI_FAILED, "weir: %s", place == NULL ? err.text : "out of memory");
	}
	free(place);
	if (answer->status != CLI_OK)
		fprintf(stderr, "%s\n",
		    answer->words != NULL ? answer->words : "weir: out of memory");
	return answer->status;
}
