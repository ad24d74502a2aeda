#include "admin/cli_status.h"

#include "admin/cli_status_route.h"
#include "admin/cli_status_table.h"
#include "conf/nearest.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WATCH_TIMEOUT_S = 2, /* for an answer: SIGINT waits for it */
	TIME_TEXT_SIZE = 16,
};

/* SIGINT or SIGTERM has come. */
static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	(void)number;
	told_to_end = 1;
}

bool cli_watch_interval(const char *text, uint64_t *us, struct error *err)
{
	char *end;
	double seconds = text[0] == '\0' ? 1 : strtod(text, &end);

	if (text[0] != '\0' && *end == 's')
		end++;
	if ((text[0] != '\0' && (*end != '\0' || strpbrk(text, "xXnN") != NULL)) ||
	    !(seconds >= 0.1 && seconds <= 3600)) {
		error_set(err, "--watch takes seconds, 0.1 to 3600, not '%s'", text);
		return false;
	}
	*us = (uint64_t)(seconds * 1e6);
	return true;
}

static const json_t *find_route(const json_t *status, const char *name)
{
	const json_t *routes = json_object_get(status, "routes");

	for (size_t i = 0; i < json_array_size(routes); i++) {
		const json_t *route = json_array_get(routes, i);
		const char *found = json_string_value(json_object_get(route, "name"));

		if (found != NULL && strcmp(found, name) == 0)
			return route;
	}
	return NULL;
}

static void explain_absence(const json_t *status, const char *name, FILE *errors)
{
	const json_t *routes = json_object_get(status, "routes");
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];

	nearest_init(&nearest, name);
	for (size_t i = 0; i < json_array_size(routes); i++) {
		const char *offered =
		    json_string_value(json_object_get(json_array_get(routes, i), "name"));

		if (offered != NULL)
			nearest_offer(&nearest, offered);
	}
	nearest_format(&nearest, hint);
	fprintf(errors, "weir: there is no route '%s'%s\n", name, hint);
}

static enum cli_status show_json(const struct cli_view *view, const struct cli_answer *answer,
    const json_t *route, FILE *out)
{
	struct slice body = buffer_slice(&answer->body);
	char *text;

	if (view->route == NULL) {
		fprintf(out, "%.*s\n", (int)body.len, body.data);
		return CLI_OK;
	}
	text = json_dumps(route, JSON_COMPACT | JSON_REAL_PRECISION(12));
	if (text == NULL)
		return CLI_FAILED;
	fprintf(out, "%s\n", text);
	free(text);
	return CLI_OK;
}

/* Of a loss, or of the return after it. */
static void note_change(
    struct cli_view *view, const struct cli_answer *answer, const char *time, FILE *errors)
{
	double uptime_s = json_number_value(json_object_get(answer->json, "uptime_s"));
	bool restarted = answer->status == CLI_OK && uptime_s < view->uptime_s;
	bool is_lost = answer->status != CLI_OK;

	if (is_lost)
		snprintf(view->message, sizeof(view->message), "%s  %s; trying again", time,
		    answer->words != NULL ? answer->words : "out of memory");
	else if (restarted)
		snprintf(view->message, sizeof(view->message), "%s  weir was restarted", time);
	else if (view->was_lost)
		snprintf(view->message, sizeof(view->message), "%s  weir answers again", time);
	if (!view->terminal && (restarted || is_lost != view->was_lost))
		fprintf(errors, "%s\n", view->message);
	view->was_lost = is_lost;
	if (!is_lost)
		view->uptime_s = uptime_s;
}

/* Each line over the one that stands there, and nothing left below. */
static void draw(const char *text, FILE *out)
{
	fputs("\033[H", out);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		fprintf(out, "%.*s\033[K\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", out);
}

static enum cli_status show_answer(
    struct cli_view *view, const struct cli_answer *answer, FILE *out, FILE *errors)
{
	const json_t *route =
	    view->route != NULL ? find_route(answer->json, view->route) : NULL;

	if (view->route != NULL && route == NULL) {
		explain_absence(answer->json, view->route, errors);
		view->is_over = true;
		return CLI_FAILED;
	}
	if (view->json)
		return show_json(view, answer, route, out);
	if (route != NULL)
		cli_status_route_print(answer->json, route, out);
	else
		cli_status_table_print(answer->json, out);
	return CLI_OK;
}

static enum cli_status show_frame(
    struct cli_view *view, const struct cli_answer *answer, FILE *out, FILE *errors)
{
	enum cli_status status = answer->status;
	char *text = NULL;
	size_t size;
	FILE *frame;

	if (!view->terminal) {
		if (status == CLI_OK)
			status = show_answer(view, answer, out, errors);
		if (status == CLI_OK && !view->json)
			fputc('\n', out);
		return status;
	}
	frame = open_memstream(&text, &size);
	if (frame == NULL)
		return CLI_FAILED;
	if (view->message[0] != '\0')
		fprintf(frame, "%s\n\n", view->message);
	if (status == CLI_OK)
		status = show_answer(view, answer, frame, errors);
	fclose(frame);
	if (text != NULL && !view->is_over)
		draw(text, out);
	free(text);
	return status;
}

enum cli_status cli_view_show(struct cli_view *view, const struct cli_answer *answer,
    const char *time, FILE *out, FILE *errors)
{
	if (view->watching) {
		note_change(view, answer, time, errors);
		return show_frame(view, answer, out, errors);
	}
	if (answer->status == CLI_OK)
		return show_answer(view, answer, out, errors);
	fprintf(errors, "%s\n", answer->words != NULL ? answer->words : "weir: out of memory");
	return answer->status;
}

static void ask_and_show(struct cli_view *view, const char *place, enum cli_status *status)
{
	struct client_request request = {
		.place = place,
		.method = "GET",
		.target = "/status",
		.timeout_s = view->watching ? WATCH_TIMEOUT_S : CLIENT_TIMEOUT_S,
	};
	char text[TIME_TEXT_SIZE] = "";
	time_t now = time(NULL);
	struct cli_answer answer;
	struct tm local;

	if (localtime_r(&now, &local) != NULL)
		strftime(text, sizeof(text), "%H:%M:%S", &local);
	cli_ask(&request, &answer);
	*status = cli_view_show(view, &answer, text, stdout, stderr);
	cli_answer_done(&answer);
}

/*
 * Until it is told to end. The signals come only while it waits, so that none is
 * missed between the look at the flag and the wait.
 */
static enum cli_status watch(struct cli_view *view, const char *place, uint64_t interval_us)
{
	const struct timespec interval = {
		.tv_sec = (time_t)(interval_us / 1000000),
		.tv_nsec = (long)(interval_us % 1000000) * 1000,
	};
	struct sigaction action = { .sa_handler = on_signal };
	enum cli_status status = CLI_OK;
	sigset_t ending, before;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, &before);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (view->terminal)
		fputs("\033[2J", stdout);
	while (!told_to_end) {
		ask_and_show(view, place, &status);
		if (view->is_over || fflush(stdout) != 0 || ferror(stdout))
			return CLI_FAILED;
		ppoll(NULL, 0, &interval, &before);
	}
	return CLI_OK;
}

enum cli_status cli_status_run(const struct cli_args *args)
{
	const char *every = cli_value(args, CLI_OPTION_WATCH);
	struct cli_view view = {
		.route = args->operand,
		.json = cli_value(args, CLI_OPTION_JSON) != NULL,
		.watching = every != NULL,
		.terminal = every != NULL && cli_value(args, CLI_OPTION_JSON) == NULL &&
			    isatty(STDOUT_FILENO),
		.uptime_s = -1,
	};
	enum cli_status status = CLI_FAILED;
	uint64_t interval_us = 0;
	struct error err;
	char *place;

	if (every != NULL && !cli_watch_interval(every, &interval_us, &err)) {
		fprintf(stderr, "weir: %s\n", err.text);
		return CLI_USAGE;
	}
	place = cli_daemon_place(args, &err);
	if (place == NULL)
		fprintf(stderr, "weir: %s\n", err.text);
	else if (view.watching)
		status = watch(&view, place, interval_us);
	else
		ask_and_show(&view, place, &status);
	free(place);
	return status;
}
