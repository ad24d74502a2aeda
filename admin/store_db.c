#include "admin/store_db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char store_db_name[] = "weir.db";

enum {
	STATEMENTS_MAX = 48,
	APPLICATION_ID = 0x77656972, /* "weir" */
	SCHEMA_VERSION = 2,
	OLDEST_VERSION = 1, /* that is brought up to that */
	BUSY_MS = 2000,     /* for somebody's sqlite3 shell */
};

struct statement {
	const char *sql;
	sqlite3_stmt *handle;
};

struct store_db {
	sqlite3 *handle;
	struct statement statements[STATEMENTS_MAX];
	size_t n_statements;
	int durable;  /* of the synchronous setting: 1 FULL, 0 NORMAL, -1 not known */
	dev_t device; /* of the file */
	ino_t inode;
	int code; /* of the last failure, and its words */
	char words[256];
};

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE releases(route TEXT PRIMARY KEY, release TEXT NOT NULL,"
    " state TEXT NOT NULL, stage INTEGER NOT NULL, weight_ppm INTEGER NOT NULL,"
    " stage_age_s REAL NOT NULL, began_s INTEGER NOT NULL, saved_us INTEGER NOT NULL,"
    " detail BLOB NOT NULL) STRICT;"
    "CREATE TABLE latches(route TEXT NOT NULL, release TEXT NOT NULL,"
    " since_us INTEGER NOT NULL, why TEXT NOT NULL,"
    " PRIMARY KEY(route, release)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE budgets(route TEXT NOT NULL, path TEXT NOT NULL, release TEXT NOT NULL,"
    " n_legacy INTEGER NOT NULL, bad_legacy INTEGER NOT NULL, n_canary INTEGER NOT NULL,"
    " bad_canary INTEGER NOT NULL, PRIMARY KEY(route, path)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL,"
    " route TEXT NOT NULL, release TEXT NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL,"
    " from_state TEXT NOT NULL, from_stage INTEGER NOT NULL,"
    " from_weight_ppm INTEGER NOT NULL, to_state TEXT NOT NULL, to_stage INTEGER NOT NULL,"
    " to_weight_ppm INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,"
    " evidence TEXT NOT NULL, counters TEXT NOT NULL, prev_hash BLOB NOT NULL,"
    " hash BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER journal_is_append_only_1 BEFORE UPDATE ON journal"
    " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
    "CREATE TRIGGER journal_is_append_only_2 BEFORE DELETE ON journal"
    " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
    "CREATE TABLE drills(id INTEGER PRIMARY KEY, route TEXT NOT NULL,"
    " release TEXT NOT NULL, time_us INTEGER NOT NULL, passed INTEGER NOT NULL,"
    " text TEXT NOT NULL) STRICT;"
    "CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE evidence(route INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL, release INTEGER NOT NULL, path INTEGER NOT NULL,"
    " stage INTEGER NOT NULL, dt_s REAL NOT NULL, weight REAL NOT NULL,"
    " has_latency INTEGER NOT NULL, counts BLOB NOT NULL,"
    " PRIMARY KEY(route, seq)) STRICT, WITHOUT ROWID;";

/* What each version added to the one before. */
static const char *const additions[SCHEMA_VERSION + 1] = {
	[2] = "CREATE TABLE epochs(route TEXT PRIMARY KEY, release TEXT NOT NULL,"
	      " number INTEGER NOT NULL, units BLOB NOT NULL) STRICT;",
};

/* All that a start depends on; damaged evidence is found when it is used. */
static const char *const checked_tables[] = { "meta", "releases", "latches", "budgets",
	"journal", "drills", "names", "epochs" };

static void fail(struct store_db *db, int code)
{
	int error = sqlite3_system_errno(db->handle);

	db->code = code;
	if ((code & 0xff) == SQLITE_IOERR && error != 0)
		snprintf(db->words, sizeof(db->words), "%s (%s)", sqlite3_errmsg(db->handle),
		    strerror(error));
	else
		snprintf(db->words, sizeof(db->words), "%s", sqlite3_errmsg(db->handle));
}

void store_db_blame(struct store_db *db, enum store_fault fault, const char *what)
{
	db->code = fault == STORE_FAULT_DAMAGED ? SQLITE_CORRUPT : SQLITE_NOMEM;
	snprintf(db->words, sizeof(db->words), "%s", what);
}

enum store_fault store_db_fault(const struct store_db *db, struct error *err)
{
	int primary = db->code & 0xff;

	error_set(err, "%s", db->words);
	/* SQLITE_ERROR: a table or a column is not as it was made. */
	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
	    primary == SQLITE_MISMATCH || primary == SQLITE_CONSTRAINT)
		return STORE_FAULT_DAMAGED;
	return STORE_FAULT_DISK;
}

static bool execute(struct store_db *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	if (code == SQLITE_OK)
		return true;
	fail(db, sqlite3_extended_errcode(db->handle));
	return false;
}

static sqlite3_stmt *statement_of(struct store_db *db, const char *sql)
{
	struct statement *statement;
	size_t i = 0;

	while (i < db->n_statements && db->statements[i].sql != sql)
		i++;
	if (i < db->n_statements)
		return db->statements[i].handle;
	if (i == STATEMENTS_MAX) {
		db->code = SQLITE_NOMEM;
		snprintf(db->words, sizeof(db->words), "too many statements");
		return NULL;
	}
	statement = &db->statements[i];
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
		&statement->handle, NULL) != SQLITE_OK) {
		fail(db, sqlite3_extended_errcode(db->handle));
		return NULL;
	}
	statement->sql = sql;
	db->n_statements++;
	return statement->handle;
}

static int bind_one(sqlite3_stmt *statement, int i, char type, va_list *args)
{
	const void *data;
	const char *text;

	switch (type) {
	case 'i': return sqlite3_bind_int64(statement, i, va_arg(*args, int64_t));
	case 'd': return sqlite3_bind_double(statement, i, va_arg(*args, double));
	case 't':
		text = va_arg(*args, const char *);
		return sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC);
	default:
		data = va_arg(*args, const void *);
		return sqlite3_bind_blob64(statement, i, data != NULL ? data : "",
		    va_arg(*args, size_t), SQLITE_STATIC);
	}
}

static sqlite3_stmt *bind_all(
    struct store_db *db, const char *sql, const char *types, va_list *args)
{
	sqlite3_stmt *statement = statement_of(db, sql);

	if (statement == NULL)
		return NULL;
	for (int i = 0; types[i] != '\0'; i++) {
		if (bind_one(statement, i + 1, types[i], args) == SQLITE_OK)
			continue;
		fail(db, sqlite3_extended_errcode(db->handle));
		return NULL;
	}
	return statement;
}

sqlite3_stmt *store_db_query(struct store_db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;

	va_start(args, types);
	statement = bind_all(db, sql, types, &args);
	va_end(args);
	return statement;
}

enum store_row store_db_next(struct store_db *db, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return STORE_ROW;
	if (code != SQLITE_DONE)
		fail(db, sqlite3_extended_errcode(db->handle));
	store_db_leave(statement);
	return code == SQLITE_DONE ? STORE_ROW_NONE : STORE_ROW_FAILED;
}

void store_db_leave(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

bool store_db_run(struct store_db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;

	va_start(args, types);
	statement = bind_all(db, sql, types, &args);
	va_end(args);
	return statement != NULL && store_db_next(db, statement) == STORE_ROW_NONE;
}

const char *store_db_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text != NULL ? text : "";
}

bool store_db_begin(struct store_db *db, bool durable)
{
	if (db->durable != (int)durable) {
		if (!execute(
			db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"))
			return false;
		db->durable = (int)durable;
	}
	return execute(db, "BEGIN IMMEDIATE");
}

bool store_db_commit(struct store_db *db)
{
	if (execute(db, "COMMIT"))
		return true;
	store_db_rollback(db);
	return false;
}

void store_db_rollback(struct store_db *db)
{
	/* A failed statement may have rolled everything back already. */
	if (sqlite3_get_autocommit(db->handle) == 0)
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static bool read_number(struct store_db *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement = store_db_query(db, sql, "");

	if (statement == NULL || store_db_next(db, statement) != STORE_ROW)
		return false;
	*number = sqlite3_column_int64(statement, 0);
	store_db_leave(statement);
	return true;
}

static bool add_to_tables(struct store_db *db, int64_t version)
{
	while (version < SCHEMA_VERSION) {
		if (!execute(db, additions[++version]))
			return false;
	}
	return true;
}

/*
 * From that version on, 0 where there are none, to the present one: all or nothing. Tables
 * that are new wait for what goes into them first.
 */
static bool make_tables(struct store_db *db, int64_t version)
{
	char stamp[96];

	snprintf(stamp, sizeof(stamp), "PRAGMA application_id=%d; PRAGMA user_version=%d",
	    APPLICATION_ID, SCHEMA_VERSION);
	if (!store_db_begin(db, true))
		return false;
	if ((version > 0 || execute(db, schema)) &&
	    add_to_tables(db, version > 0 ? version : OLDEST_VERSION) && execute(db, stamp) &&
	    (version == 0 || store_db_commit(db)))
		return true;
	store_db_rollback(db);
	return false;
}

static bool check_tables(struct store_db *db)
{
	char sql[64];

	for (size_t i = 0; i < sizeof(checked_tables) / sizeof(checked_tables[0]); i++) {
		sqlite3_stmt *check = NULL;
		bool ok;

		snprintf(sql, sizeof(sql), "PRAGMA quick_check(%s)", checked_tables[i]);
		if (sqlite3_prepare_v2(db->handle, sql, -1, &check, NULL) != SQLITE_OK ||
		    sqlite3_step(check) != SQLITE_ROW) {
			fail(db, sqlite3_extended_errcode(db->handle));
			sqlite3_finalize(check);
			return false;
		}
		ok = strcmp(store_db_text(check, 0), "ok") == 0;
		if (!ok)
			store_db_blame(db, STORE_FAULT_DAMAGED, store_db_text(check, 0));
		sqlite3_finalize(check);
		if (!ok)
			return false;
	}
	return true;
}

/* Its tables are weir's, of a version it knows; *created where it has none at all. */
static bool check_schema(struct store_db *db, int64_t *version, bool *created)
{
	int64_t application, tables;

	if (!read_number(db, "PRAGMA application_id", &application) ||
	    !read_number(db, "PRAGMA user_version", version) ||
	    !read_number(db, "SELECT count(*) FROM sqlite_schema", &tables))
		return false;
	*created = application == 0 && *version == 0 && tables == 0;
	if (*created)
		return true;
	if (application != APPLICATION_ID) {
		store_db_blame(db, STORE_FAULT_DAMAGED, "it is a database, but not weir's");
		return false;
	}
	if (*version < OLDEST_VERSION || *version > SCHEMA_VERSION) {
		char words[128];

		snprintf(words, sizeof(words),
		    "its format is version %" PRId64 ", this weir knows %d to %d", *version,
		    OLDEST_VERSION, SCHEMA_VERSION);
		store_db_blame(db, STORE_FAULT_DAMAGED, words);
		return false;
	}
	return true;
}

static bool set_up(struct store_db *db, bool *created)
{
	static const char settings[] = "PRAGMA journal_mode=WAL;"
				       "PRAGMA journal_size_limit=67108864;"
				       "PRAGMA trusted_schema=OFF";
	int64_t version;

	sqlite3_busy_timeout(db->handle, BUSY_MS);
	sqlite3_extended_result_codes(db->handle, 1);
	if (!check_schema(db, &version, created) || !execute(db, settings))
		return false;
	if (version < SCHEMA_VERSION && !make_tables(db, version))
		return false;
	return *created || check_tables(db);
}

/* The other files of the database take its mode from it. */
static bool make_file(const char *path, struct stat *file, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	bool ok = false;

	if (fd < 0)
		error_set(err, "cannot open %s: %s", path, strerror(errno));
	else if (fstat(fd, file) < 0 || !S_ISREG(file->st_mode))
		error_set(err, "%s is not a regular file", path);
	else
		ok = true;
	if (fd >= 0)
		close(fd);
	return ok;
}

static struct store_db *open_handle(const char *path, int flags, struct error *err)
{
	struct store_db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	db->durable = -1;
	if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		return db;
	error_set(err, "cannot open %s: %s", path,
	    db->handle != NULL ? sqlite3_errmsg(db->handle) : "out of memory");
	store_db_close(db);
	return NULL;
}

struct store_db *store_db_open(
    const char *state_dir, bool *created, enum store_fault *fault, struct error *err)
{
	char path[PATH_MAX];
	struct store_db *db;
	struct stat file;
	struct error why;

	*fault = STORE_FAULT_DISK;
	if (snprintf(path, sizeof(path), "%s/%s", state_dir, store_db_name) >=
	    (int)sizeof(path)) {
		error_set(err, "the path of state_dir is too long");
		return NULL;
	}
	if (!make_file(path, &file, err))
		return NULL;
	db = open_handle(path, SQLITE_OPEN_READWRITE, err);
	if (db == NULL)
		return NULL;
	db->device = file.st_dev;
	db->inode = file.st_ino;
	if (set_up(db, created))
		return db;
	*fault = store_db_fault(db, &why);
	error_set(err, "%s: %.400s", store_db_name, why.text);
	store_db_close(db);
	return NULL;
}

struct store_db *store_db_open_reader(const char *path, bool checked, struct error *err)
{
	struct store_db *db;
	int64_t version;
	bool created;

	if (access(path, R_OK) < 0) {
		error_set(err, "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	db = open_handle(path, SQLITE_OPEN_READONLY, err);
	if (db == NULL)
		return NULL;
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	if (!checked || (check_schema(db, &version, &created) && !created))
		return db;
	if (db->words[0] != '\0')
		error_set(err, "%s: %s", path, db->words);
	else
		error_set(err, "%s is empty: no weir has stored anything here", path);
	store_db_close(db);
	return NULL;
}

bool store_db_is_in_place(const struct store_db *db, const char *state_dir)
{
	char path[PATH_MAX];
	struct stat file;

	snprintf(path, sizeof(path), "%s/%s", state_dir, store_db_name);
	return stat(path, &file) == 0 && file.st_dev == db->device && file.st_ino == db->inode;
}

void store_db_close(struct store_db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->n_statements; i++)
		sqlite3_finalize(db->statements[i].handle);
	sqlite3_close(db->handle);
	free(db);
}
