// SPDX-License-Identifier: MIT
/* exec: runs one task's graph on a device. Three backends behind one interface, equal to the bit: reference (the scalar
   interpreter, the definition), cpu (vectorised, threaded), vulkan. Bytes come in and go out through this interface; exec
   knows no files and no network. */
#ifndef SU_EXEC_H
#define SU_EXEC_H

#include "base/base.h"
#include "graph/graph.h"
#include "plan/plan.h"

enum su_backend { SU_BACKEND_REFERENCE, SU_BACKEND_CPU, SU_BACKEND_VULKAN, SU_BACKEND_COUNT };
const char *su_backend_name(enum su_backend b); /* "reference", "cpu", "vulkan" */
bool su_backend_find(const char *name, enum su_backend *out);

/* ---- devices ------------------------------------------------------------------------------------------------ */

enum su_device_kind {
    SU_DEVICE_DISCRETE,
    SU_DEVICE_INTEGRATED,
    SU_DEVICE_VIRTUAL,
    SU_DEVICE_CPU,
    SU_DEVICE_OTHER
};
/* One Vulkan device as found, usable or not. */
struct su_device {
    char name[256], driver[256]; /* driver: name and version text */
    uint8_t uuid[16];
    enum su_device_kind kind;
    uint32_t api_version, vendor_id, device_id, driver_version;
    uint64_t vram_bytes; /* largest device-local heap */
    uint64_t max_buffer_range, max_allocation;
    uint32_t max_workgroup_invocations, max_push_constants, subgroup_size;
    bool rte32, preserve32; /* RoundingModeRTE 32, SignedZeroInfNanPreserve 32 offered */
    bool timestamps, dp4a, timeline;
    bool usable;
    char reason[256], remedy[256]; /* when not usable */
};
/* Every Vulkan device, best first (discrete, integrated, virtual, CPU). *out is owned by the caller (free). On failure *n is 0:
   SU_ENODEV without a loader or any driver; the message says what to install. */
SU_CHECK enum su_code su_devices_list(struct su_device **out, size_t *n, struct su_err *e);
const char *su_device_kind_name(enum su_device_kind k);

/* ---- opening a backend -------------------------------------------------------------------------------------- */

struct su_exec_opts {
    enum su_backend backend;
    const char *
        device; /* vulkan: NULL = best usable; an index of su_devices_list, or part of a name (case-insensitive) */
    unsigned threads; /* cpu: 0 = all processors */
    bool no_fusion; /* for tests: every op on its own */
    uint32_t workgroup; /* for tests: local size of elementwise kernels, 0 = the backend's choice */
    const char *cache_dir; /* vulkan: folder of pipeline caches; NULL = none kept */
    bool
        validation; /* vulkan: Khronos validation layer; a message becomes SU_EINTERNAL at su_exec_close */
};
struct su_exec;
/* SU_ENODEV (what to install or which names exist), SU_EUNSUPPORTED (device lacks something, named with the remedy). */
SU_CHECK enum su_code su_exec_open(const struct su_exec_opts *opts, struct su_exec **out,
                                   struct su_err *e);
/* SU_EINTERNAL with the first message when validation was on and complained. Assumes all stages are freed. */
enum su_code su_exec_close(struct su_exec *x, struct su_err *e);
enum su_backend su_exec_backend(const struct su_exec *x);
const char *su_exec_device_name(
    const struct su_exec *x); /* "reference interpreter", "cpu avx2 2 threads", "llvmpipe (…)" */
/* Distinct pipelines made so far (vulkan; else 0), for the test that bounds them by SU_PIPELINES_MAX. */
unsigned su_exec_pipelines(const struct su_exec *x);
#define SU_PIPELINES_MAX 150u

/* ---- stages ------------------------------------------------------------------------------------------------- */

/* Where weight bytes come from: read fills dst with n bytes of weight number `weight` (graph->weight order) from `offset`
   of its stored bytes. Called only during su_stage_load, from one thread. */
struct su_weight_source {
    void *ctx;
    enum su_code (*read)(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                         struct su_err *e);
};
struct su_stage;
/* Prepares a graph for dispatches of up to t_max rows, of which up to e_max emit (1 <= e_max <= t_max): uploads and repacks weights (staging <= 16 MiB), plans the arena, records
   commands. Keeps the graph until su_stage_free. SU_EUNSUPPORTED names an op the backend lacks; SU_ENOMEM with the bytes
   asked for; SU_EINVAL: t_max or e_max; errors of the source. */
SU_CHECK enum su_code su_stage_load(struct su_exec *x, const struct su_graph *g, uint32_t t_max,
                                    uint32_t e_max, const struct su_weight_source *src,
                                    struct su_stage **out, struct su_err *e);
void su_stage_free(struct su_stage *s);
/* Bytes bound on the device for weights, consts and arena: at most fixed·65/64 + arena of su_layout. States of sessions, staging, pipelines and
   the driver's own memory are not counted. */
uint64_t su_stage_bound_bytes(const struct su_stage *s);

/* Sessions of a stage whose graph has states: f16 rows of every state for positions 0 .. length - 1. The number goes
   into su_row.session; rows of one session stand in order of position, the first at its length, each the next
   (su_stage_submit: SU_EINVAL otherwise, SU_ELIMIT beyond ctx). A stage without states gives sessions too and asks nothing
   of their rows. */
#define SU_STAGE_SESSION_MAX 256u
/* Room for ctx positions (1 .. 2^20). SU_ELIMIT: SU_STAGE_SESSION_MAX are open; SU_EINVAL, SU_ENOMEM. */
SU_CHECK enum su_code su_stage_session_new(struct su_stage *s, uint32_t ctx, uint32_t *session,
                                           struct su_err *e);
/* Both assume an open session without rows in flight. */
void su_stage_session_free(struct su_stage *s, uint32_t session);
/* Forgets positions length and beyond; SU_EINVAL when length is above the present one. */
SU_CHECK enum su_code su_stage_session_truncate(struct su_stage *s, uint32_t session,
                                                uint32_t length, struct su_err *e);
uint32_t su_stage_session_length(const struct su_stage *s, uint32_t session);

struct su_step {
    const struct su_row *row; /* n_row of them, 1 <= n_row <= t_max */
    uint32_t n_row;
    const void *const
        *input; /* graph->input order, as in struct su_eval_args; copied before submit returns */
};
struct su_op_time {
    uint32_t node;
    double ms;
};
struct su_step_result {
    void **output; /* graph->output order; rows first */
    size_t *output_bytes;
    uint32_t n_output;
    double ms; /* on the device (timestamps where it has them, else wall time of the dispatch) */
    uint64_t saturations;
    /* n_op entries, in order of execution; fused nodes under the last of them; NULL unless asked
       for. A Vulkan stage begins to take them when they are first asked for: a step that was
       submitted before has none. */
    struct su_op_time *op;
    uint32_t n_op;
};
#define SU_STAGE_IN_FLIGHT 2u
/* Queues a step and returns without waiting for the device. One thread submits and waits on a stage; different stages of one su_exec may be used
   from different threads. SU_EBUSY: SU_STAGE_IN_FLIGHT steps not yet waited for; SU_EINVAL: n_row, or more than e_max rows emit into a graph with
   values of emitted rows. */
SU_CHECK enum su_code su_stage_submit(struct su_stage *s, const struct su_step *step,
                                      uint64_t *ticket, struct su_err *e);
/* The same for a caller that waits for this step next: the backend may leave the computing to su_stage_wait, on the
   calling thread, which saves waking others. */
SU_CHECK enum su_code su_stage_submit_here(struct su_stage *s, const struct su_step *step,
                                           uint64_t *ticket, struct su_err *e);
/* Waits for that step (tickets in order of submission) and fills *r, owned by the caller (su_step_result_fini). op_times asks for r->op.
   SU_ENODEV when the device was lost. */
SU_CHECK enum su_code su_stage_wait(struct su_stage *s, uint64_t ticket, bool op_times,
                                    struct su_step_result *r, struct su_err *e);
void su_step_result_fini(struct su_step_result *r);
/* NULL when the backend implements the op, else a one-line reason. */
const char *su_backend_lacks(enum su_backend b, enum su_op op);

/* ---- conformance -------------------------------------------------------------------------------------------- */

struct su_conformance_probe {
    char name[48];
    bool pass;
    uint8_t digest[SU_SHA256_BYTES]; /* of the probe's outputs; zero when it did not run */
    char detail[160]; /* first difference: input bits, got, want */
};
#define SU_CONFORMANCE_PROBES_MAX 96u
struct su_conformance {
    struct su_conformance_probe probe[SU_CONFORMANCE_PROBES_MAX];
    uint32_t n_probe, n_fail;
    uint8_t root[SU_SHA256_BYTES]; /* over every probe's output bits in order */
    bool root_known_good; /* equals su_conformance_root */
    double ms;
};
void su_conformance_root(uint8_t out[SU_SHA256_BYTES]); /* the known answer compiled in */
/* Runs every probe of the suite on a backend (functions over 2^20 values and both sides of each domain bound, denormal and rounding
   probes, contraction probe, matmul and conv shapes, products with every block type, sequence models with their states, reductions,
   integer extremes, loop lengths). progress may be NULL and
   is called with done of total; returning false cancels (SU_ECANCELLED). SU_OK with n_fail > 0 is possible: the device is then refused by its user. */
SU_CHECK enum su_code su_conformance_run(struct su_exec *x,
                                         bool (*progress)(void *ctx, uint32_t done, uint32_t total),
                                         void *ctx, struct su_conformance *out, struct su_err *e);

#endif
