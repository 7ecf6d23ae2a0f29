#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: coverage.sh SOURCE BUILD
# Share of lines that the tests executed: of hal/ and ops/ together, and of the drivers of OpenCL and CUDA alone, where they are.
# Below its floor each is a failure. Kernels for instruction sets this machine lacks are compiled but cannot run, so their
# files are left out.
set -eu
source=$1 build=$2
passed=0 failed=0 skipped=0
missing() { ! grep -qsw "$1" /proc/cpuinfo; }

# floor NAME LEAST GCOVR_OPTION...: at least LEAST percent of what the options choose.
floor() {
    name=$1 least=$2
    shift 2
    gcovr --root "$source" --object-directory "$build" "$@" --gcov-ignore-parse-errors \
        --json-summary "$build/coverage.json" --txt "$build/coverage.txt" "$build"
    sed -n '/^---/,$p' "$build/coverage.txt"
    percent=$(sed -n 's/.*"line_percent": *\([0-9.]*\).*/\1/p' "$build/coverage.json" | tail -n 1)
    echo "line coverage of $name: $percent %, at least $least %"
    if awk -v have="$percent" -v need="$least" 'BEGIN { exit !(have >= need) }'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# floor_of_driver NAME FILE NEEDS GCOVR_OPTION...: that of backends/NAME, which are there with FILE; their tests need PoCL.
floor_of_driver() {
    name=$1 file=$2 needs=$3 manifest=/etc/OpenCL/vendors/pocl.icd
    shift 3
    if [ ! -e "$build/$file" ]; then
        echo "SKIP: coverage of backends/$name: $file is not built ($needs)"
        skipped=$((skipped + 1))
    elif [ ! -e "$manifest" ]; then
        echo "SKIP: coverage of backends/$name: $manifest is not there (Debian: pocl-opencl-icd), so its tests had no device"
        skipped=$((skipped + 1))
    else
        floor "backends/$name" 85 --filter "backends/$name/" "$@"
    fi
}

# Notes of objects that this tree once had and no longer builds tell of texts that are gone.
forget_former_objects() (
    cd "$build"
    grep -o '[^ 	]*[$](DEPDIR)/[^ 	]*\.Pl\{0,1\}o' Makefile | sed 's|^\./||; s|[$](DEPDIR)/||; s|\.Pl\{0,1\}o$||' | sort -u >coverage.now
    find . -name '*.gcno' | while read -r notes; do
        object=$(echo "$notes" | sed 's|^\./||; s|\.libs/||; s|\.gcno$||')
        grep -qxF "$object" coverage.now || rm -f "$notes" "${notes%.gcno}.gcda"
    done
)

forget_former_objects
cd "$source"
set -- --filter 'hal/' --filter 'ops/'
missing amx_bf16 && set -- "$@" --exclude '.*_amx\.c$'
missing avx512_bf16 && set -- "$@" --exclude '.*_bf16\.c$'
missing avx512f && set -- "$@" --exclude '.*_avx512\.c$'
missing avx2 && set -- "$@" --exclude '.*_avx2\.c$'
floor 'hal/ and ops/' 90 "$@"
floor_of_driver opencl plugins/libhal_opencl.so 'Debian: opencl-c-headers'
floor_of_driver cuda tests/emulated/lib/libcuda.so.1 'cuda.h and the headers of OpenCL' --exclude '.*/write_modules\.c$'
echo "coverage: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
