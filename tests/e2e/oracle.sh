#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The commands of an oracle: init, admit, start, status; what is refused; how fast it ends, that kill -9 in the middle of
# executions costs nothing, and that two of three are enough.
. "$(dirname "$0")/network.bash"
digits=$SU_SOURCE_DIR/models/mnist/digits-images-idx3-ubyte

net_ledger
ports=($(net_ports 3))

# Its keys and its entry.
refuse 3 "oracle.json init" as oracle1 oracle start --url "$url"
refuse 2 "HOST:PORT" as oracle1 oracle init --endpoint nowhere --url "$url" --yes
net_wallet oracle1 5
as oracle1 oracle init --endpoint "127.0.0.1:${ports[0]}" --url "$url" --yes >"$tmp/out" 2>"$tmp/err"
check "no money for the bond" [ $? != 0 ]
check "which is said" grep -q 'less than the bond of 1000 USDC' "$tmp/err"
keys=()
for i in 1 2 3; do
    [ -e "$tmp/oracle$i/wallet.json" ] || must "oracle$i" wallet new >/dev/null
    must "oracle$i" oracle init --airdrop --endpoint "127.0.0.1:${ports[i - 1]}" --yes --json >"$tmp/init$i"
    check "one document" [ "$(grep -c '^{' "$tmp/init$i")" = 1 ]
    net_port[oracle$i]=${ports[i - 1]}
    net_key[oracle$i]=$(as "oracle$i" wallet address --keypair "$tmp/oracle$i/oracle.json")
    keys+=("${net_key[oracle$i]}")
    for file in oracle.json oracle.vrf; do
        check "only for its owner" [ "$(stat -c %a "$tmp/oracle$i/$file")" = 600 ]
    done
done
cp "$tmp/oracle1/oracle.vrf" "$tmp/vrf"
check "nothing left to do" [ "$(must oracle1 oracle init --yes --json | json 'd["transactions"]')" = 0 ]
check "the same seed" cmp -s "$tmp/vrf" "$tmp/oracle1/oracle.vrf"
refuse 4 "endpoint" as oracle1 oracle init --endpoint 127.0.0.1:1 --url "$url" --yes

# The epoch.
net_wallet admin 10
refuse 2 "--admin" as admin oracle admit "${keys[0]}" --url "$url" --yes
refuse 4 "administrator" as admin oracle admit "${keys[0]}" --admin "$tmp/oracle1/oracle.json" --url "$url" --yes
must admin oracle admit "${keys[@]}" --admin "$admin" --yes >/dev/null
check "they are in" [ "$(must admin oracle admit "${keys[@]}" --admin "$admin" --yes --json |
    json 'd["transactions"]')" = 0 ]

# Running.
net_oracles=3
refuse 3 "HOST:PORT" as oracle1 oracle status
for i in 1 2 3; do
    net_oracle_start $i
    net_await 60 "oracle$i" net_json_ready "oracle$i"
done
check "key and place" [ "$(head -n 1 "$tmp/oracle1.log" | json 'd["key"], d["url"]')" = \
    "('${keys[0]}', 'http://127.0.0.1:${ports[0]}')" ]
refuse 16 "runs this oracle" as oracle1 oracle start --url "$url"
check "its status" [ "$(as oracle1 oracle status --json | json 'd["state"], d["epoch"], len(d["oracles"])')" = \
    "('serving', 1, 2)" ]
check "another's status" grep -q "^oracle *${keys[1]}" <(as admin oracle status "127.0.0.1:${ports[1]}")

# A network, and oracles that go and come back.
net_deploy mnist --target-vram 300KB
net_nodes_make 3
net_wallet requestor 1000
for i in 1 2 3; do
    net_node_start $i
done
net_wait_ready
check "a digit" net_run "$tmp/run" --input "$digits" --index 0
check "final" [ "$(tail -n 1 "$tmp/run" | json 'd["final"]')" = true ]
for i in 1 2 3; do
    net_run "$tmp/run" --input "$digits" --index "$i" &
    asked=$!
    sleep "0.$((RANDOM % 9))"
    net_stop KILL "oracle$i"
    sleep 0.5
    rm -f "$tmp/oracle$i.log"
    net_oracle_start "$i"
    wait "$asked" || fail "a digit while oracle$i was killed: $(cat "$tmp/run.err")"
    check "final" [ "$(tail -n 1 "$tmp/run" | json 'd["final"]')" = true ]
    net_await 60 "oracle$i after kill -9" net_online "$i" 3
done

# The end.
begun=$(date +%s%N)
net_stop TERM oracle3
check "ends soon" [ $((($(date +%s%N) - begun) / 1000000)) -lt 10000 ]
check "two of three are enough" net_run "$tmp/run" --input "$digits" --index 3
check "final" [ "$(tail -n 1 "$tmp/run" | json 'd["final"]')" = true ]
net_await 60 "everything closed" net_settled
net_forgotten() {
    [ "$(find "$tmp/oracle1/oracle" "$tmp/oracle2/oracle" -name input | wc -l)" = 0 ]
}
net_await 60 "inputs are kept no longer" net_forgotten
done_ok
