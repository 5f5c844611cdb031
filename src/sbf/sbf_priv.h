// SPDX-License-Identifier: MIT
/* Inside sbf: the object as it was read, and the image while it is made. */
#ifndef SU_SBF_PRIV_H
#define SU_SBF_PRIV_H

#include "sbf/sbf.h"

#define ELF_HEADER_BYTES 64u
#define ELF_PROGRAM_BYTES 56u
#define ELF_SECTION_BYTES 64u
#define ELF_SYMBOL_BYTES 24u
#define ELF_REL_BYTES 16u
#define ELF_MACHINE_BPF 247u

enum { ET_REL = 1, ET_DYN = 3 };
enum { PT_LOAD = 1, PT_DYNAMIC = 2, PF_X = 1, PF_W = 2, PF_R = 4 };
enum {
    SHT_PROGBITS = 1,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_RELA = 4,
    SHT_DYNAMIC = 6,
    SHT_NOBITS = 8,
    SHT_REL = 9,
    SHT_DYNSYM = 11
};
enum { SHF_WRITE = 1, SHF_ALLOC = 2, SHF_EXECINSTR = 4, SHF_TLS = 0x400, SHF_COMPRESSED = 0x800 };
enum { SHN_UNDEF = 0, SHN_LORESERVE = 0xff00, SHN_COMMON = 0xfff2 };
enum { STB_GLOBAL = 1, STT_FUNC = 2 };

/* Relocations of BPF objects. */
enum { R_BPF_64_64 = 1, R_BPF_64_ABS64 = 2, R_BPF_64_32 = 10 };

#define INSN_BYTES 8u
enum { OP_LDDW = 0x18, OP_CALL = 0x85, OP_CALLX = 0x8d };

enum su_sbf_kind { SBF_IGNORED, SBF_TEXT, SBF_RODATA };

struct su_sbf_section {
    const char *name;
    uint32_t type, link, info;
    uint64_t flags, offset, bytes, align, entry_bytes;
    enum su_sbf_kind kind;
    size_t place; /* of its first byte within text or rodata */
};

struct su_sbf_symbol {
    const char *name; /* never NULL */
    uint16_t section; /* SHN_UNDEF, an index below the object's count, or a reserved number */
    uint8_t info;
    uint64_t value;
};

struct su_sbf_object {
    const uint8_t *data;
    size_t bytes;
    const char *at;
    struct su_sbf_section *section;
    uint32_t sections;
    uint32_t symtab, strtab; /* section numbers, 0 = none */
    uint64_t symbols;
};

/* What a slot of the text (8 bytes) turned out to be. */
enum su_sbf_slot { SLOT_PLAIN, SLOT_TAIL /* of a 16-byte load */, SLOT_CALL, SLOT_SYSCALL };

/* One call of the runtime in the text. */
struct su_sbf_call {
    size_t place; /* of the call in the text */
    const char *name;
};

struct su_sbf_image {
    enum su_sbf_version version;
    struct su_buf text, rodata;
    uint8_t *slot; /* enum su_sbf_slot for each slot of the text */
    struct su_sbf_call *call;
    size_t calls, calls_cap;
    uint64_t text_address, rodata_address;
    size_t text_offset, rodata_offset; /* in the file */
    size_t rodata_align; /* the largest that a section asks for, at least 8 */
    uint64_t entry;
};

/* Reads headers, sections and the symbol table; classifies sections. o->section is freed by
   su_sbf_object_fini, also after a failure. */
enum su_code su_sbf_object_read(struct su_sbf_object *o, struct su_err *e);
void su_sbf_object_fini(struct su_sbf_object *o);
/* Assumes i < o->symbols. */
enum su_code su_sbf_object_symbol(const struct su_sbf_object *o, uint64_t i,
                                  struct su_sbf_symbol *s, struct su_err *e);

/* Applies the object's relocations to text and rodata. */
enum su_code su_sbf_relocate(const struct su_sbf_object *o, struct su_sbf_image *m,
                             struct su_err *e);
/* The address that a symbol has in the image; SU_EUNSUPPORTED when it lies in nothing kept. */
enum su_code su_sbf_symbol_address(const struct su_sbf_object *o, const struct su_sbf_image *m,
                                   const struct su_sbf_symbol *s, uint64_t *address,
                                   struct su_err *e);

/* Marks the second halves of 16-byte loads; before relocation. */
enum su_code su_sbf_text_scan(const struct su_sbf_object *o, struct su_sbf_image *m,
                              struct su_err *e);
/* Refuses what a runtime would not run, and moves the register of callx; after relocation. */
enum su_code su_sbf_text_check(const struct su_sbf_object *o, struct su_sbf_image *m,
                               struct su_err *e);

/* Write the file. su_sbf_place_* set offsets and addresses, once text and rodata have their
   sizes. */
void su_sbf_place_v3(struct su_sbf_image *m);
void su_sbf_place_v0(struct su_sbf_image *m);
void su_sbf_write_v3(const struct su_sbf_image *m, struct su_buf *out);
void su_sbf_write_v0(const struct su_sbf_image *m, struct su_buf *out);

/* What both writers begin with. */
struct su_sbf_header {
    uint64_t entry, section_offset;
    uint32_t flags;
    uint16_t programs, sections, names;
};
void su_sbf_write_header(struct su_buf *out, const struct su_sbf_header *h);
struct su_sbf_program {
    uint32_t type, flags;
    uint64_t offset, address, bytes;
};
void su_sbf_write_program(struct su_buf *out, const struct su_sbf_program *p);
void su_sbf_pad(struct su_buf *b, size_t align); /* zeros up to a multiple of align */

#endif
