/* conf/nearest: the word that was most likely meant. */
#include "conf/nearest.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const char *suggest(const char *word, const char *candidate)
{
	struct nearest nearest;

	nearest_init(&nearest, word);
	nearest_offer(&nearest, candidate);
	return nearest.best;
}

static void a_slip_of_one_or_two_letters_is_recognised(void **state)
{
	(void)state;
	assert_non_null(suggest("stickyy", "sticky"));
	assert_non_null(suggest("stcky", "sticky"));
	assert_non_null(suggest("stikcy", "sticky"));
	assert_non_null(suggest("sticki", "sticky"));
	assert_non_null(suggest("stikcyy", "sticky"));
	assert_null(suggest("stikcyyy", "sticky"));
	assert_null(suggest("cookie", "sticky"));
}

static void a_short_word_allows_one_slip_only(void **state)
{
	(void)state;
	assert_non_null(suggest("v2", "v1"));
	assert_non_null(suggest("ba", "ab"));
	assert_null(suggest("ab", "cd"));
	assert_null(suggest("a", "bcd"));
}

static void the_nearest_of_several_is_suggested(void **state)
{
	struct nearest nearest;
	char text[NEAREST_TEXT_SIZE];

	(void)state;
	nearest_init(&nearest, "body_timout");
	nearest_offer(&nearest, "body_timer");
	nearest_offer(&nearest, "body_timeout");
	nearest_offer(&nearest, "bodytimeout");
	nearest_format(&nearest, text);
	assert_string_equal(text, "; did you mean 'body_timeout'?");
}

static void nothing_near_says_nothing(void **state)
{
	struct nearest nearest;
	char text[NEAREST_TEXT_SIZE];

	(void)state;
	nearest_init(&nearest, "host");
	nearest_format(&nearest, text);
	assert_string_equal(text, "");
}

static void a_word_of_any_length_is_safe(void **state)
{
	char word[500];

	(void)state;
	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_null(suggest(word, "sticky"));
	assert_null(suggest("sticky", word));
	assert_null(suggest("", "sticky"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_of_one_or_two_letters_is_recognised),
		cmocka_unit_test(a_short_word_allows_one_slip_only),
		cmocka_unit_test(the_nearest_of_several_is_suggested),
		cmocka_unit_test(nothing_near_says_nothing),
		cmocka_unit_test(a_word_of_any_length_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
