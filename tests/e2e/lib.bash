# SPDX-License-Identifier: MIT
# Shared by the end-to-end tests: $SPLITUP is the program, $SU_SOURCE_DIR the tree, $tmp a folder that is removed at the end.
set -u
: "${SPLITUP:?set SPLITUP to the program to test}"
: "${SU_SOURCE_DIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export SPLITUP_HOME="$tmp/home"
checks=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# check NAME COMMAND...: the command must succeed.
check() {
    local name=$1
    shift
    "$@" || fail "$name: $*"
    checks=$((checks + 1))
}

# refuse STATUS TEXT COMMAND...: must end with that status, one line on stderr that holds every word of TEXT, and nothing on stdout.
refuse() {
    local status=$1 text=$2 word got
    shift 2
    "$@" >"$tmp/out" 2>"$tmp/err"
    got=$?
    [ "$got" -eq "$status" ] || fail "$*: status $got, expected $status: $(cat "$tmp/err")"
    [ "$(wc -l <"$tmp/err")" -eq 1 ] || fail "$*: not one line of error: $(cat "$tmp/err")"
    [ -s "$tmp/out" ] && fail "$*: wrote to stdout: $(head -c 200 "$tmp/out")"
    for word in $text; do
        grep -qF -- "$word" "$tmp/err" || fail "$*: '$word' is not in: $(cat "$tmp/err")"
    done
    checks=$((checks + 1))
}

# json EXPRESSION < document: evaluates a Python expression over d.
json() {
    python3 -c 'import json,sys
d = json.load(sys.stdin)
r = eval(sys.argv[1])
print(r if not isinstance(r, bool) else str(r).lower())' "$1"
}

mnist() {
    python3 "$SU_SOURCE_DIR/tests/data/fetch_mnist.py"
}

# The file of a small language model.
smollm2() {
    local dir
    dir=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") && echo "$dir/SmolLM2-135M-Instruct.Q4_1.gguf"
}

# The backend that runs a language model here in reasonable time.
llm_backend() {
    if "$SPLITUP" run "$1" --backend cpu --prompt a --max-tokens 1 --ctx 8 >"$tmp/probe" 2>&1; then
        echo cpu
    else
        echo reference
    fi
}

full() {
    [ "${SU_TEST_FULL:-}" = 1 ]
}

done_ok() {
    printf '%d checks passed\n' "$checks"
}
