#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nodes that are no use for a while, in the middle of a generation: one that is paused for less than its grace keeps its
# stage, one that is paused for longer is replaced and finds that out when it comes back, one that hangs and beats on is
# replaced, and a slow link costs nobody anything. The tokens are always those of a local run, and nobody is slashed.
# PAUSES="short long hang link" chooses some of them.
. "$(dirname "$0")/network.bash"

# links_begin: this script again, in the first of five places with links between them that can be slowed down by a line
# with the milliseconds to descriptor 9. SU_TEST_LINKS: the process that holds the places, and a descriptor of it for
# each. Without the rights it does nothing.
links_begin() {
    local holder places
    cc -std=gnu11 -D_GNU_SOURCE -O2 -o "$tmp/link_delay" "$SU_SOURCE_DIR/tests/bench/link_delay.c" || fail "no link_delay"
    mkfifo "$tmp/say"
    : >"$tmp/told"
    "$tmp/link_delay" 0 5 <"$tmp/say" >"$tmp/told" &
    exec 9>"$tmp/say"
    until read -r holder places <"$tmp/told"; do
        kill -0 $! 2>/dev/null || return
        sleep 0.05
    done
    rm -rf "$tmp"
    export SU_TEST_LINKS="$holder $places"
    exec nsenter --net="/proc/$holder/fd/${places%% *}" bash "$0"
}

# links_use: each node is at a place of its own, everything else in the first.
links_use() {
    local i words
    read -ra words <<<"$SU_TEST_LINKS"
    net_hub=10.77.0.1
    for i in 1 2 3 4; do
        net_host[node$i]=10.77.0.$((i + 1))
        net_words[node$i]="nsenter --net=/proc/${words[0]}/fd/${words[i + 1]}"
    done
}

file=$(smollm2) || fail "no SmolLM2"
ask=(--prompt "The capital of France is" --temperature 0.8 --seed 7 --max-tokens 160)
tries=8
first="short long"
full && first="short long link hang"
read -ra pauses <<<"${PAUSES:-$first}"
if [ -n "${SU_TEST_LINKS:-}" ]; then
    links_use
else
    case " ${pauses[*]} " in *" link "*) links_begin ;; esac
fi
[ -x "${SPLITUP_FAULTY:-}" ] || fail "SPLITUP_FAULTY names no program: build the target splitup-faulty"

# begin: a generation in the background, until a node has run 20 steps of task 1; sets running, victim.
begin() {
    local before
    before=$(net_known)
    net_run "$tmp/run" "${ask[@]}" &
    running=$!
    until victim=$(net_working 1 20 "$before"); do
        kill -0 $running 2>/dev/null || fail "$what: too late: $(cat "$tmp/run" "$tmp/run.err")"
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

# because TEXT: that is why the oracle took the node of task 1 to have failed in the last run.
because() {
    local execution
    execution=$(json 'd["execution"]' <"$tmp/last")
    [ "$(net_status oracle1 "any('$1' in x['why'] for x in d['losses'] if x['execution'] == '$execution' and x['task'] == 1)")" = true ]
}

nobody_pays() {
    net_await 120 "$what: everything closed" net_settled
    net_stakes_whole "$what"
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
    execution=$(net_status oracle1 "[x['execution'] for x in d['losses'] if x['task'] == 1 and x['execution'] not in '$past'][0]")
    kill -CONT "${net_pid[node$victim]}"
    net_await 60 "$what: it notices" dropped
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

# Every link is slow for longer than makes a node offline; where there are no places with links of their own, the
# victim's heartbeats are.
link() {
    begin
    if [ -n "${SU_TEST_LINKS:-}" ]; then
        echo 2000 >&9
        sleep 8
        echo 0 >&9
    else
        touch "$tmp/node$victim/slow"
        sleep 8
        rm "$tmp/node$victim/slow"
    fi
    check "$what: it was slow" grep -q '00' < <(net_status oracle1 "[n['beats'][-12:] for n in d['nodes'] if n['identity'] == '${net_key[node$victim]}']")
    end
    check "$what: everybody kept its task" [ "$(attempts)" = 0 ]
}

case " ${pauses[*]} " in *" link "*)
    for i in 1 2 3 4; do
        declare "FAULT_node$i=slow-link"
    done
    ;;
esac
net_start 1 4 "$file" --name language --ctx 256 --target-vram 60MB --sessions 2
as alone run "$file" --ctx 256 "${ask[@]}" --json >"$tmp/local" || fail "alone"
for what in "${pauses[@]}"; do
    begun=$SECONDS
    $what
    net_wait_ready
    printf '%s: %d s\n' "$what" $((SECONDS - begun))
done
done_ok
