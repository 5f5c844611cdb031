// SPDX-License-Identifier: MIT
/* Nodes at work: a committee of oracles, nodes of different owners, requests from beginning to end. */
#include "node/node.h"
#include "support/net.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void settles(void **state)
{
    const struct net_options o = {.oracles = 3, .nodes = 3, .sampling_ppm = SU_PPM};
    struct net *n = net_new(&o);
    struct net_run r;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        net_node_start(n, i);
    net_wait_online(n, 3, 20000);
    net_ask(n, &r);
    net_follow(n, &r, 60000, NULL);
    assert_int_equal(su_ops_follow_state(r.follow)->chain.state, SU_EXEC_SETTLED);
    assert_true(su_ops_follow_state(r.follow)->final);
    assert_true(net_output_right(n, &r));
    net_wait_gone(n, r.execution, 20000);
    net_run_end(&r);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settles),
    };
    su_log_stderr(SU_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
