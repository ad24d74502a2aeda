#include "proxy/exchange.h"

#include <assert.h>

void exchange_init(struct exchange *ex, uint64_t now_us)
{
	*ex = (struct exchange) {
		.client_persists = true,
		.started_us = now_us,
	};
}

static void set_request(struct exchange *ex, enum request_state next)
{
	assert(next > ex->request);
	ex->request = next;
}

static void set_response(struct exchange *ex, enum response_state next)
{
	assert(next > ex->response && ex->response != RESPONSE_DONE);
	ex->response = next;
}

void exchange_request_head(struct exchange *ex, const struct message *request,
    const struct connection_options *options)
{
	ex->client_minor = request->minor;
	ex->method = request->method_id;
	ex->expects_continue = request->body != BODY_NONE && headers_expects_continue(request);
	/* RFC 9112 9.3 */
	if (options->close || (request->minor == 0 && !options->keep_alive))
		ex->client_persists = false;
	set_request(ex, REQUEST_BODY);
}

void exchange_request_body(struct exchange *ex)
{
	ex->body_begun = true;
}

void exchange_request_end(struct exchange *ex)
{
	set_request(ex, REQUEST_DONE);
}

void exchange_forwarded(struct exchange *ex, uint64_t now_us)
{
	uint64_t before_us = now_us - ex->started_us;

	assert(ex->request == REQUEST_DONE);
	/* The client waited for a server of the arm's: no quick answer hides that. */
	ex->forwarded_us = now_us - (ex->waited_us < before_us ? ex->waited_us : before_us);
}

void exchange_first_byte(struct exchange *ex, uint64_t now_us)
{
	if (ex->first_byte_us == 0)
		ex->first_byte_us = now_us;
}

void exchange_interim(struct exchange *ex)
{
	ex->first_byte_us = 0;
}

static enum response_framing framing_for(
    const struct exchange *ex, const struct message *response)
{
	switch (response->body) {
	case BODY_NONE: return FRAMING_NONE;
	case BODY_LENGTH: return FRAMING_LENGTH;
	case BODY_STREAM: break;
	}
	return ex->client_minor == 0 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

void exchange_response_head(struct exchange *ex, const struct message *response,
    const struct connection_options *options, const struct status_set *failures)
{
	ex->framing = framing_for(ex, response);
	/*
	 * What a client has not sent yet it may never send, and then what comes
	 * next has two readings. So the connection ends with this answer.
	 */
	if (ex->framing == FRAMING_CLOSE || ex->request != REQUEST_DONE)
		ex->client_persists = false;
	ex->server_persists = !options->close && (response->minor > 0 || options->keep_alive);
	ex->outcome.status = response->status;
	ex->outcome.has_first_byte = true;
	if (status_set_has(failures, response->status))
		ex->outcome.failure = FAILURE_STATUS;
	set_response(ex, RESPONSE_BODY);
}

void exchange_upgrade(struct exchange *ex)
{
	ex->framing = FRAMING_NONE;
	ex->client_persists = false;
	ex->outcome.status = 101;
	ex->outcome.has_first_byte = true;
	set_response(ex, RESPONSE_BODY);
}

void exchange_response_end(struct exchange *ex)
{
	set_response(ex, RESPONSE_DONE);
}

bool exchange_passes_interim(struct exchange *ex, uint16_t status)
{
	if (ex->client_minor == 0)
		return false; /* HTTP/1.0 knows none */
	/* The server's are passed on, asked for or not: weir asks for none itself. */
	if (status == 100)
		ex->continued = true;
	return true;
}

bool exchange_awaits_continue(const struct exchange *ex)
{
	return ex->expects_continue && !ex->continued && !ex->body_begun &&
	       ex->request == REQUEST_BODY;
}

void exchange_answer_locally(struct exchange *ex, uint16_t status)
{
	assert(ex->response == RESPONSE_WAITING);
	ex->local = true;
	ex->answer_status = status;
	if (ex->request != REQUEST_DONE)
		ex->client_persists = false;
	set_response(ex, RESPONSE_DONE);
}

static enum exchange_step answer(
    struct exchange *ex, enum failure_kind failure, uint16_t status, const char *reason)
{
	ex->outcome.failure = failure;
	ex->answer_status = status;
	ex->answer_reason = reason;
	return STEP_ANSWER;
}

/*
 * A pooled connection may have been closed by the server while the request was
 * on its way. Repeating it is safe where it may be repeated at all, or where
 * none of it arrived (RFC 9110 9.2.2, RFC 9112 9.3.1).
 */
static bool may_retry_closed(const struct exchange *ex, const struct loss_facts *facts)
{
	return facts->reused && !facts->response_begun && facts->replayable &&
	       (!facts->delivered || method_is_idempotent(ex->method));
}

static enum exchange_step lost_before_answer(
    struct exchange *ex, enum server_loss loss, const struct loss_facts *facts)
{
	bool again = ex->attempts < EXCHANGE_ATTEMPTS_MAX;

	switch (loss) {
	case LOSS_CONNECT:
		if (again)
			return STEP_RETRY;
		return answer(
		    ex, FAILURE_CONNECT, 502, "the upstream server could not be reached");
	case LOSS_CONNECT_TIMEOUT:
		/* Once: the client has waited long enough. */
		if (again && facts->others && ex->waited_us == 0) {
			ex->waited_us = facts->waited_us;
			return STEP_RETRY;
		}
		return answer(ex, FAILURE_CONNECT, 504,
		    "the upstream server did not accept the connection in time");
	case LOSS_TIMEOUT:
		return answer(
		    ex, FAILURE_TIMEOUT, 504, "the upstream server did not answer in time");
	case LOSS_MALFORMED:
		return answer(ex, FAILURE_MALFORMED, 502,
		    "the upstream server sent a malformed response");
	case LOSS_CLOSED: break;
	}
	if (again && may_retry_closed(ex, facts))
		return STEP_RETRY;
	return answer(ex, FAILURE_RESET, 502,
	    "the upstream server closed the connection before it answered");
}

static enum exchange_step lost_in_answer(struct exchange *ex, enum server_loss loss)
{
	ex->outcome.failure = loss == LOSS_TIMEOUT     ? FAILURE_TIMEOUT
			      : loss == LOSS_MALFORMED ? FAILURE_MALFORMED
						       : FAILURE_TRUNCATED;
	ex->client_persists = false;
	set_response(ex, RESPONSE_BROKEN);
	return STEP_ABORT;
}

enum exchange_step exchange_server_lost(
    struct exchange *ex, enum server_loss loss, const struct loss_facts *facts)
{
	/* The answer's status, where one has come. */
	enum failure_kind before = ex->outcome.failure;
	enum exchange_step step = STEP_FINISH;

	switch (ex->response) {
	case RESPONSE_WAITING: step = lost_before_answer(ex, loss, facts); break;
	case RESPONSE_BODY: step = lost_in_answer(ex, loss); break;
	case RESPONSE_DONE:
	case RESPONSE_BROKEN: return STEP_FINISH;
	}
	if (step != STEP_RETRY && loss == LOSS_CLOSED && facts->client_stalled) {
		ex->outcome.failure = before;
		ex->client_gone = before == FAILURE_NONE;
	}
	return step;
}

void exchange_client_lost(struct exchange *ex)
{
	ex->client_persists = false;
	if (ex->response != RESPONSE_DONE && ex->outcome.failure == FAILURE_NONE)
		ex->client_gone = true;
}

bool exchange_is_over(const struct exchange *ex, bool server_there)
{
	if (ex->response != RESPONSE_DONE)
		return ex->response == RESPONSE_BROKEN;
	if (ex->request == REQUEST_DONE || !server_there)
		return true;
	/* A client that was refused before it sent its body will not send it. */
	return exchange_awaits_continue(ex);
}

const struct outcome *exchange_outcome(struct exchange *ex, uint64_t now_us)
{
	struct outcome *outcome = &ex->outcome;
	uint64_t forwarded = ex->forwarded_us;

	/* An answer that came before the request was through took no time. */
	if (ex->first_byte_us > 0 && forwarded > 0 && ex->first_byte_us > forwarded)
		outcome->first_byte_us = ex->first_byte_us - forwarded;
	outcome->total_us = now_us > ex->started_us ? now_us - ex->started_us : 0;
	outcome->client_gone = ex->client_gone;
	return outcome;
}
