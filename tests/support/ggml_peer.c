// SPDX-License-Identifier: MIT
#include "support/ggml_peer.h"
#include "base/base.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* From the public headers ggml.h, ggml-alloc.h and ggml-backend.h of ggml 0.11 and later; struct ggml_init_params is the one
   struct passed by value. */
struct g_init {
    size_t mem_size;
    void *mem_buffer;
    bool no_alloc;
};
struct g_ctx;
struct g_tensor;
struct g_graph;
struct g_alloc;
struct g_backend;
struct g_device;
struct g_reg;
struct g_buffer;
struct g_buffer_type;
struct g_pool;
enum { G_TYPE_F32 = 0, G_STATUS_SUCCESS = 0, G_POOL_PARAMS_BYTES = 4096 };

struct g_api {
    struct g_ctx *(*init)(struct g_init params);
    void (*free)(struct g_ctx *ctx);
    struct g_tensor *(*new_tensor)(struct g_ctx *ctx, int type, int n_dims, const int64_t *ne);
    struct g_tensor *(*mul_mat)(struct g_ctx *ctx, struct g_tensor *a, struct g_tensor *b);
    struct g_tensor *(*conv_2d)(struct g_ctx *ctx, struct g_tensor *kernel, struct g_tensor *x,
                                int s0, int s1, int p0, int p1, int d0, int d1);
    struct g_tensor *(*conv_2d_direct)(struct g_ctx *ctx, struct g_tensor *kernel,
                                       struct g_tensor *x, int s0, int s1, int p0, int p1, int d0,
                                       int d1);
    struct g_tensor *(*add)(struct g_ctx *ctx, struct g_tensor *a, struct g_tensor *b);
    struct g_tensor *(*mul)(struct g_ctx *ctx, struct g_tensor *a, struct g_tensor *b);
    struct g_tensor *(*silu)(struct g_ctx *ctx, struct g_tensor *a);
    struct g_tensor *(*soft_max)(struct g_ctx *ctx, struct g_tensor *a);
    struct g_tensor *(*rms_norm)(struct g_ctx *ctx, struct g_tensor *a, float eps);
    void (*set_output)(struct g_tensor *t);
    size_t (*nbytes)(const struct g_tensor *t);
    struct g_graph *(*new_graph)(struct g_ctx *ctx);
    void (*build_forward_expand)(struct g_graph *g, struct g_tensor *t);
    const char *(*version)(void);
    void (*log_set)(void (*fn)(int level, const char *text, void *ctx), void *ctx);
    struct g_alloc *(*gallocr_new)(struct g_buffer_type *t);
    bool (*gallocr_alloc_graph)(struct g_alloc *a, struct g_graph *g);
    void (*gallocr_free)(struct g_alloc *a);
    struct g_buffer *(*alloc_ctx_tensors)(struct g_ctx *ctx, struct g_backend *b);
    void (*buffer_free)(struct g_buffer *b);
    struct g_buffer_type *(*default_buffer_type)(struct g_backend *b);
    void (*tensor_set)(struct g_tensor *t, const void *data, size_t offset, size_t n);
    void (*tensor_get)(const struct g_tensor *t, void *data, size_t offset, size_t n);
    int (*graph_compute)(struct g_backend *b, struct g_graph *g);
    struct g_backend *(*dev_init)(struct g_device *d, const char *params);
    const char *(*dev_description)(struct g_device *d);
    bool (*dev_supports_op)(struct g_device *d, const struct g_tensor *op);
    struct g_reg *(*dev_backend_reg)(struct g_device *d);
    struct g_device *(*dev_get)(size_t i);
    size_t (*dev_count)(void);
    const char *(*reg_name)(struct g_reg *r);
    void *(*reg_get_proc_address)(struct g_reg *r, const char *name);
    void (*load_all_from_path)(const char *dir);
    void (*pool_params_init)(void *params, int threads);
};
#define SLOT(member, symbol)                                                                       \
    {                                                                                              \
        offsetof(struct g_api, member), symbol                                                     \
    }
static const struct {
    size_t at;
    const char *symbol;
} g_symbols[] = {
    SLOT(init, "ggml_init"),
    SLOT(free, "ggml_free"),
    SLOT(new_tensor, "ggml_new_tensor"),
    SLOT(mul_mat, "ggml_mul_mat"),
    SLOT(conv_2d, "ggml_conv_2d"),
    SLOT(conv_2d_direct, "ggml_conv_2d_direct"),
    SLOT(add, "ggml_add"),
    SLOT(mul, "ggml_mul"),
    SLOT(silu, "ggml_silu"),
    SLOT(soft_max, "ggml_soft_max"),
    SLOT(rms_norm, "ggml_rms_norm"),
    SLOT(set_output, "ggml_set_output"),
    SLOT(nbytes, "ggml_nbytes"),
    SLOT(new_graph, "ggml_new_graph"),
    SLOT(build_forward_expand, "ggml_build_forward_expand"),
    SLOT(version, "ggml_version"),
    SLOT(log_set, "ggml_log_set"),
    SLOT(gallocr_new, "ggml_gallocr_new"),
    SLOT(gallocr_alloc_graph, "ggml_gallocr_alloc_graph"),
    SLOT(gallocr_free, "ggml_gallocr_free"),
    SLOT(alloc_ctx_tensors, "ggml_backend_alloc_ctx_tensors"),
    SLOT(buffer_free, "ggml_backend_buffer_free"),
    SLOT(default_buffer_type, "ggml_backend_get_default_buffer_type"),
    SLOT(tensor_set, "ggml_backend_tensor_set"),
    SLOT(tensor_get, "ggml_backend_tensor_get"),
    SLOT(graph_compute, "ggml_backend_graph_compute"),
    SLOT(dev_init, "ggml_backend_dev_init"),
    SLOT(dev_description, "ggml_backend_dev_description"),
    SLOT(dev_supports_op, "ggml_backend_dev_supports_op"),
    SLOT(dev_backend_reg, "ggml_backend_dev_backend_reg"),
    SLOT(dev_get, "ggml_backend_dev_get"),
    SLOT(dev_count, "ggml_backend_dev_count"),
    SLOT(reg_name, "ggml_backend_reg_name"),
    SLOT(reg_get_proc_address, "ggml_backend_reg_get_proc_address"),
    SLOT(load_all_from_path, "ggml_backend_load_all_from_path"),
    SLOT(pool_params_init, "ggml_threadpool_params_init"),
};

struct ggml_peer {
    struct g_api g;
    struct g_device *device[2];
    struct g_backend *backend[2];
    struct g_pool *pool;
    void (*pool_pause)(struct g_pool *p);
    void (*pool_resume)(struct g_pool *p);
};
struct ggml_peer_case {
    struct ggml_peer *peer;
    enum ggml_peer_backend backend;
    struct g_ctx *operands, *graph_ctx;
    struct g_buffer *buffer;
    struct g_alloc *alloc;
    struct g_graph *graph;
    struct g_tensor *y;
};

size_t peer_input_floats(const struct peer_op *op)
{
    return op->kind == PEER_CONV ? (size_t)op->m * op->c * op->h * op->h : (size_t)op->m * op->k;
}

size_t peer_weight_floats(const struct peer_op *op)
{
    switch (op->kind) {
    case PEER_GEMM:
        return (size_t)op->n * op->k;
    case PEER_CONV:
        return (size_t)op->n * op->c * op->side * op->side;
    case PEER_ADD:
        return (size_t)op->m * op->k;
    case PEER_RMSNORM:
        return op->k;
    default:
        return 0;
    }
}

size_t peer_output_floats(const struct peer_op *op)
{
    switch (op->kind) {
    case PEER_GEMM:
        return (size_t)op->m * op->n;
    case PEER_CONV:
        return (size_t)op->m * op->n * op->h * op->h;
    default:
        return (size_t)op->m * op->k;
    }
}

/* ---- loading ---------------------------------------------------------------------------------------------- */

static void quiet(int level, const char *text, void *ctx)
{
    (void)level;
    (void)text;
    (void)ctx;
}

/* The registry library: libggml.so, or libggml.<variant>.so beside backends named libggml-<backend>.so. */
static bool find_registry(const char *dir, char *path, size_t cap)
{
    DIR *d = opendir(dir);
    bool found = false;
    if (!d)
        return false;
    for (struct dirent *f = readdir(d); f && !found; f = readdir(d))
        if (su_str_starts(f->d_name, "libggml.") && su_str_ends(f->d_name, ".so"))
            found = su_path_join(path, cap, dir, f->d_name, NULL) == SU_OK;
    closedir(d);
    return found;
}

static enum su_code load_symbols(const char *dir, struct g_api *g, struct su_err *e)
{
    char path[4096];
    if (!find_registry(dir, path, sizeof path))
        return su_fail(e, SU_ENOENT, dir,
                       "holds no libggml*.so; tests/bench/fetch_ggml.py fetches it");
    void *so = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!so)
        return su_fail(e, SU_EIO, path, "cannot be loaded: %s", dlerror());
    for (size_t i = 0; i < SU_ARRAY_LEN(g_symbols); i++) {
        void *f = dlsym(so, g_symbols[i].symbol);
        if (!f)
            return su_fail(e, SU_EUNSUPPORTED, path, "lacks %s: another version of ggml",
                           g_symbols[i].symbol);
        memcpy((char *)g + g_symbols[i].at, &f, sizeof f);
    }
    return SU_OK;
}

static void *proc(const struct ggml_peer *p, enum ggml_peer_backend b, const char *name)
{
    return p->g.reg_get_proc_address(p->g.dev_backend_reg(p->device[b]), name);
}

static void cpu_threads(struct ggml_peer *p, unsigned threads)
{
    void (*set)(struct g_backend *, int) = NULL;
    struct g_pool *(*pool_new)(void *) = NULL;
    void (*set_pool)(struct g_backend *, struct g_pool *) = NULL;
    void *f[5] = {proc(p, GGML_PEER_CPU, "ggml_backend_set_n_threads"),
                  proc(p, GGML_PEER_CPU, "ggml_threadpool_new"),
                  proc(p, GGML_PEER_CPU, "ggml_backend_cpu_set_threadpool"),
                  proc(p, GGML_PEER_CPU, "ggml_threadpool_pause"),
                  proc(p, GGML_PEER_CPU, "ggml_threadpool_resume")};
    memcpy(&set, &f[0], sizeof set);
    memcpy(&pool_new, &f[1], sizeof pool_new);
    memcpy(&set_pool, &f[2], sizeof set_pool);
    memcpy(&p->pool_pause, &f[3], sizeof p->pool_pause);
    memcpy(&p->pool_resume, &f[4], sizeof p->pool_resume);
    if (set)
        set(p->backend[GGML_PEER_CPU], (int)threads);
    if (!pool_new || !set_pool || !p->pool_pause || !p->pool_resume)
        return; /* then it starts threads for each run */
    uint64_t params[G_POOL_PARAMS_BYTES / 8] = {0};
    p->g.pool_params_init(params, (int)threads);
    p->pool = pool_new(params);
    if (!p->pool)
        return;
    set_pool(p->backend[GGML_PEER_CPU], p->pool);
    p->pool_pause(p->pool);
}

enum su_code ggml_peer_open(const char *dir, unsigned threads, struct ggml_peer **out,
                            struct su_err *e)
{
    struct ggml_peer *p = su_alloc(sizeof *p);
    *out = NULL;
    enum su_code rc = load_symbols(dir, &p->g, e);
    if (rc != SU_OK) {
        free(p);
        return rc;
    }
    p->g.log_set(quiet, NULL);
    p->g.load_all_from_path(dir);
    for (size_t i = 0; i < p->g.dev_count(); i++) {
        struct g_device *d = p->g.dev_get(i);
        bool vulkan = strcmp(p->g.reg_name(p->g.dev_backend_reg(d)), "Vulkan") == 0;
        bool cpu = strcmp(p->g.reg_name(p->g.dev_backend_reg(d)), "CPU") == 0;
        enum ggml_peer_backend b = vulkan ? GGML_PEER_VULKAN : GGML_PEER_CPU;
        if ((!vulkan && !cpu) || p->device[b])
            continue;
        p->backend[b] = p->g.dev_init(d, NULL);
        p->device[b] = p->backend[b] ? d : NULL;
    }
    if (!p->device[GGML_PEER_CPU]) {
        free(p);
        return su_fail(e, SU_ENODEV, dir, "has no CPU backend of ggml that runs here");
    }
    cpu_threads(p, threads);
    *out = p;
    return SU_OK;
}

const char *ggml_peer_version(const struct ggml_peer *p)
{
    return p->g.version();
}

const char *ggml_peer_device(const struct ggml_peer *p, enum ggml_peer_backend b)
{
    return p->device[b] ? p->g.dev_description(p->device[b]) : NULL;
}

/* ---- one op ----------------------------------------------------------------------------------------------- */

static struct g_tensor *op_build(struct ggml_peer *p, struct g_ctx *ctx, const struct peer_op *op,
                                 bool direct, struct g_tensor *x, struct g_tensor *w)
{
    const struct g_api *g = &p->g;
    int pad = (int)op->side / 2;
    struct g_tensor *y = x;
    if (op->kind == PEER_GEMM)
        return g->mul_mat(ctx, w, x);
    if (op->kind == PEER_CONV)
        return (direct ? g->conv_2d_direct : g->conv_2d)(ctx, w, x, 1, 1, pad, pad, 1, 1);
    for (uint32_t i = 0; i < op->chain; i++) {
        if (op->kind == PEER_ADD)
            y = g->add(ctx, y, w);
        else if (op->kind == PEER_SILU)
            y = g->silu(ctx, y);
        else if (op->kind == PEER_SOFTMAX)
            y = g->soft_max(ctx, y);
        else
            y = g->mul(ctx, g->rms_norm(ctx, y, 1e-5f), w);
    }
    return y;
}

static struct g_tensor *new_tensor(struct ggml_peer *p, struct g_ctx *ctx, uint32_t a, uint32_t b,
                                   uint32_t c, uint32_t d)
{
    int64_t ne[4] = {a, b, c, d};
    return p->g.new_tensor(ctx, G_TYPE_F32, 4, ne);
}

static struct g_tensor *new_weight(struct ggml_peer *p, struct g_ctx *ctx, const struct peer_op *op)
{
    switch (op->kind) {
    case PEER_GEMM:
        return new_tensor(p, ctx, op->k, op->n, 1, 1);
    case PEER_CONV:
        return new_tensor(p, ctx, op->side, op->side, op->c, op->n);
    case PEER_ADD:
        return new_tensor(p, ctx, op->k, op->m, 1, 1);
    case PEER_RMSNORM:
        return new_tensor(p, ctx, op->k, 1, 1, 1);
    default:
        return NULL;
    }
}

enum su_code ggml_peer_prepare(struct ggml_peer *p, enum ggml_peer_backend b,
                               const struct peer_op *op, bool direct, const float *x,
                               const float *w, struct ggml_peer_case **out, struct su_err *e)
{
    const struct g_api *g = &p->g;
    struct g_init init = {.mem_size = 1u << 20, .no_alloc = true};
    struct ggml_peer_case *c = su_alloc(sizeof *c);
    *out = NULL;
    c->peer = p;
    c->backend = b;
    c->operands = g->init(init);
    c->graph_ctx = g->init(init);
    struct g_tensor *gx = op->kind == PEER_CONV
                              ? new_tensor(p, c->operands, op->h, op->h, op->c, op->m)
                              : new_tensor(p, c->operands, op->k, op->m, 1, 1);
    struct g_tensor *gw = new_weight(p, c->operands, op);
    c->y = op_build(p, c->graph_ctx, op, direct, gx, gw);
    g->set_output(c->y);
    c->graph = g->new_graph(c->graph_ctx);
    g->build_forward_expand(c->graph, c->y);
    if (!g->dev_supports_op(p->device[b], c->y)) {
        ggml_peer_case_free(c);
        return su_fail(e, SU_EUNSUPPORTED, ggml_peer_device(p, b), "ggml lacks the op there");
    }
    c->buffer = g->alloc_ctx_tensors(c->operands, p->backend[b]);
    c->alloc = g->gallocr_new(g->default_buffer_type(p->backend[b]));
    if (!c->buffer || !c->alloc || !g->gallocr_alloc_graph(c->alloc, c->graph)) {
        ggml_peer_case_free(c);
        return su_fail(e, SU_ENOMEM, ggml_peer_device(p, b), "ggml cannot place the op");
    }
    g->tensor_set(gx, x, 0, g->nbytes(gx));
    if (gw)
        g->tensor_set(gw, w, 0, g->nbytes(gw));
    *out = c;
    return SU_OK;
}

double ggml_peer_run_ms(struct ggml_peer_case *c, unsigned times)
{
    struct ggml_peer *p = c->peer;
    bool pool = p->pool && c->backend == GGML_PEER_CPU, good = true;
    if (pool)
        p->pool_resume(p->pool);
    uint64_t t0 = su_clock_mono_ns();
    for (unsigned i = 0; i < times; i++)
        good = p->g.graph_compute(p->backend[c->backend], c->graph) == G_STATUS_SUCCESS && good;
    uint64_t ns = su_clock_mono_ns() - t0;
    if (pool)
        p->pool_pause(p->pool);
    return good ? (double)ns * 1e-6 : -1;
}

void ggml_peer_output(struct ggml_peer_case *c, float *y)
{
    c->peer->g.tensor_get(c->y, y, 0, c->peer->g.nbytes(c->y));
}

void ggml_peer_case_free(struct ggml_peer_case *c)
{
    if (!c)
        return;
    const struct g_api *g = &c->peer->g;
    if (c->alloc)
        g->gallocr_free(c->alloc);
    if (c->buffer)
        g->buffer_free(c->buffer);
    g->free(c->graph_ctx);
    g->free(c->operands);
    free(c);
}
