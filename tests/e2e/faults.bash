# SPDX-License-Identifier: MIT
# Shared by the tests of nodes and oracles that misbehave, in a network whose model is checked every time: the answer is
# the right one whenever there is one, the guilty lose stake, and nobody else does.
. "$(dirname "${BASH_SOURCE[0]}")/network.bash"
digits=$SU_SOURCE_DIR/models/mnist/digits-images-idx3-ubyte
[ -x "${SPLITUP_FAULTY:-}" ] || fail "SPLITUP_FAULTY names no program: build the target splitup-faulty"
tries=40 # assignments until one gives the liar a task: who was slashed just now rests for thirty rounds

expected=$("$SPLITUP" run mnist --target-vram 300KB --backend cpu --input "$digits" --index 0 --json | json 'd["output_sha256"]') ||
    fail "the digit does not run here"

# What the requestor has, with all that is owed to it.
money() {
    as requestor request refund --url "$url" --yes >/dev/null 2>&1
    as requestor wallet balance --url "$url" --json | json 'd["usdc"]'
}

# Right bits, final.
right() {
    tail -n 1 "$1" | json "d['final'] and d['output_sha256'] == '$expected'"
}

# digit: one run that must give the right answer in the end.
digit() {
    net_run "$tmp/run" --input "$digits" --index 0 || fail "$fault: run: $(cat "$tmp/run.err") $(net_logs)"
    [ "$(right "$tmp/run")" = true ] || fail "$fault: not the right answer: $(cat "$tmp/run")"
}

# answer_or_money: as digit; or, where the liar is drawn again each time, no answer, and everything that was held comes back.
answer_or_money() {
    local was
    was=$(money)
    if net_run "$tmp/run" --input "$digits" --index 0; then
        [ "$(right "$tmp/run")" = true ] || fail "$fault: not the right answer: $(cat "$tmp/run")"
        net_await 120 "$fault: everything closed" net_settled
        return
    fi
    grep -q 'a node was wrong' "$tmp/run.err" || fail "$fault: run: $(cat "$tmp/run.err") $(net_logs)"
    net_await 120 "$fault: everything closed" net_settled
    check "$fault: the money is back" [ "$(money)" = "$was" ]
}

# with NAME FAULT: stops it, and starts it again so.
with() {
    [ -z "${net_pid[$1]:-}" ] || net_stop TERM "$1"
    declare -g "FAULT_$1=$2"
    case $1 in
    node*) net_node_start "${1#node}" ;;
    oracle*) net_oracle_start "${1#oracle}" ;;
    esac
}

# honest NAME: starts it again as it should be, and waits until everything is as it was.
honest() {
    with "$1" ""
    net_wait_ready
    net_await 120 "$fault: everything closed" net_settled
}

# slashed NODE FAULT: it lies until it is given a task, is caught, and pays.
slashed() {
    local i
    fault=$2
    net_stakes_note
    with "$1" "$2"
    net_wait_ready
    for ((i = 0; i < tries; i++)); do
        answer_or_money
        net_stake_less "$1" && break
    done
    check "$fault: $1 pays" net_stake_less "$1"
    net_stakes_same "$fault" "$1"
    honest "$1"
}

# harmless NAME FAULT: the answer comes, and nobody loses anything.
harmless() {
    fault=$2
    net_stakes_note
    with "$1" "$2"
    [ "$2" = heartbeat-one-oracle ] || net_wait_ready
    digit
    honest "$1"
    net_stakes_same "$fault"
}

# replaced NODE FAULT: another takes its task over; the answer comes, and nobody loses anything.
replaced() {
    local i again=0
    fault=$2
    net_stakes_note
    with "$1" "$2"
    if [ "$2" = lying-heartbeat ]; then net_wait_heard; else net_wait_ready; fi
    for ((i = 0; i < tries; i++)); do
        digit
        again=$(tail -n 1 "$tmp/run" | json 'sum(t["attempt"] > 0 for t in d["tasks"])')
        [ "$again" = 0 ] || break
    done
    check "$fault: it was replaced" [ "$again" != 0 ]
    honest "$1"
    net_stakes_same "$fault"
}

# dies NODE FAULT SECONDS: it ends while it runs; started again after so long it loses nothing.
dies() {
    local i run
    fault=$2
    net_stakes_note
    with "$1" "$2"
    net_wait_ready
    for ((i = 0; i < tries; i++)); do
        net_run "$tmp/run" --input "$digits" --index 0 &
        run=$!
        while kill -0 $run 2>/dev/null && ! net_gone "$1"; do
            sleep 0.1
        done
        [ -z "${net_pid[$1]:-}" ] && break
        wait $run || fail "$fault: run: $(cat "$tmp/run.err")"
    done
    check "$fault: it has died" [ -z "${net_pid[$1]:-}" ]
    sleep "$3"
    with "$1" ""
    wait $run || fail "$fault: run: $(cat "$tmp/run.err") $(net_logs)"
    check "$fault: the right answer" [ "$(right "$tmp/run")" = true ]
    honest "$1"
    net_stakes_same "$fault"
}

# Two of three oracles gone: nothing is decided, and everything comes back.
undecided() {
    local was
    fault=two-oracles-down
    net_stakes_note
    net_stop TERM oracle2
    net_stop TERM oracle3
    was=$(money)
    net_run "$tmp/run" --input "$digits" --index 0 && fail "$fault: somebody answered: $(cat "$tmp/run")"
    net_await 120 "$fault: everything closed" net_settled
    check "$fault: the money is back" [ "$(money)" = "$was" ]
    net_oracle_start 2
    honest oracle3
    net_stakes_same "$fault"
}

# faults NAME...: sets up the network, and lets each happen in it. FAULTS="name ..." runs those instead.
faults() {
    local name begun
    fault=none
    net_start 3 3 mnist --target-vram 300KB --sampling 100
    digit
    tail -n 1 "$tmp/run" >"$tmp/honest"
    check "every task is checked" [ "$(json 'len(d["samples"]) == 3' <"$tmp/honest")" = true ]
    net_await 60 "everything closed" net_settled
    for name in ${FAULTS:-"$@"}; do
        begun=$SECONDS
        case $name in
        wrong-output) slashed node2 wrong-output ;;
        wrong-weights) slashed node3 wrong-weights ;;
        double-sign) slashed node1 double-sign ;;
        equivocate) slashed "$(net_holder 0 "$tmp/honest")" equivocate ;; # each has its home; the last one has no consumer
        silent-after-commit) slashed node3 silent-after-commit ;;
        crash-before-commit) dies node1 crash-before-commit 8 ;;
        crash-after-commit) dies node2 crash-after-commit 1 ;;
        late) replaced node3 late ;;
        lying-heartbeat) replaced node1 lying-heartbeat ;;
        heartbeat-one-oracle) harmless node2 heartbeat-one-oracle ;;
        votes-wrongly) harmless oracle3 votes-wrongly ;;
        silent) harmless oracle1 silent ;;
        withholds-draw) harmless oracle2 withholds-draw ;;
        two-oracles-down) undecided ;;
        *) fail "$name: no such fault" ;;
        esac
        printf '%s: %d s\n' "$name" $((SECONDS - begun))
    done
    done_ok
}
