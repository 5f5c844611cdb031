#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# doctor with and without a Vulkan driver.
. "$(dirname "$0")/lib.bash"
dir=$(mnist) || fail "no MNIST data"
images=$dir/t10k-images-idx3-ubyte.gz

"$SPLITUP" doctor --json >"$tmp/doctor.json" || fail "doctor finds no good device here; is mesa-vulkan-drivers installed?"
check "every suite gives the known root" [ "$(json 'd["vulkan_ok"] and all(c["conformance_root"] == d["known_root"] for c in d["conformance"])' <"$tmp/doctor.json")" = true ]
check "device fields" [ "$(json 'all({"name","kind","driver","vram_bytes","usable"} <= set(x) for x in d["devices"])' <"$tmp/doctor.json")" = true ]
"$SPLITUP" doctor --no-conformance >"$tmp/text" || fail "doctor as text"
check "text" grep -q 'usable    yes' "$tmp/text"

# No driver at all: says so and what to install; run still works on the cpu.
export VK_DRIVER_FILES=/nonexistent/icd.json VK_ICD_FILENAMES=/nonexistent/icd.json
"$SPLITUP" doctor >"$tmp/out" 2>"$tmp/err"
check "status 11" [ $? -eq 11 ]
check "names the package" grep -q 'mesa-vulkan-drivers' "$tmp/err"
check "cpu was checked" grep -q '^cpu .* probes pass' "$tmp/out"
check "run works" [ "$("$SPLITUP" run mnist --input "$images" --json | json 'd["backend"] + str(d["predicted"])')" = cpu7 ]
refuse 11 "mesa-vulkan-drivers" "$SPLITUP" run mnist --input "$images" --backend vulkan
unset VK_DRIVER_FILES VK_ICD_FILENAMES
refuse 11 "no-such-gpu" "$SPLITUP" run mnist --input "$images" --device no-such-gpu
check "device by number" [ "$("$SPLITUP" run mnist --input "$images" --device 0 --json | json 'd["backend"] + str(d["predicted"])')" = vulkan7 ]
check "pipelines are kept" [ -n "$(ls -A "$SPLITUP_HOME/pipelines" 2>/dev/null)" ]
done_ok
