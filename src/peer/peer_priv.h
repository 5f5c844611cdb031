// SPDX-License-Identifier: MIT
#ifndef SU_PEER_PRIV_H
#define SU_PEER_PRIV_H

#include "peer/peer.h"

struct su_bytes_of {
    const void *data;
    size_t n;
};
struct su_peer_limits {
    uint64_t max_bytes; /* of the answer, when the call does not say */
    uint32_t extra_ms; /* beside the call's deadline */
};
/* One HTTP call to a path of an endpoint. Errors of su_peer_url and su_http_request; *reply is the
   caller's on success. */
SU_CHECK enum su_code su_peer_http(const char *method, const char *endpoint, const char *path,
                                   const struct su_http_header *headers, size_t n_headers,
                                   const struct su_bytes_of *body, const struct su_peer_call *call,
                                   const struct su_peer_limits *limits, struct su_http_reply *reply,
                                   struct su_err *e);

#endif
