#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The terminal app: printed panes, a pseudo terminal without a chain, and a person's way through a demo network in tmux.
. "$(dirname "$0")/lib.bash"
export HOME="$tmp/user" TMPDIR="$tmp/t" TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME LINES COLUMNS NO_COLOR
mkdir -p "$HOME" "$TMPDIR"
pty="$(dirname "$0")/tui_pty.py"

refuse 2 "nothing models" "$SPLITUP" ui nothing
"$SPLITUP" ui </dev/null >"$tmp/out" 2>"$tmp/err" && fail "runs without a terminal"
check "names the verb to use" grep -q -- "--once" "$tmp/err"
"$SPLITUP" ui --once --url http://127.0.0.1:1 >"$tmp/out" 2>"$tmp/err" && fail "prints without a chain"
check "nothing on stdout then" [ ! -s "$tmp/out" ]
for what in ${TUI_ONLY-idle latency storm leaving terms}; do
    check "$what" timeout 200 python3 "$pty" "$SPLITUP" "$what"
done

if ! command -v tmux >/dev/null; then
    echo "tmux is not here: the way through a network is left out"
    echo "$checks checks"
    exit 0
fi

# ---- a demo network ------------------------------------------------------------------------------
t() { tmux -L "tui$$" -f /dev/null "$@"; }
clean() {
    t kill-server 2>/dev/null
    sleep 1
    rm -rf "$tmp"
}
trap clean EXIT
screen() { t capture-pane -p -t s; }
# sees TEXT [SECONDS]: until the screen has it.
sees() {
    local i
    for ((i = 0; i < ${2:-20} * 10; i++)); do
        screen | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    screen >&2
    return 1
}
keys() {
    t send-keys -t s "$@"
    sleep 0.4
}
# agree: reads the preview that is there and signs it; the rest are keys for what is to be typed.
agree() {
    check "preview" sees "Sign and send"
    sleep 0.5
    if [ $# -gt 0 ]; then
        keys Tab Tab "$1" Enter
        keys Enter
    else
        keys Tab Enter
    fi
    check "receipt" sees "Done:" 60
    keys Enter
}

t new-session -d -s s -x 80 -y 24 "env LC_ALL=C.UTF-8 TERM=tmux-256color '$SPLITUP' demo --seed 7 2>$tmp/demo.err; sleep 5"
check "the app over the demo" sees "[1 Models]" 120
check "a model" sees "mnist" 30
url=http://$(screen | grep -oE '127\.0\.0\.1:[0-9]+' | head -1)
home=$(echo "$TMPDIR"/splitup-demo-*)
as_owner() { SPLITUP_HOME=$home/node-1 "$SPLITUP" "$@" --url "$url" --keypair "$home/owner-a/wallet.json"; }

keys 3
check "the wallet's money" sees "1,000.000000"
free=$(as_owner stake show --json | json 'float(d["free"])')
keys S
keys 100 Enter
agree
check "100 USDC more" [ "$(as_owner stake show --json | json "float(d['free']) - $free")" = 100.0 ]

keys U
keys 40 Enter
agree 40
as_owner stake show --json >"$tmp/stake"
check "40 USDC unlock" [ "$(json 'sum(float(t["amount"]) for t in d["unlocking"])' <"$tmp/stake")" = 40.0 ]
keys +
check "the ticket" sees "ticket 0"

# A seven, drawn with keys.
keys 6
t send-keys -t s j j j j j l l l l l l Space l l l l l l l l l l l l
for _ in 1 2 3 4 5 6 7 8; do t send-keys -t s j j h; done
keys Space e
keys Enter Enter Enter
agree
check "an answer" sees "a 7 (" 60
check "that is final" sees "final:" 60
keys 2
check "the execution" sees "paid" 30
keys +
check "its tasks" sees "task 2"
keys 4
check "heartbeats" sees "|||"
keys 5
check "the draw" sees "tasks (rate in force 8%)"
as_owner ui tasks --once --json >"$tmp/tasks" || fail "ui --once"
check "printed" [ "$(json 'd["pane"]' <"$tmp/tasks")" = tasks ]
check "stake printed" [ "$(as_owner ui stake --json | json '[r for r in d["rows"] if not r["child"]][0]["unlocking"]')" = 40.000000 ]
check "models as text" grep -q mnist <(as_owner ui models --once)
check "beats as lines" [ "$(as_owner ui beats --tsv | wc -l)" = 4 ]
t resize-window -t s -x 160 -y 48
check "grows" sees "log (7)"
keys q
for ((i = 0; i < 150; i++)); do
    [ -e "$home" ] || break
    sleep 0.1
done
check "everything is gone" [ ! -e "$home" ]
echo "$checks checks"
