// SPDX-License-Identifier: MIT
/* A published folder -> a folder of the same model in blocks. */
#include "llm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPANION_BYTES_MAX (256u << 20)
#define SLICES 32u /* of the rows of one call, packed at once */

/* Where the rows of a new tensor come from: one tensor, or one per expert. */
struct origin {
    const struct su_tensor **part; /* owned; n of them, each of `rows` rows */
    uint32_t n;
    uint64_t rows;
};

struct job {
    struct su_llm_config config;
    struct su_weights *weights; /* of the source */
    struct su_graph *graph; /* of the result */
    struct su_tensor *tensor; /* of the result, in the order of graph->weight */
    struct origin *origin;
    uint32_t n;
    float *row; /* SLICES of `longest` each */
    uint32_t longest;
    struct su_jobs *jobs;
    const struct su_model_hooks *hooks;
    struct su_progress progress;
};

/* ---- the source ------------------------------------------------------------------------------ */

static enum su_code check_part(const struct job *j, const struct su_tensor *p, const char *name,
                               const struct su_shape *want, struct su_err *e)
{
    char have[80], wanted[80];

    if (!p)
        return su_fail(e, SU_ENOENT, su_weights_path(j->weights), "lacks the tensor %s", name);
    if (su_dtype_is_block(p->dtype))
        return su_fail(e, SU_EUNSUPPORTED, name,
                       "is of type %s already; start from the model as published, in F32, F16 or "
                       "BF16",
                       su_dtype_name(p->dtype));
    if (p->dtype != SU_F32 && p->dtype != SU_F16 && p->dtype != SU_BF16)
        return su_fail(e, SU_ETYPE, name, "is of type %s; weights are F32, F16 or BF16",
                       su_dtype_name(p->dtype));
    bool same = p->shape.rank == want->rank;
    for (uint32_t i = 0; same && i < want->rank; i++)
        same = p->shape.dim[i] == want->dim[i];
    return same ? SU_OK
                : su_fail(e, SU_ETYPE, name, "is %s where config.json tells of %s",
                          su_shape_format(&p->shape, have, sizeof have),
                          su_shape_format(want, wanted, sizeof wanted));
}

/* "….mlp.experts.gate_proj.weight" of expert 7 is "….mlp.experts.7.gate_proj.weight". */
static bool expert_name(const char *stacked, uint32_t expert, char out[SU_GRAPH_NAME_MAX + 1])
{
    static const char mark[] = ".experts.";
    const char *at = strstr(stacked, mark);

    if (!at)
        return false;
    int front = (int)((size_t)(at - stacked) + sizeof mark - 1);
    int n = snprintf(out, SU_GRAPH_NAME_MAX + 1, "%.*s%" PRIu32 ".%s", front, stacked, expert,
                     stacked + front);
    return n > 0 && n <= (int)SU_GRAPH_NAME_MAX;
}

static enum su_code find_origin(struct job *j, const struct su_value *v, struct origin *o,
                                struct su_err *e)
{
    bool experts = v->shape.rank == 3;
    struct su_shape want = v->shape;
    char name[SU_GRAPH_NAME_MAX + 1];
    enum su_code c = SU_OK;

    o->n = experts ? v->shape.dim[0] : 1;
    if (experts)
        want = (struct su_shape){2, {v->shape.dim[1], v->shape.dim[2]}};
    o->rows = want.rank == 2 ? want.dim[0] : 1;
    o->part = su_try_alloc(o->n, sizeof(struct su_tensor *));
    if (!o->part)
        return su_fail(e, SU_ENOMEM, v->name, "out of memory for %" PRIu32 " experts", o->n);
    for (uint32_t i = 0; i < o->n && !c; i++) {
        (void)su_str_copy(name, sizeof name, v->name);
        if (experts && !expert_name(v->name, i, name))
            return su_fail(e, SU_ELIMIT, v->name, "the name of expert %" PRIu32 " is too long", i);
        o->part[i] = su_weights_find(j->weights, name);
        c = check_part(j, o->part[i], name, &want, e);
    }
    return c;
}

static enum su_code find_all(struct job *j, struct su_err *e)
{
    const struct su_graph *g = j->graph;
    enum su_code c = SU_OK;

    j->longest = 1;
    j->tensor = su_try_alloc(SU_MAX(g->n_weight, 1u), sizeof *j->tensor);
    j->origin = su_try_alloc(SU_MAX(g->n_weight, 1u), sizeof *j->origin);
    if (!j->tensor || !j->origin)
        return su_fail(e, SU_ENOMEM, NULL, "out of memory for %" PRIu32 " tensors", g->n_weight);
    for (uint32_t i = 0; i < g->n_weight && !c; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        j->n = i + 1;
        j->tensor[i] = (struct su_tensor){.name = v->name, .dtype = v->dtype, .shape = v->shape};
        j->longest = SU_MAX(j->longest, v->shape.dim[v->shape.rank - 1]);
        c = find_origin(j, v, &j->origin[i], e);
    }
    j->row = c ? NULL : su_try_alloc(j->longest, SLICES * sizeof *j->row);
    return c || j->row ? c : su_fail(e, SU_ENOMEM, NULL, "out of memory for %u rows", SLICES);
}

static enum su_code open_source(struct job *j, const char *folder, enum su_llm_quant quant,
                                struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];
    enum su_code c;

    if ((c = su_path_join(file, sizeof file, folder, "config.json", e)) ||
        (c = su_llm_config_read(file, &j->config, e)))
        return c;
    if (!su_llm_weights_file(folder, file))
        return su_fail(e, SU_ENOENT, folder,
                       "holds neither model.safetensors.index.json nor model.safetensors");
    if ((c = su_weights_open(file, &j->weights, e)))
        return c;
    su_llm_names_detect(&j->config, j->weights);
    c = su_llm_graph(&j->config, NULL, quant, &j->graph, e);
    return c ? c : find_all(j, e);
}

/* ---- the weights ----------------------------------------------------------------------------- */

static enum su_code pack_failed(enum su_code c, const struct su_tensor *t, uint64_t row,
                                uint64_t column, struct su_err *e)
{
    if (c == SU_EINVAL)
        return su_fail(e, c, t->name,
                       "holds a NaN or an infinity in row %" PRIu64 ", at or behind column %" PRIu64
                       "; is the file damaged?",
                       row, column);
    if (c == SU_EOVERFLOW)
        return su_fail(e, c, t->name,
                       "row %" PRIu64 ", at or behind column %" PRIu64
                       ", holds a number too large for %s; take --quant f32",
                       row, column, su_dtype_name(t->dtype));
    return su_fail(e, c, t->name, "%s cannot be made here", su_dtype_name(t->dtype));
}

/* One call of fill: each slice of rows is packed by itself, so who packs it changes nothing. */
struct slices {
    const struct job *j;
    uint32_t tensor;
    uint64_t first_row, rows, each;
    uint8_t *out;
    struct {
        enum su_code code;
        uint64_t row, column;
    } failed[SLICES];
};

static void pack_slice(void *ctx, size_t k)
{
    struct slices *s = ctx;
    const struct su_tensor *t = &s->j->tensor[s->tensor];
    const struct origin *o = &s->j->origin[s->tensor];
    uint32_t n = t->shape.dim[t->shape.rank - 1];
    uint64_t to = (uint64_t)n / su_dtype_block_elements(t->dtype) * su_dtype_block_bytes(t->dtype);
    uint64_t end = SU_MIN((k + 1) * s->each, s->rows), column = 0;
    float *x = s->j->row + k * s->j->longest;

    for (uint64_t i = k * s->each; i < end; i++) {
        uint64_t r = s->first_row + i;
        const struct su_tensor *p = o->part[r / o->rows];
        uint64_t from = (uint64_t)n * su_dtype_block_bytes(p->dtype);
        su_tensor_decode(p->dtype, p->data + r % o->rows * from, n, x);
        enum su_code c = su_weights_pack(t->dtype, x, n, s->out + i * to, &column);
        if (c) {
            s->failed[k].code = c;
            s->failed[k].row = r;
            s->failed[k].column = column;
            return;
        }
    }
}

static enum su_code fill(void *ctx, uint32_t i, uint64_t first_row, uint64_t rows, uint8_t *out,
                         struct su_err *e)
{
    struct job *j = ctx;
    struct slices s = {.j = j, .tensor = i, .first_row = first_row, .rows = rows, .out = out};

    if (j->hooks && j->hooks->cancelled && j->hooks->cancelled(j->hooks->ctx))
        return su_fail(e, SU_ECANCELLED, j->tensor[i].name, "cancelled");
    s.each = (rows + SLICES - 1) / SLICES;
    su_jobs_run(j->jobs, SLICES, pack_slice, &s);
    for (uint32_t k = 0; k < SLICES; k++) {
        if (s.failed[k].code)
            return pack_failed(s.failed[k].code, &j->tensor[i], s.failed[k].row, s.failed[k].column,
                               e);
    }
    return SU_OK;
}

static void done(void *ctx, uint64_t bytes, uint64_t total)
{
    struct job *j = ctx;

    j->progress.total = total;
    su_progress_set(&j->progress, bytes, su_clock_mono_ns());
    if (j->hooks && j->hooks->progress)
        j->hooks->progress(j->hooks->ctx, &j->progress);
}

/* Reads back what was written: the manifest is of the bytes on the disk. */
static enum su_code put_manifest(const struct job *j, const char *folder, const char *gguf,
                                 struct su_model_quantised *r, struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];
    struct su_manifest m = {0};
    struct su_weights *w = NULL;
    struct su_map map;
    struct su_buf b;
    enum su_code c = su_map_open(gguf, 0, &map, e);

    if (c)
        return c;
    su_merkle_blob(map.data, map.len, r->blob);
    r->bytes = map.len;
    r->tensors = j->n;
    su_buf_init(&b, 0);
    c = su_weights_open_bytes(map.data, map.len, gguf, &w, e);
    c = c ? c : su_manifest_build(j->graph, w, r->blob, &m, e);
    c = c ? c : su_manifest_encode(&m, &b, e);
    c = c ? c : su_manifest_digest(&m, r->manifest_digest, e);
    c = c ? c : su_path_join(file, sizeof file, folder, "model.manifest", e);
    c = c ? c : su_file_write(file, b.data, b.len, 0644, e);
    su_buf_fini(&b);
    su_manifest_fini(&m);
    su_weights_close(w);
    su_map_close(&map);
    return c;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static enum su_code copy_one(const char *from, const char *to, const char *leaf, bool needed,
                             struct su_err *e)
{
    char path[SU_MODEL_PATH_MAX];
    struct su_map map;
    enum su_code c = su_path_join(path, sizeof path, from, leaf, e);

    if (c || (!needed && access(path, F_OK) != 0 && errno == ENOENT))
        return c;
    if ((c = su_map_open(path, COMPANION_BYTES_MAX, &map, e)))
        return c;
    c = su_path_join(path, sizeof path, to, leaf, e);
    c = c ? c : su_file_write(path, map.data, map.len, 0644, e);
    su_map_close(&map);
    return c;
}

static enum su_code fill_folder(struct job *j, const char *from, const char *to,
                                struct su_model_quantised *r, struct su_err *e)
{
    static const char *const optional[] = {"generation_config.json", "tokenizer_config.json",
                                           "chat_template.jinja"};
    char gguf[SU_MODEL_PATH_MAX];
    const struct su_gguf_source source = {fill, done, j};
    enum su_code c = copy_one(from, to, "config.json", true, e);

    c = c ? c : copy_one(from, to, "tokenizer.json", true, e);
    for (size_t i = 0; i < SU_ARRAY_LEN(optional) && !c; i++)
        c = copy_one(from, to, optional[i], false, e);
    c = c ? c : su_path_join(gguf, sizeof gguf, to, "model.gguf", e);
    c = c ? c : su_weights_write_gguf(gguf, j->tensor, j->n, &source, e);
    return c ? c : put_manifest(j, to, gguf, r, e);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *d; dir && (d = readdir(dir));)
        (void)unlinkat(dirfd(dir), d->d_name, 0); /* not "." and "..", which are folders */
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

/* An empty folder may be taken over. */
static enum su_code check_free(const char *out, struct su_err *e)
{
    DIR *dir = opendir(out);
    unsigned n = 0;

    if (!dir)
        return errno == ENOENT ? SU_OK : su_fail(e, SU_EEXIST, out, "is there already, no folder");
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n <= 2 ? SU_OK : su_fail(e, SU_EEXIST, out, "is there already; give a new folder");
}

static enum su_code make_folder(struct job *j, const char *from, const char *out,
                                struct su_model_quantised *r, struct su_err *e)
{
    char tmp[SU_MODEL_PATH_MAX];
    size_t len = strlen(out);
    enum su_code c = check_free(out, e);

    if (c)
        return c;
    while (len > 1 && out[len - 1] == '/')
        len--;
    int n = snprintf(tmp, sizeof tmp, "%.*s.tmp-XXXXXX", (int)SU_MIN(len, sizeof tmp), out);
    if (len == 0 || n >= (int)sizeof tmp)
        return su_fail(e, SU_ELIMIT, out, "no path of at most %zu bytes", sizeof tmp - 12);
    if (!mkdtemp(tmp))
        return su_fail_sys(e, errno, out, "cannot be created");
    c = fill_folder(j, from, tmp, r, e);
    if (!c && (chmod(tmp, 0755) != 0 || rename(tmp, out) != 0))
        c = su_fail_sys(e, errno, out, "cannot be put in its place");
    if (c)
        remove_folder(tmp);
    return c;
}

static void job_fini(struct job *j)
{
    for (uint32_t i = 0; i < j->n; i++)
        free((void *)j->origin[i].part);
    free(j->origin);
    free(j->tensor);
    free(j->row);
    su_jobs_free(j->jobs);
    su_graph_free(j->graph);
    su_weights_close(j->weights);
}

enum su_code su_model_quantise(const char *folder, enum su_llm_quant quant, const char *out,
                               const struct su_model_hooks *hooks,
                               struct su_model_quantised *result, struct su_err *e)
{
    struct job j = {.hooks = hooks};
    struct su_model_quantised r = {0};
    struct stat st;
    enum su_code c;

    if (quant != SU_LLM_Q8_0 && quant != SU_LLM_Q4_0 && quant != SU_LLM_Q4_1 && quant != SU_LLM_F32)
        return su_fail(e, SU_EUNSUPPORTED, folder,
                       "can be quantised to q8_0, q4_1, q4_0 or f32; other types come in GGUF "
                       "files");
    if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode))
        return su_fail(e, SU_EINVAL, folder,
                       "is no folder; a GGUF file runs as it is, and its blocks are never remade");
    if ((c = check_free(out, e))) /* before anything takes long */
        return c;
    j.jobs = su_jobs_new(0);
    su_progress_init(&j.progress, 0, "B", su_clock_mono_ns());
    c = open_source(&j, folder, quant, e);
    c = c ? c : make_folder(&j, folder, out, &r, e);
    job_fini(&j);
    if (!c && result)
        *result = r;
    return c;
}
