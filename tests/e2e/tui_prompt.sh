#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prompts typed into the app over a demo network of a language model: the tokens of a local run, streamed, checked, paid.
. "$(dirname "$0")/lib.bash"
if ! command -v tmux >/dev/null; then
    echo "tmux is not here"
    exit 0
fi
user=$HOME
export HOME="$tmp/user" TMPDIR="$tmp/t" TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME LINES COLUMNS NO_COLOR CI
mkdir -p "$HOME" "$TMPDIR"
dir=$(HOME=$user python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") || fail "no SmolLM2"
model=$dir/SmolLM2-135M-Instruct.Q4_1.gguf
prompt="The capital of France is"

t() { tmux -L "prompt$$" -f /dev/null "$@"; }
clean() {
    t kill-server 2>/dev/null
    sleep 1
    rm -rf "$tmp"
}
trap clean EXIT
screen() { t capture-pane -p -t app:0; }
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
    t send-keys -t app:0 "$@"
    sleep 0.3
}
# agree: reads the preview to its end and signs it.
agree() {
    check "preview" sees "Sign and send" 60
    sleep 0.5
    screen | grep -q "PgDn" && keys PageDown && keys PageDown
    keys Tab Enter
    check "receipt" sees "Done:" 60
    keys Enter
}

"$SPLITUP" run "$model" --ctx 256 --json --prompt "$prompt" --max-tokens 16 >"$tmp/local" || fail "a local run"
t new-session -d -s app -x 80 -y 24 "env LC_ALL=C.UTF-8 TERM=tmux-256color '$SPLITUP' demo --model '$model' --prompt '$prompt' \
    --max-tokens 8 --seed 7 --sampling 100 2>$tmp/demo.err; sleep 5"
check "the app over the demo" sees "[1 Models]" 200
check "a model" sees "SmolLM2" 30
url=http://$(screen | grep -oE '127\.0\.0\.1:[0-9]+' | head -1)
home=$(echo "$TMPDIR"/splitup-demo-*)
as_owner() { SPLITUP_HOME=$home/node-1 "$SPLITUP" "$@" --url "$url" --keypair "$home/owner-a/wallet.json"; }
usdc() { as_owner wallet balance --json | json 'd["micro_usdc"]'; }
before=$(usdc)

# ---- to its end -------------------------------------------------------------------------------------------------
keys 6
check "nothing yet" sees "nothing typed yet"
keys i
t send-keys -t app:0 -l "The capital of Spain is"
keys M-Enter C-u
t send-keys -t app:0 -l "$prompt"
check "typed" sees "│$prompt "
keys Escape
check "a draft" sees "prompt: i types"
keys - - i Enter # 16 tokens
agree
check "it comes, or has come" sees "16 of 16 tokens" 90
check "final" sees "final: everything sampled matched" 90
stages() {
    local until=$((SECONDS + 30))
    while [ $SECONDS -lt $until ]; do
        [ "$(screen | grep -cE '^ +[0-2] .* pass .* run .* wait .* net .* sampled')" = 3 ] && return 0
        sleep 0.2
    done
    screen >&2
    return 1
}
check "its stages, all checked" stages
# Words of the answer, wrapped as they are.
said=$(screen | sed -n '/of 16 tokens/,/^ *....\.\..... SmolLM2/p' | sed '1d;$d' | tr -s ' \n' ' ')
check "the local run's words" [ "$said" = "$(json 'd["text"]' <"$tmp/local" | sed 's/^/ /' | tr -s ' \n' ' ')" ]
cost=$(screen | sed -n 's/.*cost so far \([0-9.]*\) of .*/\1/p')

# paid COST: the ledger holds nothing of it any more, and that is what the wallet paid, but for the
# millionths that are left when the oracles' fee is divided among those who voted.
paid() {
    local want=$((before - $(echo "$1" | python3 -c 'from decimal import Decimal; print(int(Decimal(input()) * 1000000))')))
    local until=$((SECONDS + 60))
    while [ $SECONDS -lt $until ]; do
        [ $(($(usdc) - want)) -ge 0 ] && [ $(($(usdc) - want)) -lt 4 ] && return 0
        sleep 0.2
    done
    echo "$before before, $(usdc) now, cost $1" >&2
    return 1
}
check "paid" paid "$cost"
# Nothing is open, nothing waits to be claimed.
clear_of_all() {
    as_owner request list --json >"$tmp/requests" || fail "request list"
    check "nothing is left" [ "$(json 'len(d["requests"])' <"$tmp/requests")" = 0 ]
}
clear_of_all

# ---- ended by hand ----------------------------------------------------------------------------------------------
before=$(usdc)
t resize-window -t app:0 -x 160 -y 48
keys + + + # 128 tokens
keys i C-u
keys Up
check "history" sees "│$prompt "
keys C-u
t send-keys -t app:0 -l "Once upon a time"
keys Enter
agree
check "tokens come" sees "provisional: tokens come" 90
keys c
check "the end by hand" sees "what is not run is not paid"
check "final, too" sees "final: everything sampled matched" 90
tokens=$(screen | sed -n 's/^ *\([0-9]*\) of 128 tokens.*/\1/p')
check "not all of them" [ "$tokens" -lt 128 ]
cost=$(screen | sed -n 's/.*cost so far \([0-9.]*\) of .*/\1/p')
held=$(screen | sed -n 's/.*cost so far .* of \([0-9.]*\) USDC.*/\1/p')
check "cheaper" python3 -c "assert $cost < $held"
check "paid for what was run" paid "$cost"
clear_of_all

# ---- a page of text, pasted ---------------------------------------------------------------------------
for i in 1 2 3 4 5 6 7 8; do
    echo "Note $i says that the cat of house number $i likes milk, sleep and the sun."
done >"$tmp/page"
printf 'In short, the cats' >>"$tmp/page"
check "more than a line takes" [ "$(wc -c <"$tmp/page")" -gt 600 ]
"$SPLITUP" run "$model" --ctx 256 --json --prompt "$(cat "$tmp/page")" --max-tokens 4 >"$tmp/local-page" || fail "a local run"
before=$(usdc)
keys - - - - - i C-u
t load-buffer -b page "$tmp/page"
t paste-buffer -p -b page -t app:0
check "its end is typed" sees "In short, the cats"
check "its lines are lines" sees "house number 8 likes"
keys Enter
agree
check "it comes, or has come" sees "4 of 4 tokens" 90
check "final" sees "final: everything sampled matched" 90
said=$(screen | sed -n '/of 4 tokens/,/^ *....\.\..... SmolLM2/p' | sed '1d;$d' | tr -s ' \n' ' ')
check "the local run's words" [ "$said" = "$(json 'd["text"]' <"$tmp/local-page" | sed 's/^/ /' | tr -s ' \n' ' ')" ]
cost=$(screen | sed -n 's/.*cost so far \([0-9.]*\) of .*/\1/p')
check "paid for the page" paid "$cost"
clear_of_all

# ---- the same from the shell, on a terminal ---------------------------------------------------------------------
ask="'$SPLITUP' run SmolLM2-135M-Instruct.Q4_1@$url --keypair $home/requestor/wallet.json --yes"
t new-window -d -t app: -n shell "env LC_ALL=C.UTF-8 TERM=tmux-256color $ask --prompt '$prompt' --max-tokens 16; sleep 30"
t new-window -d -t app: -n plain "env LC_ALL=C NO_COLOR=1 TERM=vt100 $ask --prompt 'Once upon a time' --max-tokens 120; sleep 30"
screen() { t capture-pane -p -t app:plain; }
check "a block" sees "cost so far" 60
check "its bars" sees " % network " 60
check "in ASCII" [ "$(screen | grep -cE 'stage [1-3]/3 .* [#~-]{6,} ')" -gt 0 ]
check "the end of the block" sees "checks: 3 of 3 stages sampled, 3 matched" 90
check "it is gone" [ "$(screen | grep -c 'cost so far')" = 0 ]
screen() { t capture-pane -p -t app:shell; }
check "final" sees "checks: 3 of 3 stages sampled, 3 matched" 90
check "bars" [ "$(screen | grep -cE '^stage [1-3]/3 ....\.\..... (cpu|vulkan) +█*▒*░* compute ')" = 3 ]
check "the answer is whole" [ "$(screen | sed -n '/^  fee /,/^stage 1/p' | sed '1d;$d' | tr -d ' \n')" = "$(json 'd["text"]' <"$tmp/local" | tr -d ' \n')" ]
screen() { t capture-pane -p -t app:0; }
keys q
for ((i = 0; i < 150; i++)); do
    [ -e "$home" ] || break
    sleep 0.1
done
[ ! -e "$home" ] || screen >&2
check "everything is gone" [ ! -e "$home" ]
done_ok
