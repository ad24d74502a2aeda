/* conf/keys: the key table itself, and the reference made from it. */
#include "conf/keys.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void every_key_can_be_found_and_is_named_once_in_its_section(void **state)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(keys_find(keys[i].section, keys[i].name), &keys[i]);
	assert_null(keys_find(SECTION_WEIR, "address"));
}

static void every_section_has_a_name_and_is_found_by_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SECTIONS; i++) {
		enum conf_section found = SECTIONS;

		assert_true(section_find(section_name((enum conf_section)i), &found));
		assert_int_equal(found, i);
	}
	assert_false(section_find("server", &(enum conf_section) { 0 }));
}

static void every_key_says_what_it_is_when_absent(void **state)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		int ways =
		    keys[i].required + (keys[i].fallback != NULL) + (keys[i].unset != NULL);

		assert_int_equal(ways, 1);
		assert_non_null(keys[i].help);
	}
}

static void only_keys_of_the_process_may_need_a_restart(void **state)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_true(keys[i].reloads || keys[i].section == SECTION_WEIR);
}

static char *print(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	keys_print(out);
	fclose(out);
	return text;
}

static void the_reference_shows_every_section_and_key_with_its_default(void **state)
{
	char *text = print();
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_non_null(strstr(text, keys[i].help));
		if (keys[i].fallback != NULL)
			assert_non_null(strstr(text, keys[i].fallback));
	}
	assert_non_null(strstr(text, "\n[weir]\n"));
	assert_non_null(strstr(text, "\n[rollout NAME]\n"));
	assert_non_null(strstr(text, "\n[webhook NAME]\n"));
	assert_non_null(strstr(text, "\n    auto or manual\n    default: auto\n\nonly\n"));
	assert_non_null(strstr(text,
	    "\n    days and times, separated by commas, as in mon-fri 09:00-16:00; may be "
	    "repeated; at most 16\n    absent: always\n"));
	assert_non_null(strstr(text, "\nworkers\n"
				     "    threads that carry traffic; auto: one per core\n"
				     "    auto, or a whole number, 1 to 256\n"
				     "    default: auto; changing it needs a restart\n"));
	assert_non_null(strstr(text, "\nmax_head\n"
				     "    largest request head; a larger one is refused\n"
				     "    a size (bytes, k, m, g), 1k to 128k\n"
				     "    default: 32k\n"));
	assert_non_null(
	    strstr(text, "\nserver\n"
			 "    one server: IP:PORT, or NAME:PORT, resolved when the file "
			 "is loaded\n"
			 "    IP:PORT or NAME:PORT; may be repeated; at most 64\n"
			 "    required\n"));
	assert_non_null(strstr(text, "\nuntrusted_forwarded\n"));
	assert_non_null(strstr(text, "\n    replace, append or drop\n    default: replace\n"));
	assert_non_null(
	    strstr(text, "\nlog_level\n    how much is logged\n    error, warn, info or debug\n"
			 "    default: info\n"));
	free(text);
}

static void what_means_nothing_without_an_upstream_is_a_key_of_a_route(void **state)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_true(!keys[i].proxied || keys[i].section == SECTION_ROUTE);
}

static void a_choice_has_its_default_among_its_words(void **state)
{
	size_t n;
	const struct key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		assert_int_equal(keys[i].kind == KEY_CHOICE || keys[i].kind == KEY_SWITCH,
		    keys[i].choices != NULL);
		for (size_t j = 0; keys[i].choices != NULL && keys[i].choices[j] != NULL; j++)
			found = found || strcmp(keys[i].choices[j], keys[i].fallback) == 0;
		assert_int_equal(found, keys[i].choices != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_can_be_found_and_is_named_once_in_its_section),
		cmocka_unit_test(every_section_has_a_name_and_is_found_by_it),
		cmocka_unit_test(every_key_says_what_it_is_when_absent),
		cmocka_unit_test(only_keys_of_the_process_may_need_a_restart),
		cmocka_unit_test(the_reference_shows_every_section_and_key_with_its_default),
		cmocka_unit_test(what_means_nothing_without_an_upstream_is_a_key_of_a_route),
		cmocka_unit_test(a_choice_has_its_default_among_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
