#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh TARGET SECONDS SEED driver|libfuzzer
# Runs one fuzz target in a directory of its own, where a crash leaves its input. Run in the build directory.
set -eu
program=$PWD/$1
plugin=$PWD/plugins/libhal_null.so
work=tests/fuzz/work/$(basename "$1")
mkdir -p "$work"
cd "$work"
seeds=
case $1 in
    */fuzz_note) # a real file, as much of it as the driver takes
        mkdir -p seeds
        head -c 65536 "$plugin" >seeds/plugin
        seeds=seeds ;;
esac
case $4 in
    driver) exec "$program" --seconds "$2" --seed "$3" $seeds ;;
    libfuzzer) exec "$program" -max_total_time="$2" -seed="$(($3 % 4294967295))" . $seeds ;;
esac
echo "run.sh: $4: expected driver or libfuzzer" >&2
exit 2
