// SPDX-License-Identifier: MIT
/* Private to chain. */
#ifndef SU_CHAIN_PRIV_H
#define SU_CHAIN_PRIV_H

#include "chain/chain.h"
#include "json/json.h"

#include <pthread.h>

/* Connections that outlive a call; of one call at a time. */
struct su_http_line;
struct su_http_keep;
struct chain_kept {
    struct su_http_line *line; /* to addresses; NULL: none could be made */
    struct su_http_keep *keep; /* to all else; made when it is needed */
    struct chain_kept *next;
};
#define CHAIN_KEPT_MAX 8u /* that wait for the next call */

struct chain_endpoint {
    char *url;
    struct su_chain_endpoint seen; /* guarded by lock, as the rest */
    uint64_t rest_until_ns;
    uint32_t rest_ms; /* the last rest; the next is twice as long */
};

struct su_chain {
    struct chain_endpoint endpoints[SU_CHAIN_ENDPOINTS_MAX];
    size_t n_endpoints;
    uint8_t program[32];
    enum su_chain_commitment commitment;
    uint32_t connect_ms, deadline_ms;
    uint64_t reply_max_bytes;
    bool (*cancelled)(void *ctx);
    void *ctx;
    pthread_mutex_t lock;
    struct chain_kept *kept; /* that nobody uses; guarded by lock, as their number */
    size_t n_kept;
};

/* ---- one call -------------------------------------------------------------------------------- */

/* Begin, put the parameters into w, call. */
struct chain_call {
    struct su_chain *chain;
    const char *method;
    bool once; /* what it asks for must not be done twice: over a connection of its own */
    struct su_buf body;
    struct su_json_writer w;
};
void chain_begin(struct chain_call *call, struct su_chain *c, const char *method);
/* Parameters that several methods share. */
void chain_put_key(struct chain_call *call, const uint8_t key[32]);
/* {"commitment": ...} alone; or opened, for more members, by the second. */
void chain_put_config(struct chain_call *call);
void chain_open_config(struct chain_call *call);
/* Sends it, with failover, and takes the call apart whatever comes back. On success *doc is owned
   by the caller and *result lies in it. */
SU_CHECK enum su_code chain_finish(struct chain_call *call, struct su_json **doc,
                                   const struct su_json_value **result, struct su_err *e);
/* The same for results of the shape {"context": {"slot": ...}, "value": ...}; slot may be NULL. */
SU_CHECK enum su_code chain_finish_value(struct chain_call *call, struct su_json **doc,
                                         const struct su_json_value **value, uint64_t *slot,
                                         struct su_err *e);
/* Turns one reply's bytes into a result or an error. Hostile input. `again`: another endpoint, or
   the same one later, may do better. */
SU_CHECK enum su_code chain_reply_parse(const void *text, size_t n, const char *method,
                                        uint64_t max_bytes, struct su_json **doc,
                                        const struct su_json_value **result, bool *again,
                                        struct su_err *e);
/* Waits; SU_ECANCELLED. */
SU_CHECK enum su_code chain_nap(struct su_chain *c, uint32_t ms, struct su_err *e);

/* ---- pieces of replies, hostile -------------------------------------------------------------- */

const char *chain_commitment_name(enum su_chain_commitment commitment);
SU_CHECK enum su_code chain_read_key(const struct su_json_value *object, const char *name,
                                     uint8_t key[32], struct su_err *e);
SU_CHECK enum su_code chain_read_sig(const struct su_json_value *v, const char *at, uint8_t sig[64],
                                     struct su_err *e);
/* One account object (null: none) with base64 data, into *out; key is not touched. */
SU_CHECK enum su_code chain_read_account(const struct su_json_value *v, struct su_arena *mem,
                                         struct su_chain_account *out, struct su_err *e);
/* An "err" member: null, a string, or an object. */
SU_CHECK enum su_code chain_read_failure(const struct su_json_value *v,
                                         struct su_chain_failure *out, struct su_err *e);
/* An array of strings (null: none). */
SU_CHECK enum su_code chain_read_logs(const struct su_json_value *v, struct su_chain_outcome *out,
                                      struct su_err *e);
/* The result of getTransaction that is not null. */
SU_CHECK enum su_code chain_read_transaction(const struct su_json_value *v,
                                             struct su_chain_outcome *out, struct su_err *e);
/* The value of simulateTransaction. */
SU_CHECK enum su_code chain_read_simulation(const struct su_json_value *v,
                                            struct su_chain_outcome *out, struct su_err *e);
/* Entries of getSignatureStatuses, of which there must be n. */
SU_CHECK enum su_code chain_read_statuses(const struct su_json_value *v, size_t n,
                                          struct su_chain_status *out, struct su_err *e);

#endif
