// SPDX-License-Identifier: MIT
/* Open wallets: one signature per intent, the unlock window, passphrases, and that no text of ours
   ever holds a byte of a key. */
#include "wallet/wallet.h"
#include "wallet_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void nap(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

/* A transfer from the wallet, and its intent. */
struct transfer {
    struct su_small_instr instr;
    struct su_intent intent;
    struct su_tx tx;
};

static void transfer_init(struct transfer *t, const uint8_t from[32], const uint8_t payer[32])
{
    uint8_t to[32] = {7}, hash[32] = {8};

    memset(t, 0, sizeof *t);
    su_instr_transfer(&t->instr, from, to, 123);
    memcpy(t->intent.payer, payer, 32);
    t->intent.instrs = &t->instr.instr;
    t->intent.n_instrs = 1;
    assert_int_equal(su_tx_compile(payer, hash, &t->instr.instr, 1, &t->tx), SU_TX_OK);
}

static enum su_code sign(struct su_wallet *w, struct transfer *t, uint8_t sig[64], struct su_err *e)
{
    memset(e, 0, sizeof *e);
    return su_signer_sign(su_wallet_signer(w), su_tx_message(&t->tx), su_tx_message_bytes(&t->tx),
                          sig, e);
}

static struct su_wallet *open_known(const char *folder, uint32_t unlock_ms)
{
    const char *path = folder_path(folder, "key");
    struct su_wallet *w;
    struct su_err e;

    file_put(path, known_key_file, strlen(known_key_file), 0600);
    const struct su_wallet_options o = {.path = path, .unlock_ms = unlock_ms};
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_OK);
    return w;
}

static void one_signature_per_intent(void **state)
{
    struct su_wallet *w = open_known(*state, 0);
    const uint8_t *key = su_wallet_public_key(w);
    struct transfer t, other;
    uint8_t sig[64];
    struct su_err e;

    transfer_init(&t, key, key);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "nothing was agreed"));
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    transfer_init(&other, key, key);
    other.tx.wire[other.tx.wire_bytes - 8]++; /* the amount */
    assert_int_equal(sign(w, &other, sig, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "data differs"));
    assert_int_equal(sign(w, &t, sig, &e), SU_OK); /* the refusal left the intent */
    assert_true(su_ed25519_verify(key, su_tx_message(&t.tx), su_tx_message_bytes(&t.tx), sig));
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES); /* used up */
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    su_wallet_forget(w);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    t.intent.valid_ms = 20;
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    nap(30);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "expired"));
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    su_wallet_close(w);
    su_wallet_close(NULL);
}

/* The wallet's copy is what counts, not what the caller does with his afterwards. */
static void frames_need_no_intent(void **state)
{
    struct su_wallet *w = open_known(*state, 0);
    const struct su_signer *signer = su_wallet_wire_signer(w);
    uint8_t head[SU_WALLET_WIRE_BYTES + 1] = SU_WALLET_WIRE_DOMAIN, sig[64];
    struct transfer t;
    struct su_err e;

    assert_memory_equal(signer->public_key, su_wallet_public_key(w), 32);
    assert_int_equal(su_signer_sign(signer, head, SU_WALLET_WIRE_BYTES, sig, &e), SU_OK);
    assert_true(su_ed25519_verify(signer->public_key, head, SU_WALLET_WIRE_BYTES, sig));
    su_wallet_lock(w); /* the key is read again */
    assert_int_equal(su_signer_sign(signer, head, SU_WALLET_WIRE_BYTES, sig, &e), SU_OK);
    assert_int_equal(su_signer_sign(signer, head, sizeof head, sig, &e), SU_EACCES);
    assert_int_equal(su_signer_sign(signer, head, sizeof SU_WALLET_WIRE_DOMAIN, sig, &e),
                     SU_EACCES);
    head[0]++;
    assert_int_equal(su_signer_sign(signer, head, SU_WALLET_WIRE_BYTES, sig, &e), SU_EACCES);
    transfer_init(&t, su_wallet_public_key(w), su_wallet_public_key(w));
    assert_int_equal(
        su_signer_sign(signer, su_tx_message(&t.tx), su_tx_message_bytes(&t.tx), sig, &e),
        SU_EACCES);
    /* Nor does it help a transaction that was not agreed to, of the same length or not. */
    struct su_tx_parsed parsed;
    memcpy(head, SU_WALLET_WIRE_DOMAIN, sizeof SU_WALLET_WIRE_DOMAIN - 1);
    assert_int_not_equal(su_tx_parse_message(head, SU_WALLET_WIRE_BYTES, &parsed), SU_TX_OK);
    su_wallet_close(w);
}

static void the_intent_is_copied(void **state)
{
    struct su_wallet *w = open_known(*state, 0);
    const uint8_t *key = su_wallet_public_key(w);
    struct transfer t, changed;
    uint8_t sig[64], other[32] = {9};
    struct su_err e;

    transfer_init(&t, key, key);
    transfer_init(&changed, key, key);
    assert_int_equal(su_wallet_intend(w, &changed.intent, &e), SU_OK);
    changed.instr.data[4]++;
    memcpy(changed.instr.metas[1].key, other, 32);
    memset(&changed.instr.instr, 0, sizeof changed.instr.instr);
    assert_int_equal(sign(w, &t, sig, &e), SU_OK);

    transfer_init(&t, other, other); /* somebody else's transaction */
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "no signature of this wallet"));
    su_wallet_close(w);
}

static void impossible_intents(void **state)
{
    struct su_wallet *w = open_known(*state, 0);
    const uint8_t *key = su_wallet_public_key(w);
    struct transfer t;
    struct su_small_instr limit;
    struct su_instr list[SU_TX_INSTRS_MAX + 1];
    static struct su_meta metas[SU_TX_METAS_MAX + 1];
    uint8_t sig[64];
    struct su_err e;

    transfer_init(&t, key, key);
    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++)
        list[i] = t.instr.instr;
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    struct su_intent bad = t.intent;
    bad.instrs = list;
    bad.n_instrs = SU_TX_INSTRS_MAX + 1;
    assert_int_equal(su_wallet_intend(w, &bad, &e), SU_EINVAL);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES); /* the old one is gone, too */
    bad.n_instrs = 0;
    assert_int_equal(su_wallet_intend(w, &bad, &e), SU_EINVAL);
    bad.n_instrs = 1;
    list[0].metas = metas;
    list[0].n_metas = SU_TX_METAS_MAX + 1;
    assert_int_equal(su_wallet_intend(w, &bad, &e), SU_EINVAL);
    su_instr_unit_limit(&limit, 1);
    bad.instrs = &limit.instr;
    assert_int_equal(su_wallet_intend(w, &bad, &e), SU_EINVAL);
    assert_non_null(strstr(e.msg, "limits"));
    su_wallet_close(w);
}

static void the_window_closes(void **state)
{
    struct su_wallet *w = open_known(*state, 60);
    const char *path = su_wallet_path(w);
    const uint8_t *key = su_wallet_public_key(w);
    struct transfer t;
    uint8_t sig[64];
    struct su_err e;

    transfer_init(&t, key, key);
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    assert_true(su_wallet_unlocked(w));
    nap(150);
    assert_false(su_wallet_unlocked(w));
    assert_int_equal(sign(w, &t, sig, &e), SU_OK); /* read again */
    assert_true(su_wallet_unlocked(w));
    su_wallet_lock(w);
    assert_false(su_wallet_unlocked(w));

    /* The file is gone, or another key's: nothing is signed, and the intent is still there. */
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    assert_int_equal(rename(path, folder_path(*state, "away")), 0);
    assert_int_equal(sign(w, &t, sig, &e), SU_ENOENT);
    uint8_t other[32];
    assert_int_equal(su_wallet_create(path, NULL, other, &e), SU_OK);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "another key"));
    assert_int_equal(rename(folder_path(*state, "away"), path), 0);
    assert_int_equal(sign(w, &t, sig, &e), SU_OK);
    su_wallet_close(w);
}

/* Answers with the next of its passphrases. */
struct asker {
    const char *answers[4];
    unsigned asked, again;
};

static enum su_code answer(void *ctx, const char *path, bool again, char *out, size_t cap,
                           size_t *n, struct su_err *e)
{
    struct asker *a = ctx;
    const char *text = a->answers[a->asked++];

    assert_non_null(path);
    a->again += again;
    if (!text)
        return su_fail(e, SU_ECANCELLED, "passphrase", "not given");
    *n = strlen(text);
    if (*n <= cap)
        memcpy(out, text, *n);
    return SU_OK;
}

static void passphrases(void **state)
{
    const char *path = folder_path(*state, "sealed");
    const struct su_seal_cost cost = {1, SU_SEAL_MEMORY_MIN_BYTES};
    struct asker a = {.answers = {"wrong", "right"}};
    struct su_wallet_options o = {.path = path, .passphrase = answer, .ctx = &a};
    struct su_wallet *w;
    struct su_secret *key;
    struct su_buf sealed;
    struct transfer t;
    uint8_t sig[64];
    struct su_err e = {0};

    assert_int_equal(su_wallet_parse(known_key_file, strlen(known_key_file), "k", &key, &e), SU_OK);
    su_buf_init(&sealed, 0);
    assert_int_equal(su_seal("right", 5, su_secret_data(key), 64, &cost, &sealed, &e), SU_OK);
    su_secret_free(key);
    file_put(path, sealed.data, sealed.len, 0600);
    su_buf_fini(&sealed);

    assert_int_equal(su_wallet_open(&o, &w, &e), SU_OK);
    assert_int_equal(a.asked, 2);
    assert_int_equal(a.again, 1);
    assert_string_equal(su_wallet_address(w), known_address);
    transfer_init(&t, su_wallet_public_key(w), su_wallet_public_key(w));
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    assert_int_equal(sign(w, &t, sig, &e), SU_OK);
    assert_int_equal(a.asked, 2); /* still open */
    su_wallet_lock(w);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES); /* nothing agreed: not even asked */
    assert_int_equal(a.asked, 2);
    assert_int_equal(su_wallet_intend(w, &t.intent, &e), SU_OK);
    assert_int_equal(sign(w, &t, sig, &e), SU_ECANCELLED);
    a = (struct asker){.answers = {"right"}};
    assert_int_equal(sign(w, &t, sig, &e), SU_OK);
    su_wallet_close(w);

    a = (struct asker){.answers = {"no", "nein", "non", "right"}};
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EACCES);
    assert_null(w);
    assert_int_equal(a.asked, 3);
    char *long_one = calloc(1, SU_WALLET_PASSPHRASE_MAX + 2);
    memset(long_one, 'x', SU_WALLET_PASSPHRASE_MAX + 1);
    a = (struct asker){.answers = {long_one}};
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EINVAL);
    free(long_one);
    a = (struct asker){.answers = {NULL}};
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_ECANCELLED);
}

/* ---- no text holds a key --------------------------------------------------------------------- */

/* True when `text` holds the bytes in hex, base64, base58, as numbers or raw. 8 bytes at a time: a
   part of a key is as bad as the whole. */
static bool leaks(const char *text, size_t n, const uint8_t secret[32])
{
    char form[128];

    for (size_t at = 0; at + 8 <= 32; at += 8) {
        (void)su_hex_encode(secret + at, 8, form, sizeof form);
        if (memmem(text, n, form, strlen(form)) || memmem(text, n, secret + at, 8))
            return true;
        (void)snprintf(form, sizeof form, "%u,%u,%u", secret[at], secret[at + 1], secret[at + 2]);
        if (memmem(text, n, form, strlen(form)))
            return true;
    }
    (void)su_base64_encode(secret, 30, form, sizeof form);
    if (memmem(text, n, form, strlen(form)))
        return true;
    (void)su_base58_encode(secret, 32, form, sizeof form);
    return memmem(text, n, form, strlen(form)) != NULL;
}

static void no_text_holds_a_key(void **state)
{
    const char *log = folder_path(*state, "log"), *path = folder_path(*state, "secret.json");
    uint8_t key[32], sig[64];
    struct su_secret *s;
    struct su_wallet *w;
    struct transfer t;
    char file[1024], *damaged = su_alloc(1024), *all = su_alloc(1 << 16);
    struct su_err e = {0};
    size_t n = 0;

    su_log_stderr(-1);
    assert_int_equal(su_log_file(log, SU_LOG_TRACE, &e), SU_OK);
    assert_int_equal(su_wallet_create(path, NULL, key, &e), SU_OK);
    size_t len = file_get(path, file, sizeof file);
    assert_int_equal(su_wallet_parse(file, len, "k", &s, &e), SU_OK);
    assert_true(leaks(file, len, su_secret_data(s))); /* the check itself can see one */

    for (size_t i = 0; i < len; i++) { /* each place damaged in turn */
        struct su_secret *none;
        memcpy(damaged, file, len);
        damaged[i] = damaged[i] == 'x' ? 'y' : 'x';
        assert_int_equal(su_wallet_parse(damaged, len, path, &none, &e), SU_EFORMAT);
        n += (size_t)snprintf(all + n, (1 << 16) - n, "%.40s: %s\n", e.at, e.msg);
        assert_true(n < 1 << 16);
    }
    assert_int_equal(su_wallet_open(&(struct su_wallet_options){.path = path}, &w, &e), SU_OK);
    transfer_init(&t, key, key);
    assert_int_equal(sign(w, &t, sig, &e), SU_EACCES);
    n += (size_t)snprintf(all + n, (1 << 16) - n, "%s %s", e.at, e.msg);
    su_log(SU_LOG_ERROR, "wallet", "%s: %s", e.at, e.msg);
    su_wallet_close(w);
    assert_int_equal(su_log_file(NULL, 0, &e), SU_OK);
    assert_false(leaks(all, n, su_secret_data(s)));
    n = file_get(log, all, 1 << 16);
    assert_true(n > 0);
    assert_false(leaks(all, n, su_secret_data(s)));
    su_secret_free(s);
    free(damaged);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_signature_per_intent, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(frames_need_no_intent, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_intent_is_copied, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(impossible_intents, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_window_closes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(passphrases, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(no_text_holds_a_key, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
