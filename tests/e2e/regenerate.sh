#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A node killed with SIGKILL in the middle of a generation, and not started again before another has its stage and has
# computed its state again: no token is lost or changed. Tells how long it took to be noticed, until another had the
# task, and until that one had computed its state; the last two must be short. KILLS="STAGE:CONTEXT ..." chooses others,
# ORACLES how many vote.
. "$(dirname "$0")/network.bash"
file=$(smollm2) || fail "no SmolLM2"
bound_ms=15000 # from the detection to the state: generous, for a machine that does other things
kills=(1:20 0:100)
ctx=256
tokens=160
vram=60MB
if full; then
    kills=(0:20 1:20 2:20 0:100 1:100 2:100 0:500 1:500 2:500 0:1000 1:1000 2:1000)
fi
[ -z "${KILLS:-}" ] || read -ra kills <<<"$KILLS"
case " ${kills[*]} " in *:500\ * | *:1000\ *)
    ctx=1280
    vram=85MB
    ;;
esac

# counting TOKENS: a prompt of about so many, with which the model counts on for ever.
counting() {
    python3 -c 'import sys; print(" ".join(["one", "two", "three"] * (int(sys.argv[1]) // 3)))' "$1"
}

now_ms() {
    echo $((${EPOCHREALTIME/./} / 1000))
}

# seconds COMMAND...: how long it took.
seconds() {
    local from=${EPOCHREALTIME/./}
    "$@" || return
    python3 -c 'import sys; print((int(sys.argv[2]) - int(sys.argv[1])) / 1e6)' "$from" "${EPOCHREALTIME/./}"
}

# taken_over TASK: another has it, and its state, in an execution that was not known before.
taken_over() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        [ "$(net_status "node$i" "any(x['execution'] not in '$before' and x['task'] == $1 and x['rebuilt_ms'] for x in d['takeovers'])")" = true ] &&
            return 0
    done
    return 1
}

# times EXECUTION TASK KILLED: "detection reassignment rebuild steps", ms each.
times() {
    local i one="[x for x in d['losses'] if x['execution'] == '$1' and x['task'] == $2 and x['attempt'] == 0][0]" detected assigned rebuilt again
    local two="[x for x in d['takeovers'] if x['execution'] == '$1' and x['task'] == $2 and x['attempt'] == 1][0]"
    detected=$(net_status oracle1 "${one}['detected_ms']")
    for i in $(seq 1 "$net_nodes"); do
        assigned=$(net_status "node$i" "${two}['assigned_ms']")
        rebuilt=$(net_status "node$i" "${two}['rebuilt_ms']")
        again=$(net_status "node$i" "${two}['steps']")
        [ -z "$rebuilt" ] || break
    done
    [ -n "$detected" ] && [ -n "$assigned" ] && [ -n "$rebuilt" ] || fail "$what: no times: $detected, $assigned, $rebuilt"
    echo $((detected - $3)) $((assigned - detected)) $((rebuilt - assigned)) "$again"
}

net_start "${ORACLES:-1}" 4 "$file" --name language --ctx "$ctx" --target-vram "$vram" --sessions 2
for kill in "${kills[@]}"; do
    stage=${kill%:*}
    steps=${kill#*:}
    what="task $stage killed at $steps steps"
    prompt="The capital of France is"
    ask=(--temperature 0.8 --seed 7)
    if [ "$steps" -gt 20 ]; then # it is reached a little behind the prompt
        prompt=$(counting $((steps - 30)))
        ask=(--temperature 0)
    fi
    as alone run "$file" --ctx "$ctx" --prompt "$prompt" "${ask[@]}" --max-tokens "$tokens" --json >"$tmp/local" || fail "alone"
    before=$(net_known)
    seconds net_run "$tmp/run" --prompt "$prompt" "${ask[@]}" --max-tokens "$tokens" >"$tmp/seconds" &
    running=$!
    until victim=$(net_working "$stage" "$steps" "$before"); do
        kill -0 $running 2>/dev/null || fail "$what: too late: $(tail -n 1 "$tmp/run" | cut -c 1-2000) $(cat "$tmp/run.err")"
    done
    killed=$(now_ms)
    net_stop KILL "node$victim"
    until taken_over "$stage"; do
        kill -0 $running 2>/dev/null || break
        sleep 0.1
    done
    net_node_start "$victim" # a check may be its to make, and is waited for
    wait $running || fail "$what: $(cat "$tmp/run" "$tmp/run.err")"
    tail -n 1 "$tmp/run" >"$tmp/last"
    check "$what: final" [ "$(json 'd["final"]' <"$tmp/last")" = true ]
    check "$what: somebody else" [ "$(json "d['tasks'][$stage]['attempt']" <"$tmp/last")" -gt 0 ]
    check "$what: the same tokens" [ "$(json 'd["token_ids"]' <"$tmp/last")" = \
        "$(json 'd["token_ids"]' <"$tmp/local")" ]
    read -r detection reassignment rebuild again < <(times "$(json 'd["execution"]' <"$tmp/last")" "$stage" "$killed")
    printf '%s: noticed after %d ms, another node after %d ms, state of %d steps after %d ms; %s s in all\n' \
        "$what" "$detection" "$reassignment" "$again" "$rebuild" "$(cat "$tmp/seconds")"
    check "$what: not slow" [ $((reassignment + rebuild)) -lt $bound_ms ]
    net_await 60 "node$victim" net_node_ready "$victim"
    net_await 60 "the oracle hears the nodes" net_online 1 "$net_nodes"
done
done_ok
