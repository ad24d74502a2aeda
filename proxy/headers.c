#include "proxy/headers.h"

/* A list of more options is an attack on whoever walks it for every field. */
enum {
	CONNECTION_OPTIONS_MAX = 32
};

static void drop_named(struct message *message, struct slice name)
{
	for (uint32_t i = 0; i < message->n_fields; i++) {
		if (slice_equal_nocase(message->fields[i].name, name))
			message->fields[i].drop = true;
	}
}

static bool apply_connection(struct message *message, const struct field *field,
    struct connection_options *options, unsigned *n)
{
	struct slice rest = field->value;
	struct slice option;

	while (slice_next_element(&rest, &option)) {
		if (++*n > CONNECTION_OPTIONS_MAX)
			return false;
		if (slice_equal_nocase(option, SLICE("close")))
			options->close = true;
		else if (slice_equal_nocase(option, SLICE("keep-alive")))
			options->keep_alive = true;
		else
			drop_named(message, option);
	}
	return true;
}

bool headers_strip_hop_by_hop(
    struct message *message, struct connection_options *options, struct h1_fault *fault)
{
	unsigned n = 0;

	*options = (struct connection_options) { 0 };
	for (uint32_t i = 0; i < message->n_fields; i++) {
		struct field *field = &message->fields[i];

		switch (field->id) {
		case FIELD_CONNECTION:
			if (!apply_connection(message, field, options, &n)) {
				*fault =
				    (struct h1_fault) { 400, "too many connection options" };
				return false;
			}
			field->drop = true;
			break;
		case FIELD_CONTENT_LENGTH:
		case FIELD_HTTP2_SETTINGS:
		case FIELD_KEEP_ALIVE:
		case FIELD_PROXY_AUTHENTICATE:
		case FIELD_PROXY_AUTHENTICATION_INFO:
		case FIELD_PROXY_AUTHORIZATION:
		case FIELD_PROXY_CONNECTION:
		case FIELD_TE:
		case FIELD_TRAILER:
		case FIELD_TRANSFER_ENCODING:
		case FIELD_UPGRADE: field->drop = true; break;
		default: break;
		}
	}
	return true;
}

void headers_strip_replaced(struct message *request)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		struct field *field = &request->fields[i];

		switch (field->id) {
		case FIELD_FORWARDED:
		case FIELD_HOST:
		case FIELD_X_FORWARDED_FOR:
		case FIELD_X_FORWARDED_HOST:
		case FIELD_X_FORWARDED_PROTO:
		case FIELD_X_REQUEST_ID: field->drop = true; break;
		case FIELD_EXPECT: field->drop = field->drop || request->minor == 0; break;
		default: break;
		}
	}
}

bool headers_request_id_is_sane(struct slice id)
{
	if (id.len == 0 || id.len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		if (id.data[i] <= 0x20 || id.data[i] >= 0x7f)
			return false;
	}
	return true;
}

bool headers_expects_continue(const struct message *request)
{
	const struct field *expect = message_find(request, FIELD_EXPECT);

	return request->minor > 0 && expect != NULL &&
	       slice_equal_nocase(expect->value, SLICE("100-continue"));
}
