#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nodes that are no use for a while, in the middle of a generation: one that is paused for less than its grace keeps its
# stage, one that is paused for longer is replaced and finds that out when it comes back, one that hangs and beats on is
# replaced, and a slow link costs nobody anything. The tokens are always those of a local run, and nobody is slashed.
# PAUSES="short long hang link" chooses some of them.
python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py" >/dev/null || exit 1
if [ -z "${SU_TEST_OWN_NET:-}" ] && unshare -n true 2>/dev/null; then
    export SU_TEST_OWN_NET=1 # links that can be slowed down
    exec unshare -n bash "$0"
fi
. "$(dirname "$0")/network.bash"
[ -z "${SU_TEST_OWN_NET:-}" ] || ip link set lo up || fail "no loopback"
dir=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") || fail "no SmolLM2"
file=$dir/SmolLM2-135M-Instruct.Q4_1.gguf
ask=(--prompt "The capital of France is" --temperature 0.8 --seed 7 --max-tokens 160)
tries=8
first="short long"
full && first="short long link hang"
[ -x "${SPLITUP_FAULTY:-}" ] || fail "SPLITUP_FAULTY names no program: build the target splitup-faulty"

known() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        net_status "node$i" "' '.join(x['execution'] for x in d['executions'])"
    done
}

# begin: a generation in the background, until a node has run 20 steps of task 1; sets running, victim.
begin() {
    local i before mine
    before=$(known | tr '\n' ' ')
    net_run "$tmp/run" "${ask[@]}" &
    running=$!
    mine="x['execution'] not in '$before' and x['task'] == 1 and 20 <= x['steps'] < x['max_steps']"
    victim=
    while [ -z "$victim" ]; do
        kill -0 $running 2>/dev/null || fail "$what: too late: $(cat "$tmp/run" "$tmp/run.err")"
        for i in $(seq 1 "$net_nodes"); do
            [ "$(net_status "node$i" "any($mine for x in d['executions'])")" != true ] || victim=$i
        done
    done
}

# attempts: of all tasks of the last run, together.
attempts() {
    json 'sum(t["attempt"] for t in d["tasks"])' <"$tmp/last"
}

end() {
    wait $running || fail "$what: $(cat "$tmp/run" "$tmp/run.err") $(net_logs)"
    tail -n 1 "$tmp/run" >"$tmp/last"
    check "$what: final" [ "$(json 'd["final"]' <"$tmp/last")" = true ]
    check "$what: the same tokens" [ "$(json 'd["token_ids"]' <"$tmp/last")" = "$(json 'd["token_ids"]' <"$tmp/local")" ]
}

# because TEXT: that is why the oracle took the last node to have failed.
because() {
    [ "$(net_status oracle1 "'$1' in d['losses'][-1]['why']")" = true ]
}

nobody_pays() {
    local i
    net_await 120 "$what: everything closed" net_settled
    for i in $(seq 1 "$net_nodes"); do
        check "$what: node$i lost nothing" [ "$(net_stake "node$i" 'd["free"], d["reserved"]')" = "('10000', '0')" ]
    done
}

short() {
    begin
    kill -STOP "${net_pid[node$victim]}"
    sleep 4
    kill -CONT "${net_pid[node$victim]}"
    end
    check "$what: everybody kept its task" [ "$(attempts)" = 0 ]
}

# dropped: the victim has no part any more in what it was replaced in.
dropped() {
    [ "$(net_status "node$victim" "any(x['execution'] == '$execution' and x['task'] == 1 for x in d['executions'])")" = false ]
}

replaced_by_now() {
    [ "$(net_status oracle1 "any(x['task'] == 1 and x['assigned_ms'] and x['execution'] not in '$past' for x in d['losses'])")" = true ]
}

long() {
    past=$(net_status oracle1 "' '.join(x['execution'] for x in d['losses'])")
    begin
    kill -STOP "${net_pid[node$victim]}"
    net_await 90 "$what: replaced" replaced_by_now
    execution=$(net_status oracle1 "d['losses'][-1]['execution']")
    kill -CONT "${net_pid[node$victim]}"
    net_await 30 "$what: it notices" dropped
    end
    check "$what: another has the task" [ "$(json "d['tasks'][1]['attempt']" <"$tmp/last")" -gt 0 ]
    check "$what: that is why" because 'its grace is over'
    nobody_pays
}

hang() {
    local i
    net_stop TERM node2
    FAULT_node2=hang
    net_node_start 2
    net_wait_ready
    for ((i = 0; i < tries; i++)); do
        net_run "$tmp/run" "${ask[@]}" &
        running=$!
        end
        [ "$(attempts)" = 0 ] || break
    done
    check "$what: another has the task" [ "$(attempts)" = 1 ]
    check "$what: that is why" because 'has its inputs and sends nothing'
    nobody_pays
    net_stop TERM node2
    FAULT_node2=
    net_node_start 2
    net_wait_ready
}

# The link is slow for longer than makes a node offline: every packet, where the kernel can do that, else the victim's
# heartbeats.
link() {
    local real=
    [ -z "${SU_TEST_OWN_NET:-}" ] || ! tc qdisc add dev lo root netem delay 1ms 2>/dev/null || real=1
    begin
    if [ -n "$real" ]; then
        tc qdisc change dev lo root netem delay 600ms
        sleep 8
        tc qdisc del dev lo root
    else
        touch "$tmp/node$victim/slow"
        sleep 8
        rm "$tmp/node$victim/slow"
    fi
    check "$what: it was slow" grep -q '00' < <(net_status oracle1 "[n['beats'][-12:] for n in d['nodes'] if n['identity'] == '${net_key[node$victim]}']")
    end
    check "$what: everybody kept its task" [ "$(attempts)" = 0 ]
}

case " ${PAUSES:-$first} " in *" link "*)
    for i in 1 2 3 4; do
        declare "FAULT_node$i=slow-link"
    done
    ;;
esac
net_start 1 4 "$file" --name language --ctx 256 --target-vram 60MB --sessions 2
as alone run "$file" --ctx 256 "${ask[@]}" --json >"$tmp/local" || fail "alone"
for what in ${PAUSES:-$first}; do
    begun=$SECONDS
    $what
    net_wait_ready
    printf '%s: %d s\n' "$what" $((SECONDS - begun))
done
done_ok
