#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each C file in the tree belongs to some target: a file that nothing builds tests nothing.
set -u
cd "${top_srcdir:-.}" || exit 99
status=0
fragments=$(find . -name local.mk -not -path './build*')
for file in $(find hal ops scheduler backends tools tests -name '*.[ch]'); do
    # shellcheck disable=SC2086
    grep -qE "(^|[[:space:]])($file|${file%.*})([[:space:]]|\$)" $fragments && continue
    echo "$file: no local.mk names it"
    status=1
done
exit $status
