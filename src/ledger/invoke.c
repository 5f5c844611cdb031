// SPDX-License-Identifier: MIT
/* Instructions: the stack of running programs, their logs and units, what each may change, and
   calls from one program to another. */
#include "exec.h"

#include <stdio.h>
#include <string.h>

enum { UNITS_BUILTIN = 150, TRANSACTION_GROWTH_MAX = 20 << 20 };

/* ---- log and units --------------------------------------------------------------------------- */

static void log_line(struct su_ledger_exec *x, const char *line, size_t n)
{
    if (x->logs_full) {
        return;
    }
    if (x->logs.len - x->n_logs + n >= SU_LEDGER_LOG_MAX_BYTES) {
        x->logs_full = true;
        line = "Log truncated";
        n = strlen(line);
    }
    su_buf_put(&x->logs, line, n);
    su_buf_u8(&x->logs, 0);
    x->n_logs++;
    x->no_memory |= x->logs.failed;
}

void su_ledger_log(struct su_ledger_exec *x, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log_line(x, line, n < 0 ? 0 : SU_MIN((size_t)n, sizeof line - 1));
}

void su_ledger_log_text(struct su_ledger_exec *x, const char *text, size_t n)
{
    static const char head[] = "Program log: ";
    char line[sizeof head + 2 * SU_LEDGER_TX_MAX_BYTES];

    n = SU_MIN(n, (size_t)SU_LEDGER_TX_MAX_BYTES * 2);
    memcpy(line, head, sizeof head);
    su_str_sanitize(line + sizeof head - 1, sizeof line - (sizeof head - 1), text, n);
    log_line(x, line, strlen(line));
}

bool su_ledger_charge(struct su_ledger_exec *x, uint64_t units)
{
    if (units > x->units_left) {
        x->units_left = 0;
        return false;
    }
    x->units_left -= units;
    return true;
}

/* ---- changes --------------------------------------------------------------------------------- */

struct su_ledger_work *su_ledger_frame_work(struct su_ledger_exec *x,
                                            const struct su_ledger_frame *f, size_t i)
{
    return &x->works[f->metas[i].at];
}

static bool owned(const struct su_ledger_frame *f, const struct su_ledger_work *w)
{
    return memcmp(w->owner, f->program_id, 32) == 0;
}

uint64_t su_ledger_set_lamports(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                                uint64_t lamports)
{
    struct su_ledger_work *w = su_ledger_frame_work(x, f, i);

    if (!owned(f, w) && lamports < w->lamports) {
        return SU_IE(ExternalAccountLamportSpend);
    }
    if (!f->metas[i].writable) {
        return SU_IE(ReadonlyLamportChange);
    }
    w->changed |= w->lamports != lamports;
    w->lamports = lamports;
    return 0;
}

uint64_t su_ledger_set_owner(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                             const uint8_t owner[32])
{
    struct su_ledger_work *w = su_ledger_frame_work(x, f, i);

    if (!owned(f, w) || !f->metas[i].writable || w->executable) {
        return SU_IE(ModifiedProgramId);
    }
    for (uint64_t k = 0; k < w->data_bytes; k++) {
        if (w->data[k] != 0) {
            return SU_IE(ModifiedProgramId);
        }
    }
    w->changed |= memcmp(w->owner, owner, 32) != 0;
    memcpy(w->owner, owner, 32);
    return 0;
}

static uint64_t may_write(const struct su_ledger_frame *f, const struct su_ledger_work *w, size_t i)
{
    if (!f->metas[i].writable) {
        return SU_IE(ReadonlyDataModified);
    }
    return owned(f, w) ? 0 : SU_IE(ExternalAccountDataModified);
}

/* Data of the work's own with room for cap bytes. */
static bool make_own(struct su_ledger_exec *x, struct su_ledger_work *w, uint64_t cap)
{
    if (w->own && w->data_cap >= cap) {
        return true;
    }
    uint8_t *data = su_arena_alloc(&x->mem, SU_MAX(cap, (uint64_t)1));

    if (data == NULL) {
        x->no_memory = true;
        return false;
    }
    memcpy(data, w->data, SU_MIN(w->data_bytes, cap));
    w->data = data;
    w->data_cap = cap;
    w->own = true;
    return true;
}

static uint64_t growth(const struct su_ledger_exec *x)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->n; i++) {
        uint64_t before = x->works[i].before != NULL ? x->works[i].before->data_bytes : 0;

        sum += x->works[i].data_bytes > before ? x->works[i].data_bytes - before : 0;
    }
    return sum;
}

uint64_t su_ledger_set_size(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            uint64_t n)
{
    struct su_ledger_work *w = su_ledger_frame_work(x, f, i);
    uint64_t c;

    if (n != w->data_bytes && !owned(f, w)) {
        return SU_IE(AccountDataSizeChanged);
    }
    if (n > SU_LEDGER_DATA_MAX_BYTES) {
        return SU_IE(InvalidRealloc);
    }
    if (n > w->data_bytes && growth(x) + (n - w->data_bytes) > TRANSACTION_GROWTH_MAX) {
        return SU_IE(MaxAccountsDataAllocationsExceeded);
    }
    if ((c = may_write(f, w, i)) != 0 || n == w->data_bytes) {
        return c;
    }
    if (!make_own(x, w, n)) {
        return SU_IE(GenericError);
    }
    if (n > w->data_bytes) {
        memset(w->data + w->data_bytes, 0, n - w->data_bytes);
    }
    w->data_bytes = n;
    w->changed = true;
    return 0;
}

uint64_t su_ledger_data_mut(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            uint8_t **data)
{
    struct su_ledger_work *w = su_ledger_frame_work(x, f, i);
    uint64_t c = may_write(f, w, i);

    if (c == 0 && !make_own(x, w, w->data_bytes)) {
        c = SU_IE(GenericError);
    }
    *data = c == 0 ? w->data : NULL;
    w->changed |= c == 0;
    return c;
}

uint64_t su_ledger_set_data(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i,
                            const uint8_t *data, uint64_t n)
{
    uint8_t *to;
    uint64_t c = su_ledger_set_size(x, f, i, n);

    if (c == 0 && (c = su_ledger_data_mut(x, f, i, &to)) == 0 && n != 0) {
        memcpy(to, data, n);
    }
    return c;
}

/* ---- running --------------------------------------------------------------------------------- */

static uint64_t no_op(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    (void)x;
    (void)f;
    return 0;
}

static const struct builtin {
    const uint8_t *id;
    uint64_t (*run)(struct su_ledger_exec *x, struct su_ledger_frame *f);
    uint64_t units;
    bool bpf; /* on Solana: tells the units it consumed */
    bool precompile; /* says nothing at all */
} builtins[] = {
    {su_ledger_system_id, su_ledger_system, UNITS_BUILTIN, false, false},
    {su_ledger_budget_id, no_op, UNITS_BUILTIN, false, false},
    {su_ledger_ed25519_id, su_ledger_ed25519, 0, false, true},
    {su_ledger_token_id, su_ledger_token, 0, true, false},
    {su_ledger_ata_id, su_ledger_ata_program, 0, true, false},
    {su_ledger_memo_id, su_ledger_memo, 0, true, false},
    {su_ledger_memo_v1_id, su_ledger_memo, 0, true, false},
};

static const struct builtin *builtin_of(const uint8_t id[32])
{
    for (size_t i = 0; i < SU_ARRAY_LEN(builtins); i++) {
        if (memcmp(builtins[i].id, id, 32) == 0) {
            return &builtins[i];
        }
    }
    return NULL;
}

static const struct su_ledger_native *native_of(const struct su_ledger_exec *x,
                                                const uint8_t id[32])
{
    for (size_t i = 0; i < x->n_natives; i++) {
        if (memcmp(x->natives[i].id, id, 32) == 0) {
            return &x->natives[i];
        }
    }
    return NULL;
}

/* UINT64_MAX when the sum does not fit: more than there can be. */
static uint64_t lamports_of(const struct su_ledger_exec *x)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->n; i++) {
        if (!su_add_u64(sum, x->works[i].lamports, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

static uint64_t dispatch(struct su_ledger_exec *x, struct su_ledger_frame *f,
                         const struct builtin *b, const struct su_ledger_native *n)
{
    if (b != NULL) {
        return su_ledger_charge(x, b->units) ? b->run(x, f) : SU_IE(ComputationalBudgetExceeded);
    }
    return n != NULL ? su_ledger_run_native(x, f, n) : SU_IE(UnsupportedProgramId);
}

static void log_end(struct su_ledger_exec *x, const struct su_ledger_frame *f, bool bpf,
                    uint64_t units, uint64_t c)
{
    char id[SU_LEDGER_TEXT], text[200];

    su_ledger_key_text(f->program_id, id);
    if (bpf) {
        su_ledger_log(x, "Program %s consumed %llu of %llu compute units", id,
                      (unsigned long long)(units - x->units_left), (unsigned long long)units);
        if (c == 0 && x->has_return && memcmp(x->return_program, f->program_id, 32) == 0) {
            char b64[SU_LEDGER_RETURN_MAX / 3 * 4 + 8];

            su_base64_encode(x->return_data, x->return_bytes, b64, sizeof b64);
            size_t n = strlen(b64);
            char line[sizeof b64 + 80];
            int len = snprintf(line, sizeof line, "Program return: %s %.*s", id, (int)n, b64);

            log_line(x, line, (size_t)len);
        }
    }
    if (c == 0) {
        su_ledger_log(x, "Program %s success", id);
        return;
    }
    struct su_ledger_failure fail = su_ledger_failure_of(c, 0);

    su_ledger_failure_text(&fail, text, sizeof text);
    const char *what = strchr(text, ':'); /* after "Error processing Instruction 0: " */
    su_ledger_log(x, "Program %s failed: %s", id, what != NULL ? what + 2 : text);
}

static uint64_t may_enter(const struct su_ledger_exec *x, const struct su_ledger_frame *f)
{
    if (x->depth == SU_LEDGER_DEPTH_MAX) {
        return SU_IE(CallDepth);
    }
    if (x->traced == SU_LEDGER_TRACE_MAX) {
        return SU_IE(MaxInstructionTraceLengthExceeded);
    }
    for (size_t i = 0; i + 1 < x->depth; i++) {
        if (memcmp(x->frames[i]->program_id, f->program_id, 32) == 0 &&
            memcmp(x->frames[x->depth - 1]->program_id, f->program_id, 32) != 0) {
            return SU_IE(ReentrancyNotAllowed);
        }
    }
    return 0;
}

uint64_t su_ledger_invoke(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    const struct builtin *b = builtin_of(f->program_id);
    const struct su_ledger_native *n = native_of(x, f->program_id);
    uint64_t units = x->units_left, c = may_enter(x, f);
    bool quiet = b != NULL && b->precompile;
    char id[SU_LEDGER_TEXT];

    if (c != 0) {
        return c;
    }
    x->traced++;
    x->frames[x->depth++] = f;
    x->has_return = false;
    f->sum = lamports_of(x);
    if (!quiet) {
        su_ledger_log(x, "Program %s invoke [%zu]", su_ledger_key_text(f->program_id, id),
                      x->depth);
    }
    c = dispatch(x, f, b, n);
    if (c == 0 && lamports_of(x) != f->sum) {
        c = SU_IE(UnbalancedInstruction);
    }
    if (!quiet) {
        log_end(x, f, b == NULL || b->bpf, units, c);
    }
    x->depth--;
    return c;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool work_of(const struct su_ledger_exec *x, const uint8_t key[32], uint8_t *at)
{
    for (size_t i = 0; i < x->n; i++) {
        if (memcmp(x->works[i].key, key, 32) == 0) {
            *at = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static const struct su_ledger_meta *meta_of(const struct su_ledger_frame *f, uint8_t at)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->metas[i].at == at) {
            return &f->metas[i];
        }
    }
    return NULL;
}

static bool among(const uint8_t *keys, size_t n, const uint8_t key[32])
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(keys + 32 * i, key, 32) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t unknown_account(struct su_ledger_exec *x, const uint8_t key[32])
{
    char id[SU_LEDGER_TEXT];

    su_ledger_log(x, "Instruction references an unknown account %s", su_ledger_key_text(key, id));
    return SU_IE(MissingAccount);
}

static uint64_t escalated(struct su_ledger_exec *x, const uint8_t key[32], const char *what)
{
    char id[SU_LEDGER_TEXT];

    su_ledger_log(x, "%s's %s privilege escalated", su_ledger_key_text(key, id), what);
    return SU_IE(PrivilegeEscalation);
}

static uint64_t call_metas(struct su_ledger_exec *x, const struct su_ledger_frame *caller,
                           struct su_ledger_frame *f, const struct su_ledger_call_meta *metas,
                           size_t n, const uint8_t *derived, size_t n_derived)
{
    f->n = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        const struct su_ledger_meta *have;
        struct su_ledger_meta *m = &f->metas[i];

        if (!work_of(x, metas[i].key, &m->at) || (have = meta_of(caller, m->at)) == NULL) {
            return unknown_account(x, metas[i].key);
        }
        if (metas[i].writable && !have->writable) {
            return escalated(x, metas[i].key, "writable");
        }
        if (metas[i].signer && !have->signer && !among(derived, n_derived, metas[i].key)) {
            return escalated(x, metas[i].key, "signer");
        }
        m->signer = metas[i].signer;
        m->writable = metas[i].writable;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (f->metas[k].at == f->metas[i].at) {
                f->metas[i].signer |= f->metas[k].signer;
                f->metas[i].writable |= f->metas[k].writable;
            }
        }
    }
    return 0;
}

static bool record_call(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    uint8_t *mem = su_arena_alloc(&x->mem, (size_t)f->n + f->data_bytes + 1);

    if (mem == NULL || x->n_inner == SU_LEDGER_TRACE_MAX) {
        x->no_memory |= mem == NULL;
        return false;
    }
    for (size_t i = 0; i < f->n; i++) {
        mem[i] = f->metas[i].at;
    }
    if (f->data_bytes != 0) {
        memcpy(mem + f->n, f->data, f->data_bytes);
    }
    f->data = mem + f->n;
    x->inner[x->n_inner++] = (struct su_ledger_inner){.outer = x->outer,
                                                      .height = (uint8_t)(x->depth + 1),
                                                      .program = f->program,
                                                      .n_accounts = (uint8_t)f->n,
                                                      .data_bytes = (uint16_t)f->data_bytes,
                                                      .accounts = mem,
                                                      .data = f->data};
    return true;
}

uint64_t su_ledger_call(struct su_ledger_exec *x, const uint8_t program[32],
                        const struct su_ledger_call_meta *metas, size_t n, const uint8_t *data,
                        size_t data_bytes, const uint8_t *derived, size_t n_derived)
{
    struct su_ledger_frame *caller = x->frames[x->depth - 1];
    struct su_ledger_frame f = {.data = data, .data_bytes = (uint32_t)data_bytes};
    uint64_t c = caller->native != NULL ? su_ledger_native_out(x, caller) : 0;
    char id[SU_LEDGER_TEXT];

    if (c != 0) {
        return c;
    }
    if (lamports_of(x) != caller->sum) {
        return SU_IE(UnbalancedInstruction);
    }
    if ((c = call_metas(x, caller, &f, metas, n, derived, n_derived)) != 0) {
        return c;
    }
    if (!work_of(x, program, &f.program)) {
        su_ledger_log(x, "Unknown program %s", su_ledger_key_text(program, id));
        return SU_IE(MissingAccount);
    }
    if (!x->works[f.program].executable) {
        su_ledger_log(x, "Account %s is not executable", su_ledger_key_text(program, id));
        return SU_IE(AccountNotExecutable);
    }
    f.program_id = x->works[f.program].key;
    if (!record_call(x, &f)) {
        return SU_IE(MaxInstructionTraceLengthExceeded);
    }
    c = su_ledger_invoke(x, &f);
    if (c == 0 && caller->native != NULL) {
        c = su_ledger_native_in(x, caller);
    }
    return c;
}
