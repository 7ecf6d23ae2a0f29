#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a tool's --help names, its man page and its completion name too, and the other way round.
set -u
status=0
options() { grep -oE -- '--[a-z][a-z0-9-]+' | sort -u; }
compare() { # WHAT, options of --help, options of the other
    for option in $2; do
        echo "$3" | grep -qx -- "$option" || { echo "$1 does not name $option"; status=1; }
    done
    for option in $3; do
        echo "$2" | grep -qx -- "$option" || { echo "$1 names $option, but --help does not"; status=1; }
    done
}
for tool in hal-run hal-bench hal-info hal-matrix; do
    help=$("./$tool" --help | options)
    [ -n "$help" ] || { echo "$tool --help names no option"; status=1; continue; }
    compare "$tool.1" "$help" "$(sed 's/\\-/-/g; s/\\fR, " / /g' "$top_srcdir/docs/man/$tool.1" |
        grep -v '^\.BR.*hal-' | sed 's/"hal-run train --json"//' | options)"
    compare "completion of $tool" "$help" "$(options <"$top_srcdir/tools/completion/$tool")"
done
exit $status
