// SPDX-License-Identifier: MIT
/* The executions an oracle watches: the list, what lies on disk for each, and whose turn it is. */
#include "judge.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum su_code ora_exec_path(const struct su_oracle *o, const uint8_t key[32], const char *name,
                           char out[4200], struct su_err *e)
{
    char text[SU_CHAIN_TEXT];
    int n = snprintf(out, 4200, "%s/%s%s%s", o->folder, su_chain_key_text(key, text),
                     name ? "/" : "", name ? name : "");

    return n > 0 && n < 4200 ? SU_OK : su_fail(e, SU_ELIMIT, o->folder, "the path is too long");
}

enum su_code ora_exec_keep(struct su_oracle *o, const uint8_t key[32], const char *name,
                           const void *data, size_t n, struct su_err *e)
{
    char path[4200];
    enum su_code rc = ora_exec_path(o, key, NULL, path, e);

    if (!rc)
        rc = su_dir_make(path, 0700, e);
    if (!rc)
        rc = ora_exec_path(o, key, name, path, e);
    return rc ? rc : su_file_write(path, data, n, 0600, e);
}

/* ---- the list --------------------------------------------------------------------------------------- */

struct ora_exec *ora_exec_find(struct su_oracle *o, const uint8_t key[32])
{
    for (size_t i = 0; i < o->n_exec; i++)
        if (memcmp(o->exec[i]->key, key, 32) == 0)
            return o->exec[i];
    return NULL;
}

struct ora_exec *ora_exec_hear(struct su_oracle *o, const uint8_t key[32])
{
    struct ora_exec *x = ora_exec_find(o, key);

    if (x || o->n_exec == ORA_EXECUTIONS_MAX)
        return x;
    x = su_try_alloc(1, sizeof *x);
    if (!x)
        return NULL;
    memcpy(x->key, key, 32);
    (void)su_chain_key_text(key, x->name);
    o->exec[o->n_exec++] = x;
    (void)pthread_cond_signal(&o->work);
    return x;
}

void ora_exec_poke(struct su_oracle *o, struct ora_exec *x)
{
    x->poked = true;
    (void)pthread_cond_signal(&o->work);
}

void ora_exec_news(struct su_oracle *o, struct ora_exec *x)
{
    x->news = true;
    ora_exec_poke(o, x);
}

void ora_exec_propose(struct ora_exec *x, const uint8_t sender[32], uint32_t round,
                      struct ora_bytes *frame)
{
    struct ora_proposal *p = NULL;

    for (size_t i = 0; i < ORA_PROPOSALS && !p; i++)
        if (!x->proposal[i].frame || memcmp(x->proposal[i].sender, sender, 32) == 0)
            p = &x->proposal[i];
    if (!p)
        return;
    ora_bytes_drop(p->frame);
    p->frame = ora_bytes_hold(frame);
    p->round = round;
    memcpy(p->sender, sender, 32);
}

void ora_exec_free(struct ora_exec *x)
{
    su_chain_case_fini(&x->seen);
    for (size_t i = 0; i < ORA_PROPOSALS; i++)
        ora_bytes_drop(x->proposal[i].frame);
    ora_bytes_drop(x->table);
    free(x->glance);
    free(x->notice);
    free(x->rows);
    free(x->nodes);
    free(x);
}

static void remove_folder(const struct su_oracle *o, const uint8_t key[32])
{
    char path[4200], file[4500];

    if (ora_exec_path(o, key, NULL, path, NULL) != SU_OK)
        return;
    DIR *d = opendir(path);
    for (const struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d))
        if (su_path_join(file, sizeof file, path, entry->d_name, NULL) == SU_OK &&
            entry->d_name[0] != '.')
            (void)unlink(file);
    if (d)
        (void)closedir(d);
    if (rmdir(path) != 0 && errno != ENOENT)
        su_log(SU_LOG_WARN, "oracle", "%s cannot be removed: %s", path, strerror(errno));
}

void ora_exec_end(struct su_oracle *o, struct ora_exec *x)
{
    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n_exec; i++) {
        if (o->exec[i] != x)
            continue;
        o->exec[i] = o->exec[--o->n_exec];
        break;
    }
    ora_judge_forget(o, x->key);
    ora_progress_forget(o, x->key);
    remove_folder(o, x->key);
    (void)pthread_mutex_unlock(&o->lock);
    ora_exec_free(x);
}

/* ---- after a start ------------------------------------------------------------------------------------ */

static void take_up(struct su_oracle *o, const uint8_t key[32])
{
    struct su_map m;
    char path[4200];
    struct ora_exec *x = ora_exec_hear(o, key);

    if (!x)
        return;
    if (ora_exec_path(o, key, "input", path, NULL) == SU_OK)
        x->has_input = access(path, F_OK) == 0;
    if (ora_exec_path(o, key, "table", path, NULL) != SU_OK ||
        su_map_open(path, 256u << 10, &m, NULL) != SU_OK)
        return;
    ora_bytes_drop(x->table);
    x->table = ora_bytes_of(m.data, m.len);
    su_map_close(&m);
}

enum su_code ora_execs_resume(struct su_oracle *o, struct su_err *e)
{
    struct su_chain_accounts list;
    const struct su_acc_execution *a;
    uint8_t key[64];
    size_t n;
    DIR *d = opendir(o->folder);

    if (!d)
        return su_fail_sys(e, errno, o->folder, "cannot be read");
    (void)pthread_mutex_lock(&o->lock);
    for (const struct dirent *entry = readdir(d); entry; entry = readdir(d))
        if (su_base58_decode(entry->d_name, key, sizeof key, &n) && n == 32)
            take_up(o, key);
    (void)pthread_mutex_unlock(&o->lock);
    (void)closedir(d);
    enum su_code rc = su_chain_list(o->chain, SU_TAG_EXECUTION, NULL, &list, e);
    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < list.n && !rc; i++)
        if (su_chain_as_execution(&list.items[i], o->env.program, &a, NULL) == SU_OK)
            (void)ora_exec_hear(o, list.items[i].key);
    (void)pthread_mutex_unlock(&o->lock);
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- workers ------------------------------------------------------------------------------------------ */

/* The execution that has waited longest, NULL when none is due; *next_ns: when one will be. */
static struct ora_exec *pick(struct su_oracle *o, uint64_t now, uint64_t *next_ns)
{
    struct ora_exec *best = NULL;

    *next_ns = now + 1000000000u;
    for (size_t i = 0; i < o->n_exec; i++) {
        struct ora_exec *x = o->exec[i];
        uint64_t at = x->poked ? 0 : x->next_ns;
        if (x->busy)
            continue;
        if (at > now)
            *next_ns = SU_MIN(*next_ns, at);
        else if (!best || x->next_ns < best->next_ns)
            best = x;
    }
    return best;
}

static void wait_until(struct su_oracle *o, uint64_t ns)
{
    const struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u),
                               .tv_nsec = (long)(ns % 1000000000u)};

    (void)pthread_cond_timedwait(&o->work, &o->lock, &t);
}

void *ora_worker(void *oracle)
{
    struct su_oracle *o = oracle;

    (void)pthread_mutex_lock(&o->lock);
    while (!ora_stopping(o)) {
        uint64_t next;
        struct ora_exec *x = pick(o, su_clock_mono_ns(), &next);
        if (!x) {
            wait_until(o, next);
            continue;
        }
        x->busy = true;
        x->poked = false;
        (void)pthread_mutex_unlock(&o->lock);
        uint32_t again_ms = ora_step(o, x);
        if (again_ms == 0)
            ora_exec_end(o, x);
        (void)pthread_mutex_lock(&o->lock);
        if (again_ms == 0)
            continue;
        x->busy = false;
        x->next_ns = su_clock_mono_ns() + (uint64_t)again_ms * 1000000u;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return NULL;
}
