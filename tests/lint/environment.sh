#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each environment variable of ours that the code reads stands in hal(7), and the other way round;
# those that the library reads also stand in hal.h.
set -u
cd "${top_srcdir:-.}" || exit 99
status=0
# a name in quotes that is not a C constant's
read_by() {
    grep -rhoE '(getenv|env_get|take|take_bytes|take_count|take_switch)\([^;]*"HAL_[A-Z_]+"' "$@" --include='*.c' |
        grep -oE 'HAL_[A-Z_]+"$' | tr -d '"' | sort -u
}
library=$(read_by hal ops scheduler backends)
code=$(printf '%s\n' "$library" "$(read_by tools)" | sort -u)
manual=$(sed -n '/^\.SH ENVIRONMENT/,/^\.SH ERRORS/p' docs/man/hal.7 | sed -n 's/^\.B \(HAL_[A-Z_]*\)$/\1/p' | sort -u)
[ -n "$library" ] && [ -n "$manual" ] || { echo "found no variable"; exit 1; }
for name in $code; do
    echo "$manual" | grep -qx "$name" || { echo "hal.7 does not name $name"; status=1; }
done
for name in $manual; do
    echo "$code" | grep -qx "$name" || { echo "hal.7 names $name, which nothing reads"; status=1; }
done
table=$(grep -oE '^ *\{"HAL_[A-Z_]+"' tools/hal-info/config.c | grep -oE 'HAL_[A-Z_]+' | sort -u)
for name in $manual; do
    echo "$table" | grep -qx "$name" || { echo "hal-info config does not show $name"; status=1; }
done
for name in $table; do
    echo "$manual" | grep -qx "$name" || { echo "hal-info config shows $name, which hal.7 does not name"; status=1; }
done
for name in $library; do
    grep -qw "$name" hal/hal.h || { echo "hal.h does not name $name"; status=1; }
done
exit $status
