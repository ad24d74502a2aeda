/*
 * A release under test, with the traffic of a hundred users: what a route's counters
 * would give it, and what the control thread would do with its steps.
 */
#ifndef TESTS_SUPPORT_RELEASE_FIXTURE_H
#define TESTS_SUPPORT_RELEASE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollout/release_record.h"
#include "router/path_class_rules.h"

#include <stdlib.h>
#include <string.h>

enum {
	TICK_US = 100000,
	USERS = 100,
	RELEASE_TEXT_SIZE = 32,
};

struct fixture {
	struct release release;
	struct release_step step;
	struct rollout_conf rollout;
	struct upstream_conf canary;
	struct webhook_conf webhook;
	struct route_conf route;
	char id[RELEASE_TEXT_SIZE];
	struct release_clock clock;
	struct evidence pending;           /* counted, not yet read */
	struct path_evidence pending_path; /* likewise; of one class */
	struct path_classes *path_classes;
	bool seen_failing[USERS]; /* in this epoch */
	unsigned new_canary_failures;
	uint64_t random;
	struct error err;
	struct transition last; /* the latest that changed the weight */
	unsigned published;     /* how often an exposure was */
	struct exposure_setting exposure;
	unsigned freezes;
	unsigned settles;
	struct handicap handicap;
	uint32_t asked; /* the latest question to a webhook */
};

/* What the control thread does with a step. */
static inline void obey(struct fixture *f)
{
	if (f->step.new_epoch)
		memset(f->seen_failing, 0, sizeof(f->seen_failing));
	if (f->step.new_weight) {
		f->published++;
		f->last = f->step.transition;
		assert_int_equal(f->step.exposure.generation, f->exposure.generation + 1);
		f->exposure = f->step.exposure;
	}
	if (f->step.thresholds != THRESHOLDS_KEEP) {
		assert_true(f->step.new_weight);
		f->freezes += f->step.thresholds == THRESHOLDS_FREEZE;
		f->settles += f->step.thresholds == THRESHOLDS_SETTLE;
		f->handicap = f->step.handicap;
	}
	if (f->step.ask_gate)
		f->asked = f->step.gate_ask;
	assert_true(f->step.keep || !f->step.changed);
	assert_int_equal(f->exposure.generation, release_generation(&f->release));
	assert_int_equal(f->exposure.weight_ppm, release_weight_ppm(&f->release));
	assert_int_equal(f->step.exposure.generation, f->exposure.generation);
}

static inline struct evidence_counts *counted(
    struct evidence *evidence, uint32_t generation, enum arm arm)
{
	struct evidence_entry *entry;

	for (size_t i = 0; i < evidence->n_entries; i++)
		if (evidence->entries[i].generation == generation)
			return &evidence->entries[i].arms[arm];
	assert_true(evidence->n_entries < EVIDENCE_GENERATIONS);
	entry = &evidence->entries[evidence->n_entries++];
	*entry = (struct evidence_entry) { .generation = generation };
	return &entry->arms[arm];
}

/* Time passes; whatever was counted is read. */
static inline void tick_after(struct fixture *f, uint64_t us)
{
	struct release_evidence evidence = {
		.route = &f->pending,
		.paths = &f->pending_path,
		.n_paths = f->pending_path.evidence.n_entries > 0,
		.path_classes = f->path_classes,
	};

	f->clock.now_us += us;
	f->new_canary_failures = 0;
	release_tick(&f->release, &evidence, &f->clock, &f->step);
	memset(&f->pending, 0, sizeof(f->pending));
	memset(&f->pending_path, 0, sizeof(f->pending_path));
	obey(f);
}

static inline void tick(struct fixture *f)
{
	tick_after(f, TICK_US);
}

static inline uint64_t random_below(struct fixture *f, uint64_t limit)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (f->random >> 11) % limit;
}

/* One request of a user, routed as the weight in force has it, failing as given. */
static inline void request(
    struct fixture *f, unsigned user, uint32_t legacy_fails_ppm, uint32_t canary_fails_ppm)
{
	enum arm arm = user * 10000U < f->exposure.weight_ppm ? ARM_CANARY : ARM_LEGACY;
	uint32_t fails_ppm = arm == ARM_CANARY ? canary_fails_ppm : legacy_fails_ppm;
	struct evidence_counts *counts = counted(&f->pending, f->exposure.generation, arm);

	counts->n++;
	if (random_below(f, PPM) >= fails_ppm)
		return;
	counts->failed++;
	if (f->seen_failing[user])
		return;
	f->seen_failing[user] = true;
	counts->bad++;
	if (arm == ARM_CANARY && ++f->new_canary_failures == 3)
		tick_after(f, 0);
}

/* 200 requests a second. */
static inline void traffic(
    struct fixture *f, double seconds, uint32_t legacy_fails_ppm, uint32_t canary_fails_ppm)
{
	for (int i = 0; i < seconds * 10; i++) {
		for (int k = 0; k < 20; k++)
			request(f, (unsigned)random_below(f, USERS), legacy_fails_ppm,
			    canary_fails_ppm);
		tick(f);
	}
}

static inline bool order(struct fixture *f, struct release_order order)
{
	bool done;

	order.who = "user:alice";
	done = release_command(&f->release, &order, &f->clock, &f->step, &f->err);
	if (done)
		obey(f);
	return done;
}

static inline void reload(struct fixture *f)
{
	release_reload(&f->release, &f->route, &f->clock, "reload", &f->step);
	obey(f);
}

static inline void begin(struct fixture *f)
{
	release_done(&f->release);
	f->exposure.generation = 0;
	release_begin(&f->release, &f->route, &f->clock, "config", &f->step);
	obey(f);
}

static inline bool ordered(struct fixture *f, enum release_command command)
{
	return order(f, (struct release_order) { .command = command });
}

/* Traffic without chance: the canary fails every so many requests, each time someone new. */
static inline void steady(struct fixture *f, unsigned ticks, unsigned canary_fails)
{
	for (unsigned i = 0; i < ticks; i++) {
		uint32_t n = 1 + f->exposure.weight_ppm / 10000;
		struct evidence_counts *canary =
		    counted(&f->pending, f->exposure.generation, ARM_CANARY);
		struct evidence_counts *legacy =
		    counted(&f->pending, f->exposure.generation, ARM_LEGACY);

		if (f->exposure.weight_ppm > 0)
			canary->n += n;
		if (f->exposure.weight_ppm < PPM)
			legacy->n += 200 - n;
		if (canary_fails > 0 && f->exposure.weight_ppm > 0) {
			canary->failed += n < canary_fails ? n : canary_fails;
			canary->bad += n < canary_fails ? n : canary_fails;
		}
		tick(f);
	}
}

static inline unsigned intern(struct fixture *f, const char *name)
{
	struct conf_strings patterns = { .items = (char *[]) { (char *)name }, .n = 1 };
	size_t n_without_slot;
	struct path_class_rules *rules =
	    path_class_rules_new(&patterns, f->path_classes, NULL, &n_without_slot, &f->err);

	assert_non_null(rules);
	path_class_rules_free(rules);
	for (unsigned slot = 0; slot < PATH_CLASS_SLOTS; slot++)
		if (path_classes_name(f->path_classes, slot) != NULL &&
		    strcmp(path_classes_name(f->path_classes, slot), name) == 0)
			return slot;
	return PATH_CLASS_OTHER;
}

/* One path class fails on the canary until it is withdrawn; the plan stays paused. */
static inline void withdraw_path(struct fixture *f, const char *name)
{
	unsigned slot = intern(f, name);

	f->rollout.rollback_scope = ROLLBACK_PATH;
	reload(f);
	assert_true(ordered(f, RELEASE_PAUSE));
	for (int i = 0; i < 100 && f->exposure.withdrawn == 0; i++) {
		f->pending_path.path_class = slot;
		for (int path = 0; path < 2; path++) {
			struct evidence *evidence =
			    path ? &f->pending_path.evidence : &f->pending;
			struct evidence_counts *canary =
			    counted(evidence, f->exposure.generation, ARM_CANARY);

			canary->n += path ? 1 : 20;
			canary->bad++;
			canary->failed++;
			counted(evidence, f->exposure.generation, ARM_LEGACY)->n +=
			    path ? 20 : 400;
		}
		tick(f);
	}
	assert_int_equal(f->exposure.withdrawn, UINT64_C(1) << slot);
}

/* 5% for 2 s, 25% for 2 s, 100%; then a bake of 3 s. */
static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->path_classes = path_classes_new();
	assert_non_null(f->path_classes);
	/* Monday, 10:00. */
	f->clock = (struct release_clock) {
		.now_us = 1000000000, .wall_s = 1700000000, .weekday = 1, .minute = 600
	};
	f->random = 88172645463325252;
	strcpy(f->id, "r1");
	f->rollout = (struct rollout_conf) {
		.stages = { { .weight_ppm = 50000, .hold_ms = 2000, .min_requests = 10 },
		    { .weight_ppm = 250000, .hold_ms = 2000, .min_requests = 10 },
		    { .weight_ppm = PPM, .min_requests = 10 } },
		.n_stages = 3,
		.bake_ms = 3000,
		.alpha = .01,
		.latency_tolerance_ppm = 100000,
		.rollback_steps = 1,
	};
	f->route = (struct route_conf) {
		.release = f->id,
		.canary = &f->canary,
		.rollout = &f->rollout,
		.error_budget_ppm = 1000,
	};
	f->webhook.name = "ops";
	begin(f);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	release_done(&f->release);
	path_classes_free(f->path_classes);
	free(f);
	return 0;
}

static inline struct release_record saved(struct fixture *f)
{
	struct release_record record;

	assert_true(release_save(&f->release, f->path_classes, &f->clock, &record, &f->err));
	return record;
}

/* Another process, on a machine that has just booted: no counter, another clock. */
static inline struct fixture *other_process(const struct fixture *from)
{
	void *state = NULL;
	struct fixture *f;

	assert_int_equal(set_up(&state), 0);
	f = state;
	release_done(&f->release);
	memset(&f->release, 0xa5, sizeof(f->release));
	f->rollout = from->rollout;
	f->route = from->route;
	strcpy(f->id, from->id);
	f->route.release = f->id;
	if (f->route.rollout != NULL)
		f->route.rollout = &f->rollout;
	f->clock = from->clock;
	f->clock.now_us = 5000000;
	f->exposure.generation = 0;
	return f;
}

static inline struct fixture *restarted(struct fixture *from)
{
	struct release_record record = saved(from);
	struct fixture *f = other_process(from);

	if (!release_restore(
		&f->release, &f->route, &record, f->path_classes, &f->clock, &f->step, &f->err))
		fail_msg("%s", f->err.text);
	release_record_done(&record);
	obey(f);
	return f;
}

static inline void let_go(struct fixture *f)
{
	void *state = f;

	tear_down(&state);
}

/* What follows where a record is refused. */
static inline void held_back(struct fixture *f)
{
	release_begin_unreadable(
	    &f->release, &f->route, &f->clock, "start", f->err.text, &f->step);
	obey(f);
	assert_true(release_is_latched(&f->release));
	assert_int_equal(f->exposure.weight_ppm, 0);
}

#endif
