#include "admin/store_rows.h"

#include "metrics/route_stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char base_key[] = "journal_base";

bool store_rows_put_latch(
    struct store_db *db, const char *route, const char *release, const struct latch *latch)
{
	static const char put[] = "INSERT OR REPLACE INTO latches VALUES(?, ?, ?, ?)";
	static const char clear[] = "DELETE FROM latches WHERE route = ? AND release = ?";

	if (latch == NULL)
		return store_db_run(db, clear, "tt", route, release);
	return store_db_run(db, put, "ttit", route, release, latch->since_us, latch->why);
}

bool store_rows_put_record(struct store_db *db, const char *route,
    const struct release_record *record, uint64_t wall_us)
{
	static const char put[] =
	    "INSERT OR REPLACE INTO releases VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";

	return store_db_run(db, put, "tttiidiib", route, record->release, record->state,
	    (int64_t)record->stage, (int64_t)record->weight_ppm,
	    isfinite(record->stage_age_s) ? record->stage_age_s : 0.0, record->began_wall_s,
	    (int64_t)wall_us, record->detail, record->detail_len);
}

bool store_rows_put_epoch(
    struct store_db *db, const char *route, const struct stored_epoch *epoch)
{
	static const char put[] = "INSERT OR REPLACE INTO epochs VALUES(?, ?, ?, ?)";
	unsigned char units[2 * EPOCH_SAVED_MAX];

	for (size_t i = 0; i < epoch->n; i++) {
		units[2 * i] = (unsigned char)(epoch->units[i] & 0xff);
		units[2 * i + 1] = (unsigned char)(epoch->units[i] >> 8);
	}
	return store_db_run(db, put, "ttib", route, epoch->release, (int64_t)epoch->number,
	    units, 2 * epoch->n);
}

bool store_rows_put_budgets(struct store_db *db, const char *route, const char *release,
    const struct store_budget *budgets, size_t n)
{
	static const char clear[] = "DELETE FROM budgets WHERE route = ?";
	static const char put[] = "INSERT OR REPLACE INTO budgets VALUES(?, ?, ?, ?, ?, ?, ?)";

	if (!store_db_run(db, clear, "t", route))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct store_budget *budget = &budgets[i];

		if (!store_db_run(db, put, "tttiiii", route, budget->path, release,
			(int64_t)budget->n[ARM_LEGACY], (int64_t)budget->bad[ARM_LEGACY],
			(int64_t)budget->n[ARM_CANARY], (int64_t)budget->bad[ARM_CANARY]))
			return false;
	}
	return true;
}

bool store_rows_put_drill(struct store_db *db, const char *route, const char *release,
    uint64_t wall_us, bool passed, const char *text)
{
	static const char put[] = "INSERT INTO drills(route, release, time_us, passed, text)"
				  " VALUES(?, ?, ?, ?, ?)";

	return store_db_run(
	    db, put, "ttiit", route, release, (int64_t)wall_us, (int64_t)passed, text);
}

bool store_rows_append(struct store_db *db, const struct journal_row *row)
{
	static const char put[] =
	    "INSERT INTO journal(" STORE_JOURNAL_COLUMNS
	    ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

	return store_db_run(db, put,
	    "iittttt"
	    "ii"
	    "tii"
	    "tttt"
	    "bb",
	    row->seq, row->time_us, row->route, row->release, row->who, row->action,
	    row->from.state, row->from.stage, row->from.weight_ppm, row->to.state,
	    row->to.stage, row->to.weight_ppm, row->verdict, row->reason, row->evidence,
	    row->counters, row->prev_hash, sizeof(row->prev_hash), row->hash,
	    sizeof(row->hash));
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

static uint32_t whole(sqlite3_stmt *statement, int column)
{
	sqlite3_int64 value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t count(sqlite3_stmt *statement, int column)
{
	sqlite3_int64 value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (uint64_t)value;
}

/* One that is longer than weir writes is as good as none. */
static bool load_record(struct store_memory *memory, sqlite3_stmt *statement)
{
	/* The copy is read only: the column's bytes need no copy of their own. */
	struct release_record record = {
		.stage = whole(statement, 3),
		.weight_ppm = whole(statement, 4),
		.stage_age_s = sqlite3_column_double(statement, 5),
		.began_wall_s = sqlite3_column_int64(statement, 6),
		.detail = (unsigned char *)(uintptr_t)sqlite3_column_blob(statement, 7),
		.detail_len = (size_t)sqlite3_column_bytes(statement, 7),
	};
	struct stored_route *route = store_memory_route(memory, store_db_text(statement, 0));

	if (!copy_text(record.release, sizeof(record.release), statement, 1) ||
	    !copy_text(record.state, sizeof(record.state), statement, 2) || route == NULL)
		return false;
	return route->has_record || stored_route_set_record(route, &record);
}

static bool load_latch(struct store_memory *memory, sqlite3_stmt *statement)
{
	return latches_add(&memory->latches, store_db_text(statement, 0),
	    store_db_text(statement, 1), sqlite3_column_int64(statement, 2),
	    store_db_text(statement, 3));
}

static size_t place_of_path(const struct store_budget *budgets, size_t n, const char *path)
{
	size_t i = 0;

	while (i < n && strcmp(budgets[i].path, path) != 0)
		i++;
	return i;
}

/* Together those of one route make its list. */
static bool load_budget(struct store_memory *memory, sqlite3_stmt *statement)
{
	struct stored_route *route = store_memory_route(memory, store_db_text(statement, 0));
	struct store_budget budgets[STORE_BUDGETS_MAX + 1];
	const char *release = store_db_text(statement, 2);
	struct store_budget budget = { .path = "" };
	size_t n = 0, at;

	if (route == NULL || !copy_text(budget.path, sizeof(budget.path), statement, 1))
		return false;
	if (route->budgets_changed)
		return true; /* newer */
	if (route->budgets_release != NULL && strcmp(route->budgets_release, release) == 0)
		n = route->n_budgets;
	if (n > 0)
		memcpy(budgets, route->budgets, n * sizeof(budgets[0]));
	budget.n[ARM_LEGACY] = count(statement, 3);
	budget.bad[ARM_LEGACY] = count(statement, 4);
	budget.n[ARM_CANARY] = count(statement, 5);
	budget.bad[ARM_CANARY] = count(statement, 6);
	at = place_of_path(budgets, n, budget.path);
	budgets[at] = budget;
	return stored_route_set_budgets(route, release, budgets, at == n ? n + 1 : n);
}

/* One that is longer than weir writes is as good as none. */
static bool load_epoch(struct store_memory *memory, sqlite3_stmt *statement)
{
	struct stored_route *route = store_memory_route(memory, store_db_text(statement, 0));
	const unsigned char *bytes = sqlite3_column_blob(statement, 3);
	size_t n = (size_t)sqlite3_column_bytes(statement, 3) / 2;
	uint16_t units[EPOCH_SAVED_MAX];

	if (route == NULL)
		return false;
	if (route->epoch.release != NULL || n > EPOCH_SAVED_MAX)
		return true;
	for (size_t i = 0; i < n; i++)
		units[i] = (uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
	return stored_epoch_set(
	    &route->epoch, store_db_text(statement, 1), whole(statement, 2), units, n);
}

static bool load_drill(struct store_memory *memory, sqlite3_stmt *statement)
{
	struct stored_route *route = store_memory_route(memory, store_db_text(statement, 0));

	return route != NULL && stored_route_note_drill(route, store_db_text(statement, 1),
				    sqlite3_column_int64(statement, 2) / 1000000);
}

typedef bool load_row(struct store_memory *memory, sqlite3_stmt *statement);

static bool load_all(
    struct store_db *db, const char *sql, load_row *load, struct store_memory *memory)
{
	sqlite3_stmt *statement = store_db_query(db, sql, "");
	enum store_row row;

	if (statement == NULL)
		return false;
	while ((row = store_db_next(db, statement)) == STORE_ROW) {
		if (load(memory, statement))
			continue;
		store_db_leave(statement);
		store_db_blame(db, STORE_FAULT_DAMAGED,
		    "it holds what weir does not write, or memory is short");
		return false;
	}
	return row == STORE_ROW_NONE;
}

bool store_rows_load(struct store_db *db, struct store_memory *memory)
{
	static const char latches[] = "SELECT route, release, since_us, why FROM latches"
				      " ORDER BY since_us DESC LIMIT 100000";
	static const char records[] = "SELECT route, release, state, stage, weight_ppm,"
				      " stage_age_s, began_s, detail FROM releases";
	static const char budgets[] = "SELECT route, path, release, n_legacy, bad_legacy,"
				      " n_canary, bad_canary FROM budgets ORDER BY route";
	static const char epochs[] = "SELECT route, release, number, units FROM epochs";
	/* The one that was stored last, not the latest: a clock may have been set back since.
	 */
	static const char drills[] = "SELECT route, release, time_us, max(id) FROM drills"
				     " WHERE passed GROUP BY route, release";

	return load_all(db, latches, load_latch, memory) &&
	       load_all(db, records, load_record, memory) &&
	       load_all(db, epochs, load_epoch, memory) &&
	       load_all(db, budgets, load_budget, memory) &&
	       load_all(db, drills, load_drill, memory);
}

void store_rows_salvage_latches(struct store_db *db, struct latches *latches)
{
	static const char sql[] = "SELECT route, release, since_us, why FROM latches"
				  " LIMIT 100000";
	sqlite3_stmt *statement = store_db_query(db, sql, "");

	while (statement != NULL && store_db_next(db, statement) == STORE_ROW) {
		if (latches_add(latches, store_db_text(statement, 0),
			store_db_text(statement, 1), sqlite3_column_int64(statement, 2),
			store_db_text(statement, 3)))
			continue;
		store_db_leave(statement);
		return;
	}
}

bool store_rows_set_meta(struct store_db *db, const char *key, const char *value)
{
	static const char put[] = "INSERT OR REPLACE INTO meta VALUES(?, ?)";

	return store_db_run(db, put, "tt", key, value);
}

bool store_rows_meta(struct store_db *db, const char *key, char *value, size_t size)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = ?";
	sqlite3_stmt *statement = store_db_query(db, sql, "t", key);
	enum store_row row;

	value[0] = '\0';
	if (statement == NULL)
		return false;
	row = store_db_next(db, statement);
	if (row != STORE_ROW)
		return row == STORE_ROW_NONE;
	snprintf(value, size, "%s", store_db_text(statement, 0));
	store_db_leave(statement);
	return true;
}

bool store_rows_set_base(struct store_db *db, const struct journal_head *base)
{
	char text[JOURNAL_HEAD_TEXT_SIZE];

	journal_head_format(base, text);
	return store_rows_set_meta(db, base_key, text);
}

bool store_rows_base(struct store_db *db, struct journal_head *base)
{
	char text[JOURNAL_HEAD_TEXT_SIZE];

	*base = (struct journal_head) { .seq = 0 };
	if (!store_rows_meta(db, base_key, text, sizeof(text)))
		return false;
	if (text[0] == '\0' || journal_head_parse(text, base))
		return true;
	store_db_blame(
	    db, STORE_FAULT_DAMAGED, "it does not say which row of the journal comes first");
	return false;
}

bool store_rows_head(struct store_db *db, struct journal_head *head)
{
	static const char sql[] = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1";
	sqlite3_stmt *statement = store_db_query(db, sql, "");
	enum store_row row;

	if (statement == NULL)
		return false;
	row = store_db_next(db, statement);
	if (row != STORE_ROW)
		return row == STORE_ROW_NONE && store_rows_base(db, head);
	head->seq = sqlite3_column_int64(statement, 0);
	memset(head->hash, 0, sizeof(head->hash));
	if (sqlite3_column_bytes(statement, 1) == JOURNAL_HASH_SIZE)
		memcpy(head->hash, sqlite3_column_blob(statement, 1), JOURNAL_HASH_SIZE);
	store_db_leave(statement);
	return true;
}

/* What is there is only read, whatever struct journal_row says. */
static char *text_at(sqlite3_stmt *statement, int column)
{
	return (char *)(uintptr_t)store_db_text(statement, column);
}

static void copy_hash(
    unsigned char hash[JOURNAL_HASH_SIZE], sqlite3_stmt *statement, int column)
{
	memset(hash, 0, JOURNAL_HASH_SIZE);
	if (sqlite3_column_bytes(statement, column) == JOURNAL_HASH_SIZE)
		memcpy(hash, sqlite3_column_blob(statement, column), JOURNAL_HASH_SIZE);
}

/* Whether each text ends where its first '\0' is. */
static bool texts_are_whole(sqlite3_stmt *statement)
{
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		if (sqlite3_column_type(statement, i) == SQLITE_TEXT &&
		    strlen(store_db_text(statement, i)) !=
			(size_t)sqlite3_column_bytes(statement, i))
			return false;
	}
	return true;
}

bool store_rows_journal_row(sqlite3_stmt *statement, struct journal_row *row)
{
	*row = (struct journal_row) {
		.seq = sqlite3_column_int64(statement, 0),
		.time_us = sqlite3_column_int64(statement, 1),
		.route = text_at(statement, 2),
		.release = text_at(statement, 3),
		.who = text_at(statement, 4),
		.action = text_at(statement, 5),
		.from = { text_at(statement, 6), sqlite3_column_int64(statement, 7),
		    sqlite3_column_int64(statement, 8) },
		.to = { text_at(statement, 9), sqlite3_column_int64(statement, 10),
		    sqlite3_column_int64(statement, 11) },
		.verdict = text_at(statement, 12),
		.reason = text_at(statement, 13),
		.evidence = text_at(statement, 14),
		.counters = text_at(statement, 15),
	};
	copy_hash(row->prev_hash, statement, 16);
	copy_hash(row->hash, statement, 17);
	return texts_are_whole(statement);
}
