// SPDX-License-Identifier: MIT
#include "abi.h"

enum { COMPACT_BYTES_MAX = 3, VERSION_BIT = 0x80 };

const char *su_tx_status_text(enum su_tx_status s)
{
    static const char *const texts[SU_TX_STATUS_COUNT] = {
        [SU_TX_OK] = "no error",
        [SU_TX_TOO_LONG] = "a transaction has at most 1232 bytes, signatures included",
        [SU_TX_TOO_MANY_KEYS] = "a transaction names at most 38 accounts",
        [SU_TX_TOO_MANY_SIGNERS] = "a transaction has at most 12 signers",
        [SU_TX_TOO_MANY_INSTRS] = "a transaction has at most 64 instructions",
        [SU_TX_TOO_MANY_METAS] = "the instructions of a transaction pass at most 256 accounts",
        [SU_TX_EMPTY] = "a transaction without instructions",
        [SU_TX_PROGRAM_PAYS] = "the account that pays is called as a program",
        [SU_TX_TRUNCATED] = "the bytes end inside the message",
        [SU_TX_TRAILING] = "bytes follow the message",
        [SU_TX_MALFORMED] = "counts, indices or lengths of the message contradict each other",
        [SU_TX_VERSION] = "a message of a version other than legacy and 0",
        [SU_TX_LOOKUPS] =
            "a message with address lookup tables does not say which accounts it names",
    };
    return (unsigned)s < SU_TX_STATUS_COUNT ? texts[s] : "?";
}

/* ---- compiling ------------------------------------------------------------------------------- */

struct entry {
    const uint8_t *key;
    bool signer, writable;
    uint8_t position; /* in the message */
};
struct table {
    struct entry entries[SU_TX_KEYS_MAX];
    uint64_t n;
};

static struct entry *find(struct table *t, const uint8_t key[32])
{
    for (uint64_t i = 0; i < t->n; i++)
        if (su_free_key_equal(t->entries[i].key, key))
            return &t->entries[i];
    return NULL;
}

static bool use(struct table *t, const uint8_t key[32], bool signer, bool writable)
{
    struct entry *e = find(t, key);
    if (e == NULL) {
        if (t->n == SU_TX_KEYS_MAX)
            return false;
        e = &t->entries[t->n++];
        e->key = key;
        e->signer = e->writable = false;
        e->position = 0;
    }
    e->signer = e->signer || signer;
    e->writable = e->writable || writable;
    return true;
}

static enum su_tx_status collect(struct table *t, const uint8_t payer[32],
                                 const struct su_instr *instrs, uint64_t n)
{
    uint64_t metas = 0;
    t->n = 0;
    if (n == 0)
        return SU_TX_EMPTY;
    if (n > SU_TX_INSTRS_MAX)
        return SU_TX_TOO_MANY_INSTRS;
    (void)use(t, payer, true, true);
    for (uint64_t i = 0; i < n; i++) {
        metas += instrs[i].n_metas;
        if (metas > SU_TX_METAS_MAX)
            return SU_TX_TOO_MANY_METAS;
        if (su_free_key_equal(instrs[i].program, payer))
            return SU_TX_PROGRAM_PAYS;
        for (uint64_t m = 0; m < instrs[i].n_metas; m++) {
            const struct su_meta *meta = &instrs[i].metas[m];
            if (!use(t, meta->key, meta->signer, meta->writable))
                return SU_TX_TOO_MANY_KEYS;
        }
        if (!use(t, instrs[i].program, false, false))
            return SU_TX_TOO_MANY_KEYS;
    }
    return SU_TX_OK;
}

struct writer {
    uint8_t *p;
    uint64_t n;
    bool full;
};

static void put(struct writer *w, const void *data, uint64_t n)
{
    if (w->full || n > SU_TX_MAX_BYTES - w->n) {
        w->full = true;
        return;
    }
    su_free_copy(w->p + w->n, data, n);
    w->n += n;
}

static void put8(struct writer *w, uint64_t v)
{
    uint8_t byte = (uint8_t)v;
    put(w, &byte, 1);
}

static void put_compact(struct writer *w, uint64_t v)
{
    while (v >= 0x80) {
        put8(w, (v & 0x7f) | 0x80);
        v >>= 7;
    }
    put8(w, v);
}

/* The four classes of keys in the order of a message. */
static bool in_class(const struct entry *e, unsigned class)
{
    return e->signer == (class < 2) && e->writable == (class % 2 == 0);
}

static void put_keys(struct writer *w, struct table *t, uint8_t count[4])
{
    uint8_t position = 0;
    for (unsigned class = 0; class < 4; class ++) {
        count[class] = 0;
        for (uint64_t i = 0; i < t->n; i++)
            if (in_class(&t->entries[i], class)) {
                t->entries[i].position = position++;
                count[class]++;
                put(w, t->entries[i].key, 32);
            }
    }
}

static void put_instr(struct writer *w, struct table *t, const struct su_instr *i)
{
    put8(w, find(t, i->program)->position);
    put_compact(w, i->n_metas);
    for (uint64_t m = 0; m < i->n_metas; m++)
        put8(w, find(t, i->metas[m].key)->position);
    put_compact(w, i->data_bytes);
    put(w, i->data, i->data_bytes);
}

enum su_tx_status su_tx_compile(const uint8_t payer[32], const uint8_t blockhash[32],
                                const struct su_instr *instrs, uint64_t n, struct su_tx *out)
{
    struct table t;
    struct writer w = {out->wire, 0, false};
    uint8_t count[4];
    enum su_tx_status status = collect(&t, payer, instrs, n);
    if (status != SU_TX_OK)
        return status;
    uint64_t signers = 0;
    for (uint64_t i = 0; i < t.n; i++)
        signers += t.entries[i].signer;
    if (signers > SU_TX_SIGNERS_MAX)
        return SU_TX_TOO_MANY_SIGNERS;

    su_free_zero(out, sizeof *out);
    put_compact(&w, signers);
    w.n += 64 * signers; /* at most 12 x 64 bytes, already zero */
    out->message_at = (uint16_t)w.n;
    w.n += 3; /* the header, below */
    put_compact(&w, t.n);
    out->keys_at = (uint16_t)w.n;
    put_keys(&w, &t, count);
    out->blockhash_at = (uint16_t)w.n;
    put(&w, blockhash, 32);
    put_compact(&w, n);
    for (uint64_t i = 0; i < n; i++)
        put_instr(&w, &t, &instrs[i]);
    if (w.full)
        return SU_TX_TOO_LONG;
    uint8_t *header = out->wire + out->message_at;
    header[0] = (uint8_t)signers;
    header[1] = count[1];
    header[2] = count[3];
    out->wire_bytes = (uint16_t)w.n;
    out->signers = (uint8_t)signers;
    out->n_keys = (uint8_t)t.n;
    return SU_TX_OK;
}

int su_tx_signer_index(const struct su_tx *t, const uint8_t key[32])
{
    for (uint8_t i = 0; i < t->signers; i++)
        if (su_free_key_equal(su_tx_key(t, i), key))
            return i;
    return -1;
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* The first failure sticks; reads after it give zero. */
struct reader {
    const uint8_t *p;
    uint64_t n, at;
    enum su_tx_status status;
};

static const uint8_t *take(struct reader *r, uint64_t n)
{
    if (r->status != SU_TX_OK)
        return NULL;
    if (n > r->n - r->at) {
        r->status = SU_TX_TRUNCATED;
        return NULL;
    }
    r->at += n;
    return r->p + (r->at - n);
}

static uint8_t take8(struct reader *r)
{
    const uint8_t *p = take(r, 1);
    return p != NULL ? *p : 0;
}

/* At most 3 bytes, 16 bits, and no more bytes than the value needs. */
static uint16_t take_compact(struct reader *r)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < COMPACT_BYTES_MAX; i++) {
        uint8_t byte = take8(r);
        v |= (uint32_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if ((byte == 0 && i > 0) || v > 0xffff)
                break;
            return (uint16_t)v;
        }
    }
    if (r->status == SU_TX_OK)
        r->status = SU_TX_MALFORMED;
    return 0;
}

static bool fail(struct reader *r, enum su_tx_status status)
{
    if (r->status == SU_TX_OK)
        r->status = status;
    return false;
}

static bool header_ok(const struct su_tx_parsed *m)
{
    return m->signers >= 1 && m->signers_readonly < m->signers && m->n_keys >= 1 &&
           m->signers + m->others_readonly <= m->n_keys;
}

static bool keys_distinct(const uint8_t *keys, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++)
        for (uint64_t k = 0; k < i; k++)
            if (su_free_key_equal(keys + 32 * i, keys + 32 * k))
                return false;
    return true;
}

static bool parse_head(struct reader *r, struct su_tx_parsed *m)
{
    uint8_t first = take8(r);
    m->version = -1;
    if ((first & VERSION_BIT) != 0) {
        if (first != VERSION_BIT)
            return fail(r, SU_TX_VERSION);
        m->version = 0;
        first = take8(r);
    }
    m->signers = first;
    m->signers_readonly = take8(r);
    m->others_readonly = take8(r);
    uint16_t n_keys = take_compact(r);
    if (n_keys > SU_TX_KEYS_MAX)
        return fail(r, SU_TX_TOO_MANY_KEYS);
    m->n_keys = (uint8_t)n_keys;
    m->keys = take(r, 32 * (uint64_t)n_keys);
    m->blockhash = take(r, 32);
    if (r->status != SU_TX_OK)
        return false;
    if (!header_ok(m) || !keys_distinct(m->keys, n_keys))
        return fail(r, SU_TX_MALFORMED);
    if (m->signers > SU_TX_SIGNERS_MAX)
        return fail(r, SU_TX_TOO_MANY_SIGNERS);
    return true;
}

static bool is_writable(const struct su_tx_parsed *m, uint8_t i)
{
    return i < m->signers ? i < m->signers - m->signers_readonly
                          : i < m->n_keys - m->others_readonly;
}

static bool parse_instr(struct reader *r, struct su_tx_parsed *m, struct su_instr *out)
{
    uint8_t program = take8(r);
    uint16_t n = take_compact(r);
    const uint8_t *indices = take(r, n);
    uint16_t data_bytes = take_compact(r);
    const uint8_t *data = take(r, data_bytes);
    if (r->status != SU_TX_OK)
        return false;
    if (program == 0 || program >= m->n_keys)
        return fail(r, SU_TX_MALFORMED);
    if (n > SU_TX_METAS_MAX - m->n_metas)
        return fail(r, SU_TX_TOO_MANY_METAS);
    su_free_copy(out->program, m->keys + 32u * program, 32);
    out->metas = m->metas + m->n_metas;
    out->n_metas = n;
    out->data = data;
    out->data_bytes = data_bytes;
    for (uint16_t i = 0; i < n; i++) {
        struct su_meta *meta = &m->metas[m->n_metas++];
        if (indices[i] >= m->n_keys)
            return fail(r, SU_TX_MALFORMED);
        su_free_copy(meta->key, m->keys + 32u * indices[i], 32);
        meta->signer = indices[i] < m->signers;
        meta->writable = is_writable(m, indices[i]);
    }
    return true;
}

enum su_tx_status su_tx_parse_message(const uint8_t *bytes, uint64_t n, struct su_tx_parsed *out)
{
    struct reader r = {bytes, n, 0, SU_TX_OK};
    out->n_instrs = out->n_metas = 0;
    if (n > SU_TX_MAX_BYTES)
        return SU_TX_TOO_LONG;
    if (!parse_head(&r, out))
        return r.status;
    uint16_t count = take_compact(&r);
    if (count > SU_TX_INSTRS_MAX)
        return SU_TX_TOO_MANY_INSTRS;
    while (out->n_instrs < count) {
        if (!parse_instr(&r, out, &out->instrs[out->n_instrs]))
            return r.status;
        out->n_instrs++;
    }
    if (out->version == 0 && take_compact(&r) != 0)
        (void)fail(&r, SU_TX_LOOKUPS);
    if (r.status == SU_TX_OK && r.at != n)
        r.status = SU_TX_TRAILING;
    if (r.status == SU_TX_OK && count == 0)
        r.status = SU_TX_EMPTY;
    return r.status;
}

enum su_tx_status su_tx_parse(const uint8_t *bytes, uint64_t n, struct su_tx *t,
                              struct su_tx_parsed *parsed)
{
    struct reader r = {bytes, n, 0, SU_TX_OK};
    su_free_zero(t, sizeof *t);
    if (n > SU_TX_MAX_BYTES)
        return SU_TX_TOO_LONG;
    uint16_t signatures = take_compact(&r);
    if (r.status == SU_TX_OK && signatures > SU_TX_SIGNERS_MAX)
        return SU_TX_TOO_MANY_SIGNERS;
    (void)take(&r, 64 * (uint64_t)signatures);
    if (r.status != SU_TX_OK)
        return r.status;
    su_free_copy(t->wire, bytes, n);
    t->wire_bytes = (uint16_t)n;
    t->message_at = (uint16_t)r.at;
    enum su_tx_status status = su_tx_parse_message(t->wire + r.at, n - r.at, parsed);
    if (status != SU_TX_OK)
        return status;
    if (parsed->signers != signatures)
        return SU_TX_MALFORMED;
    t->signers = parsed->signers;
    t->n_keys = parsed->n_keys;
    t->keys_at = (uint16_t)(parsed->keys - t->wire);
    t->blockhash_at = (uint16_t)(parsed->blockhash - t->wire);
    return SU_TX_OK;
}
