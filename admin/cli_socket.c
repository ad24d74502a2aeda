#include "admin/cli_socket.h"

#include "admin/cli_setting.h"

static const char key_name[] = "admin_socket";

const char *cli_socket_default(void)
{
	return cli_setting_default(key_name);
}

char *cli_socket_in(struct slice text)
{
	return cli_setting_in(text, key_name);
}

char *cli_socket_of(const char *path, struct error *err)
{
	return cli_setting_of(path, key_name, err);
}
