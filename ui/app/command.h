// SPDX-License-Identifier: MIT
/* app/command: the table of what the ":" prompt takes, and what can stand behind each of it. */
#ifndef SU_UI_COMMAND_H
#define SU_UI_COMMAND_H

#include "ui/app/app.h"

struct ui_command {
    const char *word; /* one or two words */
    enum su_ui_kind kind; /* SU_UI_KINDS: of the app, by word */
    size_t first_field; /* where arguments go */
    const char *args; /* of the app's own words: what follows, as a synopsis has it */
};
extern const struct ui_command ui_commands[];
extern const size_t ui_commands_count;
/* Options of the program's commands as fields of forms. */
struct ui_command_option {
    enum su_ui_kind kind;
    const char *option;
    size_t field;
};
extern const struct ui_command_option ui_command_options[];
extern const size_t ui_command_options_count;
/* The command that a line begins with, *rest behind it; NULL: none. */
const struct ui_command *ui_command_find(const char *line, const char **rest);

/* What Tab makes of a line. */
struct ui_completion {
    char text[SU_UI_TEXT]; /* the line with what is certain; as it was where nothing is */
    char say[200]; /* what there is to choose from, or what comes next; "" = nothing */
    bool path; /* the word is to be completed as a path; then */
    size_t at; /* where it begins, its quote included */
};
/* By the types in the table of commands, own and the program's: names, addresses of the snapshot and of
   the book of names, options, their values. A name becomes its address. False: the line is no command. */
bool ui_command_complete(const struct ui_app *app, const char *line, struct ui_completion *out);
/* The line with the word at `at` replaced by a path; one with blanks is quoted. */
void ui_command_path(const char *line, size_t at, const char *path, char out[SU_UI_TEXT]);

#endif
