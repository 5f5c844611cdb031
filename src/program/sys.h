// SPDX-License-Identifier: MIT
/* sys: everything the on-chain program may ask of the machine it runs on. Two implementations: the
   embedded ledger (native) and sbf_entry.c (syscalls of the Solana VM). A rule of the program is
   never in here, a fact of the bank never in the program. FREESTANDING. */
#ifndef SU_PROGRAM_SYS_H
#define SU_PROGRAM_SYS_H

#include "base/free.h"

/* One account of the instruction, at the position the caller gave it. The same account may be
   passed twice: both entries then point to the same bytes (the program refuses it where it
   matters). data is 8-byte aligned, writable memory even when is_writable is false; a change to an
   account that is not writable, or not owned by the program, fails the instruction in the runtime
   after the program returns, as on Solana. */
struct su_sys_account {
    const uint8_t *key; /* 32 bytes */
    uint8_t *owner; /* 32 bytes */
    uint64_t *lamports;
    uint64_t *data_len; /* changed by su_sys_create_account and su_sys_close only */
    uint8_t *data;
    bool is_signer, is_writable;
    uint8_t index; /* the first position with the same key */
};

/* One running instruction. handle is the implementation's own. */
struct su_sys {
    void *handle;
    const uint8_t *program_id; /* 32 bytes */
    struct su_sys_account *accounts;
    uint64_t count;
    const uint8_t *data; /* instruction data, 8-byte aligned */
    uint64_t data_len;
    uint8_t *scratch; /* SU_SYS_SCRATCH bytes, 8-byte aligned, contents undefined */
};
#define SU_SYS_SCRATCH 16384u
#define SU_SYS_ACCOUNTS_MAX 48u

struct su_sys_bytes {
    const uint8_t *p;
    uint64_t n;
};

/* Digest of the concatenation of the parts (at most 12). */
void su_sys_sha256(const struct su_sys_bytes *parts, uint64_t nparts, uint8_t out[32]);

/* The bank's clock. */
uint64_t su_sys_slot(struct su_sys *s);
/* Entry number index of the SlotHashes sysvar, newest first, at most 512. False beyond its end. */
bool su_sys_slot_hash(struct su_sys *s, uint32_t index, uint64_t *slot, uint8_t hash[32]);
/* Lamports an account of that many data bytes must hold to stay. */
uint64_t su_sys_rent_minimum(struct su_sys *s, uint64_t data_bytes);

/* The canonical program-derived address of these seeds (at most 8 parts of at most 32 bytes) under
   the running program: the one with the highest bump. False when there is none. */
bool su_sys_find_address(struct su_sys *s, const struct su_sys_bytes *seeds, uint64_t nseeds,
                         uint8_t key[32], uint8_t *bump);

/* Creates `account`, an address found above that has no data and belongs to the System program,
   with `bytes` zero bytes owned by the program, rent-exempt at the cost of `payer` (signer,
   writable). Lamports that somebody has sent to the address before do no harm and count towards the
   rent. Returns 0, or the runtime's error as an instruction error code the program returns as it
   is. */
struct su_sys_creation {
    struct su_sys_account *payer, *account;
    uint64_t bytes;
    const struct su_sys_bytes *seeds;
    uint64_t nseeds;
    uint8_t bump;
};
uint64_t su_sys_create_account(struct su_sys *s, const struct su_sys_creation *c);
/* Closes an account the program owns: all its lamports go to `to` (writable), its data and owner
   are cleared. */
void su_sys_close(struct su_sys *s, struct su_sys_account *account, struct su_sys_account *to);

/* SPL Token TransferChecked by CPI. The authority signs the transaction, or is the program-derived
   address of seeds + bump when nseeds > 0. Returns 0 or the token program's error. (Arguments in
   structures here and above: a function of the VM takes at most five.) */
struct su_sys_transfer {
    struct su_sys_account *from, *mint, *to, *authority;
    uint64_t amount;
    const struct su_sys_bytes *seeds;
    uint64_t nseeds;
    uint8_t bump, decimals;
};
uint64_t su_sys_token_transfer(struct su_sys *s, const struct su_sys_transfer *t);

/* Points of edwards25519 with the contract of struct su_ecvrf_ops (abi): false when an argument is
   no point; results are exact and canonical. */
bool su_sys_point_add(const uint8_t p[32], const uint8_t q[32], uint8_t out[32]);
bool su_sys_point_mul2(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32]);

/* One line of at most 200 bytes into the transaction's log. */
void su_sys_log(struct su_sys *s, const char *text, uint64_t n);

/* Ids of the System and SPL Token programs. */
extern const uint8_t su_sys_system_id[32];
extern const uint8_t su_sys_token_id[32];

#endif
