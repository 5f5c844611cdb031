// SPDX-License-Identifier: MIT
/* Transactions in words: fields, roles, and bytes that are none. */
#include "network.h"

#include <stdlib.h>
#include <string.h>

static const char *name_it(void *ctx, const uint8_t key[32])
{
    return memcmp(key, ctx, 32) == 0 ? "'mine'" : NULL;
}

/* What is about to be signed, read from its bytes alone. */
static void test_proposal(void **state)
{
    struct network *n = *state;
    const struct su_ops_node f = {.vram_bytes = (uint64_t)2 << 30,
                                  .numerics_version = 1,
                                  .endpoint = "127.0.0.1:9000",
                                  .conformance_root = {0xab}};
    const char *const want[] = {"of at most 1232 bytes, legacy message",
                                "0.00001 SOL for 2 signatures",
                                "1  Compute Budget: SetComputeUnitLimit",
                                "units            1400000",
                                "2  SplitUp: node_register",
                                "   s  identity         ",
                                "   sw payer            ",
                                " 'mine'\n",
                                "    w node             ",
                                "vram_bytes       2147483648\n",
                                "numerics_version 1\n",
                                "conformance_root ab00",
                                "endpoint         127.0.0.1:9000\n",
                                "data, ",
                                "all bytes\n"};
    struct su_ops_proposal p;
    struct su_wallet *w;
    struct su_tx t;
    struct su_err e = {0};
    struct su_buf b;
    bool fresh;

    su_buf_init(&b, 0);
    ok(su_ops_node_prepare(n->ops, &f, &p, &e), &e);
    ok(su_ops_proposal_tx(n->ops, &p, 0, &t, &fresh, &e), &e);
    assert_true(fresh);
    ok(su_ops_wallet(n->ops, &w, &e), &e);
    ok(su_ops_tx_describe(t.wire, t.wire_bytes, su_chain_program(su_ops_chain(n->ops)), name_it,
                          (void *)(uintptr_t)su_wallet_public_key(w), &b, &e),
       &e);
    su_buf_u8(&b, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(want); i++)
        if (!strstr((const char *)b.data, want[i]))
            fail_msg("no \"%s\" in\n%s", want[i], (const char *)b.data);
    /* Looking changes nothing: it is committed as before. */
    refused(su_ops_proposal_tx(n->ops, &p, p.n_tx, &t, &fresh, &e), SU_EINVAL, &e, "there is none");
    (void)commit(n->ops, &p);
    su_buf_fini(&b);
}

struct seen {
    size_t n;
    char text[1000];
};

static void on_field(void *ctx, const char *name, const char *value)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);

    s->n++;
    assert_true(strlen(value) < SU_OPS_FIELD);
    (void)snprintf(s->text + at, sizeof s->text - at, "%s=%.80s;", name, value);
}

static void test_every_instruction(void **state)
{
    static const uint8_t ours[32] = {1};
    uint8_t data[SU_TX_MAX_BYTES];
    struct su_instr i = {.data = data};
    const struct su_ix_info *info;

    (void)state;
    memcpy(i.program, ours, 32);
    for (size_t row = 0; (info = su_ix_info_at(row)); row++) {
        struct seen s = {.n = 0};
        char role[SU_OPS_ROLE];
        memset(data, 0xff, sizeof data);
        data[0] = info->number;
        i.data_bytes = (uint16_t)info->data_bytes;
        assert_string_equal(su_ops_instr_name(&i, ours), info->name);
        su_ops_instr_fields(&i, ours, on_field, &s);
        /* Whoever has data beyond its number has fields. */
        assert_true((s.n > 0) == (info->data_bytes > sizeof(struct su_ix)));
        su_ops_instr_role(&i, ours, 0, role);
        assert_true(role[0] && strncmp(info->accounts, role, strlen(role)) == 0);
        /* Another length is not read. */
        s.n = 0;
        i.data_bytes--;
        su_ops_instr_fields(&i, ours, on_field, &s);
        assert_int_equal(s.n, 0);
    }
}

static void test_lists(void **state)
{
    static const uint8_t ours[32] = {1};
    struct su_ix_connect c = {.ix = {.number = SU_IX_CONNECT}, .count = 2};
    static struct su_ix_task_add t;
    struct su_instr i = {
        .data = (const uint8_t *)&c, .data_bytes = sizeof c, .metas = NULL, .n_metas = 0};
    struct seen s = {.n = 0};
    char role[SU_OPS_ROLE];

    (void)state;
    memcpy(i.program, ours, 32);
    c.edges[0].to = 3;
    c.edges[1].from = 7;
    su_ops_instr_fields(&i, ours, on_field, &s);
    assert_string_equal(s.text, "count=2;edges=0.0 -> 3.0, 7.0 -> 0.0;");
    su_ops_instr_role(&i, ours, 7, role);
    assert_string_equal(role, "tasks"); /* it repeats */
    i.data = (const uint8_t *)"\x0e";
    i.data_bytes = 1;
    su_ops_instr_role(&i, ours, 2, role);
    assert_string_equal(role, ""); /* model_finalise has two */
    t.ix.number = SU_IX_TASK_ADD;
    t.input_count = t.output_count = 1;
    t.specs[0].rank = 2;
    t.specs[0].flags = SU_SPEC_EXTERNAL;
    t.specs[0].dims[0] = t.specs[0].dims[1] = 28;
    memcpy(t.uri, "http://x\033[2J", 12);
    i.data = (const uint8_t *)&t;
    i.data_bytes = sizeof t;
    s = (struct seen){.n = 0};
    su_ops_instr_fields(&i, ours, on_field, &s);
    assert_non_null(strstr(s.text, "specs=in 0 external: type 0 28x28, out 0: type 0;"));
    assert_non_null(strstr(s.text, "uri=http://x"));
    assert_null(strchr(s.text, '\033'));
}

/* Cut short it is something else. */
static void nameless_cut(const struct su_instr *i, const uint8_t ours[32])
{
    struct su_instr cut = *i;

    for (cut.data_bytes = 0; cut.data_bytes < i->data_bytes; cut.data_bytes++)
        assert_string_equal(su_ops_instr_name(&cut, ours), "");
}

static void test_other_programs(void **state)
{
    static const uint8_t ours[32] = {1}, other[32] = {9};
    struct su_small_instr a, b;
    struct su_token_move m = {other, other, other, other, 1500000, 6};
    char text[SU_CHAIN_TEXT];
    struct seen s = {.n = 0};

    (void)state;
    assert_string_equal(su_ops_program_name(ours, ours, text), "SplitUp");
    assert_string_equal(su_ops_program_name(su_token_id, ours, text), "Token");
    assert_ptr_equal(su_ops_program_name(other, ours, text), text);
    su_instr_transfer(&a, other, other, 5000);
    assert_string_equal(su_ops_instr_name(&a.instr, ours), "Transfer");
    su_ops_instr_fields(&a.instr, ours, on_field, &s);
    nameless_cut(&a.instr, ours);
    su_instr_token_transfer(&b, &m);
    assert_string_equal(su_ops_instr_name(&b.instr, ours), "TransferChecked");
    nameless_cut(&b.instr, ours);
    su_ops_instr_fields(&b.instr, ours, on_field, &s);
    su_instr_unit_price(&a, 3);
    assert_string_equal(su_ops_instr_name(&a.instr, ours), "SetComputeUnitPrice");
    su_ops_instr_fields(&a.instr, ours, on_field, &s);
    assert_string_equal(s.text, "amount=0.000005 SOL;amount=1500000;decimals=6;"
                                "price=3 millionths of a lamport per unit;");
    su_instr_ata_create(&a, other, other, other, other);
    assert_string_equal(su_ops_instr_name(&a.instr, ours), "CreateIdempotent");
    memcpy(a.instr.program, other, 32);
    assert_string_equal(su_ops_instr_name(&a.instr, ours), "");
}

static void test_bytes_that_are_none(void **state)
{
    static const uint8_t ours[32] = {1};
    struct su_small_instr a;
    struct su_err e = {0};
    uint32_t odd = 12345;
    struct su_buf b;
    struct su_tx t;

    (void)state;
    su_buf_init(&b, 0);
    su_instr_transfer(&a, ours, su_token_id, 5000);
    assert_int_equal(su_tx_compile(ours, su_token_id, &a.instr, 1, &t), SU_TX_OK);
    for (uint16_t n = 0; n < t.wire_bytes; n++)
        refused(su_ops_tx_describe(t.wire, n, ours, NULL, NULL, &b, &e), SU_EFORMAT, &e, "");
    for (unsigned i = 0; i < 20000; i++) {
        struct su_tx u = t;
        odd = odd * 1664525u + 1013904223u;
        u.wire[(odd >> 16) % u.wire_bytes] ^= (uint8_t)(1u << (odd >> 8 & 7));
        su_buf_clear(&b);
        if (su_ops_tx_describe(u.wire, u.wire_bytes, ours, NULL, NULL, &b, &e) == SU_OK)
            for (size_t k = 0; k < b.len; k++)
                assert_true(b.data[k] == '\n' || (b.data[k] >= ' ' && b.data[k] < 0x7f));
    }
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest with_network[] = {cmocka_unit_test(test_proposal)};
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(test_every_instruction),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_other_programs),
        cmocka_unit_test(test_bytes_that_are_none),
    };

    return cmocka_run_group_tests(alone, NULL, NULL) +
           cmocka_run_group_tests(with_network, network_setup, network_teardown);
}
