// SPDX-License-Identifier: MIT
/* wallet: key files and the signer of the person who owns the money. Formats: Solana's command line
   tools (a JSON array of 64 numbers; config.yml with json_rpc_url and keypair_path), and the same
   64 bytes sealed under a passphrase (crypto: su_seal). A wallet signs only a transaction that
   decodes to exactly the intent it was shown, once. No function prints, logs or returns a secret
   key, except the two that write key files. */
#ifndef SU_WALLET_H
#define SU_WALLET_H

#include "abi/abi.h"
#include "base/base.h"
#include "crypto/crypto.h"

#define SU_WALLET_FILE_MAX_BYTES 4096u
#define SU_WALLET_TEXT 45 /* an address in base58, terminated */
#define SU_WALLET_PASSPHRASE_MAX 1024u

/* ---- key files ------------------------------------------------------------------------------- */

/* What a key file is, told without a passphrase. */
enum su_wallet_kind { SU_WALLET_PLAIN, SU_WALLET_SEALED };

/* Parses a plain key file's bytes, hostile: a JSON array of 64 integers 0 .. 255, the last 32 being
   the public half of the first 32. SU_EFORMAT says which element or that the halves do not belong
   together, never what they are; SU_ELIMIT: longer than SU_WALLET_FILE_MAX_BYTES; SU_ENOMEM. On
   failure *out is NULL; else the caller frees the 64 bytes in locked memory. */
SU_CHECK enum su_code su_wallet_parse(const void *text, size_t n, const char *at,
                                      struct su_secret **out, struct su_err *e);
/* Makes a key pair and writes it to path: a new file of mode 0600, its folder made 0700 when
   missing, never over an existing one (SU_EEXIST). A passphrase (NULL = none) seals it.
   SU_EINVAL: empty passphrase or one of more than SU_WALLET_PASSPHRASE_MAX bytes; SU_EACCES,
   SU_EIO, SU_ENOSPC, SU_ENOMEM. On failure no file is left. */
SU_CHECK enum su_code su_wallet_create(const char *path, const char *passphrase,
                                       uint8_t public_key[32], struct su_err *e);
/* Copies a key from one file to another under the rules of both: import (a foreign file to ours)
   and export (ours to a plain file). Passphrases: NULL = plain. Errors of su_wallet_create, and of
   su_wallet_open on `from`. */
SU_CHECK enum su_code su_wallet_copy(const char *from, const char *from_passphrase, const char *to,
                                     const char *to_passphrase, uint8_t public_key[32],
                                     struct su_err *e);
/* Asks what kind of file lies at path, after the same checks as su_wallet_open. */
SU_CHECK enum su_code su_wallet_file_kind(const char *path, enum su_wallet_kind *kind,
                                          struct su_err *e);
/* What a key file is at this moment: changes with every byte of it. Errors of su_wallet_open but those
   of passphrases. */
SU_CHECK enum su_code su_wallet_file_mark(const char *path, uint8_t mark[32], struct su_err *e);
/* Removes a key file for good, provided that it is still what `mark` was taken of: its name goes first,
   at once, and what lay on the disk is written over then, as far as the disk lets anybody. SU_EBUSY:
   it has changed; SU_EINVAL: a symbolic link, or a file of several names, whose bytes another name
   still needs; errors of su_wallet_file_mark. On failure the file is as it was. */
SU_CHECK enum su_code su_wallet_delete(const char *path, const uint8_t mark[32], struct su_err *e);

/* ---- Solana's settings ----------------------------------------------------------------------- */

/* ~/.config/solana/cli/config.yml. rpc_url is "" when the file or the line is missing; keypair_path
   is then ~/.config/solana/id.json, as with Solana's tools. */
struct su_wallet_settings {
    char rpc_url[1024], keypair_path[1024];
    bool found; /* the file exists */
};
/* path NULL = the usual place. A missing file is no failure. SU_EFORMAT (names the line),
   SU_ELIMIT, SU_EACCES, SU_EIO; SU_ENOENT when there is no home folder. */
SU_CHECK enum su_code su_wallet_settings_read(const char *path, struct su_wallet_settings *out,
                                              struct su_err *e);

/* ---- intents --------------------------------------------------------------------------------- */

/* What the person has been shown and agreed to. su_wallet_intend copies it. */
struct su_intent {
    uint8_t payer[32];
    const struct su_instr *instrs; /* in order, without compute budget instructions */
    size_t n_instrs; /* 1 to SU_TX_INSTRS_MAX */
    uint32_t units_max; /* most that a SetComputeUnitLimit may ask; 0 = none allowed */
    uint64_t price_max; /* most that a SetComputeUnitPrice may offer; 0 = none allowed */
    uint8_t signatures_max; /* signers of the transaction; each costs; 0 = exactly those needed */
    uint32_t valid_ms; /* 0 = SU_WALLET_INTENT_MS */
};
#define SU_WALLET_INTENT_MS 120000u

/* SU_OK when the message does exactly what the intent says; else SU_EACCES and the first
   difference: "instruction 2 calls program X, not Y", "an account is added", ... Compute budget
   instructions within the limits may stand anywhere, each kind once. SU_EFORMAT: no message. */
SU_CHECK enum su_code su_wallet_message_matches(const struct su_intent *i, const void *message,
                                                size_t n, struct su_err *e);

/* ---- wallets --------------------------------------------------------------------------------- */

struct su_wallet;
struct su_wallet_options {
    const char *path; /* of the key file */
    /* How long the secret stays in memory after it was read; 0 = until closed. After that it is
       wiped and read (and its passphrase asked) again at the next signature. */
    uint32_t unlock_ms;
    /* Asks for the passphrase of a sealed file: writes at most cap bytes and returns the length.
       SU_ECANCELLED refuses. NULL: a sealed file cannot be opened (SU_EACCES). `again`: the last
       one was wrong; after 3 the wallet gives up. Runs on the signing thread and may take long. */
    enum su_code (*passphrase)(void *ctx, const char *path, bool again, char *out, size_t cap,
                               size_t *n, struct su_err *e);
    void *ctx;
};
/* Opens a key file that only its owner may read: SU_EACCES otherwise, with the chmod that helps;
   also when the passphrase stays wrong. SU_ENOENT, SU_EINVAL (not a regular file),
   SU_EFORMAT, SU_ELIMIT, SU_ECANCELLED, SU_EIO, SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_wallet_open(const struct su_wallet_options *o, struct su_wallet **out,
                                     struct su_err *e);
void su_wallet_close(struct su_wallet *w); /* wipes; NULL allowed */
const uint8_t *su_wallet_public_key(const struct su_wallet *w); /* 32 bytes */
const char *su_wallet_address(const struct su_wallet *w); /* base58 */
const char *su_wallet_path(const struct su_wallet *w);
/* Wipes the secret now; the next signature reads it again. */
void su_wallet_lock(struct su_wallet *w);
/* True while the secret is in memory. */
bool su_wallet_unlocked(struct su_wallet *w);

/* Sets the one transaction this wallet may sign next, until it has signed, valid_ms have passed or
   another intent takes its place. Copies it. SU_EINVAL: no or too many instructions or accounts;
   SU_ENOMEM: the old intent is gone then, too. */
SU_CHECK enum su_code su_wallet_intend(struct su_wallet *w, const struct su_intent *i,
                                       struct su_err *e);
/* Forgets the intent. */
void su_wallet_forget(struct su_wallet *w);
/* The signer of this wallet, valid until su_wallet_close; do not fini it. Its sign() refuses what
   su_wallet_message_matches refuses, and with SU_EACCES when there is no intent or it has expired;
   a refusal leaves the intent as it is, a signature uses it up. May block for the passphrase.
   Thread-safe, like all functions on a wallet. */
const struct su_signer *su_wallet_signer(struct su_wallet *w);
/* A signer of what its owner says off the chain, without an intent: heads of wire frames, which begin
   with SU_WALLET_WIRE_DOMAIN and are SU_WALLET_WIRE_BYTES long (module wire); as a transaction such a
   message would need 115 signers, so none can be passed off as one. Anything else: SU_EACCES. Life,
   threads and the passphrase as above. */
const struct su_signer *su_wallet_wire_signer(struct su_wallet *w);
#define SU_WALLET_WIRE_DOMAIN "splitup/wire/1"
#define SU_WALLET_WIRE_BYTES 206u

#endif
