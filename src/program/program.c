// SPDX-License-Identifier: MIT
#include "program_priv.h"

struct route {
    su_prog_handler *run;
    uint8_t number;
};
static const struct route routes[] = {
#define X(NAME, number, name, accounts) {su_prog_##name, number},
#include "abi/instructions.def"
#undef X
};

/* One word of a row's accounts: "name", "name:flags", either with a final '*' after the name. */
struct role {
    const char *name;
    uint64_t name_len;
    bool signs, writes, repeats;
};

/* Reads the role at text; returns what follows it, NULL after the last one. */
static const char *role_read(const char *text, struct role *r)
{
    r->name = text;
    r->name_len = 0;
    r->signs = r->writes = r->repeats = false;
    bool flags = false;
    for (; *text != '\0' && *text != ' '; text++) {
        if (*text == '*')
            r->repeats = true;
        else if (*text == ':')
            flags = true;
        else if (!flags)
            r->name_len++;
        else if (*text == 's')
            r->signs = true;
        else if (*text == 'w')
            r->writes = true;
    }
    return *text == ' ' ? text + 1 : NULL;
}

static bool role_is(const struct role *r, const char *name)
{
    for (uint64_t i = 0; i < r->name_len; i++)
        if (name[i] != r->name[i]) /* a shorter name ends here: '\0' is in no role */
            return false;
    return name[r->name_len] == '\0';
}

/* Holds one account to its role; written: bit per account index that a role without s may write. */
static uint64_t account_check(const struct su_sys_account *a, const struct role *r,
                              uint64_t *written)
{
    SU_DEMAND(!r->signs || a->is_signer, MissingSignature);
    SU_DEMAND(!r->writes || a->is_writable, NotWritable);
    if (!r->writes || r->signs || role_is(r, "rent_payer") || role_is(r, "object"))
        return 0;
    uint64_t bit = 1ull << a->index;
    SU_DEMAND((*written & bit) == 0, DuplicateAccount);
    *written |= bit;
    return 0;
}

static uint64_t accounts_check(const struct su_sys *s, const char *text)
{
    uint64_t written = 0, at = 0;
    while (text != NULL) {
        struct role r;
        text = role_read(text, &r);
        if (r.repeats) {
            for (; at < s->count; at++)
                SU_TRY(account_check(&s->accounts[at], &r, &written));
            break;
        }
        SU_DEMAND(at < s->count, NotEnoughAccounts);
        const struct su_sys_account *a = &s->accounts[at++];
        SU_TRY(account_check(a, &r, &written));
        if (role_is(&r, "system"))
            SU_DEMAND(su_free_key_equal(a->key, su_sys_system_id), WrongAddress);
        if (role_is(&r, "token"))
            SU_DEMAND(su_free_key_equal(a->key, su_sys_token_id), WrongAddress);
    }
    return 0;
}

uint64_t su_program_process(struct su_sys *s)
{
    SU_DEMAND(s->data_len >= sizeof(struct su_ix) && s->count <= SU_SYS_ACCOUNTS_MAX,
              BadInstruction);
    const struct su_ix_info *info = su_ix_info(s->data[0]);
    SU_DEMAND(info != NULL && s->data_len == info->data_bytes, BadInstruction);
    SU_DEMAND(su_free_is_zero(s->data + 1, sizeof(struct su_ix) - 1), BadInstruction);
    SU_TRY(accounts_check(s, info->accounts));
    for (uint64_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (routes[i].number == s->data[0])
            return routes[i].run(s);
    return SU_PROG_BadInstruction;
}
