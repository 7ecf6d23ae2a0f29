# SPDX-License-Identifier: Apache-2.0

# HAL_HELP_GROUP(TITLE): a heading in ./configure --help over the options that follow.
AC_DEFUN([HAL_HELP_GROUP], [m4_divert_text([HELP_ENABLE], [
  $1:])])

# HAL_REPORT(NAME, RESULT, REASON): one row of the table printed at the end.
AC_DEFUN([HAL_REPORT], [AS_VAR_APPEND([hal_summary], ["$1|$2|$3
"])])

AC_DEFUN([HAL_SUMMARY], [
HAL_REPORT([compiler], [$CC], [$hal_optimise_reason])
AS_ECHO(["
hal $PACKAGE_VERSION for $host, installed below $prefix
"])
AS_ECHO(["$hal_summary"]) | $AWK -F'|' 'NF == 3 { printf "  %-14s %-14s %s\n", [$]1, [$]2, [$]3 }'
AS_ECHO([""])
])
