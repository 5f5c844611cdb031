// SPDX-License-Identifier: MIT
/* Packages: the definition of a model as deployers publish it and nodes fetch it. Included through
   engine.h.

   A package is one blob: what the planner decided, and for each task its canonical graph, where its
   inputs come from, and the manifest of its weights. Layout at the top of package.c; one definition
   has one encoding. Nothing in a package is believed: whoever has the digests that the chain holds
   compares them (su_package_check). Immutable once made, so any number of threads may read one. */
#ifndef SU_ENGINE_PACKAGE_H
#define SU_ENGINE_PACKAGE_H

#include "base/base.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "store/store.h"
#include "weights/weights.h"

#define SU_PACKAGE_BYTES_MAX (256u << 20)
#define SU_PACKAGE_STOPS_MAX 64u

struct su_package_task {
    struct su_graph *graph; /* checked; without the witness */
    uint8_t graph_digest[32], weights_digest[32];
    struct su_manifest manifest;
    struct su_plan_input *input; /* graph->n_input: from_task, from_output; SU_PLAN_EXTERNAL */
    bool *external_output; /* graph->n_output: an output of the whole graph */
    uint32_t *graph_output; /* which one, counted there; UINT32_MAX: none */
    uint64_t macs, weight_bytes, vram_fixed_bytes, vram_session_bytes; /* as in su_plan_task */
};
struct su_package {
    char name[SU_GRAPH_NAME_MAX + 1];
    struct su_package_task *task;
    uint32_t n_task;
    uint32_t t_max, e_max, sessions, ctx; /* as in struct su_plan */
    uint32_t stop[SU_PACKAGE_STOPS_MAX]; /* tokens that end a generation, ascending */
    uint32_t n_stop;
    uint8_t digest[32]; /* the model's on chain: sha256("splitup/model" || bytes of the package) */
};

struct su_package_of {
    const char *name;
    const struct su_plan *plan;
    const struct su_weights *weights;
    const uint8_t *blob; /* of each file of weights, 32 bytes */
    const uint32_t *stop; /* tokens that end a generation, ascending; n_stop of them */
    uint32_t n_stop;
};
/* Appends the package of a plan whose weights lie in files with these blob ids (su_manifest_build).
   SU_EINVAL: the name, which is 1 to SU_GRAPH_NAME_MAX bytes of UTF-8 without control characters;
   errors of su_manifest_build and su_buf_check, and those of su_package_decode for a plan that it
   would refuse. On failure out is as it was. */
SU_CHECK enum su_code su_package_encode(const struct su_package_of *of, struct su_buf *out,
                                        struct su_err *e);
/* Reads hostile bytes: every graph is checked, every connection goes forward and fits, every manifest
   names exactly its graph's weights, VRAM and macs are recomputed, nothing is left over. On failure
   *out is NULL: SU_EFORMAT, SU_ETRUNC, SU_ELIMIT (more than SU_PACKAGE_BYTES_MAX, too many tasks,
   ports or rows), SU_ETYPE (a connection or a manifest that does not fit), SU_ENOMEM, and errors of
   su_graph_decode, su_manifest_decode and su_layout_build with the task's number. The caller owns
   *out. */
SU_CHECK enum su_code su_package_decode(const void *data, size_t n, struct su_package **out,
                                        struct su_err *e);
void su_package_free(struct su_package *p); /* NULL allowed */
/* What the chain says of the task is what the package says of it. SU_EDIGEST names the task and the
   digest; SU_EINVAL: no such task. */
SU_CHECK enum su_code su_package_check_task(const struct su_package *p, uint32_t task,
                                            const uint8_t graph_digest[32],
                                            const uint8_t weights_digest[32], struct su_err *e);

/* Puts a model where it can be fetched from: the files of its weights (su_store_put_file) and the
   package over them, whose blob's id goes to id. Without a store nothing is kept, and only *out made.
   On failure *out is NULL and id untouched; files may be in the store: errors of su_store_put_file,
   su_map_open and su_package_encode. The caller owns *out. */
SU_CHECK enum su_code su_package_publish(const struct su_package_of *of, struct su_store *store,
                                         const struct su_store_hooks *hooks,
                                         struct su_package **out, uint8_t id[32], struct su_err *e);
/* What a model's URI says: the id of the package's blob, and of "http(s)://HOST:PORT/blob/<hex>" the
   peer in front (else ""), of "sha256:<hex>" the id alone. SU_EUNSUPPORTED: any other URI. */
#define SU_PACKAGE_PEER_MAX 128u
SU_CHECK enum su_code su_package_uri_parse(const char *uri, uint8_t id[32],
                                           char peer[SU_PACKAGE_PEER_MAX], struct su_err *e);
/* Fetches the package behind such a URI, from the store, its peer, the peers given or those of the
   store, and decodes it. hooks may be NULL. Errors of su_package_uri_parse, su_store_fetch and
   su_package_decode. The caller owns *out. */
SU_CHECK enum su_code su_package_open(const char *uri, struct su_store *store,
                                      const char *const *peers, size_t n_peers,
                                      const struct su_store_hooks *hooks, struct su_package **out,
                                      struct su_err *e);

/* Makes the bytes that task's weights need visible in the store: of each blob only the chunks that
   cover them, each verified, resumed where an earlier call broke off, from the peers in their order
   ("http://HOST:PORT"; those of the store come after them). hooks may be NULL; its deadline and its
   progress are of the whole. SU_EINVAL: no such task; SU_ENOMEM; errors of su_store_fetch_parts. */
SU_CHECK enum su_code su_package_fetch(const struct su_package *p, uint32_t task,
                                       struct su_store *store, const char *const *peers,
                                       size_t n_peers, const struct su_store_hooks *hooks,
                                       struct su_err *e);

#endif
