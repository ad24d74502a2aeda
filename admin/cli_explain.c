#include "admin/cli_explain.h"

#include "admin/cli_daemon.h"
#include "admin/cli_format.h"
#include "admin/explain_answer.h"
#include "base/clock.h"
#include "conf/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	LABEL_WIDTH = 12,
	TEXT_SIZE = 1024,
	LINE_SIZE = 4 * TEXT_SIZE,
	PPM_TEXT_SIZE = 16,
};

static void print_line(const char *label, const char *words, FILE *out)
{
	cli_print_labelled(label, LABEL_WIDTH, words, out);
}

/* Nobody is told apart where there is one arm, or none. */
static bool has_two_arms(const json_t *answer)
{
	const char *why = json_string_value(json_object_get(answer, "why"));

	return why == NULL || (strcmp(why, explain_why_name(EXPLAIN_NO_CANARY)) != 0 &&
				  strcmp(why, explain_why_name(EXPLAIN_OWN_ANSWER)) != 0);
}

/* Where a path was given, and the request is not the route's. */
static void print_other_route(const json_t *answer, const char *route, FILE *out)
{
	const json_t *chosen = json_object_get(answer, "chosen");
	char other[TEXT_SIZE], line[LINE_SIZE];

	if (!json_is_object(chosen))
		return;
	if (!cli_member_text(chosen, "route", other, sizeof(other)))
		snprintf(line, sizeof(line),
		    "no route matches such a path and host: weir answers 404. What follows is "
		    "as if [route %s] did",
		    route);
	else if (strcmp(other, route) != 0)
		snprintf(line, sizeof(line),
		    "such a request is for [route %s]. What follows is as if it were for "
		    "[route %s]",
		    other, route);
	else
		return;
	print_line("not here", line, out);
}

static void print_user(const json_t *answer, FILE *out)
{
	const json_t *key = json_object_get(answer, "key");
	char value[TEXT_SIZE], source[CLI_CELL_SIZE], hash[CLI_CELL_SIZE], line[LINE_SIZE];

	if (!json_is_object(key)) {
		print_line(
		    "user", "nobody in particular: none of the route's keys is there", out);
		return;
	}
	cli_member_text(key, "value", value, sizeof(value));
	cli_member_text(key, "source", source, sizeof(source));
	cli_member_text(key, "hash", hash, sizeof(hash));
	snprintf(line, sizeof(line), "%s (by %s), hash %s, bucket %" JSON_INTEGER_FORMAT, value,
	    source, hash, cli_member_whole(answer, "bucket"));
	print_line("user", line, out);
}

static void print_other_weight(const json_t *answer, FILE *out)
{
	const json_t *at = json_object_get(answer, "at");
	char from[CLI_CELL_SIZE], weight[CLI_CELL_SIZE], arm[CLI_CELL_SIZE];
	char words[TEXT_SIZE], line[LINE_SIZE];

	if (cli_member_text(answer, "canary_from", from, sizeof(from))) {
		snprintf(line, sizeof(line), "to the canary from a weight of %s on", from);
		print_line("switches", line, out);
	}
	if (!json_is_object(at))
		return;
	cli_member_text(at, "weight", weight, sizeof(weight));
	cli_member_text(at, "arm", arm, sizeof(arm));
	cli_member_text(at, "words", words, sizeof(words));
	snprintf(line, sizeof(line), "at %s", weight);
	fprintf(out, "%-*s", LABEL_WIDTH, line);
	snprintf(line, sizeof(line), "%s: %s", arm, words);
	cli_print_words(line, LABEL_WIDTH, LABEL_WIDTH, out);
}

static void print_route(const json_t *answer, const char *route, FILE *out)
{
	const char *from = json_string_value(json_object_get(answer, "weight_from"));
	bool by_file = from != NULL && strcmp(from, "file") == 0;
	char weight[CLI_CELL_SIZE], line[LINE_SIZE];

	cli_member_text(answer, "weight", weight, sizeof(weight));
	if (!has_two_arms(answer))
		snprintf(line, sizeof(line), "%s", route);
	else
		snprintf(line, sizeof(line), "%s, weight %s%s", route, weight,
		    by_file
			? " by the file: what state_dir knows, as a rollback, is not looked at"
			: "");
	print_line("route", line, out);
}

static void print_worth(const json_t *answer, FILE *out)
{
	if (json_is_false(json_object_get(answer, "counts")))
		print_line("counts", "no: a forced request is kept out of the statistics", out);
	else if (json_is_false(json_object_get(answer, "is_evidence")))
		print_line("evidence", "no: more than the bucket decided", out);
}

void cli_explain_print(const json_t *answer, FILE *out)
{
	char route[TEXT_SIZE], arm[CLI_CELL_SIZE], words[TEXT_SIZE], text[TEXT_SIZE];
	bool two_arms = has_two_arms(answer);

	cli_member_text(answer, "route", route, sizeof(route));
	cli_member_text(answer, "words", words, sizeof(words));
	print_route(answer, route, out);
	print_other_route(answer, route, out);
	if (two_arms)
		print_user(answer, out);
	if (cli_member_text(answer, "arm", arm, sizeof(arm)))
		print_line("arm", arm, out);
	print_line("why", words, out);
	if (two_arms)
		print_other_weight(answer, out);
	if (cli_member_text(answer, "path_class", text, sizeof(text)))
		print_line("path class", text, out);
	if (cli_member_text(answer, "token", text, sizeof(text)))
		print_line("token", text, out);
	if (two_arms)
		print_worth(answer, out);
}

static bool read_asked(
    const struct cli_args *args, struct explain_asked *asked, struct error *err)
{
	const char *weight = cli_value(args, CLI_OPTION_WEIGHT);
	const struct cli_values *headers = &args->values[CLI_OPTION_HEADER];
	const struct cli_values *cookies = &args->values[CLI_OPTION_COOKIE];

	_Static_assert((int)CLI_VALUES_MAX <= (int)EXPLAIN_FIELDS_MAX, "all of them fit");
	*asked = (struct explain_asked) {
		.method = cli_value(args, CLI_OPTION_METHOD),
		.path = cli_value(args, CLI_OPTION_PATH),
		.ip = cli_value(args, CLI_OPTION_IP),
		.n_headers = headers->n,
		.n_cookies = cookies->n,
		.has_weight = weight != NULL,
	};
	memcpy(asked->headers, headers->items, headers->n * sizeof(headers->items[0]));
	memcpy(asked->cookies, cookies->items, cookies->n * sizeof(cookies->items[0]));
	return weight == NULL || units_parse_share(slice_of(weight), &asked->weight_ppm, err);
}

static bool add_all(struct buffer *target, const char *name, const char *const *items, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		ok = ok && cli_target_add(target, name, items[i]);
	return ok;
}

static bool make_target(
    struct buffer *target, const char *route, const struct explain_asked *asked)
{
	char ppm[PPM_TEXT_SIZE];

	snprintf(ppm, sizeof(ppm), "%" PRIu32, asked->weight_ppm);
	return cli_target_begin(target, route, "explain") &&
	       add_all(target, "method", &asked->method, asked->method != NULL) &&
	       add_all(target, "path", &asked->path, asked->path != NULL) &&
	       add_all(target, "ip", &asked->ip, asked->ip != NULL) &&
	       (!asked->has_weight || cli_target_add(target, "weight_ppm", ppm)) &&
	       add_all(target, "header", asked->headers, asked->n_headers) &&
	       add_all(target, "cookie", asked->cookies, asked->n_cookies);
}

static const struct route_conf *find_route(
    const struct config *config, const char *name, struct error *err)
{
	char hint[NEAREST_TEXT_SIZE];
	const struct route_conf *route = config_find_route(config, name, hint);

	if (route == NULL)
		error_set(err, "%s has no [route %s]%s", config->path, name, hint);
	return route;
}

/* The exposure that a release of the file's begins with. */
static struct exposure_setting setting_of(const struct route_conf *route)
{
	const struct rollout_conf *rollout = route->rollout;

	if (rollout == NULL)
		return (struct exposure_setting) { .generation = 1,
			.weight_ppm = route->weight_ppm };
	return (struct exposure_setting) {
		.generation = 1,
		.weight_ppm = rollout->start_manual ? 0 : rollout->stages[0].weight_ppm,
		.methods = rollout->stages[0].methods,
	};
}

static json_t *explain_route(const struct config *config, const struct route_conf *route,
    const struct explain_asked *asked, struct error *err)
{
	struct secret key = { .len = 0 };
	struct path_classes *classes = path_classes_new();
	struct cohort *cohort = cohort_new(route->salt, route->sticky, route->n_sticky, err);
	struct router *router = router_new(config->routes, config->n_routes, err);
	struct path_class_rules *rules = NULL;
	size_t n_without_slot;
	json_t *json = NULL;

	if (classes == NULL)
		error_set(err, "out of memory");
	else if (cohort != NULL && router != NULL)
		rules = path_class_rules_new(
		    &route->path_classes, classes, NULL, &n_without_slot, err);
	if (rules != NULL && (config->weir.token_key_file == NULL ||
				 secret_read(config->weir.token_key_file, &key, err)))
		json = explain_answer(asked,
		    &(struct explain_question) {
			.route = route,
			.cohort = cohort,
			.path_rules = rules,
			.path_classes = classes,
			.token_key = &key,
			.router = router,
			.routes = config->routes,
			.setting = setting_of(route),
			.now_s = (int64_t)(clock_wall_us() / 1000000),
		    },
		    "file", err);
	if (router != NULL)
		router_free(router);
	if (rules != NULL)
		path_class_rules_free(rules);
	if (cohort != NULL)
		cohort_free(cohort);
	if (classes != NULL)
		path_classes_free(classes);
	secret_wipe(&key);
	return json;
}

/* NULL, and the reasons are on standard error. */
static json_t *explain_by_file(
    const char *path, const char *route_name, const struct explain_asked *asked)
{
	struct conf_problems problems;
	struct config *config = config_load(path, CONF_TO_CHECK, &problems);
	const struct route_conf *route;
	struct error err = { "" };
	json_t *json = NULL;

	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.lines[i]);
	conf_problems_done(&problems);
	if (config == NULL)
		return NULL;
	route = find_route(config, route_name, &err);
	if (route != NULL)
		json = explain_route(config, route, asked, &err);
	if (json == NULL)
		fprintf(stderr, "weir: %s\n", err.text);
	config_free(config);
	return json;
}

static void show(const struct cli_args *args, const json_t *json)
{
	char *text;

	if (cli_value(args, CLI_OPTION_JSON) == NULL) {
		cli_explain_print(json, stdout);
		return;
	}
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));
	printf("%s\n", text != NULL ? text : "");
	free(text);
}

static enum cli_status ask(const struct cli_args *args, const char *place,
    struct buffer *target, const struct explain_asked *asked)
{
	const char *path = cli_value(args, CLI_OPTION_CONFIG);
	struct client_request request = {
		.place = place,
		.method = "GET",
		.target = buffer_slice(target).data,
		.timeout_s = CLIENT_TIMEOUT_S,
	};
	struct cli_answer answer;
	enum cli_status status;
	json_t *json;

	cli_ask(&request, &answer);
	status = answer.status;
	if (status != CLI_OK)
		fprintf(stderr, "%s\n",
		    answer.words != NULL ? answer.words : "weir: out of memory");
	json = json_incref(answer.json);
	if (status == CLI_UNREACHABLE && path != NULL) {
		fprintf(stderr, "going by the weight in %s\n", path);
		json = explain_by_file(path, args->operand, asked);
		status = json != NULL ? CLI_OK : CLI_FAILED;
	}
	if (json != NULL)
		show(args, json);
	json_decref(json);
	cli_answer_done(&answer);
	return status;
}

enum cli_status cli_explain_run(const struct cli_args *args)
{
	enum cli_status status = CLI_FAILED;
	struct explain_asked asked;
	struct buffer target;
	struct error err;
	char *place;

	if (!read_asked(args, &asked, &err)) {
		fprintf(stderr, "weir: --weight %s: %s\n", cli_value(args, CLI_OPTION_WEIGHT),
		    err.text);
		return CLI_USAGE;
	}
	place = cli_daemon_place(args, &err);
	buffer_init(&target, CLI_TARGET_MAX_BYTES);
	if (place == NULL)
		fprintf(stderr, "weir: %s\n", err.text);
	else if (make_target(&target, args->operand, &asked) && buffer_append(&target, "", 1))
		status = ask(args, place, &target, &asked);
	else
		fprintf(stderr, "weir: the request is longer than %d bytes\n",
		    CLI_TARGET_MAX_BYTES);
	buffer_done(&target);
	free(place);
	return status;
}
