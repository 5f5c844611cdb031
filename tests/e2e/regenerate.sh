#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A node killed with SIGKILL in the middle of a generation, and not started again before its end: another takes its
# stage, and no token is lost or changed. Tells what it took longer than without.
. "$(dirname "$0")/network.bash"
dir=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") || fail "no SmolLM2"
file=$dir/SmolLM2-135M-Instruct.Q4_1.gguf
ask=(--prompt "The capital of France is" --temperature 0.8 --seed 7)
tokens=160
at=(20)
stages=(1)
if full; then
    at=(20 100)
    stages=(0 1 2)
fi

# known: executions that some node has a part in.
known() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        net_status "node$i" "' '.join(x['execution'] for x in d['executions'])"
    done
}

# working TASK STEPS: the node that has run so many steps of the task, and not all, of a new execution.
working() {
    local i new="x['execution'] not in '$before' and x['task'] == $1"
    for i in $(seq 1 "$net_nodes"); do
        [ "$(net_status "node$i" "any($new and $2 <= x['steps'] < x['max_steps'] for x in d['executions'])")" = true ] || continue
        echo "$i"
        return 0
    done
    return 1
}

# seconds COMMAND...: how long it took.
seconds() {
    local from=${EPOCHREALTIME/./}
    "$@" || return
    python3 -c 'import sys; print((int(sys.argv[2]) - int(sys.argv[1])) / 1e6)' "$from" "${EPOCHREALTIME/./}"
}

net_start 1 4 "$file" --name language --ctx 256 --target-vram 60MB --sessions 2
as alone run "$file" --ctx 256 "${ask[@]}" --max-tokens "$tokens" --json >"$tmp/local" || fail "alone"
calm=$(seconds net_run "$tmp/run" "${ask[@]}" --max-tokens "$tokens") || fail "nobody killed: $(cat "$tmp/run.err")"
for steps in "${at[@]}"; do
    for stage in "${stages[@]}"; do
        what="task $stage killed at $steps steps"
        before=$(known | tr '\n' ' ')
        seconds net_run "$tmp/run" "${ask[@]}" --max-tokens "$tokens" >"$tmp/seconds" &
        running=$!
        until victim=$(working "$stage" "$steps"); do
            kill -0 $running 2>/dev/null || fail "$what: too late: $(cat "$tmp/run" "$tmp/run.err")"
        done
        net_stop KILL "node$victim"
        wait $running || fail "$what: $(cat "$tmp/run" "$tmp/run.err")"
        tail -n 1 "$tmp/run" >"$tmp/last"
        check "$what: final" [ "$(json 'd["final"]' <"$tmp/last")" = true ]
        check "$what: somebody else" [ "$(json "d['tasks'][$stage]['attempt']" <"$tmp/last")" -gt 0 ]
        check "$what: the same tokens" [ "$(json 'd["token_ids"]' <"$tmp/last")" = \
            "$(json 'd["token_ids"]' <"$tmp/local")" ]
        printf '%s: %s s, %s s without\n' "$what" "$(cat "$tmp/seconds")" "$calm"
        net_node_start "$victim"
        net_await 60 "node$victim" net_node_ready "$victim"
        net_await 60 "the oracle hears the nodes" net_online 1 "$net_nodes"
    done
done
done_ok
