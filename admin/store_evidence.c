#include "admin/store_evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The counts of a row, seven bits a byte and the lowest first, the top bit set where
 * more follow; zeros at the end are left off. Of each count legacy's and then the canary's,
 * in this order; new ones may be added behind.
 */
static const size_t counts_in_order[] = {
#define COUNT(member) offsetof(struct evidence_counts, member)
	COUNT(n),
	COUNT(bad),
	COUNT(failed),
	COUNT(units),
	COUNT(over),
	COUNT(over_all),
	COUNT(slow[THRESHOLD_Q50]),
	COUNT(slow[THRESHOLD_Q90]),
	COUNT(slow[THRESHOLD_Q99]),
	COUNT(slow[THRESHOLD_FAR]),
	COUNT(good[THRESHOLD_Q50]),
	COUNT(good[THRESHOLD_Q90]),
	COUNT(good[THRESHOLD_Q99]),
	COUNT(good[THRESHOLD_FAR]),
	COUNT(half_slow[0][THRESHOLD_Q50]),
	COUNT(half_slow[0][THRESHOLD_Q90]),
	COUNT(half_slow[0][THRESHOLD_Q99]),
	COUNT(half_slow[0][THRESHOLD_FAR]),
	COUNT(half_slow[1][THRESHOLD_Q50]),
	COUNT(half_slow[1][THRESHOLD_Q90]),
	COUNT(half_slow[1][THRESHOLD_Q99]),
	COUNT(half_slow[1][THRESHOLD_FAR]),
	COUNT(half_n[0]),
	COUNT(half_n[1]),
#undef COUNT
};

enum {
	N_COUNTS = sizeof(counts_in_order) / sizeof(counts_in_order[0]),
	COUNT_BYTES_MAX = 5,
	BLOB_MAX = N_COUNTS * ARMS * COUNT_BYTES_MAX,
	ROWS_PER_BATCH_MAX = 1024,
};

struct evidence_batch *evidence_batch_new(const char *route, const char *release,
    uint64_t wall_us, const struct store_evidence *rows, size_t n)
{
	struct evidence_batch *batch;

	if (n > ROWS_PER_BATCH_MAX)
		return NULL;
	batch = calloc(1, sizeof(*batch) + n * sizeof(rows[0]));
	if (batch == NULL)
		return NULL;
	batch->route = strdup(route);
	batch->release = strdup(release);
	batch->wall_us = wall_us;
	batch->n = n;
	if (n > 0)
		memcpy(batch->rows, rows, n * sizeof(rows[0]));
	for (size_t i = 0; i < n; i++) {
		/* The database takes NaN for nothing at all. */
		batch->rows[i].dt_s = isfinite(rows[i].dt_s) ? rows[i].dt_s : 0;
		batch->rows[i].weight = isfinite(rows[i].weight) ? rows[i].weight : 0;
	}
	if (batch->route != NULL && batch->release != NULL)
		return batch;
	evidence_batches_free(batch);
	return NULL;
}

void evidence_batches_free(struct evidence_batch *batch)
{
	while (batch != NULL) {
		struct evidence_batch *next = batch->next;

		free(batch->route);
		free(batch->release);
		free(batch);
		batch = next;
	}
}

static size_t encode(const struct evidence_counts counts[ARMS], unsigned char blob[BLOB_MAX])
{
	size_t len = 0, kept = 0;

	for (size_t i = 0; i < N_COUNTS; i++) {
		for (enum arm arm = 0; arm < ARMS; arm++) {
			uint32_t value;

			memcpy(&value, (const char *)&counts[arm] + counts_in_order[i],
			    sizeof(value));
			for (; value >= 0x80; value >>= 7)
				blob[len++] = (unsigned char)(value | 0x80);
			blob[len++] = (unsigned char)value;
			if (blob[len - 1] != 0)
				kept = len;
		}
	}
	return kept;
}

/* False where it ends within a count. */
static bool decode(const unsigned char *blob, size_t len, struct evidence_counts counts[ARMS])
{
	size_t at = 0;

	memset(counts, 0, ARMS * sizeof(counts[0]));
	for (size_t i = 0; i < N_COUNTS * ARMS && at < len; i++) {
		struct evidence_counts *of = &counts[i % ARMS];
		uint64_t value = 0;
		unsigned shift = 0;

		for (; at < len && (blob[at] & 0x80) != 0 && shift < 28; shift += 7)
			value |= (uint64_t)(blob[at++] & 0x7f) << shift;
		if (at == len)
			return false;
		value |= (uint64_t)(blob[at++] & 0x7f) << shift;
		if (value > UINT32_MAX)
			return false;
		memcpy((char *)of + counts_in_order[i / ARMS], &(uint32_t) { (uint32_t)value },
		    sizeof(uint32_t));
	}
	return true;
}

static bool find_name(struct store_db *db, const char *name, int64_t *id)
{
	static const char sql[] = "SELECT id FROM names WHERE name = ?";
	sqlite3_stmt *statement = store_db_query(db, sql, "t", name);
	enum store_row row;

	*id = 0;
	if (statement == NULL)
		return false;
	row = store_db_next(db, statement);
	if (row != STORE_ROW)
		return row == STORE_ROW_NONE;
	*id = sqlite3_column_int64(statement, 0);
	store_db_leave(statement);
	return true;
}

/* Its number, given where it has none. */
static bool name_id(struct store_db *db, const char *name, int64_t *id)
{
	static const char add[] = "INSERT INTO names(name) VALUES(?)";

	if (!find_name(db, name, id))
		return false;
	return *id != 0 || (store_db_run(db, add, "t", name) && find_name(db, name, id));
}

static bool read_bound(struct store_db *db, const char *sql, int64_t route, int64_t *seq)
{
	sqlite3_stmt *statement = store_db_query(db, sql, "i", route);

	if (statement == NULL || store_db_next(db, statement) != STORE_ROW)
		return false;
	*seq = sqlite3_column_int64(statement, 0);
	store_db_leave(statement);
	return true;
}

static bool last_seq(struct store_db *db, int64_t route, int64_t *seq)
{
	static const char sql[] = "SELECT coalesce(max(seq), 0) FROM evidence WHERE route = ?";

	return read_bound(db, sql, route, seq);
}

static bool first_seq(struct store_db *db, int64_t route, int64_t *seq)
{
	static const char sql[] = "SELECT coalesce(min(seq), 1) FROM evidence WHERE route = ?";

	return read_bound(db, sql, route, seq);
}

bool store_evidence_put(struct store_db *db, const struct evidence_batch *batch)
{
	static const char put[] = "INSERT INTO evidence VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	unsigned char blob[BLOB_MAX];
	int64_t route, release, path, seq;

	if (!name_id(db, batch->route, &route) || !name_id(db, batch->release, &release) ||
	    !last_seq(db, route, &seq))
		return false;
	for (size_t i = 0; i < batch->n; i++) {
		const struct store_evidence *row = &batch->rows[i];
		size_t len = encode(row->arms, blob);

		if (!name_id(db, row->path, &path) ||
		    !store_db_run(db, put, "iiiiiiddib", route, ++seq, (int64_t)batch->wall_us,
			release, path, (int64_t)row->stage, row->dt_s, row->weight,
			(int64_t)row->has_latency, blob, len))
			return false;
	}
	return true;
}

struct share {
	int64_t route;
	int64_t first;
	int64_t rows;
};

/* The next route that has evidence; route 0: there is none. */
static bool next_route(struct store_db *db, int64_t after, struct share *share)
{
	static const char sql[] =
	    "SELECT coalesce(min(route), 0) FROM evidence WHERE route > ?";
	int64_t last;

	if (!read_bound(db, sql, after, &share->route))
		return false;
	if (share->route == 0)
		return true;
	if (!first_seq(db, share->route, &share->first) || !last_seq(db, share->route, &last))
		return false;
	share->rows = last - share->first + 1;
	return true;
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool store_evidence_prune(struct store_db *db, int64_t per_route, int64_t all, bool *more)
{
	static const char sql[] = "DELETE FROM evidence WHERE route = ? AND seq < ?";
	struct share share = { .route = 0 };
	struct share largest = { .rows = 0 };
	int64_t total = 0, excess;

	do {
		if (!next_route(db, share.route, &share))
			return false;
		if (share.route != 0) {
			total += share.rows;
			if (share.rows > largest.rows)
				largest = share;
		}
	} while (share.route != 0);
	excess = largest.rows - per_route;
	if (total - all > excess)
		excess = lesser(total - all, largest.rows);
	*more = excess > EVIDENCE_PIECE;
	return excess <= 0 || store_db_run(db, sql, "ii", largest.route,
				  largest.first + lesser(excess, EVIDENCE_PIECE));
}

static bool copy_text(char *to, size_t size, sqlite3_stmt *statement, int column)
{
	const char *text = store_db_text(statement, column);
	size_t len = strlen(text);

	if (len >= size)
		return false;
	memcpy(to, text, len + 1);
	return true;
}

/* No time is later. */
static int64_t bound(uint64_t us)
{
	return us > INT64_MAX ? INT64_MAX : (int64_t)us;
}

bool store_evidence_look(struct store_db *db, struct evidence_range *range)
{
	static const char sql[] =
	    "WITH e AS (SELECT seq, release, has_latency FROM evidence"
	    " WHERE route = (SELECT id FROM names WHERE name = ?)"
	    " AND time_us >= ? AND time_us < ?),"
	    " last AS (SELECT release FROM e ORDER BY seq DESC LIMIT 1)"
	    " SELECT (SELECT name FROM names WHERE id = (SELECT release FROM last)),"
	    " (SELECT count(DISTINCT release) FROM e),"
	    " (SELECT max(has_latency) FROM e WHERE release = (SELECT release FROM last))";
	sqlite3_stmt *statement = store_db_query(
	    db, sql, "tii", range->route, bound(range->since_us), bound(range->until_us));
	bool ok;

	if (statement == NULL || store_db_next(db, statement) != STORE_ROW)
		return false;
	ok = copy_text(range->release, sizeof(range->release), statement, 0);
	range->releases = (unsigned)sqlite3_column_int(statement, 1);
	range->has_latency = sqlite3_column_int(statement, 2) != 0;
	store_db_leave(statement);
	if (!ok)
		store_db_blame(db, STORE_FAULT_DAMAGED, "a release's name is too long");
	return ok;
}

sqlite3_stmt *store_evidence_page(
    struct store_db *db, const struct evidence_range *range, int64_t after_seq)
{
	static const char sql[] =
	    "SELECT e.seq, p.name, e.stage, e.dt_s, e.weight, e.has_latency, e.counts"
	    " FROM evidence e JOIN names p ON p.id = e.path"
	    " WHERE e.route = (SELECT id FROM names WHERE name = ?)"
	    " AND e.release = (SELECT id FROM names WHERE name = ?)"
	    " AND e.time_us >= ? AND e.time_us < ? AND e.seq > ?"
	    " ORDER BY e.seq LIMIT 1000";

	return store_db_query(db, sql, "ttiii", range->route, range->release,
	    bound(range->since_us), bound(range->until_us), after_seq);
}

bool store_evidence_row(sqlite3_stmt *statement, struct stored_evidence *row)
{
	const void *blob = sqlite3_column_blob(statement, 6);
	size_t len = (size_t)sqlite3_column_bytes(statement, 6);

	row->seq = sqlite3_column_int64(statement, 0);
	row->row.stage = (uint32_t)sqlite3_column_int64(statement, 2);
	row->row.dt_s = sqlite3_column_double(statement, 3);
	row->row.weight = sqlite3_column_double(statement, 4);
	row->row.has_latency = sqlite3_column_int64(statement, 5) != 0;
	return copy_text(row->row.path, sizeof(row->row.path), statement, 1) &&
	       decode(blob, len, row->row.arms);
}
