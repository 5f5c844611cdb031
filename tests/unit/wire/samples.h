// SPDX-License-Identifier: MIT
/* One message of each kind: the statements of which wire_vectors.h holds the frames. */
#ifndef SU_TEST_WIRE_SAMPLES_H
#define SU_TEST_WIRE_SAMPLES_H

#include "wire/wire.h"

#define SAMPLE_KINDS 9u
#define SAMPLE_SLOT 77u

extern const struct su_wire_stamp sample_stamp;
extern const uint8_t sample_execution[32];
struct su_wire_scope sample_scope(void);
/* The key of seed 1, 2, ... 32 and one that is another; kept until the program ends. */
const struct su_signer *sample_signer(void);
const struct su_signer *sample_stranger(void);
/* Valid until the next call for that kind. */
const struct su_wire_message *sample_message(unsigned kind);
/* The frame of a sample as the independent generator made it. */
const uint8_t *sample_vector(unsigned kind, size_t *bytes);
/* Frame i of SAMPLE_JOINT under one signature: the activation with the stamps of sample_stamp and on. */
#define SAMPLE_JOINT 3u
const uint8_t *sample_joint(unsigned i, size_t *bytes);
/* Head, body and data of a message, signed by s, into out (initialised). */
enum su_code sample_frame(const struct su_wire_message *m, const struct su_signer *s,
                          struct su_buf *out, struct su_err *e);

#endif
