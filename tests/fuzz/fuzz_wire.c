// SPDX-License-Identifier: MIT
/* The parser of frames: total on any bytes, all that it points to lies inside them, and what it
   accepts is what the encoder makes of the message it read. */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct su_wire_frame *f)
{
    static struct su_signer signer;
    static const uint8_t zero[32];
    const struct su_wire_scope scope = {zero, zero};
    struct su_wire_expect x = {.scope = scope, .task = -1, .attempt = -1};
    uint8_t public_key[32], secret[64];
    struct su_wire_frame again;
    struct su_buf b;

    if (signer.ctx == NULL) {
        su_ed25519_from_seed(zero, public_key, secret);
        SU_ASSERT(su_signer_init_memory(&signer, secret, NULL) == SU_OK);
    }
    su_buf_init(&b, 0);
    SU_ASSERT(su_wire_encode(&b, &signer, &scope, f->stamp, &f->m, NULL) == SU_OK);
    SU_ASSERT(b.len == SU_WIRE_HEAD_BYTES + f->body_bytes);
    SU_ASSERT(memcmp(b.data, f->head, 7) == 0 &&
              b.data[7] == 0); /* alone, be it with others or not */
    SU_ASSERT(memcmp(b.data + 8, f->head + 8, 24) == 0);
    SU_ASSERT(memcmp(b.data + SU_WIRE_HEAD_BYTES, f->head + SU_WIRE_HEAD_BYTES, f->body_bytes) ==
              0);
    su_buf_put(&b, f->m.data, (size_t)f->m.data_bytes);
    SU_ASSERT(su_wire_parse(b.data, b.len, &again, NULL) == SU_OK);
    SU_ASSERT(su_wire_verify(&again, &x, NULL) == SU_OK);
    su_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_wire_frame f;
    struct su_err e = {0};
    uint64_t bytes;

    if (size >= SU_WIRE_HEAD_BYTES && su_wire_frame_bytes(data, &bytes, &e) == SU_OK)
        SU_ASSERT(bytes >= SU_WIRE_HEAD_BYTES && bytes < 1u << 27);
    enum su_code c = su_wire_parse_evidence(data, size, &f, &e);
    SU_ASSERT(c == SU_OK || (e.code == c && e.msg[0] != 0));
    e = (struct su_err){0};
    c = su_wire_parse(data, size, &f, &e);
    if (c != SU_OK) {
        SU_ASSERT(e.code == c && e.msg[0] != 0);
        return 0;
    }
    SU_ASSERT(f.m.data == data + size - f.m.data_bytes && f.whole);
    if (f.m.kind == SU_WIRE_TABLE) {
        enum su_code checked = su_wire_table_check(&f.m, NULL);
        SU_ASSERT(checked == SU_OK || checked == SU_EDIGEST);
    }
    same_again(&f);
    return 0;
}
