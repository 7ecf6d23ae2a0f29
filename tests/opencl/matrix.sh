#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: matrix.sh quick|full, in the build directory, with FLOORS="VARIANT:LIST:FLOOR..."
# Runs the matrix on PoCL with the kernels for processors and with those for graphics cards: on one device for the quick list, on
# two for the full one.
set -u
: "${FLOORS:?}" "${PYTHON:?}" "${top_srcdir:?}"
list=$1
manifest=/etc/OpenCL/vendors/pocl.icd
status=0

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

for variant in wide gpu; do
    floor=$(floor_of "$variant")
    [ -n "$floor" ] || { echo "no floor is set for $variant, $list list"; echo '0 passed, 1 failed'; status=1; continue; }
    HAL_OPENCL_VARIANT=$variant ./hal-matrix run --backend opencl --list "$list" --floor "$floor" \
        --json "opencl-$variant.json" || status=1
    "$PYTHON" "$top_srcdir/tests/matrix-summary.py" "opencl-$variant.json" || status=1
done
exit "$status"
