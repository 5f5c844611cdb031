// SPDX-License-Identifier: MIT
/* Where to connect, which keys. */
#include "ops_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum su_code in_home(const char *name, char out[4096], struct su_err *e)
{
    char home[4000];
    enum su_code rc = su_home_dir(home, sizeof home, e);

    return rc ? rc : su_path_join(out, 4096, home, name, e);
}

/* Opens a connection to the comma-separated clusters of o->url, which becomes the first one's URL. */
static enum su_code connect_to(struct su_ops *o, struct su_err *e)
{
    char text[sizeof o->url], *rest = text;
    const char *urls[SU_CHAIN_ENDPOINTS_MAX];
    struct su_chain_opts c = {
        .urls = urls, .cancelled = o->options.cancelled, .ctx = o->options.ctx};

    memcpy(text, o->url, sizeof text);
    while (rest) {
        char *comma = strchr(rest, ',');
        if (c.n_urls == SU_CHAIN_ENDPOINTS_MAX)
            return su_fail(e, SU_EINVAL, "--url", "more than %u endpoints", SU_CHAIN_ENDPOINTS_MAX);
        if (comma)
            *comma = 0;
        urls[c.n_urls++] = rest;
        rest = comma ? comma + 1 : NULL;
    }
    enum su_code rc = su_chain_open(&c, &o->chain, e);
    if (rc)
        return rc;
    const char *first = su_chain_cluster_url(urls[0]);
    (void)su_str_copy(o->url, sizeof o->url, first ? first : urls[0]);
    return SU_OK;
}

static enum su_code settle(struct su_ops *o, const struct su_ops_options *given, struct su_err *e)
{
    struct su_wallet_settings s = {.found = false};
    const char *url = given->url, *keypair = given->keypair;
    enum su_code rc = in_home("wallet.json", o->wallet_path, e);

    if (!rc)
        rc = in_home("node.json", o->identity_path, e);
    o->identity_given = given->identity != NULL;
    if (!rc && given->identity &&
        !su_str_copy(o->identity_path, sizeof o->identity_path, given->identity))
        return su_fail(e, SU_ELIMIT, given->identity, "is longer than %zu bytes",
                       sizeof o->identity_path - 1);
    /* Without a home folder there is no config.yml. */
    if (!rc && (!url || !keypair) && getenv("HOME"))
        rc = su_wallet_settings_read(NULL, &s, e);
    if (rc)
        return rc;
    if (!url)
        url = s.rpc_url[0] ? s.rpc_url : "localhost";
    if (!keypair && s.found)
        keypair = s.keypair_path;
    if (!su_str_copy(o->url, sizeof o->url, url))
        return su_fail(e, SU_ELIMIT, "--url", "is longer than %zu bytes", sizeof o->url - 1);
    if (keypair && !su_str_copy(o->wallet_path, sizeof o->wallet_path, keypair))
        return su_fail(e, SU_ELIMIT, "--keypair", "is longer than %zu bytes",
                       sizeof o->wallet_path - 1);
    return connect_to(o, e);
}

enum su_code su_ops_open(const struct su_ops_options *options, struct su_ops **out,
                         struct su_err *e)
{
    struct su_ops *o = su_alloc(sizeof *o);

    *out = NULL;
    o->options = *options;
    o->options.url = o->options.keypair = NULL; /* borrowed for the call only */
    o->options.identity = NULL;
    enum su_code rc = settle(o, options, e);
    if (rc) {
        su_ops_close(o);
        return rc;
    }
    *out = o;
    return SU_OK;
}

void su_ops_close(struct su_ops *o)
{
    if (!o)
        return;
    su_peer_self_free(o->self);
    su_http_keep_free(o->keep);
    su_wallet_close(o->wallet);
    su_wallet_close(o->identity);
    su_chain_close(o->chain);
    free(o);
}

const char *su_ops_url(const struct su_ops *o)
{
    return o->url;
}

const char *su_ops_wallet_path(const struct su_ops *o)
{
    return o->wallet_path;
}

const char *su_ops_identity_path(const struct su_ops *o)
{
    return o->identity_path;
}

struct su_chain *su_ops_chain(struct su_ops *o)
{
    return o->chain;
}

enum su_code su_ops_wallet(struct su_ops *o, struct su_wallet **out, struct su_err *e)
{
    const struct su_wallet_options w = {
        .path = o->wallet_path, .passphrase = o->options.passphrase, .ctx = o->options.ctx};
    enum su_code rc = o->wallet ? SU_OK : su_wallet_open(&w, &o->wallet, e);

    if (rc == SU_ENOENT)
        rc = su_fail(e, SU_ENOENT, o->wallet_path,
                     "there is no wallet; `splitup wallet new` makes one, `splitup wallet import "
                     "FILE` takes an existing one");
    *out = o->wallet;
    return rc;
}

enum su_code su_ops_identity(struct su_ops *o, bool make, struct su_wallet **out, struct su_err *e)
{
    const struct su_wallet_options w = {
        .path = o->identity_path, .passphrase = o->options.passphrase, .ctx = o->options.ctx};
    uint8_t key[32];
    enum su_code rc = SU_OK;

    if (!o->identity && make && access(o->identity_path, F_OK) != 0)
        rc = su_wallet_create(o->identity_path, NULL, key, e);
    if (!rc && !o->identity)
        rc = su_wallet_open(&w, &o->identity, e);
    if (rc == SU_ENOENT && o->identity_given)
        rc = su_fail(e, SU_ENOENT, o->identity_path, "there is no such key file");
    else if (rc == SU_ENOENT)
        rc = su_fail(e, SU_ENOENT, o->identity_path,
                     "this machine has no node yet; `splitup-node register` makes one");
    *out = o->identity;
    return rc;
}

enum su_code su_ops_env(struct su_ops *o, const struct su_chain_env **env,
                        const struct su_params **params, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_config *config;
    enum su_code rc = SU_OK;

    if (!o->env_known) {
        rc = su_chain_env_get(o->chain, &o->env, e);
        if (!rc)
            rc = su_chain_config_now(o->chain, &o->env, &list, &config, e);
        if (!rc) {
            o->params = config->params;
            o->env_known = true;
        }
        su_chain_accounts_fini(&list);
    }
    *env = &o->env;
    *params = &o->params;
    return rc;
}

enum su_code ops_self(struct su_ops *o, bool again, struct su_peer_self **out, struct su_err *e)
{
    const struct su_wire_scope scope = {.program_id = o->env.program, .genesis = o->env.genesis};
    uint64_t after = 0;
    enum su_code rc = SU_OK;

    if (o->self && again) {
        after = su_peer_self_sequence(o->self);
        su_peer_self_free(o->self);
        o->self = NULL;
    }
    if (!o->keep)
        rc = su_http_keep_new(&o->keep, e);
    if (!rc && !o->self)
        rc = su_peer_self_new(su_wallet_wire_signer(o->wallet), &scope, after, &o->self, e);
    *out = o->self;
    return rc;
}
