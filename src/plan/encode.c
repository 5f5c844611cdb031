// SPDX-License-Identifier: MIT
/* Bytes of a plan, little-endian, no padding: "SUPLAN1\0"; u32 t_max, e_max, sessions, ctx, sharded
   nodes;
   u64 target, bytes over cuts, macs of the largest task; u32 tasks on the critical path; results;
   tasks. A list is a u32 count and its entries, a text or graph a u32 length and its bytes. */
#include "plan_priv.h"

#include <string.h>

static const char magic[8] = "SUPLAN1";

static void put_inputs(struct su_buf *out, const struct su_plan_input *in, uint32_t n)
{
    su_buf_u32(out, n);
    for (uint32_t i = 0; i < n; i++) {
        su_buf_u32(out, in[i].from_task);
        su_buf_u32(out, in[i].from_output);
    }
}

static void put_text(struct su_buf *out, const char *s)
{
    uint32_t n = (uint32_t)strlen(s);
    su_buf_u32(out, n);
    su_buf_put(out, s, n);
}

static enum su_code put_task(struct su_buf *out, const struct su_plan_task *t, struct su_err *e)
{
    struct su_buf graph;
    su_buf_init(&graph, 0);
    enum su_code rc = su_graph_encode(t->graph, &graph, e);
    if (rc == SU_OK) {
        rc = su_buf_check(&graph, "plan", e);
    }
    if (rc == SU_OK) {
        put_inputs(out, t->input, t->graph->n_input);
        su_buf_u32(out, t->graph->n_output);
        for (uint32_t i = 0; i < t->graph->n_output; i++) {
            su_buf_u8(out, t->output[i].consumed);
            su_buf_u32(out, t->output[i].graph_output);
        }
        const uint64_t number[] = {t->weight_bytes, t->arena_bytes, t->vram_fixed, t->vram_session,
                                   t->macs,         t->bytes_in,    t->bytes_out};
        for (size_t i = 0; i < SU_ARRAY_LEN(number); i++) {
            su_buf_u64(out, number[i]);
        }
        su_buf_u32(out, t->device);
        su_buf_u32(out, t->first_node);
        su_buf_u32(out, t->n_node);
        put_text(out, t->why);
        su_buf_u32(out, (uint32_t)graph.len);
        su_buf_put(out, graph.data, graph.len);
    }
    su_buf_fini(&graph);
    return rc;
}

enum su_code su_plan_encode(const struct su_plan *p, struct su_buf *out, struct su_err *e)
{
    su_buf_put(out, magic, sizeof magic);
    su_buf_u32(out, p->t_max);
    su_buf_u32(out, p->e_max);
    su_buf_u32(out, p->sessions);
    su_buf_u32(out, p->ctx);
    su_buf_u32(out, p->n_sharded);
    su_buf_u64(out, p->target_bytes);
    su_buf_u64(out, p->cut_bytes);
    su_buf_u64(out, p->peak_macs);
    su_buf_u32(out, p->critical_macs_tasks);
    put_inputs(out, p->result, p->n_result);
    su_buf_u32(out, p->n_task);
    for (uint32_t i = 0; i < p->n_task; i++) {
        enum su_code rc = put_task(out, &p->task[i], e);
        if (rc != SU_OK) {
            return rc;
        }
    }
    return su_buf_check(out, "plan", e);
}

enum su_code su_plan_digest(const struct su_plan *p, uint8_t out[SU_SHA256_BYTES], struct su_err *e)
{
    struct su_buf b;
    su_buf_init(&b, 0);
    enum su_code rc = su_plan_encode(p, &b, e);
    if (rc == SU_OK) {
        su_sha256(b.data, b.len, out);
    }
    su_buf_fini(&b);
    return rc;
}
