// SPDX-License-Identifier: MIT
#include "support/bank.h"

#include "base/base.h"
#include "crypto/crypto.h"
#include "program/program.h"
#include "support/svm.h"

#include <stdlib.h>
#include <string.h>

#define GROWTH_BYTES 10240u
#define HASHES_MAX 512u
#define SEEDS_MAX 8u
#define TOKEN_BYTES 165u
#define MINT_BYTES 82u

const uint8_t su_sys_system_id[32] = {0};
const uint8_t su_sys_token_id[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac,
    0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9};

struct held {
    uint8_t key[32], owner[32];
    uint64_t lamports, bytes;
    uint8_t *data;
    bool executable;
};

struct bank {
    uint8_t program[32];
    struct held *account;
    size_t n, cap;
    uint64_t slot;
    uint64_t hash_slot[HASHES_MAX];
    uint8_t hash[HASHES_MAX][32];
    size_t hashes;
    struct su_buf log;
};

const struct bank_watcher *bank_watcher;

static void stop(const char *why)
{
    (void)fprintf(stderr, "bank: %s\n", why);
    abort();
}

/* ---- accounts ------------------------------------------------------------------------------- */

static struct held *find(const struct bank *b, const uint8_t key[32])
{
    for (size_t i = 0; i < b->n; i++)
        if (memcmp(b->account[i].key, key, 32) == 0)
            return &b->account[i];
    return NULL;
}

void bank_free(struct bank *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        free(b->account[i].data);
    free(b->account);
    su_buf_fini(&b->log);
    free(b);
}

void bank_account_set(struct bank *b, const struct svm_account *a)
{
    struct held *h = find(b, a->key);
    uint8_t *data = NULL;
    if (a->lamports == 0) {
        if (h) {
            free(h->data);
            *h = b->account[--b->n];
        }
        return;
    }
    if (!h) {
        if (b->n == b->cap) {
            b->cap = b->cap ? 2 * b->cap : 64;
            b->account = su_realloc(b->account, b->cap * sizeof *b->account);
        }
        h = &b->account[b->n++];
        memset(h, 0, sizeof *h);
        memcpy(h->key, a->key, 32);
    }
    data = su_alloc(a->data_bytes + 1);
    if (a->data_bytes)
        memcpy(data, a->data, a->data_bytes);
    free(h->data);
    memcpy(h->owner, a->owner, 32);
    h->lamports = a->lamports;
    h->bytes = a->data_bytes;
    h->data = data;
    h->executable = a->executable;
}

/* Programs are accounts too, and carry data. */
static void put_program(struct bank *b, const uint8_t key[32])
{
    /* NativeLoader1111111111111111111111111111111 */
    static const uint8_t native_loader[32] = {0x05, 0x87, 0x84, 0xbf, 0x14, 0x8b, 0xa4, 0x28,
                                              0x2f, 0xb0, 0x12, 0x57, 0x48, 0x88, 0xa9, 0xf1,
                                              0x53, 0xa0, 0x7d, 0xad, 0xf7, 0x65, 0xc0, 0x45,
                                              0x5c, 0x9a, 0x97, 0x03, 0x80, 0x00, 0x00, 0x00};
    static const uint8_t content[] = "code";
    struct svm_account a = {
        .lamports = 1, .executable = true, .data = content, .data_bytes = sizeof content};
    memcpy(a.key, key, 32);
    memcpy(a.owner, native_loader, 32);
    bank_account_set(b, &a);
}

struct bank *bank_new(const uint8_t program[32])
{
    struct bank *b = su_alloc(sizeof *b);
    memcpy(b->program, program, 32);
    su_buf_init(&b->log, 0);
    put_program(b, su_sys_system_id);
    put_program(b, su_sys_token_id);
    return b;
}

static void show(const struct held *h, struct svm_account *a)
{
    *a = (struct svm_account){.lamports = h->lamports,
                              .executable = h->executable,
                              .data = h->data,
                              .data_bytes = (size_t)h->bytes};
    memcpy(a->key, h->key, 32);
    memcpy(a->owner, h->owner, 32);
}

void bank_account_get(const struct bank *b, const uint8_t key[32], struct svm_account *a)
{
    const struct held *h = find(b, key);
    if (h) {
        show(h, a);
        return;
    }
    *a = (struct svm_account){0};
    memcpy(a->key, key, 32);
}

bool bank_account_at(const struct bank *b, size_t i, struct svm_account *a)
{
    if (i >= b->n)
        return false;
    show(&b->account[i], a);
    return true;
}

struct bank *bank_copy(const struct bank *b)
{
    struct bank *copy = bank_new(b->program);
    struct svm_account a;
    for (size_t i = 0; bank_account_at(b, i, &a); i++)
        bank_account_set(copy, &a);
    copy->slot = b->slot;
    copy->hashes = b->hashes;
    memcpy(copy->hash_slot, b->hash_slot, sizeof b->hash_slot);
    memcpy(copy->hash, b->hash, sizeof b->hash);
    return copy;
}

uint64_t bank_lamports(const struct bank *b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += b->account[i].lamports;
    return sum;
}

void bank_clock(struct bank *b, uint64_t slot)
{
    b->slot = slot;
}

uint64_t bank_slot(const struct bank *b)
{
    return b->slot;
}

void bank_slot_hashes(struct bank *b, const uint64_t *slots, uint8_t (*hashes)[32], size_t n)
{
    if (n > HASHES_MAX)
        stop("more than 512 slot hashes");
    b->hashes = n;
    memcpy(b->hash_slot, slots, n * sizeof *slots);
    memcpy(b->hash, hashes, n * 32);
}

size_t bank_slot_hashes_get(const struct bank *b, const uint64_t **slots,
                            const uint8_t (**hashes)[32])
{
    *slots = b->hash_slot;
    *hashes = (const uint8_t(*)[32])b->hash;
    return b->hashes;
}

const uint8_t *bank_program(const struct bank *b)
{
    return b->program;
}

uint64_t bank_rent_minimum(uint64_t bytes)
{
    return (128 + bytes) * 6960;
}

bool bank_find_address(const uint8_t program[32], const struct su_sys_bytes *seeds, size_t n,
                       uint8_t key[32], uint8_t *bump)
{
    for (unsigned tries = 0; tries < 255; tries++) {
        struct su_sha256 h;
        const uint8_t byte = (uint8_t)(255 - tries);
        su_sha256_init(&h);
        for (size_t i = 0; i < n; i++)
            su_sha256_update(&h, seeds[i].p, (size_t)seeds[i].n);
        su_sha256_update(&h, &byte, 1);
        su_sha256_update(&h, program, 32);
        su_sha256_update(&h, "ProgramDerivedAddress", 21);
        su_sha256_final(&h, key);
        *bump = byte;
        if (!su_point_valid(key))
            return true;
    }
    return false;
}

/* ---- one instruction ------------------------------------------------------------------------ */

/* An account as the runtime has it, and as the program sees it: its own copy, compared at each
   border. */
struct seat {
    struct held real;
    bool there, signer, writable;
    uint8_t owner[32];
    uint64_t lamports, bytes;
    uint8_t *data; /* real.bytes + GROWTH_BYTES at first */
    uint64_t cap;
};

struct running {
    struct bank *bank;
    struct su_sys sys;
    struct su_sys_account accounts[SU_SYS_ACCOUNTS_MAX];
    struct seat seat[SU_SYS_ACCOUNTS_MAX]; /* used where accounts[i].index == i */
    const char *error; /* of the runtime; ends the transaction */
    uint32_t custom; /* with error "Custom" */
};

/* What a call returns to a program whose transaction has ended. */
static uint64_t ended(struct running *r, const char *error, uint32_t custom)
{
    if (!r->error) {
        r->error = error;
        r->custom = custom;
    }
    return 1;
}

static bool owned_by(const struct held *h, const uint8_t program[32])
{
    return memcmp(h->owner, program, 32) == 0;
}

static bool zeros(const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Takes the program's changes of one account over, or says why not. */
static const char *take_over(struct running *r, struct seat *s)
{
    const bool ours = owned_by(&s->real, r->bank->program);
    if (s->lamports != s->real.lamports) {
        if (!ours && s->lamports < s->real.lamports)
            return "ExternalAccountLamportSpend";
        if (!s->writable)
            return "ReadonlyLamportChange";
        s->real.lamports = s->lamports;
    }
    if (s->bytes != s->real.bytes || memcmp(s->data, s->real.data, (size_t)s->bytes) != 0) {
        if (s->bytes > s->cap)
            return "InvalidRealloc";
        if (!s->writable)
            return "ReadonlyDataModified";
        if (!ours)
            return s->bytes != s->real.bytes ? "AccountDataSizeChanged"
                                             : "ExternalAccountDataModified";
        s->real.data = su_realloc(s->real.data, (size_t)s->bytes + 1);
        memcpy(s->real.data, s->data, (size_t)s->bytes);
        s->real.bytes = s->bytes;
    }
    if (memcmp(s->owner, s->real.owner, 32) != 0) {
        if (!ours || !s->writable || !zeros(s->real.data, s->real.bytes))
            return "ModifiedProgramId";
        memcpy(s->real.owner, s->owner, 32);
    }
    return NULL;
}

/* Shows the program what a call changed. */
static void show_program(struct seat *s)
{
    s->lamports = s->real.lamports;
    s->bytes = s->real.bytes;
    memcpy(s->owner, s->real.owner, 32);
    memcpy(s->data, s->real.data, (size_t)s->real.bytes);
}

static void sit(struct running *r, const struct svm_meta *metas, size_t i)
{
    struct su_sys_account *a = &r->accounts[i];
    size_t first = 0;
    while (memcmp(metas[first].key, metas[i].key, 32) != 0)
        first++;
    struct seat *s = &r->seat[first];
    if (first == i) {
        const struct held *h = find(r->bank, metas[i].key);
        s->there = true;
        if (h)
            s->real = *h;
        memcpy(s->real.key, metas[i].key, 32);
        s->real.data = su_alloc((size_t)s->real.bytes + 1);
        if (h)
            memcpy(s->real.data, h->data, (size_t)h->bytes);
        s->cap = s->real.bytes + GROWTH_BYTES;
        s->data = su_alloc((size_t)s->cap + 8);
        show_program(s);
    }
    /* In a transaction an account has one set of rights, the widest; programs of the runtime, and
       the one that is called, are never writable, whatever it says. */
    s->signer |= metas[i].signer;
    s->writable |= metas[i].writable && memcmp(metas[i].key, su_sys_system_id, 32) != 0 &&
                   memcmp(metas[i].key, r->bank->program, 32) != 0;
    *a = (struct su_sys_account){.key = s->real.key,
                                 .owner = s->owner,
                                 .lamports = &s->lamports,
                                 .data_len = &s->bytes,
                                 .data = s->data,
                                 .index = (uint8_t)first};
}

static void rise(struct running *r)
{
    for (size_t i = 0; i < SU_SYS_ACCOUNTS_MAX; i++) {
        free(r->seat[i].real.data);
        free(r->seat[i].data);
    }
}

/* A transaction may not leave an account with less than its rent, unless it was so before. */
static bool rent_holds(const struct running *r, const struct seat *s)
{
    const struct held *before = find(r->bank, s->real.key);
    const uint64_t need = bank_rent_minimum(s->real.bytes);
    if (s->real.lamports == 0 || s->real.lamports >= need || !s->writable)
        return true;
    return before && before->lamports < bank_rent_minimum(before->bytes) &&
           before->bytes == s->real.bytes && s->real.lamports <= before->lamports;
}

static enum svm_outcome outcome(struct running *r, uint64_t code, struct svm_result *out)
{
    static const char *const builtin[] = {
        NULL,
        NULL,
        "InvalidArgument",
        "InvalidInstructionData",
        "InvalidAccountData",
        "AccountDataTooSmall",
        "InsufficientFunds",
        "IncorrectProgramId",
        "MissingRequiredSignature",
        "AccountAlreadyInitialized",
        "UninitializedAccount",
        "NotEnoughAccountKeys",
    };
    uint64_t before = 0, after = 0;
    if (!r->error && code != 0) {
        const uint64_t high = code >> 32;
        if (high == 0)
            (void)ended(r, "Custom", (uint32_t)code);
        else if (high == 1 && (uint32_t)code == 0)
            (void)ended(r, "Custom", 0);
        else
            (void)ended(r,
                        (uint32_t)code == 0 && high < SU_ARRAY_LEN(builtin) ? builtin[high]
                                                                            : "InvalidError",
                        0);
    }
    for (size_t i = 0; !r->error && i < r->sys.count; i++)
        if (r->accounts[i].index == i)
            r->error = take_over(r, &r->seat[i]);
    for (size_t i = 0; i < r->sys.count; i++) {
        const struct held *h = find(r->bank, r->seat[i].real.key);
        before += r->seat[i].there && h ? h->lamports : 0;
        after += r->seat[i].there ? r->seat[i].real.lamports : 0;
    }
    if (!r->error && before != after)
        r->error = "UnbalancedInstruction";
    if (r->error) {
        (void)su_str_copy(out->name, sizeof out->name, r->error);
        out->custom = r->custom;
        return strcmp(r->error, "Custom") == 0 ? SVM_CUSTOM : SVM_ERROR;
    }
    for (size_t i = 0; i < r->sys.count; i++)
        if (r->seat[i].there && !rent_holds(r, &r->seat[i])) {
            (void)su_str_copy(out->name, sizeof out->name, "InsufficientFundsForRent");
            return SVM_REFUSED;
        }
    return SVM_OK;
}

void bank_run(struct bank *b, const void *data, size_t n, const struct svm_meta *metas,
              size_t nmetas, struct svm_result *out)
{
    struct running *r = su_alloc(sizeof *r);
    uint64_t *aligned = su_alloc(n + 8), *scratch = su_alloc(SU_SYS_SCRATCH);
    uint64_t code = (uint64_t)2 << 32; /* InvalidArgument, as sbf_entry.c */
    if (bank_watcher)
        bank_watcher->before(b, data, n, metas, nmetas);
    su_buf_clear(&b->log);
    su_buf_str(&b->log, "");
    memset(out, 0, sizeof *out);
    if (n)
        memcpy(aligned, data, n);
    r->bank = b;
    r->sys = (struct su_sys){.handle = r,
                             .program_id = b->program,
                             .accounts = r->accounts,
                             .data = (const uint8_t *)aligned,
                             .data_len = n,
                             .scratch = (uint8_t *)scratch};
    if (nmetas <= SU_SYS_ACCOUNTS_MAX) {
        for (size_t i = 0; i < nmetas; i++)
            sit(r, metas, i);
        for (size_t i = 0; i < nmetas; i++) {
            r->accounts[i].is_signer = r->seat[r->accounts[i].index].signer;
            r->accounts[i].is_writable = r->seat[r->accounts[i].index].writable;
        }
        r->sys.count = nmetas;
        code = su_program_process(&r->sys);
    }
    out->outcome = outcome(r, code, out);
    for (size_t i = 0; out->outcome == SVM_OK && i < r->sys.count; i++) {
        struct svm_account a;
        if (!r->seat[i].there)
            continue;
        show(&r->seat[i].real, &a);
        bank_account_set(b, &a);
    }
    (void)su_buf_reserve(&b->log, 1);
    out->log = (const char *)b->log.data;
    rise(r);
    free(r);
    free(aligned);
    free(scratch);
    if (bank_watcher)
        bank_watcher->after(b, out);
}

/* ---- facts ---------------------------------------------------------------------------------- */

void su_sys_sha256(const struct su_sys_bytes *parts, uint64_t nparts, uint8_t out[32])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    for (uint64_t i = 0; i < nparts; i++)
        su_sha256_update(&h, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&h, out);
}

uint64_t su_sys_slot(struct su_sys *s)
{
    return ((struct running *)s->handle)->bank->slot;
}

bool su_sys_slot_hash(struct su_sys *s, uint32_t index, uint64_t *slot, uint8_t hash[32])
{
    const struct bank *b = ((struct running *)s->handle)->bank;
    if (index >= b->hashes)
        return false;
    *slot = b->hash_slot[index];
    memcpy(hash, b->hash[index], 32);
    return true;
}

uint64_t su_sys_rent_minimum(struct su_sys *s, uint64_t data_bytes)
{
    (void)s;
    return bank_rent_minimum(data_bytes);
}

bool su_sys_find_address(struct su_sys *s, const struct su_sys_bytes *seeds, uint64_t nseeds,
                         uint8_t key[32], uint8_t *bump)
{
    if (nseeds > SEEDS_MAX)
        stop("more seeds than sys.h allows");
    return bank_find_address(s->program_id, seeds, (size_t)nseeds, key, bump);
}

bool su_sys_point_add(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    return su_point_add(p, q, out);
}

bool su_sys_point_mul2(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32])
{
    return su_point_mul2(scalars, points, out);
}

void su_sys_log(struct su_sys *s, const char *text, uint64_t n)
{
    struct running *r = s->handle;
    su_buf_str(&r->bank->log, "Program log: ");
    su_buf_put(&r->bank->log, text, (size_t)n);
    su_buf_str(&r->bank->log, "\n");
}

void su_sys_close(struct su_sys *s, struct su_sys_account *account, struct su_sys_account *to)
{
    (void)s;
    if (account->lamports != to->lamports) {
        *to->lamports += *account->lamports;
        *account->lamports = 0;
    }
    memset(account->data, 0, (size_t)*account->data_len);
    *account->data_len = 0;
    memset(account->owner, 0, 32);
}

/* ---- calls of other programs ---------------------------------------------------------------- */

/* One account of a call: its seat, and the rights the call asks for. */
struct callee {
    struct seat *seat;
    bool signer, writable;
};

static struct callee callee_of(struct running *r, const struct su_sys_account *a, bool signer,
                               bool writable)
{
    return (struct callee){&r->seat[a->index], signer, writable};
}

static bool derived(const struct running *r, const struct su_sys_bytes *seeds, uint64_t nseeds,
                    uint8_t bump, uint8_t key[32])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    for (uint64_t i = 0; i < nseeds; i++)
        su_sha256_update(&h, seeds[i].p, (size_t)seeds[i].n);
    su_sha256_update(&h, &bump, 1);
    su_sha256_update(&h, r->bank->program, 32);
    su_sha256_update(&h, "ProgramDerivedAddress", 21);
    su_sha256_final(&h, key);
    return !su_point_valid(key);
}

/* What the runtime does before a call: the address that signs, rights, the caller's changes. */
static bool call_begins(struct running *r, const uint8_t program[32], struct callee *c, size_t n,
                        const uint8_t *signer)
{
    bool there = false;
    if (r->error)
        return false;
    for (uint64_t i = 0; i < r->sys.count; i++)
        there |= memcmp(r->accounts[i].key, program, 32) == 0;
    for (size_t i = 0; i < n; i++) {
        const bool by_seeds = signer && memcmp(signer, c[i].seat->real.key, 32) == 0;
        if ((c[i].writable && !c[i].seat->writable) ||
            (c[i].signer && !c[i].seat->signer && !by_seeds))
            return ended(r, "PrivilegeEscalation", 0) == 0;
    }
    if (!there)
        return ended(r, "MissingAccount", 0) == 0;
    for (size_t i = 0; i < n && !r->error; i++)
        r->error = take_over(r, c[i].seat);
    return !r->error;
}

static uint64_t call_ends(struct running *r, struct callee *c, size_t n)
{
    for (size_t i = 0; i < n && !r->error; i++) {
        if (c[i].seat->real.bytes > c[i].seat->cap)
            return ended(r, "InvalidRealloc", 0);
        show_program(c[i].seat);
    }
    return r->error ? 1 : 0;
}

enum { SYSTEM_IN_USE = 0, SYSTEM_TOO_POOR = 1, SYSTEM_TOO_LONG = 3 };

static void system_transfer(struct running *r, struct seat *from, struct seat *to, uint64_t amount)
{
    if (from->real.bytes != 0)
        (void)ended(r, "InvalidArgument", 0);
    else if (from->real.lamports < amount)
        (void)ended(r, "Custom", SYSTEM_TOO_POOR);
    else if (!owned_by(&from->real, su_sys_system_id))
        (void)ended(r, "ExternalAccountLamportSpend", 0);
    if (r->error)
        return;
    from->real.lamports -= amount;
    to->real.lamports += amount;
}

static void system_allocate(struct running *r, struct seat *s, uint64_t bytes)
{
    if (s->real.bytes != 0 || !owned_by(&s->real, su_sys_system_id))
        (void)ended(r, "Custom", SYSTEM_IN_USE);
    else if (bytes > 10u << 20)
        (void)ended(r, "Custom", SYSTEM_TOO_LONG);
    if (r->error)
        return;
    free(s->real.data);
    s->real.data = su_alloc((size_t)bytes + 1);
    s->real.bytes = bytes;
}

uint64_t su_sys_create_account(struct su_sys *s, const struct su_sys_creation *t)
{
    struct running *r = s->handle;
    struct callee c[2] = {callee_of(r, t->payer, true, true), callee_of(r, t->account, true, true)};
    struct callee paid[2] = {c[0], {c[1].seat, false, true}};
    struct seat *account = c[1].seat;
    const uint64_t need = bank_rent_minimum(t->bytes), have = account->lamports;
    uint8_t key[32];
    if (!derived(r, t->seeds, t->nseeds, t->bump, key))
        return ended(r, "ProgramFailedToComplete", 0);
    if (have == 0) {
        if (!call_begins(r, su_sys_system_id, c, 2, key))
            return 1;
        system_allocate(r, account, t->bytes);
        if (!r->error)
            memcpy(account->real.owner, r->bank->program, 32);
        if (!r->error)
            system_transfer(r, c[0].seat, account, need);
        return call_ends(r, c, 2);
    }
    if (have < need) {
        if (!call_begins(r, su_sys_system_id, paid, 2, key))
            return 1;
        system_transfer(r, c[0].seat, account, need - have);
        if (call_ends(r, paid, 2))
            return 1;
    }
    if (!call_begins(r, su_sys_system_id, c + 1, 1, key))
        return 1;
    system_allocate(r, account, t->bytes);
    if (call_ends(r, c + 1, 1))
        return 1;
    memcpy(account->real.owner, r->bank->program, 32);
    return call_ends(r, c + 1, 1);
}

/* ---- SPL Token ------------------------------------------------------------------------------ */

enum { AT_HOLDER = 32, AT_AMOUNT = 64, AT_STATE = 108, AT_DECIMALS = 44, AT_MADE = 45 };
enum {
    TOKEN_TOO_POOR = 1,
    TOKEN_MINT = 3,
    TOKEN_OWNER = 4,
    TOKEN_FROZEN = 17,
    TOKEN_DECIMALS = 18
};

static const char *token_check(const struct held *h)
{
    if (h->bytes != TOKEN_BYTES || h->data[AT_STATE] > 2)
        return "InvalidAccountData";
    return h->data[AT_STATE] == 0 ? "UninitializedAccount" : NULL;
}

static void token_move(struct running *r, const struct su_sys_transfer *t, struct callee c[4])
{
    struct held *from = &c[0].seat->real, *to = &c[2].seat->real;
    const struct held *mint = &c[1].seat->real;
    r->error = token_check(from);
    if (!r->error)
        r->error = token_check(to);
    if (r->error)
        return;
    const uint64_t have = su_le64(from->data + AT_AMOUNT);
    if (from->data[AT_STATE] == 2 || to->data[AT_STATE] == 2)
        (void)ended(r, "Custom", TOKEN_FROZEN);
    else if (have < t->amount)
        (void)ended(r, "Custom", TOKEN_TOO_POOR);
    else if (memcmp(from->data, to->data, 32) != 0 || memcmp(from->data, mint->key, 32) != 0)
        (void)ended(r, "Custom", TOKEN_MINT);
    else if (mint->bytes != MINT_BYTES)
        (void)ended(r, "InvalidAccountData", 0);
    else if (mint->data[AT_DECIMALS] != t->decimals)
        (void)ended(r, "Custom", TOKEN_DECIMALS);
    else if (memcmp(from->data + AT_HOLDER, c[3].seat->real.key, 32) != 0)
        (void)ended(r, "Custom", TOKEN_OWNER);
    else if (from != to && t->amount != 0 &&
             !(owned_by(from, su_sys_token_id) && owned_by(to, su_sys_token_id)))
        (void)ended(r, "ExternalAccountDataModified", 0);
    else if (from != to) {
        su_put_le64(from->data + AT_AMOUNT, have - t->amount);
        su_put_le64(to->data + AT_AMOUNT, su_le64(to->data + AT_AMOUNT) + t->amount);
    }
}

uint64_t su_sys_token_transfer(struct su_sys *s, const struct su_sys_transfer *t)
{
    struct running *r = s->handle;
    struct callee c[4] = {callee_of(r, t->from, false, true), callee_of(r, t->mint, false, false),
                          callee_of(r, t->to, false, true),
                          callee_of(r, t->authority, true, false)};
    uint8_t key[32];
    if (t->nseeds > 0 && !derived(r, t->seeds, t->nseeds, t->bump, key))
        return ended(r, "ProgramFailedToComplete", 0);
    if (!call_begins(r, su_sys_token_id, c, 4, t->nseeds > 0 ? key : NULL))
        return 1;
    token_move(r, t, c);
    return call_ends(r, c, 4);
}

void bank_mint_set(struct bank *b, const uint8_t key[32], uint8_t decimals)
{
    uint8_t data[MINT_BYTES] = {0};
    struct svm_account a = {
        .lamports = bank_rent_minimum(sizeof data), .data = data, .data_bytes = sizeof data};
    memcpy(a.key, key, 32);
    memcpy(a.owner, su_sys_token_id, 32);
    data[AT_DECIMALS] = decimals;
    data[AT_MADE] = 1;
    bank_account_set(b, &a);
}

void bank_token_set(struct bank *b, const uint8_t key[32], const uint8_t mint[32],
                    const uint8_t holder[32], uint64_t amount)
{
    uint8_t data[TOKEN_BYTES] = {0};
    struct svm_account a = {
        .lamports = bank_rent_minimum(sizeof data), .data = data, .data_bytes = sizeof data};
    memcpy(a.key, key, 32);
    memcpy(a.owner, su_sys_token_id, 32);
    memcpy(data, mint, 32);
    memcpy(data + AT_HOLDER, holder, 32);
    su_put_le64(data + AT_AMOUNT, amount);
    data[AT_STATE] = 1;
    bank_account_set(b, &a);
}

uint64_t bank_token_amount(const struct bank *b, const uint8_t key[32])
{
    const struct held *h = find(b, key);
    return h && h->bytes == TOKEN_BYTES ? su_le64(h->data + AT_AMOUNT) : 0;
}
