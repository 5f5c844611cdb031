// SPDX-License-Identifier: MIT
/* Shared by the files of the Vulkan backend.

   A stage is two buffers, one for weights and constants and one arena, both laid out by su_layout.
   A node becomes one or more dispatches (struct vk_dispatch), planned once per stage; a barrier
   stands only before a dispatch that touches what an earlier one left unordered. Command buffers
   are recorded once per slot and row bucket (powers of two up to t_max) and replayed; the actual
   number of rows lies in a small buffer that every kernel reads. */
#ifndef SU_EXEC_VK_PRIV_H
#define SU_EXEC_VK_PRIV_H

#include "exec_priv.h"
#include "vk_opcodes.h"

#include <pthread.h>
#include <vulkan/vulkan.h>

#define VK_PUSH_WORDS 32u
#define VK_GROUPS_MAX                                                                              \
    65535u /* of a dispatch along one dimension, the guaranteed minimum of the limit */
#define VK_STAGING_BYTES (16u << 20)
#define VK_FUSED_MAX                                                                               \
    33u /* pipelines of fused chains; all others together stay below SU_PIPELINES_MAX - this */
#define VK_BUCKETS 17u /* 1, 2, 4 … 65536 rows */
#define VK_CTX_MAX (1u << 20) /* positions of a session, as exec.c holds them */
#define VK_COUNTER_NAME "splitup saturation counter"
#define VK_ELEMENTS_MAX 0x7c000000u /* elements of one dispatch */

/* ---- devices
   ------------------------------------------------------------------------------------------------
   */

struct vk_instance {
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger;
    pthread_mutex_t lock;
    char complaint[400]; /* first message of the validation layer */
    unsigned complaints;
};
/* SU_ENODEV without a driver or, when validation is asked for, SU_EUNSUPPORTED without the layer.
   */
enum su_code vk_instance_open(bool validation, struct vk_instance *in, struct su_err *e);
void vk_instance_close(struct vk_instance *in);

struct vk_found {
    struct su_device info;
    VkPhysicalDevice handle;
    uint32_t family;
    uint32_t timestamp_bits;
    float timestamp_ns;
    bool loop_limited; /* llvmpipe: see vk_loop_limit */
    bool broadcasts; /* lanes of a subgroup can read one another's values */
    bool float_controls_ext; /* to be enabled (before Vulkan 1.2) */
    uint32_t max_texels;
    VkPhysicalDeviceMemoryProperties memory;
};
/* All devices, best first; *out is owned by the caller (free). */
enum su_code vk_devices_find(const struct vk_instance *in, struct vk_found **out, size_t *n,
                             struct su_err *e);
enum su_code vk_fail(struct su_err *e, VkResult r, const char *at, const char *doing);

/* ---- an open device
   ------------------------------------------------------------------------------------------ */

enum vk_kernel {
    VK_ELEMENTWISE,
    VK_MATMUL_ROWS,
    VK_MATMUL_COLUMNS,
    VK_CONV2D,
    VK_POOL,
    VK_REDUCE,
    VK_SCAN,
    VK_TOPK,
    VK_GATHER,
    VK_NORM,
    VK_QUANTISE,
    VK_QMATMUL_ROWS,
    VK_QMATMUL_COLUMNS,
    VK_QMATMUL_SOFTWARE,
    VK_EMBEDDING_BLOCKS,
    VK_ROPE,
    VK_STATE_APPEND,
    VK_ATTENTION,
    VK_ATTENTION_SOFTWARE,
    VK_MOE_ROUTE,
    VK_KERNELS
};
struct vk_pipeline_key {
    uint32_t kernel; /* enum vk_kernel, or VK_KERNELS + index of a fused chain */
    uint32_t op, tile, workgroup;
};
struct vk_fused {
    uint8_t digest[SU_SHA256_BYTES];
    VkShaderModule module;
};
struct vk_exec {
    struct vk_instance instance;
    struct vk_found device;
    VkDevice handle;
    VkQueue queue;
    VkDescriptorSetLayout set_layout[2];
    VkPipelineLayout layout;
    VkPipelineCache cache;
    char cache_path[4096]; /* empty = none kept */
    size_t cache_loaded_bytes;
    VkShaderModule module[VK_KERNELS];
    struct {
        struct vk_pipeline_key key;
        VkPipeline handle;
    } pipeline[SU_PIPELINES_MAX];
    unsigned n_pipeline;
    struct vk_fused fused[VK_FUSED_MAX];
    unsigned n_fused;
    bool no_fusion;
    uint32_t workgroup_wide, workgroup_tile; /* local sizes of elementwise and of other kernels */
    pthread_mutex_t queue_lock, pipeline_lock;
    bool lost;
};
enum su_code vk_open(struct su_exec *x, const struct su_exec_opts *o, struct su_err *e);
enum su_code vk_close(struct su_exec *x, struct su_err *e);
/* The pipeline for a key, made on first use. Any thread. */
enum su_code vk_pipeline_get(struct vk_exec *vx, const struct vk_pipeline_key *key, VkPipeline *out,
                             struct su_err *e);
/* Index of the fused chain with this GLSL text, compiled on first use; SU_ELIMIT when there are
   VK_FUSED_MAX already, SU_EUNSUPPORTED without shaderc. */
enum su_code vk_fused_get(struct vk_exec *vx, const char *glsl, size_t len, uint32_t *index,
                          struct su_err *e);
/* SPIR-V of a GLSL compute shader that may include the embedded texts. *word is owned by the
   caller. */
enum su_code vk_glsl_compile(const char *glsl, size_t len, uint32_t **word, size_t *n_word,
                             struct su_err *e);
bool vk_glsl_available(void);
/* Most iterations of all loops of one lane together: llvmpipe ends every loop, silently, once a
   lane has gone round 65535 times in all. UINT32_MAX elsewhere. */
uint32_t vk_loop_limit(const struct vk_exec *vx);

/* ---- buffers
   -------------------------------------------------------------------------------------------------
   - */

struct vk_buffer {
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t bytes; /* of memory, alignment included */
    void *map; /* NULL when the host cannot see it */
};
enum vk_place { VK_PLACE_DEVICE, VK_PLACE_UPLOAD, VK_PLACE_READBACK };
/* VK_PLACE_DEVICE is mapped too where device-local memory is visible to the host. bytes 0 gives an
   empty buffer (handle NULL). */
enum su_code vk_buffer_make(struct vk_exec *vx, uint64_t bytes, VkBufferUsageFlags usage,
                            enum vk_place place, const char *what, struct vk_buffer *out,
                            struct su_err *e);
void vk_buffer_free(struct vk_exec *vx, struct vk_buffer *b);

/* ---- a stage
   -------------------------------------------------------------------------------------------------
   -- */

#define VK_POOL_STAGE 0u /* s->fixed or s->arena */
#define VK_POOL_STATE 1u /* and up: s->state[pool - VK_POOL_STATE] */
struct vk_ref { /* a value's bytes; bytes 0 = none */
    bool fixed;
    uint64_t offset, bytes;
    uint32_t pool; /* not VK_POOL_STAGE: all of that buffer, whatever offset and bytes */
};
/* How a grid follows from the number of rows: along each dimension items (times rows) / per
   workgroups. */
struct vk_extent {
    uint64_t items;
    uint32_t per;
    bool by_rows;
};
struct vk_grid {
    struct vk_extent dim[3];
    bool fold; /* a kernel that numbers its lanes itself: x may continue along y */
    uint8_t x_word,
        z_word; /* push words that take the first workgroup, when not folded; 0 = none */
};
struct vk_dispatch {
    uint32_t node;
    uint32_t blocks[3]; /* 1 + weights in blocks that products read; 0 = none */
    enum su_domain domain;
    struct vk_pipeline_key key;
    struct vk_grid grid;
    /* Another kernel for the same work when there are fewer than alt_below items along x. */
    struct vk_pipeline_key alt_key;
    struct vk_grid alt_grid;
    uint32_t alt_below; /* 0 = no alternative */
    /* Repeated for segments 0, step, 2 * step … of the longest session; word: where the number
       goes. 0 = once. */
    uint32_t series_word, series_step;
    uint32_t push[VK_PUSH_WORDS];
    struct vk_ref out[2], in[4], vec[2];
    bool barrier; /* before it */
    VkDescriptorSet set;
};
struct vk_flight {
    struct vk_buffer in, counter, out; /* inputs and rows; saturations; outputs */
    VkCommandBuffer cb[VK_BUCKETS];
    VkDescriptorSet set;
    VkQueryPool queries;
    VkFence fence;
    uint32_t n_row, n_emit;
    bool stamped; /* the step takes the time of every dispatch */
    uint64_t submit_ns;
};
#define VK_CHAIN_EXTERNALS 4u
#define VK_CHAIN_NODES 16u
struct vk_chain {
    uint32_t last, kernel; /* kernel: vk_pipeline_key.kernel */
    uint32_t external[VK_CHAIN_EXTERNALS], n_external; /* values read */
    uint32_t node[VK_CHAIN_NODES], n_node; /* ascending */
};
struct vk_turns { /* of rope nodes that turn alike */
    uint32_t node, at; /* the first of them; word after the step's row counts */
    float *factors;
};
struct vk_session {
    uint32_t first, ctx; /* position in the buffers of states; ctx 0 = not open */
};
struct vk_stage {
    struct vk_exec *vx;
    const struct su_graph *graph;
    uint32_t t_max, e_max;
    struct su_layout *layout;
    uint64_t *weight_stride; /* per value: elements per row of axis 0 as uploaded, 0 = unpadded */
    bool *subnormal; /* per value: a weight in blocks of which some scale is subnormal */
    /* per node: last node of its chain, or the product it is planned with; UINT32_MAX = it is on
       its own */
    uint32_t *fused_into;
    struct vk_chain *chain;
    uint32_t n_chain;
    struct vk_buffer fixed, arena;
    /* 1 + the value whose quants the working memory holds at this point of planning */
    uint32_t work_holds;
    struct vk_turns *turns;
    uint32_t n_turns;
    struct vk_buffer *state; /* per state of the graph */
    uint32_t state_rows, ctx_max;
    /* Commands are recorded to take the time of every dispatch: once such times were asked for,
       because that is dear on a software device. */
    bool stamps;
    bool unbound; /* writing descriptors anew failed: no step can run until it succeeds */
    struct vk_session session[SU_STAGE_SESSION_MAX];
    struct vk_dispatch *dispatch;
    uint32_t n_dispatch, cap_dispatch;
    VkDescriptorPool descriptors;
    VkBufferView *view;
    uint32_t n_view;
    VkCommandPool commands;
    uint64_t *input_at, *output_at; /* offsets in vk_flight.in and .out */
    uint64_t rows_at, in_bytes, out_bytes;
    struct vk_flight flight[SU_STAGE_IN_FLIGHT];
};

/* Fills s->dispatch from the graph. */
enum su_code vk_plan_build(struct vk_stage *s, struct su_err *e);
/* Chooses which weights get padded rows (s->weight_stride). */
void vk_plan_weights(struct vk_stage *s);
/* Appends a zeroed dispatch for a node; NULL (and *e filled) without memory. Valid until the next
   one. */
struct vk_dispatch *vk_plan_add(struct vk_stage *s, uint32_t node, struct su_err *e);
struct vk_ref vk_plan_ref(const struct vk_stage *s, uint32_t value);
/* Row slices of values of a domain in dispatches of up to t rows. */
uint32_t vk_domain_rows(const struct vk_stage *s, enum su_domain d, uint32_t t);
/* Elements from one row of the dispatch to the next: 0 for a FIXED value. */
uint32_t vk_plan_row_step(const struct vk_stage *s, uint32_t value);
/* Multiplier and shift with which kernels divide numbers below 2^31 by d; 0 and 0 for d = 1. */
void vk_plan_divisor(uint32_t d, uint32_t *multiplier, uint32_t *shift);
/* One lane per item of each row, lanes numbered by the kernel. */
struct vk_grid vk_plan_lanes(uint64_t items, uint32_t workgroup);
enum su_code vk_plan_limit(const struct vk_stage *s, uint32_t node, const char *what, uint64_t have,
                           uint64_t most, struct su_err *e);

/* An operand of an elementwise kernel: element strides over the output's axes. */
struct vk_operand {
    uint32_t value; /* UINT32_MAX = none */
    int64_t offset, row;
    int64_t stride[SU_GRAPH_RANK_MAX];
};
#define VK_OPERANDS 4u
/* Elementwise work over `shape`: axes that are contiguous for all operands are merged; where more
   than three remain, the smallest become a series of dispatches. operand[0] is the output; compact:
   it is contiguous and takes one push word, its offset. */
struct vk_space {
    uint32_t node, n_operand;
    struct su_shape shape;
    enum su_domain domain;
    struct vk_operand operand[1 + VK_OPERANDS];
    struct vk_pipeline_key key;
    bool compact;
    uint32_t aux;
    int iota_axis; /* -1, or the axis whose index the kernel needs */
};
bool vk_plan_space_single(const struct vk_space *sp); /* one dispatch is enough */
enum su_code vk_plan_space(struct vk_stage *s, struct vk_space *sp, struct su_err *e);
void vk_plan_operand(const struct vk_stage *s, uint32_t value, const struct su_shape *out,
                     struct vk_operand *o);
/* Kernel op of an elementwise node; its GLSL function; whether it takes a comparison first. */
uint32_t vk_ew_op(const struct su_graph *g, const struct su_node *n);
const char *vk_ew_function(uint32_t op);

enum su_code vk_plan_elementwise(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_movement(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_matmul(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_conv2d(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_pool(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_reduce(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_scan(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_topk(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_gather(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_norm(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_qmatmul(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_embedding_blocks(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_rope(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_state_append(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_attention(struct vk_stage *s, uint32_t node, struct su_err *e);
enum su_code vk_plan_moe_route(struct vk_stage *s, uint32_t node, struct su_err *e);
bool vk_is_elementwise(enum su_op op);
/* Values that only products with block-quantised weights read are made as quants at once: rmsnorm,
   and chains of silu or gelu times another value. Each plan goes with a true answer. */
bool vk_quants_of_norm(const struct vk_stage *s, uint32_t node);
enum su_code vk_plan_quants_of_norm(struct vk_stage *s, uint32_t node, struct su_err *e);
bool vk_quants_of_gate(const struct vk_stage *s, const struct vk_chain *c);
enum su_code vk_plan_quants_of_gate(struct vk_stage *s, const struct vk_chain *c, struct su_err *e);

/* Products that run in the dispatch of the first of them. */
#define VK_GROUP_OTHERS 2u
struct vk_group {
    uint32_t node[VK_GROUP_OTHERS], n; /* besides the first */
    struct vk_ref results; /* memory that holds those of all */
};
/* The products that may run with the one at a node, which is being planned; moves results. */
void vk_group_find(struct vk_stage *s, uint32_t node, struct vk_group *g);
bool vk_product_adds(const struct vk_stage *s, uint32_t node); /* takes the add behind it along */

/* How blocks are taken apart on upload: quants in 16-byte units, words of high bits, scales. Each
   plane holds its bytes of every block, and the planes follow one another. SU_BLOCK_ROWS rows at a
   time take turns, block by block, so that lanes on neighbouring rows read neighbouring bytes; rows
   left over at the end of the tensor follow as they are. */
struct vk_planes {
    struct vk_plane {
        uint32_t from, bytes; /* in a block */
    } plane[3];
};
void vk_block_planes(enum su_dtype d, struct vk_planes *p);
/* Finds chains and compiles their kernels (s->fused_into); vk_fuse_plan adds the dispatch of one,
   at its last node. A chain that cannot be fused, for whatever reason, stays single ops. */
enum su_code vk_fuse_find(struct vk_stage *s, struct su_err *e);
enum su_code vk_fuse_plan(struct vk_stage *s, uint32_t node, struct su_err *e);

enum su_code vk_load(struct su_stage *s, const struct su_weight_source *src, struct su_err *e);
void vk_unload(struct su_stage *s);
uint64_t vk_bound_bytes(const struct su_stage *s);
enum su_code vk_submit(struct su_stage *s, const struct su_step *step, uint32_t slot,
                       struct su_err *e);
enum su_code vk_wait(struct su_stage *s, uint32_t slot, bool op_times, struct su_step_result *r,
                     struct su_err *e);
/* Uploads weights and constants into s->fixed. */
enum su_code vk_weights_upload(struct vk_stage *s, const struct su_weight_source *src,
                               struct su_err *e);
/* Elements of type d at src as 4-byte words: halves widened, floats fixed, booleans 0 or 1. */
void vk_words_from(uint32_t *dst, const void *src, size_t n, enum su_dtype d);

/* Buffers of states of a stage whose dispatches are planned. */
enum su_code vk_states_init(struct vk_stage *s, struct su_err *e);
void vk_states_free(struct vk_stage *s);
uint32_t vk_state_words(const struct su_value *v); /* of one position */
/* Room for the cosines and sines of a rope node in the words of a step, shared with nodes that turn
   alike. *at counts from the words behind the row counts. */
enum su_code vk_turns_add(struct vk_stage *s, uint32_t node, uint32_t *at, struct su_err *e);
/* Factors of rope nodes. */
enum su_code vk_turns_load(struct vk_stage *s, const struct su_weight_source *src,
                           struct su_err *e);
/* Words that a step tells of its rows: counts, emitted rows, places and positions, turns. */
uint64_t vk_rows_words(const struct vk_stage *s);
/* Places, positions and turns; word: behind the row counts. */
void vk_rows_fill(const struct vk_stage *s, const struct su_step *step, uint32_t *word);
enum su_code vk_session_new(struct su_stage *s, uint32_t session, uint32_t ctx, struct su_err *e);
void vk_session_free(struct su_stage *s, uint32_t session);

/* Descriptor sets, command buffers, query pools of a stage whose dispatches are planned. */
enum su_code vk_record_init(struct vk_stage *s, struct su_err *e);
void vk_record_fini(struct vk_stage *s);
/* Both wait until the queue is idle: the first drops all recorded commands, the second writes the
   descriptors anew as well, for other buffers of states. */
enum su_code vk_record_forget(struct vk_stage *s, struct su_err *e);
enum su_code vk_record_rebind(struct vk_stage *s, struct su_err *e);
/* The command buffer of that slot for n_row rows, recorded on first use. */
enum su_code vk_record_get(struct vk_stage *s, uint32_t slot, uint32_t n_row, VkCommandBuffer *out,
                           struct su_err *e);

#endif
