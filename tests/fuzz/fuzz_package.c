// SPDX-License-Identifier: MIT
/* The input as a package: what decodes has the digest of its bytes, and tasks whose parts encode to
   bytes that stand in it. */
#include "engine/engine.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool stands_in(const uint8_t *data, size_t size, const struct su_buf *part)
{
    for (size_t i = 0; i + part->len <= size; i++)
        if (memcmp(data + i, part->data, part->len) == 0)
            return true;
    return false;
}

static void check_task(const struct su_package *p, uint32_t i, const uint8_t *data, size_t size)
{
    const struct su_package_task *t = &p->task[i];
    uint8_t digest[32];
    struct su_buf b;
    struct su_err e = {0};

    su_buf_init(&b, 0);
    SU_ASSERT(su_graph_encode(t->graph, &b, &e) == SU_OK && stands_in(data, size, &b));
    su_sha256(b.data, b.len, digest);
    SU_ASSERT(memcmp(digest, t->graph_digest, 32) == 0);
    su_buf_clear(&b);
    SU_ASSERT(su_manifest_encode(&t->manifest, &b, &e) == SU_OK && stands_in(data, size, &b));
    su_sha256(b.data, b.len, digest);
    SU_ASSERT(memcmp(digest, t->weights_digest, 32) == 0);
    su_buf_fini(&b);
    SU_ASSERT(t->manifest.n_entry == t->graph->n_weight);
    for (uint32_t k = 0; k < t->graph->n_input; k++)
        SU_ASSERT(t->input[k].from_task == SU_PLAN_EXTERNAL ||
                  (t->input[k].from_task < i &&
                   t->input[k].from_output < p->task[t->input[k].from_task].graph->n_output));
    SU_ASSERT(su_package_check_task(p, i, t->graph_digest, t->weights_digest, &e) == SU_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_package *p = NULL;
    struct su_err e = {0};

    if (su_package_decode(data, size, &p, &e)) {
        SU_ASSERT(!p && e.code != SU_OK && e.msg[0] != '\0' && !strchr(e.msg, '\n'));
        return 0;
    }
    for (uint32_t i = 0; i < p->n_task; i++)
        check_task(p, i, data, size);
    su_package_free(p);
    return 0;
}
