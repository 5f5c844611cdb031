// SPDX-License-Identifier: MIT
/* Builds small BPF objects for the tests of the linker, as clang would, or not as it would. */
#ifndef SU_TEST_SBF_OBJECT_H
#define SU_TEST_SBF_OBJECT_H

#include "base/base.h"

#define OBJECT_INSN(op, regs, off, imm)                                                            \
    op, regs, (uint8_t)(off), (uint8_t)((off) >> 8), (uint8_t)(imm), (uint8_t)((imm) >> 8),        \
        (uint8_t)((imm) >> 16), (uint8_t)((unsigned)(imm) >> 24)
#define OBJECT_RETURN_0 OBJECT_INSN(0xb7, 0, 0, 0), OBJECT_INSN(0x95, 0, 0, 0)

enum { OBJECT_PROGBITS = 1, OBJECT_NOTE = 7, OBJECT_NOBITS = 8 };
enum { OBJECT_W = 1, OBJECT_A = 2, OBJECT_X = 4 };
enum { OBJECT_GLOBAL_FUNC = 0x12, OBJECT_GLOBAL = 0x10, OBJECT_LOCAL_SECTION = 3 };

struct object_section {
    const char *name;
    uint32_t type;
    uint64_t flags;
    const uint8_t *data;
    size_t bytes;
    uint64_t align; /* 0: 8 */
};
struct object_symbol {
    const char *name;
    uint8_t info;
    uint16_t section;
    uint64_t value;
};
struct object_rel {
    uint16_t section; /* relocated */
    uint64_t offset;
    uint32_t type, symbol;
};

/* Sections are numbered from 1, symbols too. Both lists, and that of relocations, end with a row
   of zeros; rels may be NULL. Section n + 1 is the symbol table, n + 2 holds all names, those after
   it the relocations of section 1, 2, ... */
struct object {
    const struct object_section *sections;
    const struct object_symbol *symbols;
    const struct object_rel *rels;
};

void object_make(const struct object *o, struct su_buf *out);

/* Offset of a header of the object: of its section number i. */
size_t object_header(const struct su_buf *b, unsigned i);

#endif
