// SPDX-License-Identifier: MIT
#include "ui/widgets/input.h"

#include <string.h>

void ui_input_wipe(struct ui_input *in)
{
    explicit_bzero(in->text, sizeof in->text);
    in->len = in->cursor = 0;
}

void ui_input_set(struct ui_input *in, const char *text)
{
    ui_input_wipe(in);
    ui_input_paste(in, text);
}

static void insert(struct ui_input *in, const char *s, size_t n)
{
    if (in->len + n >= sizeof in->text)
        return;
    memmove(in->text + in->cursor + n, in->text + in->cursor, in->len - in->cursor + 1);
    memcpy(in->text + in->cursor, s, n);
    in->len += n;
    in->cursor += n;
}

/* Where the character before the cursor begins; its accents go with it. */
static size_t before(const struct ui_input *in)
{
    const char *s = in->text, *from = s;

    while (*s && s < in->text + in->cursor) {
        from = s;
        (void)ui_text_next(&s);
    }
    return (size_t)(from - in->text);
}

static size_t after(const struct ui_input *in)
{
    const char *s = in->text + in->cursor;

    if (*s)
        (void)ui_text_next(&s);
    return (size_t)(s - in->text);
}

static void cut(struct ui_input *in, size_t from, size_t to)
{
    memmove(in->text + from, in->text + to, in->len - to + 1);
    in->len -= to - from;
    in->cursor = from;
}

static size_t word_before(const struct ui_input *in)
{
    size_t i = in->cursor;

    while (i > 0 && in->text[i - 1] == ' ')
        i--;
    while (i > 0 && in->text[i - 1] != ' ')
        i--;
    return i;
}

bool ui_input_key(struct ui_input *in, int key)
{
    char text[4];

    switch (key) {
    case UI_K_ALT_ENTER:
        if (in->lines)
            insert(in, "\n", 1);
        return true;
    case UI_K_LEFT:
        in->cursor = before(in);
        return true;
    case UI_K_RIGHT:
        in->cursor = after(in);
        return true;
    case UI_K_HOME:
        in->cursor = 0;
        return true;
    case UI_K_END:
    case UI_K_CTRL('E'):
        in->cursor = in->len;
        return true;
    case UI_K_BACKSPACE:
    case '\b':
        cut(in, before(in), in->cursor);
        return true;
    case UI_K_DEL:
        cut(in, in->cursor, after(in));
        return true;
    case UI_K_CTRL('W'):
        cut(in, word_before(in), in->cursor);
        return true;
    case UI_K_CTRL('U'):
        cut(in, 0, in->cursor);
        return true;
    default:
        break;
    }
    if (key < ' ' || (key >= 0x7f && key < 0xa0) || key > 0x10ffff ||
        (key >= 0xd800 && key < 0xe000))
        return false;
    insert(in, text, ui_utf8_put(text, (uint32_t)key));
    return true;
}

void ui_input_paste(struct ui_input *in, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = su_utf8_step(text, left);
        bool control = n == 1 && ((uint8_t)*text < ' ' || *text == 0x7f);
        control = control && !(in->lines && *text == '\n');
        if (n == 2 && (uint8_t)text[0] == 0xc2 && (uint8_t)text[1] < 0xa0)
            control = true;
        if (n > 0 && !control)
            insert(in, text, n);
        n = n ? n : 1;
        text += n;
        left -= n;
    }
}

/* Columns that are left of a field of w cells, so that its cursor is in sight. */
static int skipped(int cursor, int w)
{
    return cursor >= w ? cursor - w + 1 : 0;
}

void ui_input_click(struct ui_input *in, int x, int w)
{
    const char *s = in->text;
    int at = 0, cursor = 0;

    for (const char *c = in->text; *c && c < in->text + in->cursor;)
        cursor += ui_text_next(&c).width;
    x += skipped(cursor, w);
    while (*s) {
        const char *from = s;
        at += ui_text_next(&s).width;
        if (at > x) {
            s = from;
            break;
        }
    }
    in->cursor = (size_t)(s - in->text);
}

void ui_input_draw(const struct ui_input *in, struct ui_area a, int x, int y, int w, bool focused,
                   bool bad)
{
    char shown[SU_UI_TEXT], head[SU_UI_TEXT];
    int width, at, skip;
    struct ui_area field = ui_area_sub(a, x + 1, y, w - 2, 1);
    enum ui_role role = bad ? UI_ROLE_FIELD_BAD : UI_ROLE_FIELD;

    su_str_copy(shown, sizeof shown, in->text);
    for (char *p = shown; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    memcpy(head, shown, in->cursor);
    head[in->cursor] = 0;
    width = ui_text_width(shown);
    at = ui_text_width(head);
    explicit_bzero(head, sizeof head);
    if (in->secret) {
        memset(shown, '*', (size_t)width);
        shown[width] = 0;
    }
    skip = skipped(at, field.r.w);
    ui_put(a, x, y, '[', UI_ROLE_TEXT);
    ui_put(a, x + w - 1, y, ']', UI_ROLE_TEXT);
    ui_fill(field, 0, 0, field.r.w, 1, ' ', role);
    ui_text(ui_area_sub(field, 0, 0, field.r.w, 1), -skip, 0, role, shown);
    explicit_bzero(shown, sizeof shown);
    if (focused)
        ui_cursor(field, at - skip, 0);
}
