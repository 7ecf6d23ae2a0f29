#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libhal exports hal_* and nothing else. A backend exports its one entry, needs nothing of
# libhal, and carries the note that the loader reads before it opens the file.
set -u
status=0
wrong() { echo "$*"; status=1; }
symbols() { nm -D --format=posix "$@" | sed 's/@[^ ]*//'; }
# sanitizers and profilers bring symbols of their own
foreign='^(__|_init$|_fini$|_edata$|_end$|HAL_0$|gcov|mangle_path$|asan|lsan|ubsan|tsan)'

library=.libs/libhal.so
[ -e "$library" ] || { echo "$library is not built"; exit 99; }
symbols --defined-only "$library" | awk '{ print $1 }' | grep -Ev "$foreign" | grep -v '^hal_' &&
    wrong "$library exports the names above; only hal_* may be public"
[ "$(symbols --defined-only "$library" | grep -c '^hal_')" -gt 0 ] || wrong "$library exports nothing"
readelf -d "$library" | grep -q 'SONAME.*libhal\.so\.0]' || wrong "$library is not libhal.so.0"

seen=0
for plugin in plugins/libhal_*.so; do
    [ -e "$plugin" ] || continue
    seen=$((seen + 1))
    names=$(symbols --defined-only "$plugin" | awk '{ print $1 }' | grep -Ev "$foreign" | tr '\n' ' ')
    [ "$names" = "hal_backend_query " ] || wrong "$plugin exports '$names', not hal_backend_query alone"
    names=$(symbols --undefined-only "$plugin" | awk '{ print $1 }' | grep '^hal_' | tr '\n' ' ')
    [ -z "$names" ] || wrong "$plugin needs $names of its host; a backend gets a host table instead"
    readelf -n "$plugin" 2>/dev/null | grep -qi 'note\.hal' || wrong "$plugin has no .note.hal section"
done
[ "$seen" -gt 0 ] || wrong "no plugin was built"
exit $status
