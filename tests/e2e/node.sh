#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The commands of a node, from its key to its money: init, register, start, status, drain, withdraw; what is refused;
# how fast it ends, and that kill -9 costs nothing.
. "$(dirname "$0")/network.bash"
net_slot_ms=20

net_ledger --cooldown-ms 2000
net_oracles_make 1
net_deploy mnist --target-vram 300KB
net_oracle_start 1
net_wallet owner1 20000
port=$(net_ports 1)

# Its key, then its entry with tasks in one go; the stake in between is asked for by name.
must node1 node init --json >"$tmp/init"
net_key[node1]=$(json 'd["node"]' <"$tmp/init")
check "a key" [ "$(stat -c %a "$tmp/node1/node.json")" = 600 ]
check "the same key" [ "$(must node1 node init --json | json 'd["node"]')" = "${net_key[node1]}" ]
net_airdrop "${net_key[node1]}"
keys=(--keypair "$tmp/owner1/wallet.json" --url "$url")
refuse 3 "node.json register" as nobody node start --url "$url" --backend cpu
refuse 3 "not registered register" as node1 node start --url "$url" --backend cpu
as node1 node register "${keys[@]}" --endpoint "127.0.0.1:$port" --vram 1GB --backend cpu --model-id "$model" --yes \
    >"$tmp/out" 2>"$tmp/err"
check "no stake yet" [ $? = 8 ]
check "which is said" grep -q 'splitup stake deposit' "$tmp/err"
must owner1 stake deposit 5000 --node "${net_key[node1]}" --yes >/dev/null
refuse 2 "--model-id" as node1 node register "${keys[@]}" --vram 1GB --backend cpu --tasks 0 --yes
must node1 node register --keypair "$tmp/owner1/wallet.json" --vram 1GB --backend cpu --model-id "$model" --tasks 0,1 \
    --yes --json >"$tmp/declared"
check "one document" [ "$(grep -c '^{' "$tmp/declared")" = 1 ]
check "two tasks" [ "$(must node1 node info --json | json 'len(d["declared"])')" = 2 ]
check "the endpoint stays" [ "$(must node1 node info --json | json 'd["endpoint"]')" = "127.0.0.1:$port" ]

# Not running: status says so, and what is on chain.
must node1 node status >"$tmp/status"
check "not running" grep -q '^running *no; `splitup-node start` starts it' "$tmp/status"
check "its entry" grep -q '^stake *5000 USDC free' "$tmp/status"
check "as JSON" [ "$(must node1 node status --json | json 'd["running"], len(d["entry"]["declared"])')" = "(False, 2)" ]
refuse 3 "no node runs here" as node1 node drain --url "$url"

net_port[node1]=$port
net_node_start 1
net_await 60 "its first line" net_json_ready node1
check "url and identity" [ "$(json 'd["url"], d["identity"]' < <(grep -m 1 '^{' "$tmp/node1.log"))" = "('http://127.0.0.1:$port', '${net_key[node1]}')" ]
net_await 60 "loaded" net_node_ready 1
net_await 60 "heard" net_online 1 1
must node1 node status >"$tmp/status"
check "running" grep -q "^running *ready at http://127.0.0.1:$port, process ${net_pid[node1]}" "$tmp/status"
check "two are ready" [ "$(grep -c '^task .*: ready$' "$tmp/status")" = 2 ]
check "as JSON" [ "$(must node1 node status --json | json 'd["running"], d["node"]["state"], len(d["node"]["tasks"]), d["entry"]["node"] == d["node"]["identity"]')" = "(True, 'ready', 2, True)" ]
refuse 16 "runs here already" as node1 node start --url "$url" --backend cpu
check "the suite is not run again" [ "$(wc -l <"$tmp/node1/conformance")" = 1 ]

# kill -9: the lock is gone with the process, and it starts again.
net_stop KILL node1
check "not running" [ "$(must node1 node status --json | json 'd["running"]')" = false ]
: >"$tmp/node1.log"
net_node_start 1
net_await 60 "again" net_node_ready 1

# SIGTERM: within two seconds and a status of 0, the oracle told.
since=$(date +%s%N)
kill -TERM "${net_pid[node1]}"
wait "${net_pid[node1]}"
status=$?
unset "net_pid[node1]"
check "status 0" [ $status = 0 ]
check "two seconds" [ $((($(date +%s%N) - since) / 1000000)) -lt 2500 ]
check "told" [ "$(net_status oracle1 'd["nodes"][0]["status"]')" = draining ]

# drain: nothing runs, so it ends at once.
: >"$tmp/node1.log"
net_node_start 1
net_await 60 "again" net_node_ready 1
must node1 node drain >/dev/null
net_await 60 "drained" net_gone node1

# The money out: tasks back and unlocking, then nothing to be done, then out.
must node1 node withdraw --keypair "$tmp/owner1/wallet.json" --yes >"$tmp/out"
check "no tasks" [ "$(must node1 node info --json | json 'd["declared"], d["stake_free"]')" = "([], '0')" ]
check "is said" grep -q '5000 USDC, to be taken out in' "$tmp/out"
net_slot_before=$(net_slot)
refuse 16 "unlocking" as node1 node withdraw "${keys[@]}" --yes
net_await 60 "the cooldown" eval '[ $(($(net_slot) - net_slot_before)) -gt 110 ]'
must node1 node withdraw --keypair "$tmp/owner1/wallet.json" --yes >"$tmp/out"
check "taken out" grep -q '^ *taken out *5000 USDC' "$tmp/out"
refuse 3 "nothing is left" as node1 node withdraw "${keys[@]}" --yes
refuse 4 "does not own" as node1 node withdraw --keypair "$tmp/admin/wallet.json" --url "$url" --yes

done_ok
