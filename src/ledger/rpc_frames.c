// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

#include <strings.h>

/* ---- SHA-1 ----------------------------------------------------------------------------------- */

static uint32_t rol(uint32_t v, unsigned by)
{
    return v << by | v >> (32 - by);
}

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[80], v[5];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(v, h, sizeof v);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20)
            f = (v[1] & v[2]) | (~v[1] & v[3]), k = 0x5A827999u;
        else if (i < 40)
            f = v[1] ^ v[2] ^ v[3], k = 0x6ED9EBA1u;
        else if (i < 60)
            f = (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]), k = 0x8F1BBCDCu;
        else
            f = v[1] ^ v[2] ^ v[3], k = 0xCA62C1D6u;
        uint32_t t = rol(v[0], 5) + f + v[4] + k + w[i];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = rol(v[1], 30);
        v[1] = v[0];
        v[0] = t;
    }
    for (unsigned i = 0; i < 5; i++)
        h[i] += v[i];
}

void rpc_sha1(const void *data, size_t n, uint8_t out[20])
{
    uint32_t h[5] = {0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u};
    const uint8_t *p = data;
    uint8_t last[128] = {0};
    size_t whole = n / 64 * 64, rest = n - whole;
    size_t tail = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)n * 8;

    for (size_t i = 0; i < whole; i += 64)
        sha1_block(h, p + i);
    if (rest > 0)
        memcpy(last, p + whole, rest);
    last[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        last[tail - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (size_t i = 0; i < tail; i += 64)
        sha1_block(h, last + i);
    for (unsigned i = 0; i < 20; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- handshake ------------------------------------------------------------------------------- */

/* Value of a header, trimmed; false when absent or too long. */
static bool header(const char *text, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);

    for (const char *line = strstr(text, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        const char *v = line + n + 1;
        v += strspn(v, " \t");
        size_t len = strcspn(v, "\r\n");
        while (len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t'))
            len--;
        if (len >= cap)
            return false;
        memcpy(out, v, len);
        out[len] = '\0';
        return true;
    }
    return false;
}

bool rpc_ws_shake(const char *text, struct su_buf *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
    char upgrade[64], key[64], version[16], joined[128], accept[32];
    uint8_t nonce[16], digest[20];
    size_t n = 0;

    if (strncmp(text, "GET ", 4) != 0 || !header(text, "Upgrade", upgrade, sizeof upgrade) ||
        strcasecmp(upgrade, "websocket") != 0 ||
        !header(text, "Sec-WebSocket-Version", version, sizeof version) ||
        strcmp(version, "13") != 0 || !header(text, "Sec-WebSocket-Key", key, sizeof key) ||
        !su_base64_decode(key, nonce, sizeof nonce, &n) || n != sizeof nonce) {
        su_buf_str(out, "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n"
                        "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return false;
    }
    (void)snprintf(joined, sizeof joined, "%s%s", key, guid);
    rpc_sha1(joined, strlen(joined), digest);
    (void)su_base64_encode(digest, sizeof digest, accept, sizeof accept);
    su_buf_printf(out,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                  accept);
    return true;
}

/* ---- frames ---------------------------------------------------------------------------------- */

enum { OP_MORE = 0, OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

void rpc_frames_init(struct rpc_frames *f)
{
    su_buf_init(&f->in, 2 * (size_t)RPC_WS_MESSAGE_MAX);
    su_buf_init(&f->message, RPC_WS_MESSAGE_MAX);
    f->within = false;
}

void rpc_frames_fini(struct rpc_frames *f)
{
    su_buf_fini(&f->in);
    su_buf_fini(&f->message);
}

void rpc_frame_put(struct su_buf *out, uint8_t opcode, const void *data, size_t n)
{
    su_buf_u8(out, (uint8_t)(0x80 | opcode));
    if (n < 126) {
        su_buf_u8(out, (uint8_t)n);
    } else if (n <= UINT16_MAX) {
        su_buf_u8(out, 126);
        su_buf_u8(out, (uint8_t)(n >> 8));
        su_buf_u8(out, (uint8_t)n);
    } else {
        su_buf_u8(out, 127);
        for (unsigned i = 0; i < 8; i++)
            su_buf_u8(out, (uint8_t)((uint64_t)n >> (56 - 8 * i)));
    }
    if (n > 0)
        su_buf_put(out, data, n);
}

/* One frame at the start of in, unmasked in place. */
struct frame {
    bool final;
    uint8_t opcode;
    size_t total, n;
    uint8_t *data;
};

static enum rpc_frame peel(struct su_buf *in, struct frame *f)
{
    uint8_t *p = in->data;
    size_t head = 2;

    if (in->len < 2)
        return RPC_FRAME_MORE;
    if ((p[0] & 0x70) != 0 || (p[1] & 0x80) == 0) /* unknown extension, or not masked: §5.1 */
        return RPC_FRAME_BAD;
    uint64_t n = p[1] & 0x7F;
    size_t extra = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (in->len < head + extra)
        return RPC_FRAME_MORE;
    if (extra > 0) {
        n = 0;
        for (size_t i = 0; i < extra; i++)
            n = n << 8 | p[head + i];
        head += extra;
    }
    if (n > RPC_WS_MESSAGE_MAX)
        return RPC_FRAME_BAD;
    if (in->len < head + 4 + n)
        return RPC_FRAME_MORE;
    *f = (struct frame){.final = (p[0] & 0x80) != 0,
                        .opcode = p[0] & 0x0F,
                        .total = head + 4 + (size_t)n,
                        .n = (size_t)n,
                        .data = p + head + 4};
    for (size_t i = 0; i < f->n; i++)
        f->data[i] ^= p[head + (i & 3)];
    return RPC_FRAME_TEXT;
}

static enum rpc_frame take(struct rpc_frames *s, const struct frame *f, struct su_buf *out)
{
    if (f->opcode >= OP_CLOSE && (!f->final || f->n > 125)) /* §5.5 */
        return RPC_FRAME_BAD;
    switch (f->opcode) {
    case OP_CLOSE:
        rpc_frame_put(out, OP_CLOSE, f->data, SU_MIN(f->n, (size_t)2));
        return RPC_FRAME_CLOSE;
    case OP_PING:
        rpc_frame_put(out, OP_PONG, f->data, f->n);
        return RPC_FRAME_MORE;
    case OP_PONG:
        return RPC_FRAME_MORE;
    case OP_TEXT:
    case OP_MORE:
        if (s->within != (f->opcode == OP_MORE))
            return RPC_FRAME_BAD;
        if (!s->within)
            su_buf_clear(&s->message);
        if (f->n > 0)
            su_buf_put(&s->message, f->data, f->n);
        s->within = !f->final;
        if (s->message.failed)
            return RPC_FRAME_BAD;
        return f->final ? RPC_FRAME_TEXT : RPC_FRAME_MORE;
    default:
        return RPC_FRAME_BAD;
    }
}

enum rpc_frame rpc_frames_next(struct rpc_frames *s, struct su_buf *out)
{
    struct frame f;

    for (;;) {
        enum rpc_frame rc = peel(&s->in, &f);
        if (rc != RPC_FRAME_TEXT)
            return rc;
        rc = take(s, &f, out);
        s->in.len -= f.total;
        memmove(s->in.data, s->in.data + f.total, s->in.len);
        if (rc != RPC_FRAME_MORE)
            return rc;
    }
}
