#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page of operators is that of the table.
exec "${PYTHON:-python3}" "$top_srcdir/docs/operators.py" --check
