// SPDX-License-Identifier: MIT
/* splitup stake: USDC that answers for a node's work. */
#include "ops_common.h"

#include <inttypes.h>
#include <string.h>

static struct su_ops_stake fields_of(const struct cli *c)
{
    return (struct su_ops_stake){.node = cli_get(c, "--node"),
                                 .amount = c->n_arg > 1 ? c->arg[1] : NULL};
}

typedef enum su_code prepare_fn(struct su_ops *o, const struct su_ops_stake *f,
                                struct su_ops_proposal *p, struct su_err *e);

static enum su_code propose(const struct cli *c, struct su_ops *o, prepare_fn *prepare,
                            struct su_err *e)
{
    const struct su_ops_stake f = fields_of(c);
    struct su_ops_proposal p = {.n_tx = 0};
    enum su_code rc = cli_may_sign(c, e);

    if (!rc)
        rc = prepare(o, &f, &p, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    return rc;
}

static enum su_code stake_deposit(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake f = fields_of(c);
    enum su_code rc = su_ops_deposit_check(&f, e);

    return rc ? rc : propose(c, o, su_ops_deposit_prepare, e);
}

/* With an amount it begins, without it ends what is due. */
static enum su_code stake_withdraw(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake f = fields_of(c);
    enum su_code rc = SU_OK;

    if (!f.amount)
        return propose(c, o, su_ops_take_out_prepare, e);
    rc = su_ops_unlock_check(&f, e);
    return rc ? rc : propose(c, o, su_ops_unlock_prepare, e);
}

static enum su_code stake_claim(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    return propose(c, o, su_ops_claim_prepare, e);
}

/* ---- show --------------------------------------------------------------------------------------- */

struct view {
    const struct su_acc_node *node;
    const struct su_params *params;
    uint64_t slot, needed;
};

static uint64_t left(const struct view *v, const struct su_ticket *t)
{
    return t->unlock_slot > v->slot ? t->unlock_slot - v->slot : 0;
}

static enum su_code show_json(const struct view *v, struct su_err *e)
{
    const struct su_acc_node *n = v->node;
    char key[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "node", su_chain_key_text(n->identity, key));
    su_json_put_str(&w, "owner", su_chain_key_text(n->owner, key));
    cli_put_amount(&w, "free", n->stake_free, SU_OPS_USDC);
    cli_put_amount(&w, "reserved", n->stake_reserved, SU_OPS_USDC);
    cli_put_amount(&w, "earned", n->earned, SU_OPS_USDC);
    cli_put_amount(&w, "needed_to_declare", v->needed, SU_OPS_USDC);
    su_json_put_u64(&w, "slot", v->slot);
    su_json_put_array(&w, "unlocking");
    for (size_t i = 0; i < SU_TICKETS_MAX; i++) {
        const struct su_ticket *t = &n->tickets[i];
        if (t->amount == 0)
            continue;
        su_json_put_object(&w, NULL);
        cli_put_amount(&w, "amount", t->amount, SU_OPS_USDC);
        su_json_put_u64(&w, "unlock_slot", t->unlock_slot);
        su_json_put_u64(&w, "ms_left", left(v, t) * v->params->ms_per_slot);
        su_json_put_bool(&w, "due", left(v, t) == 0);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void show_text(const struct view *v)
{
    const struct su_acc_node *n = v->node;
    char text[SU_OPS_AMOUNT_TEXT], key[SU_CHAIN_TEXT];

    printf("node       %s\n", su_chain_key_text(n->identity, key));
    printf("owner      %s\n", su_chain_key_text(n->owner, key));
    printf("free       %s\n", su_ops_amount_text(n->stake_free, SU_OPS_USDC, text));
    printf("reserved   %s\n", su_ops_amount_text(n->stake_reserved, SU_OPS_USDC, text));
    for (size_t i = 0; i < SU_TICKETS_MAX; i++) {
        const struct su_ticket *t = &n->tickets[i];
        if (t->amount == 0)
            continue;
        printf("unlocking  %s at slot %" PRIu64, su_ops_amount_text(t->amount, SU_OPS_USDC, text),
               t->unlock_slot);
        if (left(v, t) == 0)
            printf(", due: `splitup stake withdraw` takes it out\n");
        else
            printf(", in %s\n", su_ops_slots_text(left(v, t), v->params->ms_per_slot, text));
    }
    printf("earned     %s\n", su_ops_amount_text(n->earned, SU_OPS_USDC, text));
    if (n->stake_free + n->stake_reserved < v->needed)
        printf("tasks can be declared from %s on\n",
               su_ops_amount_text(v->needed, SU_OPS_USDC, text));
}

static enum su_code stake_show(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    const struct su_ops_stake f = fields_of(c);
    struct su_chain_accounts list = {0};
    const struct su_chain_env *env;
    struct view v = {.node = NULL};
    char key[SU_CHAIN_TEXT];
    uint8_t identity[32];
    enum su_code rc = su_ops_stake_node(o, &f, identity, e);

    if (!rc)
        rc = su_ops_env(o, &env, &v.params, e);
    if (rc)
        return rc;
    rc = su_chain_node_of(su_ops_chain(o), env, identity, &list, &v.node, e);
    if (rc == SU_ENOENT)
        rc = su_fail(e, rc, su_chain_key_text(identity, key),
                     "no node is registered under this identity; its machine runs "
                     "`splitup-node register` first");
    if (!rc) {
        v.slot = list.slot;
        if (!su_econ_base_stake(v.params, v.node->vram_bytes, &v.needed))
            v.needed = 0;
        if (cli_has(c, "--json"))
            rc = show_json(&v, e);
        else
            show_text(&v);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"deposit", "withdraw", "show", "claim"};
    static enum su_code (*const act[])(const struct cli *, struct su_ops *, struct su_err *) = {
        stake_deposit, stake_withdraw, stake_show, stake_claim};
    static const unsigned least[] = {1, 0, 0, 0}, most[] = {1, 1, 0, 0};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, least[i], most[i], e);
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_stake = {
    .name = "stake",
    .args = "deposit AMOUNT|withdraw [AMOUNT]|show|claim",
    .summary = "Stake USDC on a node, see it, take it out again",
    .detail = "deposit moves USDC from the wallet into a node's stake; withdraw AMOUNT (or all) "
              "begins to take free stake out, which is locked for a cooldown; withdraw alone "
              "takes out what is due, to the owner's wallet; show lists what is free, reserved "
              "for open work and unlocking, and what was earned; claim pays the earnings to the "
              "owner. Amounts are USDC with up to 6 decimals. Each shows what it will sign and "
              "asks.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--node", "IDENTITY", "the node's public key (default: own, of this machine)"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
