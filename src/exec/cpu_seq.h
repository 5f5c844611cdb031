// SPDX-License-Identifier: MIT
/* cpu_seq: what a stage of the cpu backend keeps for sequence models. Such a stage runs a
   dispatch as one chunk, node by node: rows of one session meet in their states. */
#ifndef SU_CPU_SEQ_H
#define SU_CPU_SEQ_H

#include "cpu_llm.h"
#include "cpu_priv.h"

struct cpu_qspan { /* a tile: rows of cpu_llm.row, CPU_WIDE_ROWS or at most cpu_llm.k->tile */
    uint32_t row, rows;
};
struct cpu_qbatch { /* tiles that meet one matrix */
    uint32_t first_tile, end_tile, matrix;
};
/* Rope nodes that turn by the same angles share a table. */
struct cpu_turns {
    uint32_t node; /* the first of them */
    bool made; /* for the rows of this dispatch */
    float *turn; /* [t_max][dims]: cos and sin of every pair */
};
struct cpu_session {
    uint16_t **
        /* per state: blocked, [position / 16][element][position mod 16]; else
           [position][element] */
        state;
    uint16_t *memory; /* of all of them */
};

struct cpu_llm {
    const struct cpu_llm_kernels *k;
    const struct cpu_llm_wide *wide; /* or NULL */
    uint8_t *unpacked; /* per thread, one group for `wide` */
    size_t unpacked_bytes; /* of one thread */
    /* products: rows as quants (see cpu_qtile) and where they come from and go */
    int8_t *q;
    float *d;
    int32_t *s;
    uint16_t *wide_q; /* what `wide` makes of q and s */
    float *wide_sum;
    struct cpu_qrow *row;
    struct cpu_qspan *tile;
    struct cpu_qbatch *batch;
    uint32_t *count; /* per expert, and one */
    uint32_t quantised; /* the value whose rows q, d and s hold, or UINT32_MAX */
    struct cpu_turns *turns;
    uint32_t n_turns, *turns_of; /* per node */
    bool *
        /* per state: only ever read as keys, which attention takes 16 positions at a time */
        blocked;
    uint32_t *state_of; /* per value that is a state, or one appended to */
    float *scratch; /* per thread, for attention */
    size_t scratch_floats;
    struct cpu_session session[SU_STAGE_SESSION_MAX];
};

#endif
