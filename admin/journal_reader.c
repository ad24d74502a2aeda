#include "admin/journal_reader.h"

#include "admin/journal_export.h"
#include "admin/journal_head.h"
#include "admin/store_db.h"
#include "admin/store_rows.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Rows read at once: between two pages the database is free. */
enum {
	PAGE_ROWS = 1000
};

struct journal_reader {
	struct store_db *db;
	char *state_dir;
};

struct journal_reader *journal_reader_open(const char *state_dir, struct error *err)
{
	struct journal_reader *reader = calloc(1, sizeof(*reader));
	char path[PATH_MAX];

	if (reader == NULL || (reader->state_dir = strdup(state_dir)) == NULL) {
		error_set(err, "out of memory");
		free(reader);
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/%s", state_dir, store_db_name);
	reader->db = store_db_open_reader(path, true, err);
	if (reader->db != NULL)
		return reader;
	journal_reader_close(reader);
	return NULL;
}

void journal_reader_close(struct journal_reader *reader)
{
	if (reader == NULL)
		return;
	store_db_close(reader->db);
	free(reader->state_dir);
	free(reader);
}

static bool failed(const struct journal_reader *reader, struct error *err)
{
	struct error why;

	(void)store_db_fault(reader->db, &why);
	error_set(err, "%s/%s: %.300s", reader->state_dir, store_db_name, why.text);
	return false;
}

/* No time is later. */
static int64_t bound(uint64_t us)
{
	return us > INT64_MAX ? INT64_MAX : (int64_t)us;
}

/* The rows behind *after go to `page`, and *after moves on. *n: how many there were. */
static bool print_page(struct journal_reader *reader, const struct journal_filter *filter,
    journal_print *print, int64_t *after, unsigned *n, FILE *page)
{
	static const char sql[] = "SELECT " STORE_JOURNAL_COLUMNS " FROM journal WHERE seq > ?1"
				  " AND (?2 = '' OR route = ?2) AND (?3 = '' OR verdict = ?3)"
				  " AND (?4 = '' OR action = ?4)"
				  " AND time_us >= ?5 AND time_us < ?6 ORDER BY seq LIMIT 1000";
	sqlite3_stmt *statement = store_db_query(reader->db, sql, "itttii", *after,
	    filter->route != NULL ? filter->route : "",
	    filter->verdict != NULL ? filter->verdict : "",
	    filter->action != NULL ? filter->action : "", bound(filter->since_us),
	    bound(filter->until_us));
	enum store_row got;

	*n = 0;
	if (statement == NULL)
		return false;
	while ((got = store_db_next(reader->db, statement)) == STORE_ROW) {
		struct journal_row row;

		/* Where a text hides more than it shows, --verify says so. */
		(void)store_rows_journal_row(statement, &row);
		if (!print(&row, page)) {
			store_db_leave(statement);
			store_db_blame(reader->db, STORE_FAULT_DISK, "out of memory");
			return false;
		}
		*after = row.seq;
		(*n)++;
	}
	return got == STORE_ROW_NONE;
}

bool journal_reader_list(struct journal_reader *reader, const struct journal_filter *filter,
    journal_print *print, FILE *out, uint64_t *n_rows, struct error *err)
{
	int64_t after = INT64_MIN;
	unsigned n;

	*n_rows = 0;
	do {
		char *text = NULL;
		size_t len = 0;
		FILE *page = open_memstream(&text, &len);
		bool ok;

		if (page == NULL) {
			error_set(err, "out of memory");
			return false;
		}
		ok = print_page(reader, filter, print, &after, &n, page);
		if (fclose(page) == 0)
			fwrite(text, 1, len, out);
		free(text);
		if (!ok)
			return failed(reader, err);
		*n_rows += n;
	} while (n == PAGE_ROWS && !ferror(out));
	return true;
}

bool journal_reader_knows_route(
    struct journal_reader *reader, const char *route, bool *knows, struct error *err)
{
	sqlite3_stmt *statement = store_db_query(
	    reader->db, "SELECT 1 FROM journal WHERE route = ? LIMIT 1", "t", route);
	enum store_row got =
	    statement != NULL ? store_db_next(reader->db, statement) : STORE_ROW_FAILED;

	if (got == STORE_ROW)
		store_db_leave(statement);
	*knows = got == STORE_ROW;
	return got != STORE_ROW_FAILED || failed(reader, err);
}

/* Where the head that is remembered is among the rows, it is that row. */
static bool is_as_remembered(
    const struct journal_row *row, const struct journal_head *remembered, struct error *err)
{
	if (row->seq != remembered->seq ||
	    memcmp(row->hash, remembered->hash, sizeof(row->hash)) == 0)
		return true;
	error_set(err, "row %" PRId64 " is not the one that %s remembers: it was replaced",
	    row->seq, journal_head_name);
	return false;
}

static bool is_whole(sqlite3_stmt *statement, struct journal_row *row, struct error *err)
{
	if (store_rows_journal_row(statement, row))
		return true;
	error_set(err, "row %" PRId64 " was changed: a text of it goes on behind a NUL byte",
	    row->seq);
	return false;
}

static bool walk_page(struct journal_reader *reader, struct journal_walk *walk,
    const struct journal_head *remembered, bool *more, struct error *err)
{
	static const char sql[] = "SELECT " STORE_JOURNAL_COLUMNS
				  " FROM journal WHERE seq > ? ORDER BY seq LIMIT 1000";
	sqlite3_stmt *statement =
	    store_db_query(reader->db, sql, "i", walk->rows > 0 ? walk->head.seq : INT64_MIN);
	enum store_row got = STORE_ROW_FAILED;
	uint64_t before = walk->rows;

	while (statement != NULL && (got = store_db_next(reader->db, statement)) == STORE_ROW) {
		struct journal_row row;

		if (!is_whole(statement, &row, err) ||
		    !journal_row_follows(&row, &walk->head, err) ||
		    !is_as_remembered(&row, remembered, err)) {
			store_db_leave(statement);
			return false;
		}
		walk->rows++;
	}
	*more = walk->rows == before + PAGE_ROWS;
	return got == STORE_ROW_NONE || failed(reader, err);
}

bool journal_reader_verify(
    struct journal_reader *reader, struct journal_walk *walk, struct error *err)
{
	struct journal_head remembered;
	bool more = true;

	*walk = (struct journal_walk) { .rows = 0 };
	/* The head first: rows may be added meanwhile, but none before it. */
	if (!journal_head_read(reader->state_dir, &remembered, err))
		return false;
	if (!store_rows_base(reader->db, &walk->base))
		return failed(reader, err);
	walk->head = walk->base;
	while (more) {
		if (!walk_page(reader, walk, &remembered, &more, err))
			return false;
	}
	if (remembered.seq > walk->head.seq) {
		error_set(err, "rows %" PRId64 " to %" PRId64 " are missing at the end",
		    walk->head.seq + 1, remembered.seq);
		return false;
	}
	walk->head_was_known = remembered.seq > 0;
	return true;
}

bool journal_reader_export(struct journal_reader *reader, const struct journal_filter *filter,
    FILE *out, unsigned *left_out, struct error *err)
{
	struct evidence_range range = {
		.route = filter->route,
		.since_us = filter->since_us,
		.until_us = filter->until_us,
	};

	if (!store_evidence_look(reader->db, &range))
		return failed(reader, err);
	if (range.releases == 0) {
		error_set(err, "nothing is recorded of route '%s' in that time", filter->route);
		return false;
	}
	*left_out = range.releases - 1;
	return journal_export(reader->db, &range, out) || failed(reader, err);
}
