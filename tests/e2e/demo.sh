#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# splitup demo: a network from nothing reads a digit; its JSON, its money, and that nothing is left of it, however it ends.
. "$(dirname "$0")/lib.bash"
export HOME="$tmp/user" TMPDIR="$tmp/t"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$TMPDIR"
digits=$SU_SOURCE_DIR/models/mnist/digits-images-idx3-ubyte

# Processes whose home lies in our folder: children of a demo, and what they started.
left() {
    local file
    for file in /proc/[0-9]*/environ; do
        grep -qazE "^SPLITUP_HOME=$TMPDIR/" "$file" 2>/dev/null && echo "$file"
    done
}
# Waits until none is left, a minute at most.
none_left() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ -z "$(left)" ] && return 0
        sleep 0.1
    done
    fail "processes are left: $(left)"
}
# Ports that the processes of a demo told in their first lines must not answer any more.
closed() {
    local port count=0
    for port in $(grep -ohE '127\.0\.0\.1:[0-9]+' "$@" | sort -u); do
        ! (exec 3<>"/dev/tcp/${port%:*}/${port#*:}") 2>/dev/null || fail "port $port is open"
        count=$((count + 1))
    done
    [ $count -ge 4 ]
}

# One digit.
begin=$(date +%s%N)
"$SPLITUP" demo --once --json --seed 7 --keep >"$tmp/demo" 2>"$tmp/err" || fail "demo: $(cat "$tmp/err" "$TMPDIR"/splitup-demo-*/log/*.log)"
took=$((($(date +%s%N) - begin) / 1000000))
check "one line" [ "$(wc -l <"$tmp/demo")" = 1 ]
check "under 60 s ($took ms)" [ $took -lt 60000 ]
none_left
check "ports" closed "$TMPDIR"/splitup-demo-*/log/*.log
rm -rf "$TMPDIR"/splitup-demo-*
"$SPLITUP" run mnist --input "$digits" --index 0 --backend cpu --json >"$tmp/local" || fail "a local run"
python3 - "$tmp/demo" "$tmp/local" <<'PYTHON' || fail "what demo printed: $(cat "$tmp/demo")"
import json, sys
d, local = (json.load(open(f)) for f in sys.argv[1:3])
assert d["final"] is True and d["repeated"] == 0, "final"
assert d["predicted"] == d["label"] == local["predicted"], "predicted"
assert d["output_sha256"] == local["output_sha256"], "the same bits"
assert [t["index"] for t in d["tasks"]] == [0, 1, 2], "three tasks"
nodes = {n["key"] for n in d["balances"]["nodes"]}
for t in d["tasks"]:
    assert t["node"] in nodes and t["owner"] and t["state"] == "verified" and t["fee"] > 0, t
    assert t["backend"] in ("cpu", "vulkan") and t["ms"] is not None and t["ms"] >= 0, t
    assert len(t["commit"]) == 64 and t["commit"] != "0" * 64, t
assert [s["task"] for s in d["samples"]] == [t["index"] for t in d["tasks"] if t["sampled"]], "samples"
for s in d["samples"]:
    assert s["draw"] < s["threshold"] and s["verdict"] == "match", s
    assert s["validator"] in nodes and s["validator_owner"] != s["asserter_owner"], s
assert d["draw"] == {"proof_posted": True, "proof_verified": True, "flags_recomputed": True}, d["draw"]
b = d["balances"]
assert b["open_claims"] == 0 and b["total"]["before"] == b["total"]["after"], "conserved"
members = b["nodes"] + b["oracles"] + [b["pool"]]
assert b["vault"]["after"] == sum(m["after"] for m in members), "the vault holds what the accounts say"
paid = b["requestor"]["before"] - b["requestor"]["after"]
assert paid == sum(m["after"] - m["before"] for m in members) > 0, "what is paid arrives"
fees = {}
for t in d["tasks"]:
    fees[t["node"]] = fees.get(t["node"], 0) + t["fee"]
checkers = {s["validator"] for s in d["samples"]}
for n in b["nodes"]:
    earned = n["after"] - n["before"]
    assert earned == fees.get(n["key"], 0) or n["key"] in checkers, n
assert 0 < sum(o["after"] - o["before"] for o in b["oracles"]) <= 10000, "oracles"
assert len(b["oracles"]) == 3 and len(nodes) == 3
PYTHON
checks=$((checks + 1))

# Many at once: flags as the proofs say, every check matched, by another owner.
count=20
full && count=200
timeout 1800 "$SPLITUP" demo --executions $count --json --seed 8 >"$tmp/demo" 2>"$tmp/err" || fail "executions: $(cat "$tmp/err")"
python3 - "$tmp/demo" $count <<'PYTHON' || fail "sums: $(tail -n 1 "$tmp/demo")"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
runs, s, n = lines[:-1], lines[-1], int(sys.argv[2])
assert len(runs) == n and all(r["final"] and r["predicted"] == r["label"] for r in runs)
assert s["summary"] and s["executions"] == s["final"] == s["proofs_verified"] == s["flags_recomputed"] == n
assert s["sampled"] == s["matched"] == s["by_another_owner"] == sum(len(r["samples"]) for r in runs)
assert s["tasks"] == 3 * n and s["sigmas"] <= 4 and 0 <= s["extra_compute"] < 1
b = s["balances"]
assert b["open_claims"] == 0 and b["total"]["before"] == b["total"]["after"]
print("%d of %d tasks sampled (%.2f sigmas), extra compute %.2f %%, %.1f s" %
      (s["sampled"], s["tasks"], s["sigmas"], 100 * s["extra_compute"], s["seconds"]))
PYTHON
checks=$((checks + 1))
none_left
check "its folder is gone" [ -z "$(ls "$TMPDIR")" ]

# It stays, runs another digit on Enter, and ends on q.
mkfifo "$tmp/keys"
"$SPLITUP" demo --seed 9 <"$tmp/keys" >"$tmp/out" 2>"$tmp/err" &
demo=$!
exec 4>"$tmp/keys"
until_said() { # TEXT TIMES
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(grep -c -- "$1" "$tmp/out")" -ge "$2" ] && return 0
        kill -0 $demo 2>/dev/null || fail "ended early: $(cat "$tmp/out" "$tmp/err")"
        sleep 0.1
    done
    fail "not said: $1: $(cat "$tmp/out" "$tmp/err")"
}
until_said "stays" 1

# Eight requests of one wallet at once: each gets a number of its own, and none is paid twice.
url=$(sed -n 's/.* stays .*RPC \(http[^;]*\);.*/\1/p' "$tmp/out")
wallet=$(echo "$TMPDIR"/splitup-demo-*/requestor/wallet.json)
pids=()
for i in 0 1 2 3 4 5 6 7; do
    "$SPLITUP" run "mnist@$url" --keypair "$wallet" --input "$digits" --index $i --yes --json >"$tmp/run$i" 2>"$tmp/run$i.err" &
    pids+=($!)
done
for i in 0 1 2 3 4 5 6 7; do
    wait "${pids[i]}" || fail "run $i of eight: $(cat "$tmp/run$i.err")"
    tail -n 1 "$tmp/run$i" >>"$tmp/eight"
done
check "eight answers" [ "$(python3 -c 'import json, sys
runs = [json.loads(line) for line in open(sys.argv[1])]
print(sum(r["final"] for r in runs), len({r["execution"] for r in runs}))' "$tmp/eight")" = "8 8" ]
echo >&4
until_said "stays" 2
echo q >&4
wait $demo || fail "q: status $?: $(cat "$tmp/err")"
for text in "request" "assigned" "commit" "answer" "draw" "final" "paid"; do
    check "said $text twice" [ "$(grep -cE " $text( |$)" "$tmp/out")" -ge 2 ]
done
none_left
check "its folder is gone" [ -z "$(ls "$TMPDIR")" ]

# However it ends.
for signal in INT TERM KILL; do
    : >"$tmp/out"
    "$SPLITUP" demo --seed 10 <"$tmp/keys" >"$tmp/out" 2>"$tmp/err" &
    demo=$!
    until_said "stays" 1
    cat "$TMPDIR"/splitup-demo-*/log/*.log >"$tmp/logs"
    check "SIG$signal: they run" [ "$(left | wc -l)" -ge 8 ]
    kill -$signal $demo
    wait $demo 2>/dev/null
    status=$?
    [ $signal = KILL ] || check "SIG$signal: status $status" [ $status -eq 130 ]
    none_left
    check "SIG$signal: ports" closed "$tmp/logs"
    for ((i = 0; i < 600 && $(ls "$TMPDIR" | wc -l) > 0; i++)); do sleep 0.1; done
    check "SIG$signal: its folder is gone" [ -z "$(ls "$TMPDIR")" ]
done
refuse 8 "--nodes 3" "$SPLITUP" demo --nodes 2 --once
refuse 8 "--oracles" "$SPLITUP" demo --oracles 9 --once
refuse 3 "nothing" "$SPLITUP" demo --once --input "$tmp/nothing"
done_ok
