// SPDX-License-Identifier: MIT
/* splitup econ: what keeps nodes honest, in numbers. */
#include "ops_common.h"

#include <inttypes.h>
#include <string.h>

enum { FOUNDING_REWARD_PPM = 1200000, FOUNDING_STAKE = 10, SHARES_MAX = 8 };

/* "8", "8.5", "33.3333": a percentage, up to 4 decimals, as parts per million. */
static enum su_code percent(const char *text, const char *at, uint32_t least, uint32_t most,
                            uint32_t *ppm, struct su_err *e)
{
    uint64_t v = 0;
    unsigned decimals = 0;
    bool point = false, good = *text >= '0' && *text <= '9';

    for (const char *c = text; *c && good; c++) {
        if (*c == '.' && !point && c[1]) {
            point = true;
            continue;
        }
        if (*c == '%' && !c[1])
            break;
        good = *c >= '0' && *c <= '9' && !(point && ++decimals > 4) && v < SU_PPM * 100u;
        if (good)
            v = 10 * v + (uint64_t)(*c - '0');
    }
    for (; decimals < 4; decimals++)
        v *= 10;
    if (!good || v < least || v > most)
        return su_fail(e, SU_EINVAL, at, "\"%s\" is no percentage from %u.%04u to %u.%04u", text,
                       least / 10000, least % 10000, most / 10000, most % 10000);
    *ppm = (uint32_t)v;
    return SU_OK;
}

static const char *percent_text(uint64_t ppm, char out[32])
{
    int n = snprintf(out, 32, "%" PRIu64 ".%04" PRIu64, ppm / 10000, ppm % 10000);

    while (out[n - 1] == '0')
        out[--n] = 0;
    if (out[n - 1] == '.')
        out[--n] = 0;
    return out;
}

/* One row: what a cheat expects when the owner holds `share` of the stake. Times are in thousandths. */
struct row {
    uint32_t share_ppm;
    uint64_t founding_milli; /* loss / gain with R = 1.2 C, S = 10 C */
    uint64_t founding_needs_ppm; /* sampling at which that would be 1 */
    bool safe;
    uint64_t stake, stake_milli_fees; /* what the program demands, and as multiples of the fee */
    uint64_t margin_milli; /* loss / gain with it */
};

/* p (1 - r) x ratio in thousandths, rounded down; ratio = (R + S) / C in millionths. */
static uint64_t margin(uint32_t p, uint32_t r, uint64_t ratio_ppm)
{
    uint64_t v = 0;

    return su_free_mul_div((uint64_t)p * (SU_PPM - r), ratio_ppm, 1000000000000000ull, &v) ? v : 0;
}

static struct row row_of(const struct su_params *params, uint32_t p, uint32_t r, uint64_t fee)
{
    uint64_t together = FOUNDING_REWARD_PPM + (uint64_t)FOUNDING_STAKE * SU_PPM, ratio;
    struct row w = {.share_ppm = r, .founding_milli = margin(p, r, together)};

    w.founding_needs_ppm = (uint64_t)SU_PPM * SU_PPM / (SU_PPM - r) * SU_PPM / together + 1;
    w.safe = su_econ_stake(params, p, r, fee, &w.stake) &&
             su_free_mul_div(w.stake + fee, SU_PPM, fee, &ratio);
    if (w.safe) {
        w.stake_milli_fees = (ratio - SU_PPM) / 1000;
        w.margin_milli = margin(p, r, ratio);
    }
    return w;
}

struct table {
    struct su_params params;
    uint64_t fee;
    uint32_t sampling_ppm;
    struct row row[SHARES_MAX];
    size_t n;
};

static enum su_code print_json(const struct table *t, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    cli_put_amount(&w, "fee", t->fee, SU_OPS_USDC);
    su_json_put_u64(&w, "sampling_ppm", t->sampling_ppm);
    su_json_put_u64(&w, "margin_ppm", t->params.margin_ppm);
    su_json_put_array(&w, "rows");
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->row[i];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "owner_share_ppm", r->share_ppm);
        su_json_put_u64(&w, "founding_loss_per_1000_gain", r->founding_milli);
        su_json_put_bool(&w, "founding_holds", r->founding_milli > 1000);
        su_json_put_u64(&w, "founding_needs_sampling_ppm", r->founding_needs_ppm);
        su_json_put_bool(&w, "accepted", r->safe);
        if (r->safe) {
            cli_put_amount(&w, "stake", r->stake, SU_OPS_USDC);
            su_json_put_u64(&w, "stake_per_1000_fee", r->stake_milli_fees);
            su_json_put_u64(&w, "loss_per_1000_gain", r->margin_milli);
        }
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void cell_milli(struct cli_table *t, uint64_t milli)
{
    cli_table_cell(t, "%" PRIu64 ".%03" PRIu64, milli / 1000, milli % 1000);
}

static void print_text(const struct table *t, unsigned width)
{
    static const char *const title[] = {">SHARE r", ">10 C: LOSS/GAIN", ">WOULD NEED p", ">STAKE S",
                                        ">S/C",     ">LOSS/GAIN"};
    struct cli_table table;
    char text[32], why[600], amount[SU_OPS_AMOUNT_TEXT];

    printf("One task, fee C = %s, checked with p = %s %%.\n\n",
           su_ops_amount_text(t->fee, SU_OPS_USDC, amount), percent_text(t->sampling_ppm, text));
    cli_table_init(&table, title, SU_ARRAY_LEN(title));
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->row[i];
        cli_table_cell(&table, "%s %%", percent_text(r->share_ppm, text));
        cell_milli(&table, r->founding_milli);
        cli_table_cell(&table, "%" PRIu64 ".%02" PRIu64 " %%", r->founding_needs_ppm / 10000,
                       r->founding_needs_ppm % 10000 / 100);
        if (!r->safe) {
            cli_table_cell(&table, "refused");
            cli_table_cell(&table, "-");
            cli_table_cell(&table, "-");
            continue;
        }
        cli_table_cell(&table, "%s", su_ops_amount_text(r->stake, SU_OPS_USDC, amount));
        cell_milli(&table, r->stake_milli_fees);
        cell_milli(&table, r->margin_milli);
    }
    cli_table_print(&table);
    (void)snprintf(
        why, sizeof why,
        "A cheat gains C and expects to lose p (1 - r) (R + S), r being the share of the stake "
        "whose owner would check itself. A reward of 1.2 C and a stake of 10 C with p = 8 %% do "
        "not cover that, not even at r = 0. So the program demands S = max(10 C, %u C / (p (1 - "
        "r)) - C) with r at least %s %%, pays R = C, and refuses a task whose stake would exceed "
        "%s (EconomicsUnsafe).",
        t->params.margin_ppm / SU_PPM, percent_text(t->params.owner_share_min_ppm, text),
        su_ops_amount_text(t->params.stake_max, SU_OPS_USDC, amount));
    printf("\n");
    cli_print_wrapped(stdout, why, width - 1, 0, 0);
}

/* The cluster's parameters when it was named, else those of a public one. */
static enum su_code params_of(const struct cli *c, struct su_params *out, struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_ops *o = NULL;

    su_params_default(out);
    if (!cli_get(c, "--url"))
        return SU_OK;
    enum su_code rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (!rc)
        *out = *params;
    su_ops_close(o);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const uint32_t shares[] = {0, 100000, 200000, 333334, 500000};
    const char *p = cli_get(c, "--p"), *r = cli_get(c, "--r"), *macs_text = cli_get(c, "--macs");
    struct table t = {.n = 0};
    uint64_t macs = SU_MACS_PER_UNIT, steps = 1;
    uint32_t share = 0;
    enum su_code rc = params_of(c, &t.params, e);

    t.sampling_ppm = t.params.sampling_min_ppm;
    if (!rc && p)
        rc = percent(p, "--p", 1, SU_PPM, &t.sampling_ppm, e);
    if (!rc && macs_text)
        rc = su_parse_u64(macs_text, "--macs", 1, UINT64_MAX, &macs, e);
    if (!rc && cli_get(c, "--steps"))
        rc = su_parse_u64(cli_get(c, "--steps"), "--steps", 1, SU_STEPS_MAX, &steps, e);
    if (!rc && cli_get(c, "--fee") && (macs_text || steps > 1))
        rc = su_fail(e, SU_EUSAGE, "--fee", "is what --macs and --steps work out; leave it out");
    if (!rc && cli_get(c, "--fee"))
        rc = su_ops_amount_parse(cli_get(c, "--fee"), "--fee", SU_OPS_USDC, &t.fee, e);
    else if (!rc && !su_econ_fee(&t.params, t.params.fee_unit, macs, (uint32_t)steps, &t.fee))
        rc = su_fail(e, SU_EOVERFLOW, "--macs", "the fee of so much work is out of range");
    if (!rc && r)
        rc = percent(r, "--r", 0, 900000, &share, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < (r ? 1 : SU_ARRAY_LEN(shares)); i++)
        t.row[t.n++] = row_of(&t.params, t.sampling_ppm, r ? share : shares[i], t.fee);
    if (cli_has(c, "--json"))
        return print_json(&t, e);
    print_text(&t, c->width);
    return SU_OK;
}

const struct cli_verb cli_verb_econ = {
    .name = "econ",
    .args = "",
    .summary = "Show why cheating loses: the stake a task demands, and its margin",
    .detail = "For owners that hold different shares of the stake, what a cheat expects to lose "
              "for each unit gained: with a stake of ten fees, which is not enough, and with what "
              "the program demands. The fee is that of --macs multiply-adds a step over --steps, "
              "or --fee. Parameters are those of a public cluster, or with --url of that one. All "
              "of it is integer arithmetic, the same that the program does.",
    .option = {{"--fee", "AMOUNT", "fee C of the task in USDC"},
               {"--macs", "N", "multiply-adds of a step (default 1000000000, one compute unit)"},
               {"--steps", "N", "steps of the execution (default 1)"},
               {"--p", "PERCENT", "share of tasks that are checked (default 8)"},
               {"--r", "PERCENT", "one share of the stake, 0 to 90, instead of five"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_JSON},
    .run = run,
};
