#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# splitup verify: a stranger runs executions of a demo's network again, while their roots stand on chain and from what
# the requestor kept.
. "$(dirname "$0")/lib.bash"
export HOME="$tmp/user" TMPDIR="$tmp/t"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$TMPDIR"
digits=$SU_SOURCE_DIR/models/mnist/digits-images-idx3-ubyte
mkfifo "$tmp/keys"
exec 8<>"$tmp/keys"
"$SPLITUP" demo --seed 11 <&8 >"$tmp/demo" 2>"$tmp/err" 8>&- &
demo=$!
clean() {
    kill -TERM "$demo" 2>/dev/null
    wait "$demo" 2>/dev/null
    rm -rf "$tmp"
}
trap clean EXIT
for _ in $(seq 600); do
    grep -q ' stays ' "$tmp/demo" && break
    kill -0 "$demo" 2>/dev/null || fail "the demo ended: $(cat "$tmp/err")"
    sleep 0.2
done
url=$(sed -n 's/.* stays .*RPC \(http[^;]*\);.*/\1/p' "$tmp/demo")
home=$(echo "$TMPDIR"/splitup-demo-*)
[ -n "$url" ] || fail "the demo is not ready: $(cat "$tmp/demo")"
model=$("$SPLITUP" deploy list -u "$url" --json | json 'd["models"][0]["address"]')
ask=("$SPLITUP" run "$model" -u "$url" -k "$home/requestor/wallet.json" --input "$digits" --json --yes)
last() {
    tail -n 1 "$1" | json "$2"
}

# From what the requestor kept; the accounts are closed.
check "asked" "${ask[@]}" --index 3 >"$tmp/result"
check "roots are told" [ "$(last "$tmp/result" 'all(len(t["output_root"]) == 64 for t in d["tasks"])')" = true ]
verify=("$SPLITUP" verify -u "$url")
check "the same" "${verify[@]}" --result "$tmp/result" --input "$digits" --index 3 --json >"$tmp/out"
check "which tells what went in" "${verify[@]}" --result "$tmp/result" >/dev/null
check "every task" [ "$(json 'd["agree"], [t["found"] for t in d["tasks"]]' <"$tmp/out")" = "(True, ['equal', 'equal', 'equal'])" ]
check "as text" grep -q '^   2  [1-9A-Za-z]* .* equal$' <("${verify[@]}" --result "$tmp/result" --input "$digits" --index 3 --backend reference)
"${verify[@]}" --result "$tmp/result" --input "$digits" --index 4 --json >"$tmp/out" 2>"$tmp/err"
check "another digit: status 9" [ $? -eq 9 ]
check "named" grep -q 'task 0: outputs differ' "$tmp/err"
check "in the JSON" [ "$(json 'd["agree"]' <"$tmp/out")" = false ]
tail -n 1 "$tmp/result" | python3 -c 'import json, sys
d = json.load(sys.stdin)
d["tasks"][1]["output_root"] = "00" * 31 + "01"
print(json.dumps(d))' >"$tmp/lie"
"${verify[@]}" --result "$tmp/lie" --input "$digits" --index 3 --json >"$tmp/out" 2>"$tmp/err"
check "one lie: status 9" [ $? -eq 9 ]
check "which task" [ "$(json '[t["found"] for t in d["tasks"]]' <"$tmp/out")" = "['equal', 'outputs differ', 'equal']" ]
check "a task alone" "${verify[@]}" --result "$tmp/lie" --input "$digits" --index 3 --task 2 --json >"$tmp/out"
check "it alone" [ "$(json '[t["index"] for t in d["tasks"]]' <"$tmp/out")" = "[2]" ]
refuse 3 "closed --result" "${verify[@]}" "$(last "$tmp/result" 'd["execution"]')"
tail -n 1 "$tmp/result" | sed 's/"input":"[^"]*",//' >"$tmp/mute"
refuse 2 "--input" "${verify[@]}" --result "$tmp/mute"
check "told apart" "${verify[@]}" --result "$tmp/mute" --input "$digits" --index 3 >/dev/null
sed 's/"input":"/"input":"!/' "$tmp/result" >"$tmp/garbled"
refuse 7 "base64" "${verify[@]}" --result "$tmp/garbled"
refuse 2 "EXECUTION" "${verify[@]}"
refuse 8 "--task" "${verify[@]}" --result "$tmp/result" --input "$digits" --task 3
head -n 1 "$tmp/result" >"$tmp/first"
refuse 7 "0 tasks" "${verify[@]}" --result "$tmp/first" --input "$digits"

# While it runs: by its address alone.
for try in 1 2 3 4 5; do
    "${ask[@]}" --index 5 >"$tmp/result" 2>"$tmp/err" &
    asking=$!
    for _ in $(seq 3000); do
        [ -s "$tmp/result" ] && break
        sleep 0.02
    done
    "${verify[@]}" "$(head -n 1 "$tmp/result" | json 'd["execution"]')" --wait 60 --json >"$tmp/out" 2>"$tmp/err"
    status=$?
    wait "$asking"
    [ $status -eq 0 ] && break
done
check "by its address (try $try): $(cat "$tmp/err")" [ $status -eq 0 ]
check "all that was seen is equal" [ "$(json 'd["agree"] and any(t["found"] == "equal" for t in d["tasks"])' <"$tmp/out")" = true ]
printf q >&8
wait "$demo"
done_ok
