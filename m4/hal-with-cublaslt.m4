# SPDX-License-Identifier: Apache-2.0

# HAL_WITH_CUBLASLT, after HAL_WITH_CUDA: the header of cuBLASLt, beside cuda.h or in the vendor's package for Python. The
# library is opened at run time. Sets CUBLASLT_CFLAGS and HAVE_CUBLASLT; without the header products are hal's own kernels.
AC_DEFUN([HAL_WITH_CUBLASLT], [
AC_ARG_VAR([CUBLASLT_CFLAGS], [compiler flags for cublasLt.h, instead of a search])
hal_have_cublaslt=no
hal_reason_cublaslt="no cublasLt.h beside cuda.h or in a package of $PYTHON; products of matrices are hal's own kernels"
AC_MSG_CHECKING([for cublasLt.h])
AS_VAR_IF([hal_have_cuda], [yes], [
    hal_dirs=
    AS_IF([test "x$PYTHON" != xno], [
        hal_dirs=`"$PYTHON" -c 'import nvidia, glob
for path in nvidia.__path__: print(*("-isystem" + d for d in sorted(glob.glob(path + "/*/include"), reverse=True)))' 2>/dev/null`])
    for hal_flags in "$CUBLASLT_CFLAGS" "" $hal_dirs; do
        AS_VAR_IF([hal_have_cublaslt], [yes], [break])
        hal_saved_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CUDA_CFLAGS $hal_flags $CPPFLAGS"
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <cublasLt.h>]], [[return cublasLtMatmul == 0;]])],
            [hal_have_cublaslt=yes CUBLASLT_CFLAGS=$hal_flags hal_reason_cublaslt="cublasLt.h${hal_flags:+ with $hal_flags}"])
        CPPFLAGS=$hal_saved_CPPFLAGS
    done],
    [hal_reason_cublaslt="the cuda backend is not built"])
AC_MSG_RESULT([$hal_have_cublaslt ($hal_reason_cublaslt)])
AM_CONDITIONAL([HAVE_CUBLASLT], [test $hal_have_cublaslt = yes])
HAL_REPORT([cublasLt], [$hal_have_cublaslt], [$hal_reason_cublaslt])
])
