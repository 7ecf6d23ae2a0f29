#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: coverage.sh SOURCE BUILD
# Share of lines of hal/ and ops/ that the tests executed; below 90 % is a failure. Kernels for
# instruction sets this machine lacks are compiled but cannot run, so their files are left out.
set -eu
source=$1 build=$2
least=90
missing() { ! grep -qsw "$1" /proc/cpuinfo; }
set --
missing amx_bf16 && set -- "$@" --exclude '.*_amx\.c$'
missing avx512_bf16 && set -- "$@" --exclude '.*_bf16\.c$'
missing avx512f && set -- "$@" --exclude '.*_avx512\.c$'
missing avx2 && set -- "$@" --exclude '.*_avx2\.c$'
cd "$source"
gcovr --root "$source" --object-directory "$build" --filter 'hal/' --filter 'ops/' "$@" \
    --gcov-ignore-parse-errors --json-summary "$build/coverage.json" --txt "$build/coverage.txt" "$build"
sed -n '/^---/,$p' "$build/coverage.txt"
percent=$(sed -n 's/.*"line_percent": *\([0-9.]*\).*/\1/p' "$build/coverage.json" | tail -n 1)
echo "line coverage of hal/ and ops/: $percent %, at least $least %"
if awk -v have="$percent" -v need="$least" 'BEGIN { exit !(have >= need) }'; then
    echo "coverage: 1 passed, 0 failed"
else
    echo "coverage: 0 passed, 1 failed"
    exit 1
fi
