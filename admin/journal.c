#include "admin/journal.h"

#include "admin/json_values.h"
#include "base/clock.h"
#include "base/directory.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char journal_file_name[] = "journal.jsonl";

struct journal {
	int fd;
	/* The file's last line is not whole: the next one must not continue it. */
	bool cut;
	uint64_t failures;
};

/* A crash may have cut the last line: it ends here, and stays as it is. */
static bool end_last_line(int fd)
{
	struct stat file;
	char last;

	if (fstat(fd, &file) < 0 || file.st_size == 0)
		return true;
	if (pread(fd, &last, 1, file.st_size - 1) != 1 || last == '\n')
		return true;
	return write(fd, "\n", 1) == 1;
}

/* A new file is there after a power cut only if its directory was stored too. */
static int open_file(const char *state_dir, struct error *err)
{
	int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;
	struct stat file;

	if (dir >= 0)
		fd = openat(dir, journal_file_name,
		    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0) {
		error_set(err, "cannot open the journal %s/%s: %s", state_dir,
		    journal_file_name, strerror(errno));
	} else if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
		error_set(err, "the journal %s/%s is not a regular file", state_dir,
		    journal_file_name);
		close(fd);
		fd = -1;
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error_set(err, "state_dir %s: another weir uses it", state_dir);
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		fsync(dir);
	if (dir >= 0)
		close(dir);
	return fd;
}

struct journal *journal_open(const char *state_dir, struct error *err)
{
	struct journal *journal;

	struct error reason;

	if (!directory_make(state_dir, &reason)) {
		error_set(err, "state_dir %s: %.400s", state_dir, reason.text);
		return NULL;
	}
	journal = calloc(1, sizeof(*journal));
	if (journal == NULL) {
		error_set(err, "out of memory");
		return NULL;
	}
	journal->fd = open_file(state_dir, err);
	if (journal->fd < 0) {
		free(journal);
		return NULL;
	}
	journal->cut = !end_last_line(journal->fd);
	return journal;
}

void journal_close(struct journal *journal)
{
	close(journal->fd);
	free(journal);
}

uint64_t journal_failures(const struct journal *journal)
{
	return journal->failures;
}

/* What the guard's verdict led to; a person's orders have their own names. */
static const char *action_of(const struct transition *transition)
{
	if (transition->cause != PLAN_EVENT_VERDICT)
		return plan_event_name(transition->cause);
	if (transition->to == PLAN_ROLLED_BACK)
		return "rollback";
	if (transition->to != transition->from ||
	    transition->stage_to != transition->stage_from ||
	    transition->weight_to_ppm != transition->weight_from_ppm)
		return "advance";
	return transition->hold != VERDICT_CONTINUE ? "hold" : "hold_end";
}

/* A row without a reason would leave its reader guessing. */
static const char *reason_of(const struct transition *transition)
{
	if (transition->why[0] != '\0')
		return transition->why;
	switch (transition->cause) {
	case PLAN_EVENT_PROMOTE: return "promoted by hand";
	case PLAN_EVENT_ROLL_BACK: return "rolled back by hand";
	case PLAN_EVENT_PAUSE: return "paused by hand";
	case PLAN_EVENT_RESUME: return "resumed by hand";
	default: return plan_event_name(transition->cause);
	}
}

static json_t *side(enum plan_state state, uint32_t stage, uint32_t weight_ppm)
{
	return json_pack("{s:o, s:o, s:I}", "state", json_state(state), "stage",
	    json_stage(state, stage), "weight_ppm", (json_int_t)weight_ppm);
}

static json_t *counters(const struct arm_counts *counts)
{
	return json_pack("{s:o, s:o}", "requests", json_number(counts->n), "failures",
	    json_number(counts->bad));
}

static json_t *row(
    uint64_t wall_us, const char *route, const char *release, const struct transition *t)
{
	char time[CLOCK_TEXT_SIZE];

	clock_format(wall_us, time);
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:{s:o, s:o}}",
	    "time", time, "route", json_text(route), "release", json_text(release), "who",
	    json_text(t->who), "action", action_of(t), "from",
	    side(t->from, t->stage_from, t->weight_from_ppm), "to",
	    side(t->to, t->stage_to, t->weight_to_ppm), "verdict",
	    verdict_name(t->verdict.action), "reason", json_text(reason_of(t)), "evidence",
	    json_evidence(&t->verdict), "counters", "canary",
	    counters(&t->verdict.stage[ARM_CANARY]), "legacy",
	    counters(&t->verdict.stage[ARM_LEGACY]));
}

/* "\n" (where the line before was cut), the row, "\n"; NULL when out of memory. */
static char *line_of(json_t *json, bool after_cut, size_t *len)
{
	char *text =
	    json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	char *line = NULL;
	int n = -1;

	if (text != NULL)
		n = asprintf(&line, "%s%s\n", after_cut ? "\n" : "", text);
	free(text);
	json_decref(json);
	*len = n > 0 ? (size_t)n : 0;
	return n > 0 ? line : NULL;
}

/* One write(), so that whoever reads meanwhile sees whole lines. */
static bool store(struct journal *journal, const char *line, size_t len)
{
	ssize_t written = write(journal->fd, line, len);

	if (written < 0) {
		log_error("journal not written error=\"%s\"", strerror(errno));
		return false;
	}
	if ((size_t)written < len) {
		log_error(
		    "journal not written error=\"only %zd of %zu bytes fit\"", written, len);
		journal->cut = true;
		return false;
	}
	journal->cut = false;
	if (fdatasync(journal->fd) == 0)
		return true;
	log_error("journal not synced error=\"%s\"", strerror(errno));
	return false;
}

bool journal_write(struct journal *journal, uint64_t wall_us, const char *route,
    const char *release, const struct transition *transition)
{
	size_t len;
	char *line = line_of(row(wall_us, route, release, transition), journal->cut, &len);
	bool stored = line != NULL && store(journal, line, len);

	if (line == NULL)
		log_error("journal not written error=\"out of memory\"");
	if (!stored)
		journal->failures++;
	free(line);
	return stored;
}
