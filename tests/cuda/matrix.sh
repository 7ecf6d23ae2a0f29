#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: matrix.sh quick|full, in the build directory, with FLOORS="VARIANT:LIST:FLOOR..."
# Runs the matrix on the emulated CUDA driver, the first device of it: every operator by hal's own kernels, and the products of
# matrices by the emulated cuBLASLt. Most of the time goes into the compiler of the OpenCL device below, which makes one kernel at
# a time: the two go beside each other. A case may wait for compilers that others keep busy, hence the deadline.
set -u
: "${FLOORS:?}" "${PYTHON:?}" "${top_srcdir:?}"
list=$1
records=$top_srcdir/tests/conformance
status=0
children=

skip() { echo "SKIP: check-cuda: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 0; }
[ -e plugins/libhal_cuda.so ] || skip 'the cuda backend is not built (it needs cuda.h: see docs/cuda.md)'
[ -e tests/emulated/lib/libcuda.so.1 ] || skip 'the emulated driver is not built (Debian: opencl-c-headers)'
[ -e /etc/OpenCL/vendors/pocl.icd ] || skip '/etc/OpenCL/vendors/pocl.icd is not there (Debian: pocl-opencl-icd)'

floor_of() {
    for entry in $FLOORS; do
        case $entry in "$1:$list":*) echo "${entry##*:}" ;; esac
    done
}

# VARIANT BLAS OPTION... In a shell of its own, which becomes the run: a signal then reaches that.
run_variant() {
    variant=$1 HAL_CUDA_BLAS=$2
    shift 2
    export HAL_CUDA_BLAS
    exec tests/emulated-cuda ./hal-matrix run --device gpu0 --list "$list" --deadline 300 --floor "$(floor_of "$variant")" \
        --expect "$records/expected.txt" --baseline "$records/cuda-$variant.txt" \
        --json "cuda-$variant.json" "$@" >"cuda-$variant.log" 2>&1
}

# VARIANT STATUS
judge() {
    cat "cuda-$1.log"
    "$PYTHON" "$top_srcdir/tests/matrix-summary.py" "cuda-$1.json" && [ "$2" -eq 0 ] || status=1
}

for variant in kernels library; do
    [ -n "$(floor_of "$variant")" ] || { echo "no floor is set for $variant, $list list"; echo '0 passed, 1 failed'; exit 1; }
done
trap 'kill $children 2>/dev/null' INT TERM
rm -f cuda-kernels.json cuda-library.json   # those of an earlier run prove nothing
run_variant kernels off & kernels=$! children=$!
library=
if [ -e tests/emulated/lib/libcublasLt.so.13 ]; then
    run_variant library all --op matmul & library=$! children="$children $!"
else
    echo 'SKIP: check-cuda: products by cuBLASLt: its header is not here (Python: nvidia-cublas)'
    echo '0 passed, 0 failed, 1 skipped'
fi
wait "$kernels"; judge kernels $?
[ -z "$library" ] || { wait "$library"; judge library $?; }
exit "$status"
