// SPDX-License-Identifier: MIT
/* Models of huggingface.co: fetched into the store, and seen as a folder of links into it,
   $SPLITUP_HOME/hf/REV/ORG/REPO, in which the files have their own names. */
#include "cli_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct fetch {
    struct cli screen; /* for the progress line, and who ends it, only */
    struct su_store *store;
    struct su_store_hf hf;
    char folder[3000];
    const char *leaf; /* what is being fetched */
    bool
        complete; /* an earlier fetch went as far as the weights, so what is not here is not there */
    bool out_of_reach; /* the server, as an optional file has shown */
};

static bool hook_cancelled(void *ctx)
{
    const struct fetch *f = ctx;
    return cli_stopped(&f->screen);
}

static void hook_progress(void *ctx, const struct su_progress *p)
{
    const struct fetch *f = ctx;
    cli_progress(&f->screen, f->leaf, p, false);
}

/* One link, put in its place at once, so that nobody sees it missing. */
static enum su_code put_link(const struct fetch *f, const char *file, const char *target,
                             struct su_err *e)
{
    char path[4096], tmp[4200];
    enum su_code rc = su_path_join(path, sizeof path, f->folder, file, e);
    if (rc != SU_OK)
        return rc;
    char *slash = strrchr(path, '/');
    *slash = 0;
    rc = su_dir_make(path, 0700, e);
    *slash = '/';
    if (rc != SU_OK)
        return rc;
    (void)snprintf(tmp, sizeof tmp, "%s.link-%ld", path, (long)getpid());
    (void)unlink(tmp);
    if (symlink(target, tmp) != 0 || rename(tmp, path) != 0) {
        rc = su_fail_sys(e, errno, path, "cannot be linked to %s", target);
        (void)unlink(tmp);
    }
    return rc;
}

static bool linked(const struct fetch *f, const char *file)
{
    char path[4200];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, file);
    return lstat(path, &st) == 0;
}

/* optional: a file that the server does not have is left out, and *there false. */
static enum su_code get_file(struct fetch *f, const char *file, bool optional, bool *there,
                             struct su_err *e)
{
    const struct su_store_fetch how = {
        .hooks = {.cancelled = hook_cancelled, .progress = hook_progress, .ctx = f}};
    char uri[1400], target[SU_STORE_PATH_MAX];
    uint8_t id[SU_STORE_ID_BYTES];
    struct su_err why = {0};
    *there = true;
    bool was_absent = optional && f->complete && !linked(f, file);
    if (was_absent && f->out_of_reach) {
        *there = false;
        return SU_OK;
    }
    f->leaf = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    (void)snprintf(uri, sizeof uri, "hf://%s/%s@%s", f->hf.repo, file, f->hf.rev);
    enum su_code rc = su_store_fetch(f->store, uri, &how, id, &why);
    cli_progress_clear(&f->screen);
    if (was_absent && (rc == SU_ENET || rc == SU_ETIMEOUT)) {
        f->out_of_reach = true;
        *there = false;
        return SU_OK;
    }
    if (rc == SU_ENOENT && optional) {
        *there = false;
        (void)snprintf(target, sizeof target, "%s/%s", f->folder, file);
        (void)unlink(target); /* one that an earlier fetch had left */
        return SU_OK;
    }
    if (rc != SU_OK && e)
        *e = why;
    rc = rc == SU_OK ? su_store_where(f->store, id, target, e) : rc;
    return rc == SU_OK ? put_link(f, file, target, e) : rc;
}

/* What belongs to a file that is here: the shards of an index, the parts of a split GGUF. */
static enum su_code get_siblings(struct fetch *f, const char *file, struct su_err *e)
{
    char path[4096], name[1300];
    struct su_buf names;
    bool there;
    const char *slash = strrchr(file, '/');
    int dir = slash ? (int)(slash - file) + 1 : 0;
    su_buf_init(&names, 0);
    enum su_code rc = su_path_join(path, sizeof path, f->folder, file, e);
    if (rc == SU_OK)
        rc = su_weights_siblings(path, &names, e);
    for (size_t at = 0; rc == SU_OK && at < names.len;) {
        const char *leaf = (const char *)names.data + at;
        (void)snprintf(name, sizeof name, "%.*s%s", dir, file, leaf);
        rc = get_file(f, name, false, &there, e);
        at += strlen(leaf) + 1;
    }
    su_buf_fini(&names);
    return rc;
}

static enum su_code get_folder(struct fetch *f, enum cli_fetch how, struct su_err *e)
{
    static const struct {
        const char *name;
        bool optional;
    } files[] = {{"config.json", false},
                 {"tokenizer.json", false},
                 {"tokenizer_config.json", true},
                 {"generation_config.json", true},
                 {"chat_template.jinja", true}};
    static const char index[] = "model.safetensors.index.json";
    enum su_code rc = SU_OK;
    bool there;
    f->complete = linked(f, index) || linked(f, "model.safetensors");
    size_t n = how == CLI_FETCH_SHAPES ? 1 : SU_ARRAY_LEN(files);
    for (size_t i = 0; i < n && rc == SU_OK; i++)
        rc = get_file(f, files[i].name, files[i].optional, &there, e);
    if (rc != SU_OK || how == CLI_FETCH_SHAPES)
        return rc;
    rc = get_file(f, index, true, &there, e);
    if (rc == SU_OK && there)
        return get_siblings(f, index, e);
    return rc == SU_OK ? get_file(f, "model.safetensors", false, &there, e) : rc;
}

static enum su_code open_places(struct fetch *f, struct su_err *e)
{
    char home[2000], blobs[2100], rev[sizeof f->hf.rev];
    enum su_code rc = su_home_dir(home, sizeof home, e);
    if (rc == SU_OK)
        rc = su_path_join(blobs, sizeof blobs, home, "blobs", e);
    if (rc != SU_OK)
        return rc;
    (void)su_str_copy(rev, sizeof rev, f->hf.rev);
    for (char *c = rev; *c; c++)
        *c = *c == '/' ? '+' : *c;
    int n = snprintf(f->folder, sizeof f->folder, "%s/hf/%s/%s", home, rev, f->hf.repo);
    if (n <= 0 || n >= (int)sizeof f->folder)
        return su_fail(e, SU_ELIMIT, home, "the path is too long");
    return su_store_open(blobs, NULL, &f->store, e);
}

enum su_code cli_model_local(const char *word, enum cli_fetch how, char out[4096], struct su_err *e)
{
    return cli_model_watched(word, how, NULL, out, e);
}

enum su_code cli_model_watched(const char *word, enum cli_fetch how, const struct cli_watch *watch,
                               char out[4096], struct su_err *e)
{
    if (strncasecmp(word, "hf:", 3) != 0)
        return su_str_copy(out, 4096, word)
                   ? SU_OK
                   : su_fail(e, SU_ELIMIT, "MODEL", "is longer than 4095 bytes");
    struct fetch *f = su_alloc(sizeof *f);
    bool there;
    enum su_code rc = su_store_hf_parse(word, &f->hf, e);
    f->screen.watch = watch;
    if (!watch)
        cli_look_at_terminal(&f->screen);
    if (rc == SU_OK)
        rc = open_places(f, e);
    if (rc == SU_OK && f->hf.file[0] == 0) {
        rc = get_folder(f, how, e);
    } else if (rc == SU_OK) {
        rc = get_file(f, f->hf.file, false, &there, e);
        if (rc == SU_OK)
            rc = get_siblings(f, f->hf.file, e);
    }
    if (rc == SU_OK)
        rc = f->hf.file[0] ? su_path_join(out, 4096, f->folder, f->hf.file, e)
             : su_str_copy(out, 4096, f->folder)
                 ? SU_OK
                 : su_fail(e, SU_ELIMIT, f->folder, "the path is too long");
    su_store_close(f->store);
    free(f);
    return rc;
}
