#include "admin/api_order.h"

#include "admin/json_values.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	enum release_command command;
} commands[] = {
	{ "promote", RELEASE_PROMOTE },
	{ "rollback", RELEASE_ROLL_BACK },
	{ "pause", RELEASE_PAUSE },
	{ "resume", RELEASE_RESUME },
	{ "set-weight", RELEASE_SET_WEIGHT },
};

/* A parameter ends at its first NUL: whatever came behind it would be lost. */
static bool query_holds_nul(const struct api_call *call)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(call->req);
	const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;

	return query != NULL && strstr(query, "%00") != NULL;
}

/* The journal keeps a reason whole, or it is not taken. */
static bool reason_fits(const struct api_call *call, const char *why)
{
	char words[128];

	if (why != NULL && (!text_is_utf8(why) || query_holds_nul(call))) {
		api_send_error(call->req, HTTP_BADREQUEST, "why is to be text, in UTF-8");
		return false;
	}
	if (why == NULL || strlen(why) < TRANSITION_WHY_SIZE)
		return true;
	snprintf(words, sizeof(words), "why has %zu bytes; at most %d are kept", strlen(why),
	    TRANSITION_WHY_SIZE - 1);
	api_send_error(call->req, HTTP_BADREQUEST, words);
	return false;
}

static void send_result(const struct api_call *call)
{
	const struct release *release = &api_managed(call)->release;

	api_send_json(call->req, HTTP_OK,
	    json_pack("{s:s, s:s, s:I}", "route", call->route, "state",
		plan_state_name(release->plan.state), "weight_ppm",
		(json_int_t)release_weight_ppm(release)));
}

/* False, and the call has been answered, where what is asked for makes no sense. */
static bool read_order(struct api_call *call, struct release_order *order)
{
	size_t i = 0;

	while (strcmp(commands[i].word, call->word) != 0)
		i++;
	order->command = commands[i].command;
	order->why = api_param(call, "why");
	if (order->command != RELEASE_SET_WEIGHT)
		return reason_fits(call, order->why);
	if (api_param(call, "weight_ppm") == NULL) {
		api_send_error(
		    call->req, HTTP_BADREQUEST, "set-weight needs weight_ppm, 0 to 1000000");
		return false;
	}
	return api_number(call, "weight_ppm", 0, PPM, &order->weight_ppm) &&
	       reason_fits(call, order->why);
}

void api_order(struct api_call *call)
{
	char who[API_WHO_SIZE];
	struct release_order order = { .who = who };
	struct error err = { "" };

	if (!read_order(call, &order))
		return;
	api_who(call, who);
	if (control_command(call->ctl, call->route, &order, &err))
		send_result(call);
	else
		api_send_error(call->req, 409, err.text);
}
