#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: acme.sh NULL.C >ACME.C
# What docs/adding-a-backend.md asks of somebody who begins a backend: a copy of the null backend under another name, in which
# programs run kernels of its own (acme_kernels.c).
set -eu
exec sed -e 's/null/acme/g' -e 's/Null/Acme/g' \
    -e '/^typedef void (\*acme_kernel)/d' \
    -e '/^typedef struct acme_program {/,/^}/d' \
    -e '/^static hal_status acme_support(/,/^}/c\
#include "acme_kernels.c"' \
    -e '/^static void acme_nothing(/,/^}/d' \
    -e '/^static hal_status acme_compile(/,/^}/d' \
    -e '/^static hal_status acme_submit(/,/^}/d' "$1"
