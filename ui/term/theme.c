// SPDX-License-Identifier: MIT
/* Themes and charsets are data. */
#include "ui/term/term.h"

#include <string.h>

#define B UI_ATTR_BOLD
#define R UI_ATTR_REVERSE
#define U UI_ATTR_UNDERLINE
#define D UI_ATTR_DIM
static const struct {
    const char *name;
    struct ui_look look[3]; /* 256, 8, mono */
} theme[UI_ROLES] = {
#define X(name, f, b, a, f8, b8, a8, am)                                                           \
    [UI_ROLE_##name] = {#name, {{f, b, a}, {f8, b8, a8}, {-1, -1, am}}},
#include "ui/term/roles.def"
#undef X
};
#undef B
#undef R
#undef U
#undef D

struct ui_look ui_theme_look(enum ui_depth depth, enum ui_role role)
{
    return theme[role].look[depth == UI_DEPTH_256 ? 0 : depth == UI_DEPTH_8 ? 1 : 2];
}

const char *ui_role_name(enum ui_role role)
{
    return theme[role].name;
}

static const char *const charset_names[] = {"auto", "utf8", "acs", "ascii"};

const char *ui_charset_name(enum ui_charset c)
{
    return charset_names[c];
}

bool ui_charset_parse(const char *s, enum ui_charset *out)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(charset_names); i++)
        if (strcmp(s, charset_names[i]) == 0) {
            *out = (enum ui_charset)i;
            return true;
        }
    return false;
}

struct glyph {
    uint16_t cp;
    char acs, ascii; /* acs 0 = none */
};

static const struct glyph glyphs[] = {
    {0x2500, 'q', '-'}, {0x2502, 'x', '|'}, {0x250c, 'l', '+'}, {0x2510, 'k', '+'},
    {0x2514, 'm', '`'}, {0x2518, 'j', '+'}, {0x251c, 't', '|'}, {0x2524, 'u', '+'},
    {0x252c, 'w', '+'}, {0x2534, 'v', '+'}, {0x253c, 'n', '+'}, {0x2580, 0, '"'},
    {0x2581, 0, '.'},   {0x2582, 0, '.'},   {0x2583, 0, ':'},   {0x2584, 0, ':'},
    {0x2585, 0, '+'},   {0x2586, 0, '+'},   {0x2587, 0, '#'},   {0x2588, 'a', '#'},
    {0x2592, 'a', '%'}, {0x00b7, 0, '.'},   {0x2010, 0, '-'},   {0x2011, 0, '-'},
    {0x2012, 0, '-'},   {0x2013, 0, '-'},   {0x2014, 0, '-'},   {0x2015, 0, '-'},
    {0x2018, 0, '\''},  {0x2019, 0, '\''},  {0x201c, 0, '"'},   {0x201d, 0, '"'},
    {0x2022, 0, '*'},   {0x2026, 0, '.'},   {0x2190, 0, '<'},   {0x2191, 0, '^'},
    {0x2192, 0, '>'},   {0x2193, 0, 'v'},   {0x2212, 0, '-'},
};

uint32_t ui_charset_map(enum ui_charset c, uint32_t cp, bool *acs)
{
    *acs = false;
    if (c == UI_CHARSET_UTF8 || (cp < 0x7f && cp > 0))
        return cp;
    for (size_t i = 0; i < SU_ARRAY_LEN(glyphs); i++) {
        const struct glyph *g = &glyphs[i];
        if (g->cp != cp)
            continue;
        *acs = c == UI_CHARSET_ACS && g->acs;
        return (uint8_t)(*acs ? g->acs : g->ascii);
    }
    return '?';
}
