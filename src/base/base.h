// SPDX-License-Identifier: MIT
/* base: what every module stands on. Errors, memory, bytes, files, log, clock, sizes, codecs,
   job queue. No module below it. Nothing here prints or exits except su_assert_fail and
   su_alloc's out-of-memory path. */
#ifndef SU_BASE_H
#define SU_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SU_CHECK __attribute__((warn_unused_result))
#define SU_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define SU_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SU_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SU_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- errors ---------------------------------------------------------------------------------- */

enum su_code {
#define X(name, exit_status, text) SU_##name,
#include "base/err_codes.def"
#undef X
    SU_CODE_COUNT
};

/* One error, owned by the caller, no heap, safe to copy. `at` names the thing (file, tensor,
   option), `msg` is one line: what is wrong, the limit, the remedy. `sys` is errno where a
   system call failed, else 0. */
struct su_err {
    enum su_code code;
    int sys;
    char at[96];
    char msg[400];
};

/* su_fail fills *e (NULL allowed) and returns c, so that `return su_fail(e, SU_EFORMAT, path,
   "...")` reads well. `at` may be NULL. Long texts are cut, never overflow; control characters
   in either text become '?'. */
enum su_code su_fail(struct su_err *e, enum su_code c, const char *at, const char *fmt, ...)
    SU_PRINTF(4, 5);
/* As su_fail for a failed system call: appends strerror(sys), maps ENOENT, EACCES, ENOSPC,
   EEXIST, ENOMEM, EIO to codes. */
enum su_code su_fail_sys(struct su_err *e, int sys, const char *at, const char *fmt, ...)
    SU_PRINTF(4, 5);
/* su_wrap puts "context: " before e->msg and returns e->code (SU_EINTERNAL when e is NULL). */
enum su_code su_wrap(struct su_err *e, const char *fmt, ...) SU_PRINTF(2, 3);
const char *su_code_name(enum su_code c); /* "EFORMAT"; "?" when out of range */
const char *su_code_text(enum su_code c); /* "malformed data" */
int su_code_exit(enum su_code c); /* exit status for a command */
/* Writes "at: msg" (or the code's text when empty) into out. */
void su_err_line(const struct su_err *e, char *out, size_t cap);

/* SU_ASSERT is for programmer errors only, and stays in release builds. The handler, when set,
   runs first (the terminal app restores the screen in it), then the message goes to stderr and
   the process aborts. */
#define SU_ASSERT(cond) ((cond) ? (void)0 : su_assert_fail(#cond, __FILE__, __LINE__))
__attribute__((noreturn)) void su_assert_fail(const char *cond, const char *file, int line);
void su_assert_handler(void (*fn)(void));

/* ---- memory ---------------------------------------------------------------------------------- */

/* su_alloc and friends are for small, bounded sizes: zeroed, never NULL (out of memory ends the
   process after the assert handler). su_try_alloc is for sizes that came from input: zeroed,
   n·size checked for overflow, NULL on failure. */
void *su_alloc(size_t bytes);
void *su_realloc(void *p, size_t bytes); /* new bytes are not zeroed */
char *su_strdup(const char *s);
void *su_try_alloc(size_t n, size_t size);
/* Aligned to 64 bytes, zeroed, released by free(); NULL on failure or overflow. */
void *su_try_alloc_aligned(size_t n, size_t size);

/* Checked arithmetic on sizes: true when the result fits and was stored. */
bool su_add_u64(uint64_t a, uint64_t b, uint64_t *out);
bool su_mul_u64(uint64_t a, uint64_t b, uint64_t *out);
/* Rounds up to a multiple of a power of two; assumes v + align - 1 fits. */
uint64_t su_align_up(uint64_t v, uint64_t align);

/* Arena: bump allocation, freed as a whole. su_arena_alloc returns zeroed memory aligned to 16,
   NULL when the arena's limit (0 = none) or the system is exhausted. Not thread-safe. */
struct su_arena {
    struct su_arena_block *head;
    size_t used, limit;
};
void su_arena_init(struct su_arena *a, size_t limit_bytes);
void *su_arena_alloc(struct su_arena *a, size_t bytes);
char *su_arena_strndup(struct su_arena *a, const char *s, size_t n);
void su_arena_fini(struct su_arena *a);

/* Growing byte buffer. Appending after an allocation failure or beyond `limit` (0 = none) is a
   no-op that sets `failed` (and `over` when the limit was the reason), so a writer checks once
   at the end. data is NUL-terminated beyond len when any byte was reserved. su_buf_clear
   forgets the content and a failure, and keeps the memory. */
struct su_buf {
    uint8_t *data;
    size_t len, cap, limit;
    bool failed, over;
};
void su_buf_init(struct su_buf *b, size_t limit_bytes);
void su_buf_fini(struct su_buf *b);
void su_buf_clear(struct su_buf *b);
bool su_buf_reserve(struct su_buf *b, size_t more);
void su_buf_put(struct su_buf *b, const void *data, size_t n);
void su_buf_u8(struct su_buf *b, uint8_t v);
void su_buf_u16(struct su_buf *b, uint16_t v); /* little-endian, like all of these */
void su_buf_u32(struct su_buf *b, uint32_t v);
void su_buf_u64(struct su_buf *b, uint64_t v);
void su_buf_str(struct su_buf *b, const char *s);
void su_buf_printf(struct su_buf *b, const char *fmt, ...) SU_PRINTF(2, 3);
/* SU_ELIMIT when `over`, SU_ENOMEM when else `failed`. */
SU_CHECK enum su_code su_buf_check(const struct su_buf *b, const char *at, struct su_err *e);

/* Bounded reader over foreign bytes. A read past the end sets `failed`, leaves pos and yields
   zeros, and so does every read after it: check `failed` before believing what was read. */
struct su_reader {
    const uint8_t *data;
    size_t len, pos;
    bool failed;
};
struct su_reader su_reader_of(const void *data, size_t len);
uint8_t su_read_u8(struct su_reader *r);
uint16_t su_read_u16(struct su_reader *r);
uint32_t su_read_u32(struct su_reader *r);
uint64_t su_read_u64(struct su_reader *r);
/* A pointer into data; NULL when short. */
const uint8_t *su_read_bytes(struct su_reader *r, size_t n);
size_t su_read_left(const struct su_reader *r);

uint16_t su_le16(const void *p);
uint32_t su_le32(const void *p);
uint64_t su_le64(const void *p);
void su_put_le16(void *p, uint16_t v);
void su_put_le32(void *p, uint32_t v);
void su_put_le64(void *p, uint64_t v);

/* ---- text and codecs ------------------------------------------------------------------------- */

/* Copies src into dst[cap], always terminated; returns true when nothing was cut. */
bool su_str_copy(char *dst, size_t cap, const char *src);
bool su_str_starts(const char *s, const char *prefix);
bool su_str_ends(const char *s, const char *suffix);
/* Length (1 to 4) of the well-formed UTF-8 sequence at s, of which `left` bytes may be read; 0
   when there is none (overlong forms, surrogates and values above U+10FFFF are not
   well-formed). */
size_t su_utf8_step(const void *s, size_t left);
/* Writes a printable version of foreign text: control characters (C0, DEL, C1) and invalid
   UTF-8 become '?', one per byte; a text that is too long is cut between characters. dst is
   always terminated. */
void su_str_sanitize(char *dst, size_t cap, const char *src, size_t len);

/* Each encoder writes a terminated string into out[cap] and returns its length, 0 when cap is
   too small. Each decoder returns false on a bad character, a bad length or a result beyond
   cap; *len is the decoded length. Hex: lower case out, both cases in. Base58: Bitcoin's
   alphabet, n <= 1232. Base64: RFC 4648, padded; a form other than the encoder's is refused. */
size_t su_hex_encode(const void *data, size_t n, char *out, size_t cap);
bool su_hex_decode(const char *s, void *out, size_t cap, size_t *len);
size_t su_base58_encode(const void *data, size_t n, char *out, size_t cap);
bool su_base58_decode(const char *s, void *out, size_t cap, size_t *len);
size_t su_base64_encode(const void *data, size_t n, char *out, size_t cap);
bool su_base64_decode(const char *s, void *out, size_t cap, size_t *len);

/* Parses "300KB", "12GB", "1.5GiB", "4096", "64 MB": K/M/G/T with B mean 2^10, 2^20, 2^30, 2^40
   (as GPU vendors count VRAM), with or without "i", case-insensitive; a plain number is bytes.
   SU_EINVAL: empty, negative, unknown unit, NaN; SU_EOVERFLOW: >= 2^63. Zero parses. `at` names
   the option for the message. */
SU_CHECK enum su_code su_parse_size(const char *s, const char *at, uint64_t *bytes,
                                    struct su_err *e);
/* Decimal integer in [lo, hi], whole string. SU_EINVAL / SU_EOVERFLOW. */
SU_CHECK enum su_code su_parse_u64(const char *s, const char *at, uint64_t lo, uint64_t hi,
                                   uint64_t *v, struct su_err *e);
/* "300 KB", "1.19 MB" (units of su_parse_size), into out[cap]; returns out. */
const char *su_format_size(uint64_t bytes, char *out, size_t cap);

/* ---- clock, log, progress -------------------------------------------------------------------- */

uint64_t su_clock_mono_ns(void); /* monotonic */
int64_t su_clock_wall_ms(void); /* Unix time */

enum su_log_level { SU_LOG_ERROR, SU_LOG_WARN, SU_LOG_INFO, SU_LOG_DEBUG, SU_LOG_TRACE };
/* One line per event: UTC time in ms, level, topic, message; long messages are cut at 2 KiB,
   control characters and invalid UTF-8 in them become '?'. Sinks: stderr (level set by
   su_log_stderr, -1 = off, the default WARN) and a file (always appended, mode 0600, renamed to
   FILE.1 at 16 MiB; path NULL closes it). Thread-safe; never from a signal handler. */
void su_log(enum su_log_level level, const char *topic, const char *fmt, ...) SU_PRINTF(3, 4);
void su_log_stderr(int max_level);
SU_CHECK enum su_code su_log_file(const char *path, int max_level, struct su_err *e);

/* Rate and time left of long work. su_progress_line fills "12.3 MB of 1.2 GB, 3.4 MB/s, 5:12
   left". total 0 = unknown. unit "B" formats as sizes, anything else as counts. Pure arithmetic
   over the given monotonic times. */
struct su_progress {
    uint64_t start_ns, last_ns, done, total;
    uint64_t mark; /* done at last_ns */
    double rate; /* per second, smoothed */
    char unit[16];
};
void su_progress_init(struct su_progress *p, uint64_t total, const char *unit, uint64_t now_ns);
void su_progress_set(struct su_progress *p, uint64_t done, uint64_t now_ns);
const char *su_progress_line(const struct su_progress *p, char *out, size_t cap);

/* ---- files ----------------------------------------------------------------------------------- */

/* Read-only view of a file: mmap for regular files, else read into memory. len may be 0, data
   is never NULL. A mapped file that someone shortens meanwhile faults on access: map only files
   that are replaced, never rewritten in place. */
struct su_map {
    const uint8_t *data;
    size_t len;
    bool mapped;
};
/* limit_bytes 0 = none (1 GiB for pipes and devices). On failure *m is empty: SU_ENOENT,
   SU_EACCES, SU_EIO, SU_ENOMEM, SU_ELIMIT (larger than limit_bytes; the message names file,
   size and limit), SU_EINVAL (directory). */
SU_CHECK enum su_code su_map_open(const char *path, uint64_t limit_bytes, struct su_map *m,
                                  struct su_err *e);
void su_map_close(struct su_map *m); /* an empty or closed map is allowed */

/* Writes a file so that it is either the old one or the whole new one: temporary file beside
   it, fsync, rename, fsync of the folder. mode e.g. 0600, whatever the umask. On failure the
   old file is untouched and no temporary file is left. */
SU_CHECK enum su_code su_file_write(const char *path, const void *data, size_t n, unsigned mode,
                                    struct su_err *e);
/* Makes the folder and its parents (like mkdir -p); one that exists is no failure. SU_EEXIST: a
   file is in the way. */
SU_CHECK enum su_code su_dir_make(const char *path, unsigned mode, struct su_err *e);
/* Joins into out[cap]; SU_ELIMIT when cut. */
SU_CHECK enum su_code su_path_join(char *out, size_t cap, const char *dir, const char *name,
                                   struct su_err *e);
/* $SPLITUP_HOME, else $XDG_DATA_HOME/splitup, else ~/.local/share/splitup. Not created.
   SU_ENOENT without any of them. */
SU_CHECK enum su_code su_home_dir(char *out, size_t cap, struct su_err *e);

/* Configuration file of `key = value` lines: UTF-8 of at most 1 MiB; a '#' at the start of a
   line or after a blank begins a comment; keys are of letters, digits, '_', '-' and '.'; values
   may be "quoted", with the escapes \" and \\ only. Unknown keys are kept. SU_EFORMAT names the
   line (a key twice, a bad key, no '=', bad quotes, control characters); SU_ELIMIT, SU_ENOMEM.
   On failure *out is NULL. */
struct su_config;
SU_CHECK enum su_code su_config_parse(const char *text, size_t len, const char *at,
                                      struct su_config **out, struct su_err *e);
/* The value, borrowed from c, or fallback; c may be NULL. */
const char *su_config_get(const struct su_config *c, const char *key, const char *fallback);
void su_config_free(struct su_config *c);

/* ---- jobs ------------------------------------------------------------------------------------ */

/* Fixed pool of worker threads; threads 0 = number of online processors. Idle threads spin for
   some microseconds before they sleep, so that short runs in close succession start at once.
   All functions but new and free are thread-safe. */
struct su_jobs;
struct su_jobs *su_jobs_new(unsigned threads);
/* Workers + caller, i.e. the parallelism of su_jobs_run. */
unsigned su_jobs_threads(const struct su_jobs *j);
/* Calls fn(ctx, i) once for every i in [0, n), in no order, on the workers and the caller;
   returns when all are done and what they wrote is visible. No allocation. Runs from several
   threads share the workers; a run from inside fn works, mostly on its own thread. */
void su_jobs_run(struct su_jobs *j, size_t n, void (*fn)(void *ctx, size_t i), void *ctx);
/* Queues one call for a worker; without workers it is made before su_jobs_push returns. Runs go
   before queued calls. */
void su_jobs_push(struct su_jobs *j, void (*fn)(void *ctx), void *ctx);
/* Makes and awaits queued calls until none is left. Not from inside a queued call. */
void su_jobs_wait_idle(struct su_jobs *j);
/* Waits for queued calls, then ends the threads. Assumes that no other thread uses j. NULL
   allowed. */
void su_jobs_free(struct su_jobs *j);

#endif
