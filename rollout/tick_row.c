#include "rollout/tick_row.h"

#include "conf/nearest.h"

#include <math.h>
#include <stdlib.h>

enum {
	NUMBER_MAX = 40, /* characters */
	PLAIN_DIGITS = 9 /* so many fit a count whatever they are */
};

static const double max_count = 4294967295.0;
static const double max_dt_s = 366 * 86400.0;

enum kind {
	KIND_DT,
	KIND_W,
	KIND_PATH,
	KIND_STAGE,
	KIND_COUNTS /* and all after: columns[KIND_COUNTS + i] */
};

#define AT(arm, member) offsetof(struct tick_row, arms[arm].member)
#define BOTH_ARMS(name, member)                                                                \
	{ name "_canary", AT(ARM_CANARY, member) },                                            \
	{                                                                                      \
		name "_legacy", AT(ARM_LEGACY, member)                                         \
	}
#define PAST(name, threshold)                                                                  \
	{ "slow_canary_" name, AT(ARM_CANARY, slow[threshold]) },                              \
	    { "slow_legacy_" name, AT(ARM_LEGACY, slow[threshold]) },                          \
	    { "good_canary_" name, AT(ARM_CANARY, good[threshold]) },                          \
	    { "good_legacy_" name, AT(ARM_LEGACY, good[threshold]) },                          \
	    { "half1_legacy_" name, AT(ARM_LEGACY, half_slow[0][threshold]) },                 \
	{                                                                                      \
		"half2_legacy_" name, AT(ARM_LEGACY, half_slow[1][threshold])                  \
	}

/* Of each pair the canary's column comes first. */
enum {
	REQUIRED = KIND_COUNTS + 4, /* up to here: n and bad of both arms */
	KIND_FAILED = REQUIRED,
	KIND_OVER_ALL = KIND_COUNTS + 8,
	FIRST_THRESHOLD = KIND_COUNTS + 12,
	PER_THRESHOLD = 6,
	FIRST_HALF = FIRST_THRESHOLD + PER_THRESHOLD * LATENCY_THRESHOLDS,
	KINDS = FIRST_HALF + 2,
};

/* In the order of enum kind; offset: of a count in the row. */
static const struct {
	const char *name;
	size_t offset;
} columns_known[KINDS] = {
	{ "dt", 0 },
	{ "w", 0 },
	{ "path", 0 },
	{ "stage", 0 },
	BOTH_ARMS("n", n),
	BOTH_ARMS("bad", bad),
	BOTH_ARMS("failed", failed),
	BOTH_ARMS("over", over),
	BOTH_ARMS("over_all", over_all),
	BOTH_ARMS("units", units),
	PAST("q50", THRESHOLD_Q50),
	PAST("q90", THRESHOLD_Q90),
	PAST("q99", THRESHOLD_Q99),
	PAST("far", THRESHOLD_FAR),
	{ "half1_legacy", AT(ARM_LEGACY, half_n[0]) },
	{ "half2_legacy", AT(ARM_LEGACY, half_n[1]) },
};

static bool has(const struct tick_columns *columns, size_t kind)
{
	return (columns->present >> kind & 1) != 0;
}

/* The next cell; moves *rest past it and its tab. */
static struct slice take_cell(struct slice *rest, bool *last)
{
	const char *tab = rest->len > 0 ? memchr(rest->data, '\t', rest->len) : NULL;
	struct slice cell = *rest;

	*last = tab == NULL;
	if (tab != NULL) {
		cell.len = (size_t)(tab - rest->data);
		rest->data = tab + 1;
		rest->len -= cell.len + 1;
	}
	return cell;
}

static struct slice without_return(struct slice line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* For a message: what cannot be shown is "?". */
static void show(struct slice cell, char text[NUMBER_MAX + 1])
{
	size_t len = cell.len < NUMBER_MAX ? cell.len : NUMBER_MAX;

	for (size_t i = 0; i < len; i++) {
		char c = cell.data[i];

		text[i] = (char)(c >= ' ' && c < 127 ? c : '?');
	}
	text[len] = '\0';
}

static bool column_kind(struct slice name, size_t *kind, struct error *err)
{
	char shown[NUMBER_MAX + 1], hint[NEAREST_TEXT_SIZE];
	struct nearest nearest;

	show(name, shown);
	if (name.len == 0 || ascii_lower(shown[0]) < 'a' || ascii_lower(shown[0]) > 'z') {
		error_set(err, "the first line is to name the columns, and holds '%s'", shown);
		return false;
	}
	nearest_init(&nearest, shown);
	for (*kind = 0; *kind < KINDS; (*kind)++) {
		if (slice_equal(name, slice_of(columns_known[*kind].name)))
			return true;
		nearest_offer(&nearest, columns_known[*kind].name);
	}
	nearest_format(&nearest, hint);
	error_set(err, "the header names an unknown column '%s'%s", shown, hint);
	return false;
}

static bool is_complete(const struct tick_columns *columns, struct error *err)
{
	for (size_t kind = 0; kind < REQUIRED; kind++) {
		if (kind == KIND_PATH || kind == KIND_STAGE || has(columns, kind))
			continue;
		error_set(err,
		    "the header lacks the column '%s'; it names dt, w, n_canary, "
		    "bad_canary, n_legacy and bad_legacy, separated by tabs",
		    columns_known[kind].name);
		return false;
	}
	/* One arm's alone would be compared with nothing. */
	for (size_t kind = REQUIRED; kind < KINDS; kind += 2) {
		if (has(columns, kind) == has(columns, kind + 1))
			continue;
		error_set(err, "the header has only one of the columns '%s' and '%s'",
		    columns_known[kind].name, columns_known[kind + 1].name);
		return false;
	}
	for (size_t kind = FIRST_THRESHOLD; kind < KINDS; kind += PER_THRESHOLD) {
		if (has(columns, kind) || (!has(columns, kind + 2) && !has(columns, kind + 4)))
			continue;
		error_set(err, "the header lacks the column '%s'", columns_known[kind].name);
		return false;
	}
	return true;
}

bool tick_columns_read(struct tick_columns *columns, struct slice line, struct error *err)
{
	static const struct slice mark = { "\xef\xbb\xbf",
		3 }; /* of UTF-8, as spreadsheets do */
	struct slice rest = without_return(line);
	bool last = false;

	*columns = (struct tick_columns) { .n = 0 };
	if (rest.len >= mark.len && memcmp(rest.data, mark.data, mark.len) == 0) {
		rest.data += mark.len;
		rest.len -= mark.len;
	}
	while (!last) {
		struct slice name = take_cell(&rest, &last);
		size_t kind;

		if (!column_kind(name, &kind, err))
			return false;
		if (has(columns, kind)) {
			error_set(err, "the header names the column '%s' twice",
			    columns_known[kind].name);
			return false;
		}
		columns->kinds[columns->n++] = (uint8_t)kind;
		columns->present |= UINT64_C(1) << kind;
	}
	return is_complete(columns, err);
}

bool tick_columns_have_stage(const struct tick_columns *columns)
{
	return has(columns, KIND_STAGE);
}

/* A decimal number, not negative; strtod() alone would also take "inf", "0x1p3" and " 1". */
static bool read_number(
    const char *column, struct slice cell, double most, double *value, struct error *err)
{
	char text[NUMBER_MAX + 1], *end;
	bool plain = cell.len > 0 && cell.len <= NUMBER_MAX;

	show(cell, text);
	for (size_t i = 0; i < cell.len && plain; i++)
		plain = (cell.data[i] >= '0' && cell.data[i] <= '9') ||
			(cell.data[i] != '\0' && strchr(".eE+-", cell.data[i]) != NULL);
	if (plain) {
		*value = strtod(text, &end);
		plain = *end == '\0';
	}
	if (!plain) {
		error_set(err, "%s is '%s', which is no number", column, text);
	} else if (*value < 0) {
		error_set(err, "%s is %s: it cannot be negative", column, text);
	} else if (*value > most) {
		error_set(err, "%s is %s: at most %.0f can be", column, text, most);
	} else {
		*value = fabs(*value); /* -0 */
		return true;
	}
	return false;
}

static bool read_count(
    const char *column, struct slice cell, uint32_t *count, struct error *err)
{
	uint32_t digits = 0;
	double value;
	size_t i = 0;

	for (; i < cell.len && i < PLAIN_DIGITS && cell.data[i] >= '0' && cell.data[i] <= '9';
	     i++)
		digits = digits * 10 + (uint32_t)(cell.data[i] - '0');
	if (i > 0 && i == cell.len) {
		*count = digits;
		return true;
	}
	if (!read_number(column, cell, max_count, &value, err))
		return false;
	if (value != floor(value)) {
		error_set(err, "%s is %.*s: counts are whole numbers", column, (int)cell.len,
		    cell.data);
		return false;
	}
	*count = (uint32_t)value;
	return true;
}

static bool read_name(
    const char *column, struct slice cell, struct slice *name, struct error *err)
{
	if (cell.len > TICK_NAME_MAX) {
		error_set(err, "%s has %zu bytes; at most %d are taken", column, cell.len,
		    TICK_NAME_MAX);
		return false;
	}
	for (size_t i = 0; i < cell.len; i++) {
		unsigned char c = (unsigned char)cell.data[i];

		if (c >= ' ' && c != 127)
			continue;
		error_set(err, "%s holds a control character (byte %u)", column, c);
		return false;
	}
	*name = cell;
	return true;
}

/* A count may be left out where its threshold was not in force. */
static bool may_be_empty(size_t kind)
{
	return kind >= FIRST_THRESHOLD;
}

static bool read_cell(struct tick_row *row, size_t kind, struct slice cell, struct error *err)
{
	const char *column = columns_known[kind].name;

	switch (kind) {
	case KIND_DT:
		row->has_dt = cell.len > 0;
		return cell.len == 0 || read_number(column, cell, max_dt_s, &row->dt_s, err);
	case KIND_W: return read_number(column, cell, 1, &row->weight, err);
	case KIND_PATH: return read_name(column, cell, &row->path, err);
	case KIND_STAGE: return read_name(column, cell, &row->stage, err);
	default: break;
	}
	if (cell.len == 0 && may_be_empty(kind))
		return true;
	if (kind >= FIRST_THRESHOLD)
		row->has_latency = true;
	return read_count(
	    column, cell, (uint32_t *)((char *)row + columns_known[kind].offset), err);
}

static bool read_cells(const struct tick_columns *columns, struct slice line,
    struct tick_row *row, uint64_t *filled, struct error *err)
{
	struct slice rest = without_return(line);
	bool last = false;
	size_t n = 0;

	while (!last) {
		struct slice cell = take_cell(&rest, &last);

		if (n < columns->n) {
			if (!read_cell(row, columns->kinds[n], cell, err))
				return false;
			if (cell.len > 0)
				*filled |= UINT64_C(1) << columns->kinds[n];
		}
		n++;
	}
	if (n == columns->n)
		return true;
	error_set(
	    err, "the row has %zu cell%s, the header %zu", n, n == 1 ? "" : "s", columns->n);
	return false;
}

/* Both arms' cells of a threshold are filled, or neither. */
static bool thresholds_are_whole(uint64_t filled, struct error *err)
{
	for (size_t kind = FIRST_THRESHOLD; kind < KINDS; kind++) {
		size_t of = kind - (kind - FIRST_THRESHOLD) % PER_THRESHOLD;
		uint64_t slow = filled >> of & 3;

		if ((filled >> kind & 1) == 0 || slow == 3)
			continue;
		error_set(err, "%s is given, but %s is empty", columns_known[kind].name,
		    columns_known[(slow & 1) != 0 ? of + 1 : of].name);
		return false;
	}
	return true;
}

/* A request may be seen slow in one row and end in a later one. */
static uint32_t less(uint32_t n, uint32_t slow)
{
	return n > slow ? n - slow : 0;
}

static void work_out(const struct tick_columns *columns, uint64_t filled, struct tick_row *row)
{
	for (enum arm arm = 0; arm < ARMS; arm++) {
		struct evidence_counts *counts = &row->arms[arm];
		size_t second = arm == ARM_LEGACY;

		if (!has(columns, KIND_FAILED + second))
			counts->failed = counts->bad;
		if (!has(columns, KIND_OVER_ALL + second))
			counts->over_all = counts->over;
		for (size_t i = 0; i < LATENCY_THRESHOLDS; i++) {
			size_t slow = FIRST_THRESHOLD + i * PER_THRESHOLD;
			size_t good = slow + 2 + second;

			if ((filled >> slow & 1) != 0 && (filled >> good & 1) == 0)
				counts->good[i] = less(counts->n, counts->slow[i]);
		}
	}
}

bool tick_row_read(const struct tick_columns *columns, struct slice line, struct tick_row *row,
    struct error *err)
{
	uint64_t filled = 0;

	*row = (struct tick_row) { .has_dt = false };
	if (!read_cells(columns, line, row, &filled, err) || !thresholds_are_whole(filled, err))
		return false;
	if (!row->has_dt && row->path.len == 0) {
		error_set(err, "dt is empty; only a path's row may leave it so");
		return false;
	}
	work_out(columns, filled, row);
	return true;
}
