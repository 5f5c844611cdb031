// SPDX-License-Identifier: MIT
/* Who is there: heartbeats in, online view out. Pure state: the caller brings the time, frames whose
   signature was verified, and what the chain says of nodes. One caller at a time.

   Who misses three beats is offline: it gets no new work. That alone takes no work away from it. Once
   a beat is late its endpoint is tried (liveness_suspect, liveness_tried): if nobody listens there
   the process has ended, and it is lost at once; if somebody listens and says nothing it may be
   paused, and is lost when its grace is over; if it answers, its beats are late and it is not lost. */
#ifndef SU_ORACLE_LIVENESS_H
#define SU_ORACLE_LIVENESS_H

#include "abi/abi.h"
#include "wire/wire.h"

#define LIVENESS_BEATS 60u
#define LIVENESS_MISSED 3u /* intervals in a row without a beat: offline */
#define LIVENESS_BACK 2u /* intervals in a row with one: online again */
#define LIVENESS_NODES_MAX 16384u
#define LIVENESS_REFUSED 2u /* tries in a row at which nobody listened: lost */
#define LIVENESS_SILENT 3u /* tries in a row without an answer, at least, and */
#define LIVENESS_GRACE 10u /* intervals since the last sign of life: lost */

struct liveness_node {
    uint8_t identity[32], owner[32], root[32]; /* root: of its entry on chain */
    bool online, seen; /* seen: a beat has ever been heard */
    bool beaten; /* one came in the present interval */
    uint8_t streak; /* intervals in a row with one */
    uint32_t missed; /* intervals in a row without one */
    uint64_t beats; /* newest interval lowest, n_beats of them */
    uint32_t n_beats;
    int64_t last_ms; /* when the newest was heard */
    int64_t steady_ms; /* since when it is online and says what it says now; 0 = it is not online */
    uint64_t sequence; /* of the newest */
    uint64_t free_vram_bytes;
    uint8_t status; /* enum su_wire_status; UNFIT too when it names another root than the chain */
    bool has_capacity;
    uint8_t task_count, tasks[SU_DECLARED_MAX][32];
    int64_t sign_ms; /* of the last sign of life: a beat, or an answer of its endpoint; 0 = none */
    int64_t wanted_ms; /* when somebody last asked whether it is lost */
    int64_t tried_ms; /* when its endpoint was last tried */
    bool trying; /* it is being tried now */
    uint32_t refused, silent; /* tries in a row that ended so */
};
enum liveness_try { LIVENESS_ANSWERS, LIVENESS_REFUSES, LIVENESS_SAYS_NOTHING };
struct liveness {
    int64_t interval_ms, window; /* window: number of the present interval */
    struct liveness_node *node; /* ascending by identity */
    size_t n, cap;
    struct su_wire_guard *guard;
};

/* SU_ENOMEM. interval_ms > 0. */
SU_CHECK enum su_code liveness_init(struct liveness *l, int64_t interval_ms, int64_t now_ms,
                                    struct su_err *e);
void liveness_fini(struct liveness *l);
/* What the chain says of a node, new or known. SU_ELIMIT: too many; SU_ENOMEM. */
SU_CHECK enum su_code liveness_know(struct liveness *l, const struct su_acc_node *n,
                                    struct su_err *e);
void liveness_forget(struct liveness *l, const uint8_t identity[32]);
/* NULL: not known. Valid until the next liveness_know or _forget. */
struct liveness_node *liveness_find(const struct liveness *l, const uint8_t identity[32]);
/* A verified heartbeat. SU_ENOENT: nobody of that identity is known; SU_ETIMEOUT, SU_EEXIST, SU_EBUSY:
   as su_wire_guard_admit. */
SU_CHECK enum su_code liveness_hear(struct liveness *l, const struct su_wire_frame *f,
                                    int64_t now_ms, struct su_err *e);
/* Ends the intervals that are over. Call it several times per interval. */
void liveness_tick(struct liveness *l, int64_t now_ms);
/* Whether it is lost: NULL, or why in a few words. The answer takes tries of the endpoint, which begin
   when this is asked, and go on as long as it is asked again every few intervals. listened_ms: since
   when beats have been heard here at all. */
const char *liveness_lost(struct liveness *l, struct liveness_node *n, int64_t listened_ms,
                          int64_t now_ms);
/* The node whose endpoint is to be tried now, and marks it as being tried; NULL: none. */
struct liveness_node *liveness_suspect(struct liveness *l, int64_t now_ms);
/* What came of it. One that is not known any more is passed over. */
void liveness_tried(struct liveness *l, const uint8_t identity[32], enum liveness_try what,
                    int64_t now_ms);
/* Online, ready, with room for work. */
bool liveness_ready(const struct liveness_node *n);
/* liveness_ready, and for so long already without a change. */
bool liveness_steady(const struct liveness_node *n, int64_t now_ms, int64_t for_ms);
/* True when the task's address is among those it has loaded. */
bool liveness_loaded(const struct liveness_node *n, const uint8_t task[32]);
/* The last intervals as '1' and '0', newest right; returns out. */
const char *liveness_beats(const struct liveness_node *n, char out[LIVENESS_BEATS + 1]);

#endif
