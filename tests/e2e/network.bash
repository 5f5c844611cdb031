# SPDX-License-Identifier: MIT
# Shared by the tests of whole networks: ledger, store, oracles and nodes as processes of this shell, each with a
# home of its own below $tmp, on free ports of this machine ($net_hub), gone when the test ends; a node is elsewhere
# where net_host and net_words say so. Names: oracle1..., node1...;
# node i is owned by owner((i - 1) % 3 + 1). Each process can be another program ($PROGRAM_<name>) or be told to
# misbehave ($FAULT_<name>, of the program in $SPLITUP_FAULTY).
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

declare -A net_pid=() net_port=() net_key=() net_stake_was=()
declare -A net_host=() net_words=() # by name: an address, and the words in front of a command there
net_hub=127.0.0.1
net_slot_ms=50
net_oracles=0
net_nodes=0

net_clean() {
    local name
    for name in "${!net_pid[@]}"; do
        kill -KILL "${net_pid[$name]}" 2>/dev/null && wait "${net_pid[$name]}" 2>/dev/null
    done
    if [ -n "${SPLITUP_TEST_KEEP:-}" ]; then
        printf 'kept: %s\n' "$tmp" >&2
    else
        rm -rf "$tmp"
    fi
}
trap net_clean EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# net_ports N: that many free ports, one a line, below those that the kernel gives to whoever connects.
net_ports() {
    python3 -c 'import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(10000, 32768)))
    except OSError:
        continue
    held.append(s)
    print(s.getsockname()[1])' "$1"
}

# as NAME COMMAND...: splitup at the home of NAME, for the cluster of this network.
as() {
    local name=$1
    shift
    mkdir -p "$tmp/$name"
    SPLITUP_HOME="$tmp/$name" HOME="$tmp/$name" XDG_CONFIG_HOME='' "$SPLITUP" "$@"
}

# must NAME COMMAND...: as, with --url; fails the test with what it said.
must() {
    local name=$1
    shift
    as "$name" "$@" --url "$url" >"$tmp/said" 2>"$tmp/err" || fail "$name: splitup $*: $(cat "$tmp/err")"
    cat "$tmp/said"
}

net_rpc() {
    curl -sS --max-time 30 -H 'Content-Type: application/json' \
        -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":${2:-[]}}" "$url"
}

net_slot() {
    net_rpc getSlot | json 'd["result"]'
}

# net_spawn NAME WORDS...: starts a process that stays; its output goes to $tmp/NAME.log.
net_spawn() {
    local name=$1 fault program=$SPLITUP
    shift
    fault="FAULT_$name"
    [ -z "${!fault:-}" ] || program=${SPLITUP_FAULTY:?no program that can misbehave was built}
    fault=${!fault:-}
    mkdir -p "$tmp/$name"
    # shellcheck disable=SC2086 # words
    SPLITUP_HOME="$tmp/$name" HOME="$tmp/$name" XDG_CONFIG_HOME='' SPLITUP_FAULT="$fault" \
        ${net_words[$name]:-} "$program" "$@" >>"$tmp/$name.log" 2>&1 </dev/null &
    net_pid[$name]=$!
}

# net_await SECONDS WHAT COMMAND...: until the command succeeds.
net_await() {
    local seconds=$1 what=$2 until
    shift 2
    until=$((SECONDS + seconds))
    until "$@"; do
        [ $SECONDS -lt $until ] || fail "$what: not after $seconds s: $(net_logs)"
        net_alive
        sleep 0.1
    done
}

net_logs() {
    tail -n 5 "$tmp"/*.log
}

# A process that should be running is not.
net_alive() {
    local name
    for name in "${!net_pid[@]}"; do
        kill -0 "${net_pid[$name]}" 2>/dev/null || fail "$name has ended: $(tail -n 20 "$tmp/$name.log")"
    done
}

# net_stop SIGNAL NAME: ends it and waits.
net_stop() {
    kill "-$1" "${net_pid[$2]}"
    wait "${net_pid[$2]}" 2>/dev/null
    unset "net_pid[$2]"
}

# net_gone NAME: has ended by itself; forgets it then.
net_gone() {
    kill -0 "${net_pid[$1]}" 2>/dev/null && return 1
    wait "${net_pid[$1]}" 2>/dev/null
    unset "net_pid[$1]"
}

net_json_ready() {
    grep -q '^{' "$tmp/$1.log" 2>/dev/null
}

# ---- setting up -------------------------------------------------------------------------------------------------

net_wallet() {
    [ -e "$tmp/$1/wallet.json" ] || must "$1" wallet new >/dev/null
    must "$1" wallet airdrop 100 --usdc "$2" --yes >/dev/null
}

net_ledger() {
    net_spawn devnet devnet --bind "$net_hub" --port 0 --slot-ms "$net_slot_ms" --json "$@"
    net_await 60 "the ledger" net_json_ready devnet
    url=$(grep -m 1 '^{' "$tmp/devnet.log" | json 'd["url"]')
    admin="$tmp/devnet/devnet/admin.json"
    [ -e "$admin" ] || fail "the ledger's admin.json is not in its folder"
}

net_oracle_port() {
    net_port[oracle$1]=$2
}

# net_oracles_make N: registered, bonded, in force.
net_oracles_make() {
    local i keys=() port
    net_oracles=$1
    for i in $(seq 1 "$1"); do
        read -r port
        net_port[oracle$i]=$port
        net_wallet "oracle$i" 2000
        must "oracle$i" oracle init --endpoint "$net_hub:$port" --yes --json >"$tmp/init"
        net_key[oracle$i]=$(as "oracle$i" wallet address --keypair "$tmp/oracle$i/oracle.json")
        keys+=("${net_key[oracle$i]}")
        net_airdrop "${net_key[oracle$i]}"
    done < <(net_ports "$1")
    net_wallet admin 1000
    net_airdrop "$(as admin wallet address --keypair "$admin")"
    must admin oracle admit "${keys[@]}" --alone --admin "$admin" --yes >/dev/null
}

net_airdrop() {
    net_rpc requestAirdrop "[\"$1\", 10000000000]" >/dev/null
}

# net_deploy MODEL ARGUMENTS...: registers it, serves its package; sets model.
net_deploy() {
    local port
    port=$(net_ports 1)
    net_port[store]=$port
    net_wallet deployer 1000
    must deployer deploy register "$@" --serve-url "http://$net_hub:$port" --yes --json >"$tmp/deployed"
    model=$(json 'd["preview"]["address"]' <"$tmp/deployed")
    net_spawn store store serve --dir "$tmp/deployer/blobs" --bind "$net_hub" --port "$port" --json
    net_await 60 "the store" net_json_ready store
}

# net_holder TASK FILE: the node that had that task in an answer.
net_holder() {
    local name key
    key=$(json "d['tasks'][$1]['node']" <"$2")
    for name in "${!net_key[@]}"; do
        [ "${net_key[$name]}" != "$key" ] || printf '%s' "$name"
    done
}

# net_nodes_make N [BACKEND]: registered, staked, every task of the model declared.
net_nodes_make() {
    local i owner port
    net_nodes=$1
    for i in 1 2 3; do
        net_wallet "owner$i" 100000
    done
    for i in $(seq 1 "$1"); do
        read -r port
        net_port[node$i]=$port
        owner="owner$(((i - 1) % 3 + 1))"
        must "node$i" node init >/dev/null
        net_key[node$i]=$(as "node$i" wallet address --keypair "$tmp/node$i/node.json")
        net_airdrop "${net_key[node$i]}"
        must "node$i" node register --keypair "$tmp/$owner/wallet.json" --endpoint "${net_host[node$i]:-$net_hub}:$port" \
            --vram 1GB --backend "${2:-cpu}" --yes >/dev/null
        must "$owner" stake deposit 10000 --node "${net_key[node$i]}" --yes >/dev/null
        must "node$i" node declare "$model" --keypair "$tmp/$owner/wallet.json" --yes >/dev/null
    done < <(net_ports "$1")
}

net_oracle_start() {
    net_spawn "oracle$1" oracle start --url "$url" --bind "$net_hub" --json
}

net_node_start() {
    net_spawn "node$1" node start --url "$url" --bind "${net_host[node$1]:-$net_hub}" --backend "${2:-cpu}" \
        --peer "http://$net_hub:${net_port[store]}" --json
}

# net_status NAME EXPRESSION: of what the process says of itself.
net_status() {
    curl -sS --max-time 5 "http://${net_host[$1]:-$net_hub}:${net_port[$1]}/api/status" 2>/dev/null | json "$2" 2>/dev/null
}

net_node_ready() {
    [ "$(net_status "node$1" 'd["state"]')" = ready ]
}

# net_online ORACLE N: that oracle takes N nodes for online.
net_online() {
    [ "$(net_status "oracle$1" 'sum(n["online"] for n in d["nodes"])')" = "$2" ]
}

# net_start ORACLES NODES MODEL ARGUMENTS...: everything, until all are ready.
net_start() {
    local i oracles=$1 nodes=$2
    shift 2
    net_ledger
    net_oracles_make "$oracles"
    net_deploy "$@"
    net_nodes_make "$nodes"
    net_wallet requestor 1000
    for i in $(seq 1 "$oracles"); do
        net_oracle_start "$i"
    done
    for i in $(seq 1 "$nodes"); do
        net_node_start "$i"
    done
    net_wait_ready
}

net_wait_ready() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        [ -z "${net_pid[node$i]:-}" ] || net_await 60 "node$i" net_node_ready "$i"
    done
    net_wait_heard
}

# Every oracle takes every node for online, whatever a node says of itself elsewhere.
net_wait_heard() {
    local i
    for i in $(seq 1 "$net_oracles"); do
        [ -z "${net_pid[oracle$i]:-}" ] || net_await 60 "oracle$i hears the nodes" net_online "$i" "$net_nodes"
    done
}

# ---- using it ---------------------------------------------------------------------------------------------------

# net_run FILE ARGUMENTS...: asks the model to run, as the requestor; its JSON goes to FILE. The status of the command.
net_run() {
    local out=$1
    shift
    as requestor run "$model" --url "$url" --yes --json "$@" >"$out" 2>"$out.err"
}

# Accounts of a kind that are open: 11 executions, 12 assignments, 13 checks, 14 reserves.
net_open() {
    local tag
    tag=$(python3 -c 'import sys
n = int(sys.argv[1]); d = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
print(d[n])' "$1")
    net_rpc getProgramAccounts "[\"$(net_program)\", {\"encoding\": \"base64\", \"dataSlice\": {\"offset\": 0, \"length\": 1},
        \"filters\": [{\"memcmp\": {\"offset\": 0, \"bytes\": \"$tag\"}}]}]" | json 'len(d["result"])'
}

net_program() {
    grep -m 1 '^{' "$tmp/devnet.log" | json 'd["program_id"]'
}

# Nothing of any execution is left.
net_settled() {
    local tag
    for tag in 11 12 13 14; do
        [ "$(net_open $tag)" = 0 ] || return 1
    done
}

# net_known: executions that some node has a part in, or took one over in, in one line.
net_known() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        net_status "node$i" "' '.join(x['execution'] for x in d['executions'] + d['takeovers'])"
    done | tr '\n' ' '
}

# net_working TASK STEPS KNOWN: says which node has run so many steps of the task, and not all, of an execution that
# is not among those; fails while there is none.
net_working() {
    local i new="x['execution'] not in '$3' and x['task'] == $1"
    for i in $(seq 1 "$net_nodes"); do
        while [ "$(net_status "node$i" "any($new and x['steps'] < x['max_steps'] for x in d['executions'])")" = true ]; do
            # Whoever has the task alone is asked until it is there: asking all takes so long that it would be past it.
            if [ "$(net_status "node$i" "any($new and x['steps'] >= $2 for x in d['executions'])")" = true ]; then
                echo "$i"
                return 0
            fi
        done
    done
    return 1
}

# ---- stakes -----------------------------------------------------------------------------------------------------

# net_stake NODE EXPRESSION: of `stake show` of that node, as d.
net_stake() {
    as requestor stake show --node "${net_key[$1]}" --url "$url" --json | json "$2"
}

# net_stake_whole NODE: what its owner has in it, free or reserved, in USDC.
net_stake_whole() {
    net_stake "$1" 'float(d["free"]) + float(d["reserved"])'
}

net_stakes_note() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        net_stake_was[node$i]=$(net_stake_whole "node$i")
    done
}

# net_stakes_same WHAT [NODE]: nobody but that node has less than what was noted, or more.
net_stakes_same() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        [ "node$i" = "${2:-}" ] ||
            check "$1: node$i keeps its stake" [ "$(net_stake_whole "node$i")" = "${net_stake_was[node$i]}" ]
    done
}

# net_stake_less NODE: than what was noted.
net_stake_less() {
    python3 -c 'import sys; sys.exit(not float(sys.argv[1]) < float(sys.argv[2]))' "$(net_stake_whole "$1")" \
        "${net_stake_was[$1]}"
}

# net_stakes_whole WHAT: all is as it was deposited, and free again.
net_stakes_whole() {
    local i
    for i in $(seq 1 "$net_nodes"); do
        check "$1: node$i lost nothing" [ "$(net_stake "node$i" 'd["free"], d["reserved"]')" = "('10000', '0')" ]
    done
}
