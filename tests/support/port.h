// SPDX-License-Identifier: MIT
/* Ports for servers whose address is told before they listen. */
#ifndef SU_SUPPORT_PORT_H
#define SU_SUPPORT_PORT_H

#include <stdint.h>

/* A port of 127.0.0.1 that is free, and that connections of others are not given while nobody listens at
   it: below those that the system hands out. */
uint16_t su_test_port(void);

#endif
