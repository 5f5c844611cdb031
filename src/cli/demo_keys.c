// SPDX-License-Identifier: MIT
/* Everybody's keys in a demo, and the files they lie in. One seed gives the same keys. */
#include "demo.h"

#include "oracle/oracle.h"

#include <string.h>

const char *demo_path(const struct demo *d, const char *folder, const char *file,
                      char out[DEMO_PATH_MAX])
{
    struct su_buf b;

    su_buf_init(&b, DEMO_PATH_MAX);
    su_buf_printf(&b, "%s/%s", d->home, folder);
    /* What cannot be made is told by whoever writes into it. */
    if (su_dir_make((const char *)b.data, 0700, NULL) == SU_OK && file)
        su_buf_printf(&b, "/%s", file);
    (void)su_str_copy(out, DEMO_PATH_MAX, (const char *)b.data);
    su_buf_fini(&b);
    return out;
}

static void derive(const struct demo *d, const char *what, unsigned number, uint8_t seed[32])
{
    static const char domain[] = "splitup/demo";
    uint8_t n[12];
    struct su_sha256 h;

    su_put_le64(n, d->seed);
    su_put_le32(n + 8, number);
    su_sha256_init(&h);
    su_sha256_update(&h, domain, sizeof domain - 1);
    su_sha256_update(&h, what, strlen(what) + 1);
    su_sha256_update(&h, n, sizeof n);
    su_sha256_final(&h, seed);
}

static enum su_code take(struct demo_key *k, const uint8_t secret[64], struct su_err *e)
{
    memcpy(k->secret, secret, 64);
    memcpy(k->key, secret + 32, 32);
    return su_signer_init_memory(&k->signer, secret, e);
}

static enum su_code write_key(const struct demo_key *k, const char *path, struct su_err *e)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    for (size_t i = 0; i < 64; i++)
        su_buf_printf(&b, "%s%u", i == 0 ? "[" : ",", k->secret[i]);
    su_buf_printf(&b, "]\n");
    enum su_code rc = su_buf_check(&b, path, e);
    if (!rc)
        rc = su_file_write(path, b.data, b.len, 0600, e);
    su_buf_fini(&b);
    return rc;
}

static enum su_code make(const struct demo *d, struct demo_key *k, const char *what,
                         unsigned number, const char *folder, const char *file, struct su_err *e)
{
    uint8_t seed[32], key[32], secret[64];
    char path[DEMO_PATH_MAX];

    derive(d, what, number, seed);
    su_ed25519_from_seed(seed, key, secret);
    enum su_code rc = take(k, secret, e);
    return rc || !file ? rc : write_key(k, demo_path(d, folder, file, path), e);
}

static enum su_code make_oracle(struct demo *d, unsigned i, struct su_err *e)
{
    struct demo_oracle *o = &d->oracle[i];
    uint8_t seed[32];
    char hex[66], path[DEMO_PATH_MAX];

    (void)snprintf(o->name, sizeof o->name, "oracle-%u", i + 1);
    enum su_code rc = make(d, &o->key, "oracle", i, o->name, "oracle.json", e);
    derive(d, "vrf", i, seed);
    size_t n = su_hex_encode(seed, sizeof seed, hex, sizeof hex);
    hex[n++] = '\n';
    if (!rc)
        rc = su_file_write(demo_path(d, o->name, "oracle.vrf", path), hex, n, 0600, e);
    return rc ? rc : su_oracle_vrf_key(demo_path(d, o->name, NULL, path), false, o->vrf_key, e);
}

enum su_code demo_keys(struct demo *d, struct su_err *e)
{
    enum su_code rc = make(d, &d->requestor, "requestor", 0, "requestor", "wallet.json", e);

    if (!rc)
        rc = make(d, &d->deployer, "deployer", 0, "deployer", "wallet.json", e);
    for (unsigned i = 0; i < DEMO_OWNERS && !rc; i++) {
        const char folder[] = {'o', 'w', 'n', 'e', 'r', '-', (char)('a' + i), 0};
        rc = make(d, &d->owner[i], "owner", i, folder, "wallet.json", e);
    }
    for (unsigned i = 0; i < d->n_node && !rc; i++) {
        struct demo_node *n = &d->node[i];
        (void)snprintf(n->name, sizeof n->name, "node-%u", i + 1);
        n->owner = i % DEMO_OWNERS;
        rc = make(d, &n->identity, "node", i, n->name, "node.json", e);
    }
    for (unsigned i = 0; i < d->n_oracle && !rc; i++)
        rc = make_oracle(d, i, e);
    return rc;
}

enum su_code demo_admin(struct demo *d, struct su_err *e)
{
    char path[DEMO_PATH_MAX];
    struct su_map m;
    struct su_secret *secret = NULL;
    enum su_code rc =
        su_map_open(demo_path(d, "devnet", "admin.json", path), SU_WALLET_FILE_MAX_BYTES, &m, e);

    if (rc)
        return rc;
    rc = su_wallet_parse(m.data, m.len, path, &secret, e);
    if (!rc)
        rc = take(&d->admin, su_secret_data(secret), e);
    su_secret_free(secret);
    su_map_close(&m);
    return rc;
}

static void forget(struct demo_key *k)
{
    su_signer_fini(&k->signer);
    su_wipe(k->secret, sizeof k->secret);
}

void demo_keys_fini(struct demo *d)
{
    forget(&d->requestor);
    forget(&d->deployer);
    forget(&d->admin);
    for (unsigned i = 0; i < DEMO_OWNERS; i++)
        forget(&d->owner[i]);
    for (unsigned i = 0; i < d->n_node; i++)
        forget(&d->node[i].identity);
    for (unsigned i = 0; i < d->n_oracle; i++)
        forget(&d->oracle[i].key);
}

const char *demo_who(const struct demo *d, const uint8_t key[32])
{
    static const char *const owners[DEMO_OWNERS] = {"owner A", "owner B", "owner C"};

    for (unsigned i = 0; i < d->n_node; i++)
        if (memcmp(d->node[i].identity.key, key, 32) == 0)
            return d->node[i].name;
    for (unsigned i = 0; i < d->n_oracle; i++)
        if (memcmp(d->oracle[i].key.key, key, 32) == 0)
            return d->oracle[i].name;
    for (unsigned i = 0; i < DEMO_OWNERS; i++)
        if (memcmp(d->owner[i].key, key, 32) == 0)
            return owners[i];
    return "somebody";
}
