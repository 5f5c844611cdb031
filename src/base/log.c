// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX 2048
#define LOG_TOPIC_MAX 32
#define LOG_FILE_MAX ((uint64_t)16 << 20)

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};

/* Levels are read without the lock, so that a line nobody wants costs two loads. */
static atomic_int stderr_level = SU_LOG_WARN;
static atomic_int file_level = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int file_fd = -1; /* this and the next two: under lock */
static uint64_t file_bytes;
static char file_path[PATH_MAX];

/* A log that cannot be written has nobody left to tell: short writes are dropped. */
static void put_line(int fd, const char *line, size_t n)
{
    while (write(fd, line, n) < 0 && errno == EINTR) {
    }
}

static int open_log(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
}

/* If the rename fails, the old file goes on growing: losing lines would be worse. */
static void rotate(void)
{
    char old[PATH_MAX + 2];

    (void)snprintf(old, sizeof old, "%s.1", file_path);
    if (rename(file_path, old) == 0) {
        int fd = open_log(file_path);
        if (fd >= 0) {
            (void)close(file_fd);
            file_fd = fd;
        }
    }
    file_bytes = 0;
}

static size_t format_head(enum su_log_level level, const char *topic, char *out, size_t cap)
{
    char name[LOG_TOPIC_MAX], stamp[24];
    int64_t now_ms = su_clock_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm tm;

    if (!gmtime_r(&now_s, &tm))
        memset(&tm, 0, sizeof tm);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    su_str_sanitize(name, sizeof name, topic, strlen(topic));
    int n = snprintf(out, cap, "%s.%03dZ %-5s %s: ", stamp, (int)(now_ms % 1000),
                     level_names[level], name);
    return n < 0 ? 0 : SU_MIN((size_t)n, cap - 1);
}

void su_log(enum su_log_level level, const char *topic, const char *fmt, ...)
{
    char raw[LOG_MESSAGE_MAX], line[LOG_MESSAGE_MAX + 96];
    va_list ap;

    SU_ASSERT(level >= SU_LOG_ERROR && level <= SU_LOG_TRACE);
    bool to_stderr = (int)level <= atomic_load_explicit(&stderr_level, memory_order_relaxed);
    bool to_file = (int)level <= atomic_load_explicit(&file_level, memory_order_relaxed);
    if (!to_stderr && !to_file)
        return;
    size_t n = format_head(level, topic, line, sizeof line);
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    su_str_sanitize(line + n, sizeof line - n - 1, raw, strlen(raw));
    n += strlen(line + n);
    line[n++] = '\n';

    (void)pthread_mutex_lock(&lock);
    if (to_stderr)
        put_line(STDERR_FILENO, line, n);
    if (to_file && file_fd >= 0) {
        if (file_bytes + n > LOG_FILE_MAX)
            rotate();
        put_line(file_fd, line, n);
        file_bytes += n;
    }
    (void)pthread_mutex_unlock(&lock);
}

void su_log_stderr(int max_level)
{
    atomic_store(&stderr_level, max_level);
}

enum su_code su_log_file(const char *path, int max_level, struct su_err *e)
{
    struct stat st;
    int fd = -1;

    if (path) {
        if (strlen(path) >= sizeof file_path)
            return su_fail(e, SU_ELIMIT, path, "path is longer than %zu bytes",
                           sizeof file_path - 1);
        fd = open_log(path);
        if (fd < 0)
            return su_fail_sys(e, errno, path, "cannot open the log");
    }
    (void)pthread_mutex_lock(&lock);
    if (file_fd >= 0)
        (void)close(file_fd);
    file_fd = fd;
    file_bytes = fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    (void)su_str_copy(file_path, sizeof file_path, path ? path : "");
    atomic_store(&file_level, path ? max_level : -1);
    (void)pthread_mutex_unlock(&lock);
    return SU_OK;
}
