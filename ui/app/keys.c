// SPDX-License-Identifier: MIT
#include "ui/app/app.h"

const struct ui_key_row ui_keys[] = {
#define X(request, scope, tier, a, b, c, shown, label, help)                                       \
    {UI_REQ_##request, UI_SCOPE_##scope, tier, {a, b, c}, #request, shown, label, help},
#include "ui/app/keys.def"
#undef X
};
const size_t ui_keys_count = SU_ARRAY_LEN(ui_keys);

static const int *keys_of(const struct ui_binds *binds, size_t i)
{
    return binds && binds->bound[i] ? binds->key[i] : ui_keys[i].key;
}

static const struct ui_key_row *find(const struct ui_binds *binds, enum ui_scope scope, int key)
{
    for (size_t i = 0; i < ui_keys_count; i++)
        if (ui_keys[i].scope == scope)
            for (size_t k = 0; k < UI_KEYS_PER_ROW; k++)
                if (keys_of(binds, i)[k] == key)
                    return &ui_keys[i];
    return NULL;
}

const struct ui_key_row *ui_keys_bound(const struct ui_binds *binds, enum ui_scope scope, int key)
{
    const struct ui_key_row *r;

    if (key == '\r')
        key = UI_K_ENTER;
    if (key == 0)
        return NULL;
    r = find(binds, scope, key);
    return r || scope >= UI_SCOPE_FORM ? r : find(binds, UI_SCOPE_ALL, key);
}

const struct ui_key_row *ui_keys_find(enum ui_scope scope, int key)
{
    return ui_keys_bound(NULL, scope, key);
}

const char *ui_scope_name(enum ui_scope s)
{
    static const char *const name[] = {"Models", "Tasks", "Stake",      "Beats", "Samples",
                                       "Run",    "Log",   "Everywhere", "Forms", "Previews"};

    return name[s];
}

static const struct ui_intent_def intents[] = {
#define F(label, hint, source) {label, hint, UI_FIELD_##source},
#define X(kind, word, title, tier, ...) {SU_UI_##kind, word, title, tier, {__VA_ARGS__}},
#include "ui/app/intents.def"
#undef X
#undef F
};

const struct ui_intent_def *ui_intent_def(enum su_ui_kind kind)
{
    return &intents[kind];
}

size_t ui_intent_fields(const struct ui_intent_def *def)
{
    size_t n = 0;

    while (n < SU_UI_FIELDS && def->field[n].label)
        n++;
    return n;
}
