// SPDX-License-Identifier: MIT
/* A model of a cluster that generates, and its tokenizer. */
#include "generation.h"

#include "deploy.h"
#include "llm_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

/* ---- where the tokenizer is ------------------------------------------------------------------------ */

/* A file of weights that the package names. */
struct file {
    uint8_t id[32];
    uint64_t first, end; /* of its tensors */
};
struct files {
    struct file *file;
    size_t n;
};

static void note_file(struct files *all, const struct su_manifest_entry *m)
{
    struct file *f = NULL;

    for (size_t i = 0; i < all->n && !f; i++)
        f = memcmp(all->file[i].id, m->blob, 32) == 0 ? &all->file[i] : NULL;
    if (!f) {
        all->file = su_realloc(all->file, (all->n + 1) * sizeof *f);
        f = &all->file[all->n++];
        *f = (struct file){.first = UINT64_MAX};
        memcpy(f->id, m->blob, 32);
    }
    f->first = SU_MIN(f->first, m->offset);
    f->end = SU_MAX(f->end, m->offset + m->bytes);
}

/* A file of the same length in which only what stands before the tensors is filled in. */
static enum su_code copy_header(struct su_store *store, const struct file *f, int fd,
                                const char *path, struct su_err *e)
{
    uint8_t *piece = su_alloc(COPY_BYTES);
    enum su_code rc = SU_OK;

    for (uint64_t at = 0; at < f->first && !rc;) {
        size_t n = (size_t)SU_MIN(f->first - at, (uint64_t)COPY_BYTES);
        rc = su_store_read(store, f->id, at, piece, n, e);
        if (!rc && pwrite(fd, piece, n, (off_t)at) != (ssize_t)n)
            rc = su_fail_sys(e, errno, path, "cannot be written");
        at += n;
    }
    if (!rc && ftruncate(fd, (off_t)f->end) != 0)
        rc = su_fail_sys(e, errno, path, "cannot be made %llu bytes long",
                         (unsigned long long)f->end);
    free(piece);
    return rc;
}

static enum su_code text_of(const char *path, const char *at, struct su_text **out,
                            struct su_err *e)
{
    struct su_weights *w = NULL;
    enum su_code rc = su_weights_open(path, &w, e);

    if (!rc)
        rc = su_model_text_of(w, at, out, e);
    su_weights_close(w);
    return rc;
}

static enum su_code text_of_header(struct su_store *store, const struct file *f, const char *at,
                                   const struct su_store_parts *how, struct su_text **out,
                                   struct su_err *e)
{
    const struct su_store_range header = {0, f->first};
    struct su_store_parts parts = *how;
    const char *dir = getenv("TMPDIR");
    char path[4096];

    if (f->first > SU_WEIGHTS_HEADER_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, at, "nothing that long stands before tensors");
    parts.id = f->id;
    parts.range = &header;
    parts.n_range = 1;
    enum su_code rc = su_store_fetch_parts(store, &parts, e);
    int n = snprintf(path, sizeof path, "%s/splitup-header-XXXXXX", dir && *dir ? dir : "/tmp");
    if (!rc && (n < 0 || n >= (int)sizeof path))
        rc = su_fail(e, SU_ELIMIT, "TMPDIR", "is too long a path");
    if (rc)
        return rc;
    int fd = mkstemp(path);
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot be made");
    rc = copy_header(store, f, fd, path, e);
    if (!rc)
        rc = text_of(path, at, out, e);
    (void)unlink(path);
    (void)close(fd);
    return rc;
}

/* Of the first file that has one: those that are here go first, then what others have. */
static enum su_code text_of_files(const struct files *all, struct su_store *store, const char *at,
                                  const struct su_store_parts *how, struct su_text **out,
                                  struct su_err *e)
{
    char path[SU_STORE_PATH_MAX];
    enum su_code rc = su_fail(e, SU_ENOENT, at, "its package names no weights");

    for (size_t i = 0; i < all->n && rc; i++)
        if (su_store_has(store, all->file[i].id, NULL)) {
            rc = su_store_where(store, all->file[i].id, path, e);
            if (!rc)
                rc = text_of(path, at, out, e);
        }
    for (size_t i = 0; i < all->n && rc && !how->hooks.cancelled(how->hooks.ctx); i++)
        if (!su_store_has(store, all->file[i].id, NULL))
            rc = text_of_header(store, &all->file[i], at, how, out, e);
    return rc ? su_wrap(e, "no tokenizer was found; give the model's file with --model-file") : rc;
}

static enum su_code text_of_package(struct cli_asker *a, const struct su_package *p,
                                    struct su_store *store, const struct cli_peers *peers,
                                    struct su_err *e)
{
    struct su_store_parts how = {.hooks = cli_store_hooks((void *)(uintptr_t)a->c)};
    const char *peer[SU_STORE_PEERS_MAX + 1];
    char uri[SU_URI_MAX + 1], first[SU_PACKAGE_PEER_MAX] = "";
    struct files all = {.file = NULL};
    uint8_t id[32];

    su_str_sanitize(uri, sizeof uri, (const char *)a->model->model->uri, a->model->model->uri_len);
    if (su_package_uri_parse(uri, id, first, NULL) == SU_OK && *first)
        peer[how.n_peers++] = first;
    for (size_t i = 0; i < peers->n; i++)
        peer[how.n_peers++] = peers->url[i];
    how.peers = peer;
    for (uint32_t t = 0; t < p->n_task; t++)
        for (uint32_t i = 0; i < p->task[t].manifest.n_entry; i++)
            note_file(&all, &p->task[t].manifest.entry[i]);
    enum su_code rc = text_of_files(&all, store, a->name, &how, &a->text, e);
    cli_progress_clear(a->c);
    free(all.file);
    return rc;
}

static enum su_code text_of_option(struct cli_asker *a, const char *word, struct su_err *e)
{
    struct cli_model m;
    enum su_code rc = cli_model_open(word, &m, e);

    if (rc)
        return rc;
    rc = cli_llm_only(a->c, &m, e);
    if (!rc)
        rc = su_model_text(m.model, &a->text, e);
    cli_model_close(&m);
    return rc;
}

/* The package also says how long a session may get; without it the nodes will. */
static enum su_code find_text(struct cli_asker *a, struct su_err *e)
{
    const struct su_store_hooks hooks = cli_store_hooks((void *)(uintptr_t)a->c);
    const char *word = cli_get(a->c, "--model-file");
    struct su_package *p = NULL;
    struct su_store *store = NULL;
    struct cli_peers peers;
    struct su_err why = {0};
    enum su_code rc = cli_peers_parse(a->c, &peers, e);

    if (!rc && word)
        rc = text_of_option(a, word, e);
    if (rc)
        return rc;
    rc = cli_store_open(NULL, &store, &why);
    if (!rc)
        rc = cli_package_of(a->model, store, &peers, &hooks, &p, &why);
    cli_progress_clear(a->c);
    if (!rc)
        a->ctx = p->ctx;
    if (!rc && !word)
        rc = text_of_package(a, p, store, &peers, &why);
    if (rc && word && rc != SU_ECANCELLED)
        rc = SU_OK;
    else if (rc && e)
        *e = why;
    su_package_free(p);
    su_store_close(store);
    return rc;
}

/* ---- models ---------------------------------------------------------------------------------------- */

static enum su_code load(struct su_ops *o, const char *word, struct su_chain_model *m,
                         struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    enum su_code rc = su_ops_env(o, &env, &params, e);

    if (!rc)
        rc = su_ops_model_find(o, word, key, e);
    return rc ? rc : su_chain_model_load(su_ops_chain(o), env, key, m, e);
}

enum su_code cli_model_generates(struct su_ops *o, const char *word, bool *generates,
                                 struct su_err *e)
{
    struct su_chain_model *m = su_alloc(sizeof *m);
    enum su_code rc = load(o, word, m, e);

    *generates = !rc && m->model->sample_task != SU_NO_TASK;
    su_chain_model_fini(m);
    free(m);
    return rc;
}

enum su_code cli_asker_open(struct cli_asker *a, const char *word, struct su_err *e)
{
    a->model = su_alloc(sizeof *a->model);
    enum su_code rc = load(a->o, word, a->model, e);

    if (rc)
        return rc;
    (void)su_chain_key_text(a->model->key, a->name);
    if (a->model->model->sample_task == SU_NO_TASK)
        return su_fail(e, SU_ETYPE, word, "is no language model");
    a->report = su_alloc(a->model->model->task_count * sizeof *a->report + 1);
    return find_text(a, e);
}

void cli_asker_close(struct cli_asker *a)
{
    if (a->model)
        su_chain_model_fini(a->model);
    free(a->model);
    free(a->report);
    su_text_free(a->text);
    a->model = NULL;
    a->report = NULL;
    a->text = NULL;
}

enum su_code cli_asker_fit(const struct cli_asker *a, struct cli_generation *g, struct su_err *e)
{
    uint32_t most = a->ctx > 0 ? SU_MIN(a->ctx, SU_STEPS_MAX) : SU_STEPS_MAX;

    if (g->prompt.count == 0)
        return su_fail(e, SU_EINVAL, "--prompt", "is empty; give some text");
    if (g->prompt.count > most)
        return su_fail(e, SU_ELIMIT, "--prompt", "%zu tokens; nodes keep %u of a session",
                       g->prompt.count, most);
    g->max_tokens = SU_MIN(g->max_tokens, most - (uint32_t)g->prompt.count + 1);
    return SU_OK;
}
