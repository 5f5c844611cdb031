// SPDX-License-Identifier: MIT
#include "sbf_priv.h"

#include <stdlib.h>
#include <string.h>

/* One relocation on its way. */
struct job {
    const struct su_sbf_object *o;
    struct su_sbf_image *m;
    const struct su_sbf_section *target; /* of the relocation */
    uint64_t offset; /* within target */
    struct su_sbf_symbol symbol;
    uint8_t *p; /* the bytes to patch */
    struct su_err *e;
};

static const char *shown(const struct job *j)
{
    if (j->symbol.name[0])
        return j->symbol.name;
    const uint16_t s = j->symbol.section;
    return s < j->o->sections && s != SHN_UNDEF ? j->o->section[s].name : "(no name)";
}

static enum su_code refuse(const struct job *j, enum su_code c, const char *why)
{
    return su_fail(j->e, c, j->o->at, "section %s+0x%llx, symbol %s: %s", j->target->name,
                   (unsigned long long)j->offset, shown(j), why);
}

enum su_code su_sbf_symbol_address(const struct su_sbf_object *o, const struct su_sbf_image *m,
                                   const struct su_sbf_symbol *s, uint64_t *address,
                                   struct su_err *e)
{
    const struct su_sbf_section *in = s->section < o->sections ? &o->section[s->section] : NULL;
    if (!in || s->section == SHN_UNDEF || in->kind == SBF_IGNORED)
        return su_fail(e, SU_EUNSUPPORTED, o->at, "symbol %s: not in a section of the image",
                       s->name[0] || !in ? s->name : in->name);
    if (s->value > in->bytes)
        return su_fail(e, SU_EFORMAT, o->at, "symbol %s: at 0x%llx of section %s, which has 0x%llx",
                       s->name, (unsigned long long)s->value, in->name,
                       (unsigned long long)in->bytes);
    *address = in->place + s->value + (in->kind == SBF_TEXT ? m->text_address : m->rodata_address);
    return SU_OK;
}

/* Whether address is the first byte of an instruction of the text. */
static bool is_instruction(const struct su_sbf_image *m, uint64_t address)
{
    const uint64_t place = address - m->text_address;
    return place < m->text.len && place % INSN_BYTES == 0 &&
           m->slot[place / INSN_BYTES] != SLOT_TAIL;
}

/* S + A for a pointer; one into the text must be to an instruction. */
static enum su_code pointer_value(const struct job *j, uint64_t addend, uint64_t *value)
{
    uint64_t address;
    if (j->symbol.section == SHN_UNDEF)
        return refuse(j, SU_ENOENT, "undefined, and only calls of the runtime may be");
    enum su_code c = su_sbf_symbol_address(j->o, j->m, &j->symbol, &address, j->e);
    if (c)
        return c;
    *value = address + addend;
    if (j->o->section[j->symbol.section].kind == SBF_TEXT && !is_instruction(j->m, *value))
        return refuse(j, SU_EFORMAT, "the address of a function is not that of an instruction");
    return SU_OK;
}

static enum su_code apply_load(const struct job *j)
{
    uint64_t value;
    if (j->target->kind != SBF_TEXT || j->offset % INSN_BYTES != 0 ||
        j->target->bytes - j->offset < 2 * (uint64_t)INSN_BYTES || j->p[0] != OP_LDDW ||
        j->m->slot[(j->target->place + j->offset) / INSN_BYTES] == SLOT_TAIL)
        return refuse(j, SU_EFORMAT, "relocation of a 64-bit load where there is none");
    const uint64_t addend = su_le32(j->p + 4) | (uint64_t)su_le32(j->p + 12) << 32;
    enum su_code c = pointer_value(j, addend, &value);
    if (c)
        return c;
    su_put_le32(j->p + 4, (uint32_t)value);
    su_put_le32(j->p + 12, (uint32_t)(value >> 32));
    return SU_OK;
}

static enum su_code apply_pointer(const struct job *j)
{
    uint64_t value;
    if (j->target->kind != SBF_RODATA || j->target->bytes - j->offset < 8)
        return refuse(j, SU_EFORMAT, "relocation of a pointer that is not in read-only data");
    enum su_code c = pointer_value(j, su_le64(j->p), &value);
    if (c)
        return c;
    su_put_le64(j->p, value);
    return SU_OK;
}

static enum su_code note_call(const struct job *j, size_t place)
{
    struct su_sbf_image *m = j->m;
    if (m->calls == m->calls_cap) {
        const size_t cap = m->calls_cap ? 2 * m->calls_cap : 64;
        struct su_sbf_call *grown = realloc(m->call, cap * sizeof *grown);
        if (!grown)
            return su_fail(j->e, SU_ENOMEM, j->o->at, "%zu calls", cap);
        m->call = grown;
        m->calls_cap = cap;
    }
    m->call[m->calls++] = (struct su_sbf_call){.place = place, .name = j->symbol.name};
    return SU_OK;
}

static enum su_code apply_syscall(const struct job *j, size_t place)
{
    const char *name = j->symbol.name;
    if (!su_sbf_syscall_known(name))
        return refuse(j, SU_ENOENT,
                      "undefined, and no call that the runtime offers (a function of C's library, "
                      "or a name misspelt?)");
    if (su_le32(j->p + 4) != UINT32_MAX)
        return refuse(j, SU_EFORMAT, "a call of the runtime with an offset");
    j->p[1] = 0;
    j->m->slot[place / INSN_BYTES] = SLOT_SYSCALL;
    if (j->m->version == SU_SBF_V0)
        return note_call(j, place);
    su_put_le32(j->p + 4, su_sbf_murmur3(name, strlen(name)));
    return SU_OK;
}

static enum su_code apply_call(const struct job *j)
{
    const size_t place = (size_t)(j->target->place + j->offset);
    uint64_t symbol;
    if (j->target->kind != SBF_TEXT || j->offset % INSN_BYTES != 0 ||
        j->target->bytes - j->offset < INSN_BYTES || j->p[0] != OP_CALL ||
        j->m->slot[place / INSN_BYTES] != SLOT_PLAIN)
        return refuse(j, SU_EFORMAT, "relocation of a call where there is none, or a second one");
    if (j->symbol.section == SHN_UNDEF)
        return apply_syscall(j, place);
    enum su_code c = su_sbf_symbol_address(j->o, j->m, &j->symbol, &symbol, j->e);
    if (c)
        return c;
    /* For a static function the symbol is its section, and the immediate its slot there less 1. */
    const int64_t slots = (int64_t)(int32_t)su_le32(j->p + 4) + 1;
    const uint64_t target = symbol + (uint64_t)slots * INSN_BYTES;
    if (j->o->section[j->symbol.section].kind != SBF_TEXT || !is_instruction(j->m, target))
        return refuse(j, SU_EFORMAT, "a call of something that is not an instruction");
    const int64_t distance = (int64_t)(target - j->m->text_address - place) / INSN_BYTES - 1;
    j->p[1] = 0x10;
    su_put_le32(j->p + 4, (uint32_t)distance);
    j->m->slot[place / INSN_BYTES] = SLOT_CALL;
    return SU_OK;
}

static enum su_code apply(struct job *j, uint32_t type)
{
    switch (type) {
    case R_BPF_64_64:
        return apply_load(j);
    case R_BPF_64_ABS64:
        return apply_pointer(j);
    case R_BPF_64_32:
        return apply_call(j);
    default: {
        char why[64];
        (void)snprintf(why, sizeof why, "relocation of type %u is not supported", type);
        return refuse(j, SU_EUNSUPPORTED, why);
    }
    }
}

static enum su_code apply_section(const struct su_sbf_object *o, struct su_sbf_image *m,
                                  const struct su_sbf_section *rel, struct su_err *e)
{
    const struct su_sbf_section *target = &o->section[rel->info];
    if (rel->type == SHT_RELA)
        return su_fail(e, SU_EUNSUPPORTED, o->at,
                       "section %s: relocations with addends, which clang does not make for BPF",
                       rel->name);
    if (rel->entry_bytes != ELF_REL_BYTES || rel->bytes % ELF_REL_BYTES != 0 ||
        rel->link != o->symtab)
        return su_fail(e, SU_EFORMAT, o->at,
                       "section %s: relocations of %llu bytes in %llu, symbols in section %u",
                       rel->name, (unsigned long long)rel->entry_bytes,
                       (unsigned long long)rel->bytes, rel->link);
    struct su_buf *part = target->kind == SBF_TEXT ? &m->text : &m->rodata;
    for (uint64_t i = 0; i < rel->bytes; i += ELF_REL_BYTES) {
        const uint8_t *p = o->data + rel->offset + i;
        const uint64_t index = su_le32(p + 12);
        struct job j = {.o = o, .m = m, .target = target, .offset = su_le64(p), .e = e};
        if (j.offset >= target->bytes)
            return su_fail(e, SU_EFORMAT, o->at, "section %s: relocation at 0x%llx of 0x%llx",
                           target->name, (unsigned long long)j.offset,
                           (unsigned long long)target->bytes);
        if (index == 0 || index >= o->symbols)
            return su_fail(e, SU_EFORMAT, o->at, "section %s+0x%llx: symbol %llu of %llu",
                           target->name, (unsigned long long)j.offset, (unsigned long long)index,
                           (unsigned long long)o->symbols);
        enum su_code c = su_sbf_object_symbol(o, index, &j.symbol, e);
        j.p = part->data + target->place + j.offset;
        if (!c)
            c = apply(&j, su_le32(p + 8));
        if (c)
            return c;
    }
    return SU_OK;
}

enum su_code su_sbf_relocate(const struct su_sbf_object *o, struct su_sbf_image *m,
                             struct su_err *e)
{
    for (uint32_t i = 1; i < o->sections; i++) {
        const struct su_sbf_section *s = &o->section[i];
        if (s->type != SHT_REL && s->type != SHT_RELA)
            continue;
        if (s->info == 0 || s->info >= o->sections)
            return su_fail(e, SU_EFORMAT, o->at, "section %s: relocates section %u of %u", s->name,
                           s->info, o->sections);
        if (o->section[s->info].kind == SBF_IGNORED)
            continue;
        enum su_code c = apply_section(o, m, s, e);
        if (c)
            return c;
    }
    return SU_OK;
}
