#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nodes that die or come late are replaced, and lose nothing when they are back in time; those that stay silent pay; two
# oracles of three gone cost time alone.
. "$(dirname "$0")/faults.bash"
if full; then
    bash "$(dirname "$0")/bonds.bash" || fail "bonds"
    faults crash-before-commit crash-after-commit late silent-after-commit two-oracles-down
else
    faults crash-before-commit crash-after-commit
fi
