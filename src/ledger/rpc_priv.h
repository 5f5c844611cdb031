// SPDX-License-Identifier: MIT
/* Inside of the JSON-RPC server: one call, its parameters, its answer. Method names, parameters,
   shapes of results, error numbers and the error texts that clients compare are those of Solana's
   RPC documentation (docs.solana.com, "RPC Methods"), of JSON-RPC 2.0, and of RFC 6455 for
   subscriptions. */
#ifndef SU_LEDGER_RPC_PRIV_H
#define SU_LEDGER_RPC_PRIV_H

#include "ledger_priv.h"
#include "json/json.h"

#include <string.h>

/* ---- limits ---------------------------------------------------------------------------------- */

#define RPC_BODY_MAX (1u << 20)
#define RPC_BATCH_MAX 256u
#define RPC_DEPTH_MAX 16u
#define RPC_VALUES_MAX 65536u
#define RPC_ANSWER_MAX (64u << 20)
#define RPC_PACKET_MAX 1232u /* bytes of a transaction */
#define RPC_BASE58_DATA_MAX 128u /* account bytes that are shown in base58 */
#define RPC_ACCOUNTS_MAX 100u
#define RPC_STATUSES_MAX 256u
#define RPC_SIGNATURES_MAX 1000u
#define RPC_FILTERS_MAX 4u
#define RPC_SLOTS_MAX 500000u
#define RPC_API_VERSION "2.2.0" /* the level of the interface that answers claim */

enum rpc_error {
    RPC_PARSE = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_PREFLIGHT = -32002,
    RPC_SIGNATURE = -32003,
    RPC_BLOCK_NOT_AVAILABLE = -32004,
    RPC_UNHEALTHY = -32005,
    RPC_NO_SNAPSHOT = -32008,
    RPC_TX_VERSION = -32015,
    RPC_MIN_CONTEXT_SLOT = -32016,
};

enum rpc_commitment { RPC_PROCESSED, RPC_CONFIRMED, RPC_FINALIZED };
enum rpc_encoding {
    RPC_ENC_NONE, /* not given: each method has its own default */
    RPC_ENC_BINARY, /* a bare base58 string */
    RPC_ENC_BASE58,
    RPC_ENC_BASE64,
    RPC_ENC_ZSTD,
    RPC_ENC_JSON,
    RPC_ENC_PARSED,
};

/* ---- one call -------------------------------------------------------------------------------- */

struct rpc_call {
    struct su_ledger *ledger;
    void *ctx; /* of the service */
    const struct su_json_value *params; /* an array, or NULL */
    struct su_json_writer *w; /* of the result */
    int error; /* 0, or the number of the error answer */
    char message[512];
    struct su_buf data; /* JSON text of the error's data; empty: none */
};

typedef void rpc_method(struct rpc_call *c);
/* What one request body is answered with: find gives the method of a name, NULL when there is
   none. */
struct rpc_service {
    struct su_ledger *ledger;
    rpc_method *(*find)(const char *name);
    void *ctx;
};
/* As su_ledger_rpc_answer. */
void rpc_answer(const struct rpc_service *s, const void *body, size_t n, struct su_buf *out);

/* Makes the answer an error; the first one counts. Returns false. */
bool rpc_fail(struct rpc_call *c, int code, const char *fmt, ...) SU_PRINTF(3, 4);

/* ---- parameters (each returns false after rpc_fail) ------------------------------------------ */

/* Settings that many methods share, with Solana's defaults. */
struct rpc_config {
    const struct su_json_value *object; /* NULL when not given */
    enum rpc_commitment commitment;
    enum rpc_encoding encoding;
    bool has_min_slot, has_slice;
    uint64_t min_slot, slice_offset, slice_length;
};

/* True when there are at least n parameters. */
bool rpc_params_want(struct rpc_call *c, size_t n);

/* Parameter number i; NULL when absent or null. */
const struct su_json_value *rpc_param(const struct rpc_call *c, size_t i);
bool rpc_param_str(struct rpc_call *c, size_t i, const char **s);
bool rpc_param_u64(struct rpc_call *c, size_t i, uint64_t *v);
bool rpc_param_key(struct rpc_call *c, size_t i, uint8_t key[32]);
bool rpc_param_signature(struct rpc_call *c, size_t i, uint8_t signature[64]);
/* Parameter number i as configuration; absent leaves the defaults. Checks minContextSlot against
   the slot of the commitment. */
bool rpc_param_config(struct rpc_call *c, size_t i, struct rpc_config *cfg);

/* Text of a value as key or signature, named in the error. */
bool rpc_key(struct rpc_call *c, const char *text, uint8_t key[32]);
bool rpc_signature(struct rpc_call *c, const char *text, uint8_t signature[64]);
/* Members of an object that may be NULL; an absent or null one leaves *v. */
bool rpc_opt_bool(struct rpc_call *c, const struct su_json_value *object, const char *name,
                  bool *v);
bool rpc_opt_u64(struct rpc_call *c, const struct su_json_value *object, const char *name,
                 uint64_t *v, bool *given);
bool rpc_opt_str(struct rpc_call *c, const struct su_json_value *object, const char *name,
                 const char **v);
bool rpc_encoding_of(struct rpc_call *c, const char *text, enum rpc_encoding *out);
bool rpc_commitment_of(struct rpc_call *c, const char *text, enum rpc_commitment *out);

/* ---- results --------------------------------------------------------------------------------- */

/* {"context":{...}, of an object that the caller continues with the key "value" and ends. */
void rpc_put_context(struct rpc_call *c);
void rpc_put_base58(struct su_json_writer *w, const char *name, const void *data, size_t n);
void rpc_put_key(struct su_json_writer *w, const char *name, const uint8_t key[32]);
/* Bytes as [text, encoding], or as a bare base58 string for RPC_ENC_BINARY; other encodings than
   those of bytes count as base64. */
void rpc_put_bytes(struct su_json_writer *w, const char *name, const void *data, size_t n,
                   enum rpc_encoding encoding);
/* Appends data as one Zstandard frame (RFC 8878): runs of one byte are run-length blocks,
   everything else is stored. */
void rpc_zstd(struct su_buf *out, const uint8_t *data, size_t n);
/* An account as cfg asks for it; a == NULL writes null. RPC_ENC_NONE means `fallback`. False after
   rpc_fail: too long for base58. */
bool rpc_put_account(struct rpc_call *c, const char *name, const struct su_ledger_account *a,
                     const struct rpc_config *cfg, enum rpc_encoding fallback);
/* {"pubkey":...,"account":...} for each. */
bool rpc_put_keyed_accounts(struct rpc_call *c, const char *name,
                            const struct su_ledger_accounts *list, const struct rpc_config *cfg,
                            enum rpc_encoding fallback);
/* {"amount","decimals","uiAmount","uiAmountString"}; _fields only the members, into an open
   object. */
void rpc_put_amount_fields(struct su_json_writer *w, uint64_t amount, uint8_t decimals);
void rpc_put_amount(struct su_json_writer *w, const char *name, uint64_t amount, uint8_t decimals);

/* Why a transaction failed; success writes null. */
void rpc_put_failure(struct su_json_writer *w, const char *name, const struct su_ledger_failure *f);
/* {"Ok":null} or {"Err":...}. */
void rpc_put_status(struct su_json_writer *w, const char *name, const struct su_ledger_failure *f);
/* Array of log lines. */
void rpc_put_logs(struct su_json_writer *w, const char *name, const struct su_ledger_result *r);
/* {"programId","data"} or null. */
void rpc_put_return(struct su_json_writer *w, const char *name, const struct su_ledger_result *r);
/* [{"index","instructions"}...], decoded where `parsed`. */
void rpc_put_inner(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                   const struct su_ledger_result *r, bool parsed);
/* The transaction in an encoding of RPC_ENC_BINARY, _BASE58, _BASE64, _JSON, _PARSED. */
void rpc_put_transaction(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                         enum rpc_encoding encoding);
/* The result as getTransaction's "meta". */
void rpc_put_meta(struct su_json_writer *w, const char *name, const struct su_ledger_tx *tx,
                  const struct su_ledger_result *r, enum rpc_encoding encoding);

/* One instruction, wherever it stands. keys: n_keys of 32 bytes that the indices refer to. */
struct rpc_instr {
    const struct su_ledger_tx *tx;
    const uint8_t *accounts, *data;
    size_t n_accounts, data_bytes;
    uint8_t program;
    uint8_t height; /* 0 = of the transaction itself */
};
/* Writes it decoded by name ("parsed"), or with its accounts and data where it is not one of the
   System, Token, Associated Token Account or Memo program that can be read. */
void rpc_put_parsed_instr(struct su_json_writer *w, const struct rpc_instr *i);

/* Fields of an SPL Token mint and account (82 and 165 bytes, layouts of the token program). */
struct rpc_mint {
    const uint8_t *authority, *freeze; /* NULL when none */
    uint64_t supply;
    uint8_t decimals;
};
struct rpc_token {
    const uint8_t *mint, *owner, *delegate, *close; /* the last two NULL when none */
    uint64_t amount, delegated, native_reserve;
    uint8_t state; /* 1 initialised, 2 frozen */
    bool native;
};
bool rpc_mint_read(const struct su_ledger_account *a, struct rpc_mint *out);
bool rpc_token_read(const struct su_ledger_account *a, struct rpc_token *out);
/* Writes the "data" object of jsonParsed; false (nothing written) for what cannot be read. */
bool rpc_put_parsed_account(struct rpc_call *c, const char *name,
                            const struct su_ledger_account *a);

/* ---- sockets --------------------------------------------------------------------------------- */

/* SHA-1 (RFC 3174), which the handshake of RFC 6455 asks for; of nothing that must be secret. */
void rpc_sha1(const void *data, size_t n, uint8_t out[20]);

/* Reads what a client has sent, frame by frame (RFC 6455 §5), until in is used up. */
#define RPC_WS_MESSAGE_MAX (64u << 10)
enum rpc_frame { RPC_FRAME_MORE, RPC_FRAME_TEXT, RPC_FRAME_CLOSE, RPC_FRAME_BAD };
struct rpc_frames {
    struct su_buf in; /* bytes as they came */
    struct su_buf message; /* text, of one or several frames */
    bool within; /* the message goes on */
};
void rpc_frames_init(struct rpc_frames *f);
void rpc_frames_fini(struct rpc_frames *f);
/* Takes the next frame from f->in. _TEXT: f->message is whole (valid until the next call); _MORE:
   bytes are missing. Answers to pings are appended to out. */
enum rpc_frame rpc_frames_next(struct rpc_frames *f, struct su_buf *out);
void rpc_frame_put(struct su_buf *out, uint8_t opcode, const void *data, size_t n);
/* Answers the request for an upgrade in text (with its empty line) into out; false: 400. */
bool rpc_ws_shake(const char *text, struct su_buf *out);

/* Subscriptions of one connection (rpc_subscribe.c). */
#define RPC_SUBSCRIPTIONS_MAX 64u
enum rpc_topic {
    RPC_TOPIC_NONE,
    RPC_TOPIC_SIGNATURE,
    RPC_TOPIC_ACCOUNT,
    RPC_TOPIC_SLOT,
    RPC_TOPIC_ROOT
};
struct rpc_subscription {
    enum rpc_topic topic; /* _NONE: free */
    uint64_t id, slot;
    bool fresh; /* not looked at yet */
    uint8_t signature[64], key[32];
    const struct su_ledger_account *last; /* counted */
    enum rpc_encoding encoding;
    bool has_slice;
    uint64_t slice_offset, slice_length;
};
struct rpc_subscriber {
    struct rpc_subscription item[RPC_SUBSCRIPTIONS_MAX];
    uint64_t ids;
};
rpc_method *rpc_subscribe_find(const char *name); /* their ctx is a struct rpc_subscriber */
/* Appends a text frame for everything that happened since the last call. */
void rpc_subscriber_poll(struct su_ledger *l, struct rpc_subscriber *s, struct su_buf *out);
void rpc_subscriber_fini(struct rpc_subscriber *s);

/* The listener, on a thread of its own (rpc_ws.c). */
struct rpc_ws;
enum su_code rpc_ws_start(struct su_ledger *l, const char *bind, uint16_t port, struct rpc_ws **out,
                          struct su_err *e);
uint16_t rpc_ws_port(const struct rpc_ws *ws); /* ws may be NULL: 0 */
void rpc_ws_stop(struct rpc_ws *ws); /* NULL allowed */

#endif
