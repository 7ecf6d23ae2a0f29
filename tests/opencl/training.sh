#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: training.sh, in the build directory
# Training on PoCL, and on cpu and PoCL with pinned blocks, has the losses of the cpu: of each of 20 steps, and of the validation
# after it, within 1e-5, relative, which is what the contract allows another order of sums (docs/numerics.md). What launches in
# any order has the very same ones.
set -u
: "${top_srcdir:?}"
. "$top_srcdir/tests/curves.sh"
manifest=/etc/OpenCL/vendors/pocl.icd
build=$PWD
work=$PWD/tests/opencl-training
text=$work/text.txt

skip() { echo "SKIP: training on OpenCL: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 0; }
[ -e plugins/libhal_opencl.so ] || skip 'the opencl backend is not built (Debian: opencl-c-headers)'
[ -e "$manifest" ] || skip "$manifest is not there (Debian: pocl-opencl-icd)"

OCL_ICD_VENDORS=$manifest
POCL_DEVICES=pthread
export OCL_ICD_VENDORS POCL_DEVICES
rm -rf "$work"
mkdir -p "$work"
head -c 20000 "$top_srcdir/docs/discovery.md" >"$text" # any English serves
./hal-info --probe >/dev/null || exit 1

small="--batch 4 --context 32 --steps 20 --eval-every 1"
# shellcheck disable=SC2086
{
    train cpu $small
    train opencl $small --devices opencl0
    check "training on OpenCL has the losses of the cpu within 1e-5" close_curves opencl cpu 1e-5
    HAL_OPENCL_QUEUE=out-of-order HAL_OPENCL_MEMORY=device train unordered $small --devices opencl0
    check "training in a queue that keeps no order has the losses of one that does" close_curves unordered opencl 0
    train both $small --devices cpu0,opencl0 --pin '(.*\.h|block)\.[23]\..*=opencl0'
    check "training on cpu and OpenCL has the losses of the cpu within 1e-5" close_curves both cpu 1e-5
}
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
