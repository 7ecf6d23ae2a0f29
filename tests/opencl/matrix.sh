#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: matrix.sh quick|full, in the build directory, with FLOORS="VARIANT:LIST:FLOOR..."
# Runs the matrix on PoCL with the kernels for processors and with those for graphics cards: on one device for the quick list, on
# two for the full one. Most of the time goes into PoCL's compiler, which makes one kernel at a time: the two runs go beside each
# other. Maxima are recorded for each variant. A case may wait for compilers that others keep busy, hence the deadline.
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
POCL_DEVICES=pthread
[ "$list" = quick ] || POCL_DEVICES='pthread basic'
export OCL_ICD_VENDORS POCL_DEVICES

floor_of() {
    for entry in $FLOORS; do
        case $entry in "$1:$list":*) echo "${entry##*:}" ;; esac
    done
}

# In a shell of its own, which becomes the run: a signal then reaches that.
run_variant() {
    HAL_OPENCL_VARIANT=$1
    export HAL_OPENCL_VARIANT
    exec ./hal-matrix run --backend opencl --list "$list" --jobs 2 --deadline 300 --floor "$(floor_of "$1")" \
        --expect "$records/expected.txt" --baseline "$records/opencl-$1.txt" --json "opencl-$1.json" >"opencl-$1.log" 2>&1
}

judge() {
    cat "opencl-$1.log"
    "$PYTHON" "$top_srcdir/tests/matrix-summary.py" "opencl-$1.json" && [ "$2" -eq 0 ] || status=1
}

for variant in wide gpu; do
    [ -n "$(floor_of "$variant")" ] || { echo "no floor is set for $variant, $list list"; echo '0 passed, 1 failed'; exit 1; }
    rm -f "opencl-$variant.json"   # that of an earlier run proves nothing
done
trap 'kill $children 2>/dev/null' INT TERM
run_variant wide & wide=$! children=$!
run_variant gpu & gpu=$! children="$children $!"
wait "$wide"; wide=$?
wait "$gpu"; gpu=$?
judge wide "$wide"
judge gpu "$gpu"
exit "$status"
