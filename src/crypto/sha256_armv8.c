// SPDX-License-Identifier: MIT
/* SHA-256 with the ARMv8 cryptography extension (Arm ARM: SHA256H, SHA256H2, SHA256SU0,
   SHA256SU1). */
#include "crypto_priv.h"

#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool processor_has_it(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
}

static void blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
    uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4);

    for (; n > 0; n--, p += 64) {
        uint32x4_t abcd_before = abcd, efgh_before = efgh, w[4];

        for (unsigned i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
        for (unsigned i = 0; i < 16; i++) {
            if (i >= 4)
                w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]),
                                           w[(i + 2) % 4], w[(i + 3) % 4]);
            uint32x4_t wk = vaddq_u32(w[i % 4], vld1q_u32(crypto_sha256_k + 4 * i));
            uint32x4_t abcd_old = abcd;
            abcd = vsha256hq_u32(abcd, efgh, wk);
            efgh = vsha256h2q_u32(efgh, abcd_old, wk);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(h, abcd);
    vst1q_u32(h + 4, efgh);
}

const struct crypto_sha256_impl crypto_sha256_armv8 = {"armv8", processor_has_it, blocks};
