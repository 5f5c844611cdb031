// SPDX-License-Identifier: MIT
/* A transaction's bytes in words. */
#include "ops_priv.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_LAMPORTS = 5000, HEX_PER_LINE = 32 };

/* ---- fields ------------------------------------------------------------------------------------ */

enum kind { U, USDC, KEY, HEX, TEXT, EDGES, SPECS };
static const struct field {
    const char *of, *name;
    size_t at, bytes;
    enum kind kind;
} fields[] = {
#define F(s, member, kind)                                                                         \
    {#s, #member, offsetof(struct su_ix_##s, member), sizeof(((struct su_ix_##s *)0)->member),     \
     kind},
#include "fields.def"
#undef F
};
static const struct {
    uint8_t number;
    const char *of;
} layouts[] = {
#define L(NAME, s) {SU_IX_##NAME, #s},
#include "fields.def"
#undef L
};

static uint64_t little(const uint8_t *p, size_t n)
{
    uint8_t b[8] = {0};

    memcpy(b, p, SU_MIN(n, sizeof b));
    return su_le64(b);
}

static void edges_text(const struct su_ix_connect *c, char out[SU_OPS_FIELD])
{
    size_t at = 0;

    out[0] = 0;
    for (size_t i = 0; i < SU_MIN(c->count, SU_ARRAY_LEN(c->edges)) && at < SU_OPS_FIELD; i++)
        at += (size_t)snprintf(out + at, SU_OPS_FIELD - at, "%s%u.%u -> %u.%u", i ? ", " : "",
                               c->edges[i].from, c->edges[i].output, c->edges[i].to,
                               c->edges[i].input);
}

/* "in 1: 1x28x28, ..." as the counts say. */
static void specs_text(const struct su_ix_task_add *t, char out[SU_OPS_FIELD])
{
    size_t all = SU_MIN((size_t)t->input_count + t->output_count, SU_ARRAY_LEN(t->specs)), at = 0;

    out[0] = 0;
    for (size_t i = 0; i < all && at < SU_OPS_FIELD; i++) {
        bool in = i < t->input_count;
        at += (size_t)snprintf(out + at, SU_OPS_FIELD - at, "%s%s %zu%s: type %u", i ? ", " : "",
                               in ? "in" : "out", in ? i : i - t->input_count,
                               t->specs[i].flags & SU_SPEC_EXTERNAL ? " external" : "",
                               t->specs[i].dtype);
        for (size_t d = 0; d < SU_MIN(t->specs[i].rank, SU_RANK_MAX) && at < SU_OPS_FIELD; d++)
            at += (size_t)snprintf(out + at, SU_OPS_FIELD - at, "%c%u", d ? 'x' : ' ',
                                   t->specs[i].dims[d]);
    }
}

static void field_text(const struct field *f, const uint8_t *data, char out[SU_OPS_FIELD])
{
    struct su_ix_connect connect;
    struct su_ix_task_add task;

    out[0] = 0;
    switch (f->kind) {
    case U:
        (void)snprintf(out, SU_OPS_FIELD, "%" PRIu64, little(data + f->at, f->bytes));
        break;
    case USDC:
        (void)su_ops_amount_text(little(data + f->at, f->bytes), SU_OPS_USDC, out);
        break;
    case KEY:
        (void)su_base58_encode(data + f->at, f->bytes, out, SU_OPS_FIELD);
        break;
    case HEX:
        (void)su_hex_encode(data + f->at, f->bytes, out, SU_OPS_FIELD);
        break;
    case TEXT:
        su_str_sanitize(out, SU_OPS_FIELD, (const char *)data + f->at,
                        strnlen((const char *)data + f->at, f->bytes));
        break;
    case EDGES:
        memcpy(&connect, data, sizeof connect);
        edges_text(&connect, out);
        break;
    case SPECS:
        memcpy(&task, data, sizeof task);
        specs_text(&task, out);
        break;
    }
}

/* ---- programs ---------------------------------------------------------------------------------- */

enum { TRANSFER = 2, TRANSFER_CHECKED = 12, CREATE_IDEMPOTENT = 1 };

static bool is_of(const struct su_instr *i, const uint8_t id[32])
{
    return memcmp(i->program, id, 32) == 0;
}

static bool is_transfer(const struct su_instr *i)
{
    return is_of(i, su_system_id) && i->data_bytes == 12 && little(i->data, 4) == TRANSFER;
}

static bool is_token_transfer(const struct su_instr *i)
{
    return is_of(i, su_token_id) && i->data_bytes == 10 && i->data[0] == TRANSFER_CHECKED;
}

static const struct su_ix_info *ours_info(const struct su_instr *i, const uint8_t ours[32])
{
    return is_of(i, ours) && i->data_bytes > 0 ? su_ix_info(i->data[0]) : NULL;
}

const char *su_ops_program_name(const uint8_t id[32], const uint8_t ours[32],
                                char text[SU_CHAIN_TEXT])
{
    static const struct {
        const uint8_t *id;
        const char *name;
    } known[] = {{su_system_id, "System"},
                 {su_token_id, "Token"},
                 {su_ata_id, "Associated Token Account"},
                 {su_budget_id, "Compute Budget"}};

    if (memcmp(id, ours, 32) == 0)
        return "SplitUp";
    for (size_t k = 0; k < SU_ARRAY_LEN(known); k++)
        if (memcmp(id, known[k].id, 32) == 0)
            return known[k].name;
    return su_chain_key_text(id, text);
}

const char *su_ops_instr_name(const struct su_instr *i, const uint8_t ours[32])
{
    const struct su_ix_info *info = ours_info(i, ours);
    uint32_t units;
    uint64_t price;

    if (info)
        return info->name;
    if (su_instr_is_unit_limit(i, &units))
        return "SetComputeUnitLimit";
    if (su_instr_is_unit_price(i, &price))
        return "SetComputeUnitPrice";
    if (is_transfer(i))
        return "Transfer";
    if (is_token_transfer(i))
        return "TransferChecked";
    return is_of(i, su_ata_id) && i->data_bytes == 1 && i->data[0] == CREATE_IDEMPOTENT
               ? "CreateIdempotent"
               : "";
}

void su_ops_instr_role(const struct su_instr *i, const uint8_t ours[32], size_t k,
                       char out[SU_OPS_ROLE])
{
    const struct su_ix_info *info = ours_info(i, ours);
    const char *at = info ? info->accounts : "", *last = at;
    size_t n;

    for (size_t j = 0; *at; j++) {
        last = at;
        if (j == k)
            break;
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    n = strcspn(last, ":* ");
    (void)snprintf(out, SU_OPS_ROLE, "%.*s", *at || last[n] == '*' ? (int)n : 0, last);
}

void su_ops_instr_fields(const struct su_instr *i, const uint8_t ours[32],
                         void (*field)(void *ctx, const char *name, const char *value), void *ctx)
{
    const struct su_ix_info *info = ours_info(i, ours);
    const char *of = "";
    char text[SU_OPS_FIELD];
    uint32_t units;
    uint64_t price;

    for (size_t k = 0; info && i->data_bytes == info->data_bytes && k < SU_ARRAY_LEN(layouts); k++)
        if (layouts[k].number == info->number)
            of = layouts[k].of;
    for (size_t k = 0; *of && k < SU_ARRAY_LEN(fields); k++)
        if (strcmp(fields[k].of, of) == 0) {
            field_text(&fields[k], i->data, text);
            field(ctx, fields[k].name, text);
        }
    if (info)
        return;
    if (su_instr_is_unit_limit(i, &units)) {
        (void)snprintf(text, sizeof text, "%" PRIu32, units);
        field(ctx, "units", text);
    } else if (su_instr_is_unit_price(i, &price)) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " millionths of a lamport per unit", price);
        field(ctx, "price", text);
    } else if (is_transfer(i)) {
        field(ctx, "amount", su_ops_amount_text(little(i->data + 4, 8), SU_OPS_SOL, text));
    } else if (is_token_transfer(i)) {
        (void)snprintf(text, sizeof text, "%" PRIu64, little(i->data + 1, 8));
        field(ctx, "amount", text);
        (void)snprintf(text, sizeof text, "%u", i->data[9]);
        field(ctx, "decimals", text);
    }
}

/* ---- whole transactions ------------------------------------------------------------------------ */

static void put_field(void *ctx, const char *name, const char *value)
{
    su_buf_printf(ctx, "      %-16s %s\n", name, value);
}

static void put_data(struct su_buf *out, const uint8_t *data, size_t n)
{
    char hex[2 * HEX_PER_LINE + 1];

    for (size_t at = 0; at < n; at += HEX_PER_LINE) {
        (void)su_hex_encode(data + at, SU_MIN(n - at, (size_t)HEX_PER_LINE), hex, sizeof hex);
        su_buf_printf(out, "      %s\n", hex);
    }
}

struct describing {
    const uint8_t *ours;
    const char *(*name)(void *ctx, const uint8_t key[32]);
    void *ctx;
    struct su_buf *out;
};

static void put_account(const struct describing *d, const struct su_meta *m, const char *role)
{
    const char *name = d->name ? d->name(d->ctx, m->key) : NULL;
    char key[SU_CHAIN_TEXT];

    su_buf_printf(d->out, "   %c%c %-16s %s%s%s\n", m->signer ? 's' : ' ', m->writable ? 'w' : ' ',
                  role, su_chain_key_text(m->key, key), name ? " " : "", name ? name : "");
}

static void put_instr(const struct describing *d, unsigned number, const struct su_instr *i)
{
    const char *name = su_ops_instr_name(i, d->ours);
    char key[SU_CHAIN_TEXT], role[SU_OPS_ROLE];

    su_buf_printf(d->out, "\n%u  %s%s%s\n", number, su_ops_program_name(i->program, d->ours, key),
                  *name ? ": " : "", name);
    if (memcmp(i->program, su_budget_id, 32) != 0)
        su_buf_printf(d->out, "   program             %s\n", su_chain_key_text(i->program, key));
    for (size_t k = 0; k < i->n_metas; k++) {
        su_ops_instr_role(i, d->ours, k, role);
        put_account(d, &i->metas[k], role);
    }
    su_ops_instr_fields(i, d->ours, put_field, d->out);
    su_buf_printf(d->out, "      data, %u bytes\n", i->data_bytes);
    put_data(d->out, i->data, i->data_bytes);
}

enum su_code su_ops_tx_describe(const uint8_t *wire, size_t n, const uint8_t ours[32],
                                const char *(*name)(void *ctx, const uint8_t key[32]), void *ctx,
                                struct su_buf *out, struct su_err *e)
{
    const struct describing d = {ours, name, ctx, out};
    struct su_tx_parsed *p = su_alloc(sizeof *p);
    char text[SU_OPS_AMOUNT_TEXT], key[SU_CHAIN_TEXT];
    struct su_tx t;
    enum su_tx_status status = su_tx_parse(wire, n, &t, p);

    if (status != SU_TX_OK) {
        free(p);
        return su_fail(e, SU_EFORMAT, "transaction", "%s", su_tx_status_text(status));
    }
    su_buf_printf(out, "size        %u of at most %u bytes, %s message\n", t.wire_bytes,
                  SU_TX_MAX_BYTES, p->version < 0 ? "legacy" : "version 0");
    su_buf_printf(out, "fee         %s for %u signature%s\n",
                  su_ops_amount_text((uint64_t)p->signers * SIGNATURE_LAMPORTS, SU_OPS_SOL, text),
                  p->signers, p->signers == 1 ? "" : "s");
    su_buf_printf(out, "blockhash   %s\n", su_chain_key_text(p->blockhash, key));
    su_buf_printf(out, "accounts    %u; s signs, w can be written; the first one pays\n",
                  p->n_keys);
    for (unsigned i = 0; i < p->n_instrs; i++)
        put_instr(&d, i + 1, &p->instrs[i]);
    su_buf_str(out, "\nall bytes\n");
    put_data(out, wire, n);
    free(p);
    return SU_OK;
}
