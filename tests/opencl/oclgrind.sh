#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: oclgrind.sh [ARGUMENT of hal-matrix]..., in the build directory, with FLOOR, the least number of cases of a variant when
# there is no ARGUMENT
# The tiny list on Oclgrind's device, which watches every access of every work-item. It is chosen like any driver; the variables
# are those that its program of the same name sets. Whatever it writes about is a fault.
set -u
: "${PYTHON:?}" "${top_srcdir:?}" "${FLOOR:?}"
work=$PWD/tests/oclgrind

skip() { echo "SKIP: check-oclgrind: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 0; }
[ -e plugins/libhal_opencl.so ] || skip 'the opencl backend is not built (Debian: opencl-c-headers)'
library=
for directory in /usr/lib/oclgrind /usr/local/lib /usr/lib "/usr/lib/$(cc -print-multiarch 2>/dev/null)"; do
    [ -z "$library" ] && [ -e "$directory/liboclgrind-rt-icd.so" ] && library=$directory/liboclgrind-rt-icd.so
done
[ -n "$library" ] || skip 'liboclgrind-rt-icd.so is not there (Debian: oclgrind)'

rm -rf "$work"
mkdir -p "$work/vendors" "$work/cache"
echo "$library" >"$work/vendors/oclgrind.icd"
OCL_ICD_VENDORS=$work/vendors XDG_CACHE_HOME=$work/cache
# What was never written is followed only where the caller sets OCLGRIND_UNINITIALIZED=1: version 21.10 ends at an instruction
# `freeze`, and reads past its own record of a value of 16 lanes. It knows no intrinsics of clang, which the kernels use where
# they meet it.
OCLGRIND_DATA_RACES=1 OCLGRIND_MAX_ERRORS=20 OCLGRIND_BUILD_OPTIONS=-U__clang__
HAL_OPENCL_TUNE=off # there is nothing to measure in an emulator
export OCL_ICD_VENDORS XDG_CACHE_HOME OCLGRIND_DATA_RACES OCLGRIND_MAX_ERRORS OCLGRIND_BUILD_OPTIONS HAL_OPENCL_TUNE

# Oclgrind itself: it has something to say of kernels that are wrong, or its silence about ours proves nothing.
barks() {
    ${CC:-cc} -o "$work/bark" "$top_srcdir/tests/opencl/bark.c" -l:libOpenCL.so.1 || return 1
    OCLGRIND_LOG=$work/bark.log "$work/bark" || return 1
    grep -q 'data race' "$work/bark.log" && grep -q 'Invalid write' "$work/bark.log"
}
if barks; then
    echo 'oclgrind: 1 passed, 0 failed'
else
    echo 'Oclgrind is silent about a race or an access out of bounds'
    echo 'oclgrind: 0 passed, 1 failed'
    exit 1
fi

# watched VARIANT [ARGUMENT of hal-matrix]...
watched() {
    variant=$1 log=$work/$1.log status=0
    shift
    HAL_OPENCL_VARIANT=$variant OCLGRIND_LOG=$log ./hal-matrix run --backend opencl --list tiny \
        --json "$work/$variant.json" "$@" || status=1
    "$PYTHON" "$top_srcdir/tests/matrix-summary.py" "$work/$variant.json" || status=1
    if grep -q '[^[:space:]]' "$log" 2>/dev/null; then
        echo "Oclgrind reports of the $variant variants ($log):"
        head -n 40 "$log" | sed 's/^/    /'
        echo '0 passed, 1 failed'
        status=1
    fi
    return "$status"
}

# Both at once: each keeps one processor busy for minutes.
[ $# -gt 0 ] || set -- --floor "$FLOOR"
watched wide "$@" >"$work/wide.out" 2>&1 &
wide=$!
watched gpu "$@" >"$work/gpu.out" 2>&1 &
gpu=$!
status=0
wait "$wide" || status=1
wait "$gpu" || status=1
cat "$work/wide.out" "$work/gpu.out"
exit "$status"
