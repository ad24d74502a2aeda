/*
 * Recorded evidence in the database: what `weir judge` reads. A row holds what a route
 * or one of its paths counted under one weight; the oldest rows go when there are too
 * many.
 *
 * Thread  one at a time, as the database.
 */
#ifndef ADMIN_STORE_EVIDENCE_H
#define ADMIN_STORE_EVIDENCE_H

#include "admin/store.h"
#include "admin/store_db.h"

enum {
	EVIDENCE_ROWS_PER_ROUTE = 200000, /* two days of one a second */
	EVIDENCE_ROWS_MAX = 4000000,      /* of all routes: some 400 MB */
	EVIDENCE_PIECE = 1000,            /* rows pruned at once */
};

/* The rows of one store_add_evidence(). */
struct evidence_batch {
	struct evidence_batch *next;
	char *route;
	char *release;
	uint64_t wall_us;
	size_t n;
	struct store_evidence rows[];
};

/* NULL when out of memory. */
__attribute__((warn_unused_result)) struct evidence_batch *evidence_batch_new(const char *route,
    const char *release, uint64_t wall_us, const struct store_evidence *rows, size_t n);
/* With all that follow it. */
void evidence_batches_free(struct evidence_batch *batch);

__attribute__((warn_unused_result)) bool store_evidence_put(
    struct store_db *db, const struct evidence_batch *batch);

/*
 * Takes away the oldest rows of a route that has more than its share, in small pieces:
 * *more where there are still too many. limits are the ones above.
 */
__attribute__((warn_unused_result)) bool store_evidence_prune(
    struct store_db *db, int64_t per_route, int64_t all, bool *more);

/* What there is of a route between two moments. */
struct evidence_range {
	const char *route;
	uint64_t since_us;
	uint64_t until_us;             /* not included */
	char release[RELEASE_ID_SIZE]; /* the last of them: only its rows are read */
	unsigned releases;             /* how many there are; 0: no rows at all */
	bool has_latency;              /* some row of that release does */
};

/* Fills in the rest for a route and two moments. */
__attribute__((warn_unused_result)) bool store_evidence_look(
    struct store_db *db, struct evidence_range *range);

/* One stored row. */
struct stored_evidence {
	int64_t seq;
	struct store_evidence row;
};

/*
 * The next rows of the range behind that number, in the order they were added, at most
 * EVIDENCE_PAGE; NULL: it failed. Step with store_db_next(), read with
 * store_evidence_row().
 */
enum {
	EVIDENCE_PAGE = 1000
};
__attribute__((warn_unused_result)) sqlite3_stmt *store_evidence_page(
    struct store_db *db, const struct evidence_range *range, int64_t after_seq);
__attribute__((warn_unused_result)) bool store_evidence_row(
    sqlite3_stmt *statement, struct stored_evidence *row);

#endif
