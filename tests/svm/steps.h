// SPDX-License-Identifier: MIT
/* Random instructions for the probe, right ones and wrong ones, over a small world of accounts that
   the test has made at `key`. Included once by a test. */
#ifndef SU_TEST_STEPS_H
#define SU_TEST_STEPS_H

#include "base/base.h"
#include "probe.h"
#include "support/random.h"
#include "support/svm.h"

#include <string.h>

/* Everybody there is. Odd ones pay nobody, own nothing, or do not exist. */
enum {
    ANSWER,
    ALICE,
    BOB,
    POOR,
    NOBODY,
    PURSE,
    OTHER,
    FOREIGN,
    MINT,
    SYSTEM,
    TOKEN,
    PDA,
    PEOPLE = 16
};
static uint8_t key[PEOPLE][32];
static uint8_t bump[PEOPLE];

/* Mostly `usual`, sometimes anybody. */
static int pick(struct su_random *r, int usual)
{
    return su_random_chance(r, 94) ? usual : (int)su_random_below(r, PEOPLE);
}

static struct svm_meta who(struct su_random *r, int usual, bool signer, bool writable)
{
    const int i = pick(r, usual);
    struct svm_meta m = {.signer = signer ^ su_random_chance(r, 3),
                         .writable = writable ^ su_random_chance(r, 3)};
    memcpy(m.key, key[i], 32);
    /* sysvars and programs are never writable for anybody, whatever a transaction says */
    if (i == SYSTEM || i == TOKEN)
        m.writable = false;
    return m;
}

struct step {
    const char *name;
    uint8_t data[192];
    size_t n;
    struct svm_meta meta[8];
    size_t nmeta;
};

static void step_create(struct su_random *r, struct step *s)
{
    static const uint32_t sizes[] = {0, 1, 8, 165, 4000, 10240, 10241};
    const int pda = PDA + (int)su_random_below(r, PEOPLE - PDA);
    s->name = "create";
    s->data[0] = PROBE_CREATE;
    s->data[1] = su_random_chance(r, 97) ? bump[pda] : (uint8_t)su_random_u64(r);
    su_put_le32(s->data + 4, sizes[su_random_below(r, SU_ARRAY_LEN(sizes))]);
    s->data[8] = (uint8_t)pda;
    s->data[9] = 'p';
    s->n = 16;
    s->meta[1] = who(r, su_random_chance(r, 80) ? ALICE : POOR, true, true);
    s->meta[2] = who(r, pda, false, true);
    s->meta[3] = who(r, SYSTEM, false, false);
    s->nmeta = su_random_chance(r, 97) ? 4 : 3;
}

static void step_close(struct su_random *r, struct step *s)
{
    s->name = "close";
    s->data[0] = PROBE_CLOSE;
    s->n = 8;
    s->meta[1] = who(r, PDA + (int)su_random_below(r, PEOPLE - PDA), false, true);
    s->meta[2] = who(r, BOB, false, true);
    s->nmeta = 3;
}

static void step_transfer(struct su_random *r, struct step *s)
{
    const bool back = su_random_chance(r, 40);
    s->name = "transfer";
    s->data[0] = PROBE_TRANSFER;
    s->data[1] = (uint8_t)(!back ^ su_random_chance(r, 3));
    s->data[2] = bump[PDA];
    s->data[3] = su_random_chance(r, 96) ? 6 : 5;
    su_put_le64(s->data + 8, su_random_chance(r, 90) ? su_random_below(r, 300) : su_random_u64(r));
    s->data[16] = PDA;
    s->data[17] = 'p';
    s->n = 24;
    s->meta[1] = who(r, back ? OTHER : PURSE, false, true);
    s->meta[2] = who(r, MINT, false, false);
    s->meta[3] = who(r, back ? PURSE : OTHER, false, true);
    s->meta[4] = who(r, back ? ALICE : PDA, back, false);
    s->meta[5] = who(r, TOKEN, false, false);
    s->nmeta = su_random_chance(r, 97) ? 6 : 5;
}

static void step_answer(struct su_random *r, struct step *s)
{
    static const uint8_t what[] = {PROBE_SHA256,  PROBE_SLOT, PROBE_SLOT_HASH, PROBE_RENT,
                                   PROBE_ADDRESS, PROBE_ADD,  PROBE_LOG,       200};
    s->name = "answer";
    s->data[0] = what[su_random_below(r, SU_ARRAY_LEN(what))];
    s->n = 8;
    s->data[1] = 1;
    if (s->data[0] == PROBE_SLOT_HASH)
        s->data[4] = (uint8_t)su_random_below(r, 8);
    if (s->data[0] == PROBE_RENT || s->data[0] == PROBE_ADD) {
        s->n = 8 + 64;
        su_put_le64(s->data + 8, su_random_below(r, 100000));
        su_put_le64(s->data + 40, su_random_u64(r));
    }
    if (s->data[0] == PROBE_SHA256 || s->data[0] == PROBE_ADDRESS)
        s->n += su_random_below(r, 33);
    s->nmeta = 1;
}

/* Numbers that a program may return. */
static void step_return(struct su_random *r, struct step *s)
{
    s->name = "return";
    s->data[0] = PROBE_RETURN;
    su_put_le64(s->data + 8, su_random_chance(r, 50) ? su_random_below(r, 10000)
                                                     : (uint64_t)su_random_range(r, 1, 11) << 32);
    s->n = 16;
    s->nmeta = 1;
}

static struct step step_any(struct su_random *r)
{
    struct step s = {0};
    s.meta[0] = who(r, ANSWER, false, true);
    memcpy(s.meta[0].key, key[ANSWER], 32); /* the probe writes there without a look */
    const uint32_t dice = su_random_below(r, 100);
    if (dice < 30)
        step_create(r, &s);
    else if (dice < 50)
        step_close(r, &s);
    else if (dice < 75)
        step_transfer(r, &s);
    else if (dice < 95)
        step_answer(r, &s);
    else
        step_return(r, &s);
    return s;
}

#endif
