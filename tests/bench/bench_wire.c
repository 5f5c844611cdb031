// SPDX-License-Identifier: MIT
/* Microseconds per activation frame, made and signed, read and verified, of 4 KiB and 1 MiB of
   rows; exit status 1 when a frame is refused. */
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

static double us_since(uint64_t start, unsigned calls)
{
    return (double)(su_clock_mono_ns() - start) / 1e3 / calls;
}

static bool run(const struct su_signer *signer, uint32_t bytes, unsigned calls)
{
    static const uint8_t key[32] = {1}, leaf[32] = {2};
    uint8_t *rows = su_try_alloc(1, bytes);
    struct su_wire_message m = {.kind = SU_WIRE_ACTIVATION, .data = rows, .data_bytes = bytes};
    struct su_wire_expect x = {.scope = {key, key}, .task = -1, .attempt = -1};
    struct su_wire_frame f;
    struct su_buf b;
    bool ok = rows != NULL;

    su_buf_init(&b, 0);
    m.u.activation = (struct su_wire_activation){.ref = {.execution = key, .task = 3},
                                                 .step_count = 1,
                                                 .rank = 1,
                                                 .dims = {bytes / 4},
                                                 .leaves = leaf};
    uint64_t start = su_clock_mono_ns();
    for (unsigned i = 0; i < calls && ok; i++) {
        su_buf_clear(&b);
        ok = su_wire_encode(&b, signer, &x.scope, (struct su_wire_stamp){i, 1}, &m, NULL) == SU_OK;
    }
    double made = us_since(start, calls);
    su_buf_put(&b, rows, bytes);
    start = su_clock_mono_ns();
    for (unsigned i = 0; i < calls && ok; i++)
        ok = su_wire_parse(b.data, b.len, &f, NULL) == SU_OK &&
             su_wire_verify(&f, &x, NULL) == SU_OK;
    double read = us_since(start, calls);
    printf("%8u bytes of rows: made and signed %8.1f us, read and verified %8.1f us\n", bytes, made,
           read);
    su_buf_fini(&b);
    free(rows);
    return ok;
}

int main(void)
{
    const uint8_t seed[32] = {9};
    uint8_t public_key[32], secret[64];
    struct su_signer signer;

    su_ed25519_from_seed(seed, public_key, secret);
    if (su_signer_init_memory(&signer, secret, NULL) != SU_OK)
        return 1;
    printf("sha256: %s\n", su_sha256_impl());
    bool ok = run(&signer, 4096, 2000) && run(&signer, 1u << 20, 300);
    su_signer_fini(&signer);
    return ok ? 0 : 1;
}
