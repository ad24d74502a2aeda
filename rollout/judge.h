/*
 * The guard over recorded ticks: text in, text out, the same code that judges live
 * traffic. The format is docs/judge.md.
 *
 *   judge = judge_new(&settings);
 *   for each line:  judge_line(judge, line, &out, &err)
 *   at the end:     judge_end(judge, &out, &err)
 *
 * Memory does not grow with the file.
 *
 * Thread     none of its own.
 * Time       the file's, in its column dt.
 * Ownership  judge_free() frees all. `out` is the caller's to empty; it needs room for
 *            JUDGE_OUTPUT_MAX bytes at each call.
 */
#ifndef ROLLOUT_JUDGE_H
#define ROLLOUT_JUDGE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "rollout/judge_settings.h"
#include "rollout/tick_row.h"
#include "rollout/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	JUDGE_OUTPUT_MAX = VERDICT_TEXT_SIZE + 128
};

struct judge;

/* NULL when out of memory. */
__attribute__((warn_unused_result)) struct judge *judge_new(
    const struct judge_settings *settings);
void judge_free(struct judge *judge);

/*
 * The next line, without its end. Appends what became of the tick before it. False
 * with err where the line is not understood: judge_line_number() says which, and nothing
 * more can be judged.
 */
__attribute__((warn_unused_result)) bool judge_line(
    struct judge *judge, struct slice line, struct buffer *out, struct error *err);

/* There are no more lines. Appends what became of the last tick. */
__attribute__((warn_unused_result)) bool judge_end(
    struct judge *judge, struct buffer *out, struct error *err);

/* Of the last line given, from 1; 0: none. */
uint64_t judge_line_number(const struct judge *judge);

#endif
