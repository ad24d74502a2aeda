#include "proxy/relay.h"

bool relay_open_tunnel(struct relay *relay, struct message *answer)
{
	struct sendq *q = &relay->to_client;
	const struct field *upgrade = message_find(answer, FIELD_UPGRADE);
	struct response_context context = {
		.framing = FRAMING_NONE,
		.issue_cookie = { relay->issue_cookie, relay->issue_cookie_len },
	};

	/* The server may only agree to what the client has named (RFC 9110 7.8). */
	if (upgrade == NULL || !slice_list_has_nocase(relay->asked_upgrade, upgrade->value) ||
	    relay->exchange.request != REQUEST_DONE)
		return false;
	context.upgrade = upgrade->value;
	if (!h1_write_response_head(&q->held, answer, &context))
		return false;
	sendq_written(q);
	exchange_upgrade(&relay->exchange);
	relay->tunnel = true;
	/* What the new protocol does is no request's success or failure any more. */
	relay_record(relay);
	/* The client may have spoken it already. */
	if (!sendq_copy(&relay->to_server, buffer_slice(&relay->from_client)))
		return false;
	relay->client_used = buffer_len(&relay->from_client);
	return true;
}

static void pass_on_eof(
    struct transport *transport, bool eof, const struct sendq *q, bool *told)
{
	if (!eof || *told || q->pending > 0)
		return;
	transport_shutdown_write(transport);
	*told = true;
}

bool relay_tunnel_is_over(struct relay *relay)
{
	if (relay->server == NULL)
		return relay->to_client.pending == 0;
	if (!relay->server_deaf)
		pass_on_eof(&relay->server->transport, relay->client->eof, &relay->to_server,
		    &relay->told_server);
	/* What a server that reads no more has sent last is passed on nevertheless. */
	pass_on_eof(&relay->client->transport, relay->server_eof, &relay->to_client,
	    &relay->told_client);
	return (relay->told_server || relay->server_deaf) && relay->told_client;
}
