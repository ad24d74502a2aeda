#include "admin/cli_journal.h"

#include "admin/cli_format.h"
#include "admin/cli_setting.h"
#include "admin/journal_reader.h"
#include "admin/journal_time.h"
#include "admin/notice.h"
#include "base/clock.h"
#include "conf/nearest.h"
#include "rollout/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	INDENT = 2,
	TEXT_SIZE = 2048,
};

/* What a row shows of a text. */
static void copy_clean(const char *text, char *to, size_t size)
{
	snprintf(to, size, "%s", text[0] != '\0' ? text : "-");
	cli_clean(to);
}

static void format_side(const struct journal_side *side, char *text, size_t size)
{
	char state[64];

	copy_clean(side->state, state, sizeof(state));
	if (side->stage > 0)
		snprintf(text, size, "%s %" PRId64 " %.4g%%", state, side->stage,
		    (double)side->weight_ppm / 1e4);
	else
		snprintf(text, size, "%s %.4g%%", state, (double)side->weight_ppm / 1e4);
}

static bool print_row(const struct journal_row *row, FILE *out)
{
	char time[CLOCK_TEXT_SIZE], action[64], from[128], to[128], who[128], verdict[64];
	char route[256], release[512], reason[TEXT_SIZE], words[TEXT_SIZE + 256];

	clock_format((uint64_t)row->time_us, time);
	copy_clean(row->action, action, sizeof(action));
	copy_clean(row->route, route, sizeof(route));
	copy_clean(row->release, release, sizeof(release));
	copy_clean(row->who, who, sizeof(who));
	copy_clean(row->verdict, verdict, sizeof(verdict));
	copy_clean(row->reason, reason, sizeof(reason));
	format_side(&row->from, from, sizeof(from));
	format_side(&row->to, to, sizeof(to));
	fprintf(out, "%-24s  %-10s  %-14s  %-14s  %s -> %s\n", time, action, route, release,
	    from, to);
	snprintf(words, sizeof(words), "by %s, %s: %s", who, verdict, reason);
	fprintf(out, "%*s", INDENT, "");
	cli_print_words(words, INDENT, INDENT, out);
	return true;
}

static bool print_json(const struct journal_row *row, FILE *out)
{
	json_t *json = journal_row_json(row);
	char *text =
	    json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	bool ok = text != NULL;

	if (ok)
		fprintf(out, "%s\n", text);
	free(text);
	json_decref(json);
	return ok;
}

/* As the journal writes it, however it was typed. */
static bool find_verdict(const char *text, const char **verdict, struct error *err)
{
	for (size_t i = 0; i < VERDICTS; i++) {
		if (strcasecmp(text, verdict_names[i]) == 0) {
			*verdict = verdict_names[i];
			return true;
		}
	}
	error_set(err,
	    "--verdict %s: it is CONTINUE, ADVANCE, HOLD_SUSPECT, HOLD_SHARED or "
	    "ROLL_BACK",
	    text);
	return false;
}

static bool find_action(const char *text, const char **action, struct error *err)
{
	struct nearest nearest;
	char hint[NEAREST_TEXT_SIZE];

	nearest_init(&nearest, text);
	for (enum notice_event i = 0; i < NOTICE_EVENTS; i++) {
		if (strcasecmp(text, notice_event_name(i)) == 0) {
			*action = notice_event_name(i);
			return true;
		}
		nearest_offer(&nearest, notice_event_name(i));
	}
	nearest_format(&nearest, hint);
	error_set(err, "--action %s: there is no such action%s", text, hint);
	return false;
}

static bool read_filter(const struct cli_args *args, uint64_t now_us,
    struct journal_filter *filter, struct error *err)
{
	const char *since = cli_value(args, CLI_OPTION_SINCE);
	const char *until = cli_value(args, CLI_OPTION_UNTIL);
	const char *verdict = cli_value(args, CLI_OPTION_VERDICT);
	const char *action = cli_value(args, CLI_OPTION_ACTION);

	*filter = (struct journal_filter) {
		.route = cli_value(args, CLI_OPTION_ROUTE),
		.until_us = UINT64_MAX,
	};
	if ((verdict != NULL && !find_verdict(verdict, &filter->verdict, err)) ||
	    (action != NULL && !find_action(action, &filter->action, err)))
		return false;
	return (since == NULL ||
		   journal_time_parse_or_ago(since, now_us, &filter->since_us, err)) &&
	       (until == NULL ||
		   journal_time_parse_or_ago(until, now_us, &filter->until_us, err));
}

/* What goes together: a list, --verify of everything, or --export of one route. */
static bool makes_sense(const struct cli_args *args, struct error *err)
{
	const char *export = cli_value(args, CLI_OPTION_EXPORT);
	bool json = cli_value(args, CLI_OPTION_JSON) != NULL;
	bool what = cli_value(args, CLI_OPTION_VERDICT) != NULL ||
		    cli_value(args, CLI_OPTION_ACTION) != NULL;
	bool route = cli_value(args, CLI_OPTION_ROUTE) != NULL;
	bool time = cli_value(args, CLI_OPTION_SINCE) != NULL ||
		    cli_value(args, CLI_OPTION_UNTIL) != NULL;

	if (cli_value(args, CLI_OPTION_CONFIG) != NULL &&
	    cli_value(args, CLI_OPTION_STATE_DIR) != NULL)
		error_set(err, "--config and --state-dir: one of them, not both");
	else if (cli_value(args, CLI_OPTION_VERIFY) != NULL &&
		 (export != NULL || json || what || route || time))
		error_set(err, "--verify looks at the whole journal: it takes no filter, "
			       "--json or --export");
	else if (export != NULL && strcmp(export, "judge") != 0)
		error_set(err, "--export %s: only 'judge' is known", export);
	else if (export != NULL && !route)
		error_set(err, "--export judge needs a --route");
	else if (export != NULL && (json || what))
		error_set(err, "--export judge takes no --json, --verdict or --action");
	else
		return true;
	return false;
}

static enum cli_status verify(struct journal_reader *reader, FILE *out, FILE *errors)
{
	char hash[JOURNAL_HASH_TEXT_SIZE];
	struct journal_walk walk;
	struct error err;

	if (!journal_reader_verify(reader, &walk, &err)) {
		fprintf(errors, "weir: %s\n", err.text);
		return CLI_FAILED;
	}
	journal_hash_format(walk.head.hash, hash);
	fprintf(out, "ok %" PRIu64 " rows, head %s\n", walk.rows, hash);
	if (walk.base.seq > 0)
		fprintf(errors,
		    "rows 1 to %" PRId64 " are not here: they were in the database before "
		    "this one, which was taken away, or was damaged (weir.db.damaged-*)\n",
		    walk.base.seq);
	if (walk.rows > 0 && !walk.head_was_known)
		fprintf(errors,
		    "there is no journal.head: rows missing at the end would not be noticed\n");
	return CLI_OK;
}

static enum cli_status export_judge(
    struct journal_reader *reader, const struct journal_filter *filter, FILE *out, FILE *errors)
{
	struct error err;
	unsigned left_out;

	if (!journal_reader_export(reader, filter, out, &left_out, &err)) {
		fprintf(errors, "weir: %s\n", err.text);
		return CLI_FAILED;
	}
	if (left_out > 0)
		fprintf(errors,
		    "only the last release is exported; %u before it: see --until\n", left_out);
	return CLI_OK;
}

/* Nothing was listed: a name that was mistyped looks like a quiet route. */
static bool explain_nothing(struct journal_reader *reader, const struct journal_filter *filter,
    FILE *errors, struct error *err)
{
	bool knows = true;

	if (filter->route != NULL &&
	    !journal_reader_knows_route(reader, filter->route, &knows, err))
		return false;
	if (knows)
		fprintf(errors, "there is no such decision\n");
	else
		fprintf(errors, "there is no decision on a route '%s'\n", filter->route);
	return true;
}

static enum cli_status show(const struct cli_args *args, struct journal_reader *reader,
    const struct journal_filter *filter, FILE *out, FILE *errors)
{
	bool json = cli_value(args, CLI_OPTION_JSON) != NULL;
	struct error err;
	uint64_t n;

	if (cli_value(args, CLI_OPTION_VERIFY) != NULL)
		return verify(reader, out, errors);
	if (cli_value(args, CLI_OPTION_EXPORT) != NULL)
		return export_judge(reader, filter, out, errors);
	if (!json)
		fprintf(out, "%-24s  %-10s  %-14s  %-14s  %s\n", "TIME", "ACTION", "ROUTE",
		    "RELEASE", "FROM -> TO");
	if (journal_reader_list(reader, filter, json ? print_json : print_row, out, &n, &err) &&
	    (n > 0 || explain_nothing(reader, filter, errors, &err)))
		return CLI_OK;
	fprintf(errors, "weir: %s\n", err.text);
	return CLI_FAILED;
}

/* free() it; NULL: err says why. */
static char *find_state_dir(const struct cli_args *args, struct error *err)
{
	static const char key[] = "state_dir";
	const char *given = cli_value(args, CLI_OPTION_STATE_DIR);
	const char *config = cli_value(args, CLI_OPTION_CONFIG);
	char *found;

	if (config != NULL)
		return cli_setting_of(config, key, err);
	found = strdup(given != NULL ? given : cli_setting_default(key));
	if (found == NULL)
		error_set(err, "out of memory");
	return found;
}

enum cli_status cli_journal_show(
    const struct cli_args *args, uint64_t now_us, FILE *out, FILE *errors)
{
	enum cli_status status = CLI_FAILED;
	struct journal_reader *reader = NULL;
	struct journal_filter filter;
	struct error err = { "" };
	char *state_dir;

	if (!makes_sense(args, &err) || !read_filter(args, now_us, &filter, &err)) {
		fprintf(errors, "weir: %s\n", err.text);
		return CLI_USAGE;
	}
	state_dir = find_state_dir(args, &err);
	if (state_dir != NULL)
		reader = journal_reader_open(state_dir, &err);
	if (reader != NULL)
		status = show(args, reader, &filter, out, errors);
	else
		fprintf(errors, "weir: %s%s\n", err.text,
		    cli_value(args, CLI_OPTION_CONFIG) == NULL &&
			    cli_value(args, CLI_OPTION_STATE_DIR) == NULL
			? "; --config FILE or --state-dir DIR names another place"
			: "");
	journal_reader_close(reader);
	free(state_dir);
	return status;
}

enum cli_status cli_journal_run(const struct cli_args *args)
{
	return cli_journal_show(args, clock_wall_us(), stdout, stderr);
}
