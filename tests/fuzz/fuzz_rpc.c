// SPDX-License-Identifier: MIT
/* The input as the body of a JSON-RPC request, and as what a WebSocket client sends. Answers must
   be JSON. */
#include "ledger/ledger.h"
#include "ledger/rpc_priv.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bank is not what is tested here: a new one now and then bounds what airdrops pile up. */
#define RUNS_PER_LEDGER 2000u

static struct su_ledger *ledger(void)
{
    static struct su_ledger *l;
    static unsigned runs;
    static const uint8_t seed[32] = {7};
    const struct su_ledger_options o = {.manual_slots = true, .seed = seed};
    struct su_err e;

    if (l != NULL && runs++ < RUNS_PER_LEDGER)
        return l;
    su_ledger_close(l);
    runs = 0;
    SU_ASSERT(su_ledger_open(&o, &l, &e) == SU_OK);
    return l;
}

static void check_json(const struct su_buf *out)
{
    const struct su_json_limits limits = {.bytes_max = RPC_ANSWER_MAX};
    struct su_json *doc = NULL;
    struct su_err e;

    SU_ASSERT(!out->failed);
    if (out->len == 0)
        return;
    SU_ASSERT(su_json_parse(out->data, out->len, "answer", &limits, &doc, &e) == SU_OK);
    su_json_free(doc);
}

static void as_body(const uint8_t *data, size_t size)
{
    struct su_buf out;

    su_buf_init(&out, 0);
    su_ledger_rpc_answer(ledger(), data, size, &out);
    check_json(&out);
    su_buf_fini(&out);
}

static void as_frames(const uint8_t *data, size_t size)
{
    static struct rpc_subscriber subscriber; /* too large for a stack */
    const struct rpc_service service = {
        .ledger = ledger(), .find = rpc_subscribe_find, .ctx = &subscriber};
    struct rpc_frames frames;
    struct su_buf out, text;
    enum rpc_frame got;

    su_buf_init(&out, 0);
    rpc_frames_init(&frames);
    su_buf_put(&frames.in, data, size);
    while (!frames.in.failed && (got = rpc_frames_next(&frames, &out)) == RPC_FRAME_TEXT) {
        su_buf_init(&text, 0);
        rpc_answer(&service, frames.message.data, frames.message.len, &text);
        check_json(&text);
        su_buf_fini(&text);
    }
    rpc_subscriber_poll(service.ledger, &subscriber, &out);
    rpc_subscriber_fini(&subscriber);
    rpc_frames_fini(&frames);
    su_buf_fini(&out);
}

static void as_handshake(const uint8_t *data, size_t size)
{
    char text[4096];
    struct su_buf out;

    size = SU_MIN(size, sizeof text - 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    su_buf_init(&out, 0);
    (void)rpc_ws_shake(text, &out);
    SU_ASSERT(out.len > 0 && !out.failed);
    su_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_body(data, size);
    as_frames(data, size);
    as_handshake(data, size);
    return 0;
}
