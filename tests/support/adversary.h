// SPDX-License-Identifier: MIT
/* Takes instructions apart: from a call that succeeds, every spoilt one the tables allow, none of
   which may pass but for excuses that are named with their reason. */
#ifndef SU_TEST_ADVERSARY_H
#define SU_TEST_ADVERSARY_H

#include "support/scenario.h"

struct scene {
    const char *name;
    /* A world in which the call then succeeds. */
    struct world *(*make)(const struct scene *scene, struct call *c);
    void (*set)(struct world *w, struct call *c); /* for make's own use */
    bool bare; /* as well */
    bool repeats; /* the same call may succeed twice */
};
/* A replacement that is the caller's choice and takes nothing from anybody. kind: the tag the other
   account must have, or what it must be. */
enum excuse_kind {
    EXCUSE_KEY = 100, /* the key of that name */
    EXCUSE_USDC, /* a token account of the mint, not the vault */
    EXCUSE_ANY,
    EXCUSE_BYTES /* its own bytes may be forged: only its address is looked at */
};
struct excuse {
    uint8_t number;
    const char *role;
    int kind;
    const char *why;
    const char *name; /* of EXCUSE_KEY */
};
struct adversary {
    const struct scene *scenes;
    size_t scene_count;
    const struct excuse *excuses;
    size_t excuse_count;
};

/* Signatures dropped, accounts read-only, accounts missing. */
void adversary_rights(const struct adversary *a);
/* Every account of the bank, and nobody, in the place of every other, signed and writable as its
   role wants it: foreign objects of the same kind, other kinds, duplicates. Returns how many. */
unsigned adversary_replacements(const struct adversary *a);
/* An account's own bytes under another program, tag, version or length. */
void adversary_forgeries(const struct adversary *a);
/* Data cut short, too long, with dirty padding. */
void adversary_data(const struct adversary *a);
/* The same call again. */
void adversary_replays(const struct adversary *a);
/* Says so, and has adversary_end end the test program, if the call passes. */
void adversary_must_fail(struct world *w, const struct call *c, const char *scene, const char *how,
                         size_t at);
/* Ends the test program if anything has passed; every round of the above ends so. */
void adversary_end(void);

#endif
