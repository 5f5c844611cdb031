// SPDX-License-Identifier: MIT
#ifndef SU_JSON_PRIV_H
#define SU_JSON_PRIV_H

#include "json/json.h"

/* Checks the grammar and the limits (all fields set) without building anything; errors as
   su_json_parse. Text that passes is parsed by cJSON unless memory runs out. */
enum su_code json_scan(const uint8_t *text, size_t len, const char *at,
                       const struct su_json_limits *limits, struct su_err *e);

#endif
