// SPDX-License-Identifier: MIT
#include "media_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_idx(const uint8_t *p, size_t n)
{
    return n >= 4 && p[0] == 0 && p[1] == 0 && p[2] == 8 && (p[3] == 1 || p[3] == 3);
}

static bool is_pgm(const uint8_t *p, size_t n)
{
    static const char space[] = " \t\r\n\v\f#";

    return n >= 3 && p[0] == 'P' && (p[1] == '2' || p[1] == '5') &&
           memchr(space, p[2], sizeof space - 1) != NULL;
}

enum su_media_kind su_media_kind_of(const void *head, size_t head_len, uint64_t file_len)
{
    const uint8_t *p = head;

    if (head_len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return SU_MEDIA_PNG;
    }
    if (is_pgm(p, head_len)) {
        return SU_MEDIA_PGM;
    }
    if (is_idx(p, head_len)) {
        return SU_MEDIA_IDX;
    }
    if (head_len >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        uint8_t inner[4];
        size_t n = su_media_gz_head(p, head_len, inner, sizeof inner);

        return is_idx(inner, n) ? SU_MEDIA_IDX_GZ : SU_MEDIA_UNKNOWN;
    }
    if (head_len >= 9 && p[8] == '{' && file_len >= 10) {
        uint64_t header = su_le64(p);

        return header >= 2 && header <= file_len - 8 ? SU_MEDIA_SAFETENSORS : SU_MEDIA_UNKNOWN;
    }
    return SU_MEDIA_UNKNOWN;
}

enum su_code su_media_kind(const char *path, enum su_media_kind *kind, struct su_err *e)
{
    uint8_t head[4096]; /* a gzip header may carry a long file name before the data */
    struct stat st;
    ssize_t got = 0;
    enum su_code c = SU_OK;

    *kind = SU_MEDIA_UNKNOWN;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return su_fail_sys(e, errno, path, "cannot open");
    }
    if (fstat(fd, &st) != 0) {
        c = su_fail_sys(e, errno, path, "cannot stat");
    } else if (S_ISDIR(st.st_mode)) {
        c = su_fail(e, SU_EINVAL, path, "is a folder; give a file");
    } else {
        got = read(fd, head, sizeof head);
        if (got < 0) {
            c = su_fail_sys(e, errno, path, "cannot read");
        } else if (got == 0) {
            c = su_fail(e, SU_ETRUNC, path, "file is empty: 0 bytes at offset 0");
        } else {
            *kind = su_media_kind_of(head, (size_t)got, (uint64_t)st.st_size);
        }
    }
    close(fd);
    return c;
}

const char *su_media_kind_name(enum su_media_kind kind)
{
    static const char *const name[] = {"unknown", "PNG", "PGM", "IDX", "IDX (gzip)", "safetensors"};

    return (size_t)kind < SU_ARRAY_LEN(name) ? name[kind] : "unknown";
}

enum su_code su_media_gray_new(uint64_t w, uint64_t h, size_t offset, const char *at,
                               struct su_image *out, struct su_err *e)
{
    if (w == 0 || h == 0) {
        return su_fail(e, SU_EFORMAT, at,
                       "picture of %" PRIu64 " x %" PRIu64 " pixels has no pixels (byte %zu)", w, h,
                       offset);
    }
    if (w > SU_MEDIA_SIDE_MAX || h > SU_MEDIA_SIDE_MAX || w * h > SU_MEDIA_PIXELS_MAX) {
        return su_fail(e, SU_ELIMIT, at,
                       "claims %" PRIu64 " x %" PRIu64
                       " pixels at byte %zu; the limit is %u per side and %u in all: scale it down",
                       w, h, offset, SU_MEDIA_SIDE_MAX, SU_MEDIA_PIXELS_MAX);
    }
    out->gray = su_try_alloc((size_t)w, (size_t)h);
    if (out->gray == NULL) {
        return su_fail(e, SU_ENOMEM, at, "no memory for %" PRIu64 " pixels", w * h);
    }
    out->w = (uint32_t)w;
    out->h = (uint32_t)h;
    return SU_OK;
}

void su_image_fini(struct su_image *im)
{
    free(im->gray);
    *im = (struct su_image){0};
}

enum su_code su_image_parse(const void *data, size_t len, const char *at, struct su_image *out,
                            struct su_err *e)
{
    const uint8_t *p = data;
    enum su_code c;

    *out = (struct su_image){0};
    if (len == 0) {
        return su_fail(e, SU_ETRUNC, at, "file is empty: 0 bytes at offset 0");
    }
    switch (su_media_kind_of(data, len, len)) {
    case SU_MEDIA_PNG:
        c = su_media_png_parse(data, len, at, out, e);
        break;
    case SU_MEDIA_PGM:
        c = su_media_pgm_parse(data, len, at, out, e);
        break;
    case SU_MEDIA_IDX:
    case SU_MEDIA_IDX_GZ:
        c = su_fail(e, SU_EFORMAT, at, "is an IDX file of many pictures: choose one by index");
        break;
    default:
        if (len < 8 && (memcmp(p, "\x89PNG\r\n\x1a", SU_MIN(len, 7u)) == 0 || p[0] == 'P')) {
            c = su_fail(e, SU_ETRUNC, at, "ends at byte %zu, inside the magic number", len);
        } else {
            c = su_fail(e, SU_EFORMAT, at,
                        "wrong magic number %02x%02x%02x%02x at byte 0: neither PNG nor PGM (P2, "
                        "P5)",
                        p[0], len > 1 ? p[1] : 0, len > 2 ? p[2] : 0, len > 3 ? p[3] : 0);
        }
    }
    if (c != SU_OK) {
        su_image_fini(out);
    }
    return c;
}

enum su_code su_image_load(const char *path, struct su_image *out, struct su_err *e)
{
    struct su_map m;

    *out = (struct su_image){0};
    enum su_code c = su_map_open(path, SU_MEDIA_BYTES_MAX, &m, e);
    if (c != SU_OK) {
        return c;
    }
    c = su_image_parse(m.data, m.len, path, out, e);
    su_map_close(&m);
    return c;
}
