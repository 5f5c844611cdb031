// SPDX-License-Identifier: MIT
#include "support/svm.h"

#include "base/base.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCOUNTS_MAX 64

const uint8_t SVM_PAYER[32] = "splitup test: pays for fees only";

struct svm {
    pid_t pid;
    FILE *to, *from;
    char *line; /* of getline */
    size_t line_cap;
    struct su_buf log, data, returned; /* of the last answer */
    struct svm_account account[ACCOUNTS_MAX];
    size_t account_data[ACCOUNTS_MAX]; /* offsets into data, which may move while it grows */
    size_t accounts;
};

__attribute__((noreturn)) static void die(const char *what, const char *words)
{
    (void)fprintf(stderr, "svm: %s: %s\n", what, words);
    abort();
}

/* ---- the process ---------------------------------------------------------------------------- */

/* The first line that a command prints, without its end; false when it fails or prints none. */
static bool first_line(const char *command, char *out, size_t cap)
{
    FILE *p = popen(command, "r");
    if (!p)
        return false;
    const bool got = fgets(out, (int)cap, p) != NULL;
    while (fgetc(p) != EOF)
        ;
    if (pclose(p) != 0 || !got)
        return false;
    out[strcspn(out, "\n")] = 0;
    return out[0] != 0;
}

static bool start(struct svm *vm, const char *packages)
{
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        return false;
    (void)fflush(NULL);
    vm->pid = fork();
    if (vm->pid < 0)
        return false;
    if (vm->pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[0]);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execlp("node", "node", SU_SOURCE_DIR "/tests/svm/driver.mjs", packages, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    vm->to = fdopen(in[1], "w");
    vm->from = fdopen(out[0], "r");
    return vm->to && vm->from;
}

struct svm *svm_open(const char **why)
{
    char packages[1024];
    *why = NULL;
#if !defined(__x86_64__)
    *why = "LiteSVM is published for x86-64 only";
#else
    if (system("node --version >/dev/null 2>&1") != 0)
        *why = "no node on this machine: ./dev deps installs it";
#endif
    if (*why)
        return NULL;
    if (!first_line("python3 '" SU_SOURCE_DIR "/tests/data/fetch_packages.py' "
                    "'" SU_SOURCE_DIR "/tests/svm'",
                    packages, sizeof packages))
        die("open", "LiteSVM could not be fetched; the reason is above");
    (void)signal(SIGPIPE, SIG_IGN);
    struct svm *vm = su_alloc(sizeof *vm);
    su_buf_init(&vm->log, 0);
    su_buf_init(&vm->data, 0);
    su_buf_init(&vm->returned, 0);
    if (!start(vm, packages))
        die("open", "node does not start");
    svm_reset(vm);
    return vm;
}

void svm_close(struct svm *vm)
{
    if (!vm)
        return;
    int status;
    (void)fclose(vm->to);
    (void)fclose(vm->from);
    (void)waitpid(vm->pid, &status, 0);
    su_buf_fini(&vm->log);
    su_buf_fini(&vm->data);
    su_buf_fini(&vm->returned);
    free(vm->line);
    free(vm);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void put_hex(struct svm *vm, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        (void)fputc(digits[p[i] >> 4], vm->to);
        (void)fputc(digits[p[i] & 15], vm->to);
    }
    if (n == 0)
        (void)fputc('-', vm->to);
}

/* Begins a request: its verb, and a key when there is one. */
static void begin(struct svm *vm, const char *verb, const uint8_t *key)
{
    (void)fputs(verb, vm->to);
    if (key) {
        (void)fputc(' ', vm->to);
        put_hex(vm, key, 32);
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

static void take_hex(struct su_buf *b, const char *word)
{
    const size_t n = strlen(word) / 2;
    size_t got;
    if (strcmp(word, "-") == 0)
        return;
    if (!su_buf_reserve(b, n) || !su_hex_decode(word, b->data + b->len, n, &got) || got != n)
        die("answer", word);
    b->len += n;
}

static void take_key(uint8_t key[32], const char *word)
{
    size_t n;
    if (!word || !su_hex_decode(word, key, 32, &n) || n != 32)
        die("answer", word ? word : "no key");
}

static void take_account(struct svm *vm, char *words)
{
    if (vm->accounts == ACCOUNTS_MAX)
        die("answer", "too many accounts");
    struct svm_account *a = &vm->account[vm->accounts];
    char *save = NULL;
    memset(a, 0, sizeof *a);
    vm->account_data[vm->accounts++] = vm->data.len;
    take_key(a->key, strtok_r(words, " ", &save));
    const char *lamports = strtok_r(NULL, " ", &save);
    a->lamports = lamports ? strtoull(lamports, NULL, 10) : 0;
    if (a->lamports == 0)
        return;
    take_key(a->owner, strtok_r(NULL, " ", &save));
    const char *executable = strtok_r(NULL, " ", &save);
    const char *data = strtok_r(NULL, " ", &save);
    if (!executable || !data)
        die("answer", "half an account");
    a->executable = executable[0] == '1';
    const size_t before = vm->data.len;
    take_hex(&vm->data, data);
    a->data_bytes = vm->data.len - before;
}

static bool is_last(const char *line)
{
    return su_str_starts(line, "ok") || su_str_starts(line, "fail") || su_str_starts(line, "error");
}

static void read_line(struct svm *vm)
{
    const ssize_t n = getline(&vm->line, &vm->line_cap, vm->from);
    if (n <= 0)
        die("answer", "node has ended; its words are above");
    vm->line[strcspn(vm->line, "\n")] = 0;
}

/* Ends the request, and reads the answer up to its last line, which is returned. Accounts go to fn
   one by one when it is given, else into vm. */
static char *answer(struct svm *vm, void (*fn)(void *ctx, const struct svm_account *a), void *ctx)
{
    (void)fputc('\n', vm->to);
    (void)fflush(vm->to);
    su_buf_clear(&vm->log);
    su_buf_clear(&vm->data);
    su_buf_clear(&vm->returned);
    su_buf_str(&vm->log, "");
    (void)su_buf_reserve(&vm->log, 1);
    vm->accounts = 0;
    for (read_line(vm); !is_last(vm->line); read_line(vm)) {
        char *rest = strchr(vm->line, ' ');
        if (!rest)
            die("answer", vm->line);
        *rest++ = 0;
        if (strcmp(vm->line, "log") == 0) {
            su_buf_str(&vm->log, rest);
            su_buf_str(&vm->log, "\n");
        } else if (strcmp(vm->line, "account") == 0) {
            take_account(vm, rest);
            if (fn) {
                vm->account[0].data = vm->data.data;
                fn(ctx, &vm->account[0]);
                vm->accounts = 0;
                su_buf_clear(&vm->data);
            }
        } else if (strcmp(vm->line, "return") == 0) {
            const char *bytes = strchr(rest, ' ');
            take_hex(&vm->returned, bytes ? bytes + 1 : "-");
        }
    }
    for (size_t i = 0; i < vm->accounts; i++)
        vm->account[i].data = vm->data.data + vm->account_data[i];
    return vm->line;
}

/* For requests that cannot fail. */
static const char *done(struct svm *vm)
{
    const char *last = answer(vm, NULL, NULL);
    if (!su_str_starts(last, "ok"))
        die("request", last);
    return last[2] ? last + 3 : "";
}

/* ---- the interface -------------------------------------------------------------------------- */

void svm_reset(struct svm *vm)
{
    begin(vm, "reset", NULL);
    (void)done(vm);
}

void svm_features(struct svm *vm, bool all)
{
    begin(vm, all ? "features all" : "features mainnet", NULL);
    (void)done(vm);
}

bool svm_program_try(struct svm *vm, const uint8_t key[32], const char *image)
{
    begin(vm, "program", key);
    (void)fprintf(vm->to, " %s", image);
    return su_str_starts(answer(vm, NULL, NULL), "ok");
}

void svm_program(struct svm *vm, const uint8_t key[32], const char *image)
{
    if (!svm_program_try(vm, key, image))
        die(image, vm->line);
}

unsigned svm_deploy(struct svm *vm, const uint8_t key[32], const char *image, const char **why)
{
    begin(vm, "deploy", key);
    (void)fprintf(vm->to, " %s", image);
    const char *last = answer(vm, NULL, NULL);
    if (why)
        *why = last;
    return su_str_starts(last, "ok ") ? (unsigned)strtoul(last + 3, NULL, 10) : 0;
}

void svm_account_set(struct svm *vm, const struct svm_account *a)
{
    begin(vm, "account", a->key);
    (void)fprintf(vm->to, " %" PRIu64 " ", a->lamports);
    put_hex(vm, a->owner, 32);
    (void)fprintf(vm->to, " %d ", a->executable ? 1 : 0);
    put_hex(vm, a->data, a->data_bytes);
    (void)done(vm);
}

void svm_account_get(struct svm *vm, const uint8_t key[32], struct svm_account *a)
{
    begin(vm, "get", key);
    (void)done(vm);
    *a = vm->account[0];
}

void svm_owned(struct svm *vm, const uint8_t program[32],
               void (*fn)(void *ctx, const struct svm_account *a), void *ctx)
{
    begin(vm, "owned", program);
    const char *last = answer(vm, fn, ctx);
    if (!su_str_starts(last, "ok"))
        die("owned", last);
}

void svm_clock(struct svm *vm, uint64_t slot, int64_t unix_seconds)
{
    (void)fprintf(vm->to, "clock %" PRIu64 " %" PRId64, slot, unix_seconds);
    (void)done(vm);
}

void svm_slot_hashes(struct svm *vm, const uint64_t *slots, uint8_t (*hashes)[32], size_t n)
{
    begin(vm, "hashes", NULL);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(vm->to, " %" PRIu64 ":", slots[i]);
        put_hex(vm, hashes[i], 32);
    }
    (void)done(vm);
}

void svm_rent(struct svm *vm, uint64_t lamports_per_byte, double threshold)
{
    (void)fprintf(vm->to, "rent %" PRIu64 " %.17g", lamports_per_byte, threshold);
    (void)done(vm);
}

uint64_t svm_rent_minimum(struct svm *vm, uint64_t bytes)
{
    (void)fprintf(vm->to, "minimum %" PRIu64, bytes);
    return strtoull(done(vm), NULL, 10);
}

void svm_unit_limit(struct svm *vm, uint32_t units)
{
    (void)fprintf(vm->to, "limit %" PRIu32, units);
    (void)done(vm);
}

void svm_ix(struct svm *vm, const uint8_t program[32], const void *data, size_t n,
            const struct svm_meta *metas, size_t nmetas)
{
    begin(vm, "ix", program);
    (void)fputc(' ', vm->to);
    put_hex(vm, data, n);
    for (size_t i = 0; i < nmetas; i++) {
        (void)fputc(' ', vm->to);
        put_hex(vm, metas[i].key, 32);
        (void)fprintf(vm->to, ":%s%s%s", metas[i].signer ? "s" : "", metas[i].writable ? "w" : "",
                      metas[i].signer || metas[i].writable ? "" : "-");
    }
    (void)done(vm);
}

static void take_failure(struct svm_result *r, char *words)
{
    char *save = NULL;
    const char *at = strtok_r(words, " ", &save);
    const char *kind = strtok_r(NULL, " ", &save);
    const char *what = strtok_r(NULL, " ", &save);
    if (!at || !kind || !what)
        die("answer", "half a failure");
    (void)su_str_copy(r->name, sizeof r->name, what);
    r->instruction = (unsigned)strtoul(at, NULL, 10);
    if (strcmp(kind, "custom") == 0) {
        r->outcome = SVM_CUSTOM;
        r->custom = (uint32_t)strtoul(what, NULL, 10);
    } else {
        r->outcome = strcmp(kind, "error") == 0 ? SVM_ERROR : SVM_REFUSED;
    }
}

void svm_send(struct svm *vm, struct svm_result *r)
{
    begin(vm, "send", SVM_PAYER);
    char *last = answer(vm, NULL, NULL);
    const bool ok = su_str_starts(last, "ok ");
    if (!ok && !su_str_starts(last, "fail "))
        die("send", last);
    char *rest = strchr(last, ' ');
    memset(r, 0, sizeof *r);
    r->units = strtoull(rest, &rest, 10);
    r->bytes = (size_t)strtoull(rest, &rest, 10);
    if (!ok)
        take_failure(r, rest);
    r->log = (const char *)vm->log.data;
    r->returned = vm->returned.data;
    r->returned_bytes = vm->returned.len;
    r->accounts = vm->account;
    r->naccounts = vm->accounts;
}
