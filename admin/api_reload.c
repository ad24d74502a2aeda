#include "admin/api_reload.h"

#include "admin/json_values.h"

#include <stdlib.h>
#include <string.h>

enum {
	WAITING_MAX = 64
};

/* Who waits to hear of a reload. */
struct waiting {
	struct evhttp_request *req; /* NULL: has gone */
	bool queued;                /* waits for the one after that under way */
};

struct api_reloads {
	struct control *ctl;
	struct waiting waiting[WAITING_MAX];
	size_t n;
};

/* A list of the text's lines. */
static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len);

		if (line != NULL)
			json_array_append_new(list, json_text(line));
		free(line);
		text += len + (text[len] == '\n');
	}
	return list;
}

static void tell(
    struct api_reloads *reloads, struct evhttp_request *req, bool ok, const char *text)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
	if (ok)
		api_send_json(req, HTTP_OK,
		    json_pack("{s:I, s:o}", "generation",
			(json_int_t)control_snapshot(reloads->ctl)->generation, "warnings",
			lines_json(text)));
	else
		api_send_error(req, 422, text);
}

static void on_reloaded(void *arg, bool ok, const char *text)
{
	struct api_reloads *reloads = arg;

	for (size_t i = 0; i < reloads->n; i++) {
		struct waiting *waiting = &reloads->waiting[i];

		if (waiting->req != NULL && !waiting->queued) {
			tell(reloads, waiting->req, ok, text);
			waiting->req = NULL;
		}
		waiting->queued = false;
	}
	while (reloads->n > 0 && reloads->waiting[reloads->n - 1].req == NULL)
		reloads->n--;
}

/* Whoever asked for the reload has left; the reload goes on. */
static void on_gone(struct evhttp_connection *connection, void *arg)
{
	struct waiting *waiting = arg;

	(void)connection;
	waiting->req = NULL;
}

struct api_reloads *api_reloads_new(struct control *ctl)
{
	struct api_reloads *reloads = calloc(1, sizeof(*reloads));

	if (reloads == NULL)
		return NULL;
	reloads->ctl = ctl;
	control_on_reloaded(ctl, on_reloaded, reloads);
	return reloads;
}

void api_reloads_free(struct api_reloads *reloads)
{
	if (reloads == NULL)
		return;
	control_on_reloaded(reloads->ctl, NULL, NULL);
	free(reloads);
}

void api_reload(struct api_call *call)
{
	struct api_reloads *reloads = call->reloads;
	struct error err = { "" };
	char who[API_WHO_SIZE];
	bool queued;

	if (reloads->n == WAITING_MAX) {
		api_send_error(call->req, 409, "too many reloads are waiting");
		return;
	}
	api_who(call, who);
	if (!control_reload(call->ctl, who, &queued, &err)) {
		api_send_error(call->req, 409, err.text);
		return;
	}
	reloads->waiting[reloads->n] = (struct waiting) { call->req, queued };
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(call->req), on_gone, &reloads->waiting[reloads->n++]);
}
