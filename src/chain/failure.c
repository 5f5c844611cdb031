// SPDX-License-Identifier: MIT
/* Failures of transactions in words. */
#include "chain_priv.h"

#include <stdio.h>
#include <string.h>

struct row {
    const char *name;
    enum su_code code;
    const char *text;
};
#define P(name, code)
#define T(name, code, text) {#name, SU_##code, text},
#define I(name, code, text)
static const struct row transaction_rows[] = {
#include "failures.def"
};
#undef T
#undef I
#define T(name, code, text)
#define I(name, code, text) {#name, SU_##code, text},
static const struct row instruction_rows[] = {
#include "failures.def"
};
#undef T
#undef I
#undef P

static enum su_code program_code(uint32_t number)
{
    switch (number) {
#define T(name, code, text)
#define I(name, code, text)
#define P(name, code)                                                                              \
    case SU_PROG_##name:                                                                           \
        return SU_##code;
#include "failures.def"
#undef T
#undef I
#undef P
    default:
        return SU_EINVAL;
    }
}

/* Numbers of the Token program (spl_token::error::TokenError) and of the System program. */
static const struct {
    uint32_t number;
    enum su_code code;
    const char *text;
} token_errors[] =
    {
        {0, SU_ELIMIT, "an account would be left with less than its rent"},
        {1, SU_ELIMIT, "the token account holds too little"},
        {3, SU_EINVAL, "a token account holds another mint"},
        {4, SU_EACCES, "the signer does not own the token account"},
        {17, SU_EACCES, "the token account is frozen"},
        {18, SU_EINVAL, "the number of decimals is not the mint's"},
},
  system_errors[] = {
      {0, SU_EEXIST, "the account exists already"},
      {1, SU_ELIMIT, "an account has too little SOL"},
};

static const struct row *find(const struct row *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Which instruction, for `at`: its name when it is ours, else the program. */
static void instruction_name(const struct su_chain_failure *f, const uint8_t *program,
                             const struct su_instr *instrs, size_t n, char *out, size_t cap)
{
    char text[SU_CHAIN_TEXT];
    const struct su_ix_info *info = NULL;

    (void)snprintf(out, cap, "instruction %d", f->instruction + 1);
    if (!instrs || f->instruction < 0 || (size_t)f->instruction >= n)
        return;
    const struct su_instr *i = &instrs[f->instruction];
    if (program && memcmp(i->program, program, 32) == 0 && i->data_bytes > 0)
        info = su_ix_info(i->data[0]);
    if (info)
        (void)su_str_copy(out, cap, info->name);
    else if (memcmp(i->program, su_system_id, 32) == 0)
        (void)su_str_copy(out, cap, "System program");
    else if (memcmp(i->program, su_token_id, 32) == 0)
        (void)su_str_copy(out, cap, "Token program");
    else if (memcmp(i->program, su_ata_id, 32) == 0)
        (void)su_str_copy(out, cap, "Associated Token Account program");
    else
        (void)su_str_copy(out, cap, su_chain_key_text(i->program, text));
}

static bool calls(const struct su_chain_failure *f, const struct su_instr *instrs, size_t n,
                  const uint8_t program[32])
{
    return instrs && f->instruction >= 0 && (size_t)f->instruction < n &&
           memcmp(instrs[f->instruction].program, program, 32) == 0;
}

static enum su_code custom(const struct su_chain_failure *f, const struct su_instr *instrs,
                           size_t n, const char *at, struct su_err *e)
{
    const char *name = su_prog_error_name(f->custom);

    if (name)
        return su_fail(e, program_code(f->custom), at, "%s (%u): %s", name, f->custom,
                       su_prog_error_text(f->custom));
    /* Our program passes on what the Token program says; their numbers are small. */
    if (calls(f, instrs, n, su_system_id)) {
        for (size_t i = 0; i < SU_ARRAY_LEN(system_errors); i++)
            if (system_errors[i].number == f->custom)
                return su_fail(e, system_errors[i].code, at, "%s", system_errors[i].text);
    } else {
        for (size_t i = 0; i < SU_ARRAY_LEN(token_errors); i++)
            if (token_errors[i].number == f->custom)
                return su_fail(e, token_errors[i].code, at, "%s (%u)", token_errors[i].text,
                               f->custom);
    }
    return su_fail(e, SU_EINVAL, at, "custom program error %u", f->custom);
}

enum su_code su_chain_failure_explain(const struct su_chain_failure *f, const uint8_t *program,
                                      const struct su_instr *instrs, size_t n, struct su_err *e)
{
    char at[64];

    if (f->kind[0] == '\0')
        return SU_OK;
    if (strcmp(f->kind, "InstructionError") != 0) {
        const struct row *r = find(transaction_rows, SU_ARRAY_LEN(transaction_rows), f->kind);
        return r ? su_fail(e, r->code, "transaction", "%s: %s", f->kind, r->text)
                 : su_fail(e, SU_EINVAL, "transaction", "refused: %s", f->kind);
    }
    instruction_name(f, program, instrs, n, at, sizeof at);
    if (f->has_custom)
        return custom(f, instrs, n, at, e);
    const struct row *r = find(instruction_rows, SU_ARRAY_LEN(instruction_rows), f->detail);
    return r ? su_fail(e, r->code, at, "%s: %s", f->detail, r->text)
             : su_fail(e, SU_EINVAL, at, "refused: %s", f->detail);
}
