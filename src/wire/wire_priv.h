// SPDX-License-Identifier: MIT
#ifndef SU_WIRE_PRIV_H
#define SU_WIRE_PRIV_H

#include "wire.h"

struct wire_kind {
    const char *name, *path;
    uint32_t body_max, data_max;
};
const struct wire_kind *wire_kind_of(unsigned kind); /* NULL: none */

/* Appends the body's bytes; nothing is checked. */
void wire_body_write(const struct su_wire_message *m, struct su_buf *out);
/* Reads a body; m->kind, m->data and m->data_bytes are set. SU_ETRUNC, SU_EFORMAT, SU_ELIMIT. */
enum su_code wire_body_read(struct su_wire_message *m, const uint8_t *body, size_t n,
                            struct su_err *e);

#endif
