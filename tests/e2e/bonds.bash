# SPDX-License-Identifier: MIT
# An oracle that withholds the proof of its turn: more is checked than the rate foresees, and its bond pays for it; the
# others' bonds stay whole, and every answer is right. silence.sh runs it.
. "$(dirname "$0")/faults.bash"

# bond ORACLE: what is left of it, in millionths of a USDC: behind head, two keys and the owner of the account of its key.
bond() {
    local key
    key=$(net_status "$1" 'd["key"]')
    net_rpc getProgramAccounts "[\"$(net_program)\", {\"encoding\": \"base64\",
        \"filters\": [{\"memcmp\": {\"offset\": 0, \"bytes\": \"4\"}}, {\"memcmp\": {\"offset\": 40, \"bytes\": \"$key\"}}]}]" |
        json 'int.from_bytes(__import__("base64").b64decode(d["result"][0]["account"]["data"][0])[136:144], "little")'
}

fault=withholds-draw
net_start 3 3 mnist --target-vram 300KB
whole=$(bond oracle2)
check "a bond of 1000 USDC" [ "$whole" = 1000000000 ]
with oracle2 withholds-draw
net_wait_ready
for ((i = 0; i < 40; i++)); do
    digit
    net_await 120 "everything closed" net_settled
    [ "$(bond oracle2)" = "$whole" ] || break
done
check "the silent oracle pays" [ "$(bond oracle2)" -lt "$whole" ]
for i in 1 3; do
    check "oracle$i pays nothing" [ "$(bond "oracle$i")" = "$whole" ]
done
done_ok
