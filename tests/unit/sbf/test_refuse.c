// SPDX-License-Identifier: MIT
/* What the linker refuses, with its code and the words that let a reader find the place. */
#include "object.h"
#include "sbf/sbf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t return_0[] = {OBJECT_RETURN_0};

#define TEXT(bytes)                                                                                \
    {                                                                                              \
        ".text", OBJECT_PROGBITS, OBJECT_A | OBJECT_X, bytes, sizeof(bytes), 0                     \
    }
#define ENTRY                                                                                      \
    {                                                                                              \
        "entrypoint", OBJECT_GLOBAL_FUNC, 1, 0                                                     \
    }

static void refused(const struct su_buf *object, enum su_sbf_version version, enum su_code code,
                    const char *words)
{
    struct su_err e = {0};
    struct su_buf image;
    su_buf_init(&image, 0);
    su_buf_str(&image, "old");
    enum su_code c =
        su_sbf_link(object->data, object->len,
                    &(struct su_sbf_options){.version = version, .at = "x.o"}, &image, &e);
    if (c != code || !strstr(e.msg, words) || strcmp(e.at, "x.o") != 0 || image.len != 0)
        fail_msg("wanted %s \"%s\", got %s \"%s: %s\", %zu bytes", su_code_name(code), words,
                 su_code_name(c), e.at, e.msg, image.len);
    su_buf_fini(&image);
}

static void refused_object(const struct object_section *sections,
                           const struct object_symbol *symbols, const struct object_rel *rels,
                           enum su_code code, const char *words)
{
    struct su_buf object;
    su_buf_init(&object, 0);
    object_make(&(struct object){sections, symbols, rels}, &object);
    refused(&object, SU_SBF_V3, code, words);
    refused(&object, SU_SBF_V0, code, words);
    su_buf_fini(&object);
}

/* Section 1 is .text of these instructions, section 2 is 16 bytes of .rodata, symbol 1 the entry,
   2 .rodata, 3 .text, 4 undefined sol_log_, 5 undefined memcpy. */
static void refused_text(const uint8_t *text, size_t bytes, const struct object_rel *rels,
                         enum su_code code, const char *words)
{
    static const uint8_t data[16] = {1};
    refused_object(
        (struct object_section[]){{".text", OBJECT_PROGBITS, OBJECT_A | OBJECT_X, text, bytes, 0},
                                  {".rodata", OBJECT_PROGBITS, OBJECT_A, data, sizeof data, 0},
                                  {0}},
        (struct object_symbol[]){ENTRY,
                                 {"", OBJECT_LOCAL_SECTION, 2, 0},
                                 {"", OBJECT_LOCAL_SECTION, 1, 0},
                                 {"sol_log_", OBJECT_GLOBAL, 0, 0},
                                 {"memcpy", OBJECT_GLOBAL, 0, 0},
                                 {"far", OBJECT_GLOBAL_FUNC, 1, 4096},
                                 {"constant", OBJECT_GLOBAL, 0xfff1, 5},
                                 {0}},
        rels, code, words);
}

/* ---- the object as a file ------------------------------------------------------------------- */

static void simple(struct su_buf *object)
{
    su_buf_init(object, 0);
    object_make(&(struct object){(struct object_section[]){TEXT(return_0), {0}},
                                 (struct object_symbol[]){ENTRY, {0}}, NULL},
                object);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        unsigned offset, bytes;
        uint64_t value;
        enum su_code code;
        const char *words;
    } row[] = {
        {0, 1, 0x42, SU_EFORMAT, "not an ELF file"},
        {4, 1, 1, SU_EFORMAT, "64-bit"},
        {5, 1, 2, SU_EFORMAT, "little-endian"},
        {6, 1, 2, SU_EFORMAT, "version 1"},
        {16, 2, 3, SU_EFORMAT, "ELF type 3"},
        {18, 2, 62, SU_EFORMAT, "machine 62"},
        {18, 2, 263, SU_EFORMAT, "machine 263"},
        {58, 2, 40, SU_EFORMAT, "section headers of 40"},
        {60, 2, 0, SU_EFORMAT, "0 sections"},
        {60, 2, 0xff00, SU_EFORMAT, "65280 sections"},
        {60, 2, 0x7fff, SU_ETRUNC, "32767 section headers"},
        {62, 2, 0, SU_EFORMAT, "names in section 0"},
        {62, 2, 9, SU_EFORMAT, "names in section 9"},
        {62, 2, 1, SU_EFORMAT, "its name is outside section 1"},
        {40, 8, UINT64_MAX, SU_ETRUNC, "section headers at offset 0xffffffffffffffff"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct su_buf object;
        simple(&object);
        for (unsigned b = 0; b < row[i].bytes; b++)
            object.data[row[i].offset + b] = (uint8_t)(row[i].value >> 8 * b);
        refused(&object, SU_SBF_V3, row[i].code, row[i].words);
        su_buf_fini(&object);
    }
}

/* Fields of section headers: 1 is .text, 2 .symtab, 3 .strtab. */
static void section_headers(void **state)
{
    (void)state;
    static const struct {
        unsigned section, offset, bytes;
        uint64_t value;
        enum su_code code;
        const char *words;
    } row[] = {
        {1, 0, 4, 1000, SU_EFORMAT, "section 1: its name"},
        {1, 4, 4, OBJECT_NOTE, SU_EUNSUPPORTED, "section .text: allocated, of type 7"},
        {1, 4, 4, OBJECT_NOBITS, SU_EUNSUPPORTED, "section .text: writable data"},
        {1, 8, 8, OBJECT_A | OBJECT_X | OBJECT_W, SU_EUNSUPPORTED, "section .text: writable data"},
        {1, 8, 8, OBJECT_A | OBJECT_X | 0x400, SU_EUNSUPPORTED, "section .text: writable data"},
        {1, 8, 8, OBJECT_A | OBJECT_X | 0x800, SU_EUNSUPPORTED, "flags 0x806"},
        {1, 8, 8, 0, SU_ENOENT, "no code"},
        {1, 24, 8, 100000, SU_ETRUNC, "section 1: 16 bytes at offset 0x186a0"},
        {1, 24, 8, UINT64_MAX - 7, SU_ETRUNC, "at offset 0xfffffffffffffff8"},
        {1, 32, 8, UINT64_MAX, SU_ETRUNC, "section 1"},
        {1, 32, 8, 12, SU_EFORMAT, "12 bytes are not whole instructions"},
        {1, 48, 8, 3, SU_EUNSUPPORTED, "alignment 3"},
        {1, 48, 8, 8192, SU_EUNSUPPORTED, "alignment 8192"},
        {2, 4, 4, 1, SU_EFORMAT, "no symbol table"},
        {2, 40, 4, 0, SU_EFORMAT, "names in section 0"},
        {2, 40, 4, 44, SU_EFORMAT, "names in section 44"},
        {2, 40, 4, 1, SU_EFORMAT, "names in section 1"},
        {2, 56, 8, 16, SU_EFORMAT, "symbols of 16 bytes"},
        {2, 32, 8, 25, SU_EFORMAT, "in 25"},
        {3, 32, 8, 1, SU_EFORMAT, "its name is outside"},
        {3, 4, 4, 2, SU_EFORMAT, "its name is outside"},
        {3, 4, 4, OBJECT_NOBITS, SU_EFORMAT, "its name is outside"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct su_buf object;
        simple(&object);
        uint8_t *p = object.data + object_header(&object, row[i].section) + row[i].offset;
        for (unsigned b = 0; b < row[i].bytes; b++)
            p[b] = (uint8_t)(row[i].value >> 8 * b);
        refused(&object, SU_SBF_V3, row[i].code, row[i].words);
        su_buf_fini(&object);
    }
}

static void cut_short(void **state)
{
    (void)state;
    struct su_buf object;
    simple(&object);
    const size_t whole = object.len;
    for (object.len = 0; object.len < whole; object.len++) {
        struct su_err e = {0};
        struct su_buf image;
        su_buf_init(&image, 0);
        /* in memory of that very size, so that a sanitizer sees a read beyond it */
        uint8_t *copy = malloc(object.len + !object.len);
        assert_non_null(copy);
        memcpy(copy, object.data, object.len);
        assert_int_equal(su_sbf_link(copy, object.len,
                                     &(struct su_sbf_options){.version = SU_SBF_V3}, &image, &e),
                         SU_ETRUNC);
        assert_string_equal(e.at, "object");
        free(copy);
        su_buf_fini(&image);
    }
    su_buf_fini(&object);
}

static void options(void **state)
{
    (void)state;
    struct su_err e = {0};
    struct su_buf object, image;
    simple(&object);
    su_buf_init(&image, 0);
    assert_int_equal(su_sbf_link(object.data, object.len, NULL, &image, &e), SU_EINVAL);
    assert_int_equal(su_sbf_link(object.data, object.len,
                                 &(struct su_sbf_options){.version = (enum su_sbf_version)7},
                                 &image, &e),
                     SU_EINVAL);
    assert_int_equal(su_sbf_link(object.data, (size_t)SU_SBF_OBJECT_BYTES_MAX + 1,
                                 &(struct su_sbf_options){0}, &image, &e),
                     SU_ELIMIT);
    su_buf_fini(&image);
    /* a failed allocation of the caller's buffer */
    su_buf_init(&image, 100);
    assert_int_equal(su_sbf_link(object.data, object.len, &(struct su_sbf_options){0}, &image, &e),
                     SU_ELIMIT);
    su_buf_fini(&object);
    su_buf_fini(&image);
}

static void too_large(void **state)
{
    (void)state;
    const size_t bytes = SU_SBF_IMAGE_BYTES_MAX / 8 * 8 - 8;
    uint8_t *big = calloc(1, bytes);
    assert_non_null(big);
    const struct object_section data = {".rodata", OBJECT_PROGBITS, OBJECT_A, big, bytes, 8};
    /* the data alone fit, the file around them does not */
    refused_object((struct object_section[]){TEXT(return_0), data, {0}},
                   (struct object_symbol[]){ENTRY, {0}}, NULL, SU_ELIMIT, "");
    refused_object((struct object_section[]){TEXT(return_0), data, data, {0}},
                   (struct object_symbol[]){ENTRY, {0}}, NULL, SU_ELIMIT, "");
    free(big);
}

/* ---- data and symbols ----------------------------------------------------------------------- */

static void writable(void **state)
{
    (void)state;
    static const uint8_t word[8] = {1};
    const struct object_symbol entry[] = {ENTRY, {0}};
    static const struct object_section row[] = {
        {".data", OBJECT_PROGBITS, OBJECT_A | OBJECT_W, word, 8, 0},
        {".bss", OBJECT_NOBITS, OBJECT_A | OBJECT_W, NULL, 8, 0},
        {".data.rel.rot", OBJECT_PROGBITS, OBJECT_A | OBJECT_W, word, 8, 0},
        {".init_array", 14, OBJECT_A | OBJECT_W, word, 8, 0},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "section %s: writable data", row[i].name);
        refused_object((struct object_section[]){TEXT(return_0), row[i], {0}}, entry, NULL,
                       SU_EUNSUPPORTED, words);
    }
    refused_object((struct object_section[]){TEXT(return_0), {0}},
                   (struct object_symbol[]){ENTRY, {"shared", OBJECT_GLOBAL, 0xfff2, 8}, {0}}, NULL,
                   SU_EUNSUPPORTED, "symbol shared: writable data");
}

static void entry(void **state)
{
    (void)state;
    static const uint8_t load[] = {OBJECT_INSN(0x18, 0, 0, 1), OBJECT_INSN(0, 0, 0, 0),
                                   OBJECT_INSN(0x95, 0, 0, 0)};
    static const uint8_t data[8] = {1};
    static const struct {
        struct object_symbol symbol[3];
        enum su_code code;
        const char *words;
    } row[] = {
        {{{"main", OBJECT_GLOBAL_FUNC, 1, 0}, {0}}, SU_ENOENT, "no global function entrypoint"},
        {{{"entrypoint", 2, 1, 0}, {0}}, SU_ENOENT, "no global function"},
        {{{"entrypoint", OBJECT_GLOBAL, 1, 0}, {0}}, SU_ENOENT, "no global function"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 0, 0}, {0}}, SU_ENOENT, "no global function"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 2, 0}, {0}}, SU_EFORMAT, "not one instruction"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 1, 8}, {0}}, SU_EFORMAT, "not one instruction"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 1, 4}, {0}}, SU_EFORMAT, "not one instruction"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 1, 24}, {0}}, SU_EFORMAT, "not one instruction"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 1, 25}, {0}}, SU_EFORMAT, "at 0x19 of section .text"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 99, 0}, {0}}, SU_EFORMAT, "section 99 of 5"},
        {{{"entrypoint", OBJECT_GLOBAL_FUNC, 3, 0}, {0}}, SU_EUNSUPPORTED, "not in a section of"},
        {{ENTRY, ENTRY, {0}}, SU_EFORMAT, "not one instruction"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        refused_object(
            (struct object_section[]){
                TEXT(load), {".rodata", OBJECT_PROGBITS, OBJECT_A, data, sizeof data, 0}, {0}},
            row[i].symbol, NULL, row[i].code, row[i].words);
    refused_object(
        (struct object_section[]){{".rodata", OBJECT_PROGBITS, OBJECT_A, data, sizeof data, 0},
                                  {0}},
        (struct object_symbol[]){{0}}, NULL, SU_ENOENT, "no code");
}

static void symbol_tables(void **state)
{
    (void)state;
    struct su_buf object;
    simple(&object);
    uint8_t *symbol = object.data + su_le64(object.data + object_header(&object, 2) + 24) + 24;
    su_put_le32(symbol, 100000);
    refused(&object, SU_SBF_V3, SU_EFORMAT, "symbol 1: its name is outside section .strtab");
    su_buf_fini(&object);

    /* a second table: .text's type becomes that of one */
    su_buf_init(&object, 0);
    object_make(&(struct object){(struct object_section[]){
                                     TEXT(return_0), {"again", 2, 0, return_0, 0, 0}, {0}},
                                 (struct object_symbol[]){ENTRY, {0}}, NULL},
                &object);
    uint8_t *p = object.data + object_header(&object, 2);
    su_put_le32(p + 40, 4);
    su_put_le64(p + 56, 24);
    refused(&object, SU_SBF_V3, SU_EFORMAT, "section .symtab: a second symbol table");
    su_buf_fini(&object);
}

/* ---- relocations ---------------------------------------------------------------------------- */

#define LOAD OBJECT_INSN(0x18, 1, 0, 0), OBJECT_INSN(0, 0, 0, 0)
#define CALL OBJECT_INSN(0x85, 0x10, 0, -1)
#define EXIT OBJECT_INSN(0x95, 0, 0, 0)

static void relocations(void **state)
{
    (void)state;
    static const uint8_t text[] = {LOAD, CALL, OBJECT_INSN(0xb7, 0, 0, 0), EXIT};
    static const struct {
        struct object_rel rel[3];
        enum su_code code;
        const char *words;
    } row[] = {
        {{{1, 0, 3, 2}},
         SU_EUNSUPPORTED,
         "section .text+0x0, symbol .rodata: relocation of type 3"},
        {{{1, 0, 4, 2}}, SU_EUNSUPPORTED, "type 4"},
        {{{1, 0, 0, 2}}, SU_EUNSUPPORTED, "type 0"},
        {{{1, 0, 0xffffffff, 2}}, SU_EUNSUPPORTED, "type 4294967295"},
        {{{1, 40, 10, 4}}, SU_EFORMAT, "section .text: relocation at 0x28 of 0x28"},
        {{{1, UINT64_MAX, 10, 4}}, SU_EFORMAT, "at 0xffffffffffffffff"},
        {{{1, 16, 10, 0}}, SU_EFORMAT, "section .text+0x10: symbol 0 of 8"},
        {{{1, 16, 10, 8}}, SU_EFORMAT, "symbol 8 of 8"},
        /* 64-bit loads */
        {{{1, 24, 1, 2}}, SU_EFORMAT, "a 64-bit load where there is none"},
        {{{1, 4, 1, 2}}, SU_EFORMAT, "a 64-bit load where there is none"},
        {{{1, 8, 1, 2}}, SU_EFORMAT, "a 64-bit load where there is none"},
        {{{1, 32, 1, 2}}, SU_EFORMAT, "a 64-bit load where there is none"},
        {{{2, 0, 1, 2}}, SU_EFORMAT, "a 64-bit load where there is none"},
        {{{1, 0, 1, 4}}, SU_ENOENT, "symbol sol_log_: undefined, and only calls"},
        {{{1, 0, 1, 6}}, SU_EFORMAT, "symbol far: at 0x1000 of section .text"},
        {{{1, 0, 1, 7}}, SU_EUNSUPPORTED, "symbol constant: not in a section of the image"},
        /* pointers */
        {{{1, 0, 2, 2}}, SU_EFORMAT, "a pointer that is not in read-only data"},
        {{{2, 12, 2, 2}}, SU_EFORMAT, "a pointer that is not in read-only data"},
        {{{2, 0, 2, 5}}, SU_ENOENT, "section .rodata+0x0, symbol memcpy: undefined"},
        {{{2, 0, 2, 3}}, SU_EFORMAT, "not that of an instruction"},
        /* calls */
        {{{1, 24, 10, 4}}, SU_EFORMAT, "a call where there is none"},
        {{{1, 20, 10, 4}}, SU_EFORMAT, "a call where there is none"},
        {{{2, 0, 10, 4}}, SU_EFORMAT, "a call where there is none"},
        {{{1, 16, 10, 4}, {1, 16, 10, 4}}, SU_EFORMAT, "or a second one"},
        {{{1, 16, 10, 5}}, SU_ENOENT, "section .text+0x10, symbol memcpy: undefined, and no call"},
        {{{1, 16, 10, 2}}, SU_EFORMAT, "symbol .rodata: a call of something that is not"},
        {{{1, 16, 10, 7}}, SU_EUNSUPPORTED, "symbol constant: not in a section"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        refused_text(text, sizeof text, row[i].rel, row[i].code, row[i].words);
}

static void relocated_values(void **state)
{
    (void)state;
    static const uint8_t tail[] = {LOAD, OBJECT_INSN(0x85, 0x10, 0, 0), EXIT};
    refused_text(tail, sizeof tail, (struct object_rel[]){{1, 16, 10, 3}, {0}}, SU_EFORMAT,
                 "symbol .text: a call of something that is not an instruction");
    static const uint8_t beyond[] = {OBJECT_INSN(0x85, 0x10, 0, 1000), EXIT};
    refused_text(beyond, sizeof beyond, (struct object_rel[]){{1, 0, 10, 3}, {0}}, SU_EFORMAT,
                 "a call of something that is not an instruction");
    static const uint8_t before[] = {OBJECT_INSN(0x85, 0x10, 0, -100), EXIT};
    refused_text(before, sizeof before, (struct object_rel[]){{1, 0, 10, 3}, {0}}, SU_EFORMAT,
                 "a call of something that is not an instruction");
    static const uint8_t offset[] = {OBJECT_INSN(0x85, 0x10, 0, 5), EXIT};
    refused_text(offset, sizeof offset, (struct object_rel[]){{1, 0, 10, 4}, {0}}, SU_EFORMAT,
                 "symbol sol_log_: a call of the runtime with an offset");
    static const uint8_t half[] = {OBJECT_INSN(0x18, 1, 0, 4), OBJECT_INSN(0, 0, 0, 0), EXIT};
    refused_text(half, sizeof half, (struct object_rel[]){{1, 0, 1, 3}, {0}}, SU_EFORMAT,
                 "the address of a function is not that of an instruction");
}

static void relocation_tables(void **state)
{
    (void)state;
    static const uint8_t text[] = {CALL, EXIT};
    static const struct {
        unsigned offset, bytes;
        uint64_t value;
        enum su_code code;
        const char *words;
    } row[] = {
        {4, 4, 4, SU_EUNSUPPORTED, "section .rel: relocations with addends"},
        {40, 4, 1, SU_EFORMAT, "symbols in section 1"},
        {44, 4, 0, SU_EFORMAT, "section .rel: relocates section 0"},
        {44, 4, 70, SU_EFORMAT, "relocates section 70"},
        {32, 8, 15, SU_EFORMAT, "in 15"},
        {56, 8, 24, SU_EFORMAT, "relocations of 24 bytes"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct su_buf object;
        su_buf_init(&object, 0);
        object_make(&(struct object){(struct object_section[]){TEXT(text), {0}},
                                     (struct object_symbol[]){
                                         ENTRY, {"sol_log_", OBJECT_GLOBAL, 0, 0}, {0}},
                                     (struct object_rel[]){{1, 0, 10, 2}, {0}}},
                    &object);
        uint8_t *p = object.data + object_header(&object, 4) + row[i].offset;
        for (unsigned b = 0; b < row[i].bytes; b++)
            p[b] = (uint8_t)(row[i].value >> 8 * b);
        refused(&object, SU_SBF_V3, row[i].code, row[i].words);
        su_buf_fini(&object);
    }
}

/* ---- instructions --------------------------------------------------------------------------- */

static enum su_code link_insn(unsigned op, unsigned regs, unsigned off, enum su_sbf_version version)
{
    struct su_err e = {0};
    struct su_buf object, image;
    const uint8_t text[] = {OBJECT_INSN((uint8_t)op, (uint8_t)regs, off, 0), OBJECT_RETURN_0};
    su_buf_init(&object, 0);
    su_buf_init(&image, 0);
    object_make(&(struct object){(struct object_section[]){TEXT(text), {0}},
                                 (struct object_symbol[]){ENTRY, {0}}, NULL},
                &object);
    enum su_code c = su_sbf_link(object.data, object.len,
                                 &(struct su_sbf_options){.version = version}, &image, &e);
    su_buf_fini(&object);
    su_buf_fini(&image);
    return c;
}

/* Every opcode, with registers and offset of 0: these and no others are taken. */
static void opcodes(void **state)
{
    (void)state;
    static const uint8_t both[] = {
        0x61, 0x69, 0x71, 0x79, /* loads */
        0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, /* stores */
        0x84, 0xd4, 0xdc, /* negation, byte order */
        0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d,
        0x75, 0x7d, 0xa5, 0xad, 0xb5, 0xbd, 0xc5, 0xcd, 0xd5, 0xdd, 0x8d, 0x95, /* jumps */
        0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67,
        0x6f, 0x77, 0x7f, 0x87, 0x97, 0x9f, 0xa7, 0xaf, 0xb7, 0xbf, 0xc7, 0xcf, /* 64-bit */
    };
    static const uint8_t v3_only[] = {
        0x16, 0x1e, 0x26, 0x2e, 0x36, 0x3e, 0x46, 0x4e, 0x56, 0x5e, 0x66,
        0x6e, 0x76, 0x7e, 0xa6, 0xae, 0xb6, 0xbe, 0xc6, 0xce, 0xd6, 0xde,
    };
    for (unsigned op = 0; op < 256; op++) {
        const bool in_both = memchr(both, (int)op, sizeof both) != NULL;
        const bool in_v3 = in_both || memchr(v3_only, (int)op, sizeof v3_only) != NULL;
        /* half a load and a call by number are ill-formed or not, but never taken */
        if ((link_insn(op, 0, 0, SU_SBF_V3) == SU_OK) != in_v3 ||
            (link_insn(op, 0, 0, SU_SBF_V0) == SU_OK) != in_both)
            fail_msg("opcode 0x%02x", op);
    }
}

static void instructions(void **state)
{
    (void)state;
    static const struct {
        uint8_t insn[8];
        enum su_code code;
        const char *words;
    } row[] = {
        {{OBJECT_INSN(0xdb, 0, 0, 0)},
         SU_EUNSUPPORTED,
         "section .text+0x0, opcode 0xdb: an atomic"},
        {{OBJECT_INSN(0xc3, 0, 0, 0)}, SU_EUNSUPPORTED, "an atomic"},
        {{OBJECT_INSN(0x0c, 0, 0, 0)}, SU_EUNSUPPORTED, "32-bit arithmetic"},
        {{OBJECT_INSN(0x20, 0, 0, 0)}, SU_EUNSUPPORTED, "packet load"},
        {{OBJECT_INSN(0x81, 0, 0, 0)}, SU_EUNSUPPORTED, "not of plain memory"},
        {{OBJECT_INSN(0x42, 0, 0, 0)}, SU_EUNSUPPORTED, "unknown store"},
        {{OBJECT_INSN(0x86, 0, 0, 0)}, SU_EUNSUPPORTED, "32-bit jump"},
        {{OBJECT_INSN(0xe5, 0, 0, 0)}, SU_EUNSUPPORTED, "unknown jump"},
        {{OBJECT_INSN(0xd7, 0, 0, 0)}, SU_EUNSUPPORTED, "VM lacks"},
        {{OBJECT_INSN(0x37, 0, 1, 2)}, SU_EUNSUPPORTED, "signed division"},
        {{OBJECT_INSN(0xbf, 0, 8, 0)}, SU_EUNSUPPORTED, "sign-extending"},
        {{OBJECT_INSN(0x85, 0, 0, 7)}, SU_EUNSUPPORTED, "kernel helper"},
        {{OBJECT_INSN(0x85, 0x10, 0, 2)}, SU_EFORMAT, "a call out of its section"},
        {{OBJECT_INSN(0x85, 0x10, 0, -2)}, SU_EFORMAT, "a call out of its section"},
        {{OBJECT_INSN(0x05, 0, 2, 0)}, SU_EFORMAT, "a jump out of its section"},
        {{OBJECT_INSN(0x15, 0, -2, 0)}, SU_EFORMAT, "a jump out of its section"},
        {{OBJECT_INSN(0xbf, 0x0b, 0, 0)}, SU_EFORMAT, "a register above r10"},
        {{OBJECT_INSN(0xbf, 0xb0, 0, 0)}, SU_EFORMAT, "a register above r10"},
        {{OBJECT_INSN(0x8d, 0, 0, 10)}, SU_EFORMAT, "unclear register"},
        {{OBJECT_INSN(0x8d, 10, 0, 0)}, SU_EFORMAT, "unclear register"},
        {{OBJECT_INSN(0x8d, 1, 0, 2)}, SU_EFORMAT, "unclear register"},
        {{OBJECT_INSN(0x8d, 0x10, 0, 2)}, SU_EFORMAT, "unclear register"},
        {{OBJECT_INSN(0x8d, 0, 4, 2)}, SU_EFORMAT, "unclear register"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        uint8_t text[16] = {0, 0, 0, 0, 0, 0, 0, 0, EXIT};
        memcpy(text, row[i].insn, 8);
        refused_text(text, sizeof text, NULL, row[i].code, row[i].words);
    }
    static const uint8_t into[] = {OBJECT_INSN(0x05, 0, 1, 0), LOAD, EXIT};
    refused_text(into, sizeof into, NULL, SU_EFORMAT, "a jump out of its section");
    static const uint8_t half[] = {EXIT, OBJECT_INSN(0x18, 0, 0, 0)};
    refused_text(half, sizeof half, NULL, SU_EFORMAT, "section .text+0x8, opcode 0x18: a 64-bit");
    static const uint8_t tail[] = {OBJECT_INSN(0x18, 0, 0, 0), EXIT};
    refused_text(tail, sizeof tail, NULL, SU_EFORMAT, "without its second half");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(section_headers),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(options),
        cmocka_unit_test(too_large),
        cmocka_unit_test(writable),
        cmocka_unit_test(entry),
        cmocka_unit_test(symbol_tables),
        cmocka_unit_test(relocations),
        cmocka_unit_test(relocated_values),
        cmocka_unit_test(relocation_tables),
        cmocka_unit_test(opcodes),
        cmocka_unit_test(instructions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
