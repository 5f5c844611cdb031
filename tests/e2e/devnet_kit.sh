#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# @solana/kit, unmodified, against splitup devnet.
. "$(dirname "$0")/devnet.bash"
packages=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_packages.py" "$SU_SOURCE_DIR/tests/clients/node") ||
    fail "the packages could not be fetched"
devnet_start --slot-ms 100
timeout 300 node "$SU_SOURCE_DIR/tests/clients/kit.mjs" "$packages" "$url" "$ws" || fail "kit.mjs"
devnet_stop TERM
done_ok
