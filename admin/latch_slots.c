#include "admin/latch_slots.h"

#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

const char latch_slots_name[] = "latches.now";

/*
 * A slot: 16 hexadecimal digits of XXH64 over the rest, then four lines: when, route,
 * release, why; zeros to the end.
 */
enum {
	SUM_DIGITS = 16,
	FILE_SIZE = LATCH_SLOTS * LATCH_SLOT_SIZE,
};

/* Behind the slots. */
static const char mark[] = { 'u', 's', 'e', 'd', '\n' };

static void sum_of(const char image[LATCH_SLOT_SIZE], char digits[SUM_DIGITS + 1])
{
	XXH64_hash_t sum = XXH64(image + SUM_DIGITS, LATCH_SLOT_SIZE - SUM_DIGITS, 0);

	snprintf(digits, SUM_DIGITS + 1, "%016" PRIx64, (uint64_t)sum);
}

static bool has_newline(const char *text)
{
	return strchr(text, '\n') != NULL;
}

static bool fill(char image[LATCH_SLOT_SIZE], const struct latch *latch)
{
	char digits[SUM_DIGITS + 1];
	char why[256];
	int n;

	if (has_newline(latch->route) || has_newline(latch->release))
		return false;
	snprintf(why, sizeof(why), "%s", latch->why);
	for (char *at = why; (at = strchr(at, '\n')) != NULL;)
		*at = ' ';
	memset(image, 0, LATCH_SLOT_SIZE);
	n = snprintf(image + SUM_DIGITS, LATCH_SLOT_SIZE - SUM_DIGITS,
	    "%" PRId64 "\n%s\n%s\n%s\n", latch->since_us, latch->route, latch->release, why);
	if (n < 0 || n >= LATCH_SLOT_SIZE - SUM_DIGITS)
		return false;
	sum_of(image, digits);
	memcpy(image, digits, SUM_DIGITS);
	return true;
}

/* The next line, ended with '\0'; NULL: there is none. */
static char *take_line(char **rest)
{
	char *line = *rest;
	char *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*rest = end + 1;
	return line;
}

/* Whether the slot held a latch. */
static bool read_slot(const char image[LATCH_SLOT_SIZE], struct latches *latches)
{
	char text[LATCH_SLOT_SIZE + 1 - SUM_DIGITS];
	char digits[SUM_DIGITS + 1];
	char *rest = text;
	const char *since, *route, *release, *why;

	sum_of(image, digits);
	if (memcmp(image, digits, SUM_DIGITS) != 0)
		return false;
	memcpy(text, image + SUM_DIGITS, LATCH_SLOT_SIZE - SUM_DIGITS);
	text[LATCH_SLOT_SIZE - SUM_DIGITS] = '\0';
	since = take_line(&rest);
	route = since != NULL ? take_line(&rest) : NULL;
	release = route != NULL ? take_line(&rest) : NULL;
	why = release != NULL ? take_line(&rest) : NULL;
	return why != NULL &&
	       latches_add(latches, route, release, strtoll(since, NULL, 10), why);
}

static bool read_mark(struct latch_slots *slots)
{
	char found[sizeof(mark)];
	ssize_t len = pread(slots->fd, found, sizeof(found), FILE_SIZE);

	if (len == (ssize_t)sizeof(found) && memcmp(found, mark, sizeof(mark)) == 0)
		slots->was_used = true;
	return len >= 0;
}

static bool read_all(struct latch_slots *slots, struct latches *latches)
{
	for (int i = 0; i < LATCH_SLOTS; i++) {
		struct latch_slot *slot = &slots->items[i];
		ssize_t len =
		    pread(slots->fd, slot->image, LATCH_SLOT_SIZE, (off_t)i * LATCH_SLOT_SIZE);

		if (len < 0)
			return false;
		if (len == LATCH_SLOT_SIZE && read_slot(slot->image, latches)) {
			slot->ticket = UINT64_MAX;
			slots->was_used = true;
		} else {
			memset(slot->image, 0, LATCH_SLOT_SIZE);
		}
	}
	return read_mark(slots);
}

/* Its blocks are there only once they have been written. How many slots have theirs. */
static int take_room(int fd)
{
	static const char zeros[LATCH_SLOT_SIZE];
	struct stat file;
	off_t at;

	if (fstat(fd, &file) < 0)
		return 0;
	if (file.st_size >= FILE_SIZE)
		return LATCH_SLOTS;
	errno = ENOSPC;
	for (at = file.st_size / LATCH_SLOT_SIZE * LATCH_SLOT_SIZE; at < FILE_SIZE;
	     at += LATCH_SLOT_SIZE) {
		if (pwrite(fd, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
			break;
	}
	/* A slot that is not synced outlives a kill all the same. */
	if (at == FILE_SIZE)
		(void)!fsync(fd);
	return (int)(at / LATCH_SLOT_SIZE);
}

/* Its room could not be taken: weir was here, and could store next to nothing. */
static bool is_cut(int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && file.st_size < FILE_SIZE;
}

static int open_file(const char *state_dir, int flags)
{
	char path[PATH_MAX];
	struct stat file;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", state_dir, latch_slots_name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

bool latch_slots_open(struct latch_slots *slots, const char *state_dir, struct latches *latches,
    struct error *err)
{
	bool writable = true, was_there = true;

	memset(slots, 0, sizeof(*slots));
	slots->fd = open_file(state_dir, O_RDWR);
	if (slots->fd < 0 && errno == ENOENT) {
		was_there = false;
		slots->fd = open_file(state_dir, O_RDWR | O_CREAT);
	}
	if (slots->fd < 0) {
		writable = false;
		slots->fd = open_file(state_dir, O_RDONLY);
	}
	if (slots->fd >= 0 && read_all(slots, latches) && writable) {
		slots->was_used = slots->was_used || (was_there && is_cut(slots->fd));
		slots->n = take_room(slots->fd);
		if (slots->n == LATCH_SLOTS)
			return true;
		error_set(err, "%s/%s: %s: there is room for %d of %d", state_dir,
		    latch_slots_name, strerror(errno), slots->n, LATCH_SLOTS);
		return false;
	}
	error_set(err, "%s/%s: %s", state_dir, latch_slots_name, strerror(errno));
	latch_slots_close(slots);
	return false;
}

static bool is_in_place(int fd, const char *state_dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", state_dir, latch_slots_name);
	return directory_still_has(path, fd);
}

int latch_slots_mend(int fd, const char *state_dir, bool *anew)
{
	int made = is_in_place(fd, state_dir) ? -1 : open_file(state_dir, O_RDWR | O_CREAT);

	/* Under the same number: another thread may be about to write to it. */
	*anew = made >= 0 && dup3(made, fd, O_CLOEXEC) >= 0;
	if (made >= 0)
		close(made);
	return take_room(fd);
}

void latch_slots_mended(struct latch_slots *slots, int n, bool anew)
{
	slots->n = n;
	for (int i = 0; anew && i < LATCH_SLOTS; i++)
		slots->items[i].changed =
		    slots->items[i].changed || slots->items[i].ticket != 0;
}

void latch_slots_close(struct latch_slots *slots)
{
	if (slots->fd >= 0)
		close(slots->fd);
	slots->fd = -1;
}

void latch_slots_adopt(struct latch_slots *slots, uint64_t ticket)
{
	for (int i = 0; i < LATCH_SLOTS; i++) {
		if (slots->items[i].ticket == UINT64_MAX)
			slots->items[i].ticket = ticket;
	}
}

int latch_slots_take(struct latch_slots *slots, const struct latch *latch, uint64_t ticket)
{
	for (int i = 0; slots->fd >= 0 && i < slots->n; i++) {
		struct latch_slot *slot = &slots->items[i];

		if (slot->ticket != 0)
			continue;
		if (!fill(slot->image, latch))
			return -1;
		slot->ticket = ticket;
		slot->changed = true;
		return i;
	}
	return -1;
}

void latch_slots_release(struct latch_slots *slots, uint64_t ticket)
{
	for (int i = 0; i < LATCH_SLOTS; i++) {
		struct latch_slot *slot = &slots->items[i];

		if (slot->ticket == 0 || slot->ticket > ticket)
			continue;
		memset(slot->image, 0, LATCH_SLOT_SIZE);
		slot->ticket = 0;
		slot->changed = true;
	}
}

int latch_slots_next(const struct latch_slots *slots)
{
	int i = 0;

	while (i < LATCH_SLOTS && !slots->items[i].changed)
		i++;
	return slots->fd >= 0 && i < LATCH_SLOTS ? i : -1;
}

bool latch_slots_write_mark(int fd)
{
	return pwrite(fd, mark, sizeof(mark), FILE_SIZE) == (ssize_t)sizeof(mark);
}

bool latch_slots_write(int fd, int slot, const char image[LATCH_SLOT_SIZE])
{
	return pwrite(fd, image, LATCH_SLOT_SIZE, (off_t)slot * LATCH_SLOT_SIZE) ==
	       LATCH_SLOT_SIZE;
}
