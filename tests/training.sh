#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: training.sh BUILD
# The whole char preset on tinyshakespeare: the loss it must reach, bf16 beside f32, the same bits
# again, on two pinned devices, and after a resume.
set -u
build=$1
work=$build/tests/training
text=${HAL_TEST_DATA:-}/text/tinyshakespeare.txt
passed=0
failed=0

if [ ! -r "$text" ]; then
    echo "SKIP: no text/tinyshakespeare.txt below HAL_TEST_DATA"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
rm -rf "$work"
mkdir -p "$work"

# train NAME OPTION...: leaves NAME.json and the validation loss in $loss
train() {
    name=$1
    shift
    "$build/hal-run" train --model char --text "$text" --json "$@" >"$work/$name.json" 2>"$work/$name.log" ||
        { tail -n 5 "$work/$name.log"; loss=; return 1; }
    loss=$(sed -n 's/.*"event": *"done".*"val_loss": *\([0-9.]*\).*/\1/p' "$work/$name.json")
    echo "$name: validation loss $loss"
}

check() {
    what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "failed: $what"; fi
}

at_most() { [ -n "$1" ] && awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }
near() { [ -n "$1" ] && [ -n "$2" ] && awk -v a="$1" -v b="$2" -v e="$3" 'BEGIN { exit !(a - b <= e && b - a <= e) }'; }
same_model() { cmp "$work/$1/model.safetensors" "$work/$2/model.safetensors"; }

train f32 --save "$work/f32"
f32=$loss
check "f32 reaches 1.92" at_most "$f32" 1.92
train bf16 --dtype bf16
check "bf16 is within 0.02 of f32" near "$loss" "$f32" 0.02

train once --steps 100 --save "$work/once"
train again --steps 100 --save "$work/again"
check "a second run gives the same bits" same_model once again
HAL_CPU_DEVICES=2 train two --steps 100 --save "$work/two" --devices cpu0,cpu1 --pin '.*\.h\.[23]\..*=cpu1'
check "two pinned devices give the same bits" same_model once two

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
