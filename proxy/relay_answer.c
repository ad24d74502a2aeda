#include "proxy/relay.h"

#include <assert.h>

static struct slice request_id(const struct relay *relay)
{
	return (struct slice) { relay->request_id, relay->request_id_len };
}

/* False where an answer has begun already: then the client is cut off. */
static bool may_answer(struct relay *relay, uint16_t status)
{
	relay_release_server(relay, false);
	if (relay->exchange.response != RESPONSE_WAITING) {
		relay_client_lost(relay, CLOSE_REFUSED);
		return false;
	}
	exchange_answer_locally(&relay->exchange, status);
	return true;
}

static void queue_local_answer(struct relay *relay, uint16_t status, const char *reason)
{
	struct local_answer answer = {
		.status = status,
		.explanation = slice_of(reason),
		.request_id = request_id(relay),
		.date = worker_date(relay->worker),
		.close = !relay->exchange.client_persists,
		.keep_alive =
		    relay->exchange.client_persists && relay->exchange.client_minor == 0,
		.head = relay->exchange.method == METHOD_HEAD,
	};

	if (!h1_write_local_answer(&relay->to_client.held, &answer))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
	else
		sendq_written(&relay->to_client);
}

void relay_answer(struct relay *relay, uint16_t status, const char *reason)
{
	if (may_answer(relay, status))
		queue_local_answer(relay, status, reason);
}

/* The answer's head and body as a message; false where a value cannot be made. */
static bool compose(
    struct relay *relay, struct message *answer, struct slice *body, struct h1_fault *fault)
{
	const struct route_conf *conf = relay->route->conf;
	struct slice location;
	bool added;

	*body = (struct slice) { 0 };
	answer->status = conf->respond.status;
	if (conf->redirect.status != 0) {
		if (!rewrite_location(&relay->rewrite, &relay->arena, &location, fault))
			return false;
		answer->status = conf->redirect.status;
	}
	answer->reason = slice_of(h1_reason_phrase(answer->status));
	answer->minor = 1;
	message_clear(answer);
	added = message_add(answer, FIELD_OTHER, SLICE("Server"), SLICE("weir"));
	if (conf->redirect.status != 0) {
		added = message_add(answer, FIELD_OTHER, SLICE("Location"), location) && added;
	} else if (conf->respond.text[0] != '\0' && answer->status != 204 &&
		   answer->status != 304) {
		*body = slice_of(conf->respond.text);
		added = message_add(answer, FIELD_OTHER, SLICE("Content-Type"),
			    SLICE("text/plain; charset=utf-8")) &&
			added;
	}
	answer->body = BODY_LENGTH;
	answer->content_length = body->len;
	answer->has_content_length = true;
	assert(added); /* there is room in an empty message */
	(void)added;
	return rewrite_response(&relay->rewrite, answer, &relay->arena, fault);
}

void relay_answer_for_route(struct relay *relay)
{
	struct message *answer = &relay->worker->message;
	struct exchange *ex = &relay->exchange;
	struct response_context context = {
		.framing = FRAMING_LENGTH,
		.date = worker_date(relay->worker),
		.own = true,
	};
	struct h1_fault fault;
	struct slice body;

	if (!compose(relay, answer, &body, &fault)) {
		relay_answer(relay, fault.status, fault.reason);
		return;
	}
	if (!may_answer(relay, answer->status))
		return;
	if (answer->status == 204 || answer->status == 304) {
		context.framing = FRAMING_NONE;
		answer->has_content_length = false;
	}
	context.close = !ex->client_persists;
	context.keep_alive = ex->client_persists && ex->client_minor == 0;
	if (!h1_write_response_head(&relay->to_client.held, answer, &context)) {
		relay_client_lost(relay, CLOSE_NO_MEMORY);
		return;
	}
	sendq_written(&relay->to_client);
	if (ex->method != METHOD_HEAD && !sendq_copy(&relay->to_client, body))
		relay_client_lost(relay, CLOSE_NO_MEMORY);
}
