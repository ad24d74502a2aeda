#include "admin/cli_drill.h"

#include "admin/cli_daemon.h"
#include "admin/cli_format.h"
#include "admin/drill_traffic.h"
#include "conf/config.h"
#include "conf/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	POLL_MS = 250,
	POLLS_PER_LINE = 40, /* where progress cannot be redrawn */
	NUMBER_SIZE = 16,
};

/* One drill, from its begin to its report. */
struct cli_drill {
	const char *place;
	const char *target; /* "/routes/shop/drill" */
	bool json;
	bool redraws;            /* progress goes to a terminal */
	sigset_t signals_before; /* while those that end it are held up */
	struct event_base *base;
	struct drill_traffic *traffic; /* NULL unless live */
	unsigned polls;
	enum cli_status status;
	json_t *ended; /* the drill at its end; NULL: not yet */
};

static bool read_fail(const char *text, uint32_t *ppm, struct error *err)
{
	struct error why;

	if (text == NULL) {
		error_set(err, "--fail is needed: the share of the canary's requests to fail, "
			       "as in --fail 5%%");
		return false;
	}
	if (!units_parse_share(slice_of(text), ppm, &why)) {
		error_set(err, "--fail: %s", why.text);
		return false;
	}
	if (*ppm > 0)
		return true;
	error_set(err, "--fail 0%% fails nothing: there is nothing to rehearse");
	return false;
}

static bool is_target(const char *path)
{
	for (const char *at = path; *at != '\0'; at++)
		if (!isgraph((unsigned char)*at))
			return false;
	return path[0] == '/';
}

bool cli_drill_read(
    const struct cli_args *args, struct cli_drill_request *request, struct error *err)
{
	static const struct cli_span ms = { .unit_us = 1000,
		.fallback = 60000,
		.least = 1000,
		.most = 24 * 3600 * 1000,
		.words = "1s to 24h" };
	uint64_t for_ms;

	*request = (struct cli_drill_request) {
		.live = cli_value(args, CLI_OPTION_LIVE) != NULL,
		.path = cli_value(args, CLI_OPTION_PATH),
		.headers = &args->values[CLI_OPTION_HEADER],
	};
	if (!read_fail(cli_value(args, CLI_OPTION_FAIL), &request->fail_ppm, err) ||
	    !cli_for(args, &ms, &for_ms, err))
		return false;
	request->for_ms = (uint32_t)for_ms;
	if (!request->live && (request->path != NULL || request->headers->n > 0)) {
		error_set(err, "--path and --header are for the requests of --live; without it "
			       "none are sent");
		return false;
	}
	if (request->path != NULL && !is_target(request->path)) {
		error_set(err, "--path is to begin with / and to have no spaces");
		return false;
	}
	for (size_t i = 0; i < request->headers->n; i++) {
		if (strchr(request->headers->items[i], ':') != NULL)
			continue;
		error_set(err, "--header is 'NAME: VALUE'");
		return false;
	}
	return true;
}

/* Lines of words, each broken where the terminal's would be. */
static void print_report(const char *text)
{
	char *copy = strdup(text), *rest = copy;

	while (rest != NULL) {
		char *line = strsep(&rest, "\n");

		cli_clean(line);
		cli_print_words(line, 0, 2, stdout);
	}
	free(copy);
}

static void print_progress(const struct cli_drill *drill, const json_t *json)
{
	const char *words = json_string_value(json_object_get(json, "text"));
	char line[CLI_LINE_WIDTH + 1];

	if (drill->json || words == NULL)
		return;
	snprintf(line, sizeof(line), "%s", words);
	cli_clean(line);
	if (drill->redraws)
		fprintf(stderr, "\r\033[K%s", line);
	else if (drill->polls % POLLS_PER_LINE == 0)
		fprintf(stderr, "%s\n", line);
}

static bool is_running(const json_t *json)
{
	const char *state = json_string_value(json_object_get(json, "state"));

	return state != NULL && strcmp(state, "running") == 0;
}

/* Asks for the drill, or has it stopped. */
static void ask(struct cli_drill *drill, const char *method)
{
	const struct client_request request = {
		.place = drill->place,
		.method = method,
		.target = drill->target,
		.timeout_s = CLIENT_TIMEOUT_S,
	};
	struct cli_answer answer;

	cli_ask(&request, &answer);
	drill->status = answer.status;
	if (answer.status != CLI_OK) {
		fprintf(stderr, "%s%s\n", drill->redraws ? "\r\033[K" : "",
		    answer.words != NULL ? answer.words : "weir: out of memory");
		event_base_loopbreak(drill->base);
	} else if (is_running(answer.json)) {
		print_progress(drill, answer.json);
	} else {
		drill->ended = json_incref(answer.json);
		event_base_loopbreak(drill->base);
	}
	cli_answer_done(&answer);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct cli_drill *drill = arg;

	(void)fd;
	(void)what;
	drill->polls++;
	ask(drill, "GET");
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	ask(arg, "DELETE");
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text != NULL ? text : "";
}

static bool send_traffic(struct cli_drill *drill, const struct cli_drill_request *request,
    const json_t *begun, struct error *err)
{
	const json_t *traffic = json_object_get(begun, "traffic");
	const json_t *tokens = json_object_get(traffic, "tokens");
	struct drill_traffic_setting setting = {
		.address = text_of(traffic, "address"),
		.host = text_of(traffic, "host"),
		.path = request->path != NULL ? request->path : text_of(traffic, "path"),
		.tokens = { text_of(tokens, "legacy"), text_of(tokens, "canary") },
		.canary_ppm = (uint32_t)cli_member_whole(traffic, "canary_ppm"),
		.n_headers = request->headers->n,
	};

	for (size_t i = 0; i < setting.n_headers; i++)
		setting.headers[i] = request->headers->items[i];
	drill->traffic = drill_traffic_new(drill->base, &setting, err);
	return drill->traffic != NULL;
}

/* Until the drill is over, or there is no weir to be asked any more. */
static bool wait_for_end(struct cli_drill *drill, struct error *err)
{
	const struct timeval every = { .tv_usec = POLL_MS * 1000 };
	static const int numbers[] = { SIGINT, SIGTERM };
	struct event *events[3] = {
		event_new(drill->base, -1, EV_PERSIST, on_poll, drill),
		evsignal_new(drill->base, numbers[0], on_signal, drill),
		evsignal_new(drill->base, numbers[1], on_signal, drill),
	};
	bool ok = true;

	for (size_t i = 0; i < 3; i++)
		ok = ok && events[i] != NULL &&
		     event_add(events[i], i == 0 ? &every : NULL) == 0;
	/* From here on they stop the drill, and not this command alone. */
	sigprocmask(SIG_SETMASK, &drill->signals_before, NULL);
	if (ok)
		event_base_dispatch(drill->base);
	else
		error_set(err, "out of memory");
	for (size_t i = 0; i < 3; i++)
		if (events[i] != NULL)
			event_free(events[i]);
	return ok;
}

/* Requests that were answered, but not by the route, are the wrong ones. */
static void hint_at_traffic(const struct cli_drill *drill)
{
	const json_t *synthetic = json_object_get(drill->ended, "synthetic");
	struct drill_traffic_sums sums = drill_traffic_sums(drill->traffic);
	json_int_t counted = 0;

	for (enum arm arm = 0; arm < ARMS; arm++)
		counted +=
		    cli_member_whole(json_object_get(synthetic, arm_name(arm)), "requests");
	if (counted > 0)
		return;
	if (sums.answered > 0)
		fprintf(stderr,
		    "%" PRIu64 " requests were answered, none of them by this route: say "
		    "which it takes with --path and --header.\n",
		    sums.answered);
	else
		fprintf(stderr, "%" PRIu64 " requests were sent, none was answered.\n",
		    sums.unanswered);
}

static void report(struct cli_drill *drill)
{
	if (drill->redraws)
		fputs("\r\033[K", stderr);
	if (drill->ended == NULL)
		return;
	if (drill->json) {
		json_dumpf(drill->ended, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		fputc('\n', stdout);
	} else {
		print_report(text_of(drill->ended, "text"));
	}
	if (drill->traffic != NULL)
		hint_at_traffic(drill);
	if (strcmp(text_of(drill->ended, "state"), "passed") != 0)
		drill->status = CLI_FAILED;
}

static void go_on(
    struct cli_drill *drill, const struct cli_drill_request *request, const json_t *begun)
{
	struct error err;

	drill->base = event_base_new();
	if (drill->base == NULL)
		error_set(&err, "out of memory");
	if (drill->base == NULL ||
	    (request->live && !send_traffic(drill, request, begun, &err)) ||
	    !wait_for_end(drill, &err)) {
		fprintf(stderr, "weir: %s\n", err.text);
		drill->status = CLI_FAILED;
	}
	report(drill);
	if (drill->traffic != NULL)
		drill_traffic_free(drill->traffic);
	if (drill->base != NULL)
		event_base_free(drill->base);
	json_decref(drill->ended);
}

static bool make_targets(const char *route, const struct cli_drill_request *request,
    struct buffer *plain, struct buffer *with_query)
{
	char fail[NUMBER_SIZE], for_ms[NUMBER_SIZE];

	snprintf(fail, sizeof(fail), "%" PRIu32, request->fail_ppm);
	snprintf(for_ms, sizeof(for_ms), "%" PRIu32, request->for_ms);
	return cli_target_begin(plain, route, "drill") && buffer_append(plain, "", 1) &&
	       cli_target_begin(with_query, route, "drill") &&
	       cli_target_add(with_query, "fail_ppm", fail) &&
	       cli_target_add(with_query, "for_ms", for_ms) &&
	       cli_target_add(with_query, "live", request->live ? "1" : "0");
}

/* One that came after the drill has begun, and before it can be stopped, would leave it on. */
static void hold_up_signals(struct cli_drill *drill)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, &drill->signals_before);
}

static enum cli_status run(const struct cli_args *args, const struct cli_drill_request *request,
    struct buffer *target, const char *plain)
{
	struct cli_drill drill = {
		.target = plain,
		.json = cli_value(args, CLI_OPTION_JSON) != NULL,
		.redraws = cli_value(args, CLI_OPTION_JSON) == NULL && isatty(STDERR_FILENO),
	};
	struct cli_answer begun;
	struct error err;
	char *place = cli_daemon_place(args, &err);

	if (place == NULL) {
		fprintf(stderr, "weir: %s\n", err.text);
		return CLI_FAILED;
	}
	drill.place = place;
	hold_up_signals(&drill);
	drill.status = cli_ask_about(args, "POST", target, &begun);
	if (drill.status == CLI_OK)
		go_on(&drill, request, begun.json);
	cli_answer_done(&begun);
	free(place);
	return drill.status;
}

enum cli_status cli_drill_run(const struct cli_args *args)
{
	enum cli_status status = CLI_FAILED;
	struct cli_drill_request request;
	struct buffer target, plain;
	struct error err;

	if (!cli_drill_read(args, &request, &err)) {
		fprintf(stderr, "weir: %s\n", err.text);
		return CLI_USAGE;
	}
	buffer_init(&plain, CLI_TARGET_MAX_BYTES);
	buffer_init(&target, CLI_TARGET_MAX_BYTES);
	if (make_targets(args->operand, &request, &plain, &target))
		status = run(args, &request, &target, buffer_slice(&plain).data);
	else
		fprintf(stderr, "weir: the request is longer than %d bytes\n",
		    CLI_TARGET_MAX_BYTES);
	buffer_done(&target);
	buffer_done(&plain);
	return status;
}
