// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

static void writes_little_endian(void **state)
{
    static const uint8_t want[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0F,
                                   0x0E, 0x0D, 0x0C, 0x0B, 0x0A, 0x09, 0x08, 'h',
                                   'i',  'x',  '=',  '4',  '2',  0xAA, 0xBB};
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    assert_null(b.data);
    su_buf_u8(&b, 1);
    su_buf_u16(&b, 0x0203);
    su_buf_u32(&b, 0x04050607);
    su_buf_u64(&b, 0x08090A0B0C0D0E0F);
    su_buf_str(&b, "hi");
    su_buf_printf(&b, "x=%d", 42);
    su_buf_put(&b, "\xAA\xBB", 2);
    su_buf_put(&b, NULL, 0);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    assert_int_equal(b.data[b.len], 0);
    assert_int_equal(su_buf_check(&b, "x", NULL), SU_OK);
    su_buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.data[0], 0);
    su_buf_fini(&b);
    assert_null(b.data);
}

static void grows_and_stays_terminated(void **state)
{
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    for (unsigned i = 0; i < 100000; i++) {
        su_buf_u8(&b, (uint8_t)i);
        assert_true(b.cap > b.len);
        assert_int_equal(b.data[b.len], 0);
    }
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], i & 255);
    assert_true(su_buf_reserve(&b, 1000000));
    const uint8_t *before = b.data;
    for (unsigned i = 0; i < 1000000; i++)
        su_buf_u8(&b, 1);
    assert_ptr_equal(b.data, before);
    su_buf_fini(&b);
}

static void keeps_its_limit(void **state)
{
    struct su_buf b;
    struct su_err e;

    (void)state;
    su_buf_init(&b, 5);
    su_buf_str(&b, "abc");
    su_buf_u16(&b, 0x6564);
    assert_false(b.failed);
    su_buf_u8(&b, 'x');
    assert_true(b.failed && b.over);
    su_buf_clear(&b);
    su_buf_printf(&b, "%s", "too long");
    assert_true(b.failed && b.over);
    su_buf_u8(&b, 'x'); /* no-op once failed */
    assert_int_equal(b.len, 0);
    assert_int_equal(su_buf_check(&b, "out", &e), SU_ELIMIT);
    assert_string_equal(e.at, "out");
    assert_non_null(strstr(e.msg, "5 bytes"));
    su_buf_clear(&b);
    assert_false(b.failed || b.over);
    su_buf_fini(&b);
}

static void reports_exhausted_memory(void **state)
{
    struct su_buf b;
    struct su_err e;

    (void)state;
    su_buf_init(&b, 0);
    su_buf_u8(&b, 1);
    assert_false(su_buf_reserve(&b, SIZE_MAX - 1));
    assert_true(b.failed && !b.over);
    assert_int_equal(su_buf_check(&b, "out", &e), SU_ENOMEM);
    su_buf_fini(&b);
}

static void reader_stops_at_the_end(void **state)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct su_reader r = su_reader_of(data, sizeof data);

    (void)state;
    assert_int_equal(su_read_u8(&r), 1);
    assert_int_equal(su_read_u16(&r), 0x0302);
    assert_int_equal(su_read_u32(&r), 0x07060504);
    assert_true(su_read_u64(&r) == 0x0F0E0D0C0B0A0908);
    assert_int_equal(su_read_left(&r), 1);
    assert_false(r.failed);
    assert_int_equal(su_read_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(r.pos, 15);
    assert_int_equal(su_read_u8(&r), 0); /* one byte is left, but the reader stays failed */

    r = su_reader_of(data, 3);
    assert_null(su_read_bytes(&r, 4));
    r = su_reader_of(data, 3);
    assert_null(su_read_bytes(&r, SIZE_MAX));
    r = su_reader_of(data, 3);
    assert_ptr_equal(su_read_bytes(&r, 3), data);
    assert_non_null(su_read_bytes(&r, 0));
    assert_int_equal(su_read_u32(&r), 0);
    r = su_reader_of(data, 3);
    assert_true(su_read_u64(&r) == 0 && r.failed);
    r = su_reader_of(NULL, 0);
    assert_non_null(su_read_bytes(&r, 0));
    assert_int_equal(su_read_u8(&r), 0);
    assert_true(r.failed);
}

static void little_endian_helpers(void **state)
{
    uint8_t raw[8];

    (void)state;
    su_put_le64(raw, 0xF1F2F3F4F5F6F7F8);
    assert_true(su_le64(raw) == 0xF1F2F3F4F5F6F7F8);
    assert_int_equal(su_le32(raw), 0xF5F6F7F8);
    assert_int_equal(su_le16(raw), 0xF7F8);
    assert_int_equal(raw[0], 0xF8);
    su_put_le32(raw, 0x80000001);
    assert_int_equal(su_le32(raw), 0x80000001);
    su_put_le16(raw, 0x8002);
    assert_int_equal(su_le16(raw), 0x8002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_little_endian),    cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(keeps_its_limit),         cmocka_unit_test(reports_exhausted_memory),
        cmocka_unit_test(reader_stops_at_the_end), cmocka_unit_test(little_endian_helpers),
    };

    return cmocka_run_group_tests_name("base buf", tests, NULL, NULL);
}
