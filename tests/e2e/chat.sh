#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A conversation: through a pipe, at a terminal, interrupted, and refused.
. "$(dirname "$0")/lib.bash"
model=$(smollm2) || fail "no SmolLM2"
backend=$(llm_backend "$model")
tokens=3
full && tokens=24

chat() {
    "$SPLITUP" chat "$model" --backend "$backend" --system "Be brief." "$@"
}

# Two turns, then the first once more: the same answer, and only new tokens are run.
printf 'Name a colour.\nAnd\\\nan animal.\n/reset\n"""\nName a colour.\n"""\n' >"$tmp/in"
chat --max-tokens $tokens <"$tmp/in" >"$tmp/out" 2>"$tmp/err" || fail "chat: $(cat "$tmp/err")"
line='^[0-9]+ \+ [0-9]+ tokens \([0-9]+ reused\), [0-9.]+ tokens/s, first after [0-9]+ ms$'
check "three closing lines" [ "$(grep -cE "$line" "$tmp/err")" = 3 ]
check "the same answer" cmp -s <(head -n 1 "$tmp/out") <(tail -n 1 "$tmp/out")
reused() { sed -n "$1s/.*(\([0-9]*\) reused).*/\1/p" "$tmp/err"; }
prompt() { sed -n "$1s/ .*//p" "$tmp/err"; }
check "first turn" [ "$(reused 1)" = 0 ]
check "second turn" [ "$(reused 2)" -ge "$(prompt 1)" ]
check "after reset" [ "$(reused 3)" -lt "$(prompt 1)" ]

# SIGINT stops the answer and nothing else.
mkfifo "$tmp/fifo"
"$SPLITUP" chat "$model" --backend "$backend" --ctx 512 --system "Tell long stories." <"$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
pid=$!
exec 3>"$tmp/fifo"
echo "Tell a story of a fox." >&3
until_true() {
    for _ in $(seq 600); do
        "$@" && return
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    fail "$*: $(cat "$tmp/out" "$tmp/err")"
}
until_true test -s "$tmp/out"
kill -INT $pid
until_true grep -q ', stopped$' "$tmp/err"
echo "/quit" >&3
exec 3>&-
wait $pid
check "goes on after SIGINT" [ $? -eq 0 ]

# At a terminal: prompts, commands, mistakes that are told, Ctrl-C and Ctrl-D.
python3 - "$SPLITUP" "$model" "$backend" <<'EOF' || fail "terminal"
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "chat", sys.argv[2], "--backend", sys.argv[3], "--ctx", "8"])
seen = b""
def expect(text, send):
    global seen
    end = time.time() + 60
    while text not in seen:
        if not select.select([fd], [], [], max(0, end - time.time()))[0]:
            sys.exit("%r did not come: %r" % (text, seen))
        seen += os.read(fd, 4096)
    seen = seen[seen.index(text) + len(text):]
    os.write(fd, send)
expect(b"/help lists the commands", b"")
expect(b"> ", b"/help\n")
expect(b"/quit         leave", b"")
expect(b"> ", b"/nonsense\n")
expect(b"no such command", b"")
expect(b"> ", b"one\\\n")
expect(b"... ", b"two\n")
expect(b"/reset begins a new one", b"")
expect(b"> ", b"half a line\x03")
expect(b"Ctrl-D or /quit leaves", b"")
expect(b"> ", b"\x04")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
checks=$((checks + 1))

refuse 2 "no such command" chat <<<"/nonsense"
refuse 8 "context /reset --ctx" chat --ctx 8 <<<"Hello"
refuse 2 "--temperature" chat --temperature hot </dev/null
refuse 2 "mnist language model" "$SPLITUP" chat mnist
LC_ALL=C sed 's/tokenizer\.chat_template/tokenizer.chat_templat_/' "$model" >"$tmp/bare.gguf"
refuse 3 "bare cannot chat template" "$SPLITUP" chat "$tmp/bare.gguf"
LC_ALL=C sed 's/im_start/im_begin/g' "$model" >"$tmp/other.gguf"
refuse 10 "other cannot chat ChatML" "$SPLITUP" chat "$tmp/other.gguf"
rm -f "$tmp"/*.gguf
check "nothing to say" [ -z "$(chat </dev/null 2>&1)" ]
done_ok
