// SPDX-License-Identifier: MIT
/* Private to wallet. */
#ifndef SU_WALLET_PRIV_H
#define SU_WALLET_PRIV_H

#include "wallet/wallet.h"

/* Reads a key file whole into locked memory after checking that it is a regular file that only its
   owner may read. Errors of su_wallet_open. */
SU_CHECK enum su_code wallet_file_read(const char *path, struct su_secret **text, struct su_err *e);
bool wallet_is_sealed(struct su_secret *text);
/* The 64 bytes in a file's text; passphrase NULL when there is none. SU_EACCES: sealed and no
   passphrase, or the wrong one. */
SU_CHECK enum su_code wallet_text_open(struct su_secret *text, const char *path,
                                       const char *passphrase, size_t passphrase_n,
                                       struct su_secret **out, struct su_err *e);

/* A deep copy of an intent: pointers lie in mem. */
struct wallet_intent {
    struct su_intent intent;
    struct su_arena mem;
    bool set;
};
SU_CHECK enum su_code wallet_intent_copy(struct wallet_intent *to, const struct su_intent *from,
                                         struct su_err *e);
void wallet_intent_clear(struct wallet_intent *i);

#endif
