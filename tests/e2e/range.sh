#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Ranges: accuracy over the real test digits, the same outputs hash on every backend, cancelling.
. "$(dirname "$0")/lib.bash"
dir=$(mnist) || fail "no MNIST data"
images=$dir/t10k-images-idx3-ubyte.gz

summary() {
    "$SPLITUP" run mnist --input "$images" --json "$@" | tail -n 1
}

summary --range 0:10000 --backend cpu >"$tmp/cpu.json" || fail "range on cpu"
check "summary last" [ "$(json 'd["summary"] and d["digits"] == 10000 and d["digits_per_second"] > 0' <"$tmp/cpu.json")" = true ]
check "accuracy" [ "$(json 'd["accuracy"] >= 0.988' <"$tmp/cpu.json")" = true ]
check "every digit printed" [ "$("$SPLITUP" run mnist --input "$images" --range 100:130 --json --backend cpu | wc -l)" -eq 31 ]

end=300
full && end=10000
want=$(summary --range 0:$end --backend cpu | json 'd["outputs_sha256"]')
for args in "--backend vulkan" "--backend vulkan --target-vram 300KB" "--backend cpu --batch 7" "--backend cpu --target-vram 200KB"; do
    # shellcheck disable=SC2086
    check "$args" [ "$(summary --range 0:$end $args | json 'd["outputs_sha256"]')" = "$want" ]
done
end=40
full && end=1000
check "reference" [ "$(summary --range 0:$end --backend reference | json 'd["outputs_sha256"]')" = \
    "$(summary --range :$end --backend cpu | json 'd["outputs_sha256"]')" ]
check "text summary" grep -q '(100.00 %)' <("$SPLITUP" run mnist --input "$images" --range 0:8 --backend cpu)

# Plain IDX gives what gzip gives.
gzip -dc "$images" >"$tmp/t10k-images-idx3-ubyte"
plain=$("$SPLITUP" run mnist --input "$tmp/t10k-images-idx3-ubyte" --range 0:40 --backend cpu --json | tail -n 1)
check "plain IDX" [ "$(json 'd["outputs_sha256"]' <<<"$plain")" = "$(summary --range 0:40 --backend cpu | json 'd["outputs_sha256"]')" ]
check "no labels beside it" [ "$(json 'd["accuracy"] is None' <<<"$plain")" = true ]

# On a terminal: one line with rate and time left that never wraps and is gone at the end; none of it with CI set or in a dumb terminal.
on_terminal() {
    env -u CI "$@" python3 - "$SPLITUP" run mnist --input "$images" --range 0:200 --backend reference <<'PY'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
data = b""
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    data += piece
os.waitpid(pid, 0)
sys.stdout.buffer.write(data)
PY
}
on_terminal TERM=xterm >"$tmp/tty" || fail "terminal"
tr '\r' '\n' <"$tmp/tty" | grep -a $'^\033\\[Krun ' | sed $'s/^\033\\[K//' >"$tmp/lines"
check "rate and time left" grep -qE '^run [0-9]+ of 200 digits, [0-9.]+ digits/s, [0-9]+:[0-9]{2} left$' "$tmp/lines"
check "never in the last column" [ "$(awk 'length($0) > 49' "$tmp/lines" | wc -l)" -eq 0 ]
check "cleared before the summary" grep -qaE $'\r\033\\[K200 digits in ' "$tmp/tty"
on_terminal TERM=dumb >"$tmp/tty" || fail "dumb terminal"
check "plain on a dumb terminal" [ "$(grep -ca $'\033' "$tmp/tty")" -eq 0 ]

# Ctrl-C: stops at a batch boundary with status 130.
"$SPLITUP" run mnist --input "$images" --range 0:10000 --backend reference --json >"$tmp/out" 2>"$tmp/err" &
pid=$!
for _ in $(seq 600); do
    [ -s "$tmp/out" ] && break
    sleep 0.1
done
kill -INT $pid
wait $pid
check "status 130" [ $? -eq 130 ]
check "says how far" grep -q 'stopped after [0-9]* of 10000' "$tmp/err"
done_ok
