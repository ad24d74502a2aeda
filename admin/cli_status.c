#include "admin/cli_status.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
	WIDTH = 100,
	INDENT = 2,
	ROUTE_WIDTH_MAX = 14,
	RELEASE_WIDTH_MAX = 12,
	NAME_SIZE = 512,
	REASON_SIZE = 2048,
};

struct widths {
	int route;
	int release;
};

/* Nothing that a terminal would obey: C0 and C1 controls (U+0080 to U+009F) go. */
static void clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
	}
}

/* A member's text, or "-"; cut at the size. */
static void copy_text(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));

	snprintf(text, size, "%s", value != NULL && value[0] != '\0' ? value : "-");
	clean(text);
}

static bool has_text(const json_t *object, const char *member, const char *expected)
{
	const char *value = json_string_value(json_object_get(object, member));

	return value != NULL && strcmp(value, expected) == 0;
}

void cli_format_ms(double ms, char text[CLI_CELL_SIZE])
{
	if (ms < 0.995)
		snprintf(text, CLI_CELL_SIZE, "%.2fms", ms);
	else if (ms < 9.95)
		snprintf(text, CLI_CELL_SIZE, "%.1fms", ms);
	else if (ms < 999.5)
		snprintf(text, CLI_CELL_SIZE, "%.0fms", ms);
	else
		snprintf(text, CLI_CELL_SIZE, ms < 99950 ? "%.1fs" : "%.0fs", ms / 1000);
}

void cli_format_count(double n, char text[CLI_CELL_SIZE])
{
	static const char *const units[] = { "M", "G", "T" };
	size_t unit = 0;

	if (n < 1e7) {
		snprintf(text, CLI_CELL_SIZE, "%.0f", n);
		return;
	}
	for (n /= 1e6; n >= 9999.5 && unit < 2; n /= 1000)
		unit++;
	snprintf(text, CLI_CELL_SIZE, "%.1f%s", n, units[unit]);
}

void cli_format_age(double seconds, char text[CLI_CELL_SIZE])
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t unit = 0;
	double whole;

	while (unit < 3 && seconds < units[unit].seconds)
		unit++;
	whole = floor(seconds / units[unit].seconds);
	if (unit == 3)
		snprintf(text, CLI_CELL_SIZE, "%.0f s", whole);
	else
		snprintf(text, CLI_CELL_SIZE, "%.0f %s %.0f %s", whole, units[unit].name,
		    floor((seconds - whole * units[unit].seconds) / units[unit + 1].seconds),
		    units[unit + 1].name);
}

typedef void format_number(double number, char text[CLI_CELL_SIZE]);

static void number_cell(
    const json_t *object, const char *member, format_number *format, char text[CLI_CELL_SIZE])
{
	const json_t *value = json_object_get(object, member);

	if (json_is_number(value))
		format(json_number_value(value), text);
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

static void print_heading(const struct widths *widths, FILE *out)
{
	fprintf(out, "%-*s  %-*s  %-11s  %5s  %7s  %-6s  %8s  %7s  %6s  %6s\n", widths->route,
	    "ROUTE", widths->release, "RELEASE", "STATE", "STAGE", "WEIGHT", "ARM", "REQUESTS",
	    "FAILED", "P50", "P99");
}

static void print_arm(const json_t *route, const char *name, FILE *out)
{
	const json_t *arm = json_object_get(json_object_get(route, "arms"), name);
	char requests[CLI_CELL_SIZE], failures[CLI_CELL_SIZE];
	char p50[CLI_CELL_SIZE], p99[CLI_CELL_SIZE];

	number_cell(arm, "requests", cli_format_count, requests);
	number_cell(arm, "failures", cli_format_count, failures);
	number_cell(arm, "p50_ms", cli_format_ms, p50);
	number_cell(arm, "p99_ms", cli_format_ms, p99);
	fprintf(out, "  %-6s  %8s  %7s  %6s  %6s\n", name, requests, failures, p50, p99);
}

static void format_stage(const json_t *route, char text[CLI_CELL_SIZE])
{
	json_int_t stage = json_integer_value(json_object_get(route, "stage"));
	json_int_t stages = json_integer_value(json_object_get(route, "stages"));

	if (stage > 0)
		snprintf(text, CLI_CELL_SIZE, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		    stage, stages);
	else
		snprintf(text, CLI_CELL_SIZE, "-");
}

/* A name too long for its column stands, whole, on a line of its own. */
static void print_first_line(const json_t *route, const struct widths *widths, FILE *out)
{
	char name[NAME_SIZE], release[NAME_SIZE];
	char state[CLI_CELL_SIZE], stage[CLI_CELL_SIZE], weight[CLI_CELL_SIZE];

	copy_text(route, "name", name, sizeof(name));
	copy_text(route, "release", release, sizeof(release));
	copy_text(route, "state", state, sizeof(state));
	copy_text(route, "weight", weight, sizeof(weight));
	format_stage(route, stage);
	if (strlen(name) > (size_t)widths->route || strlen(release) > (size_t)widths->release) {
		fprintf(out, "%s  %s\n", name, release);
		name[0] = release[0] = '\0';
	}
	fprintf(out, "%-*s  %-*s  %-11s  %5s  %7s", widths->route, name, widths->release,
	    release, state, stage, weight);
	print_arm(route, "legacy", out);
}

/* Words from `column` on, broken before the line's end. */
static void print_words(const char *words, size_t column, FILE *out)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (len > 0 && column > INDENT && column + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
		} else if (len > 0 && column > INDENT) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, words);
		column += len;
		words += len + (words[len] == ' ');
	}
	fputc('\n', out);
}

/* Whether the verdict has more to tell than that a weight set by hand is watched. */
static bool is_worth_telling(const json_t *route)
{
	return !has_text(route, "verdict", "CONTINUE") || !has_text(route, "state", "fixed") ||
	       json_is_string(json_object_get(route, "held"));
}

static void print_verdict(const json_t *route, FILE *out)
{
	const json_t *evidence = json_object_get(route, "evidence");
	const json_t *threshold = json_object_get(evidence, "threshold");
	char verdict[CLI_CELL_SIZE], held[CLI_CELL_SIZE];
	char reason[REASON_SIZE], text[REASON_SIZE + 4 * CLI_CELL_SIZE];
	size_t len;

	copy_text(route, "verdict", verdict, sizeof(verdict));
	copy_text(route, "held", held, sizeof(held));
	copy_text(route, "reason", reason, sizeof(reason));
	len = (size_t)snprintf(text, sizeof(text), "%s, E %.3g", verdict,
	    json_number_value(json_object_get(evidence, "e")));
	if (json_is_number(threshold))
		len += (size_t)snprintf(text + len, sizeof(text) - len, " (rolls back at %.4g)",
		    json_number_value(threshold));
	if (held[0] != '-')
		len += (size_t)snprintf(text + len, sizeof(text) - len, ", held by %s", held);
	if (is_worth_telling(route))
		snprintf(text + len, sizeof(text) - len, ": %s", reason);
	fprintf(out, "%*s", INDENT, "");
	print_words(text, INDENT, out);
}

static void print_route(const json_t *route, const struct widths *widths, FILE *out)
{
	bool has_canary =
	    json_is_object(json_object_get(json_object_get(route, "arms"), "canary"));
	char name[NAME_SIZE];

	print_first_line(route, widths, out);
	if (!has_canary)
		return;
	fprintf(out, "%-*s  %-*s  %-11s  %5s  %7s", widths->route, "", widths->release, "", "",
	    "", "");
	print_arm(route, "canary", out);
	print_verdict(route, out);
	copy_text(route, "name", name, sizeof(name));
	if (json_is_true(json_object_get(route, "latched")))
		fprintf(out, "%*sweight 0 until a new release id, or: weir resume %s\n", INDENT,
		    "", name);
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

static void print_daemon(const json_t *status, FILE *out)
{
	char version[CLI_CELL_SIZE], uptime[CLI_CELL_SIZE];
	json_int_t unstored = json_integer_value(json_object_get(status, "journal_failures"));

	copy_text(status, "version", version, sizeof(version));
	number_cell(status, "uptime_s", cli_format_age, uptime);
	fprintf(out,
	    "weir %s, workers %" JSON_INTEGER_FORMAT ", generation %" JSON_INTEGER_FORMAT
	    ", up %s\n",
	    version, json_integer_value(json_object_get(status, "workers")),
	    json_integer_value(json_object_get(status, "generation")), uptime);
	if (unstored > 0)
		fprintf(out,
		    "THE JOURNAL LACKS %" JSON_INTEGER_FORMAT
		    " decisions that could not be stored: see the log\n",
		    unstored);
}

void cli_status_print(const json_t *status, FILE *out)
{
	const json_t *routes = json_object_get(status, "routes");
	struct widths widths = {
		.route = width_of(routes, "name", 5, ROUTE_WIDTH_MAX),
		.release = width_of(routes, "release", 7, RELEASE_WIDTH_MAX),
	};

	print_daemon(status, out);
	fputc('\n', out);
	print_heading(&widths, out);
	for (size_t i = 0; i < json_array_size(routes); i++)
		print_route(json_array_get(routes, i), &widths, out);
}
