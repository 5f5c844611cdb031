// SPDX-License-Identifier: MIT
/* media: pictures of digits in, 28x28 gray bytes out. PNG (ISO/IEC 15948), PGM (Netpbm P2 and P5),
   IDX (the MNIST container, plain or gzipped), all treated as hostile: sizes are checked against
   the limits below and against what the file can possibly hold before anything is allocated. Every
   error is one line with the file, the byte offset and the limit or the remedy. Formats are told
   apart by their first bytes, never by name. All functions are thread-safe on distinct objects;
   const objects may be shared. No global state. */
#ifndef SU_MEDIA_H
#define SU_MEDIA_H

#include "base/base.h"

#define SU_MEDIA_SIDE_MAX 16384u /* pixels per side */
#define SU_MEDIA_PIXELS_MAX (64u * 1024u * 1024u) /* pixels per picture */
#define SU_MEDIA_BYTES_MAX (1024ull * 1024 * 1024) /* bytes of a file, and of an inflated IDX */
#define SU_MEDIA_DIGIT_SIDE 28u
#define SU_MEDIA_DIGIT_BYTES 784u

enum su_media_kind {
    SU_MEDIA_UNKNOWN,
    SU_MEDIA_PNG,
    SU_MEDIA_PGM,
    SU_MEDIA_IDX,
    SU_MEDIA_IDX_GZ,
    SU_MEDIA_SAFETENSORS
};

/* su_media_kind sniffs a file by its first bytes. A safetensors file is an 8-byte little-endian
   header length that fits the file, followed by '{'. Gzip is reported as SU_MEDIA_IDX_GZ only when
   its content starts like an IDX file. On success *kind is set, to SU_MEDIA_UNKNOWN for a readable
   file of no known kind. On failure *kind is SU_MEDIA_UNKNOWN: SU_ENOENT, SU_EACCES, SU_EIO,
   SU_EINVAL (a folder), SU_ETRUNC (0 bytes). */
SU_CHECK enum su_code su_media_kind(const char *path, enum su_media_kind *kind, struct su_err *e);
/* The same over the first head_len bytes of a file of file_len bytes; 64 bytes are enough. Never
   fails. */
enum su_media_kind su_media_kind_of(const void *head, size_t head_len, uint64_t file_len);
const char *su_media_kind_name(enum su_media_kind kind); /* "PNG", "IDX (gzip)", ... */

/* ---- pictures -------------------------------------------------------------------------------- */

/* A gray picture, row-major, one byte per pixel, 0 = black. Owns gray. */
struct su_image {
    uint32_t w, h;
    uint8_t *gray;
};

/* su_image_load reads a PNG or PGM file; su_image_parse the same from memory (`at` names it in
   messages). Any PNG colour type and depth, interlaced or not: colours become luma (77 R + 150 G +
   29 B + 128) / 256, 16-bit samples are scaled to 8, alpha is laid over the file's bKGD colour or
   else over black or white, whichever differs more from the visible ink (so black or white ink on
   nothing both stay visible). PGM samples are scaled from maxval to 255 with rounding; only the
   first picture of a PGM file is read. On success *out is owned by the caller (su_image_fini). On
   failure *out is empty:
     SU_ETRUNC  0 bytes, or data ends early, or the header claims more than the file can hold
     SU_EFORMAT wrong magic, bad checksum, bad header, or a sample above maxval
     SU_ELIMIT  more than SU_MEDIA_SIDE_MAX, SU_MEDIA_PIXELS_MAX or SU_MEDIA_BYTES_MAX
     SU_ENOMEM, and for su_image_load the errors of su_map_open */
SU_CHECK enum su_code su_image_load(const char *path, struct su_image *out, struct su_err *e);
SU_CHECK enum su_code su_image_parse(const void *data, size_t len, const char *at,
                                     struct su_image *out, struct su_err *e);
void su_image_fini(struct su_image *im);

/* su_image_to_digit turns a picture of one handwritten digit into the MNIST convention (light ink
   on black, ink's longer side 20 pixels, centre of mass in the middle of 28x28;
   http://yann.lecun.com/exdb/mnist). Integer arithmetic only, so every host gives the same bytes.
   A 28x28 picture on a dark background passes unchanged, one on pure white is only inverted.
   Otherwise: background = median of the border (light: invert), contrast stretch from there to the
   strongest ink; what is no stronger than the border's grain is noise, as are lone pixels; crop,
   area-average, stretch again, centre. On failure out is all 0: SU_EFORMAT "no ink" (blank or
   nearly so), SU_EINVAL (no pixels), SU_ENOMEM. */
SU_CHECK enum su_code su_image_to_digit(const struct su_image *im,
                                        uint8_t out[SU_MEDIA_DIGIT_BYTES], struct su_err *e);

/* su_png_write_gray writes an 8-bit gray PNG of w x h pixels, atomically (su_file_write, mode
   0644). On failure the old file, if any, is untouched: SU_EINVAL (a side is 0), SU_ELIMIT (side or
   pixel limit), SU_ENOMEM, and the errors of su_file_write. */
SU_CHECK enum su_code su_png_write_gray(const char *path, uint32_t w, uint32_t h, const uint8_t *px,
                                        struct su_err *e);

/* ---- IDX ------------------------------------------------------------------------------------- */

/* An opened IDX file: images (magic 2051: count, rows, cols) or labels (magic 2049: count).
   Immutable once open, so any number of threads may read it. */
struct su_idx;

/* su_idx_open opens a plain or gzipped IDX file; su_idx_parse the same from memory (borrows data
   until su_idx_close when it is plain). Gzip is inflated in a bounded stream: its length field is
   not believed, the IDX header's claim is compared with the limit first and with the real number of
   bytes at the end. Multi-member gzip is read; bytes after it are refused. On success *out is owned
   by the caller. On failure *out is NULL:
     SU_ETRUNC  0 bytes, or fewer bytes than the header claims (the message names both numbers)
     SU_EFORMAT wrong magic, rows or cols 0, bytes after the last item, bad gzip data or checksum
     SU_ELIMIT  header claims more than SU_MEDIA_BYTES_MAX, or rows/cols above SU_MEDIA_SIDE_MAX
     SU_ENOMEM, and for su_idx_open the errors of su_map_open */
SU_CHECK enum su_code su_idx_open(const char *path, struct su_idx **out, struct su_err *e);
SU_CHECK enum su_code su_idx_parse(const void *data, size_t len, const char *at,
                                   struct su_idx **out, struct su_err *e);
void su_idx_close(struct su_idx *x); /* NULL allowed */

uint32_t su_idx_count(const struct su_idx *x); /* images or labels */
uint32_t su_idx_rows(const struct su_idx *x); /* 0 for labels */
uint32_t su_idx_cols(const struct su_idx *x); /* 0 for labels */

/* Copies image i into out, which must hold exactly rows·cols bytes (784 for MNIST).
   SU_EINVAL when i >= count (the message names both), SU_ETYPE when x holds labels or out_bytes is
   not rows·cols. */
SU_CHECK enum su_code su_idx_image(const struct su_idx *x, uint64_t i, uint8_t *out,
                                   size_t out_bytes, struct su_err *e);
/* Label bytes, su_idx_count(x) of them, borrowed until su_idx_close; NULL when x holds images. */
const uint8_t *su_idx_labels(const struct su_idx *x);

#endif
