/*
 * weir's command line. `weir run` is the daemon itself; the commands that ask or
 * order a running weir talk to its admin API.
 *
 * Thread  main's.
 */
#ifndef ADMIN_CLI_H
#define ADMIN_CLI_H

/* The process's exit status; docs/man/weir.1 explains them. */
enum cli_status {
	CLI_OK,
	CLI_FAILED,      /* refused, or something is wrong */
	CLI_USAGE,       /* the command line makes no sense */
	CLI_UNREACHABLE, /* no running weir answers */
};

/* Does what the command line says; what main() returns. */
int cli_main(int argc, char **argv);

#endif
