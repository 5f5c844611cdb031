// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *su_store_hex(const uint8_t id[SU_STORE_ID_BYTES], char out[SU_STORE_HEX])
{
    su_hex_encode(id, SU_STORE_ID_BYTES, out, SU_STORE_HEX);
    return out;
}

/* dir leaves 256 bytes of SU_STORE_PATH_MAX for the rest, and no name here is longer than 100. */
void su_store_path(const struct su_store *s, const char *sub, const char *name, const char *suffix,
                   char out[SU_STORE_PATH_MAX])
{
    int n = snprintf(out, SU_STORE_PATH_MAX, "%s/%s%s%s%s", s->dir, sub != NULL ? sub : "",
                     sub != NULL ? "/" : "", name, suffix);

    SU_ASSERT(n > 0 && n < SU_STORE_PATH_MAX);
}

void su_store_blob_path(const struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES],
                        const char *suffix, char out[SU_STORE_PATH_MAX])
{
    char hex[SU_STORE_HEX], sub[3];

    su_store_hex(id, hex);
    sub[0] = hex[0];
    sub[1] = hex[1];
    sub[2] = 0;
    su_store_path(s, sub, hex, suffix, out);
}

enum su_code su_store_sync_dir(const char *path, struct su_err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys = fd < 0 || (fsync(fd) != 0 && errno != EINVAL) ? errno : 0;

    if (fd >= 0) {
        close(fd);
    }
    return sys != 0 ? su_fail_sys(e, sys, path, "cannot sync the folder") : SU_OK;
}

static enum su_code make_dirs(struct su_store *s, struct su_err *e)
{
    static const char *const sub[] = {"tmp", "lock", "bad"};
    char path[SU_STORE_PATH_MAX];
    enum su_code c = su_dir_make(s->dir, 0700, e);

    for (size_t i = 0; c == SU_OK && i < SU_ARRAY_LEN(sub); i++) {
        su_store_path(s, NULL, sub[i], "", path);
        c = su_dir_make(path, 0700, e);
    }
    return c;
}

static enum su_code copy_peers(struct su_store *s, const struct su_store_opts *o, struct su_err *e)
{
    struct su_store_uri *uri;
    enum su_code c = SU_OK;

    if (o->npeers > SU_STORE_PEERS_MAX) {
        return su_fail(e, SU_ELIMIT, "peers", "%zu peers exceed the limit of %d", o->npeers,
                       SU_STORE_PEERS_MAX);
    }
    if (o->npeers == 0) {
        return SU_OK;
    }
    uri = su_alloc(sizeof *uri);
    s->peers = su_alloc(o->npeers * sizeof *s->peers);
    for (size_t i = 0; i < o->npeers && c == SU_OK; i++) {
        c = su_store_uri_parse(o->peers[i], uri, e);
        if (c != SU_OK || uri->scheme != SU_STORE_HTTP || strpbrk(uri->target, "?#") != NULL) {
            c = su_fail(e, SU_EINVAL, o->peers[i], "is no peer address: write http://HOST:PORT");
        } else {
            char *p = s->peers[s->npeers++] = su_strdup(uri->target);

            for (size_t n = strlen(p); n > 0 && p[n - 1] == '/'; n--) {
                p[n - 1] = 0;
            }
        }
    }
    free(uri);
    return c;
}

enum su_code su_store_open(const char *dir, const struct su_store_opts *opts, struct su_store **out,
                           struct su_err *e)
{
    struct su_store *s = su_alloc(sizeof *s);
    enum su_code c = SU_OK;

    *out = NULL;
    pthread_mutex_init(&s->mutex, NULL);
    if (dir[0] == 0 || !su_str_copy(s->dir, sizeof s->dir, dir)) {
        c = su_fail(e, SU_EINVAL, dir, "store path is empty or longer than %zu bytes",
                    sizeof s->dir - 1);
    }
    if (c == SU_OK && opts != NULL) {
        s->budget_bytes = opts->budget_bytes;
        c = copy_peers(s, opts, e);
    }
    if (c == SU_OK) {
        c = make_dirs(s, e);
    }
    if (c == SU_OK) {
        int gate = -1; /* SQLite does not wait for others while it switches a new file to WAL */

        c = su_store_lock(s, SU_STORE_GATE, NULL, &gate, NULL, e);
        if (c == SU_OK) {
            c = su_store_db_open(s, e);
            su_store_unlock(gate);
        }
    }
    if (c != SU_OK) {
        su_store_close(s);
        return c;
    }
    *out = s;
    return SU_OK;
}

void su_store_close(struct su_store *s)
{
    if (s == NULL) {
        return;
    }
    su_store_db_close(s);
    for (size_t i = 0; i < s->npeers; i++) {
        free(s->peers[i]);
    }
    free(s->peers);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

bool su_store_has(struct su_store *s, const uint8_t id[SU_STORE_ID_BYTES], uint64_t *bytes)
{
    struct su_store_entry b;
    char path[SU_STORE_PATH_MAX];
    struct stat st;

    su_store_blob_path(s, id, "", path);
    if (su_store_row(s, id, &b, NULL) != SU_OK || stat(path, &st) != 0 ||
        (uint64_t)st.st_size != b.bytes) {
        return false;
    }
    if (bytes != NULL) {
        *bytes = b.bytes;
    }
    return true;
}

enum su_code su_store_ls(struct su_store *s, bool (*fn)(void *ctx, const struct su_store_entry *b),
                         void *ctx, struct su_err *e)
{
    struct su_store_entry *rows;
    size_t n;
    enum su_code c = su_store_rows(s, false, &rows, &n, e);

    for (size_t i = 0; c == SU_OK && i < n; i++) {
        if (!fn(ctx, &rows[i])) {
            break;
        }
    }
    free(rows);
    return c;
}
