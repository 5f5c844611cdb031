// SPDX-License-Identifier: MIT
#include "ui/term/term.h"

#include <string.h>

/* OSC 52, "c" for the clipboard. Where a program in between shows the terminal it is told first, which is
   enough for tmux with `set-clipboard on`; what is wrapped goes through it to the terminal outside, which
   tmux does with `allow-passthrough on` and screen always, which knows no OSC 52 of its own. */
size_t ui_clipboard_bytes(const char *text, enum ui_between between, char *out, size_t cap)
{
    size_t n = strlen(text);
    char code[4 * UI_CLIPBOARD_TEXT / 3 + 8];
    int len;

    out[0] = 0;
    if (n == 0 || n > UI_CLIPBOARD_TEXT || su_base64_encode(text, n, code, sizeof code) == 0)
        return 0;
    if (between == UI_BETWEEN_TMUX)
        len = snprintf(out, cap, "\033]52;c;%s\a\033Ptmux;\033\033]52;c;%s\a\033\\", code, code);
    else if (between == UI_BETWEEN_SCREEN)
        len = snprintf(out, cap, "\033P\033]52;c;%s\a\033\\", code);
    else
        len = snprintf(out, cap, "\033]52;c;%s\a", code);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

enum ui_between ui_clipboard_between(const char *tmux, const char *sty)
{
    return tmux && *tmux ? UI_BETWEEN_TMUX : sty && *sty ? UI_BETWEEN_SCREEN : UI_BETWEEN_NOTHING;
}
