// SPDX-License-Identifier: MIT
/* Layout of the file: gguf.c. */
#include "weights_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN 32u
#define CHUNK_BYTES (4u << 20)

struct out {
    int fd;
    const char *path;
    const struct su_gguf_source *source;
    uint64_t done, total;
};

static uint64_t row_bytes(const struct su_tensor *t)
{
    uint32_t last = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;

    return (uint64_t)last / su_dtype_block_elements(t->dtype) * su_dtype_block_bytes(t->dtype);
}

static enum su_code check_tensor(const struct su_tensor *t, uint64_t *bytes, struct su_err *e)
{
    const char *name = t->name ? t->name : "";
    const char *wrong = su_weights_name_error(name, strlen(name));
    uint32_t number;
    uint64_t n;

    if (wrong)
        return su_fail(e, SU_EINVAL, name, "%s", wrong);
    if ((unsigned)t->dtype >= SU_DTYPE_COUNT || !su_gguf_type_number(t->dtype, &number))
        return su_fail(e, SU_EUNSUPPORTED, name, "its type cannot be written into a GGUF file");
    if (t->shape.rank == 0 || t->shape.rank > SU_GRAPH_RANK_MAX)
        return su_fail(e, SU_ELIMIT, name, "rank %" PRIu32 "; 1 to %d can be written",
                       t->shape.rank, SU_GRAPH_RANK_MAX);
    uint32_t last = t->shape.dim[t->shape.rank - 1];
    if (!su_weights_elements(&t->shape, &n) || n == 0)
        return su_fail(e, SU_ELIMIT, name, "no elements, or more than %llu",
                       SU_GRAPH_WEIGHT_ELEMENTS_MAX);
    if (last % su_dtype_block_elements(t->dtype) != 0)
        return su_fail(e, SU_EINVAL, name, "blocks of %" PRIu32 " do not fill rows of %" PRIu32,
                       su_dtype_block_elements(t->dtype), last);
    *bytes = n / last * row_bytes(t);
    return SU_OK;
}

static void put_info(struct su_buf *b, const struct su_tensor *t, uint64_t offset)
{
    uint32_t number = 0;

    (void)su_gguf_type_number(t->dtype, &number);
    su_buf_u64(b, strlen(t->name));
    su_buf_str(b, t->name);
    su_buf_u32(b, t->shape.rank);
    for (uint32_t i = t->shape.rank; i-- > 0;)
        su_buf_u64(b, t->shape.dim[i]);
    su_buf_u32(b, number);
    su_buf_u64(b, offset);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum su_code check_names(const struct su_tensor *t, uint32_t n, struct su_err *e)
{
    const char **name = su_try_alloc(SU_MAX(n, 1u), sizeof *name);
    enum su_code c = SU_OK;

    if (!name)
        return su_fail(e, SU_ENOMEM, NULL, "out of memory for %" PRIu32 " tensors", n);
    for (uint32_t i = 0; i < n; i++)
        name[i] = t[i].name;
    qsort(name, n, sizeof *name, by_name);
    for (uint32_t i = 1; i < n && !c; i++) {
        if (strcmp(name[i - 1], name[i]) == 0)
            c = su_fail(e, SU_EINVAL, name[i], "the name stands twice");
    }
    free(name);
    return c;
}

/* What stands before the data; *total is the size of the file. */
static enum su_code make_header(const struct su_tensor *t, uint32_t n, struct su_buf *b,
                                uint64_t *total, const char *path, struct su_err *e)
{
    uint64_t offset = 0, bytes = 0;
    enum su_code c = SU_OK;

    if (n > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, path, "%" PRIu32 " tensors exceed %u", n,
                       SU_WEIGHTS_TENSOR_MAX);
    su_buf_str(b, "GGUF");
    su_buf_u32(b, 3);
    su_buf_u64(b, n);
    su_buf_u64(b, 0);
    for (uint32_t i = 0; i < n; i++) {
        if ((c = check_tensor(&t[i], &bytes, e)))
            return c;
        put_info(b, &t[i], offset);
        offset += su_align_up(bytes, ALIGN); /* no overflow: 2^42 bytes in a tensor, 2^16 of them */
    }
    while (!b->failed && b->len % ALIGN != 0)
        su_buf_u8(b, 0);
    *total = offset + b->len;
    c = check_names(t, n, e);
    return c ? c : su_buf_check(b, path, e);
}

static enum su_code put(struct out *o, const uint8_t *p, size_t n, struct su_err *e)
{
    o->done += n;
    while (n > 0) {
        ssize_t k = write(o->fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return su_fail_sys(e, errno, o->path, "cannot be written");
        p += k;
        n -= (size_t)k;
    }
    if (o->source->done)
        o->source->done(o->source->ctx, o->done, o->total);
    return SU_OK;
}

static enum su_code put_tensor(struct out *o, const struct su_tensor *t, uint32_t i,
                               struct su_err *e)
{
    static const uint8_t zeros[ALIGN];
    uint64_t row = row_bytes(t), rows = 1, at_once = SU_MAX(CHUNK_BYTES / row, (uint64_t)1);
    enum su_code c = SU_OK;

    for (uint32_t k = 0; k + 1 < t->shape.rank; k++)
        rows *= t->shape.dim[k];
    at_once = SU_MIN(at_once, rows);
    uint8_t *buf = su_try_alloc((size_t)at_once, (size_t)row);
    if (!buf)
        return su_fail(e, SU_ENOMEM, t->name, "out of memory for rows of %" PRIu64 " bytes", row);
    for (uint64_t at = 0; at < rows && !c; at += at_once) {
        uint64_t k = SU_MIN(at_once, rows - at);
        c = o->source->fill(o->source->ctx, i, at, k, buf, e);
        c = c ? c : put(o, buf, (size_t)(k * row), e);
    }
    free(buf);
    return c ? c : put(o, zeros, (size_t)(su_align_up(o->done, ALIGN) - o->done), e);
}

static enum su_code put_all(struct out *o, const struct su_buf *head, const struct su_tensor *t,
                            uint32_t n, struct su_err *e)
{
    enum su_code c = put(o, head->data, head->len, e);

    for (uint32_t i = 0; i < n && !c; i++)
        c = put_tensor(o, &t[i], i, e);
    if (!c && (fchmod(o->fd, 0644) != 0 || fsync(o->fd) != 0))
        c = su_fail_sys(e, errno, o->path, "cannot be completed");
    return c;
}

/* So that the new name outlives a crash too. */
static enum su_code sync_folder(const char *path, struct su_err *e)
{
    size_t dir = (size_t)(su_weights_leaf(path) - path);
    char *name = su_alloc(dir + 2);

    memcpy(name, dir ? path : ".", dir ? dir : 1);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum su_code c = SU_OK;
    if (fd < 0 || fsync(fd) != 0)
        c = su_fail_sys(e, errno, path, "the folder cannot be synced");
    if (fd >= 0)
        (void)close(fd);
    free(name);
    return c;
}

enum su_code su_weights_write_gguf(const char *path, const struct su_tensor *t, uint32_t n,
                                   const struct su_gguf_source *s, struct su_err *e)
{
    struct out o = {.path = path, .source = s};
    struct su_buf head, tmp;

    su_buf_init(&head, SU_WEIGHTS_HEADER_BYTES_MAX);
    su_buf_init(&tmp, 0);
    su_buf_printf(&tmp, "%s.tmp-XXXXXX", path);
    enum su_code c = make_header(t, n, &head, &o.total, path, e);
    c = c ? c : su_buf_check(&tmp, path, e);
    if (!c) {
        char *name = (char *)tmp.data;
        o.fd = mkostemp(name, O_CLOEXEC);
        if (o.fd < 0) {
            c = su_fail_sys(e, errno, path, "cannot be created");
        } else {
            c = put_all(&o, &head, t, n, e);
            if (close(o.fd) != 0 && !c)
                c = su_fail_sys(e, errno, path, "cannot be completed");
            if (!c && rename(name, path) != 0)
                c = su_fail_sys(e, errno, path, "cannot be put in its place");
            if (c)
                (void)unlink(name);
            c = c ? c : sync_folder(path, e);
        }
    }
    su_buf_fini(&head);
    su_buf_fini(&tmp);
    return c;
}
