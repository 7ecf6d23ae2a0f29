#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: every program of the list $LIST as CUDA C++, for devices $ARCHS, without a warning, and no kernel of hot.list with
# a register that is spilled into memory. In the folder $WORK, where kernels.tsv then says what each kernel uses; modules of
# the build, in $MODULES, are not compiled again. $MAKE and $NVCC are the build's.
set -u
here=$(dirname "$0")
[ "${NVCC:-no}" != no ] || NVCC=$(command -v nvcc) || {
    echo 'SKIP: nvcc, the compiler of CUDA, is not in PATH; install the CUDA toolkit to check the second dialect'
    echo '0 passed, 0 failed, 1 skipped'
    exit 0
}
mkdir -p "$WORK" && "$TEXTS" "$WORK" "$LIST" && cd "$WORK" || {
    echo 'the texts could not be made'
    echo '0 passed, 1 failed, 0 skipped'
    exit 1
}
"$MAKE" --no-print-directory -k -f "$RULES" -j"${HAL_TEST_JOBS:-2}" NVCC="$NVCC" ARCHS="$ARCHS" FROM="$MODULES" >make.log 2>&1
exec awk -v hot="$here/hot.list" -v table=kernels.tsv -f "$here/kernels.awk" texts.list
