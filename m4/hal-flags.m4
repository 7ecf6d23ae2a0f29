# SPDX-License-Identifier: Apache-2.0

AC_DEFUN([HAL_CFLAGS_DEFAULT], [
AS_CASE([" $CFLAGS "],
    [*" -O"*], [hal_optimise= hal_optimise_kernels=
        hal_optimise_reason="optimisation level from CFLAGS"],
    [hal_optimise=-O2 hal_optimise_kernels=-O3
        hal_optimise_reason="-O2, kernels -O3"])
: ${CFLAGS=-g}
])

# HAL_CHECK_CFLAG(FLAGS, IF-YES, IF-NO): flags that a plain compile accepts without a word.
AC_DEFUN([HAL_CHECK_CFLAG], [
AC_MSG_CHECKING([whether $CC accepts $1])
hal_saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $1"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([])],
    [CFLAGS=$hal_saved_CFLAGS; AC_MSG_RESULT([yes]); $2],
    [CFLAGS=$hal_saved_CFLAGS; AC_MSG_RESULT([no]); $3])
])

AC_DEFUN([HAL_ENABLE_WERROR], [
AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [turn the full set of warnings into errors @<:@no@:>@])],
    [], [enable_werror=no])
HAL_REPORT([werror], [$enable_werror], [])
])

AC_DEFUN([HAL_ENABLE_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST],
        [address,undefined (what a plain yes means) or thread @<:@no@:>@])],
    [], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers], [yes], [enable_sanitizers=address,undefined])
HAL_SANITIZE_FLAGS=
AS_VAR_IF([enable_sanitizers], [no], [], [
    HAL_SANITIZE_FLAGS="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    hal_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $HAL_SANITIZE_FLAGS"
    AC_MSG_CHECKING([whether $CC links with $HAL_SANITIZE_FLAGS])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])
        AC_MSG_ERROR([--enable-sanitizers=$enable_sanitizers cannot be met: $CC cannot link with it
  (Debian: gcc brings the runtime libraries itself, clang needs libclang-rt-14-dev)])])
    CFLAGS=$hal_saved_CFLAGS])
AC_SUBST([HAL_SANITIZE_FLAGS])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
HAL_REPORT([sanitizers], [$enable_sanitizers], [])
])

AC_DEFUN([HAL_ENABLE_COVERAGE], [
AC_ARG_ENABLE([coverage],
    [AS_HELP_STRING([--enable-coverage], [count executed lines for gcov @<:@no@:>@])],
    [], [enable_coverage=no])
HAL_COVERAGE_FLAGS=
AS_VAR_IF([enable_coverage], [yes], [
    HAL_COVERAGE_FLAGS="--coverage -fprofile-update=atomic -DHAL_COVERAGE"
    AS_VAR_IF([hal_optimise], [-O2],
        [hal_optimise=-O1 hal_optimise_reason="-O1 for coverage, kernels -O3"])])
AC_SUBST([HAL_COVERAGE_FLAGS])
HAL_REPORT([coverage], [$enable_coverage], [])
])

# The fuzz targets always build with a driver of their own; with clang they can be linked to
# libFuzzer, which also watches coverage.
AC_DEFUN([HAL_ENABLE_FUZZING], [
AC_ARG_ENABLE([fuzzing],
    [AS_HELP_STRING([--enable-fuzzing], [link the fuzz targets with libFuzzer (clang) @<:@no@:>@])],
    [], [enable_fuzzing=no])
HAL_FUZZ_CFLAGS= HAL_FUZZ_LDFLAGS=
hal_reason_fuzzing="fuzz targets use the built-in driver"
AS_VAR_IF([enable_fuzzing], [yes], [
    HAL_CHECK_CFLAG([-fsanitize=fuzzer-no-link], [
        HAL_FUZZ_CFLAGS=-fsanitize=fuzzer-no-link HAL_FUZZ_LDFLAGS=-fsanitize=fuzzer
        hal_reason_fuzzing=libFuzzer],
        [AC_MSG_ERROR([--enable-fuzzing cannot be met: $CC has no libFuzzer (use CC=clang)])])])
AC_SUBST([HAL_FUZZ_CFLAGS])
AC_SUBST([HAL_FUZZ_LDFLAGS])
AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
HAL_REPORT([fuzzing], [$enable_fuzzing], [$hal_reason_fuzzing])
])

AC_DEFUN([HAL_COMPILER_FLAGS], [
HAL_WARNINGS="-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wvla"
AS_VAR_IF([enable_werror], [yes], [HAL_WARNINGS="$HAL_WARNINGS -Werror"])
HAL_BASE_CFLAGS="-std=gnu11 -fvisibility=hidden -ffp-contract=off $HAL_WARNINGS"
HAL_BASE_CFLAGS="$HAL_BASE_CFLAGS $HAL_SANITIZE_FLAGS $HAL_COVERAGE_FLAGS $HAL_FUZZ_CFLAGS"
HAL_CFLAGS="$HAL_BASE_CFLAGS $hal_optimise"
HAL_KERNEL_CFLAGS="$HAL_BASE_CFLAGS $hal_optimise_kernels -fno-math-errno -fno-trapping-math"
# Instrumented loops cannot be made vectors; clang warns of each one that asks for it.
AS_IF([test "x$enable_sanitizers$enable_fuzzing" != xnono],
    [HAL_CHECK_CFLAG([-Wno-pass-failed], [HAL_KERNEL_CFLAGS="$HAL_KERNEL_CFLAGS -Wno-pass-failed"])])
AC_SUBST([HAL_CFLAGS])
AC_SUBST([HAL_KERNEL_CFLAGS])
])

# A sanitizer's runtime is found when the program is linked, so a library may not insist on
# having everything defined then.
AC_DEFUN([HAL_LINKER_FLAGS], [
HAL_LDFLAGS="-Wl,-z,relro -Wl,-z,now"
AS_IF([test "x$enable_sanitizers$enable_fuzzing" = xnono], [HAL_LDFLAGS="$HAL_LDFLAGS -Wl,-z,defs"])
AC_SUBST([HAL_LDFLAGS])
AC_MSG_CHECKING([for linker version scripts])
hal_saved_LDFLAGS=$LDFLAGS
AS_ECHO(["HAL_0 { global: hal_*; local: *; };"]) > conftest.map
LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map"
AC_LINK_IFELSE([AC_LANG_SOURCE([int hal_probe(void);
int hal_probe(void) { return 0; }])], [hal_version_script=yes], [hal_version_script=no])
LDFLAGS=$hal_saved_LDFLAGS
rm -f conftest.map
AC_MSG_RESULT([$hal_version_script])
AS_VAR_IF([hal_version_script], [no],
    [AC_MSG_ERROR([the linker of $CC takes no version script; GNU ld, gold, lld and mold do])])
])

# HAL_CPU_VARIANT(NAME, VARIABLE, FLAGS): flags of one build of the cpu kernels, or none.
AC_DEFUN([HAL_CPU_VARIANT], [
hal_variant=no
AS_VAR_IF([hal_x86_64], [yes], [HAL_CHECK_CFLAG([$3], [hal_variant=yes])])
HAL_[]$2[]_CFLAGS=
AS_VAR_IF([hal_variant], [yes], [
    HAL_[]$2[]_CFLAGS="$3"
    AS_VAR_APPEND([hal_variants], [" $1"])
    AS_VAR_APPEND([HAL_CPU_VARIANT_DEFS], [" -DHAL_HAVE_VARIANT_$2"])])
AC_SUBST([HAL_]$2[_CFLAGS])
])

AC_DEFUN([HAL_CPU_VARIANTS], [
hal_variants=plain
HAL_CPU_VARIANT_DEFS=
AC_SUBST([HAL_CPU_VARIANT_DEFS])
AS_CASE([$host_cpu], [x86_64], [hal_x86_64=yes], [hal_x86_64=no])
m4_define([hal_avx2], [-mavx2 -mfma -mf16c])
m4_define([hal_avx512],
    [-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mfma -mavx2 -mf16c -mprefer-vector-width=512])
HAL_CPU_VARIANT([avx2], [AVX2], hal_avx2)
HAL_CPU_VARIANT([avx512], [AVX512], hal_avx512)
HAL_CPU_VARIANT([avx512-bf16], [AVX512BF16], hal_avx512 [-mavx512bf16])
HAL_CPU_VARIANT([amx], [AMX], hal_avx512 [-mavx512bf16 -mamx-tile -mamx-bf16])
HAL_REPORT([cpu kernels], [$host_cpu], [$hal_variants])
])
