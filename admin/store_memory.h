/*
 * What the store knows, in memory: each route's record, epoch, budgets and drills that
 * passed, and the latches. It is what the store answers from, and what it writes: a thing that
 * changed is marked until it is in the database.
 *
 * Thread     no locks: the store's.
 * Ownership  embedded; store_memory_done() frees what it holds.
 */
#ifndef ADMIN_STORE_MEMORY_H
#define ADMIN_STORE_MEMORY_H

#include "admin/latches.h"
#include "admin/store.h"
#include "admin/store_epoch.h"

enum {
	STORE_ROUTES_MAX = 100000, /* names ever seen; the rest is not remembered */
	STORE_BUDGETS_MAX = PATH_CLASSES + 1,
	STORE_DRILLS_MAX = 8, /* releases of a route whose drill is remembered: the latest */
};

/* A release's latest drill that passed: the one that was noted last. */
struct stored_drill {
	char *release; /* NULL: none */
	int64_t passed_s;
};

struct stored_route {
	char *name;
	bool has_record;
	struct release_record record; /* its detail is this struct's own */
	bool record_changed;          /* since it was last written */
	char *budgets_release;        /* NULL: no budgets */
	struct store_budget *budgets;
	size_t n_budgets;
	bool budgets_changed;
	struct stored_epoch epoch;
	bool epoch_changed;
	struct stored_drill drills[STORE_DRILLS_MAX];
};

/* A latch to be brought into the database as it is in memory: there, or gone. */
struct latch_change {
	char *route;
	char *release;
	uint64_t ticket; /* of the last change */
};

struct store_memory {
	struct stored_route **routes; /* by name */
	size_t n_routes;
	size_t size;
	size_t turn; /* the route whose turn it is to be written */
	struct latches latches;
	struct latch_change *changes;
	size_t n_changes;
	size_t changes_size;
	uint64_t ticket;
};

void store_memory_done(struct store_memory *memory);

/* NULL: unknown. */
struct stored_route *store_memory_find(const struct store_memory *memory, const char *name);

/* Makes it where it is not there. NULL when out of memory, or there are too many. */
struct stored_route *store_memory_route(struct store_memory *memory, const char *name);

/* Copies it; false when out of memory or too large: then the record is as before. */
__attribute__((warn_unused_result)) bool stored_route_set_record(
    struct stored_route *route, const struct release_record *record);
__attribute__((warn_unused_result)) bool stored_route_set_budgets(struct stored_route *route,
    const char *release, const struct store_budget *budgets, size_t n);

/*
 * In the place of what was known of the release; an older one than those of so many others
 * changes nothing. False when out of memory.
 */
__attribute__((warn_unused_result)) bool stored_route_note_drill(
    struct stored_route *route, const char *release, int64_t passed_s);
/* 0: never. */
int64_t stored_route_drill_passed_s(const struct stored_route *route, const char *release);

/* A copy with a detail of its own. */
__attribute__((warn_unused_result)) bool store_copy_record(
    struct release_record *to, const struct release_record *from);

/* Notes that the latch has changed. 0 when out of memory; else the change's ticket. */
uint64_t store_memory_note_latch(
    struct store_memory *memory, const char *route, const char *release);

/* Whether the latch has changed and is not known to be in the database for certain. */
bool store_memory_has_change(
    const struct store_memory *memory, const char *route, const char *release);

/*
 * Adds what a database holds; what memory knows already is newer. Takes it out of
 * `found`, whose rest is still to be freed. first: of this process. Later ones add no
 * latches: what they hold beside those that are known was cleared meanwhile, and is to be
 * taken out. False when out of memory: not all was added.
 */
__attribute__((warn_unused_result)) bool store_memory_merge(
    struct store_memory *memory, struct store_memory *found, bool first);

/* Everything is to be written: the database is a new one. */
void store_memory_mark_all(struct store_memory *memory);

/* The changes up to that ticket are in the database. */
void store_memory_settle(struct store_memory *memory, uint64_t ticket);

#endif
