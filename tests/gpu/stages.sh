# SPDX-License-Identifier: Apache-2.0
# The stages of tests/gpu/run, each a few steps. Sourced.

# size FULL TINY: what fits the device
size() { if [ -n "$tiny" ]; then echo "$2"; else echo "$1"; fi; }

# number KEY FILE: the value of a key in JSON of this project, the last one where there are several
number() { tr ',{' '\n\n' <"$2" | sed -n "s/^ *\"$1\": *\\(-\\{0,1\\}[0-9][-+.0-9eE]*\\).*/\\1/p" | tail -n 1; }

# ratio A B: A / B with three digits, or nothing
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a + 0 > 0 && b + 0 > 0) printf "%.3f\n", a / b }'; }

# --- what there is ---

# Leaves the devices of the cuda backend in $devices, the first of them in $gpu and $name, "yes" or "no" in $emulated.
find_devices() {
    ends=$((began + 60))
    # asked twice: a driver that is new to a machine takes longer the first time
    for try in first second; do
        hal hal-run devices --json >"$work/devices.json" 2>"$work/devices.err"
        tr -d '\n' <"$work/devices.json" | tr '}' '\n' | grep '"backend": *"cuda"' | grep -v '"state": *"absent"' >"$work/cuda"
        [ ! -s "$work/cuda" ] || break
        echo "no device at the $try look" >>"$log"
    done
    devices=$(sed -n 's/.*"alias": *"\([^"]*\)".*/\1/p' "$work/cuda" | tr '\n' ' ')
    devices=${devices% }
    gpu=${devices%% *}
    if [ -z "$gpu" ]; then no_device; return 1; fi
    name=$(sed -n '1s/.*"name": *"\([^"]*\)".*/\1/p' "$work/cuda")
    if sed -n 1p "$work/cuda" | grep -q '"emulated": *true'; then emulated=yes; else emulated=no; fi
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | sed -n 1p)
    [ "$emulated" = no ] || driver=emulated
    [ -n "$driver" ] || driver=$(sed -n 's/.*Kernel Module[^0-9]*\([0-9][.0-9]*\).*/\1/p' /proc/driver/nvidia/version 2>/dev/null)
    driver=${driver:-unknown}
    echo "$name ($devices), driver $driver, hal $version at $commit"
    [ "$emulated" = no ] || echo "emulated: not run on hardware"
}

# Says why, and changes nothing that an earlier call found.
no_device() {
    echo "tests/gpu/run: no device of the cuda backend on this machine" >&2
    cat "$work/devices.err" >&2
    hal hal-info plugins 2>/dev/null | grep -E '^(BACKEND|cuda)' >&2
    hal hal-info doctor 2>/dev/null | sed -n 1,20p >&2
    echo "is the NVIDIA driver (libcuda.so.1) installed, and CUDA_VISIBLE_DEVICES (${CUDA_VISIBLE_DEVICES-not set}) as it should be?" >&2
    [ ! -e "$records" ] && {
        name=none devices= emulated=no driver=none
        same_run
        put step doctor.devices failed 0 "$(date +%s)" "no device of the cuda backend"
    }
    return 0
}

# --- doctor: what the machine is, and whether memory and links carry what they are given ---

stage_doctor() {
    step doctor 60 doctor
    for device in $devices; do step "memory-$device" 60 memory "$device"; done
    for device in $devices; do
        step "link-host-$device" 20 link host "$device"
        step "link-$device-host" 20 link "$device" host
        for other in $devices; do
            [ "$other" = "$device" ] || step "link-$device-$other" 20 link "$device" "$other"
        done
    done
    step machine 40 machine # with what was measured
}

doctor() {
    worst=0
    for device in $devices; do
        hal hal-info doctor "$device" --deadline 30 >"$work/doctor" 2>&1
        status=$?
        cat "$work/doctor"
        case $status in
        0) ;;
        4) text="$text$device: $(grep -c '^  warn' "$work/doctor") warnings, in the log; " ;;
        *) worst=1; text="$text$device: $(sed -n 1p "$work/doctor"); " ;;
        esac
    done
    text=${text:-every rung holds}
    return $worst
}

machine() {
    hal hal-info --json --probe --redact --deadline 30 >"$work/machine.json" 2>"$work/err"
    status=$?
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    mv "$work/machine.json" "$out/machine.json"
    text="in machine.json"
}

# verified FILE EVENT: bandwidth of that event when its data arrived whole
verified() { sed -n "s/^{\"event\":\"$2\".*\"verified\":true,\"bandwidth\":{\"value\":\\([-+.0-9eE]*\\).*/\\1/p" "$1"; }

memory() {
    # shellcheck disable=SC2046
    hal hal-bench mem --device "$1" --quick --json $(size '--bytes 1073741824 --save' '--bytes 262144') >"$work/mem" 2>"$work/err"
    status=$?
    cat "$work/mem" "$work/err"
    # 4 with data that arrived: measured, and not kept, as the description of this machine does not know the memory
    case $status in 0 | 4) ;; *) text=$(why $status "$work/err"); return 1 ;; esac
    for event in read write copy; do
        rate=$(verified "$work/mem" $event)
        [ -n "$rate" ] || { text="$event was not verified: $(sed -n "s/.*\"event\":\"$event\".*\"failure\":\"\\([^\"]*\\)\".*/\\1/p" "$work/mem")"; return 1; }
        figure "$1 memory $event" "$rate" bytes/s -
    done
    text="read, write and copy verified"
}

link() {
    # shellcheck disable=SC2046
    hal hal-bench link --from "$1" --to "$2" --quick --json $(size '--bytes 268435456 --save' '--bytes 262144') >"$work/link" 2>"$work/err"
    status=$?
    cat "$work/link" "$work/err"
    rate=$(verified "$work/link" link)
    # 4 with data that arrived: measured, and not kept, as the description of this machine does not know an end
    case $status in 0 | 4) ;; *) rate= ;; esac
    [ -n "$rate" ] || { text=$(why $status "$work/err"); return 1; }
    figure "$1 to $2" "$rate" bytes/s -
    text="data verified"
}

# --- quick and full: the conformance matrix, an operator at a time, added up in one report ---

operators() { if [ -n "$ops" ]; then echo "$ops"; else sed -n 's/^HAL_OP([0-9]*, [A-Z0-9_]*, \([a-z0-9_]*\),.*/\1/p' "$source/ops/ops.def"; fi; }

stage_quick() { matrix quick "$(size quick tiny)" "$(size 120 900)"; }
stage_full() { matrix full "$(size full tiny)" "$(size 300 900)"; }

# matrix NAME LIST SECONDS
matrix() {
    for op in $(operators); do step "$op" "$3" operator "$1" "$2" "$op"; done
    for op in $(operators); do [ -n "$(status_in "$records" "$1.$op")" ] || return 0; done
    step whole 20 whole "$1" "$2"
}

counts() { sed -n 's/^[^ ]*, [a-z]* list: \([0-9]*\) declared, \([0-9]*\) executed, \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2 \3 \4/p' "$1" | awk '{ d += $1; e += $2; p += $3; f += $4 } END { if (NR) print d, e, p, f }'; }

operator() {
    # shellcheck disable=SC2046
    hal hal-matrix run --backend cuda --list "$2" --op "$3" --jobs "$(size 8 1)" --json "$work/part.json" >"$work/matrix" 2>"$work/err"
    status=$?
    cat "$work/matrix" "$work/err"
    # shellcheck disable=SC2046
    set -- "$1" "$2" "$3" $(counts "$work/matrix")
    reason=$(why $status "$work/err")
    [ $# -eq 7 ] || { text=$reason; return 1; }
    add_part "$out/matrix-$1.json" || { text="its report could not be added: $(tail -n 1 "$work/err")"; return 1; }
    text="$5 of $4 executed, $6 passed, $7 failed"
    # no case of an operator that the device hands to its decomposition is executed: that is no failure
    [ $status -eq 0 ] || { [ $status -eq 4 ] && [ "$5" -eq 0 ] && [ "$7" -eq 0 ]; } || { text="$text: $reason"; return 1; }
}

# add_part FILE: the report of one operator into that of all
add_part() {
    set -- "$1" "$work/part.json"
    [ ! -e "$1" ] || set -- "$1" "$1" "$2"
    to=$1
    shift
    hal hal-matrix merge "$@" -o "$work/merged.json" >"$work/err" 2>&1 || { cat "$work/err"; return 1; }
    mv "$work/merged.json" "$to"
}

# whole NAME LIST: what the operators come to, and whether it is the whole list
whole() {
    for op in $(operators); do
        [ "$(status_in "$records" "$1.$op")" = ok ] || { text="$op is red"; return 1; }
    done
    hal hal-matrix merge "$out/matrix-$1.json" -o "$work/merged.json" --md "$work/matrix.md" >"$work/err" 2>&1
    status=$?
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    cat "$work/matrix.md"
    for word in executed failed unsupported; do figure "$2 list, $word" "$(number $word "$work/merged.json")" cases "$([ $word = failed ] && echo '<=0' || echo -)"; done
    level=$(sed -n 's/.*"level": *"\([^"]*\)".*/\1/p' "$work/merged.json" | sort -u | tr '\n' ' ')
    text="level ${level% }"
    [ -n "$ops" ] || [ -n "$tiny" ] || case $level in "Conformant-$2 ") ;; *) return 1 ;; esac
}

# --- train: the losses of the GPU are those of the cpu (docs/numerics.md: 20 steps, 1e-5 in f32, 2e-2 in bf16) ---

stage_train() {
    step f32 "$(size 240 900)" train f32 1e-5 # an emulated device compiles for minutes
    step bf16 "$(size 240 900)" train bf16 2e-2
}

training_model() {
    cat "$source"/docs/*.md | head -c "$(size 20000 3000)" >"$work/text"
    model=gpt2
    [ -z "$tiny" ] || { model=$work/model.json; echo '{"model_type":"gpt2","vocab_size":256,"n_positions":16,"n_embd":16,"n_layer":1,"n_head":2}' >"$model"; }
}

# losses DTYPE DEVICE: those of each step, a line each, in $work/DEVICE
losses() {
    hal hal-run train --model "$model" --text "$work/text" --dtype "$1" --devices "$2" --batch "$(size 4 2)" \
        --context "$(size 64 16)" --steps "$(size 20 3)" --eval-every "$(size 1 1)" --json --quiet >"$work/train" 2>"$work/err"
    status=$?
    cat "$work/train" "$work/err"
    [ $status -eq 0 ] || { text="$2: $(why $status "$work/err")"; return 1; }
    sed -n 's/.*"event": *"eval".*"train_loss": *\([-+.0-9eE]*\).*"val_loss": *\([-+.0-9eE]*\).*/\1\n\2/p' "$work/train" >"$work/$2"
}

train() {
    training_model
    losses "$1" cpu0 && losses "$1" "$gpu" || return 1
    worst=$(paste "$work/cpu0" "$work/$gpu" | awk '
        NF == 2 { d = ($1 - $2) / $1; if (d < 0) d = -d; if (!(d <= worst)) worst = d; n++ }
        END { if (n && n == NR) printf "%.3g %d\n", worst, n }')
    [ -n "$worst" ] || { text="the two runs have not the same number of losses"; return 1; }
    figure "worst relative difference of ${worst#* } losses, $1" "${worst% *}" '' "<=$2"
    text="${worst#* } losses, the worst differs by ${worst% *}, $2 are allowed"
    awk -v w="${worst% *}" -v e="$2" 'BEGIN { exit !(w <= e) }'
}

. "$here/bench.sh"

# --- check: the memory checker and a profile, where the tools are ---

stage_check() {
    step memcheck "$(size 300 900)" memcheck
    step profile "$(size 200 900)" profile
}

# find_tool NAME FOLDER...: where it is, on the path or where its vendor puts it
find_tool() {
    command -v "$1" && return
    wanted=$1
    shift
    for folder in "$@"; do [ ! -x "$folder/$wanted" ] || { echo "$folder/$wanted"; return; }; done
    return 1
}

memcheck() {
    checker=$(find_tool compute-sanitizer /usr/local/cuda*/bin /usr/local/cuda*/compute-sanitizer) ||
        { text="no compute-sanitizer here"; return 77; }
    [ "$emulated" = no ] || [ -n "${HAL_GPU_CHECK_EMULATED-}" ] || { text="compute-sanitizer checks hardware, and this device is emulated"; return 77; }
    # shellcheck disable=SC2046
    timed "$checker" --tool memcheck --error-exitcode 99 "$bin/hal-matrix" run --device "$gpu" --list tiny \
        $(for op in ${ops:-copy reduce softmax matmul layer_norm attention adamw cross_entropy}; do echo "--op $op"; done) \
        >"$work/memcheck" 2>&1
    status=$?
    cat "$work/memcheck"
    text=$(grep 'ERROR SUMMARY' "$work/memcheck" | tail -n 1 | sed 's/^=* *//')
    ! grep -q 'Device not supported' "$work/memcheck" || { text="compute-sanitizer says: Device not supported"; return 77; }
    [ $status -eq 0 ] || { text="${text:-$(why $status "$work/memcheck")}, status $status"; return 1; }
}

profile() {
    profiler=$(find_tool nsys /usr/local/cuda*/bin /opt/nvidia/nsight-systems/*/bin) || { text="no nsys here"; return 77; }
    [ "$emulated" = no ] || [ -n "${HAL_GPU_CHECK_EMULATED-}" ] || { text="nsys profiles hardware, and this device is emulated"; return 77; }
    # shellcheck disable=SC2046
    timed env HAL_CUDA_RANGES=on "$profiler" profile --force-overwrite true --trace cuda,nvtx --output "$work/profile" "$bin/hal-bench" train \
        --device "$gpu" --json --steps 5 $(size '--model gpt2 --dtype bf16 --batch 16 --context 1024' '--model char --batch 1 --context 8') >"$work/nsys" 2>&1
    status=$?
    cat "$work/nsys"
    [ $status -eq 0 ] && [ -s "$work/profile.nsys-rep" ] || { text=$(why $status "$work/nsys"); return 1; }
    [ "$(wc -c <"$work/profile.nsys-rep")" -le 16000000 ] || { text="made, and left out: larger than 16 MB"; return 0; }
    mv "$work/profile.nsys-rep" "$out/profile.nsys-rep"
    text="in profile.nsys-rep"
}
