#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Liars: nodes whose results are wrong lose stake, oracles that lie or say nothing are outvoted, and nobody else loses
# anything.
. "$(dirname "$0")/faults.bash"
if full; then
    faults wrong-output wrong-weights double-sign equivocate lying-heartbeat heartbeat-one-oracle votes-wrongly silent \
        withholds-draw
else
    faults equivocate wrong-output votes-wrongly
fi
