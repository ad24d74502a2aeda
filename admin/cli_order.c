#include "admin/cli_order.h"

#include "admin/cli_daemon.h"
#include "conf/config.h"
#include "conf/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

enum {
	STATE_SIZE = 32,
	PPM_TEXT_SIZE = 16,
};

/* False when over the cap or out of memory. */
static bool make_target(const struct cli_args *args, uint32_t weight_ppm, struct buffer *target)
{
	const char *why = cli_value(args, CLI_OPTION_WHY);
	char ppm[PPM_TEXT_SIZE];

	if (args->command == CLI_RELOAD)
		return buffer_printf(target, "/reload");
	snprintf(ppm, sizeof(ppm), "%" PRIu32, weight_ppm);
	return cli_target_begin(target, args->operand, cli_command_name(args->command)) &&
	       (args->command != CLI_SET_WEIGHT || cli_target_add(target, "weight_ppm", ppm)) &&
	       (why == NULL || cli_target_add(target, "why", why));
}

static void print_order(const json_t *json)
{
	const char *given = json_string_value(json_object_get(json, "state"));
	const char *route = json_string_value(json_object_get(json, "route"));
	double weight_ppm = json_number_value(json_object_get(json, "weight_ppm"));
	char state[STATE_SIZE];

	snprintf(state, sizeof(state), "%s", given != NULL ? given : "done");
	for (char *at = state; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	printf("%s: %s, weight %g%%\n", route != NULL ? route : "route", state,
	    weight_ppm / 10000);
}

static void print_reload(const json_t *json)
{
	const json_t *warnings = json_object_get(json, "warnings");

	for (size_t i = 0; i < json_array_size(warnings); i++) {
		const char *warning = json_string_value(json_array_get(warnings, i));

		if (warning != NULL)
			fprintf(stderr, "%s\n", warning);
	}
	printf("reloaded: generation %" JSON_INTEGER_FORMAT "\n",
	    json_integer_value(json_object_get(json, "generation")));
}

static enum cli_status give(const struct cli_args *args, struct buffer *target)
{
	struct cli_answer answer;
	enum cli_status status = cli_ask_about(args, "POST", target, &answer);

	if (status == CLI_OK && args->command == CLI_RELOAD)
		print_reload(answer.json);
	else if (status == CLI_OK)
		print_order(answer.json);
	cli_answer_done(&answer);
	return status;
}

enum cli_status cli_order_run(const struct cli_args *args)
{
	enum cli_status status = CLI_FAILED;
	struct buffer target;
	struct error err;
	uint32_t weight_ppm = 0;

	if (args->command == CLI_SET_WEIGHT &&
	    !units_parse_share(slice_of(args->second), &weight_ppm, &err)) {
		fprintf(stderr, "weir: %s: %s\n", args->second, err.text);
		return CLI_USAGE;
	}
	buffer_init(&target, CLI_TARGET_MAX_BYTES);
	if (make_target(args, weight_ppm, &target))
		status = give(args, &target);
	else
		fprintf(stderr, "weir: the request is longer than %d bytes\n",
		    CLI_TARGET_MAX_BYTES);
	buffer_done(&target);
	return status;
}
