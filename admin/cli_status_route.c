#include "admin/cli_status_route.h"

#include "admin/cli_format.h"
#include "admin/cli_status_table.h"

#include <math.h>
#include <string.h>

enum {
	LABEL_WIDTH = 16,
	TEXT_SIZE = 2048,
	LINE_SIZE = 3 * TEXT_SIZE,
	WORST_PATHS = 5,
};

/* "label           words", the words broken at the last column. */
static void print_line(const char *label, const char *words, FILE *out)
{
	cli_print_labelled(label, LABEL_WIDTH, words, out);
}

static const json_t *member(const json_t *object, const char *first, const char *second)
{
	return json_object_get(json_object_get(object, first), second);
}

static void print_heading(const json_t *route, FILE *out)
{
	char name[TEXT_SIZE], release[TEXT_SIZE], text[TEXT_SIZE], line[LINE_SIZE];

	cli_member_text(route, "name", name, sizeof(name));
	if (cli_member_text(route, "release", release, sizeof(release)))
		snprintf(line, sizeof(line), "%s, release %s", name, release);
	else
		snprintf(line, sizeof(line), "%s", name);
	print_line("route", line, out);
	if (cli_member_text(route, "owner", text, sizeof(text)))
		print_line("owner", text, out);
	if (cli_member_text(route, "hypothesis", text, sizeof(text)))
		print_line("expected", text, out);
}

static void print_state(const json_t *route, FILE *out)
{
	char state[CLI_CELL_SIZE], weight[CLI_CELL_SIZE], age[CLI_CELL_SIZE];
	char stage[2 * CLI_CELL_SIZE] = "", line[LINE_SIZE];
	json_int_t number = cli_member_whole(route, "stage");

	cli_member_text(route, "state", state, sizeof(state));
	cli_member_text(route, "weight", weight, sizeof(weight));
	cli_member_number(route, "stage_age_s", cli_format_age, age);
	if (number > 0)
		snprintf(stage, sizeof(stage),
		    ", stage %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT, number,
		    cli_member_whole(route, "stages"));
	snprintf(line, sizeof(line), "%s%s, weight %s, for %s", state, stage, weight, age);
	print_line("state", line, out);
}

static void print_waiting(const json_t *route, FILE *out)
{
	char text[TEXT_SIZE];

	if (!cli_member_text(
		json_object_get(route, "waiting_for"), "words", text, sizeof(text)))
		return;
	cli_status_add_time_left(route, text, sizeof(text));
	print_line("waits for", text, out);
}

static void print_verdict(const json_t *route, FILE *out)
{
	char verdict[CLI_CELL_SIZE], reason[TEXT_SIZE], line[LINE_SIZE];

	cli_member_text(route, "verdict", verdict, sizeof(verdict));
	cli_member_text(route, "reason", reason, sizeof(reason));
	snprintf(line, sizeof(line), "%s: %s", verdict, reason);
	print_line("verdict", line, out);
}

static void print_last(const json_t *route, FILE *out)
{
	const json_t *last = json_object_get(route, "last");
	char who[TEXT_SIZE], what[TEXT_SIZE], why[TEXT_SIZE], reason[TEXT_SIZE];
	char ago[CLI_CELL_SIZE];
	char line[4 * TEXT_SIZE];

	if (!json_is_object(last))
		return;
	cli_member_text(last, "who", who, sizeof(who));
	cli_member_text(last, "action", what, sizeof(what));
	cli_member_number(last, "age_s", cli_format_age, ago);
	snprintf(line, sizeof(line), "%s by %s, %s ago, from %g%% to %g%%", what, who, ago,
	    json_number_value(member(last, "from", "weight_ppm")) / 1e4,
	    json_number_value(member(last, "to", "weight_ppm")) / 1e4);
	/* A verdict that has just been shown is not told twice. */
	cli_member_text(route, "reason", reason, sizeof(reason));
	if (cli_member_text(last, "why", why, sizeof(why)) && strcmp(why, reason) != 0) {
		strncat(line, ": ", sizeof(line) - strlen(line) - 1);
		strncat(line, why, sizeof(line) - strlen(line) - 1);
	}
	print_line("last decision", line, out);
}

static void print_arm(const json_t *route, const char *name, FILE *out)
{
	const json_t *arm = member(route, "arms", name);
	const json_t *budget = member(route, "budget", name);
	char requests[CLI_CELL_SIZE], failures[CLI_CELL_SIZE], share[CLI_CELL_SIZE];
	char p50[CLI_CELL_SIZE], p99[CLI_CELL_SIZE], left[CLI_CELL_SIZE];
	char upstream[TEXT_SIZE], burn[CLI_CELL_SIZE] = "-";
	const json_t *rate = member(budget, "burn", "1h");

	if (!json_is_object(arm))
		return;
	cli_member_number(arm, "requests", cli_format_count, requests);
	cli_member_number(arm, "failures", cli_format_count, failures);
	cli_member_number(arm, "p50_ms", cli_format_ms, p50);
	cli_member_number(arm, "p99_ms", cli_format_ms, p99);
	cli_member_number(budget, "remaining", cli_format_left, left);
	cli_member_text(arm, "upstream", upstream, sizeof(upstream));
	cli_status_failed(arm, share);
	if (json_is_number(rate))
		snprintf(burn, sizeof(burn), "%.3g", json_number_value(rate));
	fprintf(out, "  %-6s  %8s  %8s  %7s  %6s  %6s  %6s  %7s  %s\n", name, requests,
	    failures, share, p50, p99, left, burn, upstream);
}

static void print_arms(const json_t *route, FILE *out)
{
	fprintf(out, "\n  %-6s  %8s  %8s  %7s  %6s  %6s  %6s  %7s  %s\n", "ARM", "REQUESTS",
	    "FAILURES", "FAILED", "P50", "P99", "BUDGET", "BURN 1H", "UPSTREAM");
	print_arm(route, "legacy", out);
	print_arm(route, "canary", out);
}

/* Each part as M, the capital it has come to: 1 is where all of them begin. */
static void print_evidence(const json_t *route, FILE *out)
{
	static const struct {
		const char *member, *name;
	} parts[] = {
		{ "errors", "errors" },
		{ "path_errors", "paths' errors" },
		{ "latency", "latency" },
		{ "path_latency", "paths' latency" },
		{ "latency_budget", "latency budget" },
		{ "sample_ratio", "sample ratio" },
	};
	const json_t *evidence = json_object_get(route, "evidence");
	const json_t *of = json_object_get(evidence, "parts");
	double threshold = json_number_value(json_object_get(evidence, "threshold"));
	double e = json_number_value(json_object_get(evidence, "e"));
	char way[CLI_CELL_SIZE] = "-", line[LINE_SIZE];
	size_t len = 0;

	if (threshold > 0)
		cli_format_way(e / threshold, way);
	snprintf(line, sizeof(line), "%.3g of %.4g (%s) that the canary is worse", e, threshold,
	    way);
	fputc('\n', out);
	print_line("evidence", line, out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *ln_m = json_object_get(of, parts[i].member);

		if (json_is_number(ln_m))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %.3g",
			    len > 0 ? ", " : "", parts[i].name,
			    exp(fmin(json_number_value(ln_m), 690)));
	}
	if (len > 0)
		print_line("  made of", line, out);
}

static void print_latency(const json_t *route, FILE *out)
{
	const json_t *latency = json_object_get(route, "latency");
	const json_t *slow = json_object_get(latency, "slow_share");
	static const char *const names[] = { "q50", "q90", "q99", "far" };
	char line[LINE_SIZE], text[CLI_CELL_SIZE], canary[CLI_CELL_SIZE];
	size_t len = 0;

	if (!json_is_object(latency))
		return;
	for (size_t i = 0; i < 4; i++) {
		cli_member_number(
		    json_object_get(latency, "thresholds_ms"), names[i], cli_format_ms, text);
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %s",
		    i > 0 ? ", " : "", names[i], text);
	}
	len += (size_t)snprintf(line + len, sizeof(line) - len,
	    "; the canary is slow at %.3g times these",
	    json_number_value(json_object_get(latency, "handicap")));
	if (json_number_value(json_object_get(latency, "slack_ms")) > 0) {
		cli_member_number(latency, "slack_ms", cli_format_ms, text);
		snprintf(line + len, sizeof(line) - len,
		    ", or %s above them, whichever is more", text);
	}
	print_line("slow from", line, out);
	if (!json_is_object(slow))
		return;
	cli_member_number(slow, "legacy", cli_format_share, text);
	cli_member_number(slow, "canary", cli_format_share, canary);
	snprintf(line, sizeof(line),
	    "legacy %s, canary %s of the last minute's requests past the latency budget's "
	    "threshold",
	    text, canary);
	print_line("slow", line, out);
}

/* How bad a path class looks: by its evidence, then by its canary's failures. */
static double badness(const json_t *path)
{
	const json_t *canary = member(path, "arms", "canary");
	double n = json_number_value(json_object_get(canary, "requests"));
	double failures = json_number_value(json_object_get(canary, "failures"));
	double ln_m = fmax(json_number_value(member(path, "evidence", "errors")),
	    json_number_value(member(path, "evidence", "latency")));

	return 1e3 * fmax(ln_m, 0) + (n > 0 ? failures / n : 0);
}

static void print_path(const json_t *path, FILE *out)
{
	char name[TEXT_SIZE], line[LINE_SIZE], legacy[CLI_CELL_SIZE], canary[CLI_CELL_SIZE];
	char n[CLI_CELL_SIZE];
	const json_t *arms = json_object_get(path, "arms");
	double ln_m = fmax(json_number_value(member(path, "evidence", "errors")),
	    json_number_value(member(path, "evidence", "latency")));

	cli_member_text(path, "name", name, sizeof(name));
	cli_status_failed(json_object_get(arms, "legacy"), legacy);
	cli_status_failed(json_object_get(arms, "canary"), canary);
	cli_member_number(json_object_get(arms, "canary"), "requests", cli_format_count, n);
	snprintf(line, sizeof(line), "%s: canary failed %s of %s requests, legacy %s%s", name,
	    canary, n, legacy,
	    json_is_true(json_object_get(path, "withdrawn")) ? "; withdrawn" : "");
	if (ln_m > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "; evidence %.3g",
		    exp(fmin(ln_m, 690)));
	print_line("  path", line, out);
}

/* The worst few of those where something speaks against the canary. */
static void print_paths(const json_t *route, FILE *out)
{
	const json_t *paths = json_object_get(route, "path_classes");
	const json_t *worst[WORST_PATHS];
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(paths); i++) {
		const json_t *path = json_array_get(paths, i);
		size_t at = n;

		if (badness(path) <= 0 && !json_is_true(json_object_get(path, "withdrawn")))
			continue;
		while (at > 0 && badness(worst[at - 1]) < badness(path))
			at--;
		if (at == WORST_PATHS)
			continue;
		n += n < WORST_PATHS;
		memmove(&worst[at + 1], &worst[at], (n - at - 1) * sizeof(worst[0]));
		worst[at] = path;
	}
	for (size_t i = 0; i < n; i++)
		print_path(worst[i], out);
}

static void print_cost(const json_t *route, FILE *out)
{
	const json_t *cost = json_object_get(route, "cost");
	char failures[CLI_CELL_SIZE], line[LINE_SIZE];
	const json_t *spent = json_object_get(cost, "budget_spent");

	if (!json_is_object(cost))
		return;
	cli_member_number(cost, "failures", cli_format_count, failures);
	snprintf(line, sizeof(line), "%s failed requests that users saw", failures);
	if (json_number_value(spent) >= 10)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    ", %.0f times the error budget spent", json_number_value(spent));
	else if (json_is_number(spent))
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    ", %.3g%% of the error budget spent", json_number_value(spent) * 100);
	print_line("cost", line, out);
}

static void print_leftovers(const json_t *status, const json_t *route, FILE *out)
{
	const json_t *drain = json_object_get(route, "drain");
	const json_t *store = json_object_get(status, "store");
	const json_t *clean_up = json_object_get(route, "clean_up");
	char text[TEXT_SIZE], line[LINE_SIZE];

	if (json_is_object(drain)) {
		cli_member_number(drain, "left_s", cli_format_age, text);
		snprintf(line, sizeof(line),
		    "those of the canary's users who are below %g%% stay there for %s",
		    json_number_value(json_object_get(drain, "below_ppm")) / 1e4, text);
		print_line("drain", line, out);
	}
	if (json_is_true(json_object_get(clean_up, "due")))
		print_line("clean-up",
		    "is due: make the canary's upstream the legacy one, and reload", out);
	else if (cli_member_text(clean_up, "expires", text, sizeof(text)))
		print_line("expires", text, out);
	if (json_is_true(json_object_get(route, "evidence_was_lost")))
		print_line("evidence",
		    "what was known before the restart could not be read; it began anew", out);
	if (cli_member_text(store, "text", text, sizeof(text)))
		print_line("store", text, out);
}

void cli_status_route_print(const json_t *status, const json_t *route, FILE *out)
{
	bool has_canary = json_is_object(member(route, "arms", "canary"));

	cli_status_daemon_print(status, out);
	fputc('\n', out);
	print_heading(route, out);
	if (has_canary) {
		print_state(route, out);
		print_waiting(route, out);
		print_verdict(route, out);
		print_last(route, out);
	}
	print_arms(route, out);
	if (!has_canary)
		return;
	print_evidence(route, out);
	print_latency(route, out);
	print_paths(route, out);
	print_cost(route, out);
	print_leftovers(status, route, out);
}
