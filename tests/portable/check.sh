#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh TEXTS LIST: every program of the list as CUDA C++, to PTX, with warnings as errors.
set -u
texts=$1 list=$2
command -v nvcc >/dev/null 2>&1 || {
    echo 'SKIP: nvcc, the compiler of CUDA, is not in PATH; install the CUDA toolkit to check the second dialect'
    echo '0 passed, 0 failed, 1 skipped'
    exit 0
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$texts" "$work" "$list" || { echo 'the texts could not be made'; echo '0 passed, 1 failed, 0 skipped'; exit 1; }
# $1 stands for a text: what the compiler says of it is kept beside it where it fails
ls "$work"/*.cu | xargs -P "${HAL_TEST_JOBS:-2}" -n 1 sh -c '
    nvcc -x cu -arch=sm_80 -fmad=false -Werror all-warnings --ptx -o "$0.ptx" "$0" >"$0.log" 2>&1 || : >"$0.failed"'
passed=0 failed=0
for text in "$work"/*.cu; do
    if [ -e "$text.failed" ]; then
        failed=$((failed + 1))
        [ $failed -gt 5 ] || { echo "--- $(basename "$text" .cu): $(grep '^#define' "$text" | head -6 | tr '\n' ' ')"; head -8 "$text.log"; }
    else
        passed=$((passed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
