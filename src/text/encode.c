// SPDX-License-Identifier: MIT
#include "text_priv.h"

#include <stdlib.h>
#include <string.h>

/* Copies a fragment with one spelling of the space, and the prefix when asked for. */
static size_t respell(struct text_scratch *s, const uint8_t *p, size_t len, bool prefix)
{
    uint8_t *spaced = text_grow(s->spaced, &s->spaced_cap, len + 1, 1);
    size_t n = 0;

    if (!spaced) {
        s->failed = true;
        return 0;
    }
    s->spaced = spaced;
    if (prefix)
        s->spaced[n++] = ' ';
    for (size_t i = 0; i < len; i++) {
        if (len - i >= 3 && memcmp(p + i, "\xE2\x96\x81", 3) == 0) {
            s->spaced[n++] = ' ';
            i += 2;
        } else {
            s->spaced[n++] = p[i];
        }
    }
    return n;
}

static void encode_text(const struct su_text *t, struct text_scratch *s, const uint8_t *p,
                        size_t len, bool prefix, struct su_text_ids *out)
{
    if (t->kind == SU_TEXT_SPM) {
        size_t n = respell(s, p, len, prefix);
        text_merge_spm(t, s, s->spaced, n, out);
        return;
    }
    struct text_pieces pieces = {.rule = t->pre, .p = p, .len = len};
    size_t begin, end;
    while (!s->failed && text_pieces_next(&pieces, &begin, &end))
        text_merge_bpe(t, s, p + begin, end - begin, out);
}

static enum su_code encode(const struct su_text *t, const uint8_t *p, size_t len, bool add,
                           const struct text_trust *trust, struct su_text_ids *out,
                           struct su_err *e)
{
    struct text_scratch s = {0};
    struct text_fragments f = {0};
    size_t before = out->count;
    bool prefix = t->add_space_prefix;

    if (len > SU_TEXT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "text",
                       "%zu bytes, more than the limit of %zu: tokenise it "
                       "in parts",
                       len, SU_TEXT_BYTES_MAX);
    if (!text_specials_cut(t, p, len, trust, &f))
        s.failed = true;
    if (add && t->add_bos && !text_ids_put(out, t->bos))
        s.failed = true;
    for (size_t i = 0; i < f.count && !s.failed; i++) {
        const struct text_fragment *g = &f.list[i];
        if (g->id == SU_TEXT_NONE)
            encode_text(t, &s, p + g->begin, g->end - g->begin, prefix, out);
        else if (!text_ids_put(out, g->id))
            s.failed = true;
        prefix = t->add_space_prefix && !t->prefix_once && g->id != SU_TEXT_NONE;
    }
    if (add && t->add_eos && !text_ids_put(out, t->eos))
        s.failed = true;
    bool failed = s.failed;
    text_scratch_fini(&s);
    free(f.list);
    if (failed) {
        out->count = before;
        return su_fail(e, SU_ENOMEM, "text", "out of memory for tokenising %zu bytes", len);
    }
    return SU_OK;
}

enum su_code su_text_encode(const struct su_text *t, const void *text, size_t len, unsigned flags,
                            struct su_text_ids *out, struct su_err *e)
{
    struct text_trust trust = {.control = (flags & SU_TEXT_PARSE_SPECIAL) != 0};

    return encode(t, text, len, (flags & SU_TEXT_ADD_SPECIAL) != 0, &trust, out, e);
}

enum su_code su_text_encode_prompt(const struct su_text *t, const struct su_text_prompt *p,
                                   struct su_text_ids *out, struct su_err *e)
{
    struct text_trust trust = {true, p->spans, p->span_count};

    return encode(t, p->text.data, p->text.len, true, &trust, out, e);
}
