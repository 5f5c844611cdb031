// SPDX-License-Identifier: MIT
#ifndef SU_ENGINE_PRIV_H
#define SU_ENGINE_PRIV_H

#include "engine/engine.h"

const struct su_graph *su_engine_graph(const struct su_engine *en);
uint32_t su_engine_rows(const struct su_engine *en); /* t_max of its plan */
/* That the graph takes a token per row to logits of emitted rows (SU_ETYPE), and n tokens, which `at`
   names, to its vocabulary (SU_EINVAL). */
SU_CHECK enum su_code su_engine_llm_check(const struct su_engine *en, const uint32_t *token,
                                          uint32_t n, const char *at, uint32_t *vocabulary,
                                          struct su_err *e);

#endif
