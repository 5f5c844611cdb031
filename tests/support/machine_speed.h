// SPDX-License-Identifier: MIT
/* machine_speed: what this machine can do at most, measured with the same threads as the code under test. */
#ifndef SU_TEST_MACHINE_SPEED_H
#define SU_TEST_MACHINE_SPEED_H

#include "base/base.h"

struct machine_speed;
/* Buffers of `bytes` each, shared out over the threads of j. NULL when memory is short. */
struct machine_speed *machine_speed_new(struct su_jobs *j, size_t bytes);
void machine_speed_free(struct machine_speed *m);
/* One pass each; GB/s (10^9) of bytes read, and of bytes read and written by a[i] = b[i] + s * c[i]. */
double machine_read_gbs(struct machine_speed *m);
double machine_triad_gbs(struct machine_speed *m);
/* F32 multiply, then add, each rounded (no fused ones): GFLOP/s of independent vectors in registers, in the widest vectors here. */
double machine_peak_gflops(struct su_jobs *j);

#endif
