// SPDX-License-Identifier: MIT
#include "text_priv.h"

#include <string.h>

struct su_text_string su_text_bytes(const struct su_text *t, uint32_t id, bool names)
{
    struct su_text_string s = {"", 0};

    if (id >= t->count)
        return s;
    uint8_t type = t->type[id];
    bool silent = type == SU_TEXT_CONTROL || type == SU_TEXT_UNKNOWN || type == SU_TEXT_UNUSED;
    if (!silent || names)
        s.bytes = text_token(t, id, &s.len);
    return s;
}

void su_text_decoder_init(struct su_text_decoder *d, const struct su_text *t, bool begin,
                          bool names)
{
    *d = (struct su_text_decoder){
        .text = t, .names = names, .drop_space = begin && t->add_space_prefix};
}

static void replace(struct su_buf *out)
{
    su_buf_put(out, "\xEF\xBF\xBD", 3);
}

/* True when the n bytes at p, which are no whole character, begin one. */
static bool begins_character(const uint8_t *p, size_t n)
{
    static const uint8_t tails[] = {0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF};
    uint8_t probe[4];

    /* Complete it in every way that the bounds of second bytes tell apart. */
    memcpy(probe, p, n);
    for (size_t i = 0; i < sizeof tails; i++) {
        memset(probe + n, tails[i], sizeof probe - n);
        if (su_utf8_step(probe, sizeof probe) > n)
            return true;
    }
    return false;
}

/* Appends p[0..n) after what is held; `last` holds nothing back. */
static void put_bytes(struct su_text_decoder *d, const uint8_t *p, size_t n, bool last,
                      struct su_buf *out)
{
    uint8_t head[8]; /* what is held and the beginning of p */
    size_t used = 0;

    while (d->held_len) {
        size_t more = SU_MIN(n - used, sizeof d->held - d->held_len), len = d->held_len + more;
        memcpy(head, d->held, d->held_len);
        memcpy(head + d->held_len, p + used, more);
        size_t step = su_utf8_step(head, len);
        if (step == 0 && !last && len < 4 && begins_character(head, len)) {
            memcpy(d->held, head, len);
            d->held_len = (uint8_t)len;
            return;
        }
        if (step)
            su_buf_put(out, head, step);
        else
            replace(out);
        step = step ? step : 1;
        if (step >= d->held_len) {
            used += step - d->held_len;
            d->held_len = 0;
        } else {
            d->held_len = (uint8_t)(d->held_len - step);
            memmove(d->held, d->held + step, d->held_len);
        }
    }
    while (used < n) {
        size_t step = su_utf8_step(p + used, n - used);
        if (step) {
            su_buf_put(out, p + used, step);
        } else if (!last && n - used < 4 && begins_character(p + used, n - used)) {
            d->held_len = (uint8_t)(n - used);
            memcpy(d->held, p + used, d->held_len);
            return;
        } else {
            replace(out);
            step = 1;
        }
        used += step;
    }
}

void su_text_decode(struct su_text_decoder *d, uint32_t id, struct su_buf *out)
{
    struct su_text_string s = su_text_bytes(d->text, id, d->names);
    const uint8_t *p = s.bytes;

    if (d->drop_space && id != d->text->bos) {
        d->drop_space = false;
        if (s.len && p[0] == ' ' && d->text->type[id] == SU_TEXT_NORMAL) {
            p++;
            s.len--;
        }
    }
    put_bytes(d, p, s.len, false, out);
}

void su_text_decode_end(struct su_text_decoder *d, struct su_buf *out)
{
    put_bytes(d, (const uint8_t *)"", 0, true, out);
}
