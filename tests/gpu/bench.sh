# SPDX-License-Identifier: Apache-2.0
# The stage bench of tests/gpu/run: hal beside the PyTorch that is here, and beside what the card copies. Sourced.

stage_bench() {
    step peer 90 find_peer
    step matmul "$(size 120 900)" bench_matmul
    step gpt2 "$(size 300 900)" bench_gpt2
    step llama "$(size 480 900)" bench_llama
    for op in copy softmax rms_norm layer_norm rotary adamw cross_entropy; do step "$op" "$(size 90 900)" bench_bytes "$op"; done
    step attention "$(size 90 900)" bench_attention
    step overhead 60 bench_overhead
}

# peer CASE OPTION...: the figures of PyTorch, "NAME<tab>VALUE" a line, in $work/peer. Where there are none, $peer says why.
peer() {
    peer=
    # shellcheck disable=SC2046
    timed "$python" "$here/bench_torch.py" "$@" $(size '' --any-device) >"$work/peer" 2>"$work/peer.err"
    status=$?
    cat "$work/peer" "$work/peer.err"
    [ $status -eq 0 ] || { : >"$work/peer"; peer="not there: $(why $status "$work/peer.err")"; }
}
of_peer() { sed -n "s/^$1$tab//p" "$work/peer"; }

find_peer() {
    peer about
    [ -z "$peer" ] || { text="$peer"; figure PyTorch "not there" '' - "$peer"; return 77; }
    text="PyTorch $(of_peer version) on $(of_peer device)"
    figure PyTorch "$(of_peer version)" '' - "on $(of_peer device)"
}

# beside NAME UNIT GOAL HAL PEER...: hal's figure and the ratio to each peer; the first has the goal. Peers are names of
# lines of $work/peer that hold rates in the unit.
beside() {
    what=$1 unit=$2 goal=$3 mine=$4
    shift 4
    figure "$what" "$mine" "$unit" - hal
    for one in "$@"; do
        theirs=$(of_peer "$one")
        share=$(ratio "$mine" "$theirs")
        if [ -n "$share" ]; then figure "$what, hal / PyTorch $one" "$share" '' "$goal" "PyTorch $one: $theirs $unit"
        else figure "$what, hal / PyTorch $one" "not there" '' "$goal" "${peer:-no figure: $(of_peer "$one failed")}"; fi
        reach "$share" "$goal" || missed="$missed $what is $share of PyTorch $one, $goal is wanted;"
        goal=-
    done
}

# reach VALUE GOAL: false when it is missed. What is emulated or tiny proves nothing about speed, and is not held to it.
reach() {
    [ "$emulated" = no ] && [ -z "$tiny" ] && [ -n "$1" ] && [ "$2" != - ] || return 0
    awk -v a="$1" -v g="$2" 'BEGIN { b = substr(g, 3) + 0; exit !(g ~ /^>=/ ? a + 0 >= b : a + 0 <= b) }'
}

judge() { text="$text${missed:+;}$missed"; [ -z "$missed" ]; }

# op OPTION...: hal-bench op on the GPU; its line in $work/op
op() {
    hal hal-bench op --device "$gpu" --json "$@" >"$work/op" 2>"$work/err"
    status=$?
    cat "$work/op" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
}

bench_matmul() {
    missed=
    n=$(size 8192 64)
    op --op matmul --in "bf16:${n}x$n" --in "bf16:${n}x$n" || return 1
    peer matmul --size "$n"
    mine=$(number flops_per_second "$work/op")
    text="$mine flop/s"
    beside "matmul bf16 ${n}x${n}x$n" flop/s '>=0.95' "$mine" eager
    judge
}

# Tokens a second of a training step.
bench_gpt2() {
    missed=
    # shellcheck disable=SC2046
    hal hal-bench train --device "$gpu" --json $(size '--model gpt2 --dtype bf16 --batch 16 --context 1024 --steps 20' \
        '--model char --dtype bf16 --batch 1 --context 8 --steps 2') >"$work/train" 2>"$work/err"
    status=$?
    cat "$work/train" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    # shellcheck disable=SC2046
    peer gpt2 $(size '--batch 16 --context 1024 --steps 20' '--layers 1 --heads 2 --width 32 --vocabulary 65 --batch 1 --context 8 --steps 2')
    mine=$(number tokens_per_second "$work/train")
    text="$mine tokens/s"
    beside "GPT-2 training step, bf16$(size ', batch 16, context 1024' '')" tokens/s '>=0.9' "$mine" eager compile
    judge
}

llama_config() {
    if [ -n "$tiny" ]; then shape='"vocab_size":64,"hidden_size":32,"intermediate_size":64,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":32'
    else shape='"vocab_size":32000,"hidden_size":2048,"intermediate_size":5632,"num_hidden_layers":22,"num_attention_heads":32,"num_key_value_heads":4,"max_position_embeddings":2048'; fi
    printf '{"model_type":"llama","rms_norm_eps":1e-5,"rope_theta":10000,"hidden_act":"silu",%s}\n' "$shape" >"$work/llama.json"
    awk -v n="$((20 * $(size 50 1)))" 'BEGIN { while (n--) print "the quick brown fox jumps over the lazy dog 0123456789" }' >"$work/llama.txt"
}

# A model of random weights: made by training it for no step, then read by hal-run generate.
bench_llama() {
    missed=
    llama_config
    # the context runs full, and its newer half is read again: by then no program is new
    prompt=$(size 1024 16) tokens=$(size 1040 20)
    hal hal-run train --devices cpu0 --model "$work/llama.json" --text "$work/llama.txt" --context "$(size 2048 32)" --batch 1 --steps 0 --eval-every 0 \
        --quiet --save "$work/llama" >"$work/made" 2>"$work/err"
    status=$?
    cat "$work/made" "$work/err"
    [ $status -eq 0 ] || { text="the model could not be made: $(why $status "$work/err")"; return 1; }
    rm -f "$work/llama/tokenizer.json"
    ids=$(awk -v n="$prompt" 'BEGIN { for (i = 0; i < n; i++) printf "%s%d", i ? "," : "", i * 7 % 61 }')
    hal hal-run generate --load "$work/llama" --devices "$gpu" --prompt-ids "$ids" --tokens "$tokens" --temperature 0 --json >"$work/made" 2>"$work/err"
    status=$?
    cat "$work/made" "$work/err"
    rm -rf "$work/llama"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    peer llama --config "$work/llama.json" --prompt "$prompt" --tokens "$(size 128 4)" --dtype f32
    for way in prefill decode; do
        mine=$(number "${way}_tokens_per_second" "$work/made")
        if [ -n "$mine" ]; then
            beside "Llama 1B $way$(size '' ' (tiny)'), f32" tokens/s '>=0.9' "$mine" "$way compile" "$way eager"
            text="$text$way $mine tokens/s; "
        else
            figure "Llama 1B $way, hal / PyTorch $way compile" "not measured" '' '>=0.9' "hal-run generate gave no rate"
            text="${text}no rate of $way; "
        fi
    done
    judge
}

# The operands of a bandwidth-bound operator: some GiB, so that the wait for one call is lost in it.
operands() {
    x=$(size 131072x4096 16x64)
    case $1 in
    copy | softmax) echo "bf16:$x" ;;
    rms_norm) echo "bf16:$x bf16:${x#*x}" ;;
    layer_norm) echo "bf16:$x bf16:${x#*x} bf16:${x#*x}" ;;
    rotary) echo "bf16:$(size 64x32x2048x128 1x2x16x8) i32:$(size 2048 16)" ;;
    adamw) n=$(size 268435456 1024); echo "f32:$n f32:$n f32:$n f32:$n f32: f32: f32:" ;;
    cross_entropy) echo "bf16:$(size 16384x50257 8x65) i32:$(size 16384 8)" ;;
    esac
}

bench_bytes() {
    missed=
    # shellcheck disable=SC2046
    op --op "$1" $(for one in $(operands "$1"); do echo "--in $one"; done) || return 1
    # shellcheck disable=SC2046
    peer "$1" $(for one in $(operands "$1"); do echo "--in $one"; done)
    mine=$(number bytes_per_second "$work/op")
    text="$mine bytes/s"
    if [ "$1" = copy ]; then
        beside "copy, the card's bandwidth" bytes/s - "$mine" eager
        return
    fi
    beside "$1" bytes/s - "$mine" eager compile
    card=$(awk -F '\t' '$1 == "figure" && $2 == "bench.copy" && ($3 ~ /bandwidth$/ || $3 ~ /PyTorch eager$/) {
        v = $4 + 0; if ($3 ~ /PyTorch/) { split($7, w, ": "); v = w[2] + 0 } if (v > best) best = v } END { if (best) printf "%.6g", best }' "$records")
    share=$(ratio "$mine" "$card")
    figure "$1, of the card's copy bandwidth" "${share:-not measured}" '' '>=0.85' "${card:+copy: $card bytes/s}"
    reach "$share" '>=0.85' || missed=" $share of the copy bandwidth, >=0.85 is wanted"
    judge
}

bench_attention() {
    missed=
    shape=$(size 8x32x2048x128 1x2x16x8)
    op --op attention --in "bf16:$shape" --in "bf16:$shape" --in "bf16:$shape" || return 1
    peer attention --in "bf16:$shape"
    seconds=$(number seconds "$work/op")
    text="$seconds s"
    # work is counted in calls: the two may count the masked half differently
    beside "causal attention bf16 $shape" calls/s '>=0.9' "$(ratio_long 1 "$seconds")" eager
    judge
}
ratio_long() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 > 0) printf "%.9g\n", a / b }'; }

# What the library costs by itself; of a graph's launch hal-bench has no figure.
bench_overhead() {
    hal hal-bench overhead --json >"$work/overhead" 2>"$work/err"
    status=$?
    cat "$work/overhead" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    figure "eager op on the null backend" "$(number run_seconds "$work/overhead")" s -
    figure "submission of a prepared program, null backend" "$(number submit_seconds "$work/overhead")" s -
    figure "launch of a decode step through a graph, host time" "not measured" s '<=20e-6' "hal-bench has no such figure"
    text="the null backend; of a graph's launch there is no figure"
}
