/*
 * A release as it is stored, so that it survives weir: stage, elapsed hold, weight,
 * latch, withdrawn paths, pause, a rollback under way, what it waits for, its cost and
 * the guard's evidence. Time does not pass in a record: the hold goes on where it was.
 *
 * The named members are for the store's readers, and say nothing that `detail` does
 * not: `detail` is versioned and size-checked, and is all that is restored from.
 * Path classes are stored by name, as their slots are given anew at each start.
 *
 * Thread     the control thread's.
 * Ownership  release_save() allocates `detail`; release_record_done() frees it. What the
 *            store read back is the store's.
 */
#ifndef ROLLOUT_RELEASE_RECORD_H
#define ROLLOUT_RELEASE_RECORD_H

#include "base/error.h"
#include "rollout/release.h"
#include "router/path_class.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RELEASE_STATE_SIZE = 16,
	/* No record is longer: a store may refuse what is. */
	RELEASE_DETAIL_MAX = 1 << 20,
};

struct release_record {
	char release[RELEASE_ID_SIZE];  /* "" where none is set */
	char state[RELEASE_STATE_SIZE]; /* plan_state_name(): "ROLLED_BACK" */
	uint32_t stage;                 /* index */
	uint32_t weight_ppm;
	double stage_age_s; /* elapsed hold */
	int64_t began_wall_s;
	unsigned char *detail;
	size_t detail_len;
};

/*
 * The release as it stands. path_classes: the route's. False when out of memory: then the
 * record is empty.
 */
__attribute__((warn_unused_result)) bool release_save(const struct release *release,
    const struct path_classes *path_classes, const struct release_clock *clock,
    struct release_record *record, struct error *err);
void release_record_done(struct release_record *record);

/*
 * In place of release_begin(), for a route whose present release has a record: goes on
 * where it was, as after a reload where the plan was edited meanwhile. The withdrawn
 * classes get slots in path_classes. The step sets the exposure, of generation 1, and
 * has a transition where going on changed anything (a rollback that went on, an edit).
 *
 * False where the record cannot be read, or is another release's: err says why, and
 * *release is to be begun by release_begin_unreadable(). Where the guard's bytes alone
 * cannot be read, stage and hold go on, and the evidence begins afresh:
 * release->evidence_was_lost says so.
 */
__attribute__((warn_unused_result)) bool release_restore(struct release *release,
    const struct route_conf *route, const struct release_record *record,
    struct path_classes *path_classes, const struct release_clock *clock,
    struct release_step *step, struct error *err);

#endif
