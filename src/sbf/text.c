// SPDX-License-Identifier: MIT
#include "sbf_priv.h"

/* Classes of instructions: the low three bits of an opcode. */
enum { LD, LDX, ST, STX, ALU32, JMP, JMP32, ALU64 };

#define REGISTER_MAX 10u
#define CALL_REGISTER_MAX 9u

static enum su_code refuse(const struct su_sbf_object *o, const struct su_sbf_section *s,
                           uint64_t offset, enum su_code c, const char *why, unsigned op,
                           struct su_err *e)
{
    return su_fail(e, c, o->at, "section %s+0x%llx, opcode 0x%02x: %s", s->name,
                   (unsigned long long)offset, op, why);
}

enum su_code su_sbf_text_scan(const struct su_sbf_object *o, struct su_sbf_image *m,
                              struct su_err *e)
{
    for (uint32_t i = 1; i < o->sections; i++) {
        const struct su_sbf_section *s = &o->section[i];
        if (s->kind != SBF_TEXT)
            continue;
        const uint8_t *text = m->text.data + s->place;
        for (uint64_t at = 0; at < s->bytes; at += INSN_BYTES) {
            if (text[at] != OP_LDDW)
                continue;
            const uint8_t *tail = text + at + INSN_BYTES;
            if (at + INSN_BYTES >= s->bytes || su_le32(tail) != 0)
                return refuse(o, s, at, SU_EFORMAT, "a 64-bit load without its second half",
                              OP_LDDW, e);
            at += INSN_BYTES;
            m->slot[(s->place + at) / INSN_BYTES] = SLOT_TAIL;
        }
    }
    return SU_OK;
}

/* NULL when a runtime runs the instruction, else what it is. A VM of version 3 knows 32-bit jumps;
   an image of version 0 must not have them. */
static const char *why_refused(const uint8_t *insn, enum su_sbf_version version)
{
    const unsigned op = insn[0];
    const unsigned what = op >> 4;
    const bool is_register = op & 8;
    switch (op & 7) {
    case LD:
        return op == OP_LDDW ? NULL : "a packet load of the kernel";
    case LDX:
        return (op & 0xe0) == 0x60 ? NULL : "a load that is not of plain memory (-mcpu=v2)";
    case ST:
        return (op & 0xe0) == 0x60 ? NULL : "an unknown store";
    case STX:
        return (op & 0xe0) == 0x60 ? NULL : "an atomic instruction";
    case ALU32:
        if (op == 0x84 || op == 0xd4 || op == 0xdc)
            return NULL;
        return "32-bit arithmetic: compile with -mcpu=v2";
    case JMP32:
        if (version == SU_SBF_V0)
            return "a 32-bit jump: compile with -mcpu=v2";
        return what == 0 || what == 8 || what == 9 || what > 13 ? "an unknown 32-bit jump" : NULL;
    case JMP:
        if (what > 13 || (is_register && (what == 0 || what == 9)))
            return "an unknown jump";
        return NULL;
    default: /* ALU64 */
        if (what > 12 || (what == 8 && is_register))
            return "64-bit arithmetic that Solana's VM lacks (-mcpu=v2)";
        return su_le16(insn + 2) ? "signed division or a sign-extending move (-mcpu=v2)" : NULL;
    }
}

/* Clang 14 names the register of callx in the immediate, newer ones in the destination; a VM of
   version 3 reads the latter, one of version 0 the former. */
static bool callx_move(uint8_t *insn, enum su_sbf_version version)
{
    const uint32_t low = insn[1] & 15;
    const uint32_t imm = su_le32(insn + 4);
    const uint32_t target = imm ? imm : low;
    if ((imm && low) || insn[1] >> 4 || su_le16(insn + 2) || target > CALL_REGISTER_MAX)
        return false;
    insn[1] = version == SU_SBF_V3 ? (uint8_t)target : 0;
    su_put_le32(insn + 4, version == SU_SBF_V3 ? 0 : target);
    return true;
}

/* Whether a jump or call by `distance` slots from the slot at `at` lands on an instruction of the
   section. */
static bool lands(const struct su_sbf_section *s, const struct su_sbf_image *m, uint64_t at,
                  int64_t distance)
{
    const int64_t slot = (int64_t)(at / INSN_BYTES) + 1 + distance;
    if (slot < 0 || (uint64_t)slot >= s->bytes / INSN_BYTES)
        return false;
    return m->slot[s->place / INSN_BYTES + (uint64_t)slot] != SLOT_TAIL;
}

static enum su_code check_insn(const struct su_sbf_object *o, const struct su_sbf_section *s,
                               struct su_sbf_image *m, uint64_t at, struct su_err *e)
{
    uint8_t *insn = m->text.data + s->place + at;
    const unsigned op = insn[0];
    const char *why = why_refused(insn, m->version);
    if (why)
        return refuse(o, s, at, SU_EUNSUPPORTED, why, op, e);
    if (op == OP_CALLX)
        return callx_move(insn, m->version)
                   ? SU_OK
                   : refuse(o, s, at, SU_EFORMAT, "a call of an unclear register", op, e);
    if (op == OP_CALL) {
        const uint8_t slot = m->slot[(s->place + at) / INSN_BYTES];
        if (slot != SLOT_PLAIN)
            return SU_OK;
        if (insn[1] != 0x10)
            return refuse(o, s, at, SU_EUNSUPPORTED, "a call by number, as of a kernel helper", op,
                          e);
        if (!lands(s, m, at, (int32_t)su_le32(insn + 4)))
            return refuse(o, s, at, SU_EFORMAT, "a call out of its section", op, e);
        return SU_OK;
    }
    if ((insn[1] & 15) > REGISTER_MAX || insn[1] >> 4 > REGISTER_MAX)
        return refuse(o, s, at, SU_EFORMAT, "a register above r10", op, e);
    const unsigned class = op & 7;
    if ((class == JMP || class == JMP32) && op != 0x95 &&
        !lands(s, m, at, (int16_t)su_le16(insn + 2)))
        return refuse(o, s, at, SU_EFORMAT, "a jump out of its section", op, e);
    return SU_OK;
}

enum su_code su_sbf_text_check(const struct su_sbf_object *o, struct su_sbf_image *m,
                               struct su_err *e)
{
    for (uint32_t i = 1; i < o->sections; i++) {
        const struct su_sbf_section *s = &o->section[i];
        if (s->kind != SBF_TEXT)
            continue;
        for (uint64_t at = 0; at < s->bytes; at += INSN_BYTES) {
            if (m->slot[(s->place + at) / INSN_BYTES] == SLOT_TAIL)
                continue;
            enum su_code c = check_insn(o, s, m, at, e);
            if (c)
                return c;
        }
    }
    return SU_OK;
}
