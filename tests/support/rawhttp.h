// SPDX-License-Identifier: MIT
/* A loopback TCP server whose answers a test writes byte by byte, for what no decent HTTP server
   does. */
#ifndef TEST_SUPPORT_RAWHTTP_H
#define TEST_SUPPORT_RAWHTTP_H

#include "base/base.h"

struct raw_server;

/* Runs on one thread, one connection after the other: reads a request up to its empty line and
   calls serve with it and with the number of the connection, counted from 0; then closes the
   connection. */
struct raw_server *raw_server_start(void (*serve)(void *ctx, int fd, const char *request,
                                                  unsigned n),
                                    void *ctx);
uint16_t raw_server_port(const struct raw_server *s);
unsigned raw_server_hits(struct raw_server *s);
/* Also ends raw_pause. */
void raw_server_stop(struct raw_server *s);

void raw_send(int fd, const void *data, size_t n);
void raw_send_text(int fd, const char *text);
/* Value of "bytes=N-" in the request, 0 without. */
uint64_t raw_range_start(const char *request);
/* Waits until the client hangs up or the time is over. */
void raw_pause(int fd, unsigned ms);

#endif
