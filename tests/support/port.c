// SPDX-License-Identifier: MIT
#include "support/port.h"

#include "base/base.h"
#include "crypto/crypto.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

uint16_t su_test_port(void)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        uint16_t random;
        su_random(&random, sizeof random);
        uint16_t port = (uint16_t)(12000 + random % 20000);
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        SU_ASSERT(fd >= 0);
        bool is_free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        (void)close(fd);
        if (is_free)
            return port;
    }
    (void)fputs("no port is free\n", stderr);
    abort();
}
