/* base/address: numeric addresses as they are written, compared and shown. */
#include "base/address.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct address parse(const char *text)
{
	struct address address;
	struct error err;

	if (!address_parse(text, &address, &err))
		fail_msg("%s: %s", text, err.text);
	return address;
}

static void assert_shown(const char *text, const char *whole, const char *host)
{
	struct address address = parse(text);
	char shown[ADDRESS_TEXT_SIZE];

	address_format(&address, shown);
	assert_string_equal(shown, whole);
	address_format_host(&address, shown);
	assert_string_equal(shown, host);
}

static void an_address_is_shown_as_it_is_written(void **state)
{
	(void)state;
	assert_shown("10.0.0.1:80", "10.0.0.1:80", "10.0.0.1");
	assert_shown("0.0.0.0:65535", "0.0.0.0:65535", "0.0.0.0");
	assert_shown("[::1]:8080", "[::1]:8080", "::1");
	assert_shown("[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443", "2001:db8::1");
	assert_shown("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void an_ipv4_client_of_an_ipv6_socket_shows_as_ipv4(void **state)
{
	(void)state;
	assert_shown("[::ffff:10.1.2.3]:80", "10.1.2.3:80", "10.1.2.3");
}

static void a_star_is_any_address_of_both_families(void **state)
{
	struct address address = parse("*:80");

	(void)state;
	assert_int_equal(address.storage.ss_family, AF_INET6);
	assert_int_equal(address.len, sizeof(struct sockaddr_in6));
	assert_shown("*:80", "[::]:80", "::");
}

static void an_address_that_is_no_internet_address_is_named_by_its_kind(void **state)
{
	struct address address = { .storage = { .ss_family = AF_UNIX } };
	char shown[ADDRESS_TEXT_SIZE];

	(void)state;
	address_format(&address, shown);
	assert_string_equal(shown, "unix");
	address.storage.ss_family = AF_UNSPEC;
	address_format(&address, shown);
	assert_string_equal(shown, "unknown");
}

static void what_is_no_address_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "'' has no port; write IP:PORT, as in 10.0.0.1:80" },
		{ "10.0.0.1", "'10.0.0.1' has no port; write IP:PORT, as in 10.0.0.1:80" },
		{ "[::1]", "'[::1]' has no port; write IP:PORT, as in 10.0.0.1:80" },
		{ "10.0.0.1:", "'' is not a port; it is a number up to 65535" },
		{ "10.0.0.1:+80", "'+80' is not a port; it is a number up to 65535" },
		{ "10.0.0.1: 80", "' 80' is not a port; it is a number up to 65535" },
		{ "10.0.0.1:65536", "'65536' is not a port; it is a number up to 65535" },
		{ "10.0.0.1:18446744073709551696",
		    "'18446744073709551696' is not a port; it is a number up to 65535" },
		{ ":80", "no IP address before the port" },
		{ "localhost:80", "'localhost' is a name; an IP address is needed" },
		{ "10.0.0.256:80", "'10.0.0.256' is not an IPv4 address" },
		{ "10.0.1:80", "'10.0.1' is not an IPv4 address" },
		{ "010.0.0.1:80", "'010.0.0.1' is not an IPv4 address" },
		{ " 10.0.0.1:80", "' 10.0.0.1' is not an IP address" },
		{ "::1:80", "an IPv6 address is written in brackets, as in [::1]:80" },
		{ "[1::2::3]:80", "'1::2::3' is not an IPv6 address" },
		{ "[10.0.0.1]:80", "'10.0.0.1' is not an IPv6 address" },
		{ "[]:80", "'' is not an IPv6 address" },
		{ "[::1:80", "'[::1' is not an IP address" },
		{ "http://10.0.0.1:80", "'http://10.0.0.1' is not an IP address" },
	};
	struct address address;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(address_parse(rows[i].text, &address, &err));
		assert_string_equal(err.text, rows[i].why);
	}
}

static void a_host_of_any_length_is_refused_without_reading_past_it(void **state)
{
	char text[300];
	struct address address;

	(void)state;
	memset(text, '1', sizeof(text));
	memcpy(text + sizeof(text) - 4, ":80", 4);
	assert_false(address_parse(text, &address, NULL));
	text[0] = '[';
	text[sizeof(text) - 5] = ']';
	assert_false(address_parse(text, &address, NULL));
}

static bool equal(const char *a, const char *b)
{
	struct address left = parse(a), right = parse(b);

	return address_equal(&left, &right) && address_equal(&right, &left);
}

static void addresses_are_equal_by_what_they_reach_not_by_spelling(void **state)
{
	(void)state;
	assert_true(equal("[::1]:80", "[0:0:0:0:0:0:0:1]:80"));
	assert_true(equal("10.0.0.1:80", "[::ffff:10.0.0.1]:80"));
	assert_true(equal("*:80", "[::]:80"));
	assert_false(equal("10.0.0.1:80", "10.0.0.1:81"));
	assert_false(equal("10.0.0.1:80", "10.0.0.2:80"));
	assert_false(equal("0.0.0.0:80", "[::]:80"));
}

static void what_is_no_internet_address_equals_nothing(void **state)
{
	struct address a = { .storage = { .ss_family = AF_UNIX } };
	struct address b = a;

	(void)state;
	assert_false(address_equal(&a, &b));
}

static bool is_loopback(const char *text)
{
	struct address address = parse(text);

	return address_is_loopback(&address);
}

static void all_of_127_and_the_ipv6_one_are_loopback_and_nothing_else(void **state)
{
	(void)state;
	assert_true(is_loopback("127.0.0.1:1"));
	assert_true(is_loopback("127.255.255.254:1"));
	assert_true(is_loopback("[::1]:1"));
	assert_true(is_loopback("[::ffff:127.0.0.1]:1"));
	assert_false(is_loopback("128.0.0.1:1"));
	assert_false(is_loopback("0.0.0.0:1"));
	assert_false(is_loopback("[::]:1"));
	assert_false(is_loopback("*:1"));
	assert_false(is_loopback("[::2]:1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_shown_as_it_is_written),
		cmocka_unit_test(an_ipv4_client_of_an_ipv6_socket_shows_as_ipv4),
		cmocka_unit_test(a_star_is_any_address_of_both_families),
		cmocka_unit_test(an_address_that_is_no_internet_address_is_named_by_its_kind),
		cmocka_unit_test(what_is_no_address_is_refused_with_its_reason),
		cmocka_unit_test(a_host_of_any_length_is_refused_without_reading_past_it),
		cmocka_unit_test(addresses_are_equal_by_what_they_reach_not_by_spelling),
		cmocka_unit_test(what_is_no_internet_address_equals_nothing),
		cmocka_unit_test(all_of_127_and_the_ipv6_one_are_loopback_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
