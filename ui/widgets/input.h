// SPDX-License-Identifier: MIT
/* widgets/input: a line of text being edited, or the lines of a prompt. */
#ifndef SU_UI_INPUT_H
#define SU_UI_INPUT_H

#include "ui/term/term.h"
#include "ui/ui.h"

struct ui_input {
    char text
        [SU_UI_PROMPT]; /* at most SU_UI_TEXT bytes but for prompts; UTF-8 without control characters but newlines, where lines is set */
    size_t len, cursor; /* bytes; cursor at the start of a character */
    bool lines; /* Alt-Enter begins a new line */
    bool secret; /* drawn as stars, never copied anywhere but into an intent */
};

void ui_input_set(struct ui_input *in, const char *text);
void ui_input_wipe(struct ui_input *in); /* forgets it beyond recall */
/* True when the key was one of editing. */
bool ui_input_key(struct ui_input *in, int key);
/* Text put in as a whole: control characters and what does not fit are left out. Where there is one
   line only, newlines in between are blanks. False: not all of it fitted. */
bool ui_input_paste(struct ui_input *in, const char *text);
/* Up (-1) or down (1) a line, in the same column; false: there is none. */
bool ui_input_line(struct ui_input *in, int by);
/* Puts the cursor under column x of the text as it is drawn in w cells. */
void ui_input_click(struct ui_input *in, int x, int w);
void ui_input_draw(const struct ui_input *in, struct ui_area a, int x, int y, int w, bool focused,
                   bool bad);

#endif
