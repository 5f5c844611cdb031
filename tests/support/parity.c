// SPDX-License-Identifier: MIT
#include "support/parity.h"

#include "base/base.h"
#include "support/bank.h"
#include "support/svm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 128
#define NUMBERS_MAX 1024
#define TRANSACTION_MAX 1232u

struct row {
    char name[48];
    uint64_t runs, good, good_max, good_sum, bad_max, bytes_max;
};

struct parity {
    uint8_t program[32];
    struct bank *bank;
    struct svm *vm;
    struct row row[NAMES_MAX];
    size_t rows;
    uint32_t number[NUMBERS_MAX]; /* errors that were returned, each once, ascending */
    size_t numbers;
    char why[1024];
};

struct parity *parity_open(const uint8_t program[32], const char *image, const char **why)
{
    struct svm *vm = NULL;
    *why = NULL;
    if (image) {
        vm = svm_open(why);
        if (!vm)
            return NULL;
        svm_program(vm, program, image);
    }
    struct parity *p = su_alloc(sizeof *p);
    memcpy(p->program, program, 32);
    p->bank = bank_new(program);
    p->vm = vm;
    if (vm) {
        const uint8_t *const programs[] = {su_sys_system_id, su_sys_token_id};
        for (size_t i = 0; i < SU_ARRAY_LEN(programs); i++) {
            struct svm_account a;
            svm_account_get(vm, programs[i], &a);
            bank_account_set(p->bank, &a);
        }
    }
    return p;
}

void parity_close(struct parity *p)
{
    if (!p)
        return;
    svm_close(p->vm);
    bank_free(p->bank);
    free(p);
}

struct bank *parity_bank(struct parity *p)
{
    return p->bank;
}

struct svm *parity_svm(struct parity *p)
{
    return p->vm;
}

void parity_sync(struct parity *p)
{
    struct svm_account a;
    for (size_t i = 0; p->vm && bank_account_at(p->bank, i, &a); i++)
        svm_account_set(p->vm, &a);
}

void parity_account_set(struct parity *p, const struct svm_account *a)
{
    bank_account_set(p->bank, a);
    if (p->vm)
        svm_account_set(p->vm, a);
}

void parity_clock(struct parity *p, uint64_t slot)
{
    bank_clock(p->bank, slot);
    if (p->vm)
        svm_clock(p->vm, slot, 1800000000);
}

void parity_slot_hashes(struct parity *p, const uint64_t *slots, uint8_t (*hashes)[32], size_t n)
{
    bank_slot_hashes(p->bank, slots, hashes, n);
    if (p->vm)
        svm_slot_hashes(p->vm, slots, hashes, n);
}

void parity_unit_limit(struct parity *p, uint32_t units)
{
    if (p->vm)
        svm_unit_limit(p->vm, units);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static const char *text_of(const struct svm_result *r, char *out, size_t cap)
{
    switch (r->outcome) {
    case SVM_OK:
        return "success";
    case SVM_CUSTOM:
        (void)snprintf(out, cap, "error number %" PRIu32, r->custom);
        return out;
    default:
        return r->name;
    }
}

static bool outcomes_equal(const struct svm_result *a, const struct svm_result *b)
{
    if (a->outcome != b->outcome)
        return false;
    if (a->outcome == SVM_CUSTOM)
        return a->custom == b->custom;
    /* the VM adds to the name of a refusal which account it was */
    return a->outcome == SVM_OK || (a->outcome == SVM_REFUSED && strstr(b->name, a->name)) ||
           strcmp(a->name, b->name) == 0;
}

static bool accounts_equal(struct parity *p, const char *name, const struct svm_account *native,
                           const struct svm_account *vm)
{
    char key[80], left[80], right[80];
    size_t at = 0;
    (void)su_base58_encode(native->key, 32, key, sizeof key);
    if (native->lamports != vm->lamports) {
        (void)snprintf(p->why, sizeof p->why,
                       "%s: account %s: %" PRIu64 " lamports, in the VM %" PRIu64, name, key,
                       native->lamports, vm->lamports);
        return false;
    }
    if (native->lamports == 0)
        return true;
    if (memcmp(native->owner, vm->owner, 32) != 0) {
        (void)su_base58_encode(native->owner, 32, left, sizeof left);
        (void)su_base58_encode(vm->owner, 32, right, sizeof right);
        (void)snprintf(p->why, sizeof p->why, "%s: account %s: owner %s, in the VM %s", name, key,
                       left, right);
        return false;
    }
    if (native->data_bytes != vm->data_bytes) {
        (void)snprintf(p->why, sizeof p->why, "%s: account %s: %zu bytes, in the VM %zu", name, key,
                       native->data_bytes, vm->data_bytes);
        return false;
    }
    while (at < native->data_bytes && native->data[at] == vm->data[at])
        at++;
    if (at == native->data_bytes)
        return true;
    const size_t n = SU_MIN((size_t)16, native->data_bytes - at);
    (void)su_hex_encode(native->data + at, n, left, sizeof left);
    (void)su_hex_encode(vm->data + at, n, right, sizeof right);
    (void)snprintf(p->why, sizeof p->why, "%s: account %s, offset %zu: %s, in the VM %s", name, key,
                   at, left, right);
    return false;
}

/* Size of the transaction a client would send: where somebody signs anyway, that one pays the fee,
   and the test's own payer (a signature and a key) is not there. */
static size_t client_bytes(const struct svm_result *vm, const struct svm_meta *metas, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (metas[i].signer)
            return vm->bytes - 64 - 32;
    return vm->bytes;
}

static void count_number(struct parity *p, uint32_t number)
{
    size_t i = p->numbers;
    while (i > 0 && p->number[i - 1] > number)
        i--;
    if (i > 0 && p->number[i - 1] == number)
        return;
    SU_ASSERT(p->numbers < NUMBERS_MAX);
    memmove(p->number + i + 1, p->number + i, (p->numbers - i) * sizeof *p->number);
    p->number[i] = number;
    p->numbers++;
}

static void count(struct parity *p, const char *name, const struct svm_result *vm)
{
    size_t i = 0;
    if (vm->outcome == SVM_CUSTOM)
        count_number(p, vm->custom);
    while (i < p->rows && strcmp(p->row[i].name, name) != 0)
        i++;
    struct row *r = &p->row[i];
    if (i == p->rows) {
        SU_ASSERT(i < NAMES_MAX);
        (void)su_str_copy(r->name, sizeof r->name, name);
        p->rows++;
    }
    r->runs++;
    r->bytes_max = SU_MAX(r->bytes_max, (uint64_t)vm->bytes);
    if (vm->outcome == SVM_OK) {
        r->good++;
        r->good_sum += vm->units;
        r->good_max = SU_MAX(r->good_max, vm->units);
    } else {
        r->bad_max = SU_MAX(r->bad_max, vm->units);
    }
}

bool parity_run(struct parity *p, const char *name, const void *data, size_t n,
                const struct svm_meta *metas, size_t nmetas, struct svm_result *r)
{
    struct svm_result vm = {0};
    char left[64], right[64];
    bank_run(p->bank, data, n, metas, nmetas, r);
    if (!p->vm) {
        vm.outcome = r->outcome;
        vm.custom = r->custom;
        count(p, name, &vm);
        return true;
    }
    svm_ix(p->vm, p->program, data, n, metas, nmetas);
    svm_send(p->vm, &vm);
    vm.bytes = client_bytes(&vm, metas, nmetas);
    count(p, name, &vm);
    r->units = vm.units;
    r->bytes = vm.bytes;
    if (!outcomes_equal(r, &vm)) {
        (void)snprintf(p->why, sizeof p->why, "%s: %s, in the VM %s: %.600s", name,
                       text_of(r, left, sizeof left), text_of(&vm, right, sizeof right), vm.log);
        return false;
    }
    for (size_t i = 0; i < vm.naccounts; i++) {
        struct svm_account native;
        bank_account_get(p->bank, vm.accounts[i].key, &native);
        if (!accounts_equal(p, name, &native, &vm.accounts[i]))
            return false;
    }
    if (vm.bytes > TRANSACTION_MAX) {
        (void)snprintf(p->why, sizeof p->why, "%s: a transaction of %zu bytes, the limit is %u",
                       name, vm.bytes, TRANSACTION_MAX);
        return false;
    }
    return true;
}

static void count_owned(void *ctx, const struct svm_account *a)
{
    (void)a;
    ++*(size_t *)ctx;
}

bool parity_all_equal(struct parity *p)
{
    struct svm_account native, vm;
    size_t owned = 0, owned_there = 0;
    if (!p->vm)
        return true;
    for (size_t i = 0; bank_account_at(p->bank, i, &native); i++) {
        svm_account_get(p->vm, native.key, &vm);
        if (!accounts_equal(p, "all accounts", &native, &vm))
            return false;
        owned += memcmp(native.owner, p->program, 32) == 0;
    }
    svm_owned(p->vm, p->program, count_owned, &owned_there);
    if (owned != owned_there)
        (void)snprintf(p->why, sizeof p->why, "the program owns %zu accounts, in the VM %zu", owned,
                       owned_there);
    return owned == owned_there;
}

const char *parity_why(const struct parity *p)
{
    return p->why;
}

/* ---- counts --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

void parity_table(const struct parity *p, FILE *out)
{
    struct row row[NAMES_MAX];
    memcpy(row, p->row, p->rows * sizeof *row);
    qsort(row, p->rows, sizeof *row, by_name);
    (void)fprintf(out, "%-28s %8s %8s %9s %9s %9s %6s\n", "instruction", "runs", "ok", "units max",
                  "mean", "failed", "bytes");
    for (size_t i = 0; i < p->rows; i++)
        (void)fprintf(
            out,
            "%-28s %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %6" PRIu64 "\n",
            row[i].name, row[i].runs, row[i].good, row[i].good_max,
            row[i].good ? row[i].good_sum / row[i].good : 0, row[i].bad_max, row[i].bytes_max);
    (void)fprintf(out, "errors:");
    for (size_t i = 0; i < p->numbers; i++)
        (void)fprintf(out, " %" PRIu32, p->number[i]);
    (void)fprintf(out, "\n");
}

uint64_t parity_runs(const struct parity *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->rows; i++)
        sum += p->row[i].runs;
    return sum;
}

uint64_t parity_units(const struct parity *p, const char *name)
{
    for (size_t i = 0; i < p->rows; i++)
        if (strcmp(p->row[i].name, name) == 0)
            return p->row[i].good_max;
    return 0;
}

/* ---- watching ------------------------------------------------------------------------------- */

static struct {
    struct parity *p;
    const char *image;
    const char *(*name)(const void *data, size_t n, uint32_t *limit);
    const char *running; /* name of the instruction under way */
    struct svm_result vm;
    bool loaded;
    uint64_t slot;
    size_t hashes;
    uint64_t hash_slot[512];
    uint8_t hash[512][32];
} watch;

/* Accounts that are programs stay as the VM has them. */
static bool is_program(const uint8_t key[32])
{
    return memcmp(key, watch.p->program, 32) == 0 || memcmp(key, su_sys_system_id, 32) == 0 ||
           memcmp(key, su_sys_token_id, 32) == 0;
}

static void copy_facts(const struct bank *b)
{
    const uint64_t *slots;
    const uint8_t(*hashes)[32];
    const size_t n = bank_slot_hashes_get(b, &slots, &hashes);
    if (!watch.loaded || memcmp(bank_program(b), watch.p->program, 32) != 0) {
        memcpy(watch.p->program, bank_program(b), 32);
        svm_program(watch.p->vm, watch.p->program, watch.image);
    }
    if (!watch.loaded || watch.slot != bank_slot(b)) {
        watch.slot = bank_slot(b);
        svm_clock(watch.p->vm, watch.slot, 1800000000);
    }
    if (!watch.loaded || n != watch.hashes || memcmp(slots, watch.hash_slot, n * 8) != 0 ||
        memcmp(hashes, watch.hash, n * 32) != 0) {
        watch.hashes = n;
        memcpy(watch.hash_slot, slots, n * 8);
        memcpy(watch.hash, hashes, n * 32);
        svm_slot_hashes(watch.p->vm, watch.hash_slot, watch.hash, n);
    }
    watch.loaded = true;
}

static void before(const struct bank *b, const void *data, size_t n, const struct svm_meta *metas,
                   size_t nmetas)
{
    struct svm_account a;
    uint32_t limit = 0;
    copy_facts(b);
    for (size_t i = 0; i < nmetas; i++) {
        bank_account_get(b, metas[i].key, &a);
        if (!is_program(metas[i].key))
            svm_account_set(watch.p->vm, &a);
    }
    watch.running = watch.name(data, n, &limit);
    svm_unit_limit(watch.p->vm, limit);
    svm_ix(watch.p->vm, watch.p->program, data, n, metas, nmetas);
    svm_send(watch.p->vm, &watch.vm);
    watch.vm.bytes = client_bytes(&watch.vm, metas, nmetas);
}

static void after(const struct bank *b, const struct svm_result *r)
{
    struct parity *p = watch.p;
    char left[64], right[64];
    count(p, watch.running, &watch.vm);
    bool equal = outcomes_equal(r, &watch.vm);
    if (!equal)
        (void)snprintf(p->why, sizeof p->why, "%s: %s, in the VM %s: %.600s", watch.running,
                       text_of(r, left, sizeof left), text_of(&watch.vm, right, sizeof right),
                       watch.vm.log);
    for (size_t i = 0; equal && i < watch.vm.naccounts; i++) {
        struct svm_account native;
        bank_account_get(b, watch.vm.accounts[i].key, &native);
        if (!is_program(native.key))
            equal = accounts_equal(p, watch.running, &native, &watch.vm.accounts[i]);
    }
    if (equal && watch.vm.outcome == SVM_OK && watch.vm.bytes > TRANSACTION_MAX) {
        equal = false;
        (void)snprintf(p->why, sizeof p->why, "%s: a transaction of %zu bytes, the limit is %u",
                       watch.running, watch.vm.bytes, TRANSACTION_MAX);
    }
    if (!equal) {
        (void)fprintf(stderr, "parity: %s\n", p->why);
        abort();
    }
}

bool parity_watch(const char *image,
                  const char *(*name)(const void *data, size_t n, uint32_t *limit),
                  const char **why)
{
    static const uint8_t nobody[32];
    static const struct bank_watcher watcher = {before, after};
    watch.p = parity_open(nobody, NULL, why);
    watch.p->vm = svm_open(why);
    if (!watch.p->vm) {
        parity_watch_end(NULL);
        return false;
    }
    watch.image = image;
    watch.name = name;
    bank_watcher = &watcher;
    return true;
}

void parity_watch_end(FILE *out)
{
    if (watch.p && out)
        parity_table(watch.p, out);
    parity_close(watch.p);
    watch.p = NULL;
    watch.loaded = false;
    bank_watcher = NULL;
}
