// SPDX-License-Identifier: MIT
#include "node_priv.h"

/* From any oracle of the epoch: all hold what they voted on. The next one is asked when one fails. */
static enum su_code fetch(struct node_duty *d, const struct node_view *v, struct su_buf *buf,
                          struct su_err *e)
{
    const struct su_peer_call call = {.deadline_ms = 20000, .cancelled = node_duty_over, .ctx = d};
    enum su_code rc = su_fail(e, SU_ENOENT, "input", "no oracle is known that could have it");

    for (size_t i = 0; i < v->n_oracle && rc && !node_duty_over(d); i++) {
        const struct node_beats_to *o = &v->oracle[(i + d->index) % v->n_oracle];
        if (o->endpoint[0])
            rc = su_peer_input_get(o->endpoint, d->execution->key, v->input_digest, &call, buf, e);
    }
    return rc;
}

enum su_code node_input_get(struct node_duty *d, const struct node_view *v, struct su_buf *buf,
                            struct su_input *in, struct su_err *e)
{
    struct su_exchange *x = d->node->exchange;
    enum su_code rc = su_exchange_container_get(x, d->execution->key, buf, NULL);

    if (rc)
        rc = fetch(d, v, buf, e);
    return rc ? rc : su_input_decode(buf->data, buf->len, in, e);
}
