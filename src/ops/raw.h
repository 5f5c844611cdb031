// SPDX-License-Identifier: MIT
/* ops: what a transaction's bytes say, in words. Part of ops.h. Bytes may be hostile; nothing here
   asks the chain but su_ops_proposal_tx. Thread-safe. */
#ifndef SU_OPS_RAW_H
#define SU_OPS_RAW_H

/* Program as people know it: "SplitUp" for the key `ours`, "System", ...; else its address, which goes
   into text. */
const char *su_ops_program_name(const uint8_t id[32], const uint8_t ours[32],
                                char text[SU_CHAIN_TEXT]);
/* "stake_deposit", "TransferChecked"; "" where it is not known. */
const char *su_ops_instr_name(const struct su_instr *i, const uint8_t ours[32]);
/* What account k is to an instruction of ours: "depositor"; "" for another program's, or for one too
   many. */
#define SU_OPS_ROLE 32
void su_ops_instr_role(const struct su_instr *i, const uint8_t ours[32], size_t k,
                       char out[SU_OPS_ROLE]);
/* Calls field with the name and the value of each field of the data, in order: of our instructions,
   and of the few of other programs that clients of ours use. Data of another length has none. */
#define SU_OPS_FIELD 400
void su_ops_instr_fields(const struct su_instr *i, const uint8_t ours[32],
                         void (*field)(void *ctx, const char *name, const char *value), void *ctx);
/* Appends lines: size of SU_TX_MAX_BYTES, fee of the signatures, blockhash, and each instruction with
   its program, accounts ("s" signs, "w" is written) and data, in fields and in hex. name says what a
   person calls an address, NULL for nothing; itself it may be NULL. SU_EFORMAT: no transaction; what
   was appended by then is to be ignored. SU_ENOMEM shows in out. */
SU_CHECK enum su_code su_ops_tx_describe(const uint8_t *wire, size_t n, const uint8_t ours[32],
                                         const char *(*name)(void *ctx, const uint8_t key[32]),
                                         void *ctx, struct su_buf *out, struct su_err *e);

/* Transaction i (below p->n_tx) as it would be signed now: what is signed has these instructions, a
   newer blockhash, and a limit of compute units that the trial just before tells. fresh: the blockhash
   is the cluster's newest, else it did not answer and zeros stand there. SU_EINVAL: no such
   transaction, or it does not fit. */
SU_CHECK enum su_code su_ops_proposal_tx(struct su_ops *o, const struct su_ops_proposal *p,
                                         size_t i, struct su_tx *out, bool *fresh,
                                         struct su_err *e);

#endif
