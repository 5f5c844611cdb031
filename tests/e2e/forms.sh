#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A first start, by hand in tmux: a wallet is made, a cluster chosen, test money asked for, this machine registered, named and staked on, a transaction read before it is signed, a model deployed and declared, the node withdrawn, the wallet's key exported and its file deleted.
. "$(dirname "$0")/devnet.bash"
. "$(dirname "$0")/hub.bash"
export HOME="$tmp/user" TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME LINES COLUMNS NO_COLOR
mkdir -p "$HOME"
if ! command -v tmux >/dev/null; then
    echo "tmux is not here: nothing is tested"
    exit 0
fi
t() { tmux -L "forms$$" -f /dev/null "$@"; }
clean() {
    t kill-server 2>/dev/null
    hub_stop
    devnet_clean
}
trap clean EXIT
screen() { t capture-pane -p -t s; }
# sees TEXT [SECONDS]: until the screen has it.
sees() {
    local i
    for ((i = 0; i < ${2:-60} * 10; i++)); do
        screen | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    screen >&2
    return 1
}
keys() { t send-keys -t s "$@"; }
# field TEXT: into the field in focus, and on.
field() { keys "$1" Enter; }
# agree [TEXT]: reads the preview that is there and goes on, TEXT being typed where that is asked for.
agree() {
    check "preview of $did" sees "[ Cancel ]   ["
    sleep 0.6
    if [ $# -gt 0 ]; then
        keys Tab Tab "$1" Enter
        sleep 0.3
        keys Enter
    else
        keys Tab Enter
    fi
}
# done_with TEXT: the receipt, and away with it.
done_with() {
    check "receipt of $did" sees "$1"
    keys Enter
    sleep 0.3
}
as_owner() { "$SPLITUP" "$@" --url "$url"; }

mkdir "$tmp/repos"
python3 "$SU_SOURCE_DIR/tests/data/make_toy_hf.py" "$tmp/repos/plain" llama || fail "toy"
hub_start

devnet_start --slot-ms 100 --cooldown-ms 1000
t new-session -d -s s -x 80 -y 24 "env LC_ALL=C.UTF-8 TERM=tmux-256color '$SPLITUP'; echo left with \$?; sleep 60"
check "the offers" sees "Welcome to SplitUp"
did="a wallet"
keys n
check "a form" sees "Make a key file"
field "three words here"
field "three words here"
agree
done_with "Written. The address is"
check "back at the offers" sees "The wallet is"
check "sealed" [ "$(stat -c %a "$SPLITUP_HOME/wallet.json")" = 600 ]
check "locked" sees "wallet LOCKED"
keys w
check "which cluster" sees "cluster or URL"
keys C-u
field "$url"
check "an empty cluster" sees "No models are registered"

did="test money"
keys W u
check "a passphrase is asked for" sees "Unlock wallet"
field "three words here"
done_with "Open: "
check "unlocked" sees "wallet UNLOCKED"
keys W a
check "a form" sees "Test money"
field 5
field 9000
agree
done_with "has landed"
keys 3
check "the money" sees "9,000.000000"

did="the node"
keys e
check "a form" sees "Register or update this machine's node"
field 127.0.0.1:7701
field 1GB
agree
done_with "Done: register node"
node=$(as_owner node info --json | json 'd["node"]')
check "registered" [ "$(as_owner node info --json | json 'd["endpoint"], d["vram_bytes"]')" = "('127.0.0.1:7701', 1073741824)" ]
check "the app knows it" sees "${node:0:4}"

did="stake"
keys S
check "a form" sees "Add stake"
field 2000
check "preview of $did" sees "[ Cancel ]   ["
sleep 0.6
keys d
check "the raw transaction" sees "SplitUp: stake_deposit"
check "its size" sees "of at most 1232 bytes"
keys G
check "its bytes" sees "all bytes"
keys Enter Escape
sleep 0.3
agree
done_with "Done: deposit stake"

did="a name"
keys 4 b
check "the address in full" sees "label $node"
field my-gpu
check "named" sees "'my-gpu'"
check "kept" [ "$(stat -c %a "$SPLITUP_HOME/labels")" = 600 ]
check "by address" grep -qx "$node my-gpu" "$SPLITUP_HOME/labels"

did="the model"
keys 1 a
check "a form" sees "Deploy a model"
keys "$SU_SOURCE_DIR/models/mni" Tab
check "the path is completed" sees "models/mnist/"
keys Enter
field 300KB
keys Enter Enter
field by-hand
keys Enter
agree
done_with "Done: register model"
check "deployed" [ "$(as_owner deploy list --json | json 'len(d["models"]) if isinstance(d, dict) else len(d)')" = 1 ]
check "in the list" sees "by-hand"

did="a model from elsewhere"
keys a
check "a form" sees "Deploy a model"
field hf://org/trickle
field 3MB
keys Enter Enter
field trickle
keys Enter
check "how far it is" sees "model.safetensors: "
check "how long it takes" sees " left"
keys Escape
check "it ends" sees "Cancelled"
keys a
check "a form" sees "Deploy a model"
field hf://org/plain
field 3MB
keys Enter Enter
field from-there
keys Enter
agree
done_with "Done: register model"
check "deployed from there" sees "from-there"

did="declarations"
keys "/by-hand" Enter
keys d
check "a form" sees "Declare tasks"
keys Enter
agree
done_with "Done: declare tasks"
check "declared" [ "$(as_owner node info --json | json 'len(d["declared"]) > 0')" = true ]

did="the withdrawal"
keys 4
check "the node" sees "(this machine's node)"
keys X
agree "${node: -4}"
done_with "Done: withdraw the node"
check "nothing is declared" [ "$(as_owner node info --json | json 'len(d["declared"])')" = 0 ]
check "the stake unlocks" [ "$(as_owner stake show --json | json 'sum(float(t["amount"]) for t in d["unlocking"])')" = 2000.0 ]

# The last file of a key that owns something stays; with a copy it goes.
did="the copy"
owner=$(as_owner node info --json | json 'd["owner"]')
keys W D
check "a form" sees "Delete a key file"
keys Enter
check "its passphrase" sees "Unlock wallet"
field "three words here"
check "refused" sees "its key owns"
keys Escape
sleep 0.3
keys W e
check "a form" sees "Export the secret key"
field "$tmp/copy.json"
keys Enter Enter
agree "${owner: -4}"
check "its passphrase" sees "Unlock wallet"
field "three words here"
done_with "Written to"
check "a copy" [ "$(stat -c %a "$tmp/copy.json")" = 600 ]
did="the deletion"
keys W D
check "a form" sees "Delete a key file"
field "$tmp/copy.json"
check "its passphrase" sees "Unlock wallet"
field "three words here"
agree "${owner: -4}"
done_with "Deleted: "
check "gone" [ ! -e "$SPLITUP_HOME/wallet.json" ]
check "no wallet" sees "wallet NONE"

# Another command on the plain screen, and keys that are not lost.
keys ":doctor --help" Enter
check "help of doctor" sees "Enter goes back to the app"
keys Enter
check "back" sees "[4 Beats]"
keys W e
check "export asks where" sees "Export the secret key"
keys x Escape
check "typed text is not lost" sees "Esc again leaves"
keys Escape
sleep 0.3
keys q
check "left" sees "left with 0"
t kill-server
devnet_stop TERM
done_ok
