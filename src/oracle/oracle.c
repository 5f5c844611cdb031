// SPDX-License-Identifier: MIT
#include "judge.h"

#include "vrf/vrf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    NAP_MS = 100,
    BEAT_MS_MAX = 30000,
    INPUT_BYTES_MAX = SU_PEER_INPUT_BYTES_MAX + (1u << 20),
};

bool ora_stopping(const struct su_oracle *o)
{
    return atomic_load(&((struct su_oracle *)(uintptr_t)o)->stopping);
}

bool ora_number(const struct su_oracle *o, const struct su_acc_config *c, uint8_t *number)
{
    for (uint8_t i = 0; i < c->oracle_count; i++) {
        *number = i;
        if (memcmp(c->oracles[i].key, o->key, 32) == 0)
            return true;
    }
    return false;
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static bool cancelled(void *oracle)
{
    return ora_stopping(oracle);
}

/* Whoever holds the lock on the file runs here. */
static enum su_code lock_home(struct su_oracle *o, struct su_err *e)
{
    char path[4200];
    enum su_code rc = su_dir_make(o->folder, 0700, e);

    if (!rc)
        rc = su_path_join(path, sizeof path, o->folder, "run", e);
    if (rc)
        return rc;
    o->run_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (o->run_fd < 0)
        return su_fail_sys(e, errno, path, "cannot be opened");
    if (flock(o->run_fd, LOCK_EX | LOCK_NB) != 0)
        return su_fail(e, SU_EBUSY, o->home, "another process runs this oracle");
    return SU_OK;
}

static enum su_code open_chain(struct su_oracle *o, struct su_err *e)
{
    const struct su_chain_opts c = {.urls = o->options.urls,
                                    .n_urls = o->options.n_urls,
                                    .program = o->options.program,
                                    .cancelled = cancelled,
                                    .ctx = o};
    enum su_code rc = su_chain_open(&c, &o->chain, e);

    return rc ? rc : su_chain_env_get(o->chain, &o->env, e);
}

/* What is registered under the key must be what is run here. */
static enum su_code check_entry(struct su_oracle *o, struct su_err *e)
{
    struct su_chain_accounts list;
    const struct su_acc_oracle *entry;
    char text[SU_CHAIN_TEXT];
    uint8_t address[32], vrf[32];

    su_vrf_public(su_secret_data(o->vrf_seed), vrf);
    su_chain_addr_oracle(&o->env, o->key, address);
    enum su_code rc = su_chain_oracle_get(o->chain, address, &list, &entry, e);
    if (rc == SU_ENOENT)
        rc = su_fail(e, rc, su_chain_key_text(o->key, text),
                     "no oracle is registered under this key; run `splitup oracle init` first");
    if (!rc && memcmp(entry->vrf_key, vrf, 32) != 0)
        rc = su_fail(e, SU_EACCES, su_chain_key_text(o->key, text),
                     "is registered with another VRF key than that of oracle.vrf");
    if (!rc) {
        memcpy(o->endpoint, entry->endpoint, entry->endpoint_len);
        o->endpoint[entry->endpoint_len] = 0;
    }
    su_chain_accounts_fini(&list);
    return rc;
}

/* Process and URL into the locked file, for whoever looks for this oracle. */
static void write_place(const struct su_oracle *o)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), o->url);

    if (ftruncate(o->run_fd, 0) != 0 || pwrite(o->run_fd, text, (size_t)n, 0) != n)
        su_log(SU_LOG_WARN, "oracle", "its place in %s cannot be written", o->folder);
}

static enum su_code begin_to_serve(struct su_oracle *o, struct su_err *e)
{
    const char *bind = o->options.bind ? o->options.bind : "127.0.0.1";
    const char *colon = strrchr(o->endpoint, ':');
    uint64_t port = o->options.port;
    bool v6 = strchr(bind, ':') != NULL;

    if (port == 0 && colon && su_parse_u64(colon + 1, "endpoint", 1, 65535, &port, NULL) != SU_OK)
        port = 0;
    const struct su_http_server_opts s = {.bind = bind,
                                          .port = (uint16_t)port,
                                          .blocking = true,
                                          .body_max_bytes = INPUT_BYTES_MAX,
                                          .handler = ora_handle,
                                          .ctx = o};
    enum su_code rc = su_http_server_start(&s, &o->server, e);
    if (rc)
        return rc;
    (void)snprintf(o->url, sizeof o->url, "http://%s%s%s:%u", v6 ? "[" : "", bind, v6 ? "]" : "",
                   su_http_server_port(o->server));
    write_place(o);
    return SU_OK;
}

static enum su_code settle(struct su_oracle *o, struct su_err *e)
{
    struct su_wire_scope scope = {o->env.program, o->env.genesis};
    enum su_code rc = su_peer_self_new(&o->signer, &scope, 0, &o->self, e);

    if (!rc)
        rc = su_wire_guard_new(ORA_PEERS_MAX, &o->guard, e);
    if (!rc)
        rc = ora_committee_read(o, e);
    if (!rc) {
        int64_t beat = SU_MAX(SU_MIN((int64_t)o->round_ms, (int64_t)BEAT_MS_MAX), 100);
        rc = liveness_init(&o->live, beat, su_clock_wall_ms(), e);
    }
    if (!rc)
        rc = ora_people_list(o, e);
    if (!rc)
        rc = ora_execs_resume(o, e);
    return rc;
}

static enum su_code open_all(struct su_oracle *o, const struct su_oracle_options *options,
                             struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (!su_str_copy(o->home, sizeof o->home, options->home))
        rc = su_fail(e, SU_ELIMIT, "home", "is longer than %zu bytes", sizeof o->home - 1);
    if (!rc)
        rc = su_path_join(o->folder, sizeof o->folder, o->home, "oracle", e);
    if (!rc)
        rc = su_signer_init_memory(&o->signer, options->secret, e);
    if (!rc) {
        memcpy(o->key, o->signer.public_key, 32);
        rc = ora_vrf_seed(o->home, &o->vrf_seed, e);
    }
    if (!rc)
        rc = lock_home(o, e);
    if (!rc)
        rc = open_chain(o, e);
    if (!rc)
        rc = check_entry(o, e);
    if (!rc)
        rc = settle(o, e);
    return rc ? rc : begin_to_serve(o, e);
}

enum su_code su_oracle_open(const struct su_oracle_options *options, struct su_oracle **out,
                            struct su_err *e)
{
    struct su_oracle *o = su_alloc(sizeof *o);
    pthread_condattr_t attr;

    *out = NULL;
    o->options = *options;
    o->run_fd = -1;
    o->born_ms = su_clock_wall_ms();
    atomic_init(&o->stopping, false);
    atomic_init(&o->round_ms, 1000);
    atomic_init(&o->tick_ms, 250);
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&o->work, &attr);
    (void)pthread_cond_init(&o->judging, NULL);
    (void)pthread_condattr_destroy(&attr);
    ora_queue_init(&o->nodes);
    enum su_code rc = open_all(o, options, e);
    o->options.home = NULL; /* borrowed for the call only */
    o->options.secret = NULL;
    o->options.urls = NULL;
    if (rc) {
        su_oracle_close(o);
        return rc;
    }
    *out = o;
    return SU_OK;
}

static void wake_all(struct su_oracle *o)
{
    (void)pthread_mutex_lock(&o->lock);
    (void)pthread_cond_broadcast(&o->work);
    (void)pthread_cond_broadcast(&o->judging);
    (void)pthread_mutex_unlock(&o->lock);
    ora_queue_wake(&o->nodes);
}

static void end_peers(struct su_oracle *o)
{
    for (size_t i = 0; i < o->n_peer; i++) {
        (void)pthread_mutex_lock(&o->lock); /* what is asked of the server still tells peers */
        bool running = o->peer[i]->running;
        o->peer[i]->running = false;
        (void)pthread_mutex_unlock(&o->lock);
        ora_queue_wake(&o->peer[i]->queue);
        if (running)
            (void)pthread_join(o->peer[i]->thread, NULL);
    }
}

void su_oracle_close(struct su_oracle *o)
{
    if (!o)
        return;
    su_oracle_stop(o);
    su_http_server_stop(o->server);
    end_peers(o);
    for (size_t i = 0; i < o->n_peer; i++) {
        ora_queue_fini(&o->peer[i]->queue);
        free(o->peer[i]);
    }
    for (size_t i = 0; i < o->n_exec; i++) {
        ora_judge_forget(o, o->exec[i]->key);
        ora_exec_free(o->exec[i]);
    }
    for (size_t i = 0; i < o->n_model; i++) {
        su_chain_model_fini(o->model[i].model);
        free(o->model[i].model);
    }
    free(o->model);
    ora_progress_free(o);
    liveness_fini(&o->live);
    ora_people_fini(&o->people);
    su_wire_guard_free(o->guard);
    su_peer_self_free(o->self);
    su_chain_close(o->chain);
    su_secret_free(o->vrf_seed);
    su_signer_fini(&o->signer);
    ora_queue_fini(&o->nodes);
    (void)pthread_cond_destroy(&o->work);
    (void)pthread_cond_destroy(&o->judging);
    (void)pthread_mutex_destroy(&o->lock);
    if (o->run_fd >= 0)
        (void)close(o->run_fd);
    free(o);
}

const char *su_oracle_url(const struct su_oracle *o)
{
    return o->url;
}

const uint8_t *su_oracle_key(const struct su_oracle *o)
{
    return o->key;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

void su_oracle_stop(struct su_oracle *o)
{
    atomic_store(&o->stopping, true);
}

enum su_code su_oracle_run(struct su_oracle *o, struct su_err *e)
{
    static void *(*const lone[])(void *) = {ora_ticker, ora_watcher, ora_prober, ora_prober,
                                            ora_prober, ora_looker,  ora_looker};
    enum { LONE = SU_ARRAY_LEN(lone) };
    pthread_t thread[LONE + ORA_JUDGES + ORA_WORKERS + ORA_COURIERS];
    enum su_code rc = SU_OK;
    size_t n = 0;

    for (size_t i = 0; i < SU_ARRAY_LEN(thread) && !rc; i++) {
        void *(*run)(void *) = i < LONE                              ? lone[i]
                               : i < LONE + ORA_JUDGES               ? ora_judges
                               : i < LONE + ORA_JUDGES + ORA_WORKERS ? ora_worker
                                                                     : ora_courier;
        if (pthread_create(&thread[n], NULL, run, o) == 0)
            n++;
        else
            rc = su_fail(e, SU_EIO, "threads", "could not be made");
    }
    while (!rc && !ora_stopping(o)) {
        if (o->options.stop && o->options.stop(o->options.ctx))
            su_oracle_stop(o);
        else
            ora_nap(NAP_MS);
    }
    su_oracle_stop(o);
    wake_all(o);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(thread[i], NULL);
    end_peers(o);
    return rc;
}
