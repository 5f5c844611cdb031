// SPDX-License-Identifier: MIT
/* The input as a message and as a transaction. What parses must survive compiling: the same
   instructions under the same payer give a message of the same content. */
#include "abi/abi.h"
#include "base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct su_tx_parsed *a, const struct su_tx_parsed *b)
{
    if (a->n_instrs != b->n_instrs || memcmp(a->keys, b->keys, 32) != 0)
        return false;
    for (unsigned i = 0; i < a->n_instrs; i++) {
        const struct su_instr *x = &a->instrs[i], *y = &b->instrs[i];

        if (memcmp(x->program, y->program, 32) != 0 || x->n_metas != y->n_metas ||
            x->data_bytes != y->data_bytes || memcmp(x->data, y->data, x->data_bytes) != 0)
            return false;
        for (unsigned m = 0; m < x->n_metas; m++)
            if (memcmp(x->metas[m].key, y->metas[m].key, 32) != 0 ||
                x->metas[m].signer != y->metas[m].signer ||
                x->metas[m].writable != y->metas[m].writable)
                return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_tx_parsed p, q;
    static struct su_tx t;

    if (su_tx_parse(data, size, &t, &p) == SU_TX_OK)
        SU_ASSERT(memcmp(t.wire, data, size) == 0 && t.signers == p.signers);
    if (su_tx_parse_message(data, size, &p) != SU_TX_OK)
        return 0;
    SU_ASSERT(p.n_instrs >= 1 && p.n_metas <= SU_TX_METAS_MAX && p.n_keys <= SU_TX_KEYS_MAX);
    enum su_tx_status s = su_tx_compile(p.keys, p.blockhash, p.instrs, p.n_instrs, &t);
    SU_ASSERT(s == SU_TX_OK || s == SU_TX_TOO_LONG);
    if (s == SU_TX_OK) {
        SU_ASSERT(su_tx_parse_message(su_tx_message(&t), su_tx_message_bytes(&t), &q) == SU_TX_OK);
        SU_ASSERT(same(&p, &q));
    }
    return 0;
}
