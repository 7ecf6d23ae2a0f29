#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# module.sh NAME OLDEST CODE FLAG...: NAME.ptx, NAME.fatbin and NAME.log of NAME.cu, with the compiler $NVCC. NAME.sum, the
# last, has the digests of these, of the text, and of made.with, which tells compiler and flags. So what $FROM has under that
# name is right here when its sums are: text and flags are those of here, and nothing was changed since.
set -eu
name=$1 oldest=$2 code=$3
shift 3

taken() {
    [ -n "${FROM:-}" ] && [ -r "$FROM/$name.sum" ] || return 1
    for ending in ptx fatbin log; do cp "$FROM/$name.$ending" "$name.$ending" 2>/dev/null || return 1; done
    sums=$(cat "$FROM/$name.sum") && echo "$sums" | sha256sum --check --status 2>/dev/null && echo "$sums" >"$name.sum"
}

# Both compilers' words are kept; what is not a report is shown too.
said() {
    grep -v -e '^ptxas info' -e '^ *[0-9]* bytes stack frame' "$name.log" >&2 || :
}

rm -f "$name.sum"
taken && exit
echo "  NVCC     $name"
{ "$NVCC" -x cu -ptx -arch="$oldest" "$@" -o "$name.ptx" "$name.cu" &&
    "$NVCC" -fatbin -Xfatbin -compress-all -Xptxas -v -gencode "arch=$oldest,code=[$oldest,$code]" -o "$name.fatbin" "$name.ptx"
} >"$name.log" 2>&1 || { said; exit 1; }
said
sha256sum "$name.cu" "$name.ptx" "$name.fatbin" "$name.log" made.with >"$name.sum.new" && mv "$name.sum.new" "$name.sum"
