#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: matrix.sh quick|full, in the build directory, with FLOORS="VARIANT:LIST:FLOOR..."
# Runs the matrix on PoCL with the kernels for processors and with those for graphics cards: on one device for the quick list, on
# two for the full one. Most of the time goes into PoCL's compiler, which makes one kernel at a time: the two variants go beside
# each other, each run in a process and a thread of its own: kernels that are new to PoCL wait for other queues of a process.
# Maxima are recorded for each variant. A case may wait for compilers that others keep busy, hence the deadline.
set -u
: "${FLOORS:?}" "${PYTHON:?}" "${top_srcdir:?}"
list=$1
manifest=/etc/OpenCL/vendors/pocl.icd
records=$top_srcdir/tests/conformance
status=0
children=

skip() { echo "SKIP: check-opencl: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 0; }
[ -e plugins/libhal_opencl.so ] || skip 'the opencl backend is not built (Debian: opencl-c-headers)'
[ -e "$manifest" ] || skip "$manifest is not there (Debian: pocl-opencl-icd)"

OCL_ICD_VENDORS=$manifest
export OCL_ICD_VENDORS
devices=pthread
[ "$list" = quick ] || devices='pthread basic'

floor_of() {
    for entry in $FLOORS; do
        case $entry in "$1:$list":*) echo "${entry##*:}" ;; esac
    done
}

# VARIANT DEVICE. In a shell of its own, which becomes the run: a signal then reaches that.
run_variant() {
    HAL_OPENCL_VARIANT=$1 POCL_DEVICES=$2
    export HAL_OPENCL_VARIANT POCL_DEVICES
    exec ./hal-matrix run --backend opencl --list "$list" --deadline 300 --floor "$(floor_of "$1")" \
        --expect "$records/expected.txt" --baseline "$records/opencl-$1.txt" \
        --json "opencl-$1-$2.json" >"opencl-$1-$2.log" 2>&1
}

# VARIANT DEVICE STATUS
judge() {
    cat "opencl-$1-$2.log"
    "$PYTHON" "$top_srcdir/tests/matrix-summary.py" "opencl-$1-$2.json" && [ "$3" -eq 0 ] || status=1
}

for variant in wide gpu; do
    [ -n "$(floor_of "$variant")" ] || { echo "no floor is set for $variant, $list list"; echo '0 passed, 1 failed'; exit 1; }
done
trap 'kill $children 2>/dev/null' INT TERM
for device in $devices; do
    rm -f "opencl-wide-$device.json" "opencl-gpu-$device.json"   # those of an earlier run prove nothing
    run_variant wide "$device" & wide=$! children=$!
    run_variant gpu "$device" & gpu=$! children="$children $!"
    wait "$wide"; wide=$?
    wait "$gpu"; gpu=$?
    judge wide "$device" "$wide"
    judge gpu "$device" "$gpu"
done
exit "$status"
