// SPDX-License-Identifier: MIT
/* A feed that knows a cluster of any size, from accounts as they lie on chain, without a network. */
#ifndef SU_TEST_FEED_WORLD_H
#define SU_TEST_FEED_WORLD_H

#include "feed/feed.h"

struct feed_world_sizes {
    uint32_t nodes, models;
    uint16_t tasks; /* of each model; nodes declare those of one */
    uint32_t executions; /* closed ones */
    uint32_t samples; /* of each */
};
/* No threads. Aborts when memory is out. */
struct su_feed *feed_world_open(const struct feed_world_sizes *z);
/* Made of the accounts anew, as the feed's thread does; su_feed_release it. */
const struct su_feed_snapshot *feed_world_look(struct su_feed *f);
void feed_world_close(struct su_feed *f);

#endif
