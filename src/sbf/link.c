// SPDX-License-Identifier: MIT
#include "sbf_priv.h"

#include <stdlib.h>
#include <string.h>

#define RODATA_LEAD_BYTES 8u /* of zeros in version 3, so that nothing lies at address 0 */

static uint32_t rotate(uint32_t v, unsigned by)
{
    return v << by | v >> (32 - by);
}

uint32_t su_sbf_murmur3(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t h = 0;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t k = 0;
        for (size_t b = 0; b < 4 && i + b < n; b++)
            k |= (uint32_t)p[i + b] << 8 * b;
        h ^= rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
        if (n - i >= 4)
            h = rotate(h, 13) * 5 + 0xe6546b64u;
    }
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

bool su_sbf_syscall_known(const char *name)
{
    static const char *const names[] = {
#define X(name) #name,
#include "syscalls.def"
#undef X
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void su_sbf_pad(struct su_buf *b, size_t align)
{
    static const uint8_t zeros[64];
    size_t left = (size_t)su_align_up(b->len, align) - b->len;
    while (left) {
        const size_t n = SU_MIN(left, sizeof zeros);
        su_buf_put(b, zeros, n);
        left -= n;
    }
}

/* Copies the sections to their places. Text comes in the order of the object, as one piece per
   section: what clang resolved within one must stay so. */
static enum su_code gather(struct su_sbf_object *o, struct su_sbf_image *m, struct su_err *e)
{
    if (m->version == SU_SBF_V3)
        su_buf_u64(&m->rodata, 0);
    for (uint32_t i = 1; i < o->sections; i++) {
        struct su_sbf_section *s = &o->section[i];
        if (s->kind == SBF_IGNORED)
            continue;
        struct su_buf *part = s->kind == SBF_TEXT ? &m->text : &m->rodata;
        su_sbf_pad(part, (size_t)s->align);
        if (s->kind == SBF_RODATA)
            m->rodata_align = SU_MAX(m->rodata_align, (size_t)s->align);
        s->place = part->len;
        su_buf_put(part, o->data + s->offset, (size_t)s->bytes);
    }
    if (m->version == SU_SBF_V3 && m->rodata.len == RODATA_LEAD_BYTES)
        su_buf_clear(&m->rodata);
    su_sbf_pad(&m->rodata, INSN_BYTES);
    enum su_code c = su_buf_check(&m->text, o->at, e);
    if (!c)
        c = su_buf_check(&m->rodata, o->at, e);
    if (c)
        return c;
    if (m->text.len == 0)
        return su_fail(e, SU_ENOENT, o->at, "no code, so no function " SU_SBF_ENTRY);
    m->slot = su_try_alloc(m->text.len / INSN_BYTES, 1);
    return m->slot ? SU_OK : su_fail(e, SU_ENOMEM, o->at, "%zu bytes of text", m->text.len);
}

static enum su_code entry_find(const struct su_sbf_object *o, struct su_sbf_image *m,
                               struct su_err *e)
{
    bool found = false;
    for (uint64_t i = 1; i < o->symbols; i++) {
        struct su_sbf_symbol s;
        enum su_code c = su_sbf_object_symbol(o, i, &s, e);
        if (c)
            return c;
        if (s.section == SHN_UNDEF || s.info >> 4 != STB_GLOBAL || (s.info & 15) != STT_FUNC ||
            strcmp(s.name, SU_SBF_ENTRY) != 0)
            continue;
        c = su_sbf_symbol_address(o, m, &s, &m->entry, e);
        if (c)
            return c;
        const uint64_t place = m->entry - m->text_address;
        if (found || o->section[s.section].kind != SBF_TEXT || place % INSN_BYTES != 0 ||
            place >= m->text.len || m->slot[place / INSN_BYTES] == SLOT_TAIL)
            return su_fail(e, SU_EFORMAT, o->at, "symbol %s: not one instruction of the text",
                           s.name);
        found = true;
    }
    if (!found)
        return su_fail(e, SU_ENOENT, o->at, "no global function " SU_SBF_ENTRY);
    return SU_OK;
}

static enum su_code make(struct su_sbf_object *o, struct su_sbf_image *m, struct su_buf *out,
                         struct su_err *e)
{
    enum su_code c = su_sbf_object_read(o, e);
    if (!c)
        c = gather(o, m, e);
    if (!c) {
        if (m->version == SU_SBF_V3)
            su_sbf_place_v3(m);
        else
            su_sbf_place_v0(m);
        c = su_sbf_text_scan(o, m, e);
    }
    if (!c)
        c = su_sbf_relocate(o, m, e);
    if (!c)
        c = su_sbf_text_check(o, m, e);
    if (!c)
        c = entry_find(o, m, e);
    if (c)
        return c;
    if (m->version == SU_SBF_V3)
        su_sbf_write_v3(m, out);
    else
        su_sbf_write_v0(m, out);
    c = su_buf_check(out, o->at, e);
    if (!c && out->len > SU_SBF_IMAGE_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, o->at, "the image has %zu bytes, an account of a program %u",
                       out->len, SU_SBF_IMAGE_BYTES_MAX);
    return c;
}

enum su_code su_sbf_link(const void *object, size_t bytes, const struct su_sbf_options *options,
                         struct su_buf *image, struct su_err *e)
{
    su_buf_clear(image);
    struct su_sbf_object o = {
        .data = object, .bytes = bytes, .at = options && options->at ? options->at : "object"};
    if (!options || (options->version != SU_SBF_V3 && options->version != SU_SBF_V0))
        return su_fail(e, SU_EINVAL, o.at, "the image's version is 3 or 0");
    if (bytes > SU_SBF_OBJECT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, o.at, "%zu bytes, the limit is %u", bytes,
                       SU_SBF_OBJECT_BYTES_MAX);
    struct su_sbf_image m = {.version = options->version, .rodata_align = INSN_BYTES};
    su_buf_init(&m.text, SU_SBF_IMAGE_BYTES_MAX);
    su_buf_init(&m.rodata, SU_SBF_IMAGE_BYTES_MAX);
    enum su_code c = make(&o, &m, image, e);
    if (c)
        su_buf_clear(image);
    su_buf_fini(&m.text);
    su_buf_fini(&m.rodata);
    free(m.slot);
    free(m.call);
    su_sbf_object_fini(&o);
    return c;
}
