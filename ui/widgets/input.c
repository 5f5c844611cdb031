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

static bool insert(struct ui_input *in, const char *s, size_t n)
{
    if (in->len + n >= (in->lines ? sizeof in->text : SU_UI_TEXT))
        return false;
    memmove(in->text + in->cursor + n, in->text + in->cursor, in->len - in->cursor + 1);
    memcpy(in->text + in->cursor, s, n);
    in->len += n;
    in->cursor += n;
    return true;
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
            (void)insert(in, "\n", 1);
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
    (void)insert(in, text, ui_utf8_put(text, (uint32_t)key));
    return true;
}

bool ui_input_paste(struct ui_input *in, const char *text)
{
    size_t left = strlen(text);
    bool whole = true;

    while (left > 0) {
        size_t n = su_utf8_step(text, left);
        const char *put = text;
        bool control = n == 1 && ((uint8_t)*text < ' ' || *text == 0x7f);
        if (n == 1 && *text == '\n' && in->lines)
            control = false;
        else if (n == 1 && (*text == '\n' || *text == '\t') && left > 1 && in->len > 0)
            control = (put = " ", false);
        if (n == 2 && (uint8_t)text[0] == 0xc2 && (uint8_t)text[1] < 0xa0)
            control = true;
        if (n > 0 && !control)
            whole = insert(in, put, n) && whole;
        n = n ? n : 1;
        text += n;
        left -= n;
    }
    return whole;
}

static size_t line_begin(const struct ui_input *in, size_t at)
{
    while (at > 0 && in->text[at - 1] != '\n')
        at--;
    return at;
}

static int column(const struct ui_input *in, size_t from)
{
    int x = 0;

    for (const char *s = in->text + from; *s && s < in->text + in->cursor;)
        x += ui_text_next(&s).width;
    return x;
}

bool ui_input_line(struct ui_input *in, int by)
{
    size_t begin = line_begin(in, in->cursor), to;
    int x = column(in, begin);
    const char *s;

    if (by < 0 && begin == 0)
        return false;
    if (by < 0) {
        to = line_begin(in, begin - 1);
    } else {
        s = strchr(in->text + in->cursor, '\n');
        if (!s)
            return false;
        to = (size_t)(s - in->text) + 1;
    }
    for (s = in->text + to; *s && *s != '\n' && x > 0;)
        x -= ui_text_next(&s).width;
    in->cursor = (size_t)(s - in->text);
    return true;
}

/* Columns that are left of a field of w cells, so that its cursor is in sight. */
static int skipped(int cursor, int w)
{
    return cursor >= w ? cursor - w + 1 : 0;
}

/* Where column x begins, or the character that it is in the middle of. */
static const char *at_column(const struct ui_input *in, int x)
{
    const char *s = in->text;

    while (*s) {
        const char *from = s;
        int w = ui_text_next(&s).width;
        if (w > x)
            return from;
        x -= w;
    }
    return s;
}

void ui_input_click(struct ui_input *in, int x, int w)
{
    in->cursor = (size_t)(at_column(in, x + skipped(column(in, 0), w)) - in->text);
}

#define SHOWN_MAX 2048 /* bytes of what is in sight */
void ui_input_draw(const struct ui_input *in, struct ui_area a, int x, int y, int w, bool focused,
                   bool bad)
{
    struct ui_area field = ui_area_sub(a, x + 1, y, w - 2, 1);
    enum ui_role role = bad ? UI_ROLE_FIELD_BAD : UI_ROLE_FIELD;
    int at = column(in, 0), skip = skipped(at, field.r.w), begin = 0, width = 0;
    char shown[SHOWN_MAX];
    const char *from = in->text, *end;

    while (*from && begin < skip)
        begin += ui_text_next(&from).width;
    for (end = from; *end && width < field.r.w && end + 64 < from + sizeof shown;)
        width += ui_text_next(&end).width;
    memcpy(shown, from, (size_t)(end - from));
    shown[end - from] = 0;
    for (char *p = shown; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    if (in->secret) {
        width = SU_MIN(width, (int)sizeof shown - 1);
        memset(shown, '*', (size_t)width);
        shown[width] = 0;
    }
    ui_put(a, x, y, '[', UI_ROLE_TEXT);
    ui_put(a, x + w - 1, y, ']', UI_ROLE_TEXT);
    ui_fill(field, 0, 0, field.r.w, 1, ' ', role);
    ui_text(field, begin - skip, 0, role, shown);
    explicit_bzero(shown, sizeof shown);
    if (focused)
        ui_cursor(field, at - skip, 0);
}
