#include "admin/cli_status_table.h"

#include "admin/cli_format.h"

#include <string.h>

enum {
	INDENT = 2,
	ROUTE_WIDTH_MAX = 14,
	RELEASE_WIDTH_MAX = 12,
	NAME_SIZE = 512,
	WORDS_SIZE = 2048,
};

struct widths {
	int route;
	int release;
};

static bool has_text(const json_t *object, const char *member, const char *expected)
{
	const char *value = json_string_value(json_object_get(object, member));

	return value != NULL && strcmp(value, expected) == 0;
}

void cli_status_failed(const json_t *arm, char *text)
{
	const json_t *requests = json_object_get(arm, "requests");
	double n = json_number_value(requests);

	if (n > 0)
		cli_format_share(json_number_value(json_object_get(arm, "failures")) / n, text);
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

void cli_status_add_time_left(const json_t *route, char *words, size_t size)
{
	const json_t *left = json_object_get(route, "hold_left_s");
	char text[CLI_CELL_SIZE];
	size_t len = strlen(words);

	if (!json_is_number(left) ||
	    !has_text(json_object_get(route, "waiting_for"), "what", "time"))
		return;
	cli_format_age(json_number_value(left), text);
	snprintf(words + len, size - len, ", %s are left", text);
}

static void print_heading(const struct widths *widths, FILE *out)
{
	fprintf(out, "%-*s  %-*s  %-12s  %5s  %7s  %-6s  %8s  %7s  %5s  %6s\n", widths->route,
	    "ROUTE", widths->release, "RELEASE", "STATE", "STAGE", "WEIGHT", "ARM", "REQUESTS",
	    "FAILED", "E", "BUDGET");
}

static void format_e(const json_t *route, char text[CLI_CELL_SIZE])
{
	const json_t *evidence = json_object_get(route, "evidence");
	double threshold = json_number_value(json_object_get(evidence, "threshold"));

	if (threshold > 0)
		cli_format_way(
		    json_number_value(json_object_get(evidence, "e")) / threshold, text);
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

static void print_arm(const json_t *route, const char *name, const char *e, FILE *out)
{
	const json_t *arm = json_object_get(json_object_get(route, "arms"), name);
	const json_t *budget = json_object_get(json_object_get(route, "budget"), name);
	char requests[CLI_CELL_SIZE], failed[CLI_CELL_SIZE], left[CLI_CELL_SIZE];

	cli_member_number(arm, "requests", cli_format_count, requests);
	cli_status_failed(arm, failed);
	cli_member_number(budget, "remaining", cli_format_left, left);
	fprintf(out, "  %-6s  %8s  %7s  %5s  %6s\n", name, requests, failed, e, left);
}

/* A name too long for its column stands, whole, on a line of its own. */
static void print_first_line(const json_t *route, const struct widths *widths, FILE *out)
{
	char name[NAME_SIZE], release[NAME_SIZE];
	char state[CLI_CELL_SIZE], stage[CLI_CELL_SIZE], weight[CLI_CELL_SIZE];

	cli_member_text(route, "name", name, sizeof(name));
	cli_member_text(route, "release", release, sizeof(release));
	cli_member_text(route, "state", state, sizeof(state));
	cli_member_text(route, "weight", weight, sizeof(weight));
	cli_format_stage(route, stage);
	if (strlen(name) > (size_t)widths->route || strlen(release) > (size_t)widths->release) {
		fprintf(out, "%s  %s\n", name, release);
		name[0] = release[0] = '\0';
	}
	fprintf(out, "%-*s  %-*s  %-12s  %5s  %7s", widths->route, name, widths->release,
	    release, state, stage, weight);
	print_arm(route, "legacy", "", out);
}

/* The owner, as far as there is room up to the arm's column. */
static void print_second_line(const json_t *route, const struct widths *widths, FILE *out)
{
	char owner[NAME_SIZE], e[CLI_CELL_SIZE];
	size_t room = (size_t)widths->release + 30;
	int pad;

	if (!cli_member_text(route, "owner", owner, sizeof(owner)))
		owner[0] = '\0';
	if (strlen(owner) > room)
		memcpy(owner + room - 3, "...", 4);
	pad = (int)room;
	format_e(route, e);
	fprintf(out, "%-*s  %-*s", widths->route, "", pad, owner);
	print_arm(route, "canary", e, out);
}

static void print_indented(const char *text, FILE *out)
{
	fprintf(out, "%*s", INDENT, "");
	cli_print_words(text, INDENT, INDENT, out);
}

/* The verdict, where it has more to tell than that all is well. */
static void print_verdict(const json_t *route, FILE *out)
{
	bool goes_on =
	    has_text(route, "verdict", "CONTINUE") || has_text(route, "verdict", "ADVANCE");
	char verdict[CLI_CELL_SIZE], reason[WORDS_SIZE], text[WORDS_SIZE + 2 * CLI_CELL_SIZE];

	cli_member_text(route, "verdict", verdict, sizeof(verdict));
	cli_member_text(route, "reason", reason, sizeof(reason));
	snprintf(text, sizeof(text), "%s: %s", verdict, reason);
	if (!goes_on && json_is_string(json_object_get(route, "verdict")))
		print_indented(text, out);
	else if (has_text(route, "state", "rolled_back"))
		print_indented(reason, out);
}

static void print_waiting(const json_t *route, FILE *out)
{
	const json_t *waiting = json_object_get(route, "waiting_for");
	char words[WORDS_SIZE], text[WORDS_SIZE + 2 * CLI_CELL_SIZE];

	/* How a rolled-back release is cleared stands on a line of its own. */
	if (has_text(waiting, "what", "clearing") ||
	    !cli_member_text(waiting, "words", words, sizeof(words)))
		return;
	cli_status_add_time_left(route, words, sizeof(words));
	snprintf(text, sizeof(text), "waits for %s", words);
	print_indented(text, out);
}

static void print_withdrawn(const json_t *route, FILE *out)
{
	const json_t *list = json_object_get(route, "withdrawn_paths");
	size_t column = INDENT + strlen("withdrawn:");

	if (json_array_size(list) == 0)
		return;
	fprintf(out, "%*swithdrawn:", INDENT, "");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *value = json_string_value(json_array_get(list, i));
		char name[NAME_SIZE];

		snprintf(name, sizeof(name), "%s", value != NULL ? value : "-");
		cli_clean(name);
		if (column + 1 + strlen(name) > CLI_LINE_WIDTH) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
		}
		fprintf(out, " %s", name);
		column += 1 + strlen(name);
	}
	fputc('\n', out);
}

static void print_route(const json_t *route, const struct widths *widths, FILE *out)
{
	bool has_canary =
	    json_is_object(json_object_get(json_object_get(route, "arms"), "canary"));
	const json_t *clean_up = json_object_get(route, "clean_up");
	char name[NAME_SIZE];

	print_first_line(route, widths, out);
	if (!has_canary)
		return;
	print_second_line(route, widths, out);
	print_verdict(route, out);
	print_waiting(route, out);
	print_withdrawn(route, out);
	cli_member_text(route, "name", name, sizeof(name));
	if (json_is_true(json_object_get(route, "latched")) &&
	    has_text(route, "state", "rolled_back"))
		fprintf(out, "%*sweight 0 until a new release id, or: weir resume %s\n", INDENT,
		    "", name);
	if (json_is_true(json_object_get(clean_up, "due")))
		fprintf(out,
		    "%*sclean-up is due: make the canary's upstream the legacy one, and "
		    "reload\n",
		    INDENT, "");
}

static int width_of(const json_t *routes, const char *member, int least, int most)
{
	int width = least;

	for (size_t i = 0; i < json_array_size(routes); i++) {
		size_t len =
		    json_string_length(json_object_get(json_array_get(routes, i), member));

		if (len <= (size_t)most && (int)len > width)
			width = (int)len;
	}
	return width;
}

static void print_store(const json_t *status, FILE *out)
{
	const json_t *store = json_object_get(status, "store");
	json_int_t lost = cli_member_whole(store, "failures");
	json_int_t pending = cli_member_whole(store, "pending");
	char text[NAME_SIZE], line[2 * NAME_SIZE];

	if (lost == 0)
		lost = cli_member_whole(status, "journal_failures");
	if (lost > 0)
		fprintf(out,
		    "THE JOURNAL LACKS %" JSON_INTEGER_FORMAT
		    " decisions that could not be stored: see the log\n",
		    lost);
	if (!json_is_false(json_object_get(store, "ok")))
		return;
	cli_member_text(store, "text", text, sizeof(text));
	snprintf(line, sizeof(line),
	    "THE STORE FAILS: %s (%" JSON_INTEGER_FORMAT " decisions wait for it)", text,
	    pending);
	cli_print_words(line, 0, INDENT, out);
}

void cli_status_daemon_print(const json_t *status, FILE *out)
{
	char version[CLI_CELL_SIZE], uptime[CLI_CELL_SIZE];
	const json_t *webhooks = json_object_get(status, "webhooks");
	json_int_t untold =
	    cli_member_whole(webhooks, "failed") + cli_member_whole(webhooks, "dropped");

	cli_member_text(status, "version", version, sizeof(version));
	cli_member_number(status, "uptime_s", cli_format_age, uptime);
	fprintf(out,
	    "weir %s, workers %" JSON_INTEGER_FORMAT ", generation %" JSON_INTEGER_FORMAT
	    ", up %s\n",
	    version, cli_member_whole(status, "workers"),
	    cli_member_whole(status, "generation"), uptime);
	print_store(status, out);
	if (untold > 0)
		fprintf(out,
		    "%" JSON_INTEGER_FORMAT
		    " notices did not reach their webhook since the start: see the log\n",
		    untold);
}

void cli_status_table_print(const json_t *status, FILE *out)
{
	const json_t *routes = json_object_get(status, "routes");
	struct widths widths = {
		.route = width_of(routes, "name", 5, ROUTE_WIDTH_MAX),
		.release = width_of(routes, "release", 7, RELEASE_WIDTH_MAX),
	};

	cli_status_daemon_print(status, out);
	fputc('\n', out);
	print_heading(&widths, out);
	for (size_t i = 0; i < json_array_size(routes); i++)
		print_route(json_array_get(routes, i), &widths, out);
}
