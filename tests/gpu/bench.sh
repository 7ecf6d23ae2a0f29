# SPDX-License-Identifier: Apache-2.0
# The stage bench of tests/gpu/run: hal beside the PyTorch that is here, and beside what the card copies. What it is held to
# stands in goals.tsv: ID, a line for people, and the goal of the ratio. Sourced.

stage_bench() {
    step peer 90 find_peer
    step matmul "$(size 120 900)" bench_matmul
    step gpt2 "$(size 300 900)" bench_gpt2
    step llama "$(size 480 900)" bench_llama
    for op in copy softmax rms_norm layer_norm rotary adamw cross_entropy; do step "$op" "$(size 90 900)" bench_bytes "$op"; done
    step attention "$(size 90 900)" bench_attention
    step launch "$(size 90 900)" bench_launch
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

# answer ID MEASURED UNIT BESIDE TEXT: what was measured for a goal, and beside what. What is emulated or tiny proves nothing
# about speed, and is not held to it.
answer() {
    wanted=$(awk -F '\t' -v id="$1" '$1 == id { print $3 }' "$here/goals.tsv")
    share=$(ratio "$2" "$4")
    if [ "$emulated" = yes ]; then verdict='not run on hardware'
    elif [ -n "$tiny" ]; then verdict='tiny: not held to it'
    elif [ -z "$2" ]; then verdict='not measured'
    elif [ -z "$share" ]; then verdict='nothing to compare with'
    elif [ "$wanted" = recorded ]; then verdict=recorded
    elif awk -v s="$share" -v g="$wanted" 'BEGIN { b = substr(g, 3) + 0; exit !(g ~ /^>=/ ? s + 0 >= b : s + 0 <= b) }'; then verdict=met
    else
        verdict=missed
        missed="$missed $1 is $share, $wanted is wanted;"
    fi
    printf 'answer\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$key" "$1" "$(flat "$2")" "$3" "$(flat "$4")" "$share" "$verdict" "$(flat "$5")" >>"$figures"
}

# beside ID MEASURED UNIT PEER TEXT: the same beside a line of $work/peer
beside() {
    theirs=$(of_peer "$4")
    answer "$1" "$2" "$3" "$theirs" "${5:+$5; }${theirs:+PyTorch $4}$([ -n "$theirs" ] || echo "${peer:-no figure of PyTorch $4: $(of_peer "$4 failed")}")"
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
    beside matmul "$mine" flop/s eager "${n}x${n}x$n"
    judge
}

# Tokens a second of a training step.
bench_gpt2() {
    missed=
    training_model
    # shellcheck disable=SC2046
    hal hal-bench train --device "$gpu" --model "$model" --dtype bf16 --json \
        $(size '--batch 16 --context 1024 --steps 20' '--batch 2 --context 16 --steps 2') >"$work/train" 2>"$work/err"
    status=$?
    cat "$work/train" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    # shellcheck disable=SC2046
    peer gpt2 $(size '--batch 16 --context 1024 --steps 20' '--layers 1 --heads 2 --width 16 --vocabulary 256 --batch 2 --context 16 --steps 2')
    mine=$(number tokens_per_second "$work/train")
    text="$mine tokens/s"
    beside gpt2 "$mine" tokens/s eager
    beside gpt2_compile "$mine" tokens/s compile
    judge
}

# As many positions as are used, which is what PyTorch's caches have room for.
llama_config() {
    if [ -n "$tiny" ]; then shape='"vocab_size":64,"hidden_size":32,"intermediate_size":64,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":32'
    else shape='"vocab_size":32000,"hidden_size":2048,"intermediate_size":5632,"num_hidden_layers":22,"num_attention_heads":32,"num_key_value_heads":4,"max_position_embeddings":1156'; fi
    printf '{"model_type":"llama","rms_norm_eps":1e-5,"rope_theta":10000,"hidden_act":"silu",%s}\n' "$shape" >"$work/llama.json"
}

# generate OPTION...: hal-bench generate on the GPU; its line in $work/made
generate() {
    hal hal-bench generate --device "$gpu" --dtype bf16 --json "$@" >"$work/made" 2>"$work/err"
    status=$?
    cat "$work/made" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
}

bench_llama() {
    missed=
    llama_config
    prompt=$(size 1024 16) tokens=$(size 128 4)
    generate --model "$work/llama.json" --context "$prompt" --steps "$tokens" || return 1
    peer llama --config "$work/llama.json" --prompt "$prompt" --tokens "$tokens" --dtype bf16
    for way in prefill decode; do
        mine=$(number "${way}_tokens_per_second" "$work/made")
        beside "$way" "$mine" tokens/s "$way compile"
        figure "Llama $way" "$mine" tokens/s - "PyTorch eager: $(of_peer "$way eager")"
        text="$text$way $mine tokens/s; "
    done
    judge
}

# What the host's thread does for a decode step: with the launches of the step as one graph, and one by one.
bench_launch() {
    missed=
    llama_config
    # shellcheck disable=SC2046
    set -- $(size '--model gpt2 --context 64 --steps 256' "--model $work/llama.json --context 16 --steps 4")
    generate "$@" || return 1
    mine=$(number launch_seconds "$work/made")
    graphs=$(number graphs "$work/made")
    text="$mine s, $graphs graphs, $(number ops "$work/made") ops"
    answer launch "$mine" s 20e-6 "$text"
    export HAL_CUDA_GRAPHS=off
    generate "$@"
    status=$?
    unset HAL_CUDA_GRAPHS
    [ $status -eq 0 ] || return 1
    figure "the same launched one by one" "$(number launch_seconds "$work/made")" s -
    [ "$graphs" -gt 0 ] || { text="$text: the driver was given none"; return 1; }
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
    theirs=$(of_peer eager)
    figure "$1" "$mine" bytes/s - "PyTorch eager ${theirs:-${peer:-no figure}}, compile $(of_peer compile)"
    if [ "$1" = copy ]; then
        figure "bandwidth of a copy" "$(printf '%s\n' "$mine" "$theirs" | sort -g | tail -n 1)" bytes/s - "the better one of hal's and PyTorch's"
        return
    fi
    card=$(awk -F '\t' '$1 == "figure" && $3 == "bandwidth of a copy" { print $4 }' "$records")
    answer "$1" "$mine" bytes/s "$card" "${card:+a copy}"
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
    beside attention "$(ratio_long 1 "$seconds")" calls/s eager "$shape"
    judge
}
ratio_long() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 > 0) printf "%.9g\n", a / b }'; }

# What the library costs by itself.
bench_overhead() {
    hal hal-bench overhead --json >"$work/overhead" 2>"$work/err"
    status=$?
    cat "$work/overhead" "$work/err"
    [ $status -eq 0 ] || { text=$(why $status "$work/err"); return 1; }
    figure "eager op on the null backend" "$(number run_seconds "$work/overhead")" s -
    figure "submission of a prepared program, null backend" "$(number submit_seconds "$work/overhead")" s -
    text="the null backend"
}
