/*
 * One row of a file of recorded ticks: tab-separated cells under a header line that
 * names its columns, in any order (docs/judge.md). Reading is strict: what does not
 * mean one thing is an error.
 *
 * Ownership  a row's texts are slices of the line it was read from.
 */
#ifndef ROLLOUT_TICK_ROW_H
#define ROLLOUT_TICK_ROW_H

#include "base/error.h"
#include "base/slice.h"
#include "metrics/evidence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TICK_LINE_MAX = 8192, /* bytes, without its end */
	TICK_COLUMNS_MAX = 64,
	TICK_NAME_MAX = 128, /* bytes of a path class or a stage */
};

/* What each cell of a row is, and which columns there are. */
struct tick_columns {
	uint8_t kinds[TICK_COLUMNS_MAX];
	size_t n;
	uint64_t present; /* a bit for each kind */
};

struct tick_row {
	bool has_dt; /* a path's row may leave it empty */
	double dt_s;
	double weight; /* 0..1 */
	struct slice path;
	struct slice stage;
	bool has_latency; /* thresholds are in force */
	struct evidence_counts arms[ARMS];
};

/* The header line. False with err: a column missing, unknown, or there twice. */
__attribute__((warn_unused_result)) bool tick_columns_read(
    struct tick_columns *columns, struct slice line, struct error *err);

/* Whether rows say which stage they belong to. */
bool tick_columns_have_stage(const struct tick_columns *columns);

/*
 * A row. What has no column is worked out: failed as bad, good as n - slow, over_all as
 * over; the rest is 0. False with err, which names the column.
 */
__attribute__((warn_unused_result)) bool tick_row_read(const struct tick_columns *columns,
    struct slice line, struct tick_row *row, struct error *err);

#endif
