#include "admin/store_writer.h"

#include "admin/latch_slots.h"
#include "admin/store_dir.h"
#include "admin/store_import.h"
#include "admin/store_rows.h"
#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char loss_key[] = "loss";

void store_writer_close(struct store_writer *writer)
{
	store_db_close(writer->db);
	writer->db = NULL;
}

/* After a failure the handle is not trusted any more. */
static bool give_up(struct store_writer *writer, struct error *err)
{
	struct error why;

	store_db_rollback(writer->db);
	if (store_db_fault(writer->db, &why) == STORE_FAULT_DAMAGED)
		writer->condemned = true;
	error_set(err, "%s: %.400s", store_db_name, why.text);
	store_writer_close(writer);
	return false;
}

/* Where reading still works in part, what was rolled back is not forgotten. */
static void salvage(const char *state_dir, const char *name, struct latches *latches)
{
	char path[PATH_MAX];
	struct store_db *db;

	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	db = store_db_open_reader(path, false, NULL);
	if (db == NULL)
		return;
	store_rows_salvage_latches(db, latches);
	store_db_close(db);
}

static bool set_aside(struct store_writer *writer, uint64_t wall_us, const struct error *cause,
    struct store_found *found, struct error *err)
{
	char name[STORE_DAMAGED_NAME_SIZE];

	if (!store_dir_set_aside(writer->state_dir, wall_us, name, err))
		return false;
	writer->condemned = false;
	found->lost = true;
	snprintf(found->why, sizeof(found->why),
	    "the database was damaged (%.200s) and is now %s; another was begun", cause->text,
	    name);
	salvage(writer->state_dir, name, &found->memory.latches);
	return true;
}

/* One that works, though it be a new one. */
static bool open_any(
    struct store_writer *writer, uint64_t wall_us, struct store_found *found, struct error *err)
{
	struct error cause = { "damaged while it was in use" };
	enum store_fault fault;

	if (!writer->condemned) {
		writer->db = store_db_open(writer->state_dir, &found->created, &fault, &cause);
		if (writer->db != NULL)
			return true;
		if (fault != STORE_FAULT_DAMAGED) {
			*err = cause;
			return false;
		}
	}
	if (!set_aside(writer, wall_us, &cause, found, err))
		return false;
	writer->db = store_db_open(writer->state_dir, &found->created, &fault, err);
	return writer->db != NULL;
}

/* The head that is remembered beside the database, or, since the start, in memory. */
static struct journal_head remembered_head(const struct store_writer *writer)
{
	struct journal_head head;
	struct error err;

	if (!journal_head_read(writer->state_dir, &head, &err))
		log_warn("%s: rows missing at the journal's end cannot be noticed", err.text);
	return writer->head.seq > head.seq ? writer->head : head;
}

/*
 * Where the database's journal ends before the head that is remembered, decisions are
 * missing: their numbers are left out for good, so that the gap stays to be seen.
 */
static bool find_head(struct store_writer *writer, struct store_found *found)
{
	struct journal_head remembered = remembered_head(writer);
	struct journal_head head;

	if (!store_rows_head(writer->db, &head))
		return false;
	writer->head = remembered.seq > head.seq ? remembered : head;
	if (remembered.seq <= head.seq)
		return true;
	if (!found->lost) {
		found->lost = true;
		snprintf(found->why, sizeof(found->why),
		    found->created ? "the database is gone: %" PRId64
				     " decisions of the past are missing"
				   : "the database is an older one: %" PRId64
				     " decisions of the past are missing",
		    remembered.seq - head.seq);
	}
	return !found->created || store_rows_set_base(writer->db, &remembered);
}

/* A directory that weir has used, and that has neither database nor head any more. */
static void look_for_traces(const struct store_writer *writer, struct store_found *found)
{
	if (!writer->was_used || !found->created || found->lost)
		return;
	found->lost = true;
	snprintf(found->why, sizeof(found->why),
	    "the database is gone, and %s with it: %s shows that weir has used this "
	    "state_dir before",
	    journal_head_name, latch_slots_name);
}

/* Stays to be known until its consequences are stored: weir may be killed before. */
static bool note_loss(struct store_writer *writer, struct store_found *found)
{
	char before[sizeof(found->why)];

	if (!store_rows_meta(writer->db, loss_key, before, sizeof(before)))
		return false;
	if (!found->lost && before[0] != '\0') {
		found->lost = true;
		memcpy(found->why, before, sizeof(before));
	}
	return !found->lost || store_rows_set_meta(writer->db, loss_key, found->why);
}

static bool find_past(struct store_writer *writer, struct store_found *found)
{
	/* One that was created has begun already: it is made with what is found, or not. */
	if ((!found->created && !store_db_begin(writer->db, true)) || !find_head(writer, found))
		return false;
	look_for_traces(writer, found);
	return note_loss(writer, found) && store_db_commit(writer->db);
}

bool store_writer_open(
    struct store_writer *writer, uint64_t wall_us, struct store_found *found, struct error *err)
{
	*found = (struct store_found) { .lost = false };
	if (!open_any(writer, wall_us, found, err))
		return false;
	if (!find_past(writer, found) || !store_rows_load(writer->db, &found->memory))
		return give_up(writer, err);
	if (store_import(
		writer->db, writer->state_dir, &found->memory.latches, &writer->head, err))
		return true;
	store_writer_close(writer);
	return false;
}

bool store_writer_check(struct store_writer *writer, struct error *err)
{
	if (store_db_is_in_place(writer->db, writer->state_dir))
		return true;
	error_set(err, "%s is gone from %s", store_db_name, writer->state_dir);
	store_writer_close(writer);
	writer->misses_it = true;
	return false;
}

bool store_writer_forget_loss(struct store_writer *writer, struct error *err)
{
	if (store_db_begin(writer->db, true) && store_rows_set_meta(writer->db, loss_key, "") &&
	    store_db_commit(writer->db))
		return true;
	return give_up(writer, err);
}

static bool put_latches(struct store_writer *writer, const struct store_load *load)
{
	for (size_t i = 0; i < load->n_latches; i++) {
		const struct latch_work *work = &load->latches[i];
		const struct latch latch = { .since_us = work->since_us, .why = work->why };

		if (!store_rows_put_latch(
			writer->db, work->route, work->release, work->there ? &latch : NULL))
			return false;
	}
	return true;
}

static bool put_job(
    struct store_writer *writer, struct store_job *job, struct journal_head *head)
{
	if (job->row == NULL)
		return store_rows_put_drill(
		    writer->db, job->route, job->release, job->wall_us, job->passed, job->text);
	if (!journal_row_chain(job->row, head)) {
		store_db_blame(writer->db, STORE_FAULT_DISK, "out of memory");
		return false;
	}
	return store_rows_append(writer->db, job->row);
}

static bool put_all(struct store_writer *writer, const struct store_load *load,
    uint64_t wall_us, struct journal_head *head)
{
	if (!put_latches(writer, load))
		return false;
	for (struct store_job *job = load->jobs; job != NULL; job = job->next) {
		if (!put_job(writer, job, head))
			return false;
	}
	for (size_t i = 0; i < load->n_records; i++) {
		if (!store_rows_put_record(
			writer->db, load->records[i].route, &load->records[i].record, wall_us))
			return false;
	}
	for (size_t i = 0; i < load->n_epochs; i++) {
		if (!store_rows_put_epoch(
			writer->db, load->epochs[i].route, &load->epochs[i].epoch))
			return false;
	}
	for (size_t i = 0; i < load->n_budgets; i++) {
		const struct budget_work *work = &load->budgets[i];

		if (!store_rows_put_budgets(
			writer->db, work->route, work->release, work->budgets, work->n))
			return false;
	}
	for (const struct evidence_batch *batch = load->evidence; batch != NULL;
	     batch = batch->next) {
		if (!store_evidence_put(writer->db, batch))
			return false;
	}
	return true;
}

bool store_writer_latches(
    struct store_writer *writer, const struct store_load *load, struct error *err)
{
	if (!store_writer_check(writer, err))
		return false;
	if (store_db_begin(writer->db, false) && put_latches(writer, load) &&
	    store_db_commit(writer->db))
		return true;
	return give_up(writer, err);
}

/* Its loss loses nothing but the proof that no rows were taken from the end. */
static void remember_head(struct store_writer *writer)
{
	struct error err;

	if (!journal_head_write(writer->state_dir, &writer->head, &err))
		log_warn(
		    "%s: rows taken from the journal's end would not be noticed", err.text);
}

bool store_writer_write(struct store_writer *writer, const struct store_load *load,
    uint64_t wall_us, struct error *err)
{
	bool durable = load->n_latches + load->n_jobs > 0;
	struct journal_head head = writer->head;

	if (!store_db_begin(writer->db, durable) || !put_all(writer, load, wall_us, &head) ||
	    !store_db_commit(writer->db))
		return give_up(writer, err);
	if (head.seq != writer->head.seq) {
		writer->head = head;
		remember_head(writer);
	}
	return true;
}

bool store_writer_prune(struct store_writer *writer, bool *more, struct error *err)
{
	*more = false;
	if (store_db_begin(writer->db, false) &&
	    store_evidence_prune(
		writer->db, EVIDENCE_ROWS_PER_ROUTE, EVIDENCE_ROWS_MAX, more) &&
	    store_db_commit(writer->db))
		return true;
	return give_up(writer, err);
}
