/*
 * What a restart does to path classes: their slots are given anew, so that a withdrawn one
 * is found again by its name.
 */
#include "tests/support/release_fixture.h"

#include <math.h>
#include <stdio.h>

static void withdrawn_paths_are_found_again_by_name(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;
	char name[16];
	unsigned slot;

	withdraw_path(f, "/orders/:id");
	record = saved(f);
	g = other_process(f);
	/* Other classes came first this time, and took its place. */
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "/other-%c%c", 'a' + i / 26, 'a' + i % 26);
		intern(g, name);
	}
	assert_true(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	obey(g);
	slot = intern(g, "/orders/:id");
	assert_int_equal(g->exposure.withdrawn, UINT64_C(1) << slot);
	assert_int_equal(g->release.guard.withdrawn, UINT64_C(1) << slot);
	release_record_done(&record);
	let_go(g);
}

static void a_withdrawn_path_without_a_slot_keeps_the_release_back(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;
	char name[16];

	withdraw_path(f, "/orders/:id");
	record = saved(f);
	g = other_process(f);
	for (int i = 0; i < PATH_CLASS_SLOTS; i++) {
		snprintf(name, sizeof(name), "/other-%c%c", 'a' + i / 26, 'a' + i % 26);
		intern(g, name);
	}
	assert_false(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	assert_non_null(strstr(g->err.text, "'/orders/:id' has no slot"));
	release_record_done(&record);
	held_back(g);
	let_go(g);
}

static void where_path_slots_moved_the_stage_goes_on_with_fresh_evidence(void **state)
{
	struct fixture *f = *state;
	struct release_record record;
	struct fixture *g;
	unsigned slot = intern(f, "/orders/:id");
	char name[16];

	f->pending_path.path_class = slot;
	counted(&f->pending_path.evidence, 1, ARM_CANARY)->n = 5;
	counted(&f->pending_path.evidence, 1, ARM_CANARY)->bad = 1;
	steady(f, 15, 0);
	record = saved(f);
	g = other_process(f);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "/other-%c%c", 'a' + i / 26, 'a' + i % 26);
		intern(g, name);
	}
	assert_true(release_restore(
	    &g->release, &g->route, &record, g->path_classes, &g->clock, &g->step, &g->err));
	obey(g);
	assert_true(g->release.evidence_was_lost);
	assert_true(fabs(g->release.guard.stage_age_s - 1.5) < 1e-6);
	assert_int_equal(g->exposure.weight_ppm, 50000);
	release_record_done(&record);
	let_go(g);
}

#define WITH_RELEASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RELEASE(withdrawn_paths_are_found_again_by_name),
		WITH_RELEASE(a_withdrawn_path_without_a_slot_keeps_the_release_back),
		WITH_RELEASE(where_path_slots_moved_the_stage_goes_on_with_fresh_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
