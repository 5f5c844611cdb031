#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Help, manual page, completion: all from one table, so they agree.
. "$(dirname "$0")/lib.bash"
check "version" grep -q '^splitup [0-9]*\.[0-9]*\.[0-9]* (splitup-numerics-' <("$SPLITUP" --version)
"$SPLITUP" --help >"$tmp/help" || fail "--help"
"$SPLITUP" >/dev/null 2>"$tmp/err"
check "no words: help on stderr, status 2" [ $? -eq 2 ]
check "same help" cmp -s "$tmp/help" "$tmp/err"
for verb in $(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$tmp/help"); do
    check "$verb --help" "$SPLITUP" "$verb" --help >"$tmp/one"
    check "help $verb" cmp -s "$tmp/one" <("$SPLITUP" help "$verb")
    check "$verb in the completion" grep -q "$verb" <("$SPLITUP" completion)
    check "80 columns" [ "$(awk '{ if (length($0) > 80) n++ } END { print n + 0 }' "$tmp/one")" -eq 0 ]
done
check "completion parses" bash -n <("$SPLITUP" completion)
# The section of the manual page between its markers is what the program prints.
"$SPLITUP" help --mdoc >"$tmp/mdoc"
sed -n '/^\.\\" BEGIN verbs/,/^\.\\" END verbs/p' "$SU_SOURCE_DIR/man/splitup.1" | sed '1d;$d' >"$tmp/page"
diff "$tmp/page" "$tmp/mdoc" || fail "man/splitup.1 is out of date: put the output of 'splitup help --mdoc' between its markers"
check "models" grep -qx 'mnist' <("$SPLITUP" models)
refuse 2 "no such command" "$SPLITUP" help nothing
# A closed pipe is not an error.
"$SPLITUP" graph dump "$SU_SOURCE_DIR/models/mnist/mnist.graph" | head -n 1 >/dev/null
check "pipe" [ "${PIPESTATUS[0]}" -eq 0 ]
done_ok
