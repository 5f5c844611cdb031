// SPDX-License-Identifier: MIT
#include "text_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables ---------------------------------------------------------------------------------- */

bool text_stop_name(const uint8_t *name, size_t len)
{
    static const char *const stops[] = {
        "<|im_end|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end|>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<end_of_turn>",
        "</s>",
        "<eos>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<|return|>",
        "<|call|>",
        "<turn|>",
        "<|fim_pad|>",
        "<fim-pad>",
        "<fim_pad>",
        "<PAD>",
        "[PAD]",
        "<|fim_repo|>",
        "<fim-repo>",
        "<REPO>",
        "<reponame>",
        "<|repo_name|>",
        "<|file_sep|>",
        "[e~[",
        "<|flush|>",
        "<|calls|>",
        "<end_of_utterance>",
        "<\xEF\xBD\x9C\x65nd\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>", /* DeepSeek */
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(stops); i++) {
        if (strlen(stops[i]) == len && memcmp(stops[i], name, len) == 0)
            return true;
    }
    return false;
}

static bool is_special(const struct su_text *t, uint32_t id)
{
    uint8_t type = t->type[id];

    return (type == SU_TEXT_CONTROL || type == SU_TEXT_UNKNOWN || type == SU_TEXT_USER) &&
           t->offset[id + 1] > t->offset[id];
}

static bool is_stop(const struct su_text *t, uint32_t id)
{
    size_t len;
    const uint8_t *p = text_token(t, id, &len);

    bool marked = t->type[id] == SU_TEXT_CONTROL ||
                  (t->type[id] == SU_TEXT_USER && len > 2 && memcmp(p, "<|", 2) == 0);

    return id == t->eos || id == t->eot || (marked && text_stop_name(p, len));
}

static int by_priority(const void *a, const void *b)
{
    const struct text_special *x = a, *y = b;

    if (x->len != y->len)
        return x->len > y->len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_bytes(const void *a, const void *b, void *context)
{
    const struct text_special *all = context;
    const struct text_special *x = &all[*(const uint32_t *)a], *y = &all[*(const uint32_t *)b];
    int order = memcmp(x->text, y->text, SU_MIN(x->len, y->len));

    if (order)
        return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

static bool collect_stops(struct su_text *t)
{
    size_t n = 0;

    for (uint32_t id = 0; id < t->count; id++)
        n += is_stop(t, id);
    t->stop = su_try_alloc(SU_MAX(n, (size_t)1), sizeof *t->stop);
    if (!t->stop)
        return false;
    for (uint32_t id = 0; id < t->count; id++) {
        if (is_stop(t, id))
            t->stop[t->stop_count++] = id;
    }
    return true;
}

bool text_specials_init(struct su_text *t)
{
    size_t n = 0;

    if (!collect_stops(t))
        return false;
    for (uint32_t id = 0; id < t->count; id++)
        n += is_special(t, id);
    t->special = su_try_alloc(n + 1, sizeof *t->special);
    t->special_sorted = su_try_alloc(n + 1, sizeof *t->special_sorted);
    if (!t->special || !t->special_sorted)
        return false;
    for (uint32_t id = 0; id < t->count; id++) {
        if (!is_special(t, id))
            continue;
        t->special[t->special_count++] =
            (struct text_special){id, t->offset[id + 1] - t->offset[id], t->blob + t->offset[id]};
    }
    qsort(t->special, n, sizeof *t->special, by_priority);
    for (uint32_t i = 0; i < n; i++)
        t->special_sorted[i] = i;
    qsort_r(t->special_sorted, n, sizeof *t->special_sorted, by_bytes, t->special);
    for (size_t i = 0; i < n; i++)
        t->special_first[t->special[t->special_sorted[i]].text[0] + 1]++;
    for (size_t c = 0; c < 256; c++)
        t->special_first[c + 1] += t->special_first[c];
    return true;
}

uint32_t su_text_special(const struct su_text *t, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < t->special_count; i++) {
        const struct text_special *s = &t->special[i];
        if (s->len == len && memcmp(s->text, text, len) == 0)
            return s->id;
    }
    return SU_TEXT_NONE;
}

enum su_code su_text_stop_add(struct su_text *t, uint32_t id, const char *at, struct su_err *e)
{
    size_t i = 0;

    if (id >= t->count)
        return su_fail(e, SU_EINVAL, at, "token %u ends answers, but there are %zu tokens", id,
                       t->count);
    while (i < t->stop_count && t->stop[i] < id)
        i++;
    if (i < t->stop_count && t->stop[i] == id)
        return SU_OK;
    uint32_t *stop = realloc(t->stop, (t->stop_count + 1) * sizeof *stop);
    if (!stop)
        return su_fail(e, SU_ENOMEM, at, "out of memory for %zu tokens", t->stop_count + 1);
    memmove(stop + i + 1, stop + i, (t->stop_count - i) * sizeof *stop);
    stop[i] = id;
    t->stop = stop;
    t->stop_count++;
    return SU_OK;
}

enum su_code su_text_template_set(struct su_text *t, const void *text, size_t len, struct su_err *e)
{
    char *copy = su_try_alloc(len + 1, 1);

    if (!copy)
        return su_fail(e, SU_ENOMEM, "chat template", "out of memory for %zu bytes", len);
    if (len > 0)
        memcpy(copy, text, len);
    free(t->chat_template);
    t->chat_template = copy;
    return SU_OK;
}

size_t su_text_stops(const struct su_text *t, const uint32_t **ids)
{
    *ids = t->stop;
    return t->stop_count;
}

bool su_text_is_stop(const struct su_text *t, uint32_t id)
{
    for (size_t i = 0; i < t->stop_count; i++) {
        if (t->stop[i] == id)
            return true;
    }
    return false;
}

/* ---- cutting --------------------------------------------------------------------------------- */

static const struct text_special *sorted_at(const struct su_text *t, size_t i)
{
    return &t->special[t->special_sorted[i]];
}

/* First of special_sorted[lo, hi) whose byte at depth is >= c. */
static size_t first_with(const struct su_text *t, size_t lo, size_t hi, size_t depth, unsigned c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (sorted_at(t, mid)->text[depth] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Marks every special token that begins at pos. Those in [lo, hi) share their first `depth`
   bytes with the text. */
static bool mark_at(const struct su_text *t, const uint8_t *p, size_t len, size_t pos,
                    uint8_t *present)
{
    size_t lo = t->special_first[p[pos]], hi = t->special_first[p[pos] + 1];
    bool any = false;

    for (size_t depth = 1; lo < hi; depth++) {
        while (lo < hi && sorted_at(t, lo)->len == depth) {
            present[t->special_sorted[lo++]] = 1;
            any = true;
        }
        if (pos + depth >= len)
            break;
        unsigned c = p[pos + depth];
        lo = first_with(t, lo, hi, depth, c);
        hi = first_with(t, lo, hi, depth, c + 1);
    }
    return any;
}

static bool trusted(const struct text_trust *trust, size_t begin, size_t end)
{
    size_t lo = 0, hi = trust->span_count;

    if (!trust->control)
        return false;
    while (lo < hi) { /* the first span that ends behind begin */
        size_t mid = lo + (hi - lo) / 2;
        if (trust->spans[mid].end <= begin)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo == trust->span_count || trust->spans[lo].begin >= end;
}

static bool put(struct text_fragments *f, size_t begin, size_t end, uint32_t id)
{
    struct text_fragment *list = text_grow(f->list, &f->cap, f->count + 1, sizeof *list);

    if (!list)
        return false;
    f->list = list;
    f->list[f->count++] = (struct text_fragment){begin, end, id};
    return true;
}

/* The next place in [from, end) where s may be matched; SIZE_MAX: none. */
static size_t next_match(const struct su_text *t, const struct text_special *s, const uint8_t *p,
                         size_t from, size_t end, const struct text_trust *trust)
{
    while (from < end) {
        const uint8_t *m = memmem(p + from, end - from, s->text, s->len);
        if (!m)
            break;
        size_t begin = (size_t)(m - p);
        if (t->type[s->id] == SU_TEXT_USER || trusted(trust, begin, begin + s->len))
            return begin;
        from = begin + 1;
    }
    return SIZE_MAX;
}

/* Cuts every text of `in` at the occurrences of s. */
static bool cut_by(const struct su_text *t, const struct text_special *s, const uint8_t *p,
                   const struct text_fragments *in, const struct text_trust *trust,
                   struct text_fragments *out)
{
    out->count = 0;
    for (size_t i = 0; i < in->count; i++) {
        struct text_fragment f = in->list[i];
        while (f.id == SU_TEXT_NONE) {
            size_t m = next_match(t, s, p, f.begin, f.end, trust);
            if (m == SIZE_MAX)
                break;
            if ((m > f.begin && !put(out, f.begin, m, SU_TEXT_NONE)) ||
                !put(out, m, m + s->len, s->id))
                return false;
            f.begin = m + s->len;
        }
        if (f.begin < f.end && !put(out, f.begin, f.end, f.id))
            return false;
    }
    return true;
}

bool text_specials_cut(const struct su_text *t, const uint8_t *p, size_t len,
                       const struct text_trust *trust, struct text_fragments *out)
{
    struct text_fragments next = {0};
    bool any = false, ok = true;

    out->count = 0;
    if (len == 0)
        return true;
    uint8_t *present = su_try_alloc(t->special_count + 1, 1);
    if (!present || !put(out, 0, len, SU_TEXT_NONE)) {
        free(present);
        return false;
    }
    for (size_t pos = 0; pos < len; pos++) {
        if (t->special_first[p[pos]] < t->special_first[p[pos] + 1])
            any |= mark_at(t, p, len, pos, present);
    }
    for (size_t i = 0; i < t->special_count && any && ok; i++) {
        const struct text_special *s = &t->special[i];
        if (!present[i] || (t->type[s->id] != SU_TEXT_USER && !trust->control))
            continue;
        ok = cut_by(t, s, p, out, trust, &next);
        struct text_fragments swap = *out;
        *out = next;
        next = swap;
    }
    free(next.list);
    free(present);
    return ok;
}
