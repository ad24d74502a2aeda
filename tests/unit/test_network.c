/* base/network: which address is in which network. */
#include "base/network.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static struct ip_address ip(const char *text)
{
	struct ip_address address;

	if (!ip_address_parse(slice_of(text), &address))
		fail_msg("%s", text);
	return address;
}

static bool is_in(const char *network, const char *address)
{
	struct network_set set = { 0 };
	struct network parsed;
	struct ip_address wanted = ip(address);
	struct error err;

	if (!network_parse(slice_of(network), &parsed, &err))
		fail_msg("%s", err.text);
	assert_true(network_set_add(&set, &parsed));
	return network_set_has(&set, &wanted);
}

static void a_network_holds_what_has_its_prefix(void **state)
{
	static const struct {
		const char *network, *inside, *outside;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
		{ "10.0.0.0/8", "10.0.0.0", "9.255.255.255" },
		{ "192.168.4.0/22", "192.168.7.255", "192.168.8.0" },
		{ "192.168.4.0/23", "192.168.5.1", "192.168.6.0" },
		{ "10.0.0.1/32", "10.0.0.1", "10.0.0.2" },
		{ "10.0.0.1", "10.0.0.1", "10.0.0.0" },
		{ "0.0.0.0/0", "255.1.2.3", "::1" },
		{ "128.0.0.0/1", "255.1.2.3", "127.0.0.1" },
		{ "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "2001:db8::1", "2001:DB8:0::1", "2001:db8::2" },
		{ "::1/128", "::1", "::" },
		{ "fe80::/10", "febf::1", "fec0::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(is_in(rows[i].network, rows[i].inside));
		assert_false(is_in(rows[i].network, rows[i].outside));
	}
}

static void ipv4_is_the_same_however_it_is_spelt(void **state)
{
	(void)state;
	assert_true(is_in("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(is_in("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_true(is_in("::ffff:0:0/96", "10.1.2.3"));
	assert_false(is_in("10.0.0.0/8", "::10.1.2.3"));
}

static void an_ipv6_network_holds_no_ipv4(void **state)
{
	(void)state;
	assert_true(is_in("::/0", "2001:db8::1"));
	assert_false(is_in("::/0", "10.0.0.1"));
	assert_false(is_in("::/0", "::ffff:10.0.0.1"));
}

static void what_is_no_network_is_said_to_be(void **state)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "", "'' is not an IP address or network, as in 10.0.0.0/8" },
		{ "10.0.0/8", "'10.0.0/8' is not an IP address or network, as in 10.0.0.0/8" },
		{ "proxy", "'proxy' is not an IP address or network, as in 10.0.0.0/8" },
		{ "[::1]", "'[::1]' is not an IP address or network, as in 10.0.0.0/8" },
		{ "10.0.0.0/33", "'/33' is no prefix length; it is 0 to 32" },
		{ "10.0.0.0/", "'/' is no prefix length; it is 0 to 32" },
		{ "10.0.0.0/-1", "'/-1' is no prefix length; it is 0 to 32" },
		{ "10.0.0.0/8/8", "'/8/8' is no prefix length; it is 0 to 32" },
		{ "::/129", "'/129' is no prefix length; it is 0 to 128" },
		{ "10.0.0.1/8",
		    "'10.0.0.1/8' has bits beyond its prefix; the network is 10.0.0.0/8" },
		{ "2001:db8::1/32",
		    "'2001:db8::1/32' has bits beyond its prefix; the network is "
		    "2001:db8::/32" },
		{ "::ffff:10.0.0.1/104",
		    "'::ffff:10.0.0.1/104' has bits beyond its prefix; the network is "
		    "10.0.0.0/8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network network;
		struct error err = { "" };

		assert_false(network_parse(slice_of(rows[i].text), &network, &err));
		assert_string_equal(err.text, rows[i].err);
	}
}

static void a_set_has_room_for_64_and_holds_what_any_of_them_does(void **state)
{
	struct network_set set = { 0 };
	struct network network;
	struct ip_address first = ip("10.0.0.1"), last = ip("10.63.0.1"),
			  other = ip("10.64.0.1");

	(void)state;
	assert_false(network_set_has(&set, &first));
	for (unsigned i = 0; i < NETWORKS_MAX; i++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "10.%u.0.0/16", i);

		assert_true(network_parse((struct slice) { text, (size_t)n }, &network, NULL));
		assert_true(network_set_add(&set, &network));
	}
	assert_false(network_set_add(&set, &network));
	assert_true(network_set_has(&set, &first));
	assert_true(network_set_has(&set, &last));
	assert_false(network_set_has(&set, &other));
}

static void a_peer_is_looked_up_by_its_address_without_the_port(void **state)
{
	struct network_set set = { 0 }, none = { 0 };
	struct network network;
	struct address address;

	(void)state;
	assert_true(network_parse(SLICE("10.0.0.0/8"), &network, NULL));
	assert_true(network_set_add(&set, &network));
	assert_true(address_parse("10.0.0.1:4711", &address, NULL));
	assert_true(network_set_has_address(&set, &address));
	assert_false(network_set_has_address(&none, &address));
	assert_true(address_parse("[::ffff:10.0.0.1]:4711", &address, NULL));
	assert_true(network_set_has_address(&set, &address));
	assert_true(address_parse("[2001:db8::1]:4711", &address, NULL));
	assert_false(network_set_has_address(&set, &address));
	address = (struct address) { .storage.ss_family = AF_UNIX };
	assert_false(network_set_has_address(&set, &address));
}

static void each_ip_has_one_text(void **state)
{
	static const char *const rows[][2] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "2001:DB8:0:0:0::1", "2001:db8::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip_address parsed = ip(rows[i][0]);
		char text[ADDRESS_TEXT_SIZE];

		ip_address_format(&parsed, text);
		assert_string_equal(text, rows[i][1]);
	}
}

static void what_is_no_ip_is_refused(void **state)
{
	static const struct slice rows[] = {
		{ "", 0 },
		{ "10.0.0", 6 },
		{ "10.0.0.1 ", 9 },
		{ "10.0.0.01", 9 },
		{ "10.0.0.1\0.2", 11 },
		{ "[::1]", 5 },
		{ "fe80::1%lo", 10 },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", 69 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(ip_address_parse(rows[i], &(struct ip_address) { 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_holds_what_has_its_prefix),
		cmocka_unit_test(ipv4_is_the_same_however_it_is_spelt),
		cmocka_unit_test(an_ipv6_network_holds_no_ipv4),
		cmocka_unit_test(what_is_no_network_is_said_to_be),
		cmocka_unit_test(a_set_has_room_for_64_and_holds_what_any_of_them_does),
		cmocka_unit_test(a_peer_is_looked_up_by_its_address_without_the_port),
		cmocka_unit_test(each_ip_has_one_text),
		cmocka_unit_test(what_is_no_ip_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
