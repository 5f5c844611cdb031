#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# solana-py and solders, unmodified, against splitup devnet.
. "$(dirname "$0")/devnet.bash"
packages=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_packages.py" "$SU_SOURCE_DIR/tests/clients/python") ||
    fail "the packages could not be fetched"
devnet_start --slot-ms 100
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$packages timeout 300 python3 "$SU_SOURCE_DIR/tests/clients/solana_py.py" \
    "$url" "$ws" || fail "solana_py.py"
devnet_stop TERM
done_ok
