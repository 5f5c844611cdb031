// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

/* RFC 8878 §3.1.1: magic, a header for "single segment, size in 8 bytes", blocks of at most
   128 KiB. Account data is mostly zeros, so runs are worth a block of their own; entropy coding is
   not worth its code. */
#define FRAME_MAGIC 0xFD2FB528u
#define HEADER_SINGLE_U64 0xE0u
#define BLOCK_MAX ((size_t)128 << 10)
#define RUN_MIN 16 /* a block header and the byte cost 4 */

enum block_type { BLOCK_RAW = 0, BLOCK_RLE = 1 };

static void put_block(struct su_buf *out, enum block_type type, const uint8_t *p, size_t n,
                      bool last)
{
    uint32_t header = (uint32_t)n << 3 | (uint32_t)type << 1 | (last ? 1u : 0u);

    su_buf_u16(out, (uint16_t)header);
    su_buf_u8(out, (uint8_t)(header >> 16));
    if (type == BLOCK_RLE)
        su_buf_u8(out, *p);
    else if (n > 0)
        su_buf_put(out, p, n);
}

static size_t run_length(const uint8_t *p, size_t left)
{
    size_t n = 1;

    while (n < left && p[n] == p[0])
        n++;
    return n;
}

void rpc_zstd(struct su_buf *out, const uint8_t *data, size_t n)
{
    su_buf_u32(out, FRAME_MAGIC);
    su_buf_u8(out, HEADER_SINGLE_U64);
    su_buf_u64(out, n);
    if (n == 0)
        put_block(out, BLOCK_RAW, data, 0, true);
    size_t at = 0;
    while (at < n) {
        size_t end = at, run = run_length(data + at, n - at);
        if (run >= RUN_MIN) {
            run = SU_MIN(run, BLOCK_MAX);
            put_block(out, BLOCK_RLE, data + at, run, at + run == n);
            at += run;
            continue;
        }
        while (end < n && end - at < BLOCK_MAX && run < RUN_MIN) {
            end += run;
            run = end < n ? run_length(data + end, n - end) : 0;
        }
        end = SU_MIN(end, at + BLOCK_MAX);
        put_block(out, BLOCK_RAW, data + at, end - at, end == n);
        at = end;
    }
}
