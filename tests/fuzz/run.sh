#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh TARGET SECONDS SEED driver|libfuzzer
# Runs one fuzz target in a directory of its own, where a crash leaves its input.
set -eu
program=$PWD/$1
work=tests/fuzz/work/$(basename "$1")
mkdir -p "$work"
cd "$work"
case $4 in
    driver) exec "$program" --seconds "$2" --seed "$3" ;;
    libfuzzer) exec "$program" -max_total_time="$2" -seed="$(($3 % 4294967295))" . ;;
esac
echo "run.sh: $4: expected driver or libfuzzer" >&2
exit 2
