#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each file of ours names its licence in its first three lines.
set -u
cd "${top_srcdir:-.}" || exit 99
status=0
count=0
for file in $(find hal ops scheduler backends tools tests docs m4 bootstrap .ci configure.ac Makefile.am \
        hal.pc.in -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.sh' -o -name '*.mk' \
        -o -name '*.am' -o -name '*.ac' -o -name 'hal*.m4' -o -name '*.[17]' -o -name '*.map' -o -name '*.in' \
        -o -name bootstrap -o -path '.ci/*' -o -path 'tools/completion/*' \)); do
    count=$((count + 1))
    sed 3q "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' && continue
    echo "$file: no SPDX line in its first three lines"
    status=1
done
[ "$count" -gt 0 ] || { echo "no file was found"; exit 1; }
exit $status
