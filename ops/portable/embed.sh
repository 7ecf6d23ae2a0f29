#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh FILE... : prints a C file that holds them as strings, by name without directory and ending.
set -eu
printf '/* Made by ops/portable/embed.sh. */\n#include "ops/portable/texts.h"\n'
printf 'const hal_portable_text hal_portable_texts[] = {\n'
for file in "$@"; do
    name=${file##*/}
    printf '{"%s",\n' "${name%.*}"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' "$file"
    printf '},\n'
done
printf '{0, 0}};\n'
