// SPDX-License-Identifier: MIT
#include "bank_world.h"

#include "crypto/crypto.h"
#include "support/ledger_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world *world_open(const struct su_ledger_native *natives, size_t n)
{
    static const uint8_t seed[32] = {7};
    struct world *w = su_alloc(sizeof *w);
    struct su_ledger_options o = {
        .manual_slots = true, .seed = seed, .natives = natives, .n_natives = n};
    struct su_err e = {0};

    if (su_ledger_open(&o, &w->l, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    for (size_t i = 0; i < ACTORS; i++) {
        w->a[i] = su_actor_of(i);
        if (i + 2 < ACTORS) {
            assert_int_equal(su_ledger_airdrop(w->l, w->a[i].key, 100 * SOL, NULL, &e), SU_OK);
        }
    }
    return w;
}

void world_close(struct world *w)
{
    su_ledger_result_fini(&w->r);
    su_ledger_close(w->l);
    free(w);
}

int world_setup(void **state)
{
    *state = world_open(NULL, 0);
    return 0;
}

int world_teardown(void **state)
{
    world_close(*state);
    (void)data_of(NULL, NULL, NULL);
    return 0;
}

void begin(struct world *w)
{
    struct su_ledger_now now;

    /* A slot of its own, so that equal transactions differ in their blockhash. */
    su_ledger_advance(w->l, 1);
    su_ledger_now(w->l, &now);
    su_draft_init(&w->d, w->a[0].key, now.blockhash);
}

void add(struct world *w, const uint8_t program[32], const struct su_draft_meta *metas, size_t n,
         const void *data, size_t bytes)
{
    su_draft_instr(&w->d, program, metas, n, data, bytes);
}

void run(struct world *w)
{
    struct su_ledger_tx tx;

    su_draft_tx(&w->d, w->a, ACTORS, &tx);
    su_ledger_result_fini(&w->r);
    w->code = su_ledger_submit(w->l, &tx, SU_LEDGER_SKIP_PREFLIGHT | SU_LEDGER_WAIT, &w->r, NULL);
}

static void expect(struct world *w, enum su_code code, struct su_ledger_failure f)
{
    char have[200], want[200];

    if (w->code != code || memcmp(&w->r.failure, &f, sizeof f) != 0) {
        for (uint32_t i = 0; i < w->r.n_logs; i++) {
            print_message("%s\n", w->r.logs[i]);
        }
        fail_msg("got %d %s, expected %d %s", w->code,
                 su_ledger_failure_text(&w->r.failure, have, sizeof have), code,
                 su_ledger_failure_text(&f, want, sizeof want));
    }
}

void landed(struct world *w)
{
    run(w);
    expect(w, SU_OK, (struct su_ledger_failure){0});
}

static struct su_ledger_failure failure(enum su_ledger_tx_error tx, unsigned index)
{
    struct su_ledger_failure f;

    memset(&f, 0, sizeof f);
    f.tx = (uint8_t)tx;
    f.index = (uint8_t)index;
    return f;
}

void fails(struct world *w, unsigned index, enum su_ledger_instr_error instr, uint32_t custom)
{
    struct su_ledger_failure f = failure(SU_LEDGER_TX_InstructionError, index);

    f.instr = (uint8_t)instr;
    f.custom = custom;
    run(w);
    expect(w, SU_OK, f);
}

void fails_whole(struct world *w, enum su_ledger_tx_error tx, unsigned index)
{
    run(w);
    expect(w, SU_OK, failure(tx, index));
}

void refuses(struct world *w, enum su_ledger_tx_error tx)
{
    run(w);
    expect(w, SU_EINVAL, failure(tx, 0));
}

bool logged(const struct world *w, const char *text)
{
    for (uint32_t i = 0; i < w->r.n_logs; i++) {
        if (strstr(w->r.logs[i], text) != NULL) {
            return true;
        }
    }
    return false;
}

uint64_t lamports(struct world *w, const uint8_t key[32])
{
    const struct su_ledger_account *a = su_ledger_account_get(w->l, key);
    uint64_t n = a != NULL ? a->lamports : 0;

    su_ledger_account_release(a);
    return n;
}

void fresh_key(uint8_t key[32], uint64_t number)
{
    uint8_t name[16] = "fresh";

    su_put_le64(name + 8, number);
    su_sha256(name, sizeof name, key);
}

const uint8_t *data_of(struct world *w, const uint8_t key[32], size_t *n)
{
    static const struct su_ledger_account *last;

    su_ledger_account_release(last);
    last = w != NULL ? su_ledger_account_get(w->l, key) : NULL;
    if (last == NULL) {
        return NULL;
    }
    *n = (size_t)last->data_bytes;
    return last->data;
}
