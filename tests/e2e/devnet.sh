#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# splitup devnet: ready line, restart, crash, reset, ports, signals.
. "$(dirname "$0")/devnet.bash"
devnet_start
genesis=$(json 'd["genesis_hash"]' <<<"$ready")
mint=$(json 'd["usdc_mint"]' <<<"$ready")
check "its folder" [ "$(json 'd["ledger"]' <<<"$ready")" = "$SPLITUP_HOME/devnet" ]
check "genesis" [ "$(call getGenesisHash | json 'd["result"]')" = "$genesis" ]
check "program" [ "$(call splitup_info | json 'd["result"]["programId"]')" = \
    "$(json 'd["program_id"]' <<<"$ready")" ]
key=$(json 'd["faucet"]' <<<"$ready")
before=$(call getBalance "[\"$key\"]" | json 'd["result"]["value"]')
signature=$(call requestAirdrop "[\"$mint\", 1000000000]" | json 'd["result"]')
check "airdrop" [ ${#signature} -gt 80 ]
refuse 16 "open" "$SPLITUP" devnet --port 0
port=${url##*:}
refuse 16 "port" "$SPLITUP" devnet --port "$port" --ledger "$tmp/other"
devnet_stop TERM
devnet_start
check "same chain" [ "$(call getGenesisHash | json 'd["result"]')" = "$genesis" ]
check "kept" [ "$(call getBalance "[\"$key\"]" | json 'd["result"]["value"]')" = \
    $((before - 1000005000)) ]
{ kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
devnet_start
check "after kill -9" [ "$(call getBalance "[\"$key\"]" | json 'd["result"]["value"]')" = \
    $((before - 1000005000)) ]
check "its transaction" [ "$(call getTransaction "[\"$signature\"]" |
    json 'd["result"]["meta"]["fee"]')" = 5000 ]
devnet_stop INT
devnet_start --reset --slot-ms 50
check "another chain" [ "$(call getGenesisHash | json 'd["result"]')" != "$genesis" ]
check "slot length" [ "$(call splitup_info | json 'd["result"]["msPerSlot"]')" = 50 ]
devnet_stop TERM
"$SPLITUP" devnet --port 0 --ledger "$tmp/text" >"$tmp/out" 2>"$tmp/log" &
pid=$!
for _ in $(seq 300); do
    grep -q 'Ctrl-C' "$tmp/out" && break
    sleep 0.1
done
check "text" grep -qE '^RPC +http://127.0.0.1:[0-9]+$' "$tmp/out"
devnet_stop INT
refuse 2 "address" "$SPLITUP" devnet --bind example --port 0 --ledger "$tmp/text"
refuse 8 "slot-ms" "$SPLITUP" devnet --slot-ms 4
refuse 8 "port" "$SPLITUP" devnet --port 65535
printf 'no database, but longer than a header of one would be' >"$tmp/text/ledger.db"
refuse 7 "" "$SPLITUP" devnet --port 0 --ledger "$tmp/text"
devnet_start --reset --ledger "$tmp/text"
devnet_stop TERM
done_ok
