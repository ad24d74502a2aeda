#include "admin/api_explain.h"

#include "admin/explain_answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

/* All of one name; false where there are too many. */
static bool collect(const struct api_call *call, const char *name,
    const char *items[EXPLAIN_FIELDS_MAX], size_t *n)
{
	const struct evkeyval *pair;

	TAILQ_FOREACH(pair, &call->query, next)
	{
		if (strcmp(pair->key, name) != 0)
			continue;
		if (*n == EXPLAIN_FIELDS_MAX)
			return false;
		items[(*n)++] = pair->value;
	}
	return true;
}

static bool read_question(const struct api_call *call, struct explain_asked *asked)
{
	char words[64];

	*asked = (struct explain_asked) {
		.method = api_param(call, "method"),
		.path = api_param(call, "path"),
		.ip = api_param(call, "ip"),
		.has_weight = api_param(call, "weight_ppm") != NULL,
	};
	if (!api_number(call, "weight_ppm", 0, PPM, &asked->weight_ppm))
		return false;
	if (collect(call, "header", asked->headers, &asked->n_headers) &&
	    collect(call, "cookie", asked->cookies, &asked->n_cookies))
		return true;
	snprintf(
	    words, sizeof(words), "at most %d headers and as many cookies", EXPLAIN_FIELDS_MAX);
	api_send_error(call->req, HTTP_BADREQUEST, words);
	return false;
}

void api_explain(struct api_call *call)
{
	const struct route *route = api_managed(call)->route;
	const struct snapshot *live = control_snapshot(call->ctl);
	struct release_clock clock;
	struct explain_asked asked;
	struct error err = { "" };
	json_t *json;

	if (!read_question(call, &asked))
		return;
	control_clock(&clock);
	json = explain_answer(&asked,
	    &(struct explain_question) {
		.route = route->conf,
		.cohort = route->cohort,
		.path_rules = route->path_rules,
		.path_classes = route->live->path_classes,
		.seen_users = route->seen_users,
		.token_key = &live->token_key,
		.router = live->router,
		.routes = live->config != NULL ? live->config->routes : NULL,
		.setting = exposure_read(&route->exposure),
		.now_s = clock.wall_s,
	    },
	    "live", &err);
	if (json != NULL)
		api_send_json(call->req, HTTP_OK, json);
	else
		api_send_error(call->req, HTTP_BADREQUEST, err.text);
}
