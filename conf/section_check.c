#include "conf/section_check.h"

#include "conf/units.h"

#include <assert.h>
#include <string.h>

uint32_t *set_line(struct set_lines *lines, const struct key *key)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	assert(n <= KEYS_MAX);
	return &lines->of[key - keys];
}

bool *set_refused(struct set_lines *lines, const struct key *key)
{
	return &lines->refused[set_line(lines, key) - lines->of];
}

uint32_t set_line_of(struct set_lines *lines, enum conf_section kind, const char *name)
{
	return *set_line(lines, keys_find(kind, name));
}

/* The target is part of the head. The default stands with any max_head. */
void section_check_listen(const struct section_view *view, const struct listen_conf *listen,
    struct problems *problems)
{
	const struct key *uri = keys_find(SECTION_LISTEN, "max_uri");
	const struct key *head = keys_find(SECTION_LISTEN, "max_head");

	if (*set_line(view->lines, uri) == 0 || *set_refused(view->lines, uri) ||
	    *set_refused(view->lines, head) || listen->max_uri_bytes < listen->max_head_bytes)
		return;
	problems_add(problems, *set_line(view->lines, uri),
	    "[listen %s] has a 'max_uri' of %u bytes, which no request head of at most "
	    "'max_head', %u bytes, has room for",
	    listen->name, listen->max_uri_bytes, listen->max_head_bytes);
}

/* A canary has a weight or a rollout, one of the two; without a canary neither. */
static void check_canary(
    struct problems *problems, const struct route_conf *route, struct set_lines *lines)
{
	uint32_t canary = set_line_of(lines, SECTION_ROUTE, "canary");
	uint32_t weight = set_line_of(lines, SECTION_ROUTE, "weight");
	uint32_t rollout = set_line_of(lines, SECTION_ROUTE, "rollout");

	if (canary != 0 && weight == 0 && rollout == 0)
		problems_add(problems, canary,
		    "[route %s] has a canary, but neither 'weight' nor 'rollout'", route->name);
	if (weight != 0 && rollout != 0)
		problems_add(problems, weight > rollout ? weight : rollout,
		    "[route %s] has both 'weight' and 'rollout' (line %u); one of them sets "
		    "the weight",
		    route->name, weight < rollout ? weight : rollout);
	if (canary == 0 && weight != 0)
		problems_add(problems, weight, "[route %s] has a 'weight', but no 'canary'",
		    route->name);
	if (canary == 0 && rollout != 0)
		problems_add(problems, rollout, "[route %s] has a 'rollout', but no 'canary'",
		    route->name);
	if (route->canary != NULL && route->canary == route->legacy)
		problems_warn(problems, canary,
		    "[route %s]: both arms are the same upstream '%s': there is nothing to "
		    "compare, and a rollback changes nothing",
		    route->name, route->canary->name);
	if (canary != 0 && rollout != 0 && weight == 0 &&
	    set_line_of(lines, SECTION_ROUTE, "release") == 0)
		problems_warn(problems, rollout,
		    "[route %s] has a 'rollout', but no 'release': nothing tells one version "
		    "from the next, so that a rollback holds until `weir resume`",
		    route->name);
}

/* What answers on a route: one key of three. */
static const char *const answers[] = { "legacy", "redirect", "respond" };

/* The first of them that is written, or NULL; a further one is a problem. */
static const struct key *check_answer(
    const struct section_view *view, struct problems *problems)
{
	const struct key *found = NULL;
	char title[SECTION_TEXT_SIZE];

	written_title(view->written, title);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct key *key = keys_find(SECTION_ROUTE, answers[i]);
		uint32_t line = *set_line(view->lines, key);

		if (line != 0 && found != NULL)
			problems_add(problems, line,
			    "%s has '%s' already (line %u); a route has one of legacy, "
			    "redirect and respond",
			    title, found->name, *set_line(view->lines, found));
		else if (line != 0)
			found = key;
	}
	if (found == NULL && view->first)
		problems_add(problems, view->written->line,
		    "%s needs 'legacy', 'redirect' or 'respond'", title);
	return found;
}

/* Nothing is written that would have no effect because weir answers itself. */
static void check_proxied(struct problems *problems, const struct route_conf *route,
    const struct key *answer, struct set_lines *lines)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	for (size_t i = 0; i < n; i++) {
		if (keys[i].proxied && lines->of[i] != 0)
			problems_add(problems, lines->of[i],
			    "[route %s] is answered by its '%s' (line %u), so '%s' has no "
			    "effect",
			    route->name, answer->name, *set_line(lines, answer), keys[i].name);
	}
}

static bool is_prefix_of(const char *prefix, const char *path)
{
	size_t len = strlen(prefix);

	return strncmp(prefix, path, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/' || (len > 0 && prefix[len - 1] == '/'));
}

/* A prefix that no path of the route has is a mistake in one of the two. */
static void check_strip_prefix(
    struct problems *problems, const struct route_conf *route, struct set_lines *lines)
{
	if (route->strip_prefix == NULL || route->path == NULL ||
	    is_prefix_of(route->strip_prefix, route->path) ||
	    (!route->path_exact && is_prefix_of(route->path, route->strip_prefix)))
		return;
	problems_add(problems, set_line_of(lines, SECTION_ROUTE, "strip_prefix"),
	    "[route %s] has no path that begins with '%s': its path is '%s'", route->name,
	    route->strip_prefix, route->path);
}

static bool has_named_rule(const struct route_conf *route)
{
	for (size_t i = 0; i < route->n_force; i++) {
		if (route->force[i].match != FORCE_BY_ADDRESS)
			return true;
	}
	return false;
}

/* Whether the wide rule takes every request that the other one could. */
static bool covers(const struct force_rule *wide, const struct force_rule *other)
{
	struct network_set set = { .n = 1, .items = { wide->network } };

	if (wide->match != other->match)
		return false;
	if (wide->match == FORCE_BY_ADDRESS)
		return wide->network.prefix_bits <= other->network.prefix_bits &&
		       network_set_has(&set, &other->network.base);
	if (wide->value != NULL &&
	    (other->value == NULL || strcmp(wide->value, other->value) != 0))
		return false;
	return wide->match == FORCE_BY_HEADER
		   ? slice_equal_nocase(slice_of(wide->name), slice_of(other->name))
		   : strcmp(wide->name, other->name) == 0;
}

static void check_force_order(struct problems *problems, const struct route_conf *route)
{
	for (size_t i = 1; i < route->n_force; i++) {
		size_t by = 0;

		while (by < i && !covers(&route->force[by], &route->force[i]))
			by++;
		if (by < i)
			problems_warn(problems, route->force[i].place.line,
			    "[route %s] never goes by this 'force': that on line %u comes "
			    "first, and takes the same requests",
			    route->name, route->force[by].place.line);
	}
}

/* A header or a cookie is anyone's to send: whose counts must be said. */
static void check_force(
    struct problems *problems, const struct route_conf *route, struct set_lines *lines)
{
	uint32_t force = set_line_of(lines, SECTION_ROUTE, "force");
	uint32_t from = set_line_of(lines, SECTION_ROUTE, "force_from");

	if (force != 0 && set_line_of(lines, SECTION_ROUTE, "canary") == 0)
		problems_add(
		    problems, force, "[route %s] has a 'force', but no 'canary'", route->name);
	if (from == 0 && has_named_rule(route))
		problems_add(problems, force,
		    "[route %s] may be forced by a header or a cookie, which anyone can send; "
		    "say whose counts, as in force_from = 10.0.0.0/8",
		    route->name);
	/* A rule that could not be read is no reason to complain about this line. */
	if (from != 0 && (force == 0 || (route->n_force > 0 && !has_named_rule(route))))
		problems_warn(problems, from,
		    "[route %s] has a 'force_from', but no 'force' by a header or a cookie",
		    route->name);
	check_force_order(problems, route);
}

void section_check_route(
    const struct section_view *view, const struct route_conf *route, struct problems *problems)
{
	const struct key *answer = check_answer(view, problems);

	if (answer == NULL || answer->kind == KEY_UPSTREAM) {
		check_canary(problems, route, view->lines);
		check_force(problems, route, view->lines);
	} else {
		check_proxied(problems, route, answer, view->lines);
	}
	check_strip_prefix(problems, route, view->lines);
}

/* How a rolled-back canary is left: keys that mean nothing without another. */
static void check_rollback(
    struct problems *problems, const struct rollout_conf *rollout, struct set_lines *lines)
{
	bool drain_is_known = !*set_refused(lines, keys_find(SECTION_ROLLOUT, "on_rollback"));
	uint32_t drain_for = set_line_of(lines, SECTION_ROLLOUT, "drain_for");
	uint32_t step = set_line_of(lines, SECTION_ROLLOUT, "rollback_step");

	if (drain_for != 0 && drain_is_known && rollout->on_rollback != ROLLBACK_DRAIN)
		problems_warn(problems, drain_for,
		    "[rollout %s] has a 'drain_for', which means nothing without "
		    "on_rollback = drain",
		    rollout->name);
	if (step != 0 && rollout->rollback_steps == 1)
		problems_warn(problems, step,
		    "[rollout %s] has a 'rollback_step', which means nothing without "
		    "rollback_steps = 2 or 3",
		    rollout->name);
}

/* Where the hold times alone take longer, no release could ever arrive. */
static void check_max_duration(
    struct problems *problems, const struct rollout_conf *rollout, struct set_lines *lines)
{
	char holds[UNITS_TEXT_SIZE];
	uint64_t hold_ms = 0;

	for (size_t i = 0; i + 1 < rollout->n_stages; i++)
		hold_ms += rollout->stages[i].hold_ms;
	if (rollout->max_duration_ms == 0 || hold_ms <= rollout->max_duration_ms)
		return;
	units_format_duration(hold_ms * 1000, holds);
	problems_add(problems, set_line_of(lines, SECTION_ROLLOUT, "max_duration"),
	    "[rollout %s] would always be paused by its 'max_duration': the hold times before "
	    "its last stage are %s together",
	    rollout->name, holds);
}

/* A stage that is cut to what legacy keeps: two of them may then be one. */
static void check_hold_back(
    struct problems *problems, const struct rollout_conf *rollout, struct set_lines *lines)
{
	uint32_t most_ppm = PPM - rollout->hold_back_ppm;
	char weight[UNITS_TEXT_SIZE], cut[UNITS_TEXT_SIZE];

	for (size_t i = 0; i + 1 < rollout->n_stages; i++) {
		if (rollout->stages[i].weight_ppm <= most_ppm)
			continue;
		units_format_share(rollout->stages[i].weight_ppm, weight);
		units_format_share(most_ppm, cut);
		problems_warn(problems, set_line_of(lines, SECTION_ROLLOUT, "stages"),
		    "[rollout %s] has a stage of %s, which 'hold_back' cuts to %s",
		    rollout->name, weight, cut);
	}
}

static void check_expiry(
    struct problems *problems, const struct rollout_conf *rollout, struct set_lines *lines)
{
	uint32_t expires = set_line_of(lines, SECTION_ROLLOUT, "expires");

	if (expires != 0 && rollout->stages[rollout->n_stages - 1].weight_ppm < PPM)
		problems_warn(problems, expires,
		    "[rollout %s] never reaches 100%%, so 'expires' has no effect",
		    rollout->name);
}

void section_check_rollout(const struct section_view *view, const struct rollout_conf *rollout,
    struct problems *problems)
{
	bool has_stages = rollout->n_stages > 0 &&
			  !*set_refused(view->lines, keys_find(SECTION_ROLLOUT, "stages"));

	check_rollback(problems, rollout, view->lines);
	if (!has_stages)
		return; /* those that could be read before a mistake say nothing of the rest */
	check_max_duration(problems, rollout, view->lines);
	check_hold_back(problems, rollout, view->lines);
	check_expiry(problems, rollout, view->lines);
	if (rollout->stages[rollout->n_stages - 1].gate != GATE_NONE)
		problems_add(problems, set_line_of(view->lines, SECTION_ROLLOUT, "stages"),
		    "[rollout %s] has a gate after its last stage, where none follows",
		    rollout->name);
}
