// SPDX-License-Identifier: MIT
#include "sbf_priv.h"

#include <stdlib.h>
#include <string.h>

#define SECTION_ALIGN_MAX 4096u

static bool inside(const struct su_sbf_object *o, uint64_t offset, uint64_t bytes)
{
    return offset <= o->bytes && bytes <= o->bytes - offset;
}

static enum su_code header_check(const struct su_sbf_object *o, struct su_err *e)
{
    const uint8_t *p = o->data;
    if (o->bytes < ELF_HEADER_BYTES)
        return su_fail(e, SU_ETRUNC, o->at, "%zu bytes hold no ELF header", o->bytes);
    if (memcmp(p, "\177ELF", 4) != 0)
        return su_fail(e, SU_EFORMAT, o->at, "not an ELF file (LLVM bitcode must go through llc)");
    if (p[4] != 2 || p[5] != 1 || p[6] != 1 || su_le32(p + 20) != 1)
        return su_fail(e, SU_EFORMAT, o->at, "not a little-endian 64-bit ELF file of version 1");
    if (su_le16(p + 16) != ET_REL)
        return su_fail(e, SU_EFORMAT, o->at, "ELF type %u, not a relocatable object (1)",
                       su_le16(p + 16));
    if (su_le16(p + 18) != ELF_MACHINE_BPF)
        return su_fail(e, SU_EFORMAT, o->at, "machine %u, not BPF (247): compile with -target bpf",
                       su_le16(p + 18));
    if (su_le16(p + 58) != ELF_SECTION_BYTES)
        return su_fail(e, SU_EFORMAT, o->at, "section headers of %u bytes, not 64",
                       su_le16(p + 58));
    return SU_OK;
}

/* A terminated string of a string table; NULL when it is not one. */
static const char *string_at(const struct su_sbf_object *o, const struct su_sbf_section *table,
                             uint32_t offset)
{
    if (table->type != SHT_STRTAB || offset >= table->bytes)
        return NULL;
    const uint8_t *s = o->data + table->offset + offset;
    return memchr(s, 0, (size_t)(table->bytes - offset)) ? (const char *)s : NULL;
}

static enum su_code section_read(struct su_sbf_object *o, uint32_t i, const uint8_t *p,
                                 struct su_err *e)
{
    struct su_sbf_section *s = &o->section[i];
    *s = (struct su_sbf_section){.name = "",
                                 .type = su_le32(p + 4),
                                 .flags = su_le64(p + 8),
                                 .offset = su_le64(p + 24),
                                 .bytes = su_le64(p + 32),
                                 .link = su_le32(p + 40),
                                 .info = su_le32(p + 44),
                                 .align = su_le64(p + 48),
                                 .entry_bytes = su_le64(p + 56)};
    if (i != 0 && s->type != SHT_NOBITS && !inside(o, s->offset, s->bytes))
        return su_fail(e, SU_ETRUNC, o->at,
                       "section %u: %llu bytes at offset 0x%llx, the object has %zu", i,
                       (unsigned long long)s->bytes, (unsigned long long)s->offset, o->bytes);
    return SU_OK;
}

static enum su_code sections_read(struct su_sbf_object *o, struct su_err *e)
{
    const uint8_t *p = o->data;
    const uint64_t table = su_le64(p + 40);
    const uint32_t names = su_le16(p + 62);
    o->sections = su_le16(p + 60);
    if (o->sections == 0 || o->sections >= SHN_LORESERVE || names == 0 || names >= o->sections)
        return su_fail(e, SU_EFORMAT, o->at, "%u sections, names in section %u", o->sections,
                       names);
    if (!inside(o, table, (uint64_t)o->sections * ELF_SECTION_BYTES))
        return su_fail(e, SU_ETRUNC, o->at,
                       "%u section headers at offset 0x%llx, the object has %zu bytes", o->sections,
                       (unsigned long long)table, o->bytes);
    o->section = su_try_alloc(o->sections, sizeof *o->section);
    if (!o->section)
        return su_fail(e, SU_ENOMEM, o->at, "%u sections", o->sections);
    for (uint32_t i = 0; i < o->sections; i++) {
        enum su_code c = section_read(o, i, p + table + (size_t)i * ELF_SECTION_BYTES, e);
        if (c)
            return c;
    }
    for (uint32_t i = 1; i < o->sections; i++) {
        const uint32_t at = su_le32(p + table + (size_t)i * ELF_SECTION_BYTES);
        o->section[i].name = string_at(o, &o->section[names], at);
        if (!o->section[i].name)
            return su_fail(e, SU_EFORMAT, o->at, "section %u: its name is outside section %u", i,
                           names);
    }
    return SU_OK;
}

static enum su_code section_classify(const struct su_sbf_object *o, struct su_sbf_section *s,
                                     struct su_err *e)
{
    if (!(s->flags & SHF_ALLOC) || s->bytes == 0)
        return SU_OK;
    const bool relro =
        strcmp(s->name, ".data.rel.ro") == 0 || su_str_starts(s->name, ".data.rel.ro.");
    if (s->type == SHT_NOBITS || (s->flags & SHF_TLS) || ((s->flags & SHF_WRITE) && !relro))
        return su_fail(e, SU_EUNSUPPORTED, o->at,
                       "section %s: writable data; a program has no globals that change (an array "
                       "of strings is 'const char *const')",
                       s->name);
    if (s->type != SHT_PROGBITS || (s->flags & SHF_COMPRESSED))
        return su_fail(e, SU_EUNSUPPORTED, o->at,
                       "section %s: allocated, of type %u and flags 0x%llx: unknown content",
                       s->name, s->type, (unsigned long long)s->flags);
    if (s->align == 0)
        s->align = 1;
    if (s->align > SECTION_ALIGN_MAX || (s->align & (s->align - 1)) != 0)
        return su_fail(e, SU_EUNSUPPORTED, o->at,
                       "section %s: alignment %llu, not a power of two up to %u", s->name,
                       (unsigned long long)s->align, SECTION_ALIGN_MAX);
    s->kind = s->flags & SHF_EXECINSTR ? SBF_TEXT : SBF_RODATA;
    if (s->kind == SBF_TEXT && (s->bytes % INSN_BYTES != 0 || relro))
        return su_fail(e, SU_EFORMAT, o->at, "section %s: %llu bytes are not whole instructions",
                       s->name, (unsigned long long)s->bytes);
    return SU_OK;
}

static enum su_code symtab_find(struct su_sbf_object *o, struct su_err *e)
{
    for (uint32_t i = 1; i < o->sections; i++) {
        const struct su_sbf_section *s = &o->section[i];
        if (s->type != SHT_SYMTAB)
            continue;
        if (o->symtab)
            return su_fail(e, SU_EFORMAT, o->at, "section %s: a second symbol table", s->name);
        if (s->entry_bytes != ELF_SYMBOL_BYTES || s->bytes % ELF_SYMBOL_BYTES != 0 ||
            s->link == 0 || s->link >= o->sections || o->section[s->link].type != SHT_STRTAB)
            return su_fail(e, SU_EFORMAT, o->at,
                           "section %s: symbols of %llu bytes in %llu, names in section %u",
                           s->name, (unsigned long long)s->entry_bytes,
                           (unsigned long long)s->bytes, s->link);
        o->symtab = i;
        o->strtab = s->link;
        o->symbols = s->bytes / ELF_SYMBOL_BYTES;
    }
    if (!o->symtab)
        return su_fail(e, SU_EFORMAT, o->at,
                       "no symbol table (a stripped object cannot be linked)");
    return SU_OK;
}

enum su_code su_sbf_object_read(struct su_sbf_object *o, struct su_err *e)
{
    enum su_code c = header_check(o, e);
    if (!c)
        c = sections_read(o, e);
    for (uint32_t i = 1; !c && i < o->sections; i++)
        c = section_classify(o, &o->section[i], e);
    if (!c)
        c = symtab_find(o, e);
    return c;
}

void su_sbf_object_fini(struct su_sbf_object *o)
{
    free(o->section);
    o->section = NULL;
}

enum su_code su_sbf_object_symbol(const struct su_sbf_object *o, uint64_t i,
                                  struct su_sbf_symbol *s, struct su_err *e)
{
    const uint8_t *p = o->data + o->section[o->symtab].offset + i * ELF_SYMBOL_BYTES;
    *s = (struct su_sbf_symbol){.name = string_at(o, &o->section[o->strtab], su_le32(p)),
                                .info = p[4],
                                .section = su_le16(p + 6),
                                .value = su_le64(p + 8)};
    if (!s->name)
        return su_fail(e, SU_EFORMAT, o->at, "symbol %llu: its name is outside section %s",
                       (unsigned long long)i, o->section[o->strtab].name);
    if (s->section == SHN_COMMON)
        return su_fail(e, SU_EUNSUPPORTED, o->at,
                       "symbol %s: writable data (a common symbol); compile with -fno-common to "
                       "find it",
                       s->name);
    if (s->section >= o->sections && s->section < SHN_LORESERVE)
        return su_fail(e, SU_EFORMAT, o->at, "symbol %s: section %u of %u", s->name, s->section,
                       o->sections);
    return SU_OK;
}
