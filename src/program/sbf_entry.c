// SPDX-License-Identifier: MIT
/* The machine that sys.h describes, made of the calls that Solana's virtual machine offers.
   Compiled for BPF only, never into a host's library; FREESTANDING. The structures are the C
   interface of the runtime (loader v3, aligned input). A failed cross-program call ends the
   transaction inside the VM, so it never returns here. */
#include "program.h"

/* ---- the runtime's interface ---------------------------------------------------------------- */

/* Cross-program calls take these by address. */
struct sol_meta {
    const uint8_t *key;
    bool is_writable, is_signer;
};
struct sol_instruction {
    const uint8_t *program;
    const struct sol_meta *metas;
    uint64_t nmetas;
    const uint8_t *data;
    uint64_t data_len;
};
struct sol_account {
    const uint8_t *key;
    uint64_t *lamports;
    uint64_t data_len;
    uint8_t *data;
    const uint8_t *owner;
    uint64_t rent_epoch;
    bool is_signer, is_writable, executable;
};
struct sol_signer {
    const struct su_sys_bytes *seeds;
    uint64_t nseeds;
};
_Static_assert(sizeof(struct sol_meta) == 16 && sizeof(struct sol_instruction) == 40 &&
                   sizeof(struct sol_account) == 56 && sizeof(struct sol_signer) == 16,
               "the runtime reads these layouts");

struct sol_clock {
    uint64_t slot;
    int64_t epoch_start, epoch, leader_epoch, unix_time;
};
struct sol_rent {
    uint64_t lamports_per_byte;
    uint64_t threshold; /* a double: a factor on the above */
    uint64_t burn_percent;
};

uint64_t sol_log_(const char *text, uint64_t n);
uint64_t sol_sha256(const struct su_sys_bytes *parts, uint64_t nparts, uint8_t out[32]);
uint64_t sol_get_clock_sysvar(struct sol_clock *out);
uint64_t sol_get_rent_sysvar(struct sol_rent *out);
uint64_t sol_get_sysvar(const uint8_t id[32], uint8_t *out, uint64_t offset, uint64_t n);
uint64_t sol_try_find_program_address(const struct su_sys_bytes *seeds, uint64_t nseeds,
                                      const uint8_t program[32], uint8_t key[32], uint8_t *bump);
uint64_t sol_invoke_signed_c(const struct sol_instruction *ix, const struct sol_account *accounts,
                             uint64_t naccounts, const struct sol_signer *signers,
                             uint64_t nsigners);
uint64_t sol_curve_group_op(uint64_t curve, uint64_t op, const uint8_t *left, const uint8_t *right,
                            uint8_t *out);
uint64_t sol_curve_multiscalar_mul(uint64_t curve, const uint8_t *scalars, const uint8_t *points,
                                   uint64_t n, uint8_t *out);

enum { CURVE_EDWARDS = 0, GROUP_ADD = 0 };
enum { SYSTEM_CREATE = 0, SYSTEM_ASSIGN = 1, SYSTEM_TRANSFER = 2, SYSTEM_ALLOCATE = 8 };
enum { TOKEN_TRANSFER_CHECKED = 12 };

#define SEEDS_MAX 8u
#define INVALID_ARGUMENT ((uint64_t)2 << 32) /* how a program names that error of the runtime */

const uint8_t su_sys_system_id[32] = {0};
const uint8_t su_sys_token_id[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac,
    0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9};
/* SysvarS1otHashes111111111111111111111111111 */
static const uint8_t slot_hashes_id[32] = {
    0x06, 0xa7, 0xd5, 0x17, 0x19, 0x2f, 0x0a, 0xaf, 0xc6, 0xf2, 0x65, 0xe3, 0xfb, 0x77, 0xcc, 0x7a,
    0xda, 0x82, 0xc5, 0x29, 0xd0, 0xbe, 0x3b, 0x13, 0x6e, 0x2d, 0x00, 0x55, 0x20, 0x00, 0x00, 0x00};

/* ---- memory --------------------------------------------------------------------------------- */

/* The VM gives 32 KiB at a fixed address, zeroed for each instruction. A stack frame has 512 bytes
   only, so what is handed to the runtime is put together here. */
struct heap {
    struct su_sys sys;
    struct su_sys_account accounts[SU_SYS_ACCOUNTS_MAX];
    struct sol_instruction ix;
    struct sol_meta metas[4];
    struct sol_account infos[4];
    struct su_sys_bytes seeds[SEEDS_MAX + 1];
    struct sol_signer signer;
    uint8_t data[56];
    uint8_t bump;
    uint64_t hash_count; /* entries of SlotHashes, once asked for */
    uint8_t entry[40];
    uint64_t scratch[SU_SYS_SCRATCH / 8];
};
_Static_assert(sizeof(struct heap) <= 32768, "larger than the heap of the VM");
#define HEAP ((struct heap *)0x300000000)

/* ---- input ---------------------------------------------------------------------------------- */

#define GROWTH_BYTES 10240u /* room after each account's data */
#define NOT_DUPLICATE 0xffu

/* Takes one account from the input, and returns where the next begins. */
static uint8_t *take_account(uint8_t *p, uint64_t i)
{
    struct su_sys_account *a = &HEAP->accounts[i];
    if (p[0] != NOT_DUPLICATE) {
        *a = HEAP->accounts[p[0]];
        return p + 8;
    }
    a->is_signer = p[1] != 0;
    a->is_writable = p[2] != 0;
    a->index = (uint8_t)i;
    a->key = p + 8;
    a->owner = p + 40;
    a->lamports = (uint64_t *)(void *)(p + 72);
    a->data_len = (uint64_t *)(void *)(p + 80);
    a->data = p + 88;
    return p + ((88 + *a->data_len + GROWTH_BYTES + 7) & ~(uint64_t)7) + 8;
}

uint64_t entrypoint(uint8_t *input)
{
    struct su_sys *s = &HEAP->sys;
    uint8_t *p = input + 8;
    s->count = *(const uint64_t *)(const void *)input;
    if (s->count > SU_SYS_ACCOUNTS_MAX)
        return INVALID_ARGUMENT;
    for (uint64_t i = 0; i < s->count; i++)
        p = take_account(p, i);
    s->data_len = *(const uint64_t *)(const void *)p;
    s->data = p + 8;
    s->program_id = s->data + s->data_len;
    s->handle = HEAP;
    s->accounts = HEAP->accounts;
    s->scratch = (uint8_t *)HEAP->scratch;
    return su_program_process(s);
}

/* ---- facts of the bank ---------------------------------------------------------------------- */

void su_sys_sha256(const struct su_sys_bytes *parts, uint64_t nparts, uint8_t out[32])
{
    (void)sol_sha256(parts, nparts, out);
}

uint64_t su_sys_slot(struct su_sys *s)
{
    struct sol_clock clock;
    (void)s;
    (void)sol_get_clock_sysvar(&clock);
    return clock.slot;
}

bool su_sys_slot_hash(struct su_sys *s, uint32_t index, uint64_t *slot, uint8_t hash[32])
{
    uint8_t *entry = HEAP->entry;
    (void)s;
    if (HEAP->hash_count == 0) {
        if (sol_get_sysvar(slot_hashes_id, entry, 0, 8) != 0)
            return false;
        HEAP->hash_count = su_free_load64(entry);
    }
    if (index >= HEAP->hash_count ||
        sol_get_sysvar(slot_hashes_id, entry, 8 + (uint64_t)index * 40, 40) != 0)
        return false;
    *slot = su_free_load64(entry);
    su_free_copy(hash, entry + 8, 32);
    return true;
}

/* The VM has no floating point. The factor is a power of two on every cluster there is (2, or 1
   where it has been folded into the price); another one is multiplied exactly and rounded down. */
static uint64_t times_double(uint64_t v, uint64_t bits)
{
    const uint64_t exponent = bits >> 52; /* the sign is never set */
    const uint64_t mantissa = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    if (exponent >= 1023 && exponent < 1023 + 11 && (mantissa & (mantissa - 1)) == 0)
        return v << (exponent - 1023);
    const uint64_t shift = 1023 + 52 - exponent;
    uint64_t out = 0;
    if (shift < 64 && su_free_mul_div(v, mantissa, (uint64_t)1 << shift, &out))
        return out;
    return UINT64_MAX;
}

uint64_t su_sys_rent_minimum(struct su_sys *s, uint64_t data_bytes)
{
    struct sol_rent rent;
    (void)s;
    (void)sol_get_rent_sysvar(&rent);
    return times_double((128 + data_bytes) * rent.lamports_per_byte, rent.threshold);
}

bool su_sys_find_address(struct su_sys *s, const struct su_sys_bytes *seeds, uint64_t nseeds,
                         uint8_t key[32], uint8_t *bump)
{
    return sol_try_find_program_address(seeds, nseeds, s->program_id, key, bump) == 0;
}

/* ---- cross-program calls -------------------------------------------------------------------- */

/* Account number i of the call that is being put together. */
static void call_account(uint64_t i, const struct su_sys_account *a, bool is_writable,
                         bool is_signer)
{
    struct sol_account *info = &HEAP->infos[i];
    HEAP->metas[i].key = a->key;
    HEAP->metas[i].is_writable = is_writable;
    HEAP->metas[i].is_signer = is_signer;
    info->key = a->key;
    info->lamports = a->lamports;
    info->data_len = *a->data_len;
    info->data = a->data;
    info->owner = a->owner;
    info->rent_epoch = UINT64_MAX;
    info->is_signer = a->is_signer;
    info->is_writable = a->is_writable;
    info->executable = false;
}

/* Puts the seeds of the address that signs into the heap; its bump is the last of them. */
static void call_seeds(const struct su_sys_bytes *seeds, uint64_t nseeds, uint8_t bump)
{
    for (uint64_t i = 0; i < nseeds; i++)
        HEAP->seeds[i] = seeds[i];
    HEAP->bump = bump;
    HEAP->seeds[nseeds].p = &HEAP->bump;
    HEAP->seeds[nseeds].n = 1;
    HEAP->signer.seeds = HEAP->seeds;
    HEAP->signer.nseeds = nseeds + 1;
}

static uint64_t call(const uint8_t program[32], uint64_t first, uint64_t naccounts,
                     uint64_t data_len, uint64_t nsigners)
{
    struct sol_instruction *ix = &HEAP->ix;
    ix->program = program;
    ix->metas = HEAP->metas + first;
    ix->nmetas = naccounts;
    ix->data = HEAP->data;
    ix->data_len = data_len;
    return sol_invoke_signed_c(ix, HEAP->infos + first, naccounts, &HEAP->signer, nsigners);
}

/* An address that somebody sent lamports to cannot be created, only completed. */
static uint64_t complete_account(struct su_sys *s, const struct su_sys_creation *c, uint64_t need)
{
    const uint64_t have = *c->account->lamports;
    uint8_t *data = HEAP->data;
    uint64_t r = 0;
    if (have < need) {
        su_free_store32(data, SYSTEM_TRANSFER);
        su_free_store64(data + 4, need - have);
        HEAP->metas[1].is_signer = false;
        r = call(su_sys_system_id, 0, 2, 12, 1);
        HEAP->metas[1].is_signer = true;
    }
    if (r == 0) {
        su_free_store32(data, SYSTEM_ALLOCATE);
        su_free_store64(data + 4, c->bytes);
        r = call(su_sys_system_id, 1, 1, 12, 1);
    }
    if (r == 0) {
        call_account(1, c->account, true, true); /* its data have grown */
        su_free_store32(data, SYSTEM_ASSIGN);
        su_free_copy(data + 4, s->program_id, 32);
        r = call(su_sys_system_id, 1, 1, 36, 1);
    }
    return r;
}

uint64_t su_sys_create_account(struct su_sys *s, const struct su_sys_creation *c)
{
    const uint64_t need = su_sys_rent_minimum(s, c->bytes);
    uint8_t *data = HEAP->data;
    call_account(0, c->payer, true, true);
    call_account(1, c->account, true, true);
    call_seeds(c->seeds, c->nseeds, c->bump);
    if (*c->account->lamports != 0)
        return complete_account(s, c, need);
    su_free_store32(data, SYSTEM_CREATE);
    su_free_store64(data + 4, need);
    su_free_store64(data + 12, c->bytes);
    su_free_copy(data + 20, s->program_id, 32);
    return call(su_sys_system_id, 0, 2, 52, 1);
}

void su_sys_close(struct su_sys *s, struct su_sys_account *account, struct su_sys_account *to)
{
    (void)s;
    if (account->lamports != to->lamports) {
        *to->lamports += *account->lamports; /* the sum of all lamports has far fewer bits */
        *account->lamports = 0;
    }
    *account->data_len = 0; /* the runtime forgets the bytes, and gives zeros to whoever grows it */
    su_free_zero(account->owner, 32);
}

uint64_t su_sys_token_transfer(struct su_sys *s, const struct su_sys_transfer *t)
{
    uint8_t *data = HEAP->data;
    (void)s;
    call_account(0, t->from, true, false);
    call_account(1, t->mint, false, false);
    call_account(2, t->to, true, false);
    call_account(3, t->authority, false, true);
    call_seeds(t->seeds, t->nseeds, t->bump);
    data[0] = TOKEN_TRANSFER_CHECKED;
    su_free_store64(data + 1, t->amount);
    data[9] = t->decimals;
    return call(su_sys_token_id, 0, 4, 10, t->nseeds > 0 ? 1 : 0);
}

/* ---- points, log ---------------------------------------------------------------------------- */

bool su_sys_point_add(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    return sol_curve_group_op(CURVE_EDWARDS, GROUP_ADD, p, q, out) == 0;
}

bool su_sys_point_mul2(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32])
{
    return sol_curve_multiscalar_mul(CURVE_EDWARDS, scalars, points, 2, out) == 0;
}

void su_sys_log(struct su_sys *s, const char *text, uint64_t n)
{
    (void)s;
    (void)sol_log_(text, n);
}
