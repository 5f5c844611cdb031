// SPDX-License-Identifier: MIT
/* Images: their bytes, their structure, every relocation. */
#include "crypto/crypto.h"
#include "object.h"
#include "sbf/sbf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HELLO SU_SOURCE_DIR "/tests/data/sbf/hello.o"
#define TEXT_ADDRESS 0x100000000u

static void link_ok(const void *object, size_t bytes, enum su_sbf_version version,
                    struct su_buf *image)
{
    struct su_err e = {0};
    enum su_code c =
        su_sbf_link(object, bytes, &(struct su_sbf_options){.version = version}, image, &e);
    if (c)
        fail_msg("%s: %s", e.at, e.msg);
}

static void link_hello(enum su_sbf_version version, struct su_buf *image)
{
    struct su_map m;
    assert_int_equal(su_map_open(HELLO, 0, &m, NULL), SU_OK);
    link_ok(m.data, m.len, version, image);
    su_map_close(&m);
}

static void digest_is(const struct su_buf *image, const char *hex)
{
    uint8_t digest[SU_SHA256_BYTES];
    char have[65];
    su_sha256(image->data, image->len, digest);
    su_hex_encode(digest, sizeof digest, have, sizeof have);
    assert_string_equal(have, hex);
}

/* Both images of these digests ran in Agave's VM and logged what hello.c says. */
static void bytes_of_hello(void **state)
{
    (void)state;
    struct su_buf image;
    su_buf_init(&image, 0);
    link_hello(SU_SBF_V3, &image);
    digest_is(&image, "8f046dcfb7cd3cf72fa72d9f27aa24afc86292d6b3bac6ad655a23a8916749ce");
    link_hello(SU_SBF_V0, &image);
    digest_is(&image, "d985aa2c7bcfcf1be8bd757c43d481a110189c73bc80e7ffa0b1ec275b695124");
    su_buf_fini(&image);
}

/* The vectors are the hashes of the names under which the runtime registers its calls. */
static void murmur3(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t hash;
    } row[] = {
        {"entrypoint", 0x71e3cf81},
        {"sol_log_", 0x207559bd},
        {"sol_invoke_signed_c", 0xa22b9c85},
        {"abort", 0xb6fc1a11},
        {"sol_log_data", 0x7317b434},
        {"sol_sha256", 0x11f49d86},
        {"sol_get_sysvar", 0x13c1b505},
        {"sol_curve_multiscalar_mul", 0x60a40880},
        {"sol_curve_group_op", 0xdd1c41a6},
        {"sol_curve_validate_point", 0xaa2607ca},
        {"sol_try_find_program_address", 0x48504a38},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        assert_int_equal(su_sbf_murmur3(row[i].name, strlen(row[i].name)), row[i].hash);
    assert_int_equal(su_sbf_murmur3("", 0), 0);
}

static void calls_of_the_runtime(void **state)
{
    (void)state;
    assert_true(su_sbf_syscall_known("sol_log_"));
    assert_true(su_sbf_syscall_known("abort"));
    assert_false(su_sbf_syscall_known("sol_log"));
    assert_false(su_sbf_syscall_known("memcpy"));
    assert_false(su_sbf_syscall_known(""));
}

static void header_is_elf(const struct su_buf *image, uint32_t flags, uint64_t entry)
{
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    assert_memory_equal(image->data, ident, sizeof ident);
    assert_int_equal(su_le16(image->data + 16), 3);
    assert_int_equal(su_le16(image->data + 18), 247);
    assert_int_equal(su_le32(image->data + 20), 1);
    assert_int_equal(su_le64(image->data + 24), entry);
    assert_int_equal(su_le64(image->data + 32), 64);
    assert_int_equal(su_le32(image->data + 48), flags);
    assert_int_equal(su_le16(image->data + 52), 64);
    assert_int_equal(su_le16(image->data + 54), 56);
}

static void program_is(const struct su_buf *image, unsigned i, uint32_t flags, uint64_t offset,
                       uint64_t address, uint64_t bytes)
{
    const uint8_t *p = image->data + 64 + 56 * (size_t)i;
    assert_int_equal(su_le32(p), 1);
    assert_int_equal(su_le32(p + 4), flags);
    assert_int_equal(su_le64(p + 8), offset);
    assert_int_equal(su_le64(p + 16), address);
    assert_int_equal(su_le64(p + 24), address);
    assert_int_equal(su_le64(p + 32), bytes);
    assert_int_equal(su_le64(p + 40), bytes);
}

/* Offsets into hello.o's text, as llvm-objdump shows them. */
enum { OPEN_CALL = 0, ENTRY = 0x40, TRIPLE = 0x158, FLIP = 0x170, TEXT_BYTES = 0x188 };

static void structure_v3(void **state)
{
    (void)state;
    struct su_buf image;
    su_buf_init(&image, 0);
    link_hello(SU_SBF_V3, &image);
    header_is_elf(&image, 3, TEXT_ADDRESS + ENTRY);
    assert_int_equal(su_le16(image.data + 56), 2);
    assert_int_equal(su_le16(image.data + 60), 0);
    program_is(&image, 0, 4, 176, 0, 40);
    program_is(&image, 1, 1, 216, TEXT_ADDRESS, TEXT_BYTES);
    assert_int_equal(image.len, 216 + TEXT_BYTES);

    const uint8_t *data = image.data + 176;
    assert_int_equal(su_le64(data), 0);
    assert_string_equal((const char *)data + 8, "hello from C");
    assert_int_equal(su_le64(data + 24), TEXT_ADDRESS + TRIPLE);
    assert_int_equal(su_le64(data + 32), TEXT_ADDRESS + FLIP);

    const uint8_t *text = image.data + 216;
    static const uint8_t log64[8] = {OBJECT_INSN(0x85, 0, 0, 0x5c2a3178u)};
    assert_memory_equal(text + 0x28, log64, 8);
    static const uint8_t message[16] = {OBJECT_INSN(0x18, 1, 0, 8)};
    assert_memory_equal(text + 0x48, message, 16);
    static const uint8_t log[8] = {OBJECT_INSN(0x85, 0, 0, 0x207559bdu)};
    assert_memory_equal(text + 0x60, log, 8);
    static const uint8_t resolved[8] = {OBJECT_INSN(0x85, 0x10, 0, 19)};
    assert_memory_equal(text + 0x78, resolved, 8);
    static const uint8_t open_call[8] = {OBJECT_INSN(0x85, 0x10, 0, (OPEN_CALL - 0x90) / 8 - 1)};
    assert_memory_equal(text + 0x90, open_call, 8);
    static const uint8_t table[16] = {OBJECT_INSN(0x18, 2, 0, 24)};
    assert_memory_equal(text + 0xc0, table, 16);
    static const uint8_t callx[8] = {OBJECT_INSN(0x8d, 2, 0, 0)};
    assert_memory_equal(text + 0xe8, callx, 8);
    su_buf_fini(&image);
}

struct v0_section {
    const char *name;
    uint32_t type, link;
    uint64_t address, offset, bytes;
};

static struct v0_section v0_section(const struct su_buf *b, unsigned i)
{
    const uint8_t *p = b->data + object_header(b, i);
    const unsigned names = su_le16(b->data + 62);
    const uint64_t strings = su_le64(b->data + object_header(b, names) + 24);
    return (struct v0_section){.name = (const char *)b->data + strings + su_le32(p),
                               .type = su_le32(p + 4),
                               .address = su_le64(p + 16),
                               .offset = su_le64(p + 24),
                               .bytes = su_le64(p + 32),
                               .link = su_le32(p + 40)};
}

static uint64_t dynamic_value(const struct su_buf *b, const struct v0_section *s, uint64_t tag)
{
    for (uint64_t i = 0; i < s->bytes; i += 16)
        if (su_le64(b->data + s->offset + i) == tag)
            return su_le64(b->data + s->offset + i + 8);
    return UINT64_MAX;
}

static void structure_v0(void **state)
{
    (void)state;
    static const char *const names[] = {"",        ".text",    ".rodata",  ".dynsym",
                                        ".dynstr", ".rel.dyn", ".dynamic", ".shstrtab"};
    struct v0_section s[8];
    struct su_buf image;
    su_buf_init(&image, 0);
    link_hello(SU_SBF_V0, &image);
    header_is_elf(&image, 0, 176 + ENTRY);
    assert_int_equal(su_le16(image.data + 60), 8);
    for (unsigned i = 0; i < 8; i++) {
        s[i] = v0_section(&image, i);
        assert_string_equal(s[i].name, names[i]);
        assert_int_equal(s[i].address, i == 7 ? 0 : s[i].offset);
        assert_true(s[i].offset + s[i].bytes <= image.len);
        if (i > 0)
            assert_true(s[i].offset >= s[i - 1].offset + s[i - 1].bytes);
    }
    const uint8_t *dynamic = image.data + 64 + 56;
    assert_int_equal(su_le32(dynamic), 2);
    assert_int_equal(su_le64(dynamic + 8), s[6].offset);
    assert_int_equal(dynamic_value(&image, &s[6], 17), s[5].offset);
    assert_int_equal(dynamic_value(&image, &s[6], 18), 48);
    assert_int_equal(dynamic_value(&image, &s[6], 6), s[3].offset);
    assert_int_equal(dynamic_value(&image, &s[6], 5), s[4].offset);
    assert_int_equal(s[3].link, 4);
    assert_int_equal(s[5].link, 3);

    /* Three calls of two names. */
    static const uint16_t at[3] = {0x28, 0x60, 0x140};
    static const char *const name[3] = {"sol_log_64_", "sol_log_", "sol_log_64_"};
    assert_int_equal(s[3].bytes, 3 * 24);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *rel = image.data + s[5].offset + 16 * (size_t)i;
        assert_int_equal(su_le64(rel), 176 + at[i]);
        assert_int_equal(su_le32(rel + 8), 10);
        const uint8_t *symbol = image.data + s[3].offset + 24 * (size_t)su_le32(rel + 12);
        assert_string_equal((const char *)image.data + s[4].offset + su_le32(symbol), name[i]);
        static const uint8_t call[8] = {OBJECT_INSN(0x85, 0, 0, -1)};
        assert_memory_equal(image.data + 176 + at[i], call, 8);
    }
    const uint8_t *text = image.data + 176;
    assert_int_equal(su_le32(text + 0x4c), s[2].offset);
    assert_int_equal(su_le32(text + 0x54), 1);
    static const uint8_t callx[8] = {OBJECT_INSN(0x8d, 0, 0, 2)};
    assert_memory_equal(text + 0xe8, callx, 8);
    assert_int_equal(su_le64(image.data + s[2].offset + 16), TEXT_ADDRESS + 176 + TRIPLE);
    su_buf_fini(&image);
}

static const uint8_t return_0[] = {OBJECT_RETURN_0};

/* Neither data nor calls: one program header, and in version 0 no section for what is not there. */
static void smallest(void **state)
{
    (void)state;
    const struct object o = {
        .sections =
            (struct object_section[]){
                {".text", OBJECT_PROGBITS, OBJECT_A | OBJECT_X, return_0, sizeof return_0, 0}, {0}},
        .symbols = (struct object_symbol[]){{"entrypoint", OBJECT_GLOBAL_FUNC, 1, 0}, {0}},
    };
    struct su_buf object, image;
    su_buf_init(&object, 0);
    su_buf_init(&image, 0);
    object_make(&o, &object);
    link_ok(object.data, object.len, SU_SBF_V3, &image);
    header_is_elf(&image, 3, TEXT_ADDRESS);
    assert_int_equal(su_le16(image.data + 56), 1);
    program_is(&image, 0, 1, 120, TEXT_ADDRESS, sizeof return_0);
    assert_int_equal(image.len, 120 + sizeof return_0);
    link_ok(object.data, object.len, SU_SBF_V0, &image);
    assert_int_equal(su_le16(image.data + 60), 6);
    su_buf_fini(&object);
    su_buf_fini(&image);
}

/* Code in two sections (the entry in the second) and data in three of different alignment; calls
   between the sections go by the section's symbol, as with -ffunction-sections. */
static void sections_are_joined(void **state)
{
    (void)state;
    static const uint8_t second[] = {OBJECT_INSN(0x85, 0x10, 0, 0), OBJECT_INSN(0x18, 1, 0, 2),
                                     OBJECT_INSN(0, 0, 0, 0), OBJECT_INSN(0x8d, 3, 0, 0),
                                     OBJECT_INSN(0x95, 0, 0, 0)};
    static const uint8_t byte[1] = {7}, wide[16] = {1}, relro[8] = {8};
    const struct object o = {
        .sections =
            (struct object_section[]){
                {".text.a", OBJECT_PROGBITS, OBJECT_A | OBJECT_X, return_0, sizeof return_0, 0},
                {".rodata.a", OBJECT_PROGBITS, OBJECT_A, byte, sizeof byte, 1},
                {".text.b", OBJECT_PROGBITS, OBJECT_A | OBJECT_X, second, sizeof second, 0},
                {".rodata.b", OBJECT_PROGBITS, OBJECT_A, wide, sizeof wide, 32},
                {".data.rel.ro.c", OBJECT_PROGBITS, OBJECT_A | OBJECT_W, relro, sizeof relro, 8},
                {".bss", OBJECT_NOBITS, OBJECT_A | OBJECT_W, NULL, 0, 8},
                {".debug_x", OBJECT_PROGBITS, 0, byte, sizeof byte, 1},
                {0}},
        .symbols = (struct object_symbol[]){{"", OBJECT_LOCAL_SECTION, 1, 0},
                                            {"entrypoint", OBJECT_GLOBAL_FUNC, 3, 0},
                                            {"", OBJECT_LOCAL_SECTION, 4, 0},
                                            {0}},
        /* the last one, of what is left out, is not even looked at */
        .rels =
            (struct object_rel[]){{3, 0, 10, 1}, {3, 8, 1, 3}, {5, 0, 2, 1}, {7, 0, 99, 77}, {0}},
    };
    struct su_buf object, image;
    su_buf_init(&object, 0);
    su_buf_init(&image, 0);
    object_make(&o, &object);
    link_ok(object.data, object.len, SU_SBF_V3, &image);
    /* zeros 0..7, byte at 8, wide at 32, relro at 48 */
    program_is(&image, 0, 4, 176, 0, 56);
    program_is(&image, 1, 1, 176 + 56, TEXT_ADDRESS, sizeof return_0 + sizeof second);
    assert_int_equal(image.data[176 + 8], 7);
    assert_int_equal(image.data[176 + 32], 1);
    assert_int_equal(su_le64(image.data + 176 + 48), TEXT_ADDRESS + 8);
    assert_int_equal(su_le64(image.data + 24), TEXT_ADDRESS + sizeof return_0);
    const uint8_t *text = image.data + 232 + sizeof return_0;
    /* immediate 0 with the section's symbol: its slot 1; from slot 2 that is 2 back */
    static const uint8_t call[8] = {OBJECT_INSN(0x85, 0x10, 0, -2)};
    assert_memory_equal(text, call, 8);
    assert_int_equal(su_le32(text + 12), 34);
    assert_int_equal(su_le32(text + 20), 0);
    static const uint8_t callx[8] = {OBJECT_INSN(0x8d, 3, 0, 0)};
    assert_memory_equal(text + 24, callx, 8);

    link_ok(object.data, object.len, SU_SBF_V0, &image);
    const struct v0_section rodata = v0_section(&image, 2);
    assert_int_equal(rodata.offset % 32, 0);
    static const uint8_t callx_v0[8] = {OBJECT_INSN(0x8d, 0, 0, 3)};
    assert_memory_equal(image.data + 176 + sizeof return_0 + 24, callx_v0, 8);
    su_buf_fini(&object);
    su_buf_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_hello),
        cmocka_unit_test(murmur3),
        cmocka_unit_test(structure_v3),
        cmocka_unit_test(structure_v0),
        cmocka_unit_test(smallest),
        cmocka_unit_test(sections_are_joined),
        cmocka_unit_test(calls_of_the_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
