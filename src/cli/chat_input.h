// SPDX-License-Identifier: MIT
/* What a user types into splitup chat. */
#ifndef SU_CLI_CHAT_INPUT_H
#define SU_CLI_CHAT_INPUT_H

#include "cli_priv.h"

#define CLI_CHAT_INPUT_MAX ((size_t)1 << 20) /* bytes of one message */

enum cli_chat_input {
    CLI_CHAT_MESSAGE, /* into text, terminated; may be empty */
    CLI_CHAT_COMMAND, /* a single line that begins with '/' */
    CLI_CHAT_END, /* nothing more comes */
    CLI_CHAT_INTERRUPT, /* SIGINT while waiting; what had been typed is dropped */
};
/* Reads a descriptor, borrowed. Set fd and prompts, the rest is zero. */
struct cli_chat_reader {
    int fd;
    bool prompts; /* "> " and "... " on stderr */
    uint8_t bytes[4096];
    size_t at, end; /* of bytes, those not yet taken */
};
/* Reads one message: a line, lines joined by a backslash at their end, or all between two """. A
   last message needs no newline and no closing """. SU_ELIMIT: more than CLI_CHAT_INPUT_MAX;
   SU_EINVAL: a zero byte; SU_ENOMEM (of these the line is read to its end); errors of reading. */
SU_CHECK enum su_code cli_chat_read(struct cli_chat_reader *r, struct su_buf *text,
                                    enum cli_chat_input *what, struct su_err *e);

#endif
