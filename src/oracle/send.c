// SPDX-License-Identifier: MIT
#include "oracle_priv.h"

#include <string.h>

enum { PRICE_MAX = 100000 }; /* millionths of a lamport per compute unit */

void ora_hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&s, out);
}

struct su_chain_send_opts ora_send_opts(struct su_oracle *o)
{
    (void)pthread_mutex_lock(&o->lock);
    uint32_t slot_ms = o->params.ms_per_slot;
    (void)pthread_mutex_unlock(&o->lock);
    uint32_t poll_ms = SU_MIN(SU_MAX(slot_ms / 4, 10u), 400u);
    return (struct su_chain_send_opts){
        .price_max = PRICE_MAX, .poll_ms = poll_ms, .no_details = true};
}

enum su_code ora_send(struct su_oracle *o, struct su_chain_batch *b, struct su_err *e)
{
    const struct su_signer *signer = &o->signer;
    const struct su_chain_send_opts opts = ora_send_opts(o);
    struct su_chain_result result = {.sent = false};
    enum su_code rc = su_chain_batch_check(b, e);

    if (rc || su_oracle_fault("silent"))
        return rc;
    rc = su_chain_send(o->chain, o->key, b->instrs, b->n, &signer, 1, &opts, &result, e);
    su_chain_result_fini(&result);
    return rc;
}

void ora_tell_vote(struct su_oracle *o, const struct su_wire_vote *v)
{
    const struct su_wire_message m = {.kind = SU_WIRE_VOTE, .u.vote = *v};
    struct su_buf frame;

    su_buf_init(&frame, 0);
    if (su_peer_frame(o->self, &m, &frame, NULL) == SU_OK) {
        struct ora_bytes *b = ora_bytes_of(frame.data, frame.len);
        ora_tell_peers(o, b);
        ora_bytes_drop(b);
    }
    su_buf_fini(&frame);
}
