# SPDX-License-Identifier: Apache-2.0

# HAL_WITH_PACKAGE(NAME, PKG-CONFIG-SPEC, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE,
#                  required|optional, PURPOSE)
#
# Adds --with-NAME=yes|no|auto|DIR. An explicit yes or DIR that cannot be met is an error;
# auto takes what is there and keeps the reason for the summary. A required package that is
# missing or refused is an error in every case. Sets hal_have_NAME, NAME_CFLAGS, NAME_LIBS.
AC_DEFUN([HAL_WITH_PACKAGE], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
m4_pushdef([hal_cflags], [m4_toupper([$1])_CFLAGS])
m4_pushdef([hal_libs], [m4_toupper([$1])_LIBS])
AC_ARG_VAR(hal_cflags, [compiler flags for $1, instead of pkg-config])
AC_ARG_VAR(hal_libs, [linker flags for $1, instead of pkg-config])
AC_ARG_WITH([$1],
    [AS_HELP_STRING([--with-$1=yes|no|auto|DIR], [$8 ($7; Debian package $6) @<:@auto@:>@])],
    [hal_want_$1=$withval], [hal_want_$1=auto])
hal_have_$1=no
hal_reason_$1=
AS_CASE([$hal_want_$1],
    [no], [hal_reason_$1="refused by --without-$1"],
    [yes|auto], [HAL_PACKAGE_SEARCH([$1], [$2], [$3], [$4], [$5], [])],
    [/*], [HAL_PACKAGE_SEARCH([$1], [$2], [$3], [$4], [$5], [$hal_want_$1])],
    [AC_MSG_ERROR([--with-$1=$hal_want_$1: expected yes, no, auto or an absolute directory])])
AS_VAR_IF([hal_have_$1], [no], [
    m4_if([$7], [required],
        [AC_MSG_ERROR([$1 is needed for $8, but was not used: $hal_reason_$1.
  Install it (Debian: apt-get install $6) or name its prefix with --with-$1=DIR.])],
        [AS_CASE([$hal_want_$1], [no|auto], [],
            [AC_MSG_ERROR([--with-$1=$hal_want_$1 cannot be met: $hal_reason_$1.
  Install it (Debian: apt-get install $6), name its prefix with --with-$1=DIR,
  or build without it: --without-$1.])])])
    hal_cflags= hal_libs=])
HAL_REPORT([$1], [$hal_have_$1], [$hal_reason_$1])
m4_popdef([hal_libs])
m4_popdef([hal_cflags])
])

# HAL_PACKAGE_SEARCH(NAME, SPEC, HEADER, LIBRARY, FUNCTION, DIR): flags from the environment
# first, then pkg-config (only DIR's own files when a DIR is named), then header and library;
# whatever is found must compile and link.
AC_DEFUN([HAL_PACKAGE_SEARCH], [
hal_dir=$6
hal_pc_path=
AS_IF([test -n "$hal_dir"], [
    for hal_pc in "$hal_dir"/lib/pkgconfig "$hal_dir"/lib/*/pkgconfig "$hal_dir"/lib64/pkgconfig \
                  "$hal_dir"/share/pkgconfig; do
        AS_IF([test -d "$hal_pc"], [hal_pc_path=$hal_pc_path:$hal_pc])
    done])
AC_MSG_CHECKING([for $1])
hal_from=
AS_IF([test -n "$hal_cflags$hal_libs"], [hal_from="flags of the caller"],
    [test -n "$hal_dir" && PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=$hal_pc_path \
        $PKG_CONFIG --exists "$2" 2>/dev/null], [
        hal_from="pkg-config below $hal_dir"
        hal_cflags=`PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=$hal_pc_path $PKG_CONFIG --cflags "$2"`
        hal_libs=`PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=$hal_pc_path $PKG_CONFIG --libs "$2"`],
    [test -z "$hal_dir" && test -n "$PKG_CONFIG" && $PKG_CONFIG --exists "$2" 2>/dev/null], [
        hal_from="pkg-config, version `$PKG_CONFIG --modversion "$2" 2>/dev/null`"
        hal_cflags=`$PKG_CONFIG --cflags "$2"`
        hal_libs=`$PKG_CONFIG --libs "$2"`], [
        hal_from="header and library"
        hal_libs="-l$4"
        AS_IF([test -n "$hal_dir"], [
            hal_from="header and library below $hal_dir"
            hal_cflags="-I$hal_dir/include" hal_libs="-L$hal_dir/lib -l$4"])])
hal_saved_CFLAGS=$CFLAGS hal_saved_LIBS=$LIBS
CFLAGS="$hal_cflags $CFLAGS" LIBS="$hal_libs $LIBS"
AS_IF([test "x$hal_from" = "xheader and library below $hal_dir" && test ! -f "$hal_dir/include/$3"],
    [hal_reason_$1="neither a pkg-config file for $1 nor include/$3 is below $hal_dir"],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([HAL_PACKAGE_PROLOGUE
#include <$3>])], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([HAL_PACKAGE_PROLOGUE
#include <$3>], [return (void *)$5 == (void *)0;])],
        [hal_have_$1=yes hal_reason_$1=$hal_from],
        [hal_reason_$1="<$3> was found, but $5 in lib$4 does not link"])],
    [hal_reason_$1="<$3> does not compile${hal_dir:+ below $hal_dir}"
     AS_IF([test -z "$hal_dir" && test -n "$PKG_CONFIG" && ! $PKG_CONFIG --exists "$2" 2>/dev/null],
        [hal_reason_$1="$hal_reason_$1 and pkg-config does not know '$2'"])])])
CFLAGS=$hal_saved_CFLAGS LIBS=$hal_saved_LIBS
AC_MSG_RESULT([$hal_have_$1 ($hal_reason_$1)])
])

# What some headers expect to be there already: cmocka's the others, PCRE2's the width.
m4_define([HAL_PACKAGE_PROLOGUE], [#define PCRE2_CODE_UNIT_WIDTH 8
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>])

# HAL_WITH_PEERS: Python packages (torch, transformers, ...) that the parity tests compare
# with. yes installs them into a virtual environment of the build, DIR is an environment that
# has them already, auto follows CI=true.
AC_DEFUN([HAL_WITH_PEERS], [
AC_ARG_VAR([PYTHON], [Python 3 for the parity tests])
AC_PATH_PROGS([PYTHON], [python3], [no])
AC_ARG_WITH([peers],
    [AS_HELP_STRING([--with-peers=yes|no|auto|DIR],
        [parity tests against PyTorch; DIR is a virtual environment that has it (auto: yes when CI=true) @<:@auto@:>@])],
    [hal_want_peers=$withval], [hal_want_peers=auto])
HAL_PEERS=no
hal_venv=no
AS_IF([test "x$PYTHON" != xno && "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null], [hal_venv=yes])
AS_CASE([$hal_want_peers],
    [no], [hal_reason_peers="refused by --without-peers"],
    [auto], [AS_IF([test "x$CI" != xtrue], [hal_reason_peers="not asked for: --with-peers, or CI=true"],
        [test $hal_venv = no], [hal_reason_peers="no python3 with venv (Debian: apt-get install python3-venv)"],
        [HAL_PEERS=yes hal_reason_peers="CI=true"])],
    [yes], [AS_IF([test $hal_venv = no],
        [AC_MSG_ERROR([--with-peers cannot be met: no python3 with venv (Debian: apt-get install python3-venv)])])
        HAL_PEERS=yes hal_reason_peers="asked for"],
    [/*], [AS_IF([test -x "$hal_want_peers/bin/python"], [],
        [AC_MSG_ERROR([--with-peers=$hal_want_peers cannot be met: no bin/python there])])
        HAL_PEERS=$hal_want_peers hal_reason_peers="an environment of the caller"],
    [AC_MSG_ERROR([--with-peers=$hal_want_peers: expected yes, no, auto or an absolute directory])])
AC_SUBST([HAL_PEERS])
HAL_REPORT([peers], [$HAL_PEERS], [$hal_reason_peers])
])
