// SPDX-License-Identifier: MIT
#include "ui/panes/panes.h"

const struct ui_pane_ops *const ui_pane_list[UI_PANES] = {
    [UI_PANE_MODELS] = &ui_pane_models,   [UI_PANE_TASKS] = &ui_pane_tasks,
    [UI_PANE_STAKE] = &ui_pane_stake,     [UI_PANE_BEATS] = &ui_pane_beats,
    [UI_PANE_SAMPLES] = &ui_pane_samples, [UI_PANE_RUN] = &ui_pane_run,
    [UI_PANE_LOG] = &ui_pane_log,
};

void ui_value_set(struct ui_value *o, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(o->text, sizeof o->text, fmt, ap);
    va_end(ap);
}

void ui_value_none(struct ui_value *o, bool full)
{
    su_str_copy(o->text, sizeof o->text, full ? "" : "-");
}

void ui_value_role(struct ui_value *o, enum ui_role role, const char *text)
{
    su_str_copy(o->text, sizeof o->text, text);
    o->role = role;
}

void ui_value_key(struct ui_value *o, bool full, const uint8_t key[32])
{
    if (full && ui_key_zero(key))
        o->text[0] = 0;
    else if (full)
        ui_key_full(key, o->text);
    else
        ui_key_short(key, o->text);
}

void ui_value_hash(struct ui_value *o, bool full, const uint8_t hash[32])
{
    if (full && ui_key_zero(hash))
        o->text[0] = 0;
    else if (full)
        su_hex_encode(hash, 32, o->text, sizeof o->text);
    else
        ui_hash_short(hash, o->text);
}

static bool full_number(struct ui_value *o, bool full, uint64_t n, uint64_t unknown)
{
    if (!full)
        return false;
    if (n >= unknown)
        o->text[0] = 0;
    else
        snprintf(o->text, sizeof o->text, "%" PRIu64, n);
    return true;
}

void ui_value_money(struct ui_value *o, bool full, uint64_t micro, int decimals)
{
    if (!full)
        ui_money(micro, decimals, o->text);
    else if (micro == SU_FEED_UNKNOWN)
        o->text[0] = 0;
    else
        snprintf(o->text, sizeof o->text, "%" PRIu64 ".%06u", micro / 1000000u,
                 (unsigned)(micro % 1000000u));
    if (micro == SU_FEED_UNKNOWN)
        o->role = UI_ROLE_DIM;
}

void ui_value_count(struct ui_value *o, bool full, uint64_t n)
{
    if (!full_number(o, full, n, SU_FEED_UNKNOWN))
        ui_count(n, o->text);
}

void ui_value_ms(struct ui_value *o, bool full, uint64_t ms)
{
    if (!full_number(o, full, ms, UINT32_MAX))
        ui_ms(ms, o->text);
    if (ms >= UINT32_MAX)
        o->role = UI_ROLE_DIM;
}

void ui_value_bytes(struct ui_value *o, bool full, uint64_t n)
{
    if (!full_number(o, full, n, SU_FEED_UNKNOWN))
        ui_bytes(n, o->text);
}

void ui_value_time(struct ui_value *o, bool full, int64_t now_ms, int64_t then_ms)
{
    if (!full)
        ui_age(now_ms, then_ms, o->text);
    else if (then_ms == INT64_MIN)
        o->text[0] = 0;
    else
        snprintf(o->text, sizeof o->text, "%" PRId64, then_ms);
}

uint64_t ui_sort_key(const uint8_t key[32])
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++)
        v = v << 8 | key[i];
    return v;
}

uint64_t ui_sort_time(int64_t ms)
{
    return (uint64_t)ms ^ 1ull << 63;
}

bool ui_only_own(struct ui_app *app, int request)
{
    if (request != UI_REQ_ONLY_OWN)
        return false;
    app->variant[app->pane] ^= UI_VARIANT_OWN;
    return true;
}

const char *ui_task_word(uint8_t state, enum ui_role *role)
{
    static const struct {
        const char *word;
        enum ui_role role;
    } row[] = {{"?", UI_ROLE_DIM},    {"wait", UI_ROLE_DIM},   {"run", UI_ROLE_TEXT},
               {"done", UI_ROLE_OK},  {"check", UI_ROLE_TEXT}, {"pass", UI_ROLE_OK},
               {"FAIL", UI_ROLE_BAD}, {"failed", UI_ROLE_WARN}};
    size_t i = state < SU_ARRAY_LEN(row) ? state : 0;

    *role = row[i].role;
    return row[i].word;
}

const char *ui_exec_word(const struct su_feed_execution *e, enum ui_role *role)
{
    static const char *const word[] = {"?",    "open",  "wait",   "assign", "run",
                                       "draw", "check", "reveal", "paid",   "void"};
    static const char *const cause[] = {"void", "expired", "cancel", "failed", "FAULT", "undecid"};

    *role = UI_ROLE_TEXT;
    if (e->state == SU_EXEC_VOID) {
        *role = e->void_cause == SU_VOID_FAULT ? UI_ROLE_BAD : UI_ROLE_WARN;
        return e->void_cause < SU_ARRAY_LEN(cause) ? cause[e->void_cause] : "void";
    }
    if (e->state == SU_EXEC_SETTLED)
        *role = UI_ROLE_OK;
    return e->state < SU_ARRAY_LEN(word) ? word[e->state] : "?";
}

const char *ui_dispute_word(uint8_t dispute)
{
    static const char *const word[] = {"none", "roots differ", "inputs differ", "committee checks",
                                       "output missing"};

    return dispute < SU_ARRAY_LEN(word) ? word[dispute] : "?";
}

const char *ui_verdict_word(uint8_t verdict)
{
    static const char *const word[] = {"no verdict yet",           "the asserter was wrong",
                                       "the validator was wrong",  "both were wrong",
                                       "a producer is at fault",   "nobody was wrong",
                                       "undecided by its deadline"};

    return verdict < SU_ARRAY_LEN(word) ? word[verdict] : "?";
}

const char *ui_slots_until(const struct su_feed_snapshot *s, uint64_t slot, char out[UI_FORMAT])
{
    char text[SU_OPS_AMOUNT_TEXT];

    if (slot == 0 || slot == SU_FEED_UNKNOWN || s->slot == SU_FEED_UNKNOWN)
        su_str_copy(out, UI_FORMAT, "-");
    else if (slot <= s->slot)
        snprintf(out, UI_FORMAT, "%" PRIu64 " slots ago", s->slot - slot);
    else if (s->ms_per_slot == 0)
        snprintf(out, UI_FORMAT, "in %" PRIu64 " slots", slot - s->slot);
    else
        snprintf(out, UI_FORMAT, "in %s", su_ops_slots_text(slot - s->slot, s->ms_per_slot, text));
    return out;
}

void ui_time_bar(struct ui_area a, int x, int y, int w, const struct su_feed_part *p,
                 uint64_t whole_ms)
{
    const uint32_t ms[3] = {p->compute_ms, p->wait_ms, p->network_ms};
    static const uint32_t glyph[3] = {0x2588, 0x2592, 0x2580};
    static const enum ui_role role[3] = {UI_ROLE_OK, UI_ROLE_DIM, UI_ROLE_WARN};
    int at = x;

    for (size_t i = 0; i < 3; i++) {
        int n = 0;
        if (ms[i] != UINT32_MAX && whole_ms > 0)
            n = (int)((double)ms[i] / (double)whole_ms * w + 0.5);
        for (; n > 0 && at < x + w; n--)
            ui_put(a, at++, y, glyph[i], role[i]);
    }
    for (; at < x + w; at++)
        ui_put(a, at, y, 0xb7, UI_ROLE_DIM);
}

static int compare_key(const void *key, const void *row)
{
    return memcmp(key, row, 32);
}

/* Rows are sorted by the key they begin with. */
static const void *find(const uint8_t key[32], const void *rows, size_t n, size_t size)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const char *row = (const char *)rows + mid * size;
        int d = compare_key(key, row);
        if (d == 0)
            return row;
        if (d < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const struct su_feed_node *ui_node_find(const struct su_feed_snapshot *s, const uint8_t key[32])
{
    return find(key, s->node, s->n_node, sizeof *s->node);
}

const struct su_feed_model *ui_model_find(const struct su_feed_snapshot *s, const uint8_t key[32])
{
    return find(key, s->model, s->n_model, sizeof *s->model);
}

const struct su_feed_execution *ui_execution_find(const struct su_feed_snapshot *s,
                                                  const uint8_t key[32])
{
    for (size_t i = 0; i < s->n_execution; i++)
        if (memcmp(s->execution[i].key, key, 32) == 0)
            return &s->execution[i];
    return NULL;
}

const struct su_feed_node *ui_own_node(const struct su_feed_snapshot *s)
{
    const struct su_feed_node *own = NULL;

    for (size_t i = 0; i < s->n_node; i++) {
        if (s->node[i].own_identity && s->node[i].own_owner)
            return &s->node[i];
        if (!own && s->node[i].own_owner)
            own = &s->node[i];
    }
    return own;
}

unsigned ui_alerts(const struct su_feed_snapshot *s)
{
    unsigned n = 0;

    for (size_t i = 0; i < s->n_node; i++) {
        const struct su_feed_node *d = &s->node[i];
        if ((d->own_owner || d->own_identity) &&
            (d->state == SU_FEED_NODE_DOWN || d->state == SU_FEED_NODE_LATE ||
             d->state == SU_FEED_NODE_UNFIT))
            n++;
    }
    for (size_t i = 0; i < s->n_sample; i++)
        if ((s->sample[i].own_asserter || s->sample[i].own_validator) &&
            s->sample[i].verdict == SU_FEED_MISMATCH)
            n++;
    for (size_t i = 0; i < SU_FEED_ORIGINS; i++)
        if (s->source[i].url[0] && !s->source[i].ok && !s->source[i].loading)
            n++;
    return n;
}

int ui_pair(struct ui_area a, int x, int y, const char *label, enum ui_role role, const char *value)
{
    x = ui_text(a, x, y, UI_ROLE_DIM, label);
    return ui_text(a, x + 1, y, role, value) + 3;
}
