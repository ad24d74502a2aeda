/* proxy/forwarded: who a request comes from. The cases are in tests/data/proxy/. */
#include "proxy/forwarded.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/message_cases.h"

enum {
	ROOM = 16 * 1024
};

static bool is_trusted(const struct network_set *set, const char *text)
{
	struct ip_address ip;

	assert_true(ip_address_parse(slice_of(text), &ip));
	return network_set_has(set, &ip);
}

static struct forwarded_context context_of(const struct listen_conf *conf, const char *peer)
{
	return (struct forwarded_context) {
		.peer = slice_of(peer),
		.peer_is_trusted = is_trusted(&conf->trusted_networks, peer),
		.proto = SLICE("http"),
		.policy = conf->untrusted_forwarded,
		.style = conf->forwarded,
	};
}

static void run_case(const struct message_case *c)
{
	static struct message before, request;
	struct config *config = case_load(c, false);
	const char *peer = case_get(c, "peer", "192.0.2.7");
	struct forwarded_context context = context_of(&config->listens[0], peer);
	char text[ADDRESS_TEXT_SIZE];
	struct h1_fault fault;
	struct arena arena;

	arena_init(&arena, ROOM);
	case_fill_message(c, &before);
	request = before;
	case_assert_slice(c,
	    forwarded_client(&request, context.peer, context.peer_is_trusted,
		&config->listens[0].trusted_networks, text),
	    case_get(c, "client", peer));
	assert_true(forwarded_apply(&context, &request, &arena, &fault));
	case_assert_fields(c, &request);
	case_free_message(&before);
	arena_done(&arena);
	config_free(config);
}

static void each_case_of_the_table_is_as_it_says(void **state)
{
	FILE *file = fopen("tests/data/proxy/forwarded.txt", "r");
	struct message_case c;
	size_t n = 0;

	(void)state;
	assert_non_null(file);
	for (; case_read(file, &c); n++) {
		run_case(&c);
		case_done(&c);
	}
	fclose(file);
	assert_true(n >= 20);
}

static struct network_set networks(const char *text)
{
	struct network_set set = { 0 };
	struct slice rest = slice_of(text);
	struct slice element;

	while (strcmp(text, "-") != 0 && slice_next_element(&rest, &element)) {
		struct network network;

		assert_true(network_parse(element, &network, NULL));
		assert_true(network_set_add(&set, &network));
	}
	return set;
}

/* fields: the values, with '|' between them; `-` for none. */
static void add_values(struct message *request, const char *fields)
{
	char text[512];

	for (const char *at = fields; strcmp(fields, "-") != 0 && *at != '\0';) {
		size_t len = strcspn(at, "|");

		snprintf(text, sizeof(text), "X-Forwarded-For: %.*s", (int)len, at);
		case_add_field(request, text, false);
		at += len + (at[len] == '|');
	}
}

static void the_client_is_the_rightmost_address_that_is_not_trusted(void **state)
{
	FILE *file = fopen("tests/data/proxy/client.tsv", "r");
	static struct message request;
	char line[512];
	size_t n = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char trusted[64], peer[64], fields[256], expected[64];
		char text[ADDRESS_TEXT_SIZE];
		struct network_set set;
		struct slice client;

		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line, "%63[^\t]\t%63[^\t]\t%255[^\t]\t%63[^\n]",
				     trusted, peer, fields, expected),
		    4);
		set = networks(trusted);
		message_clear(&request);
		request.authority = request.target = (struct slice) { 0 };
		add_values(&request, fields);
		client = forwarded_client(
		    &request, slice_of(peer), is_trusted(&set, peer), &set, text);
		if (!slice_equal(client, slice_of(expected)))
			fail_msg("%.*s for %s", (int)client.len, client.data, line);
		case_free_message(&request);
		n++;
	}
	fclose(file);
	assert_true(n >= 25);
}

static struct message *long_chain(unsigned n_elements)
{
	static struct message request;
	static char value[4096];
	size_t len = (size_t)snprintf(value, sizeof(value), "1.1.1.1");

	for (unsigned i = 1; i < n_elements; i++)
		len += (size_t)snprintf(
		    value + len, sizeof(value) - len, ", 10.0.%u.%u", i / 100, i % 100);
	assert_true(len < sizeof(value));
	message_clear(&request);
	assert_true(message_add(&request, FIELD_X_FORWARDED_FOR, SLICE("X-Forwarded-For"),
	    (struct slice) { value, len }));
	return &request;
}

static void of_a_long_chain_64_elements_are_looked_at(void **state)
{
	struct network_set set = networks("10.0.0.0/8");
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_true(
	    slice_equal(forwarded_client(long_chain(64), SLICE("10.0.0.1"), true, &set, text),
		SLICE("1.1.1.1")));
	assert_true(
	    slice_equal(forwarded_client(long_chain(65), SLICE("10.0.0.1"), true, &set, text),
		SLICE("10.0.0.1")));
	assert_true(
	    slice_equal(forwarded_client(long_chain(200), SLICE("10.0.0.1"), true, &set, text),
		SLICE("10.0.1.36")));
}

/* The hot path: no arena is even needed. */
static void by_default_three_fields_are_appended_and_nothing_is_copied(void **state)
{
	static struct message request;
	struct forwarded_context context = {
		.peer = SLICE("192.0.2.7"),
		.proto = SLICE("http"),
	};
	struct h1_fault fault;

	(void)state;
	request.authority = SLICE("shop.example.com");
	assert_true(forwarded_apply(&context, &request, NULL, &fault));
	assert_int_equal(request.n_fields, 3);
	assert_ptr_equal(request.fields[0].value.data, context.peer.data);
	assert_ptr_equal(request.fields[1].value.data, context.proto.data);
	assert_ptr_equal(request.fields[2].value.data, request.authority.data);
}

static void too_many_fields_are_a_431(void **state)
{
	static struct message request;
	struct forwarded_context context = {
		.peer = SLICE("192.0.2.7"),
		.proto = SLICE("http"),
	};
	struct h1_fault fault = { 0 };

	(void)state;
	request.authority = SLICE("shop.example.com");
	for (uint32_t room = 0; room < 4; room++) {
		message_clear(&request);
		while (request.n_fields < MESSAGE_MAX_FIELDS - room)
			assert_true(message_add(&request, FIELD_OTHER, SLICE("a"), SLICE("b")));
		assert_int_equal(forwarded_apply(&context, &request, NULL, &fault), room >= 3);
		if (room < 3)
			assert_int_equal(fault.status, 431);
	}
}

static void a_chain_that_the_arena_has_no_room_for_is_a_431(void **state)
{
	struct forwarded_context context = {
		.peer = SLICE("192.0.2.7"),
		.proto = SLICE("http"),
		.policy = UNTRUSTED_APPEND,
	};
	struct message *request = long_chain(3);
	struct h1_fault fault = { 0 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 16);
	assert_false(forwarded_apply(&context, request, &arena, &fault));
	assert_int_equal(fault.status, 431);
	message_clear(request);
	context.style = FORWARDED_RFC7239;
	fault.status = 0;
	assert_false(forwarded_apply(&context, request, &arena, &fault));
	assert_int_equal(fault.status, 431);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_table_is_as_it_says),
		cmocka_unit_test(the_client_is_the_rightmost_address_that_is_not_trusted),
		cmocka_unit_test(of_a_long_chain_64_elements_are_looked_at),
		cmocka_unit_test(by_default_three_fields_are_appended_and_nothing_is_copied),
		cmocka_unit_test(too_many_fields_are_a_431),
		cmocka_unit_test(a_chain_that_the_arena_has_no_room_for_is_a_431),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
