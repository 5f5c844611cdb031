// SPDX-License-Identifier: MIT
/* Merging of neighbours by urgency: a list of symbols, a heap of bids for pairs of neighbours. A
   bid is stale once one of the two was merged into another; then the length differs. */
#include "text_priv.h"

#include <stdlib.h>
#include <string.h>

void *text_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return p;
    size_t more = SU_MAX(need, *cap + *cap / 2 + 64);
    void *q = more <= SIZE_MAX / size ? realloc(p, more * size) : NULL;
    if (q)
        *cap = more;
    return q;
}

bool text_ids_put(struct su_text_ids *l, uint32_t id)
{
    uint32_t *ids = text_grow(l->ids, &l->cap, l->count + 1, sizeof *ids);

    if (!ids)
        return false;
    l->ids = ids;
    l->ids[l->count++] = id;
    return true;
}

void su_text_ids_fini(struct su_text_ids *l)
{
    free(l->ids);
    *l = (struct su_text_ids){0};
}

void text_scratch_fini(struct text_scratch *s)
{
    free(s->symbol);
    free(s->bid);
    free(s->spaced);
    *s = (struct text_scratch){0};
}

/* ---- the heap -------------------------------------------------------------------------------- */

static void bid_push(struct text_scratch *s, struct text_bid b)
{
    struct text_bid *bids = text_grow(s->bid, &s->bid_cap, s->bid_count + 1, sizeof *bids);

    if (!bids) {
        s->failed = true;
        return;
    }
    s->bid = bids;
    size_t i = s->bid_count++;
    while (i > 0 && s->bid[(i - 1) / 2].key > b.key) {
        s->bid[i] = s->bid[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->bid[i] = b;
}

static struct text_bid bid_pop(struct text_scratch *s)
{
    struct text_bid top = s->bid[0], last = s->bid[--s->bid_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->bid_count)
            break;
        if (child + 1 < s->bid_count && s->bid[child + 1].key < s->bid[child].key)
            child++;
        if (s->bid[child].key >= last.key)
            break;
        s->bid[i] = s->bid[child];
        i = child;
    }
    if (s->bid_count)
        s->bid[i] = last;
    return top;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Maps floats to integers of the opposite order, so that the best score is the least. */
static uint32_t urgency_of(float score)
{
    uint32_t bits;
    float plain = score + 0.0f; /* -0 is 0 */

    memcpy(&bits, &plain, sizeof bits);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~bits;
}

/* What merging symbols l and r would give; false: nothing. */
static bool outcome(const struct su_text *t, const struct text_scratch *s, const uint8_t *p,
                    uint32_t l, uint32_t r, uint32_t *urgency, uint32_t *id)
{
    const struct text_symbol *a = &s->symbol[l], *b = &s->symbol[r];

    if (t->score) {
        *id = text_bytes_find(t, p + a->begin, (size_t)a->len + b->len);
        if (*id == SU_TEXT_NONE)
            return false;
        *urgency = urgency_of(t->score[*id]);
        return true;
    }
    if (a->id == SU_TEXT_NONE || b->id == SU_TEXT_NONE)
        return false;
    uint32_t rank = text_pair_find(t, a->id, b->id);
    if (rank == SU_TEXT_NONE)
        return false;
    *urgency = rank;
    *id = t->merge[rank].result;
    return true;
}

static void offer(const struct su_text *t, struct text_scratch *s, const uint8_t *p, uint32_t l,
                  uint32_t r)
{
    uint32_t urgency, id;

    if (l == SU_TEXT_NONE || r == SU_TEXT_NONE || !outcome(t, s, p, l, r, &urgency, &id))
        return;
    bid_push(
        s, (struct text_bid){(uint64_t)urgency << 32 | l, r, s->symbol[l].len + s->symbol[r].len});
}

/* Merges until nothing is left to merge. Assumes count >= 1 symbols in a row. */
static void merge_all(const struct su_text *t, struct text_scratch *s, const uint8_t *p,
                      uint32_t count)
{
    s->bid_count = 0;
    for (uint32_t i = 1; i < count; i++)
        offer(t, s, p, i - 1, i);
    while (s->bid_count && !s->failed) {
        struct text_bid bid = bid_pop(s);
        uint32_t l = (uint32_t)bid.key, urgency, id;
        struct text_symbol *a = &s->symbol[l], *b = &s->symbol[bid.right];
        if (a->len == 0 || b->len == 0 || a->len + b->len != bid.len)
            continue;
        if (!outcome(t, s, p, l, bid.right, &urgency, &id))
            continue;
        a->id = id;
        a->len += b->len;
        b->len = 0;
        a->next = b->next;
        if (b->next != SU_TEXT_NONE)
            s->symbol[b->next].prev = l;
        offer(t, s, p, a->prev, l);
        offer(t, s, p, l, a->next);
    }
}

static void put_id(struct text_scratch *s, struct su_text_ids *out, uint32_t id)
{
    if (id != SU_TEXT_NONE && !text_ids_put(out, id))
        s->failed = true;
}

static bool symbols_reserve(struct text_scratch *s, size_t n)
{
    struct text_symbol *symbols = text_grow(s->symbol, &s->symbol_cap, n, sizeof *symbols);

    if (symbols)
        s->symbol = symbols;
    else
        s->failed = true;
    return symbols != NULL;
}

static void symbols_link(struct text_scratch *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        s->symbol[i].prev = i ? i - 1 : SU_TEXT_NONE;
        s->symbol[i].next = i + 1 < count ? i + 1 : SU_TEXT_NONE;
    }
}

void text_merge_bpe(const struct su_text *t, struct text_scratch *s, const uint8_t *p, size_t len,
                    struct su_text_ids *out)
{
    if (t->ignore_merges) {
        uint32_t id = text_bytes_find(t, p, len);
        if (id != SU_TEXT_NONE) {
            put_id(s, out, id);
            return;
        }
    }
    if (!symbols_reserve(s, len))
        return;
    for (uint32_t i = 0; i < len; i++)
        s->symbol[i] = (struct text_symbol){.begin = i, .len = 1, .id = t->byte_id[p[i]]};
    symbols_link(s, (uint32_t)len);
    merge_all(t, s, p, (uint32_t)len);
    for (uint32_t i = 0; i != SU_TEXT_NONE && !s->failed; i = s->symbol[i].next)
        put_id(s, out, s->symbol[i].id);
}

static void put_bytes(const struct su_text *t, struct text_scratch *s, const uint8_t *p, size_t len,
                      struct su_text_ids *out)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t id = t->byte_id[p[i]];
        put_id(s, out, id != SU_TEXT_NONE ? id : t->unk);
    }
}

void text_merge_spm(const struct su_text *t, struct text_scratch *s, const uint8_t *p, size_t len,
                    struct su_text_ids *out)
{
    uint32_t count = 0;

    if (len == 0 || !symbols_reserve(s, len))
        return;
    for (size_t pos = 0; pos < len;) {
        size_t n = su_utf8_step(p + pos, len - pos);
        n = n ? n : 1;
        s->symbol[count++] = (struct text_symbol){
            .begin = (uint32_t)pos, .len = (uint32_t)n, .id = text_bytes_find(t, p + pos, n)};
        pos += n;
    }
    symbols_link(s, count);
    merge_all(t, s, p, count);
    for (uint32_t i = 0; i != SU_TEXT_NONE && !s->failed; i = s->symbol[i].next) {
        const struct text_symbol *a = &s->symbol[i];
        if (a->id != SU_TEXT_NONE)
            put_id(s, out, a->id);
        else
            put_bytes(t, s, p + a->begin, a->len, out);
    }
}
