// SPDX-License-Identifier: MIT
/* Tab behind ":". What a word can be is told by the table of commands: by the field of the form that it
   fills, or by how the synopsis of the program's command names it. */
#include "ui/app/command.h"
#include "ui/panes/panes.h"

#include <strings.h>

enum { /* what a word can be */
       NODES = 1,
       OWN = 2, /* "own": this machine's node */
       ORACLES = 4,
       MODELS = 8,
       EXECUTIONS = 16,
       WALLET = 32,
       BOOK = 64, /* addresses that have names */
       ENDPOINTS = 128,
       PATHS = 256,
       PANES = 512,
       COLUMNS = 1024
};

/* Words of synopses. */
static const struct {
    const char *word;
    unsigned what;
    const char *words; /* to choose from */
} types[] = {
    {"ADDRESS", NODES | ORACLES | MODELS | EXECUTIONS | WALLET | BOOK, NULL},
    {"IDENTITY", NODES | OWN, NULL},
    {"KEY", ORACLES | NODES, NULL},
    {"MODEL", MODELS | PATHS, NULL},
    {"EXECUTION", EXECUTIONS, NULL},
    {"HOST:PORT", ENDPOINTS, NULL},
    {"FILE", PATHS, NULL},
    {"FOLDER", PATHS, NULL},
    {"DIR", PATHS, NULL},
    {"PANE", PANES, NULL},
    {"COLUMN", COLUMNS, NULL},
    {"CLUSTER", 0, "mainnet-beta|devnet|testnet|localhost"},
};

struct type {
    unsigned what;
    const char *words; /* "a|b", of n bytes */
    size_t n;
    char next[96]; /* for people */
};

struct place { /* the command that is being typed */
    const struct ui_app *app;
    const struct ui_command *own; /* NULL: the program's, number verb */
    size_t verb;
    const char *args; /* synopsis; NULL: fields of a form */
};

struct word { /* the last one of the line */
    size_t at; /* where it begins, its quote included */
    char text[SU_UI_TEXT];
    size_t number; /* among those that are not options */
    struct type type;
    bool value; /* of an option */
};

struct hunt { /* for words that begin like what was typed */
    const struct ui_app *app;
    const char *typed;
    size_t n, listed;
    char common[SU_UI_TEXT], only[SU_UI_TEXT]; /* only: what the last one stands for */
    char list[128];
};

/* ---- words to choose from ----------------------------------------------------------------------- */

static bool begins(const char *text, const char *typed)
{
    return strncasecmp(text, typed, strlen(typed)) == 0;
}

static void list(struct hunt *h, const char *shown)
{
    size_t at = strlen(h->list), n = strlen(shown);

    if (at + n + 3 >= sizeof h->list)
        return;
    snprintf(h->list + at, sizeof h->list - at, "%s%s", at ? "  " : "", shown);
    h->listed++;
}

/* note: how it is listed. */
static void consider(struct hunt *h, const char *shown, const char *stands_for, const char *note)
{
    size_t k = 0;

    if (h->n++ == 0)
        su_str_copy(h->common, sizeof h->common, shown);
    while (h->common[k] && strncasecmp(h->common + k, shown + k, 1) == 0)
        k++;
    h->common[k] = 0;
    su_str_copy(h->only, sizeof h->only, stands_for);
    list(h, note);
}

/* Names from the chain are anybody's: only what can be typed, and is one word, is a word here. */
static bool is_word(const char *name)
{
    const char *p = name;

    while (*p > ' ' && *p < 0x7f && *p != '"')
        p++;
    return p != name && !*p;
}

/* By its name of one's own, by the one it has on chain, or as it is. */
static void address(struct hunt *h, const uint8_t key[32], const char *name)
{
    const char *own = ui_labels_find(&h->app->labels, key);
    char full[UI_FORMAT], cut[UI_FORMAT], note[UI_FORMAT + SU_NAME_MAX + 2];

    if (ui_key_zero(key))
        return;
    ui_key_full(key, full);
    ui_key_cut(key, cut);
    if (own && begins(own, h->typed)) {
        snprintf(note, sizeof note, "'%s'", own);
        consider(h, own, full, note);
    } else if (name && is_word(name) && begins(name, h->typed)) {
        snprintf(note, sizeof note, "%.*s %s", (int)SU_NAME_MAX, name, cut);
        consider(h, name, full, note);
    } else if (strncmp(full, h->typed, strlen(h->typed)) == 0) {
        consider(h, full, full, cut);
    }
}

static void plain(struct hunt *h, const char *text)
{
    if (begins(text, h->typed))
        consider(h, text, text, text);
}

/* "a|b", or "desc" alone. */
static void alternatives(struct hunt *h, const char *words, size_t n)
{
    char text[64];

    for (size_t i = 0; i < n;) {
        size_t k = 0;
        while (i + k < n && words[i + k] != '|')
            k++;
        snprintf(text, sizeof text, "%.*s", (int)k, words + i);
        plain(h, text);
        i += k + 1;
    }
}

static bool in_snapshot(const struct su_feed_snapshot *s, const uint8_t key[32])
{
    return ui_node_find(s, key) || ui_model_find(s, key) || ui_execution_find(s, key);
}

static void addresses(struct hunt *h, const struct su_feed_snapshot *s, unsigned what)
{
    for (size_t i = 0; what & NODES && i < s->n_node; i++)
        address(h, s->node[i].identity, s->node[i].endpoint);
    for (size_t i = 0; what & ORACLES && i < s->n_oracle; i++)
        address(h, s->oracle[i].key, s->oracle[i].endpoint);
    for (size_t i = 0; what & MODELS && i < s->n_model; i++)
        address(h, s->model[i].key, s->model[i].name);
    for (size_t i = 0; what & EXECUTIONS && i < s->n_execution; i++)
        address(h, s->execution[i].key, what & MODELS ? NULL : s->execution[i].model_name);
    if (what & WALLET && s->has_wallet)
        address(h, s->wallet, NULL);
    for (size_t i = 0; what & ENDPOINTS && i < s->n_node; i++)
        if (is_word(s->node[i].endpoint))
            plain(h, s->node[i].endpoint);
}

static void look(struct hunt *h, const struct type *t)
{
    const struct su_feed_snapshot *s = h->app->snap;
    const struct ui_table *table = &h->app->table[h->app->pane];
    const struct ui_labels *book = &h->app->labels;

    alternatives(h, t->words, t->n);
    if (t->what & OWN)
        plain(h, "own");
    if (s)
        addresses(h, s, t->what);
    for (size_t i = 0; t->what & BOOK && i < book->n; i++)
        if (!s || !in_snapshot(s, book->item[i].key))
            address(h, book->item[i].key, NULL);
    for (int i = 0; t->what & PANES && i < UI_PANES; i++)
        plain(h, ui_pane_list[i]->name);
    for (size_t i = 0; t->what & COLUMNS && table->source && i < table->source->n_col; i++)
        plain(h, table->source->col[i].id);
}

/* ---- what a word is ------------------------------------------------------------------------------ */

/* "[FILE]", "KEY...", "vulkan|cpu", "desc". */
static struct type of_synopsis(const char *word, size_t n)
{
    struct type t = {.what = 0};

    if (n > 0 && *word == '[') {
        word++;
        n--;
    }
    while (n > 0 && (word[n - 1] == ']' || word[n - 1] == '.'))
        n--;
    snprintf(t.next, sizeof t.next, "%.*s", (int)n, word);
    if (memchr(word, '|', n) || (n > 0 && *word >= 'a' && *word <= 'z')) {
        t.words = word;
        t.n = n;
        return t;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(types); i++)
        if (strcmp(types[i].word, t.next) == 0) {
            t.what = types[i].what;
            t.words = types[i].words;
            t.n = t.words ? strlen(t.words) : 0;
        }
    return t;
}

static struct type of_field(const struct ui_intent_def *def, size_t field)
{
    static const unsigned what[] = {
        [UI_FIELD_NODE] = NODES | OWN, [UI_FIELD_MODEL] = MODELS, [UI_FIELD_EXECUTION] = EXECUTIONS,
        [UI_FIELD_PATH] = PATHS,       [UI_FIELD_FILE] = PATHS,   [UI_FIELD_ENDPOINT] = ENDPOINTS,
        [UI_FIELD_SECRET] = 0,
    };
    struct type t = {.what = 0};

    if (field >= ui_intent_fields(def) || def->field[field].source == UI_FIELD_SECRET)
        return t;
    t.what = what[def->field[field].source];
    snprintf(t.next, sizeof t.next, "%s, %s", def->field[field].label, def->field[field].hint);
    return t;
}

static struct type of_number(const struct place *p, size_t number)
{
    const char *at = p->args;
    size_t n;

    if (!at)
        return of_field(ui_intent_def(p->own->kind), p->own->first_field + number);
    for (;; number--) {
        at += strspn(at, " ");
        n = strcspn(at, " ");
        if (number == 0 || (n > 3 && strncmp(at + n - 3, "...", 3) == 0))
            return of_synopsis(at, n);
        at += n;
    }
}

/* Option k of the command; NULL beyond the last. *type: of its value; *flag: it has none. */
static const char *option(const struct place *p, size_t k, struct type *type, bool *flag)
{
    const struct su_ui_options *o = p->app->outside;
    const char *name, *arg = NULL;

    *flag = false;
    if (!p->own) {
        name = o->option ? o->option(p->verb, k, &arg) : NULL;
        *flag = !arg;
        *type = of_synopsis(arg ? arg : "", arg ? strlen(arg) : 0);
        return name;
    }
    for (size_t i = 0; i < ui_command_options_count; i++)
        if (ui_command_options[i].kind == p->own->kind && k-- == 0) {
            *type = of_field(ui_intent_def(p->own->kind), ui_command_options[i].field);
            return ui_command_options[i].option;
        }
    return NULL;
}

static bool takes_value(const struct place *p, const char *word, size_t n, struct type *type)
{
    const char *name;
    bool flag;

    for (size_t k = 0; (name = option(p, k, type, &flag)); k++)
        if (strlen(name) == n && strncmp(name, word, n) == 0)
            return !flag;
    return false;
}

/* Goes through the words of rest, the last one may be empty. */
static void walk(const struct place *p, const char *rest, struct word *w)
{
    bool value = false;
    size_t n;

    for (const char *at = rest;; at += n) {
        size_t quoted;
        at += strspn(at, " ");
        w->at = (size_t)(at - rest);
        quoted = *at == '"';
        n = quoted ? strcspn(at + 1, "\"") + 1 : strcspn(at, " ");
        snprintf(w->text, sizeof w->text, "%.*s", (int)(n - quoted), at + quoted);
        w->value = value;
        if (!value && w->text[0] == '-' && strchr(w->text, '=')) {
            size_t k = strcspn(w->text, "=");
            w->value = takes_value(p, w->text, k, &w->type);
            if (!at[n]) {
                w->at += k + 1;
                memmove(w->text, w->text + k + 1, strlen(w->text + k + 1) + 1);
            }
        }
        if (!at[n])
            break;
        n += quoted;
        if (!value && w->text[0] == '-')
            value = !w->value && takes_value(p, w->text, strlen(w->text), &w->type);
        else {
            w->number += !value;
            value = false;
        }
    }
    if (!w->value)
        w->type = of_number(p, w->number);
}

/* ---- the line ------------------------------------------------------------------------------------ */

static bool place_of(const struct ui_app *app, const char *line, struct place *p, const char **rest)
{
    const struct su_ui_options *o = app->outside;
    const char *verb, *args;
    size_t best = 0;

    *p = (struct place){.app = app, .own = ui_command_find(line, rest)};
    if (p->own) {
        p->args = p->own->kind < SU_UI_KINDS ? NULL : p->own->args;
        return true;
    }
    for (size_t i = 0; o && o->verb && (verb = o->verb(i, &args)); i++) {
        size_t n = strlen(verb);
        if (n <= best || strncmp(verb, line, n) != 0 || (line[n] != ' ' && line[n]))
            continue;
        best = n;
        p->verb = i;
        p->args = args;
        *rest = line + n + strspn(line + n, " ");
    }
    return best > 0;
}

static void say(const struct hunt *h, struct ui_completion *out)
{
    char more[32] = "";

    if (h->n > h->listed)
        snprintf(more, sizeof more, "  and %zu more", h->n - h->listed);
    snprintf(out->say, sizeof out->say, "%s%s", h->list, more);
}

/* Commands that begin so; of those of two words the second is listed. */
static bool commands(const struct ui_app *app, const char *line, struct ui_completion *out)
{
    const struct su_ui_options *o = app->outside;
    const char *word, *rest, *blank = strrchr(line, ' ');
    const size_t from = blank ? (size_t)(blank - line) + 1 : 0;
    struct hunt h = {.app = app, .typed = line};
    bool whole = false;

    for (size_t i = 0; i < ui_commands_count; i++)
        if (strncmp(ui_commands[i].word, line, strlen(line)) == 0)
            consider(&h, ui_commands[i].word, ui_commands[i].word, ui_commands[i].word + from);
    for (size_t i = 0; o && o->verb && (word = o->verb(i, NULL)); i++) {
        const struct ui_command *own = ui_command_find(word, &rest);
        if (strncmp(word, line, strlen(line)) == 0 && (!own || strcmp(own->word, word) != 0))
            consider(&h, word, word, word + from);
    }
    if (h.n == 0)
        return false;
    for (size_t i = 0; o && o->verb && (word = o->verb(i, NULL)); i++)
        whole = whole || strcmp(word, h.common) == 0;
    su_str_copy(out->text, sizeof out->text, h.common);
    if (h.n == 1 || whole)
        strcat(out->text, " ");
    else
        say(&h, out);
    return true;
}

static void options(const struct place *p, struct hunt *h)
{
    const char *name;
    struct type type;
    bool flag;

    for (size_t k = 0; (name = option(p, k, &type, &flag)); k++)
        plain(h, name);
}

static void found(const char *line, size_t at, const struct word *w, const struct hunt *h,
                  struct ui_completion *out)
{
    const char *put = h->n == 1 ? h->only : h->common;
    const char *end = h->n == 1 ? " " : "";

    if (at + strlen(put) + 2 > sizeof out->text)
        return;
    if (h->n > 1 || strcmp(h->only, h->common) != 0)
        say(h, out);
    if (h->n == 1 || strlen(put) > strlen(w->text))
        snprintf(out->text, sizeof out->text, "%.*s%s%s", (int)at, line, put, end);
}

bool ui_command_complete(const struct ui_app *app, const char *line, struct ui_completion *out)
{
    struct word w = {.number = 0};
    struct hunt h = {.app = app, .typed = w.text};
    struct place p;
    const char *rest;
    size_t at;

    *out = (struct ui_completion){.path = false};
    su_str_copy(out->text, sizeof out->text, line);
    if (commands(app, line, out))
        return true;
    if (strlen(line) + 1 >= sizeof out->text || !place_of(app, line, &p, &rest))
        return false;
    walk(&p, rest, &w);
    at = (size_t)(rest - line) + w.at;
    if (w.text[0] == '-' && !w.value)
        options(&p, &h);
    else if (!(w.type.what & PATHS && strchr("/.~", w.text[0]) && w.text[0]))
        look(&h, &w.type);
    if (h.n > 0) {
        found(line, at, &w, &h, out);
    } else if (w.type.what & PATHS && (w.text[0] != '-' || w.value)) {
        out->path = true;
        out->at = at;
    } else if (w.text[0]) {
        snprintf(out->say, sizeof out->say, "Nothing here begins with %.60s", w.text);
    } else {
        options(&p, &h);
        say(&h, out);
        snprintf(out->say, sizeof out->say, "%s%s%.100s", w.type.next,
                 w.type.next[0] && h.n ? ";  " : "", h.list);
    }
    return true;
}

void ui_command_path(const char *line, size_t at, const char *path, char out[SU_UI_TEXT])
{
    bool quote = strchr(path, ' ') != NULL;

    if (at + strlen(path) + quote + 1 > SU_UI_TEXT)
        su_str_copy(out, SU_UI_TEXT, line);
    else
        snprintf(out, SU_UI_TEXT, "%.*s%s%s", (int)at, line, quote ? "\"" : "", path);
}
