# SPDX-License-Identifier: Apache-2.0

# HAL_WITH_CUDA_LIBRARY(name, NAME, header, expression, consequence), after HAL_WITH_CUDA: the header of a library of CUDA, beside
# cuda.h or in the vendor's package for Python, in which the expression of C can be compiled. The library is opened at run
# time. Sets NAME_CFLAGS and HAVE_NAME; the consequence is what is done without the header.
AC_DEFUN([HAL_WITH_CUDA_LIBRARY], [
AC_ARG_VAR([$2_CFLAGS], [compiler flags for $3, instead of a search])
hal_have_$1=no
hal_reason_$1="no $3 that will do beside cuda.h or in a package of $PYTHON; $5"
AC_MSG_CHECKING([for $3])
AS_VAR_IF([hal_have_cuda], [yes], [
    hal_dirs=
    AS_IF([test "x$PYTHON" != xno], [
        hal_dirs=`"$PYTHON" -c 'import nvidia, glob
for path in nvidia.__path__: print(*("-isystem" + d for d in sorted(glob.glob(path + "/*/include"), reverse=True)))' 2>/dev/null`])
    for hal_flags in "$[]$2_CFLAGS" "" $hal_dirs; do
        AS_VAR_IF([hal_have_$1], [yes], [break])
        hal_saved_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CUDA_CFLAGS $hal_flags $CPPFLAGS"
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <$3>]], [[return $4;]])],
            [hal_have_$1=yes $2_CFLAGS=$hal_flags hal_reason_$1="$3${hal_flags:+ with $hal_flags}"])
        CPPFLAGS=$hal_saved_CPPFLAGS
    done],
    [hal_reason_$1="the cuda backend is not built"])
AC_MSG_RESULT([$hal_have_$1 ($hal_reason_$1)])
AM_CONDITIONAL([HAVE_$2], [test $hal_have_$1 = yes])
HAL_REPORT([$1], [$hal_have_$1], [$hal_reason_$1])
])
