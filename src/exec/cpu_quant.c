// SPDX-License-Identifier: MIT
/* Block-quantised weights on the cpu backend: how they are kept, and the ops that read them. */
#include "cpu_seq.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (4u << 20) /* of a weight read and repacked at a time */
#define SPLIT_MACS 200000u /* below this, waking another thread costs more than it saves */
#define WIDE_LEAST (2 * CPU_WIDE_ROWS) /* rows that are worth unpacking a group for wide tiles */
#define BLOCK_MAX 256u
#define LINE_BYTES 64u
#define K_SCALES 12u /* bytes of 6-bit scales and minima of a Q4_K or Q5_K block */

/* ---- layout ---------------------------------------------------------------------------------- */

static const struct cpu_qlayout layouts[SU_DTYPE_COUNT] = {
    [SU_Q4_0] = {1, 32, 0, 0, 256, 8, false},
    [SU_Q4_1] = {1, 64, 0, 0, 256, 0, true},
    [SU_Q5_0] = {1, 32, 0, 64, 256, 16, false},
    [SU_Q5_1] = {1, 64, 0, 64, 256, 0, true},
    [SU_Q8_0] = {1, 32, 0, 0, 512, 0, false},
    [SU_Q4_K] = {8, 64 + K_SCALES * 16, 64, 0, 256, 0, true},
    [SU_Q5_K] = {8, 64 + K_SCALES * 16, 64, 64, 256, 0, true},
    [SU_Q6_K] = {8, 32 + 16 * 16, 32, 128, 256, 32, false},
};

const struct cpu_qlayout *cpu_qlayout(enum su_dtype type)
{
    return &layouts[type];
}

uint64_t cpu_qrow_bytes(enum su_dtype type, uint64_t depth)
{
    return depth / su_dtype_block_elements(type) * su_dtype_block_bytes(type);
}

/* A scale as stored, with what N3 makes of infinities and NaN; with its sign flipped on demand. */
static uint16_t clean_half(const uint8_t *p, bool negate)
{
    uint16_t h = su_le16(p);
    if ((h & 0x7c00u) == 0x7c00u)
        h = h & 0x3ffu ? 0 : (uint16_t)((h & 0x8000u) | 0x7bffu);
    return negate ? h ^ 0x8000u : h;
}

/* Byte 4 · row + j of vector v, where element 4 v + j of a run of that row goes. */
static size_t place(uint32_t element, uint32_t row)
{
    return element / 4 * 64 + row * 4 + element % 4;
}

/* Four elements at a time, as the bytes of a word. */
static void pack_run(const struct cpu_qlayout *l, uint32_t row, const int8_t *q, uint8_t *high,
                     uint8_t *low)
{
    uint32_t word[8], top[2] = {0};
    uint8_t u[CPU_RUN];
    for (uint32_t i = 0; i < CPU_RUN; i++)
        u[i] = (uint8_t)(q[i] + l->centre);
    memcpy(word, u, sizeof word);
    if (l->low == 512) {
        for (uint32_t v = 0; v < 8; v++)
            memcpy(low + v * 64 + row * 4, &word[v], 4);
        return;
    }
    for (uint32_t v = 0; v < 4; v++) {
        uint32_t both = (word[v] & 0x0f0f0f0fu) | (word[v + 4] & 0x0f0f0f0fu) << 4;
        memcpy(low + v * 64 + row * 4, &both, 4);
    }
    for (uint32_t v = 0; v < 8; v++)
        if (l->high == 64)
            top[0] |= (word[v] >> 4 & 0x01010101u) << v;
        else
            top[v / 4] |= (word[v] >> 4 & 0x03030303u) << 2 * (v % 4);
    for (uint32_t i = 0; i < l->high / 64; i++)
        memcpy(high + i * 64 + row * 4, &top[i], 4);
}

static void pack_head(enum su_dtype type, const struct cpu_qlayout *l, uint32_t row,
                      const uint8_t *block, uint8_t *head)
{
    bool k_type = type == SU_Q4_K || type == SU_Q5_K;
    uint16_t h = clean_half(block + (type == SU_Q6_K ? 208 : 0), false);
    memcpy(head + row * 2, &h, sizeof h);
    if (l->offset) {
        h = clean_half(block + 2, k_type);
        memcpy(head + CPU_GROUP * 2 + row * 2, &h, sizeof h);
    }
    const uint8_t *scales = block + (type == SU_Q6_K ? 192 : 4);
    for (uint32_t i = 0; i < (l->head - l->scales) / CPU_GROUP && l->scales > 0; i++)
        head[l->scales + i * CPU_GROUP + row] = scales[i];
}

/* Blocks whose quants lie in a file in the order of a group: four bytes at a time, behind a head of
   16 halves, or twice 16. */
static void pack_words(const struct cpu_qlayout *l, uint32_t block_bytes, uint64_t row_bytes,
                       const uint8_t *rows, uint8_t *group)
{
    uint32_t words = l->low / 64, halves = l->offset ? 2 : 1;
    for (uint64_t at = 0; at < row_bytes; at += block_bytes, group += l->head + l->low)
        for (uint32_t row = 0; row < CPU_GROUP; row++) {
            const uint8_t *block = rows + row * row_bytes + at;
            for (uint32_t i = 0; i < halves; i++) {
                uint16_t h = clean_half(block + 2 * i, false);
                memcpy(group + (i * CPU_GROUP + row) * 2, &h, sizeof h);
            }
            for (uint32_t v = 0; v < words; v++)
                memcpy(group + l->head + v * 64 + row * 4, block + 2 * halves + 4 * v, 4);
        }
}

void cpu_qpack(enum su_dtype type, uint64_t depth, const uint8_t *rows, uint8_t *group)
{
    const struct cpu_qlayout *l = &layouts[type];
    if (type == SU_Q4_0 || type == SU_Q4_1 || type == SU_Q8_0) {
        pack_words(l, su_dtype_block_bytes(type), cpu_qrow_bytes(type, depth), rows, group);
        return;
    }
    uint64_t row_bytes = cpu_qrow_bytes(type, depth);
    uint32_t block_bytes = su_dtype_block_bytes(type);
    for (uint32_t row = 0; row < CPU_GROUP; row++) {
        uint8_t *to = group;
        for (uint64_t at = 0; at < row_bytes; at += block_bytes) {
            const uint8_t *block = rows + row * row_bytes + at;
            struct su_block b;
            su_block_unpack(type, block, &b);
            pack_head(type, l, row, block, to);
            to += l->head;
            for (uint32_t r = 0; r < l->runs; r++, to += l->high + l->low)
                pack_run(l, row, b.q + r * CPU_RUN, to, to + l->high);
        }
    }
}

static void unpack_run(const struct cpu_qlayout *l, uint32_t row, const uint8_t *high,
                       const uint8_t *low, int8_t *q)
{
    for (uint32_t i = 0; i < CPU_RUN; i++) {
        uint32_t v = i / 4, u;
        size_t at = row * 4 + i % 4;
        if (l->low == 512) {
            q[i] = (int8_t)low[place(i, row)];
            continue;
        }
        u = (uint32_t)low[place(i % 16, row)] >> i / 16 * 4 & 15u;
        if (l->high == 64)
            u |= ((uint32_t)high[at] >> v & 1u) << 4;
        else if (l->high == 128)
            u |= ((uint32_t)high[v / 4 * 64 + at] >> 2 * (v % 4) & 3u) << 4;
        q[i] = (int8_t)((int32_t)u - l->centre);
    }
}

static float half_at(const uint8_t *head, uint32_t row)
{
    uint16_t h;
    memcpy(&h, head + row * 2, sizeof h);
    return su_num_from_f16(h);
}

void cpu_qunpack(enum su_dtype type, const uint8_t *group, uint64_t b, uint32_t row,
                 struct su_block *out)
{
    const struct cpu_qlayout *l = &layouts[type];
    const uint8_t *head = group + b * su_dtype_block_bytes(type) * CPU_GROUP, *run = head + l->head;
    memset(out, 0, sizeof *out);
    memset(out->scale, 1, sizeof out->scale);
    out->offset = l->offset;
    out->d = half_at(head, row);
    if (l->offset) {
        out->e = half_at(head + CPU_GROUP * 2, row);
        out->min[0] = 1;
    }
    for (uint32_t i = 0; i < 16 && type == SU_Q6_K; i++)
        out->scale[i] = (int8_t)head[l->scales + i * CPU_GROUP + row];
    for (uint32_t r = 0; r < 8 && l->scales == 64; r++) {
        const uint8_t *s = head + l->scales + row;
        uint32_t low = s[(r + 4) * CPU_GROUP], scale = s[r % 4 * CPU_GROUP] & 63u, min = low & 63u;
        if (r >= 4) {
            scale = (low & 15u) | (uint32_t)s[(r - 4) * CPU_GROUP] >> 6 << 4;
            min = low >> 4 | (uint32_t)s[r * CPU_GROUP] >> 6 << 4;
        }
        out->scale[2 * r] = out->scale[2 * r + 1] = (int8_t)scale;
        out->min[r] = (uint8_t)min;
    }
    for (uint32_t r = 0; r < l->runs; r++, run += l->high + l->low)
        unpack_run(l, row, run, run + l->high, out->q + r * CPU_RUN);
}

/* ---- load ------------------------------------------------------------------------------------ */

struct pack_job {
    enum su_dtype type;
    uint64_t depth, group_bytes;
    const uint8_t *from;
    uint8_t *to;
};

static void pack_one(void *ctx, size_t i)
{
    const struct pack_job *j = ctx;
    cpu_qpack(j->type, j->depth, j->from + i * j->group_bytes, j->to + i * j->group_bytes);
}

/* One matrix of n rows: whole groups repacked, the rows left over as they are. Both as many
   bytes as the file has. */
static enum su_code load_matrix(const struct su_weight_source *src, uint32_t weight,
                                struct pack_job *j, uint64_t n, uint64_t at, uint8_t *piece,
                                size_t piece_groups, struct su_jobs *jobs, struct su_err *e)
{
    uint64_t groups = n / CPU_GROUP, rest = n % CPU_GROUP * (j->group_bytes / CPU_GROUP);
    enum su_code rc = SU_OK;
    for (uint64_t g = 0; g < groups && rc == SU_OK;) {
        size_t take = (size_t)SU_MIN(groups - g, (uint64_t)piece_groups);
        uint64_t offset = at + g * j->group_bytes;
        rc = src->read(src->ctx, weight, offset, piece, take * (size_t)j->group_bytes, e);
        struct pack_job part = *j;
        part.from = piece;
        part.to = j->to + offset;
        if (rc == SU_OK)
            su_jobs_run(jobs, take, pack_one, &part);
        g += take;
    }
    if (rc == SU_OK && rest > 0) {
        uint64_t offset = at + groups * j->group_bytes;
        rc = src->read(src->ctx, weight, offset, j->to + offset, (size_t)rest, e);
    }
    return rc;
}

static enum su_code load_weight(const struct su_graph *g, const struct su_weight_source *src,
                                uint32_t weight, struct su_jobs *jobs, uint8_t *to,
                                struct su_err *e)
{
    const struct su_value *v = &g->value[g->weight[weight]];
    const struct su_shape *s = &v->shape;
    uint64_t depth = s->dim[s->rank - 1], rows = s->rank > 1 ? s->dim[s->rank - 2] : 1;
    uint64_t row = cpu_qrow_bytes(v->dtype, depth), size = su_shape_elements(s) / depth * row;
    struct pack_job j = {
        .type = v->dtype, .depth = depth, .group_bytes = row * CPU_GROUP, .to = to};
    size_t piece_groups = (size_t)SU_MAX(PIECE_BYTES / j.group_bytes, 1u);
    uint8_t *piece = su_try_alloc(piece_groups, (size_t)j.group_bytes);
    enum su_code rc = SU_OK;
    if (!piece)
        rc = su_fail(e, SU_ENOMEM, v->name, "%llu bytes of rows to repack",
                     (unsigned long long)(piece_groups * j.group_bytes));
    for (uint64_t at = 0; at < size && rc == SU_OK; at += rows * row)
        rc = load_matrix(src, weight, &j, rows, at, piece, piece_groups, jobs, e);
    free(piece);
    if (rc != SU_OK)
        (void)su_wrap(e, "weight %s", v->name);
    return rc;
}

enum su_code cpu_qweights_load(struct su_stage *s, const struct su_weight_source *src,
                               struct su_jobs *jobs, struct su_err *e)
{
    struct cpu_stage *cs = s->impl;
    const struct su_graph *g = s->graph;
    uint64_t total = 0, at = 0, bytes = 0;
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        if (!su_dtype_is_block(v->dtype))
            continue;
        rc = su_tensor_bytes(v->dtype, &v->shape, &bytes, e);
        if (rc == SU_OK && !su_add_u64(total, su_align_up(bytes, LINE_BYTES), &total))
            rc = su_fail(e, SU_EOVERFLOW, v->name, "weights of more than 2^64 bytes");
    }
    if (rc != SU_OK || total == 0)
        return rc;
    cs->blocks = cpu_alloc_large(total);
    if (!cs->blocks)
        return su_fail(e, SU_ENOMEM, "cpu stage", "%llu bytes of weights",
                       (unsigned long long)total);
    for (uint32_t i = 0; i < g->n_weight && rc == SU_OK; i++) {
        uint32_t id = g->weight[i];
        if (!su_dtype_is_block(g->value[id].dtype))
            continue;
        rc = su_tensor_bytes(g->value[id].dtype, &g->value[id].shape, &bytes, e);
        if (rc == SU_OK)
            rc = load_weight(g, src, i, jobs, cs->blocks + at, e);
        cs->fixed[id] = cs->blocks + at;
        cs->fixed_bytes += bytes;
        at += su_align_up(bytes, LINE_BYTES);
    }
    return rc;
}

/* ---- embedding ------------------------------------------------------------------------------- */

/* Block b of row `row` of a matrix of n rows. */
static void block_at(enum su_dtype type, const uint8_t *w, uint64_t n, uint64_t depth, uint64_t row,
                     uint64_t b, struct su_block *out)
{
    uint64_t row_bytes = cpu_qrow_bytes(type, depth), first = row / CPU_GROUP * CPU_GROUP;
    if (first + CPU_GROUP <= n)
        cpu_qunpack(type, w + first * row_bytes, b, (uint32_t)(row - first), out);
    else
        su_block_unpack(type, w + row * row_bytes + b * su_dtype_block_bytes(type), out);
}

void cpu_op_embed_blocks(struct cpu_run *r, uint32_t node)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_node *nd = &g->node[node];
    const struct su_value *wv = &g->value[nd->arg[0]];
    uint64_t n = wv->shape.dim[0], depth = wv->shape.dim[1];
    uint32_t elements = su_dtype_block_elements(wv->dtype);
    size_t count = (size_t)su_shape_elements(&g->value[nd->arg[1]].shape) *
                   (g->value[nd->arg[1]].domain == SU_FIXED ? 1 : cpu_value_rows(r, nd->first_out));
    const uint8_t *w = cpu_value(r, nd->arg[0]);
    const uint32_t *index = cpu_value(r, nd->arg[1]);
    float *y = cpu_value(r, nd->first_out);
    for (size_t i = 0; i < count; i++, y += depth) {
        if (index[i] >= n) {
            memset(y, 0, depth * sizeof *y);
            continue;
        }
        for (uint64_t b = 0; b < depth / elements; b++) {
            struct su_block k;
            block_at(wv->dtype, w, n, depth, index[i], b, &k);
            for (uint32_t l = 0; l < elements; l++) {
                float x = k.d * (float)k.scale[l / 16];
                x = x * (float)k.q[l];
                if (k.offset) {
                    float m = k.e * (float)k.min[l / 32];
                    x = x + m;
                }
                y[b * elements + l] = x;
            }
        }
        r->k->fix(y, depth, &r->saturations);
    }
}

/* ---- products -------------------------------------------------------------------------------- */

/* All rows of activations of one product, in the order of their matrices, cut into tiles. */
struct product {
    struct cpu_run *run;
    struct cpu_llm *llm;
    enum su_dtype type;
    const uint8_t *w;
    uint64_t n, depth, row_bytes;
    uint32_t rows, tiles, batches,
        groups; /* groups: of one matrix, its rows left over counting as one */
    uint32_t parts;
    uint64_t next, take; /* group that nobody has taken yet; how many are taken at a time */
    bool wide; /* some tile has CPU_WIDE_ROWS rows */
    uint64_t saturations;
};

/* Dots of the rows of a matrix that fill no group. */
static void rest_rows(const struct product *p, const struct cpu_qtile *t, const uint8_t *w,
                      uint32_t count, uint64_t *sat)
{
    uint32_t elements = su_dtype_block_elements(p->type), bytes = su_dtype_block_bytes(p->type);
    for (uint32_t c = 0; c < count; c++, w += p->row_bytes) {
        float total[CPU_TILE_MAX] = {0}, acc[CPU_TILE_MAX] = {0};
        for (uint32_t run = 0; run < t->runs; run++) {
            struct su_block b;
            uint32_t r = run % (elements / CPU_RUN);
            if (r == 0)
                su_block_unpack(p->type, w + run / (elements / CPU_RUN) * bytes, &b);
            for (uint32_t i = 0; i < t->rows; i++) {
                size_t at = (size_t)run * t->rows + i;
                int32_t dot = 0;
                for (uint32_t l = 0; l < CPU_RUN; l++)
                    dot += b.scale[(r * CPU_RUN + l) / 16] * b.q[r * CPU_RUN + l] *
                           t->q[at * CPU_RUN + l];
                float x = (float)dot * (b.d * t->d[at]);
                acc[i] = acc[i] + x;
                if (b.offset) {
                    x = (float)(b.min[r] * t->s[at * 4]) * (b.e * t->d[at]);
                    acc[i] = acc[i] + x;
                }
                if ((run + 1) % (CPU_SEGMENT / CPU_RUN) == 0 || run + 1 == t->runs) {
                    total[i] = total[i] + acc[i];
                    acc[i] = 0.0f;
                }
            }
        }
        p->run->k->fix(total, t->rows, sat);
        for (uint32_t i = 0; i < t->rows; i++)
            t->y[i][c] = total[i];
    }
}

/* The wide tiles of a batch against the group at w, whose rows begin with `first`. Returns the tile
   behind them. */
static uint32_t wide_tiles(const struct product *p, const struct cpu_qbatch *b, const uint8_t *w,
                           uint64_t first, uint8_t *unpacked, uint64_t *sat)
{
    const struct cpu_llm *m = p->llm;
    uint64_t runs = p->depth / CPU_RUN;
    uint32_t at = b->first_tile;
    m->wide->unpack(p->type, w, (uint32_t)runs, unpacked);
    /* what is as a rule this thread's next group comes while this one is multiplied */
    uint64_t next = CPU_GROUP * (p->take > 1 ? 1 : p->parts);
    if (first + next + CPU_GROUP <= p->n)
        for (uint64_t i = 0; i < p->row_bytes * CPU_GROUP; i += LINE_BYTES)
            __builtin_prefetch(w + p->row_bytes * next + i, 0, 2);
    uint32_t row = m->tile[at].row;
    struct cpu_qtile t = {.runs = (uint32_t)runs, .unpacked = unpacked, .first = first};
    t.wide = m->wide_q + row * p->depth;
    t.d = m->d + row * runs;
    t.sum = m->wide_sum + row * runs;
    t.row = m->row + row;
    for (; at < b->end_tile && m->tile[at].rows == CPU_WIDE_ROWS; at++)
        t.tiles++;
    m->wide->dot(p->type, &t);
    *sat += t.saturations;
    return at;
}

/* Group `group` of a batch's matrix against all rows of the batch; unpacked: this thread's. */
static void product_unit(const struct product *p, uint32_t batch, uint32_t group, uint8_t *unpacked,
                         uint64_t *sat)
{
    const struct cpu_llm *m = p->llm;
    const struct cpu_qbatch *b = &m->batch[batch];
    uint64_t first = (uint64_t)group * CPU_GROUP, runs = p->depth / CPU_RUN;
    const uint8_t *w = p->w + ((uint64_t)b->matrix * p->n + first) * p->row_bytes;
    bool whole = first + CPU_GROUP <= p->n;
    uint32_t begin = b->first_tile;
    if (whole && m->tile[begin].rows == CPU_WIDE_ROWS) /* wide tiles come first */
        begin = wide_tiles(p, b, w, first, unpacked, sat);
    for (uint32_t i = begin; i < b->end_tile; i++) {
        uint32_t row = m->tile[i].row;
        float *y[CPU_TILE_MAX];
        struct cpu_qtile t = {.w = w, .runs = (uint32_t)runs, .rows = m->tile[i].rows, .y = y};
        t.q = m->q + row * p->depth;
        t.d = m->d + row * runs;
        t.s = m->s + row * runs * 4;
        for (uint32_t j = 0; j < t.rows; j++)
            y[j] = m->row[row + j].y + first;
        if (whole)
            m->k->dot(p->type, &t);
        else
            rest_rows(p, &t, w, (uint32_t)(p->n - first), sat);
        *sat += t.saturations;
    }
}

/* Thread i takes runs of groups as long as there are any. */
static void product_part(void *ctx, size_t i)
{
    struct product *p = ctx;
    const struct cpu_llm *m = p->llm;
    uint64_t units = (uint64_t)p->batches * p->groups, u, sat = 0;
    uint8_t *unpacked = m->unpacked + i * m->unpacked_bytes;
    if (p->wide)
        m->wide->begin();
    while ((u = __atomic_fetch_add(&p->next, p->take, __ATOMIC_RELAXED)) < units)
        for (uint64_t end = SU_MIN(u + p->take, units); u < end; u++)
            product_unit(p, (uint32_t)(u / p->groups), (uint32_t)(u % p->groups), unpacked, &sat);
    if (p->wide)
        m->wide->end();
    __atomic_fetch_add(&p->saturations, sat, __ATOMIC_RELAXED);
}

static void quantise_part(void *ctx, size_t i)
{
    struct product *p = ctx;
    const struct cpu_llm *m = p->llm;
    uint64_t runs = p->depth / CPU_RUN;
    for (uint32_t n = (uint32_t)((uint64_t)p->tiles * i / p->parts);
         n < (uint64_t)p->tiles * (i + 1) / p->parts; n++) {
        uint32_t row = m->tile[n].row;
        for (uint32_t j = 0; j < m->tile[n].rows; j++)
            m->k->quantise(m->row[row + j].x, (uint32_t)runs, m->tile[n].rows, j,
                           m->q + row * p->depth, m->d + row * runs, m->s + row * runs * 4);
        if (m->tile[n].rows == CPU_WIDE_ROWS)
            m->wide->widen(m->q + row * p->depth, m->s + row * runs * 4,
                           (size_t)runs * CPU_WIDE_ROWS, m->wide_q + row * p->depth,
                           m->wide_sum + row * runs);
    }
}

/* Tiles of one batch: rows [first, end) of m->row. */
static void add_batch(struct product *p, uint32_t first, uint32_t end, uint32_t matrix)
{
    struct cpu_llm *m = p->llm;
    m->batch[p->batches] = (struct cpu_qbatch){.first_tile = p->tiles, .matrix = matrix};
    bool wide = m->wide && end - first >= WIDE_LEAST;
    while (first < end) {
        uint32_t rows =
            wide && end - first >= CPU_WIDE_ROWS ? CPU_WIDE_ROWS : SU_MIN(m->k->tile, end - first);
        m->tile[p->tiles++] = (struct cpu_qspan){first, rows};
        p->wide |= rows == CPU_WIDE_ROWS;
        first += rows;
    }
    m->batch[p->batches++].end_tile = p->tiles;
}

static void product_run(struct product *p, bool quantised)
{
    struct su_jobs *jobs = p->run->jobs;
    uint64_t macs = p->rows * p->n * p->depth;
    uint32_t threads = jobs ? su_jobs_threads(jobs) : 1;
    p->groups = (uint32_t)((p->n + CPU_GROUP - 1) / CPU_GROUP);
    if (!quantised) {
        p->parts = p->rows * p->depth >= SPLIT_MACS / 8 ? SU_MIN(threads, p->tiles) : 1;
        if (p->parts > 1)
            su_jobs_run(jobs, p->parts, quantise_part, p);
        else
            quantise_part(p, 0);
    }
    uint64_t units = (uint64_t)p->batches * p->groups;
    p->parts = threads > 1 && macs >= SPLIT_MACS ? (uint32_t)SU_MIN(threads, units) : 1;
    p->take =
        p->parts > 1 ? SU_MAX(1u, units / (p->parts * SU_MIN(macs / SPLIT_MACS, 32u))) : units;
    if (p->parts > 1)
        su_jobs_run(jobs, p->parts, product_part, p);
    else if (p->batches > 0)
        product_part(p, 0);
    p->run->saturations += p->saturations;
}

static struct product product_of(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_value *wv = &r->stage->graph->value[nd->arg[1]];
    const struct su_shape *s = &wv->shape;
    struct product p = {.run = r, .llm = r->cs->llm, .type = wv->dtype};
    p.w = cpu_value(r, nd->arg[1]);
    p.n = s->dim[s->rank - 2];
    p.depth = s->dim[s->rank - 1];
    p.row_bytes = cpu_qrow_bytes(p.type, p.depth);
    return p;
}

static void run_qmatmul(struct cpu_run *r, const struct su_node *nd)
{
    struct product p = product_of(r, nd);
    const struct su_shape *a = &r->stage->graph->value[nd->arg[0]].shape;
    const float *x = cpu_value(r, nd->arg[0]);
    float *y = cpu_value(r, nd->first_out);
    p.rows = (uint32_t)(su_shape_elements(a) / p.depth * cpu_value_rows(r, nd->first_out));
    for (uint32_t i = 0; i < p.rows; i++)
        p.llm->row[i] = (struct cpu_qrow){x + i * p.depth, y + i * p.n};
    if (p.rows > 0)
        add_batch(&p, 0, p.rows, 0);
    product_run(&p, p.llm->quantised == nd->arg[0]);
    p.llm->quantised = nd->arg[0];
}

/* Rows that go to one expert are brought together. */
static void run_qmatmul_id(struct cpu_run *r, const struct su_node *nd)
{
    const struct su_graph *g = r->stage->graph;
    const struct su_value *av = &g->value[nd->arg[0]], *iv = &g->value[nd->arg[2]];
    struct product p = product_of(r, nd);
    struct cpu_llm *m = p.llm;
    uint32_t experts = g->value[nd->arg[1]].shape.dim[0], k = iv->shape.dim[0];
    uint32_t total = k * cpu_value_rows(r, nd->first_out);
    size_t x_step = cpu_row_step(r, nd->arg[0]), id_step = cpu_row_step(r, nd->arg[2]);
    const float *x = cpu_value(r, nd->arg[0]);
    const uint32_t *id = cpu_value(r, nd->arg[2]);
    float *y = cpu_value(r, nd->first_out);
    memset(m->count, 0, (experts + 1) * sizeof *m->count);
    for (uint32_t i = 0; i < total; i++) {
        uint32_t e = id[i / k * id_step + i % k];
        if (e < experts)
            m->count[e + 1]++;
        else
            memset(y + i * p.n, 0, p.n * sizeof *y);
    }
    for (uint32_t e = 0; e < experts; e++) {
        if (m->count[e + 1] > 0)
            add_batch(&p, m->count[e], m->count[e] + m->count[e + 1], e);
        m->count[e + 1] += m->count[e];
    }
    p.rows = m->count[experts];
    for (uint32_t i = 0; i < total; i++) {
        uint32_t e = id[i / k * id_step + i % k];
        const float *at = x + i / k * x_step + (av->shape.rank == 2 ? i % k * p.depth : 0);
        if (e < experts) /* count[e] is where the rows of e begin, and moves on with each */
            m->row[m->count[e]++] = (struct cpu_qrow){at, y + i * p.n};
    }
    product_run(&p, false);
    m->quantised = UINT32_MAX;
}

void cpu_op_qmatmul(struct cpu_run *r, uint32_t node)
{
    const struct su_node *nd = &r->stage->graph->node[node];
    if (nd->op == SU_OP_QMATMUL)
        run_qmatmul(r, nd);
    else
        run_qmatmul_id(r, nd);
}
