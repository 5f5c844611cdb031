// SPDX-License-Identifier: MIT
#include "sbf_priv.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS_OF_TEXT 0x100000000u

void su_sbf_write_header(struct su_buf *out, const struct su_sbf_header *h)
{
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    su_buf_put(out, ident, sizeof ident);
    su_buf_u16(out, ET_DYN);
    su_buf_u16(out, ELF_MACHINE_BPF);
    su_buf_u32(out, 1);
    su_buf_u64(out, h->entry);
    su_buf_u64(out, ELF_HEADER_BYTES);
    su_buf_u64(out, h->section_offset);
    su_buf_u32(out, h->flags);
    su_buf_u16(out, ELF_HEADER_BYTES);
    su_buf_u16(out, ELF_PROGRAM_BYTES);
    su_buf_u16(out, h->programs);
    su_buf_u16(out, h->sections ? ELF_SECTION_BYTES : 0);
    su_buf_u16(out, h->sections);
    su_buf_u16(out, h->names);
}

void su_sbf_write_program(struct su_buf *out, const struct su_sbf_program *p)
{
    su_buf_u32(out, p->type);
    su_buf_u32(out, p->flags);
    su_buf_u64(out, p->offset);
    su_buf_u64(out, p->address);
    su_buf_u64(out, p->address);
    su_buf_u64(out, p->bytes);
    su_buf_u64(out, p->bytes);
    su_buf_u64(out, 8);
}

/* ---- version 3 ------------------------------------------------------------------------------- */

void su_sbf_place_v3(struct su_sbf_image *m)
{
    const unsigned programs = m->rodata.len ? 2 : 1;
    m->rodata_offset = ELF_HEADER_BYTES + programs * ELF_PROGRAM_BYTES;
    m->text_offset = m->rodata_offset + m->rodata.len;
    m->rodata_address = 0;
    m->text_address = ADDRESS_OF_TEXT;
}

void su_sbf_write_v3(const struct su_sbf_image *m, struct su_buf *out)
{
    const bool two = m->rodata.len != 0;
    su_sbf_write_header(
        out, &(struct su_sbf_header){.entry = m->entry, .flags = 3, .programs = two ? 2 : 1});
    if (two)
        su_sbf_write_program(out, &(struct su_sbf_program){.type = PT_LOAD,
                                                           .flags = PF_R,
                                                           .offset = m->rodata_offset,
                                                           .address = m->rodata_address,
                                                           .bytes = m->rodata.len});
    su_sbf_write_program(out, &(struct su_sbf_program){.type = PT_LOAD,
                                                       .flags = PF_X,
                                                       .offset = m->text_offset,
                                                       .address = m->text_address,
                                                       .bytes = m->text.len});
    su_buf_put(out, m->rodata.data, m->rodata.len);
    su_buf_put(out, m->text.data, m->text.len);
}

/* ---- version 0 ------------------------------------------------------------------------------- */

/* Sections in the order of their headers. The loader goes by the names, takes addresses of the file
   for offsets, and maps the whole of it at 0x100000000. */
enum { V0_NONE, V0_TEXT, V0_RODATA, V0_DYNSYM, V0_DYNSTR, V0_REL, V0_DYNAMIC, V0_NAMES, V0_COUNT };
static const char *const v0_names[V0_COUNT] = {
    "", ".text", ".rodata", ".dynsym", ".dynstr", ".rel.dyn", ".dynamic", ".shstrtab",
};
enum { DT_NULL, DT_STRTAB = 5, DT_SYMTAB = 6, DT_STRSZ = 10, DT_SYMENT = 11 };
enum { DT_REL = 17, DT_RELSZ = 18, DT_RELENT = 19 };

struct v0_section {
    uint32_t type, link, info;
    uint64_t flags, offset, bytes, align, entry_bytes;
};

/* The sections that follow text and data, and their headers. */
struct v0 {
    struct su_buf dynsym, dynstr, rel, dynamic, names;
    struct v0_section section[V0_COUNT];
    uint32_t name[V0_COUNT];
    uint16_t number[V0_COUNT]; /* of the section in the file: empty ones are left out */
    uint16_t count;
};

void su_sbf_place_v0(struct su_sbf_image *m)
{
    m->text_offset = ELF_HEADER_BYTES + 2 * ELF_PROGRAM_BYTES;
    m->rodata_offset = (size_t)su_align_up(m->text_offset + m->text.len, m->rodata_align);
    m->text_address = ADDRESS_OF_TEXT + m->text_offset;
    m->rodata_address = ADDRESS_OF_TEXT + m->rodata_offset;
}

/* The symbol of a name that was used before, else a new one. */
static uint32_t v0_symbol(struct v0 *v, const char *name)
{
    const uint32_t count = (uint32_t)(v->dynsym.len / ELF_SYMBOL_BYTES);
    for (uint32_t i = 1; i < count; i++) {
        const uint32_t at = su_le32(v->dynsym.data + (size_t)i * ELF_SYMBOL_BYTES);
        if (strcmp((const char *)v->dynstr.data + at, name) == 0)
            return i;
    }
    su_buf_u32(&v->dynsym, (uint32_t)v->dynstr.len);
    su_buf_u32(&v->dynsym, STB_GLOBAL << 4);
    su_buf_u64(&v->dynsym, 0);
    su_buf_u64(&v->dynsym, 0);
    su_buf_put(&v->dynstr, name, strlen(name) + 1);
    return count;
}

static void v0_tables(struct v0 *v, const struct su_sbf_image *m)
{
    for (unsigned i = 0; i < ELF_SYMBOL_BYTES / 8; i++)
        su_buf_u64(&v->dynsym, 0);
    su_buf_u8(&v->dynstr, 0);
    for (size_t i = 0; i < m->calls; i++) {
        const uint32_t symbol = v0_symbol(v, m->call[i].name);
        su_buf_u64(&v->rel, m->text_offset + m->call[i].place);
        su_buf_u32(&v->rel, R_BPF_64_32);
        su_buf_u32(&v->rel, symbol);
    }
    for (unsigned i = 0; i < V0_COUNT; i++) {
        v->name[i] = (uint32_t)v->names.len;
        su_buf_put(&v->names, v0_names[i], strlen(v0_names[i]) + 1);
    }
}

static void v0_dynamic(struct v0 *v)
{
    const struct v0_section *s = v->section;
    const uint64_t rows[][2] = {
        {DT_REL, s[V0_REL].offset},     {DT_RELSZ, v->rel.len},
        {DT_RELENT, ELF_REL_BYTES},     {DT_SYMTAB, s[V0_DYNSYM].offset},
        {DT_SYMENT, ELF_SYMBOL_BYTES},  {DT_STRTAB, s[V0_DYNSTR].offset},
        {DT_STRSZ, s[V0_DYNSTR].bytes}, {DT_NULL, 0},
    };
    /* The loader refuses a table of no relocations. */
    for (size_t i = v->rel.len ? 0 : 3; i < SU_ARRAY_LEN(rows); i++) {
        su_buf_u64(&v->dynamic, rows[i][0]);
        su_buf_u64(&v->dynamic, rows[i][1]);
    }
}

/* Lays a section at the next multiple of 8, and returns what follows it. */
static uint64_t v0_lay(struct v0_section *s, uint64_t offset, size_t bytes)
{
    s->offset = su_align_up(offset, 8);
    s->bytes = bytes;
    return s->offset + bytes;
}

/* The loader refuses empty sections. */
static bool v0_has(const struct v0 *v, unsigned i)
{
    return i == V0_NONE || v->section[i].bytes != 0;
}

/* Returns the offset of the section headers. */
static uint64_t v0_layout(struct v0 *v, const struct su_sbf_image *m)
{
    struct v0_section *s = v->section;
    s[V0_TEXT] = (struct v0_section){.type = SHT_PROGBITS,
                                     .flags = SHF_ALLOC | SHF_EXECINSTR,
                                     .offset = m->text_offset,
                                     .bytes = m->text.len,
                                     .align = 8};
    s[V0_RODATA] = (struct v0_section){.type = SHT_PROGBITS,
                                       .flags = SHF_ALLOC,
                                       .offset = m->rodata_offset,
                                       .bytes = m->rodata.len,
                                       .align = 8};
    s[V0_DYNSYM] = (struct v0_section){.type = SHT_DYNSYM,
                                       .flags = SHF_ALLOC,
                                       .link = V0_DYNSTR,
                                       .info = 1,
                                       .align = 8,
                                       .entry_bytes = ELF_SYMBOL_BYTES};
    s[V0_DYNSTR] = (struct v0_section){.type = SHT_STRTAB, .flags = SHF_ALLOC, .align = 1};
    s[V0_REL] = (struct v0_section){.type = SHT_REL,
                                    .flags = SHF_ALLOC,
                                    .link = V0_DYNSYM,
                                    .align = 8,
                                    .entry_bytes = ELF_REL_BYTES};
    s[V0_DYNAMIC] = (struct v0_section){
        .type = SHT_DYNAMIC, .flags = SHF_ALLOC, .link = V0_DYNSTR, .align = 8, .entry_bytes = 16};
    s[V0_NAMES] = (struct v0_section){.type = SHT_STRTAB, .align = 1};
    uint64_t at = v0_lay(&s[V0_DYNSYM], m->rodata_offset + m->rodata.len, v->dynsym.len);
    at = v0_lay(&s[V0_DYNSTR], at, v->dynstr.len);
    at = v0_lay(&s[V0_REL], at, v->rel.len);
    s[V0_DYNAMIC].offset = su_align_up(at, 8);
    v0_dynamic(v);
    at = v0_lay(&s[V0_DYNAMIC], at, v->dynamic.len);
    at = v0_lay(&s[V0_NAMES], at, v->names.len);
    for (unsigned i = 0; i < V0_COUNT; i++)
        if (v0_has(v, i))
            v->number[i] = v->count++;
    return su_align_up(at, 8);
}

static void v0_put(struct su_buf *out, const struct v0_section *s, const struct su_buf *content)
{
    while (out->len < s->offset && !out->failed)
        su_buf_u8(out, 0);
    su_buf_put(out, content->data, content->len);
}

static void v0_put_headers(const struct v0 *v, struct su_buf *out)
{
    su_sbf_pad(out, 8);
    for (unsigned i = 0; i < V0_COUNT; i++) {
        const struct v0_section *s = &v->section[i];
        if (!v0_has(v, i))
            continue;
        su_buf_u32(out, v->name[i]);
        su_buf_u32(out, s->type);
        su_buf_u64(out, s->flags);
        su_buf_u64(out, s->flags & SHF_ALLOC ? s->offset : 0);
        su_buf_u64(out, s->offset);
        su_buf_u64(out, s->bytes);
        su_buf_u32(out, v->number[s->link]);
        su_buf_u32(out, s->info);
        su_buf_u64(out, s->align);
        su_buf_u64(out, s->entry_bytes);
    }
}

static void v0_put_all(const struct v0 *v, const struct su_sbf_image *m, uint64_t headers,
                       struct su_buf *out)
{
    const struct v0_section *s = v->section;
    su_sbf_write_header(out, &(struct su_sbf_header){.entry = m->entry - ADDRESS_OF_TEXT,
                                                     .section_offset = headers,
                                                     .programs = 2,
                                                     .sections = v->count,
                                                     .names = v->number[V0_NAMES]});
    su_sbf_write_program(
        out, &(struct su_sbf_program){.type = PT_LOAD,
                                      .flags = PF_R | PF_X,
                                      .bytes = s[V0_DYNAMIC].offset + s[V0_DYNAMIC].bytes});
    su_sbf_write_program(out, &(struct su_sbf_program){.type = PT_DYNAMIC,
                                                       .flags = PF_R,
                                                       .offset = s[V0_DYNAMIC].offset,
                                                       .address = s[V0_DYNAMIC].offset,
                                                       .bytes = s[V0_DYNAMIC].bytes});
    v0_put(out, &s[V0_TEXT], &m->text);
    v0_put(out, &s[V0_RODATA], &m->rodata);
    v0_put(out, &s[V0_DYNSYM], &v->dynsym);
    v0_put(out, &s[V0_DYNSTR], &v->dynstr);
    v0_put(out, &s[V0_REL], &v->rel);
    v0_put(out, &s[V0_DYNAMIC], &v->dynamic);
    v0_put(out, &s[V0_NAMES], &v->names);
    v0_put_headers(v, out);
}

void su_sbf_write_v0(const struct su_sbf_image *m, struct su_buf *out)
{
    struct v0 v = {0};
    struct su_buf *parts[] = {&v.dynsym, &v.dynstr, &v.rel, &v.dynamic, &v.names};
    for (size_t i = 0; i < SU_ARRAY_LEN(parts); i++)
        su_buf_init(parts[i], SU_SBF_IMAGE_BYTES_MAX);
    v0_tables(&v, m);
    const uint64_t headers = v0_layout(&v, m);
    bool failed = false;
    for (size_t i = 0; i < SU_ARRAY_LEN(parts); i++)
        failed |= parts[i]->failed;
    if (failed)
        out->failed = true;
    else
        v0_put_all(&v, m, headers, out);
    for (size_t i = 0; i < SU_ARRAY_LEN(parts); i++)
        su_buf_fini(parts[i]);
}
