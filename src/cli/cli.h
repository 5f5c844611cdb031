// SPDX-License-Identifier: MIT
/* cli: the command line. One table of verbs (verbs.def, one source file per verb) feeds parsing,
   --help, the man page and shell completion. */
#ifndef SU_CLI_H
#define SU_CLI_H

/* Runs one command line and returns its exit status: 0, or su_code_exit of what went wrong, with
   one line on stderr that names the thing, the limit and the remedy. Writes results to stdout
   only. Handles SIGINT for the time of the call: long work stops at the next safe point with
   status 130. A broken pipe on stdout ends quietly. */
int su_cli_main(int argc, char **argv);

#endif
