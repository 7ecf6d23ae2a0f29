#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The table of codes in docs/discovery.md is that of hal/discovery/codes.def, and each code has a test.
exec "${PYTHON:-python3}" "$top_srcdir/docs/discovery.py" --check
