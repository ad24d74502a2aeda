#include "admin/cli_daemon.h"

#include "admin/cli_socket.h"
#include "admin/cli_status.h"
#include "admin/client.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	HTTP_STATUS_OK = 200,
	TARGET_MAX_BYTES = 4096,
	RELOAD_TIMEOUT_S = 60,
	STATE_SIZE = 32,
};

/* free() it. NULL: err says why. */
static char *place_of(const struct cli_args *args, struct error *err)
{
	char *place;

	if (args->config != NULL)
		return cli_socket_of(args->config, err);
	place = strdup(args->socket != NULL ? args->socket : cli_socket_default());
	if (place == NULL)
		error_set(err, "out of memory");
	return place;
}

static bool append_order(const struct cli_args *args, struct buffer *target)
{
	return buffer_printf(target, "/routes/") &&
	       client_append_encoded(target, args->operand) &&
	       buffer_printf(target, "/%s", cli_command_name(args->command)) &&
	       (args->why == NULL || (buffer_printf(target, "?why=") &&
					 client_append_encoded(target, args->why)));
}

/* With its NUL; false when over the cap or out of memory. */
static bool make_target(const struct cli_args *args, struct buffer *target)
{
	bool ok;

	switch (args->command) {
	case CLI_STATUS: ok = buffer_printf(target, "/status"); break;
	case CLI_RELOAD: ok = buffer_printf(target, "/reload"); break;
	default: ok = append_order(args, target);
	}
	return ok && buffer_append(target, "", 1);
}

/* The daemon's own words for an error, or else the status alone. */
static void print_refusal(const struct client_answer *answer, const json_t *json)
{
	const char *words = json_string_value(json_object_get(json, "error"));

	if (words != NULL)
		fprintf(stderr, "weir: %s\n", words);
	else
		fprintf(stderr, "weir: refused with status %u\n", answer->status);
}

static void print_order(const json_t *json)
{
	const char *given = json_string_value(json_object_get(json, "state"));
	const char *route = json_string_value(json_object_get(json, "route"));
	double weight_ppm = json_number_value(json_object_get(json, "weight_ppm"));
	char state[STATE_SIZE];

	snprintf(state, sizeof(state), "%s", given != NULL ? given : "done");
	for (char *at = state; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	printf("%s: %s, weight %g%%\n", route != NULL ? route : "route", state,
	    weight_ppm / 10000);
}

static enum cli_status print_answer(
    const struct cli_args *args, const struct client_answer *answer)
{
	struct slice body = buffer_slice(&answer->body);
	json_t *json = json_loadb(body.data != NULL ? body.data : "", body.len, 0, NULL);
	enum cli_status status = CLI_OK;

	if (answer->status != HTTP_STATUS_OK) {
		print_refusal(answer, json);
		status = CLI_FAILED;
	} else if (!json_is_object(json)) {
		fprintf(stderr, "weir: the answer is not the JSON that was asked for\n");
		status = CLI_FAILED;
	} else if (args->command == CLI_STATUS && args->json) {
		fwrite(body.data, 1, body.len, stdout);
		putchar('\n');
	} else if (args->command == CLI_STATUS) {
		cli_status_print(json, stdout);
	} else if (args->command == CLI_RELOAD) {
		printf("reloaded: generation %" JSON_INTEGER_FORMAT "\n",
		    json_integer_value(json_object_get(json, "generation")));
	} else {
		print_order(json);
	}
	json_decref(json);
	return status;
}

static enum cli_status ask(const struct cli_args *args, const char *place, const char *target)
{
	struct client_request request = {
		.place = place,
		.method = args->command == CLI_STATUS ? "GET" : "POST",
		.target = target,
		.timeout_s = args->command == CLI_RELOAD ? RELOAD_TIMEOUT_S : CLIENT_TIMEOUT_S,
	};
	struct client_answer answer;
	struct error err;
	enum cli_status status;

	if (!client_ask(&request, &answer, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return CLI_UNREACHABLE;
	}
	status = print_answer(args, &answer);
	client_answer_done(&answer);
	return status;
}

enum cli_status cli_daemon_run(const struct cli_args *args)
{
	struct error err;
	struct buffer target;
	enum cli_status status = CLI_FAILED;
	char *place = place_of(args, &err);

	buffer_init(&target, TARGET_MAX_BYTES);
	if (place == NULL)
		fprintf(stderr, "weir: %s\n", err.text);
	else if (!make_target(args, &target))
		fprintf(
		    stderr, "weir: the request is longer than %d bytes\n", TARGET_MAX_BYTES);
	else
		status = ask(args, place, buffer_slice(&target).data);
	buffer_done(&target);
	free(place);
	return status;
}
