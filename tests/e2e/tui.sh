#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The terminal app: printed panes, pseudo terminals on a chain that never answers, and a person's way through a demo network in tmux, at 80x24 and, with SU_TEST_FULL=1, at 160x48 too.
. "$(dirname "$0")/lib.bash"
export HOME="$tmp/user" TMPDIR="$tmp/t" TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME LINES COLUMNS NO_COLOR
mkdir -p "$HOME" "$TMPDIR"
pty="$(dirname "$0")/tui_pty.py"
tmux=$(command -v tmux)
helpers=()

refuse 2 "nothing models" "$SPLITUP" ui nothing
"$SPLITUP" ui </dev/null >"$tmp/out" 2>"$tmp/err" && fail "runs without a terminal"
check "names the verb to use" grep -q -- "--once" "$tmp/err"
"$SPLITUP" ui --once --url http://127.0.0.1:1 >"$tmp/out" 2>"$tmp/err" && fail "prints without a chain"
check "nothing on stdout then" [ ! -s "$tmp/out" ]

t() { tmux -L "tui$$" -f /dev/null "$@"; }
clean() {
    local pid
    for pid in "${helpers[@]}"; do kill "$pid" 2>/dev/null; done
    [ -z "$tmux" ] || { t kill-server; tmux -L "outer$$" kill-server; } 2>/dev/null
    sleep 1
    rm -rf "$tmp"
}
trap clean EXIT
# begin SESSION WIDTH HEIGHT COMMAND: in a terminal of that size.
begin() {
    t new-session -d -s "$1" -x "$2" -y "$3" "env LC_ALL=C.UTF-8 TERM=tmux-256color SPLITUP_HOME=$SPLITUP_HOME $4"
}
[ -z "$tmux" ] || begin demo 80 24 "'$SPLITUP' demo --seed 7 --sampling 100 2>$tmp/demo.err; sleep 5"

# ---- pseudo terminals: while the network starts, which mostly waits --------------------------------
for what in ${TUI_ONLY-storm idle leaving terms}; do
    SPLITUP_HOME=$tmp/home-$what timeout 200 python3 "$pty" "$SPLITUP" "$what" >"$tmp/pty-$what" 2>&1 &
    helpers+=($!)
done
pty_done() {
    local i=0 what
    for what in ${TUI_ONLY-storm idle leaving terms}; do
        check "$what: $(cat "$tmp/pty-$what")" wait "${helpers[i]}"
        cat "$tmp/pty-$what"
        i=$((i + 1))
    done
    helpers=()
}
if [ -z "$tmux" ]; then
    pty_done
    check "latency" timeout 100 python3 "$pty" "$SPLITUP" latency
    echo "tmux is not here: the way through a network is left out"
    done_ok
    exit 0
fi

# ---- a demo network ------------------------------------------------------------------------------
now=demo
screen() { t capture-pane -p -t "$now"; }
# sees TEXT [SECONDS]: until the screen has it.
sees() {
    local i
    for ((i = 0; i < ${2:-60} * 20; i++)); do
        screen | grep -qF -- "$1" && return 0
        sleep 0.05
    done
    screen >&2
    return 1
}
# Keys one after the other, as a person's: the app ignores those that come before it asked.
keys() {
    t send-keys -t "$now" "$@"
    sleep 0.1
}
# agree [TYPED]: reads the preview that is there and signs it, typing what it wants typed.
agree() {
    check "preview" sees "Sign and send"
    sleep 0.45
    [ $# -eq 0 ] || keys Tab Tab "$1" Enter
    [ $# -gt 0 ] || keys Tab
    keys Enter
    check "receipt" sees "Done:"
    keys Enter
}

check "the app over the demo" sees "[1 Models]" 120
check "a model" sees "mnist"
url=http://$(screen | grep -oE '127\.0\.0\.1:[0-9]+' | head -1)
home=$(echo "$TMPDIR"/splitup-demo-*)
export SPLITUP_HOME="$home/node-1"
as_owner() { "$SPLITUP" "$@" --url "$url" --keypair "$home/owner-a/wallet.json"; }
t resize-window -t demo -x 160 -y 48
check "grows" sees "log (7)"
t resize-window -t demo -x 40 -y 10
check "shrinks" sees "needs 60x16"
t resize-window -t demo -x 80 -y 24

# The owner's key, sealed as an operator would have it.
printf 'open sesame\n' >"$tmp/phrase"
"$SPLITUP" wallet import "$home/owner-a/wallet.json" -k "$tmp/sealed.json" --seal --passphrase-file "$tmp/phrase" >"$tmp/out" || fail "sealing"

# What the ledger says of the owner's stake and money, in millionths.
ledger() {
    as_owner stake show --json >"$tmp/stake"
    as_owner wallet balance --json >"$tmp/balance"
    python3 - "$tmp/stake" "$tmp/balance" <<'PYTHON'
import json, sys
from decimal import Decimal
stake, wallet = (json.load(open(f)) for f in sys.argv[1:3])
print(*(int(Decimal(x) * 1000000) for x in (stake["free"], sum(Decimal(t["amount"]) for t in stake["unlocking"]), wallet["usdc"])))
PYTHON
}

# A person's way: unlock, stake, run a drawn digit, see it computed and checked, take stake out.
way() { # WIDTH HEIGHT
    local before after _
    now=at$1
    before=($(ledger))
    begin "$now" "$1" "$2" "'$SPLITUP' ui stake --url $url --keypair $tmp/sealed.json 2>$tmp/$now.err; echo status \$?; sleep 60"
    check "locked" sees "wallet LOCKED"
    check "the chain" sees "ACTIVE"
    keys S
    check "says why not" sees "Wallet is locked: F2, then u"
    keys W
    check "wallet" sees "Nothing on this page spends"
    keys u
    check "asks" sees "never echoed"
    keys "not this" Enter
    check "asks again" sees "wrong"
    keys "open sesame" Enter
    check "opened" sees "Open:"
    screen | grep -q "sesame" && fail "the passphrase is shown"
    keys Enter
    check "unlocked" sees "UNLOCKED"
    check "the wallet's money" sees "Staked free"

    # Typed ahead, and pasted: nothing is signed by what was not asked for.
    t send-keys -t "$now" S 5 Enter Tab Enter Tab Enter Enter
    sleep 1
    keys Escape
    keys Escape
    keys Escape
    t set-buffer -b bomb $'S7\n\t\n\t\n'
    t paste-buffer -p -b bomb -t "$now"
    sleep 0.3
    keys Escape
    check "nothing was done" [ "$(ledger)" = "${before[*]}" ]

    keys S
    check "a form" sees "Add stake"
    keys 100 Enter
    agree
    after=($(ledger))
    check "100 USDC more at stake" [ $((after[0] - before[0])) = 100000000 ]
    check "100 USDC less in the wallet" [ $((before[2] - after[2])) = 100000000 ]

    # A seven, drawn with keys.
    keys 6
    check "canvas" sees "draw a digit"
    t send-keys -t "$now" j j j j j l l l l l l Space l l l l l l l l l l l l
    for _ in 1 2 3 4 5 6 7 8; do t send-keys -t "$now" j j h; done
    keys Space e
    check "a form" sees "Run a model"
    keys Enter Enter
    agree
    check "an answer" sees "a 7 ("
    check "that is final" sees "final"
    keys 2
    check "the execution" sees "paid"
    check "mine" sees "mine"
    keys + j
    check "its tasks" sees "task 2"
    keys 5
    check "it was checked" sees "match"
    check "the draw" sees "sampled 100.00% of"
    keys Enter
    check "by somebody else" sees "validator"
    keys Escape 4
    check "heartbeats" sees "|||"
    keys 7
    check "the log" sees "landed"
    keys ":request show " Tab
    check "whose it could be" sees "mnist "
    check "its address" grep -qE ':\[request show [1-9A-HJ-NP-Za-km-z]{40,44} ' <(screen)
    keys Escape

    # What is declared already has not to be signed again.
    keys 1 g d
    check "a form" sees "Declare tasks"
    keys Enter
    check "a preview of nothing" sees "nothing is signed"
    sleep 0.45
    keys Tab Enter
    check "says so" sees "Nothing was left to do"
    keys Enter

    # Out again: what cannot be taken back wants the amount typed.
    keys 3 U
    check "a form" sees "Unstake"
    keys 40 Enter
    check "preview" sees "To go on, type 40"
    sleep 0.45
    keys Tab Tab 41 Enter Enter
    check "not for another amount" sees "Sign and send"
    keys BSpace BSpace
    agree_typed 40
    after=($(ledger))
    check "60 USDC more at stake" [ $((after[0] - before[0])) = 60000000 ]
    check "40 USDC unlock" [ $((after[1] - before[1])) = 40000000 ]
    check "it has tickets" sees ">+"
    keys +
    check "the ticket" sees "ticket"
    keys :lock Enter
    check "locked again" sees "wallet LOCKED"
    keys q
    check "ends well" sees "status 0"
}
# The typed preview is up already and its field has the focus.
agree_typed() {
    keys "$1" Enter
    keys Enter
    check "receipt" sees "Done:"
    keys Enter
}

way 80 24
full && way 160 48

# ---- copying ----------------------------------------------------------------------------------------
# y puts a row's key on the clipboard where that is allowed: into tmux itself, and through it to the
# terminal outside, which here is a second tmux.
outer() { tmux -L "outer$$" -f /dev/null "$@"; }
buffer_is() { # TMUX TEXT: within ten seconds
    local i
    for ((i = 0; i < 200; i++)); do
        [ "$("$1" show-buffer 2>/dev/null)" = "$2" ] && return 0
        sleep 0.05
    done
    "$1" show-buffer >&2
    return 1
}
# copies KEY: of the row that has it; a node that is late for a moment stands elsewhere.
copies() {
    keys /
    t send-keys -t "$now" -l "$1"
    keys Enter y
}
now=copy
key=$(as_owner ui beats --once --json | json 'd["rows"][0]["node"]')
before_home=$SPLITUP_HOME
export SPLITUP_HOME=$tmp/home-copy
mkdir -p "$SPLITUP_HOME"
begin copy 80 24 "'$SPLITUP' ui beats --url $url 2>$tmp/copy.err; sleep 5"
check "beats" sees "|||"
t set-option -g set-clipboard on
copies "$key"
check "says how it would be allowed" sees "ui.osc52 = yes in ui.conf"
check "nothing is copied unless allowed" [ -z "$(t show-buffer 2>/dev/null | grep -v bomb | grep -F "$key")" ]
keys q
echo "ui.osc52 = yes" >"$SPLITUP_HOME/ui.conf"
outer new-session -d -s outer -x 80 -y 26 "sleep 600"
outer set-option -g set-clipboard on
begin copied 80 24 "'$SPLITUP' ui beats --url $url 2>$tmp/copied.err; sleep 5"
now=copied
check "beats" sees "|||"
copies "$key"
check "says so" sees "copied"
check "tmux has it" buffer_is t "$key"
t set-option -g set-clipboard off
t set-option -g allow-passthrough on
outer respawn-pane -k -t outer "env -u TMUX LC_ALL=C.UTF-8 TERM=tmux-256color tmux -L tui$$ attach -t copied"
sleep 1
key=$(as_owner ui beats --once --json | json '[r["node"] for r in d["rows"] if r["node"] != "'"$key"'"][0]')
copies "$key"
check "the terminal outside has it" buffer_is outer "$key"
outer kill-server
keys q
export SPLITUP_HOME=$before_home

# ---- the same on paper -------------------------------------------------------------------------------
rows() { as_owner ui "$1" --once --json >"$tmp/rows" || fail "ui $1 --once"; }
runs=1
full && runs=2
rows models
check "models printed" [ "$(json '[(r["name"], r["tasks"]) for r in d["rows"] if not r["child"]]' <"$tmp/rows")" = "[('mnist', 3)]" ]
rows tasks
check "tasks printed" [ "$(json 'sorted(r["state"] for r in d["rows"] if not r["child"])' <"$tmp/rows")" = "$(python3 -c "print(['paid'] * $runs)")" ]
rows samples
check "samples printed" [ "$(json '[r["result"] for r in d["rows"]]' <"$tmp/rows")" = "$(python3 -c "print(['match'] * 3 * $runs)")" ]
check "nobody checks its own owner's" [ "$(json 'any(r["asserter"] == r["validator"] for r in d["rows"])' <"$tmp/rows")" = false ]
rows beats
check "beats printed" [ "$(json 'len(d["rows"]), all(r["state"] in ("ok", "late") and "1" in r["beats"] for r in d["rows"])' <"$tmp/rows")" = "(3, True)" ]
rows stake
after=($(ledger))
check "stake printed" [ "$(json '[(round(float(r["free"]) * 1e6), round(float(r["unlocking"]) * 1e6)) for r in d["rows"] if not r["child"]]' <"$tmp/rows")" = "[(${after[0]}, ${after[1]})]" ]
check "models as text" grep -q mnist <(as_owner ui models --once)
check "beats as lines" [ "$(as_owner ui beats --tsv | wc -l)" = 4 ]

if full; then
    # The first ticket is due by now.
    now=out
    before=($(ledger))
    begin out 80 24 "'$SPLITUP' ui stake --url $url --keypair $home/owner-a/wallet.json 2>$tmp/out.err; sleep 5"
    check "it has tickets" sees ">+"
    keys +
    check "due" sees "due" 90
    keys T
    check "a form" sees "Take out"
    keys Enter
    agree
    after=($(ledger))
    check "it is back in the wallet" [ $((after[2] - before[2])) -ge 40000000 ]
    keys q
    check "idle on a network" timeout 100 python3 "$pty" "$SPLITUP" idle "$url"
fi

pty_done
[ -n "${TUI_ONLY+x}" ] || check "latency" timeout 100 python3 "$pty" "$SPLITUP" latency
now=demo
keys q
for ((i = 0; i < 300; i++)); do
    [ -e "$home" ] || break
    sleep 0.1
done
check "everything is gone" [ ! -e "$home" ]
done_ok
