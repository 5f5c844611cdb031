// SPDX-License-Identifier: MIT
/* ggml_peer: ggml's backends as something to measure against. The libraries are shared objects found at run time (see
   tests/bench/fetch_ggml.py); nothing of ggml is needed to build. Declared here are the few functions of its public C API
   that one op needs, all over opaque types. */
#ifndef SU_TEST_GGML_PEER_H
#define SU_TEST_GGML_PEER_H

#include "base/base.h"

enum peer_kind { PEER_GEMM, PEER_CONV, PEER_ADD, PEER_SILU, PEER_SOFTMAX, PEER_RMSNORM };
/* One op on F32, or a chain of it. GEMM: y[m][n] = x[m][k] · w[n][k]. CONV: stride 1, x [m][c][h][h], w [n][c][side][side],
   padded to keep the size. Others: x [m][k] (ADD: a second operand of that size, RMSNORM: a weight of k), `chain` times
   over. Results lie in memory as ours do. */
struct peer_op {
    enum peer_kind kind;
    uint32_t m, k, n;
    uint32_t c, h, side;
    uint32_t chain;
};
size_t peer_input_floats(const struct peer_op *op);
size_t peer_weight_floats(const struct peer_op *op); /* second operand or weight; 0 = none */
size_t peer_output_floats(const struct peer_op *op);

struct ggml_peer;
/* Loads the libraries in `dir` and opens its CPU backend with `threads` threads and its first Vulkan device, where there is
   one. On failure *out is NULL and e names what is missing. Never unloaded: ggml keeps threads. */
SU_CHECK enum su_code ggml_peer_open(const char *dir, unsigned threads, struct ggml_peer **out,
                                     struct su_err *e);
const char *ggml_peer_version(const struct ggml_peer *p);
enum ggml_peer_backend { GGML_PEER_CPU, GGML_PEER_VULKAN };
/* NULL when that backend is not there, else what ggml calls the device. */
const char *ggml_peer_device(const struct ggml_peer *p, enum ggml_peer_backend b);

struct ggml_peer_case;
/* Uploads operands and places one op. `direct`: conv by ggml_conv_2d_direct instead of ggml_conv_2d. SU_EUNSUPPORTED when
   the device lacks the op, SU_ENOMEM. */
SU_CHECK enum su_code ggml_peer_prepare(struct ggml_peer *p, enum ggml_peer_backend b,
                                        const struct peer_op *op, bool direct, const float *x,
                                        const float *w, struct ggml_peer_case **out,
                                        struct su_err *e);
/* Computes it `times` times; returns the wall time of all. The pool's threads sleep before and after, so that they do not
   disturb whoever is measured next. Negative when ggml reports a failure. */
double ggml_peer_run_ms(struct ggml_peer_case *c, unsigned times);
void ggml_peer_output(struct ggml_peer_case *c, float *y);
void ggml_peer_case_free(struct ggml_peer_case *c);

#endif
