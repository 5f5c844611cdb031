#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A wallet, test money and stake, from a fresh home against splitup devnet: the commands of README's second section, then what must be refused. No output holds a secret key.
. "$(dirname "$0")/devnet.bash"
export HOME="$tmp/user"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$tmp/bin"
ln -s "$(realpath "$SPLITUP")" "$tmp/bin/splitup-node"
node=$tmp/bin/splitup-node
outputs=$tmp/outputs

# tell NAME COMMAND...: must succeed; its output is kept in $tmp/out and among all outputs.
tell() {
    local name=$1
    shift
    "$@" >"$tmp/out" 2>"$tmp/err" || fail "$name: $*: $(cat "$tmp/err")"
    cat "$tmp/out" "$tmp/err" >>"$outputs"
    checks=$((checks + 1))
}
# deny STATUS TEXT COMMAND...: refuse, its output kept too.
deny() {
    refuse "$@"
    cat "$tmp/err" >>"$outputs"
}

# until_due WORDS...: until everything that unlocks may be taken out.
until_due() {
    for _ in $(seq 600); do
        [ "$("$SPLITUP" stake show "$@" --json | json 'all(t["due"] for t in d["unlocking"])')" = true ] && return
        sleep 0.1
    done
    fail "never due: $("$SPLITUP" stake show "$@")"
}

# README's commands, as they stand there: a word with the network's address and --yes is all that is added.
devnet_start --slot-ms 10 --cooldown-ms 1000
count=1
while read -r program words; do
    count=$((count + 1))
    [ "$program" = splitup-node ] && program=$node || program=$SPLITUP
    [[ $words = "stake withdraw" ]] && until_due --url "$url"
    IFS=' ' read -ra words <<<"$words"
    tell "README: ${words[*]}" "$program" "${words[@]}" --url "$url" $([ "${words[0]}" = econ ] || echo --yes)
done < <(sed -n '/^## A wallet, test money and stake/,/^## /s/^\(splitup[a-z-]*\) \([^#]*[^# ]\) *\(#.*\)*$/\1 \2/p' "$SU_SOURCE_DIR/README.md" | grep -v '^splitup devnet$')
check "under ten commands" [ "$count" -lt 10 ]
check "all of them" [ "$count" -gt 7 ]
tell "the wallet" "$SPLITUP" wallet balance --url "$url"
check "README's stake is out" grep -qx "600 USDC" "$tmp/out"
devnet_stop TERM
mv "$SPLITUP_HOME" "$tmp/first"

devnet_start --slot-ms 10 --cooldown-ms 9000
u=(-u "$url")
deny 3 "wallet.json new import" "$SPLITUP" wallet balance "${u[@]}"
tell "a wallet" "$SPLITUP" wallet new
address=$(head -n 1 "$tmp/out")
check "its mode" [ "$(stat -c %a "$SPLITUP_HOME/wallet.json")" = 600 ]
deny 3 "exists" "$SPLITUP" wallet new
tell "address" "$SPLITUP" wallet address --json
check "the same" [ "$(json 'd["address"]' <"$tmp/out")" = "$address" ]
deny 8 "0 SOL airdrop" "$node" register "${u[@]}" --vram 4GB --backend cpu --yes
tell "money" "$SPLITUP" wallet airdrop 2 --usdc 2000.000001 "${u[@]}" --json
check "all of it" [ "$(json 'd["lamports"], d["micro_usdc"]' <"$tmp/out")" = "(2000000000, 2000000001)" ]
deny 3 "register" "$SPLITUP" stake deposit 5 "${u[@]}" --yes
deny 2 "--yes" "$node" register "${u[@]}" --vram 4GB --backend cpu
deny 2 "HOST:PORT" "$node" register "${u[@]}" --vram 4GB --backend cpu --endpoint nowhere --yes
tell "a look" "$node" register "${u[@]}" --vram 4GB --backend cpu --dry-run
check "nothing was done" grep -q 'stake needed *1400 USDC' "$tmp/out"
deny 3 "register" "$SPLITUP" stake show "${u[@]}"
tell "a node" "$node" register "${u[@]}" --vram 4GB --backend cpu --endpoint 127.0.0.1:9000 --yes
check "signed by both" grep -q '^done in slot [0-9]*, fee 0.00001 SOL' "$tmp/out"
tell "stake" "$SPLITUP" stake deposit 1500.5 --node own "${u[@]}" --yes --json
signature=$(json 'd["signature"]' <"$tmp/out")
tell "show" "$SPLITUP" stake show "${u[@]}" --json
check "free" [ "$(json 'd["free"], d["reserved"], d["unlocking"]' <"$tmp/out")" = "('1500.5', '0', [])" ]
tell "the wallet" "$SPLITUP" wallet balance "${u[@]}" --json
check "has less" [ "$(json 'd["usdc"]' <"$tmp/out")" = 499.500001 ]
tell "tx" "$SPLITUP" tx "$signature" "${u[@]}"
for text in "SplitUp: stake_deposit" "depositor *$address signs" "result *success" "fee *0.000005 SOL" "Program log: Instruction: TransferChecked"; do
    check "tx says $text" grep -q "$text" "$tmp/out"
done
tell "tx" "$SPLITUP" tx "$signature" "${u[@]}" --json
check "decoded" [ "$(json '[i["name"] for i in d["instructions"]], d["success"]' <"$tmp/out")" = "(['SetComputeUnitLimit', 'stake_deposit'], True)" ]

# Refusals that cost nothing.
deny 8 "499.500001 airdrop" "$SPLITUP" stake deposit 500.000002 "${u[@]}" --yes
deny 2 "decimals" "$SPLITUP" stake deposit 1.0000001 "${u[@]}" --yes
deny 2 "0 USDC" "$SPLITUP" stake deposit 0 "${u[@]}" --yes
deny 8 "more" "$SPLITUP" stake deposit 99999999999999 "${u[@]}" --yes
deny 2 "--yes" "$SPLITUP" stake deposit 1 "${u[@]}"
deny 8 "1500.5" "$SPLITUP" stake withdraw 1500.500001 "${u[@]}" --yes
deny 3 "unlocking" "$SPLITUP" stake withdraw "${u[@]}" --yes
deny 3 "none" "$SPLITUP" stake claim "${u[@]}" --yes
deny 14 "" "$SPLITUP" stake show -u http://127.0.0.1:1
deny 2 "" "$SPLITUP" tx nonsense "${u[@]}"
deny 3 "no such transaction" "$SPLITUP" tx 99eUso3aSbE9tqGSTXzo3TLfKb9RkMTURrHKQ1K7Zh3BbeqPevr5E1iCbpTjqHuTFLtfxTTD5ekfVuZFzQyEQf8 "${u[@]}"

# Another wallet may add to the stake and take nothing out.
tell "another wallet" "$SPLITUP" wallet new --keypair "$tmp/other.json"
tell "money" "$SPLITUP" wallet airdrop 1 --usdc 10 "${u[@]}" -k "$tmp/other.json"
tell "a gift" "$SPLITUP" stake deposit 10 "${u[@]}" -k "$tmp/other.json" -y
check "is told whose node it is" grep -q "NOT this wallet" "$tmp/out"
deny 4 "$address --keypair" "$SPLITUP" stake withdraw 10 "${u[@]}" -k "$tmp/other.json" -y
deny 4 "$address" "$node" register "${u[@]}" --vram 8GB --backend cpu -k "$tmp/other.json" -y

# At a terminal it shows what it will sign, and asks: only y goes on.
at_terminal() { # ANSWER COMMAND...: exit status of the command; what it drew is in $tmp/out
    python3 - "$@" >"$tmp/out" <<'PYTHON'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, answered = b"", False
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not answered and b"[y/N] " in seen:
        os.write(fd, sys.argv[1].encode() + b"\n")
        answered = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
}
for answer in n "" yeah; do
    at_terminal "$answer" "$SPLITUP" stake deposit 2 "${u[@]}"
    check "'$answer' is no" [ $? -eq 130 ]
    check "and says so" grep -q "nothing was done" "$tmp/out"
done
check "shown before it asked" grep -q "stake *1510.5 USDC -> 1512.5 USDC" "$tmp/out"
tell "nothing happened" "$SPLITUP" stake show "${u[@]}" --json
check "free as before" [ "$(json 'd["free"]' <"$tmp/out")" = 1510.5 ]
at_terminal y "$SPLITUP" stake deposit 0.000001 "${u[@]}" || fail "y: $(cat "$tmp/out")"
check "y signs" grep -q "done in slot" "$tmp/out"
cat "$tmp/out" >>"$outputs"

# Out again.
tell "unlock" "$SPLITUP" stake withdraw 100.25 "${u[@]}" --yes
deny 16 "100.25 slot" "$SPLITUP" stake withdraw "${u[@]}" --yes
tell "show" "$SPLITUP" stake show "${u[@]}"
check "unlocking" grep -qE '^unlocking +100.25 USDC at slot [0-9]+, in [0-9] s$' "$tmp/out"
tell "the rest" "$SPLITUP" stake withdraw all "${u[@]}" --yes
until_due "${u[@]}"
tell "show" "$SPLITUP" stake show "${u[@]}" --json
check "due" [ "$(json '[(t["amount"], t["due"]) for t in d["unlocking"]], d["free"]' <"$tmp/out")" = "([('100.25', True), ('1410.250001', True)], '0')" ]
tell "out" "$SPLITUP" stake withdraw "${u[@]}" --yes --json
check "both tickets" [ "$(json 'd["usdc_in"], d["transactions"]' <"$tmp/out")" = "('1510.500001', 1)" ]
tell "the wallet" "$SPLITUP" wallet balance "$address" "${u[@]}" --json
check "has it back" [ "$(json 'd["usdc"]' <"$tmp/out")" = 2010.000001 ]
tell "update" "$node" register "${u[@]}" --vram 8GB --backend cpu --yes
tell "info" "$node" info "${u[@]}" --json
check "what was given changed" [ "$(json 'd["vram_bytes"], d["endpoint"]' <"$tmp/out")" = "(8589934592, '127.0.0.1:9000')" ]

# Key files: copied, sealed, never printed.
printf 'a passphrase\n' >"$tmp/phrase"
tell "export" "$SPLITUP" wallet export "$tmp/copy.json" --yes
deny 2 "--yes" "$SPLITUP" wallet export "$tmp/copy2.json"
check "as it is" [ "$(tr -d ' \n' <"$tmp/copy.json")" = "$(tr -d ' \n' <"$SPLITUP_HOME/wallet.json")" ]
tell "import, sealed" "$SPLITUP" wallet import "$tmp/copy.json" -k "$tmp/sealed.json" --seal --passphrase-file "$tmp/phrase"
check "sealed" grep -q SUSEAL1 "$tmp/sealed.json"
tell "still works" "$SPLITUP" stake deposit 1 "${u[@]}" -k "$tmp/sealed.json" --passphrase-file "$tmp/phrase" --yes
printf 'another\n' >"$tmp/wrong"
deny 4 "passphrase" "$SPLITUP" wallet address -k "$tmp/sealed.json" --passphrase-file "$tmp/wrong"
chmod 644 "$tmp/copy.json"
deny 4 "chmod" "$SPLITUP" wallet address -k "$tmp/copy.json"
chmod 600 "$tmp/copy.json"
# The last file of a key that owns something is not deleted; with a copy, or of an empty key, one is.
deny 16 "its key owns" "$SPLITUP" wallet delete "$SPLITUP_HOME/wallet.json" "${u[@]}" --yes
deny 2 "--yes" "$SPLITUP" wallet delete "$tmp/sealed.json" --copy "$tmp/copy.json" "${u[@]}" --passphrase-file "$tmp/phrase"
tell "delete" "$SPLITUP" wallet delete "$tmp/sealed.json" --copy "$tmp/copy.json" "${u[@]}" --passphrase-file "$tmp/phrase" --yes
check "gone" [ ! -e "$tmp/sealed.json" ]
check "the copy stays" [ -e "$tmp/copy.json" ]
tell "an empty one" "$SPLITUP" wallet new -k "$tmp/empty.json"
tell "delete it" "$SPLITUP" wallet delete "$tmp/empty.json" "${u[@]}" --yes
check "gone, too" [ ! -e "$tmp/empty.json" ]

# Solana's own settings are honoured.
mkdir -p "$HOME/.config/solana/cli"
printf 'json_rpc_url: "%s"\nkeypair_path: %s\n' "$url" "$tmp/other.json" >"$HOME/.config/solana/cli/config.yml"
tell "config.yml" "$SPLITUP" wallet address --json
check "its keypair" [ "$(json 'd["file"]' <"$tmp/out")" = "$tmp/other.json" ]
tell "its URL" "$SPLITUP" wallet balance
check "its money" grep -qx '0 USDC' "$tmp/out"
rm "$HOME/.config/solana/cli/config.yml"

# econ
tell "econ" "$SPLITUP" econ
check "the founding numbers do not hold" grep -qE '^ *0 % +0\.896 ' "$tmp/out"
tell "econ" "$SPLITUP" econ --fee 1 "${u[@]}" --json
check "stake at 10 %, 1/2" [ "$(json '[(r["stake"], r["founding_holds"]) for r in d["rows"] if r["owner_share_ppm"] in (100000, 500000)]' <"$tmp/out")" = "[('26.777778', False), ('49', False)]" ]
deny 2 "percentage" "$SPLITUP" econ --p 120

devnet_stop TERM
cat "$tmp/log" >>"$outputs"
for file in {"$SPLITUP_HOME","$tmp/first"}/{wallet,node}.json "$tmp/other.json"; do
    python3 - "$file" "$outputs" <<'PYTHON' || fail "a secret of $file is among the outputs"
import base64, json, sys
key = bytes(json.load(open(sys.argv[1])))
text = open(sys.argv[2]).read()
def base58(b):
    n, s = int.from_bytes(b, "big"), ""
    while n:
        n, r = divmod(n, 58)
        s = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[r] + s
    return "1" * (len(b) - len(b.lstrip(b"\0"))) + s
assert base58(key[32:]) in text, "the public half should be there"
for secret in (key, key[:32]):
    forms = [secret.hex(), secret.hex().upper(), base58(secret), base64.b64encode(secret).decode().rstrip("="),
             ",".join(map(str, secret)), ", ".join(map(str, secret))]
    for form in forms:
        assert form not in text and form[:40] not in text, form[:4]
PYTHON
    checks=$((checks + 1))
done
done_ok
