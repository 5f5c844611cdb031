#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nodes killed with SIGKILL at random moments of an execution and started again: every answer is the one a single
# machine gives, and whoever comes back loses nothing. SU_TEST_SEED chooses the moments.
. "$(dirname "$0")/network.bash"
digits=$SU_SOURCE_DIR/tests/data/digits-images-idx3-ubyte
kills=3
[ -z "${SU_TEST_FULL:-}" ] || kills=30
RANDOM=${SU_TEST_SEED:-1}

net_start 3 4 mnist --target-vram 300KB --sampling 100
for i in $(seq 1 "$kills"); do
    net_run "$tmp/run" --input "$digits" --index "$i" &
    running=$!
    sleep "$((RANDOM % 3)).$((RANDOM % 10))"
    victim=$((RANDOM % 4 + 1))
    net_stop KILL "node$victim" 2>/dev/null
    sleep "0.$((RANDOM % 10))"
    net_node_start "$victim"
    wait $running || fail "digit $i, node$victim killed: $(cat "$tmp/run" "$tmp/run.err")"
    tail -n 1 "$tmp/run" >"$tmp/last"
    as alone run mnist --input "$digits" --index "$i" --backend cpu --json >"$tmp/local"
    check "digit $i: final" [ "$(json 'd["final"]' <"$tmp/last")" = true ]
    check "digit $i: the same bits" [ "$(json 'd["output_sha256"]' <"$tmp/last")" = \
        "$(json 'd["output_sha256"]' <"$tmp/local")" ]
    net_await 60 "node$victim" net_node_ready "$victim"
done
net_await 90 "everything is closed" net_settled
sleep 1
net_stakes_whole "in the end"
for i in 1 2 3 4; do
    check "node$i keeps nothing" [ "$(find "$tmp/node$i/node" -mindepth 1 -type d | wc -l)" = 0 ]
done
done_ok
