# SPDX-License-Identifier: Apache-2.0
# What scripts that train share; sourced. They set `build`, `work` and `text` before they train.
passed=0
failed=0

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

# all losses of NAME.json, one a line
losses() { sed -n 's/.*"event": *"eval".*"train_loss": *\([0-9.e+-]*\),.*"val_loss": *\([0-9.e+-]*\).*/\1\n\2/p' "$work/$1.json"; }

# close_curves A B BOUND: the losses of 20 steps
close_curves() {
    losses "$1" >"$work/$1.losses" && losses "$2" >"$work/$2.losses"
    paste "$work/$1.losses" "$work/$2.losses" | awk -v e="$3" '
        { d = ($1 - $2) / $2; if (d < 0) d = -d; if (d > worst) worst = d; n++ }
        END { printf "%d losses, the worst differs by %.2g\n", n, worst; exit !(n == 40 && worst <= e) }'
}
