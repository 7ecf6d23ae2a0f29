#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: training.sh, in the build directory
# Training on the emulated CUDA driver, on two of its devices, and on cpu, OpenCL and CUDA with pinned blocks, has the losses of
# the cpu: of each of 20 steps, and of the validation after it, within 1e-5, relative, which is what the contract allows another
# order of sums (docs/numerics.md). Programs that are launched as graphs have the very losses of those that are not.
set -u
: "${top_srcdir:?}"
. "$top_srcdir/tests/curves.sh"
build=$PWD
work=$PWD/tests/cuda-training
text=$work/text.txt

skip() { echo "SKIP: training on CUDA: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 0; }
[ -e plugins/libhal_cuda.so ] || skip 'the cuda backend is not built (it needs cuda.h: see docs/cuda.md)'
[ -e tests/emulated/lib/libcuda.so.1 ] || skip 'the emulated driver is not built (Debian: opencl-c-headers)'
[ -e /etc/OpenCL/vendors/pocl.icd ] || skip '/etc/OpenCL/vendors/pocl.icd is not there (Debian: pocl-opencl-icd)'

# all that follows runs on the emulated driver
[ -n "${HAL_TEST_ON_EMULATED:-}" ] || HAL_TEST_ON_EMULATED=1 exec tests/emulated-cuda "${SHELL:-/bin/sh}" "$0"

OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd
POCL_DEVICES=pthread
export OCL_ICD_VENDORS POCL_DEVICES
rm -rf "$work"
mkdir -p "$work"
head -c 20000 "$top_srcdir/docs/discovery.md" >"$text" # any English serves
./hal-info --probe >/dev/null || exit 1

small="--batch 4 --context 32 --steps 20 --eval-every 1"
# shellcheck disable=SC2086
{
    train cpu $small --devices cpu0
    train cuda $small --devices gpu0
    check "training on CUDA has the losses of the cpu within 1e-5" close_curves cuda cpu 1e-5
    HAL_CUDA_GRAPHS=off train launches $small --devices gpu0
    check "training without graphs has the losses of graphs" close_curves launches cuda 0
    train pair $small --devices gpu0,gpu1 --pin '(.*\.h|block)\.[23]\..*=gpu1'
    check "training on two CUDA devices has the losses of the cpu within 1e-5" close_curves pair cpu 1e-5
    train all $small --devices cpu0,opencl0,gpu0 --pin '(.*\.h|block)\.1\..*=opencl0' --pin '(.*\.h|block)\.[23]\..*=gpu0'
    check "training on cpu, OpenCL and CUDA has the losses of the cpu within 1e-5" close_curves all cpu 1e-5
}
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
