// SPDX-License-Identifier: MIT
/* How an execution ended that is not there any more: whoever looked away too long finds its accounts
   closed, and reads what was done to it from the transactions that name it. */
#include "follow_priv.h"

#include <stdlib.h>
#include <string.h>

enum { SIGNATURES_MAX = 400 };

struct marks {
    bool concluded, slashed, undecided, cancelled, expired;
};

/* Notes the program's instructions of one transaction about this execution. */
static enum su_code mark(struct su_ops_follow *f, const uint8_t sig[64], struct marks *m,
                         struct su_err *e)
{
    struct su_chain_outcome out;
    struct su_tx_parsed *p = su_alloc(sizeof *p);
    struct su_tx *t = su_alloc(sizeof *t);
    enum su_code rc = su_chain_transaction(f->o->chain, sig, &out, e);

    if (!rc && out.failure.kind[0] == 0 && su_tx_parse(out.wire, out.wire_bytes, t, p) == SU_TX_OK)
        for (uint16_t i = 0; i < p->n_instrs; i++) {
            const struct su_instr *x = &p->instrs[i];
            bool ours = memcmp(x->program, f->o->env.program, 32) == 0 && x->data_bytes > 0,
                 of = false;
            for (uint16_t k = 0; k < x->n_metas; k++)
                of = of || memcmp(x->metas[k].key, f->state.execution, 32) == 0;
            if (!ours || !of)
                continue;
            m->concluded = m->concluded || x->data[0] == SU_IX_CONCLUDE;
            m->slashed = m->slashed || x->data[0] == SU_IX_SLASH;
            m->undecided = m->undecided || x->data[0] == SU_IX_DISPUTE_EXPIRE;
            m->cancelled = m->cancelled || x->data[0] == SU_IX_REQUEST_CANCEL;
            m->expired = m->expired || x->data[0] == SU_IX_REQUEST_EXPIRE;
        }
    su_chain_outcome_fini(&out);
    free(p);
    free(t);
    return rc;
}

enum su_code follow_history(struct su_ops_follow *f, bool *settled, uint8_t *cause,
                            struct su_err *e)
{
    struct su_chain_signature *sig = su_alloc(SIGNATURES_MAX * sizeof *sig);
    struct marks m = {.concluded = false};
    size_t n = 0;
    enum su_code rc =
        su_chain_signatures_of(f->o->chain, f->state.execution, NULL, sig, SIGNATURES_MAX, &n, e);

    for (size_t i = 0; i < SU_MIN(n, (size_t)SIGNATURES_MAX) && !rc; i++)
        if (!sig[i].failed)
            rc = mark(f, sig[i].sig, &m, e);
    free(sig);
    /* A validator's fault alone is slashed, too, and does not void; it is rare enough to be taken for
       the worse here: nothing is believed that was not seen. */
    *settled = m.concluded && !m.slashed && !m.undecided;
    *cause = m.cancelled   ? SU_VOID_CANCELLED
             : m.expired   ? SU_VOID_EXPIRED
             : m.slashed   ? SU_VOID_FAULT
             : m.undecided ? SU_VOID_UNDECIDED
                           : SU_VOID_ATTEMPTS;
    return rc;
}
