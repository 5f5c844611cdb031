// SPDX-License-Identifier: MIT
/* What a node remembers of the executions it has a part in, so that a restart loses nothing that it
   promised: a folder per execution, DIR/<base58 execution>/, with
     streams  append-only files of records: frames received and made;
     notes    small files replaced as a whole: traces, commits, marks.
   A record: "SUJR", le32 bytes, sha256 of them, the bytes. What a crash left half written is cut off
   when the stream is opened again: what remains is a prefix of what was appended, and holds at least
   what a kill of the process found appended, or a crash of the machine found synced.

   Names of streams and notes: [a-z0-9.-], 1 to 40 characters. All functions are thread-safe, those on
   one stream for one writer and any number of readers. */
#ifndef SU_NODE_JOURNAL_H
#define SU_NODE_JOURNAL_H

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>

#define SU_JOURNAL_RECORD_MAX (128u << 20)
#define SU_JOURNAL_RECORD_HEAD 40u

struct su_journal;
struct su_journal_opts {
    const char *dir; /* $SPLITUP_HOME/node; made when it is not there */
    uint64_t budget_bytes; /* of all executions together [what the disk has] */
    uint64_t keep_free_bytes; /* of the disk, for others [64 MiB] */
};
/* SU_EBUSY: another process has it; errors of su_dir_make; SU_EIO. Folders half deleted by a crash
   are gone afterwards. On failure *out is NULL. */
SU_CHECK enum su_code su_journal_open(const struct su_journal_opts *o, struct su_journal **out,
                                      struct su_err *e);
void su_journal_close(struct su_journal *j); /* after all its streams; NULL allowed */
uint64_t su_journal_used_bytes(struct su_journal *j); /* of all executions */

/* Calls fn for every execution there is a folder of; fn may drop it. SU_EIO. */
SU_CHECK enum su_code su_journal_each(struct su_journal *j,
                                      void (*fn)(void *ctx, const uint8_t execution[32]), void *ctx,
                                      struct su_err *e);
/* Makes the folder and sets `bytes` aside for it, what it holds already included: before work is
   accepted, so that a full disk refuses it and never ends it. Again: sets aside another amount.
   SU_ENOSPC: budget or disk do not have them, the message says how much they have; then a new folder
   is not made. SU_EIO, SU_EACCES. */
SU_CHECK enum su_code su_journal_enter(struct su_journal *j, const uint8_t execution[32],
                                       uint64_t bytes, struct su_err *e);
/* Deletes all of an execution; nothing is left of it after a crash either. Assumes that its streams
   are closed. One that is not there is no failure. SU_EIO. */
SU_CHECK enum su_code su_journal_drop(struct su_journal *j, const uint8_t execution[32],
                                      struct su_err *e);
/* All of an execution that was appended is on the disk when it returns. SU_EIO. */
SU_CHECK enum su_code su_journal_sync(struct su_journal *j, const uint8_t execution[32],
                                      struct su_err *e);

/* ---- streams ----------------------------------------------------------------------------------- */

struct su_journal_stream;
/* Opens or makes a stream of an execution that was entered (SU_ENOENT). Cuts a torn tail. One opening
   at a time: SU_EBUSY. SU_EIO, SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_journal_stream_open(struct su_journal *j, const uint8_t execution[32],
                                             const char *name, struct su_journal_stream **out,
                                             struct su_err *e);
void su_journal_stream_close(struct su_journal_stream *s); /* NULL allowed */
uint32_t su_journal_stream_count(struct su_journal_stream *s); /* of records */
uint64_t su_journal_stream_bytes(struct su_journal_stream *s); /* of the file */
/* Appends one record, whole or not at all. SU_EINVAL: empty or beyond SU_JOURNAL_RECORD_MAX;
   SU_ENOSPC: beyond what was set aside and the budget or the disk has no more, the stream is as it
   was; SU_EIO; SU_ENOMEM. */
SU_CHECK enum su_code su_journal_stream_append(struct su_journal_stream *s, const void *data,
                                               size_t n, struct su_err *e);
/* Appends record i to out, checked against its digest. SU_ENOENT: there are fewer; SU_EDIGEST: the
   file was damaged since; SU_EIO; su_buf_check. */
SU_CHECK enum su_code su_journal_stream_get(struct su_journal_stream *s, uint32_t i,
                                            struct su_buf *out, struct su_err *e);
/* n bytes of record i from `offset`, unchecked. SU_EINVAL: beyond it; else as above. */
SU_CHECK enum su_code su_journal_stream_read(struct su_journal_stream *s, uint32_t i,
                                             uint64_t offset, void *out, size_t n,
                                             struct su_err *e);

/* ---- notes ------------------------------------------------------------------------------------- */

/* Writes a note, on the disk when it returns. SU_ENOENT: not entered; SU_ENOSPC; su_file_write. */
SU_CHECK enum su_code su_journal_note_put(struct su_journal *j, const uint8_t execution[32],
                                          const char *name, const void *data, size_t n,
                                          struct su_err *e);
/* Bytes of a note; SU_ENOENT: not entered, or no such note. */
SU_CHECK enum su_code su_journal_note_bytes(struct su_journal *j, const uint8_t execution[32],
                                            const char *name, uint64_t *bytes, struct su_err *e);
/* Appends the note. SU_ENOENT; SU_ELIMIT: beyond SU_JOURNAL_RECORD_MAX; SU_EIO; su_buf_check. */
SU_CHECK enum su_code su_journal_note_get(struct su_journal *j, const uint8_t execution[32],
                                          const char *name, struct su_buf *out, struct su_err *e);

#endif
