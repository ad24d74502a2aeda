/*
 * For tests of what is kept in a state directory: a directory of the test's own, and
 * decisions to put into it.
 */
#ifndef TESTS_SUPPORT_STATE_PLACE_H
#define TESTS_SUPPORT_STATE_PLACE_H

#include "admin/store.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PLACE_PATH_SIZE = 256
};

/* 2026-11-22T10:00:00.250Z */
#define PLACE_WALL_US UINT64_C(1795341600250000)

struct place {
	char root[PLACE_PATH_SIZE];
	char state_dir[PLACE_PATH_SIZE + 16]; /* not made yet */
};

static inline int place_set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return -1;
	snprintf(place->root, sizeof(place->root), "/tmp/weir-test-state-XXXXXX");
	if (mkdtemp(place->root) == NULL)
		return -1;
	snprintf(place->state_dir, sizeof(place->state_dir), "%s/state", place->root);
	*state = place;
	return 0;
}

static inline int place_remove_one(
    const char *path, const struct stat *there, int kind, struct FTW *at)
{
	(void)there;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int place_tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->root, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

/* Static: good until the next call. */
static inline const char *place_file(const struct place *place, const char *name)
{
	static char path[2 * PLACE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", place->state_dir, name);
	return path;
}

static inline struct store *place_open(const struct place *place)
{
	struct error err = { "" };
	struct store *store = store_open(place->state_dir, &err);

	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

/*
 * Every start holds releases back, with latches.now as the reason, until one has begun;
 * from then on it is a directory like any other.
 */
static inline void place_assert_held_back_until_started(const struct place *place)
{
	struct store *store;

	for (int start = 0; start < 2; start++) {
		const char *why = "";

		store = place_open(place);
		assert_false(store_is_readable(store, &why));
		assert_non_null(strstr(why, "latches.now"));
		store_close(store);
	}
	store = place_open(place);
	store_started(store);
	store_close(store);
	store = place_open(place);
	assert_true(store_is_readable(store, NULL));
	store_close(store);
}

static inline struct transition place_rollback(void)
{
	return (struct transition) {
		.cause = PLAN_EVENT_VERDICT,
		.from = PLAN_RUNNING,
		.to = PLAN_ROLLED_BACK,
		.stage_from = 1,
		.weight_from_ppm = 50000,
		.who = "guard",
		.why = "canary failed 12 of 340 requests",
		.verdict = {
			.action = VERDICT_ROLL_BACK,
			.ln_e = 5,
			.alpha = 0.01,
			.stage[ARM_CANARY] = { .n = 340, .bad = 12 },
			.stage[ARM_LEGACY] = { .n = 3100.5, .bad = 1 },
		},
	};
}

/* A record of that release; its detail is not to be freed. */
static inline struct release_record place_record(const char *release, uint32_t weight_ppm)
{
	static unsigned char detail[] = { 1, 0, 255, 7 };
	struct release_record record = {
		.state = "RUNNING",
		.stage = 2,
		.weight_ppm = weight_ppm,
		.stage_age_s = 12.5,
		.began_wall_s = 1795341600,
		.detail = detail,
		.detail_len = sizeof(detail),
	};

	snprintf(record.release, sizeof(record.release), "%s", release);
	return record;
}

static inline void place_decide(struct store *store, const char *route, const char *release)
{
	struct transition transition = place_rollback();

	store_decide(store, PLACE_WALL_US, route, release, &transition);
}

#endif
