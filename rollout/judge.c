#include "rollout/judge.h"

#include "base/path_slots.h"
#include "rollout/guard.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Less than this of ln E is rounding, and would be printed as if it were not. */
static const double rounding = 1e-12;

struct name {
	char data[TICK_NAME_MAX];
	size_t len;
};

struct judge {
	struct guard guard;
	struct guard_stage plan; /* of every stage */
	struct tick_columns columns;
	bool has_header;
	uint64_t lines;
	uint64_t ticks;
	bool has_tick; /* read, and to be judged once its paths are */
	struct guard_tick tick;
	double moment_dt_s;                       /* of the latest tick that is no late one */
	double weight;                            /* in force */
	double former[EVIDENCE_GENERATIONS];      /* the weights before it */
	uint64_t n_former;                        /* kept round the array */
	struct name stage;                        /* as the file calls it */
	struct guard_path paths[PATH_CLASSES];    /* of the tick */
	struct name path_names[PATH_CLASS_SLOTS]; /* by slot */
	size_t n_path_names;
};

struct judge *judge_new(const struct judge_settings *settings)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	struct guard_params params = {
		.alpha = settings->alpha,
		.budget = settings->budget,
		.latency_budget_share = settings->latency_budget,
	};

	if (judge == NULL)
		return NULL;
	judge->plan = (struct guard_stage) {
		.hold_s = settings->hold_s,
		.min_requests = settings->min_requests,
		.p_max = settings->p_max,
	};
	guard_init(&judge->guard, &params, &judge->plan);
	return judge;
}

void judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	guard_done(&judge->guard);
	free(judge);
}

uint64_t judge_line_number(const struct judge *judge)
{
	return judge->lines;
}

static void keep_name(struct name *name, struct slice text)
{
	if (text.len > 0)
		memcpy(name->data, text.data, text.len);
	name->len = text.len;
}

static bool is_name(const struct name *name, struct slice text)
{
	return slice_equal((struct slice) { name->data, name->len }, text);
}

/* The words name a path class as the file does. */
static void name_path(const struct judge *judge, struct verdict *verdict)
{
	const struct accuser *accuser = &verdict->accuser;
	const struct name *name = &judge->path_names[accuser->path_class % PATH_CLASS_SLOTS];

	if (accuser->kind != EVIDENCE_PATH_ERRORS && accuser->kind != EVIDENCE_PATH_LATENCY)
		return;
	if (accuser->path_class < judge->n_path_names)
		snprintf(verdict->path_name, sizeof(verdict->path_name), "%.*s", (int)name->len,
		    name->data);
	else
		snprintf(verdict->path_name, sizeof(verdict->path_name), "other");
}

/* Judges the tick that was read, and says what came of it. */
static bool judge_tick(struct judge *judge, struct buffer *out, struct error *err)
{
	char reason[VERDICT_TEXT_SIZE];
	struct verdict verdict;
	double ln_e;

	if (!judge->has_tick)
		return true;
	judge->has_tick = false;
	judge->tick.paths = judge->paths;
	verdict = guard_tick(&judge->guard, &judge->tick);
	name_path(judge, &verdict);
	verdict_reason_text(&verdict, reason, sizeof(reason));
	ln_e = fabs(verdict.ln_e) < rounding ? 0 : verdict.ln_e;
	if (buffer_printf(out, "%" PRIu64 "\t%.10g\t%s\t%s\n", ++judge->ticks, ln_e,
		verdict_name(verdict.action), reason))
		return true;
	error_set(err, "out of memory");
	return false;
}

static bool was_in_force(const struct judge *judge, double weight)
{
	for (size_t i = 0; i < EVIDENCE_GENERATIONS && i < judge->n_former; i++)
		if (judge->former[i] == weight)
			return true;
	return false;
}

/* Outcomes of requests that were assigned under an earlier weight. */
static bool is_late(const struct judge *judge, const struct tick_row *row)
{
	return row->dt_s == 0 && row->weight != judge->weight &&
	       (row->weight < judge->weight || was_in_force(judge, row->weight));
}

/* A stage begins with its name, or else with its weight. */
static void follow_stage(struct judge *judge, const struct tick_row *row, bool named)
{
	bool raised = row->weight > judge->weight;

	if (named)
		keep_name(&judge->stage, row->stage);
	if (row->weight != judge->weight)
		judge->former[judge->n_former++ % EVIDENCE_GENERATIONS] = judge->weight;
	judge->weight = row->weight;
	guard_begin_stage(&judge->guard, &judge->plan, raised);
}

static struct guard_entry entry_of(const struct tick_row *row)
{
	struct guard_entry entry = { .weight = row->weight, .has_latency = row->has_latency };

	memcpy(entry.arms, row->arms, sizeof(entry.arms));
	return entry;
}

static void begin_tick(struct judge *judge, const struct tick_row *row)
{
	bool first = judge->ticks == 0;
	bool named =
	    tick_columns_have_stage(&judge->columns) && !is_name(&judge->stage, row->stage);
	bool late = !first && !named && is_late(judge, row);

	if (first) {
		judge->weight = row->weight;
		keep_name(&judge->stage, row->stage);
	} else if (named || (!late && row->weight != judge->weight)) {
		follow_stage(judge, row, named);
	}
	judge->tick = (struct guard_tick) { .dt_s = row->dt_s, .n_entries = 1 };
	judge->tick.entries[0] = (struct guard_entry) { .weight = judge->weight };
	judge->tick.entries[late ? judge->tick.n_entries++ : 0] = entry_of(row);
	if (!late)
		judge->moment_dt_s = row->dt_s;
	judge->has_tick = true;
}

static bool path_slot(struct judge *judge, struct slice path, unsigned *slot, struct error *err)
{
	*slot = PATH_CLASS_OTHER;
	if (slice_equal(path, SLICE("other")))
		return true;
	for (*slot = 0; *slot < judge->n_path_names; (*slot)++)
		if (is_name(&judge->path_names[*slot], path))
			return true;
	if (judge->n_path_names < PATH_CLASS_SLOTS) {
		keep_name(&judge->path_names[judge->n_path_names++], path);
		return true;
	}
	error_set(err, "the path '%.*s' is one more than %d: the rest is to be in one, 'other'",
	    (int)path.len, path.data, PATH_CLASS_SLOTS);
	return false;
}

/* The tick's entry for what this path counted under that weight. */
static struct guard_entry *path_entry(
    struct judge *judge, unsigned slot, double weight, struct error *err)
{
	struct guard_path *path = judge->paths;
	size_t n = 0;

	while (n < judge->tick.n_paths && path->path_class != slot) {
		path++;
		n++;
	}
	if (n == judge->tick.n_paths) {
		judge->tick.n_paths++;
		*path = (struct guard_path) { .path_class = slot };
	}
	for (size_t i = 0; i < path->n_entries; i++) {
		if (path->entries[i].weight != weight)
			continue;
		error_set(err, "this path and w have a row in this tick already");
		return NULL;
	}
	if (path->n_entries == EVIDENCE_GENERATIONS) {
		error_set(err, "this path has more than %d weights in this tick",
		    EVIDENCE_GENERATIONS);
		return NULL;
	}
	return &path->entries[path->n_entries++];
}

static bool add_path(struct judge *judge, const struct tick_row *row, struct error *err)
{
	struct guard_entry *entry;
	unsigned slot;

	if (!judge->has_tick) {
		error_set(err, "a path's row follows its tick's row without a path, and "
			       "there is none yet");
		return false;
	}
	/* Late outcomes may stand between a tick's row and its paths'. */
	if (row->has_dt && row->dt_s != 0 && row->dt_s != judge->moment_dt_s) {
		error_set(err, "a path's dt is its tick's (%g), 0 or empty, not %g",
		    judge->moment_dt_s, row->dt_s);
		return false;
	}
	if (row->stage.len > 0 && !is_name(&judge->stage, row->stage)) {
		error_set(err, "a path's stage is its tick's, or empty");
		return false;
	}
	if (!path_slot(judge, row->path, &slot, err))
		return false;
	entry = path_entry(judge, slot, row->weight, err);
	if (entry == NULL)
		return false;
	*entry = entry_of(row);
	return true;
}

static bool take_header(
    struct judge *judge, struct slice line, struct buffer *out, struct error *err)
{
	if (!tick_columns_read(&judge->columns, line, err))
		return false;
	judge->has_header = true;
	if (buffer_printf(out, "tick\tlnE\tverdict\treason\n"))
		return true;
	error_set(err, "out of memory");
	return false;
}

bool judge_line(struct judge *judge, struct slice line, struct buffer *out, struct error *err)
{
	struct tick_row row;

	judge->lines++;
	if (line.len > TICK_LINE_MAX) {
		error_set(err, "the line has more than %d bytes", TICK_LINE_MAX);
		return false;
	}
	if (!judge->has_header)
		return take_header(judge, line, out, err);
	if (line.len == 0 || (line.len == 1 && line.data[0] == '\r'))
		return true;
	if (!tick_row_read(&judge->columns, line, &row, err))
		return false;
	if (row.path.len > 0)
		return add_path(judge, &row, err);
	if (!judge_tick(judge, out, err))
		return false;
	begin_tick(judge, &row);
	return true;
}

bool judge_end(struct judge *judge, struct buffer *out, struct error *err)
{
	if (!judge->has_header) {
		error_set(err, "it is empty: there is not even a header line");
		return false;
	}
	return judge_tick(judge, out, err);
}
