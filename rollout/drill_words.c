#include "rollout/drill_words.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* With fewer failures the guard rolls nothing back (docs/policy.md, 7). */
enum {
	LEAST_FAILURES = 3
};

/* "1 request", "3 requests" */
static void say_count(struct text *text, uint64_t n, const char *noun)
{
	text_say(text, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}

/* "3 canary requests, of which the drill failed 1" */
static void say_requests(struct text *text, const struct drill *drill)
{
	uint64_t n = drill_canary_requests(drill);

	if (drill->setting.live) {
		say_count(text, n, "synthetic request");
		text_say(text, " on the canary, of which %" PRIu64 " failed",
		    drill->synthetic[ARM_CANARY].failed);
		return;
	}
	say_count(text, n, drill->stands_in ? "legacy request" : "canary request");
	if (drill->stands_in)
		text_say(text, " in the canary's stead");
	text_say(text, ", of which the drill failed %" PRIu64, drill->simulated);
}

static void say_weight(struct text *text, const struct drill *drill)
{
	if (drill->setting.live)
		text_say(text, "; every other one went there");
	else
		text_say(text, ", at a weight of %.4g%%", drill->weight_ppm / 1e4);
}

static void say_cost(struct text *text, const struct drill *drill)
{
	uint64_t own = drill->arms[ARM_CANARY].failed;
	double least = drill_least_failures(drill);

	if (drill->setting.live) {
		text_say(text, "No user was touched. ");
	} else {
		text_say(text, "Users would have seen ");
		say_count(text, drill_failures(drill), "failed request");
		if (own > 0)
			text_say(text, ", %" PRIu64 " of them the canary's own", own);
		text_say(text, ". ");
	}
	if (isfinite(least))
		text_say(text,
		    "No rule with the same bound on false alarms does with fewer than about "
		    "%.1f failures on average.",
		    least);
	text_say(text, "\n");
}

static void say_verdict(struct text *text, const struct drill *drill)
{
	char words[VERDICT_TEXT_SIZE];

	verdict_reason_text(&drill->verdict, words, sizeof(words));
	text_say(text, "%s: %s.", verdict_name(drill->verdict.action), words);
}

static void say_passed(struct text *text, const struct drill *drill)
{
	text_say(text, "It would have been rolled back after %.1f s: ", drill->lasted_s);
	say_requests(text, drill);
	say_weight(text, drill);
	text_say(text, ".\n");
	say_cost(text, drill);
	say_verdict(text, drill);
}

/* How much more it would take: what any rule needs, or what this one insists on. */
static void say_too_little(struct text *text, const struct drill *drill)
{
	text_say(text, ".\nToo little traffic to judge: ");
	if (drill_canary_requests(drill) == 0)
		text_say(text, "the canary was not asked for anything");
	else
		text_say(
		    text, "nothing is rolled back before its %drd failure", LEAST_FAILURES);
	text_say(text, ". A longer drill (--for), more failures (--fail)%s",
	    drill->setting.live ? " or another request (--path, --header) helps."
				: " or a higher weight helps.");
}

static void say_failed(struct text *text, const struct drill *drill)
{
	double least = drill_least_failures(drill);

	text_say(text, "It would not have been rolled back in %.1f s: ", drill->lasted_s);
	say_requests(text, drill);
	say_weight(text, drill);
	if (drill_failures(drill) < LEAST_FAILURES) {
		say_too_little(text, drill);
		return;
	}
	text_say(text, ".\n");
	if (isfinite(least) && (double)drill_failures(drill) < least)
		text_say(text,
		    "Too little traffic to judge: any rule with the same bound on false "
		    "alarms needs about %.0f failures to be sure.\n",
		    least);
	text_say(text, "E, the evidence against the canary, came to %.3g; it takes %.3g.\n",
	    exp(fmin(drill->verdict.ln_e, 600)), 1 / drill->verdict.alpha);
	say_verdict(text, drill);
}

void drill_words(const struct drill *drill, char *data, size_t size)
{
	struct text text = { .data = data, .size = size };

	if (size == 0)
		return;
	data[0] = '\0';
	switch (drill->state) {
	case DRILL_RUNNING:
		text_say(&text, "%.0f s of %.4g s: ", drill->lasted_s, drill->setting.for_s);
		say_requests(&text, drill);
		break;
	case DRILL_PASSED: say_passed(&text, drill); break;
	case DRILL_FAILED: say_failed(&text, drill); break;
	case DRILL_STOPPED:
		text_say(&text, "It was stopped after %.1f s, before it could tell: %s.",
		    drill->lasted_s, drill->why);
		break;
	}
}
