// SPDX-License-Identifier: MIT
#include "object.h"

#include <string.h>

static unsigned section_count(const struct object *o)
{
    unsigned n = 0;
    while (o->sections[n].name)
        n++;
    return n;
}

static uint32_t add_name(struct su_buf *names, const char *name)
{
    const uint32_t at = (uint32_t)names->len;
    su_buf_put(names, name, strlen(name) + 1);
    return at;
}

static void put_header(struct su_buf *out, uint32_t name, uint32_t type, uint64_t flags,
                       const uint64_t place[2], const uint32_t link_info[2], uint64_t align,
                       uint64_t entry)
{
    su_buf_u32(out, name);
    su_buf_u32(out, type);
    su_buf_u64(out, flags);
    su_buf_u64(out, 0);
    su_buf_u64(out, place[0]);
    su_buf_u64(out, place[1]);
    su_buf_u32(out, link_info[0]);
    su_buf_u32(out, link_info[1]);
    su_buf_u64(out, align);
    su_buf_u64(out, entry);
}

static void align8(struct su_buf *b)
{
    while (b->len % 8)
        su_buf_u8(b, 0);
}

/* Appends the symbol table to out and its names to names. */
static void put_symbols(const struct object *o, struct su_buf *out, struct su_buf *names)
{
    for (unsigned i = 0; i < 3; i++)
        su_buf_u64(out, 0);
    for (const struct object_symbol *s = o->symbols; s->name; s++) {
        su_buf_u32(out, add_name(names, s->name));
        su_buf_u8(out, s->info);
        su_buf_u8(out, 0);
        su_buf_u16(out, s->section);
        su_buf_u64(out, s->value);
        su_buf_u64(out, 0);
    }
}

static unsigned put_rels(const struct object *o, unsigned section, struct su_buf *out)
{
    unsigned n = 0;
    for (const struct object_rel *r = o->rels; r && r->section; r++) {
        if (r->section != section)
            continue;
        su_buf_u64(out, r->offset);
        su_buf_u32(out, r->type);
        su_buf_u32(out, r->symbol);
        n++;
    }
    return n;
}

void object_make(const struct object *o, struct su_buf *out)
{
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    const unsigned n = section_count(o);
    struct su_buf names, headers;
    unsigned count = n + 3;

    su_buf_init(&names, 0);
    su_buf_init(&headers, 0);
    su_buf_u8(&names, 0);
    su_buf_clear(out);
    su_buf_put(out, ident, sizeof ident);
    su_buf_u16(out, 1);
    su_buf_u16(out, 247);
    su_buf_u32(out, 1);
    for (unsigned i = 0; i < 5; i++)
        su_buf_u64(out, 0); /* the rest is known at the end */
    put_header(&headers, 0, 0, 0, (uint64_t[]){0, 0}, (uint32_t[]){0, 0}, 0, 0);
    for (unsigned i = 0; i < n; i++) {
        const struct object_section *s = &o->sections[i];
        align8(out);
        put_header(&headers, add_name(&names, s->name), s->type, s->flags,
                   (uint64_t[]){out->len, s->bytes}, (uint32_t[]){0, 0}, s->align ? s->align : 8,
                   0);
        if (s->type != OBJECT_NOBITS)
            su_buf_put(out, s->data, s->bytes);
    }
    align8(out);
    const size_t symbols = out->len;
    put_symbols(o, out, &names);
    put_header(&headers, add_name(&names, ".symtab"), 2, 0,
               (uint64_t[]){symbols, out->len - symbols}, (uint32_t[]){n + 2, 1}, 8, 24);
    const size_t strings_header = headers.len;
    put_header(&headers, add_name(&names, ".strtab"), 3, 0, (uint64_t[]){0, 0}, (uint32_t[]){0, 0},
               1, 0);
    for (unsigned i = 1; i <= n; i++) {
        const size_t start = out->len;
        if (put_rels(o, i, out) == 0)
            continue;
        put_header(&headers, add_name(&names, ".rel"), 9, 0, (uint64_t[]){start, out->len - start},
                   (uint32_t[]){n + 1, i}, 8, 16);
        count++;
    }
    su_put_le64(headers.data + strings_header + 24, out->len);
    su_put_le64(headers.data + strings_header + 32, names.len);
    su_buf_put(out, names.data, names.len);
    align8(out);
    su_put_le64(out->data + 40, out->len);
    su_put_le16(out->data + 52, 64);
    su_put_le16(out->data + 58, 64);
    su_put_le16(out->data + 60, (uint16_t)count);
    su_put_le16(out->data + 62, (uint16_t)(n + 2));
    su_buf_put(out, headers.data, headers.len);
    su_buf_fini(&names);
    su_buf_fini(&headers);
}

size_t object_header(const struct su_buf *b, unsigned i)
{
    return (size_t)su_le64(b->data + 40) + 64 * (size_t)i;
}
