// SPDX-License-Identifier: MIT
#include "ops_priv.h"

#include <string.h>
#include <time.h>

enum { LAND_MS = 60000, POLL_MS = 50 };

enum su_code su_ops_airdrop_check(const struct su_ops_airdrop *f, struct su_err *e)
{
    uint64_t v;
    enum su_code rc = SU_OK;

    if (!f->sol && !f->usdc)
        return su_fail(e, SU_EINVAL, "airdrop", "of nothing: give an amount of SOL, or --usdc");
    if (f->sol)
        rc = su_ops_amount_parse(f->sol, "SOL", SU_OPS_SOL, &v, e);
    if (!rc && f->usdc)
        rc = su_ops_amount_parse(f->usdc, "--usdc", SU_OPS_USDC, &v, e);
    return rc;
}

static enum su_code await(struct su_ops *o, const uint8_t sig[64], struct su_err *e)
{
    const struct timespec nap = {.tv_nsec = POLL_MS * 1000000L};
    uint64_t until = su_clock_mono_ns() + (uint64_t)LAND_MS * 1000000u;
    struct su_chain_status s = {.known = false};

    for (;;) {
        enum su_code rc =
            su_chain_statuses(o->chain, (const uint8_t(*)[64])(const void *)sig, 1, false, &s, e);
        if (rc)
            return rc;
        if (s.known && s.reached != SU_CHAIN_PROCESSED)
            return su_chain_failure_explain(&s.failure, NULL, NULL, 0, e);
        if (o->options.cancelled && o->options.cancelled(o->options.ctx))
            return su_fail(e, SU_ECANCELLED, "airdrop", "not waited for; it may still come");
        if (su_clock_mono_ns() > until)
            return su_fail(e, SU_ETIMEOUT, "airdrop",
                           "asked for, but not landed within a minute; look at "
                           "`splitup wallet balance`");
        (void)nanosleep(&nap, NULL);
    }
}

enum su_code su_ops_airdrop(struct su_ops *o, const struct su_ops_airdrop *f, const uint8_t to[32],
                            struct su_err *e)
{
    uint64_t amount = 0;
    uint8_t sig[64];
    enum su_code rc = su_ops_airdrop_check(f, e);

    if (!rc && f->sol) {
        rc = su_ops_amount_parse(f->sol, "SOL", SU_OPS_SOL, &amount, e);
        if (!rc)
            rc = su_chain_airdrop(o->chain, to, amount, sig, e);
        if (!rc)
            rc = await(o, sig, e);
    }
    if (!rc && f->usdc) {
        rc = su_ops_amount_parse(f->usdc, "--usdc", SU_OPS_USDC, &amount, e);
        if (!rc)
            rc = su_chain_airdrop_usdc(o->chain, to, amount, sig, e);
        if (!rc)
            rc = await(o, sig, e);
    }
    return rc;
}
