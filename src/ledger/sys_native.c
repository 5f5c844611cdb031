// SPDX-License-Identifier: MIT
/* The machine that program/sys.h describes, for programs compiled into this process. As in the VM,
   a program works on copies; what it changed is checked and taken over when it calls another
   program and when it returns, and a failed call ends the transaction whatever the program does
   with the answer. Units are those of the VM's syscalls. */
#include "crypto/crypto.h"
#include "exec.h"
#include "program/program.h"

#include <string.h>

enum {
    UNITS_ADDRESS = 1500,
    UNITS_CALL = 1000,
    UNITS_SYSVAR = 120,
    UNITS_SHA_BASE = 85,
    UNITS_LOG = 100,
    UNITS_POINT_ADD = 473,
    UNITS_POINT_MUL2 = 3031,
    LOG_MAX_BYTES = 200,
    SEEDS_MAX = 8,
    TOKEN_TRANSFER_CHECKED = 12
};

const uint8_t su_sys_system_id[32] = {0};
const uint8_t su_sys_token_id[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac,
    0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0,    0xa9};

/* One distinct account as the program sees it. */
struct shadow {
    uint8_t owner[32];
    uint64_t lamports, data_bytes, cap;
    uint8_t *data;
};
struct native {
    struct su_sys sys;
    struct su_ledger_exec *x;
    struct su_sys_account accounts[SU_SYS_ACCOUNTS_MAX];
    struct shadow shadows[SU_SYS_ACCOUNTS_MAX]; /* used where accounts[i].index == i */
    uint64_t abort; /* instruction error that ends the transaction */
};

/* su_sys_sha256 is not told who runs. */
static _Thread_local struct native *running;

static bool pay(struct native *n, uint64_t units)
{
    if (n == NULL || n->abort != 0) {
        return n == NULL;
    }
    if (!su_ledger_charge(n->x, units)) {
        n->abort = SU_IE(ComputationalBudgetExceeded);
        return false;
    }
    return true;
}

/* What the program gets to see of an error that ends the transaction anyway. */
static uint64_t failed(struct native *n, uint64_t ie)
{
    if (n->abort == 0) {
        n->abort = ie;
    }
    return UINT64_C(1) << 32 | 1;
}

/* ---- copies ---------------------------------------------------------------------------------- */

uint64_t su_ledger_native_out(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    struct native *n = f->native;
    uint64_t c = 0;

    for (size_t i = 0; i < f->n && c == 0; i++) {
        const struct shadow *s = &n->shadows[i];
        const struct su_ledger_work *w = su_ledger_frame_work(x, f, i);

        if (n->accounts[i].index != i) {
            continue;
        }
        if (s->data_bytes > s->cap) {
            return SU_IE(InvalidRealloc);
        }
        if (s->lamports != w->lamports) {
            c = su_ledger_set_lamports(x, f, i, s->lamports);
        }
        if (c == 0 && (s->data_bytes != w->data_bytes ||
                       memcmp(s->data, w->data, (size_t)s->data_bytes) != 0)) {
            c = su_ledger_set_data(x, f, i, s->data, s->data_bytes);
        }
        if (c == 0 && memcmp(s->owner, w->owner, 32) != 0) {
            c = su_ledger_set_owner(x, f, i, s->owner);
        }
    }
    return c;
}

uint64_t su_ledger_native_in(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    struct native *n = f->native;

    for (size_t i = 0; i < f->n; i++) {
        struct shadow *s = &n->shadows[i];
        const struct su_ledger_work *w = su_ledger_frame_work(x, f, i);

        if (n->accounts[i].index != i) {
            continue;
        }
        if (w->data_bytes > s->cap) {
            su_ledger_log(x, "Account data size realloc limited to %u in inner instructions",
                          SU_LEDGER_GROWTH_MAX);
            return SU_IE(InvalidRealloc);
        }
        s->lamports = w->lamports;
        s->data_bytes = w->data_bytes;
        memcpy(s->owner, w->owner, 32);
        memcpy(s->data, w->data, (size_t)w->data_bytes);
    }
    return 0;
}

static uint8_t first_of(const struct su_ledger_frame *f, size_t i)
{
    size_t k = 0;

    while (f->metas[k].at != f->metas[i].at) {
        k++;
    }
    return (uint8_t)k;
}

static bool make_shadows(struct su_ledger_exec *x, struct su_ledger_frame *f, struct native *n)
{
    for (size_t i = 0; i < f->n; i++) {
        struct su_sys_account *a = &n->accounts[i];
        const struct su_ledger_work *w = su_ledger_frame_work(x, f, i);
        struct shadow *s;

        a->index = first_of(f, i);
        s = &n->shadows[a->index];
        if (a->index == i) {
            s->cap = w->data_bytes + SU_LEDGER_GROWTH_MAX;
            s->data = su_arena_alloc(&x->mem, (size_t)s->cap);
            if (s->data == NULL) {
                return false;
            }
        }
        a->key = w->key;
        a->owner = s->owner;
        a->lamports = &s->lamports;
        a->data_len = &s->data_bytes;
        a->data = s->data;
        a->is_signer = f->metas[i].signer;
        a->is_writable = f->metas[i].writable;
    }
    return true;
}

uint64_t su_ledger_run_native(struct su_ledger_exec *x, struct su_ledger_frame *f,
                              const struct su_ledger_native *program)
{
    struct native *n, *outer = running;
    uint8_t *data, *scratch;
    uint64_t r, c;

    if (!su_ledger_charge(x, program->units)) {
        return SU_IE(ComputationalBudgetExceeded);
    }
    if (f->n > SU_SYS_ACCOUNTS_MAX) {
        return SU_IE(InvalidArgument);
    }
    n = su_arena_alloc(&x->mem, sizeof *n);
    data = su_arena_alloc(&x->mem, (size_t)f->data_bytes + 1);
    scratch = su_arena_alloc(&x->mem, SU_SYS_SCRATCH);
    if (n == NULL || data == NULL || scratch == NULL || !make_shadows(x, f, n)) {
        x->no_memory = true;
        return SU_IE(GenericError);
    }
    if (f->data_bytes != 0) {
        memcpy(data, f->data, f->data_bytes);
    }
    n->x = x;
    n->sys = (struct su_sys){.handle = n,
                             .program_id = f->program_id,
                             .accounts = n->accounts,
                             .count = f->n,
                             .data = data,
                             .data_len = f->data_bytes,
                             .scratch = scratch};
    f->native = n;
    c = su_ledger_native_in(x, f);
    running = n;
    r = c == 0 ? program->process(&n->sys) : 0;
    running = outer;
    if (n->abort != 0) {
        c = n->abort;
    } else if (c == 0) {
        c = su_ledger_ie_of_program(r);
    }
    return c != 0 ? c : su_ledger_native_out(x, f);
}

/* ---- what a program may ask ------------------------------------------------------------------ */

void su_sys_sha256(const struct su_sys_bytes *parts, uint64_t nparts, uint8_t out[32])
{
    struct su_sha256 h;
    uint64_t units = UNITS_SHA_BASE;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < nparts; i++) {
        su_sha256_update(&h, parts[i].p, (size_t)parts[i].n);
        units += SU_MAX((uint64_t)10, parts[i].n / 2);
    }
    su_sha256_final(&h, out);
    (void)pay(running, units);
}

uint64_t su_sys_slot(struct su_sys *s)
{
    struct native *n = s->handle;

    (void)pay(n, UNITS_SYSVAR);
    return n->x->ring->slot;
}

bool su_sys_slot_hash(struct su_sys *s, uint32_t index, uint64_t *slot, uint8_t hash[32])
{
    struct native *n = s->handle;
    const struct su_ledger_ring_entry *e = su_ledger_ring_at(n->x->ring, index);

    if (!pay(n, UNITS_SYSVAR) || e == NULL) {
        return false;
    }
    *slot = e->slot;
    memcpy(hash, e->hash, 32);
    return true;
}

uint64_t su_sys_rent_minimum(struct su_sys *s, uint64_t data_bytes)
{
    (void)pay(s->handle, UNITS_SYSVAR);
    return su_ledger_rent_minimum(data_bytes);
}

bool su_sys_find_address(struct su_sys *s, const struct su_sys_bytes *seeds, uint64_t nseeds,
                         uint8_t key[32], uint8_t *bump)
{
    struct native *n = s->handle;
    struct su_ledger_seed list[SEEDS_MAX];
    bool found;

    if (nseeds > SEEDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < nseeds; i++) {
        list[i] = (struct su_ledger_seed){seeds[i].p, (size_t)seeds[i].n};
    }
    found = su_ledger_find_address(list, (size_t)nseeds, s->program_id, key, bump);
    return pay(n, found ? UNITS_ADDRESS * (256 - (uint64_t)*bump) : UNITS_ADDRESS) && found;
}

/* The address that seeds and bump sign for. False: they do not make one. */
static bool derive(struct su_sys *s, const struct su_sys_bytes *seeds, uint64_t nseeds,
                   uint8_t bump, uint8_t key[32])
{
    struct su_ledger_seed list[SEEDS_MAX + 1];

    if (nseeds > SEEDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < nseeds; i++) {
        list[i] = (struct su_ledger_seed){seeds[i].p, (size_t)seeds[i].n};
    }
    list[nseeds] = (struct su_ledger_seed){&bump, 1};
    return su_ledger_make_address(list, (size_t)nseeds + 1, s->program_id, key);
}

static uint64_t call_system(struct native *n, const struct su_ledger_call_meta *metas,
                            size_t n_metas, const uint8_t *data, size_t bytes,
                            const uint8_t derived[32])
{
    if (!pay(n, UNITS_CALL)) {
        return n->abort;
    }
    return su_ledger_call(n->x, su_ledger_system_id, metas, n_metas, data, bytes, derived, 1);
}

enum { CREATE = 0, ASSIGN = 1, TRANSFER = 2, ALLOCATE = 8 };

/* An address that somebody sent lamports to cannot be created, only completed. */
static uint64_t complete(struct native *n, const struct su_ledger_call_meta metas[2],
                         uint64_t missing, uint64_t bytes, const uint8_t derived[32])
{
    uint8_t d[36] = {0};
    uint64_t c = 0;

    if (missing != 0) {
        const struct su_ledger_call_meta pay_to[2] = {metas[0], {metas[1].key, false, true}};

        su_put_le32(d, TRANSFER);
        su_put_le64(d + 4, missing);
        c = call_system(n, pay_to, 2, d, 12, derived);
    }
    if (c == 0) {
        su_put_le32(d, ALLOCATE);
        su_put_le64(d + 4, bytes);
        c = call_system(n, metas + 1, 1, d, 12, derived);
    }
    if (c == 0) {
        su_put_le32(d, ASSIGN);
        memcpy(d + 4, n->sys.program_id, 32);
        c = call_system(n, metas + 1, 1, d, 36, derived);
    }
    return c;
}

uint64_t su_sys_create_account(struct su_sys *s, const struct su_sys_creation *t)
{
    struct native *n = s->handle;
    const struct su_ledger_call_meta metas[2] = {{t->payer->key, true, true},
                                                 {t->account->key, true, true}};
    uint64_t need = su_ledger_rent_minimum(t->bytes), have = *t->account->lamports, c;
    uint8_t derived[32], d[52];

    if (n->abort != 0) {
        return failed(n, n->abort);
    }
    if (!derive(s, t->seeds, t->nseeds, t->bump, derived)) {
        return failed(n, SU_IE(ProgramFailedToComplete));
    }
    if (have == 0) {
        su_put_le32(d, CREATE);
        su_put_le64(d + 4, need);
        su_put_le64(d + 12, t->bytes);
        memcpy(d + 20, s->program_id, 32);
        c = call_system(n, metas, 2, d, sizeof d, derived);
    } else {
        c = complete(n, metas, have < need ? need - have : 0, t->bytes, derived);
    }
    return c != 0 ? failed(n, c) : 0;
}

void su_sys_close(struct su_sys *s, struct su_sys_account *account, struct su_sys_account *to)
{
    struct native *n = s->handle;

    if (n->abort != 0) {
        return;
    }
    if (account->lamports != to->lamports &&
        !su_add_u64(*to->lamports, *account->lamports, to->lamports)) {
        (void)failed(n, SU_IE(ArithmeticOverflow));
        return;
    }
    if (account->lamports != to->lamports) {
        *account->lamports = 0;
    }
    memset(account->data, 0, (size_t)*account->data_len);
    *account->data_len = 0;
    memset(account->owner, 0, 32);
}

uint64_t su_sys_token_transfer(struct su_sys *s, const struct su_sys_transfer *t)
{
    struct native *n = s->handle;
    const struct su_ledger_call_meta metas[4] = {{t->from->key, false, true},
                                                 {t->mint->key, false, false},
                                                 {t->to->key, false, true},
                                                 {t->authority->key, true, false}};
    uint8_t derived[32], d[10] = {TOKEN_TRANSFER_CHECKED};
    uint64_t c;

    if (n->abort != 0 || !pay(n, UNITS_CALL)) {
        return failed(n, n->abort);
    }
    if (t->nseeds > 0 && !derive(s, t->seeds, t->nseeds, t->bump, derived)) {
        return failed(n, SU_IE(ProgramFailedToComplete));
    }
    su_put_le64(d + 1, t->amount);
    d[9] = t->decimals;
    c = su_ledger_call(n->x, su_ledger_token_id, metas, 4, d, sizeof d, derived,
                       t->nseeds > 0 ? 1 : 0);
    return c != 0 ? failed(n, c) : 0;
}

bool su_sys_point_add(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    return pay(running, UNITS_POINT_ADD) && su_point_add(p, q, out);
}

bool su_sys_point_mul2(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32])
{
    uint8_t a[SU_POINT_BYTES], b[SU_POINT_BYTES];

    return pay(running, UNITS_POINT_MUL2) && su_point_mul(scalars, points, a) &&
           su_point_mul(scalars + 32, points + 32, b) && su_point_add(a, b, out);
}

void su_sys_log(struct su_sys *s, const char *text, uint64_t n)
{
    struct native *h = s->handle;

    n = SU_MIN(n, (uint64_t)LOG_MAX_BYTES);
    if (pay(h, SU_MAX((uint64_t)UNITS_LOG, n))) {
        su_ledger_log_text(h->x, text, (size_t)n);
    }
}
