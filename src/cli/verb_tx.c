// SPDX-License-Identifier: MIT
/* splitup tx: what a transaction did. */
#include "ops_common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shown {
    const struct su_chain_outcome *out;
    const struct su_tx_parsed *parsed; /* NULL when its bytes are not kept, or cannot be read */
    const uint8_t *program; /* ours */
    const char *sig;
    char error[640]; /* "" when it succeeded */
};

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void put_field(void *ctx, const char *name, const char *value)
{
    su_json_put_str(ctx, name, value);
}

static void put_instr(struct su_json_writer *w, const struct shown *s, const struct su_instr *i)
{
    char key[SU_CHAIN_TEXT], role[SU_OPS_ROLE];

    su_json_put_object(w, NULL);
    su_json_put_str(w, "program", su_ops_program_name(i->program, s->program, key));
    su_json_put_str(w, "program_id", su_chain_key_text(i->program, key));
    su_json_put_str(w, "name", su_ops_instr_name(i, s->program));
    su_json_put_array(w, "accounts");
    for (uint16_t k = 0; k < i->n_metas; k++) {
        su_ops_instr_role(i, s->program, k, role);
        su_json_put_object(w, NULL);
        su_json_put_str(w, "key", su_chain_key_text(i->metas[k].key, key));
        su_json_put_str(w, "role", role);
        su_json_put_bool(w, "signer", i->metas[k].signer);
        su_json_put_bool(w, "writable", i->metas[k].writable);
        su_json_end_object(w);
    }
    su_json_end_array(w);
    su_json_put_object(w, "fields");
    su_ops_instr_fields(i, s->program, put_field, w);
    su_json_end_object(w);
    su_json_put_hex(w, "data", i->data, i->data_bytes);
    su_json_end_object(w);
}

static enum su_code show_json(const struct shown *s, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "signature", s->sig);
    su_json_put_u64(&w, "slot", s->out->slot);
    su_json_put_i64(&w, "block_time", s->out->block_time);
    su_json_put_bool(&w, "success", s->error[0] == 0);
    if (s->error[0])
        su_json_put_str(&w, "error", s->error);
    su_json_put_u64(&w, "fee_lamports", s->out->fee_lamports);
    su_json_put_u64(&w, "compute_units", s->out->units);
    su_json_put_array(&w, "instructions");
    for (uint16_t i = 0; s->parsed && i < s->parsed->n_instrs; i++)
        put_instr(&w, s, &s->parsed->instrs[i]);
    su_json_end_array(&w);
    su_json_put_array(&w, "logs");
    for (size_t i = 0; i < s->out->n_logs; i++)
        su_json_put_str(&w, NULL, s->out->logs[i]);
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

/* ---- text ---------------------------------------------------------------------------------------- */

static void show_field(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    printf("   %-16s %s\n", name, value);
}

static void show_instr(const struct shown *s, unsigned number, const struct su_instr *i)
{
    char key[SU_CHAIN_TEXT], role[SU_OPS_ROLE];
    const char *name = su_ops_instr_name(i, s->program);

    printf("%u  %s%s%s\n", number + 1, su_ops_program_name(i->program, s->program, key),
           *name ? ": " : "", name);
    for (uint16_t k = 0; k < i->n_metas; k++) {
        su_ops_instr_role(i, s->program, k, role);
        printf("   %-16s %s%s%s\n", role, su_chain_key_text(i->metas[k].key, key),
               i->metas[k].signer ? " signs" : "", i->metas[k].writable ? " written" : "");
    }
    su_ops_instr_fields(i, s->program, show_field, NULL);
}

static void show_text(const struct shown *s)
{
    char text[SU_OPS_AMOUNT_TEXT], line[400];
    time_t at = (time_t)s->out->block_time;
    struct tm tm;

    printf("signature  %s\n", s->sig);
    printf("slot       %" PRIu64, s->out->slot);
    if (at > 0 && gmtime_r(&at, &tm) && strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", &tm))
        printf(", %s UTC", line);
    printf("\nresult     %s\n", s->error[0] ? s->error : "success");
    printf("fee        %s\n", su_ops_amount_text(s->out->fee_lamports, SU_OPS_SOL, text));
    printf("computed   %" PRIu64 " units\n", s->out->units);
    for (uint16_t i = 0; s->parsed && i < s->parsed->n_instrs; i++)
        show_instr(s, i, &s->parsed->instrs[i]);
    if (s->out->n_logs)
        printf("logs\n");
    for (size_t i = 0; i < s->out->n_logs; i++) {
        su_str_sanitize(line, sizeof line, s->out->logs[i], strlen(s->out->logs[i]));
        printf("   %s\n", line);
    }
}

static enum su_code show(const struct cli *c, struct su_ops *o, const uint8_t sig[64],
                         const struct su_chain_outcome *out, struct su_err *e)
{
    char text[SU_CHAIN_SIG_TEXT];
    struct shown s = {.out = out,
                      .program = su_chain_program(su_ops_chain(o)),
                      .sig = su_chain_sig_text(sig, text)};
    struct su_tx_parsed *parsed = su_alloc(sizeof *parsed);
    struct su_err why;
    struct su_tx t;

    if (out->wire && su_tx_parse(out->wire, out->wire_bytes, &t, parsed) == SU_TX_OK)
        s.parsed = parsed;
    if (su_chain_failure_explain(&out->failure, s.program, s.parsed ? parsed->instrs : NULL,
                                 s.parsed ? parsed->n_instrs : 0, &why) != SU_OK)
        su_err_line(&why, s.error, sizeof s.error);
    enum su_code rc = SU_OK;
    if (cli_has(c, "--json"))
        rc = show_json(&s, e);
    else
        show_text(&s);
    free(parsed);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct su_chain_outcome out = {.units = 0};
    struct su_ops *o = NULL;
    uint8_t sig[64];
    enum su_code rc = su_chain_sig_parse(c->arg[0], "SIGNATURE", sig, e);

    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = su_chain_transaction(su_ops_chain(o), sig, &out, e);
    if (!rc)
        rc = show(c, o, sig, &out, e);
    su_chain_outcome_fini(&out);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_tx = {
    .name = "tx",
    .args = "SIGNATURE",
    .summary = "Explain a transaction: its instructions, its cost, why it failed",
    .detail =
        "Instructions of the SplitUp program are shown by name with the role of each "
        "account and its fields, its errors by name and meaning. The exit status is 0 for a failed "
        "transaction, too: it was found.",
    .min_arg = 1,
    .max_arg = 1,
    .option = {CLI_OPTION_URL, CLI_OPTION_KEYPAIR, CLI_OPTION_PASSPHRASE, CLI_OPTION_JSON},
    .run = run,
};
