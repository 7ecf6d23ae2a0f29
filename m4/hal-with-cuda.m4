# SPDX-License-Identifier: Apache-2.0

# HAL_CUDA_TRY(DIR): takes DIR when it holds a cuda.h that is new enough. The oldest is CUDA 12.0's, whose structs of graph
# nodes are those of today; which driver is there shows at run time.
AC_DEFUN([HAL_CUDA_TRY], [
AS_IF([test "x$hal_have_cuda" = xno && test -f "$1/cuda.h"], [
    hal_saved_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="-isystem $1 $CPPFLAGS"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([
#include <cuda.h>
#if CUDA_VERSION < 12000
#error too old
#endif
        ], [CUDA_KERNEL_NODE_PARAMS node = {.func = (CUfunction)0}; return node.func != (CUfunction)0;])],
        [hal_have_cuda=yes CUDA_CFLAGS="-isystem $1" hal_reason_cuda="cuda.h in $1"],
        [hal_reason_cuda="cuda.h in $1 is older than CUDA 12.0, or does not compile"])
    CPPFLAGS=$hal_saved_CPPFLAGS])
])

# HAL_WITH_CUDA: --with-cuda=yes|no|auto|DIR. Only the header is needed: the driver is opened at run time. It is looked for
# below CUDA_HOME, beside nvcc, below /usr/local, and in the vendor's packages for Python. An explicit yes or DIR that cannot
# be met is an error. Sets CUDA_CFLAGS and HAVE_CUDA; NVCC and HAVE_NVCC, with which kernels are compiled at build time.
AC_DEFUN([HAL_WITH_CUDA], [
AC_PATH_PROGS([PYTHON], [python3], [no])
AC_ARG_VAR([CUDA_CFLAGS], [compiler flags for cuda.h, instead of a search])
AC_ARG_VAR([CUDA_HOME], [directory of a CUDA toolkit])
AC_ARG_VAR([NVCC], [compiler of CUDA, for kernels; "no" leaves them to run time])
AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda=yes|no|auto|DIR],
        [the cuda backend (optional; cuda.h of CUDA 12.0 or later, from a toolkit or a Python package) @<:@auto@:>@])],
    [hal_want_cuda=$withval], [hal_want_cuda=auto])
hal_have_cuda=no
hal_reason_cuda="no cuda.h is below CUDA_HOME, beside nvcc, below /usr/local/cuda*, or in a package of $PYTHON"
AS_IF([test "x$NVCC" != xno],
    [AC_PATH_PROG([NVCC], [nvcc], [no], [$PATH:${CUDA_HOME:-/usr/local/cuda}/bin:/usr/local/cuda/bin])])
AC_MSG_CHECKING([for cuda.h])
AS_CASE([$hal_want_cuda],
    [no], [hal_reason_cuda="refused by --without-cuda"],
    [yes|auto], [HAL_CUDA_SEARCH],
    [/*], [
        hal_reason_cuda="neither cuda.h nor include/cuda.h is in $hal_want_cuda"
        for hal_dir in "$hal_want_cuda/include" "$hal_want_cuda"; do
            HAL_CUDA_TRY([$hal_dir])
        done],
    [AC_MSG_ERROR([--with-cuda=$hal_want_cuda: expected yes, no, auto or an absolute directory])])
AC_MSG_RESULT([$hal_have_cuda ($hal_reason_cuda)])
AS_IF([test $hal_have_cuda = no], [
    AS_CASE([$hal_want_cuda], [no|auto], [], [AC_MSG_ERROR([--with-cuda=$hal_want_cuda cannot be met: $hal_reason_cuda.
  Install a CUDA toolkit or the Python package nvidia-cuda-runtime, name its directory with --with-cuda=DIR,
  or build without it: --without-cuda.])])])
hal_reason_nvcc="$NVCC"
AS_IF([test "x$NVCC" = xno || test $hal_have_cuda = no], [NVCC=no hal_reason_nvcc="kernels of cuda are compiled at run time, by NVRTC"],
    [test "x$cross_compiling" = xyes], [NVCC=no hal_reason_nvcc="cross compiling"])
HAL_CUDA_ARCHS
HAL_CUDA_NVTX
AM_CONDITIONAL([HAVE_CUDA], [test $hal_have_cuda = yes])
AM_CONDITIONAL([HAVE_NVCC], [test "x$NVCC" != xno])
HAL_REPORT([cuda], [$hal_have_cuda], [$hal_reason_cuda])
AS_VAR_IF([hal_have_cuda], [yes], [AS_IF([test "x$NVCC" = xno],
    [HAL_REPORT([cuda kernels], [no], [$hal_reason_nvcc])], [HAL_REPORT([cuda kernels], [yes], [$hal_reason_nvcc, code for $CUDA_ARCHS])])])
])

# HAL_CUDA_ARCHS: CUDA_ARCHS, the devices that kernels are compiled for beside PTX, which serves all others and newer ones
# after a compilation by the driver. CUDA_ARCHS_KNOWN: each generation from 8.0 on that nvcc knows. An architecture that it
# does not know is an error.
AC_DEFUN([HAL_CUDA_ARCHS], [
AC_ARG_VAR([CUDA_ARCHS], [devices that nvcc makes code for, such as "80 90" (the default), or "known": each generation])
AC_ARG_VAR([CUDA_MODULES], [another build tree; kernels that nvcc compiled there are taken where text and flags agree])
AC_SUBST([CUDA_ARCHS_KNOWN])
AS_IF([test "x$NVCC" != xno], [
    hal_codes=`"$NVCC" --list-gpu-code 2>/dev/null | sed -n 's/^sm_//p'`
    CUDA_ARCHS_KNOWN=`echo $hal_codes | tr ' ' '\n' | sort -n | sed -n '/^@<:@89@:>@0$/p;/^@<:@1-9@:>@@<:@0-9@:>@0$/p' | tr '\n' ' '`
    AS_CASE([$CUDA_ARCHS], [''], [CUDA_ARCHS="80 90"], [known], [CUDA_ARCHS=$CUDA_ARCHS_KNOWN])
    for hal_arch in $CUDA_ARCHS; do
        AS_CASE([" "`echo $hal_codes`" "], [*" $hal_arch "*], [],
            [AC_MSG_ERROR([CUDA_ARCHS=$CUDA_ARCHS: $NVCC does not know $hal_arch; it knows: `echo $hal_codes`])])
    done])
AS_CASE([$CUDA_MODULES], [''|/*], [], [AC_MSG_ERROR([CUDA_MODULES=$CUDA_MODULES: expected an absolute directory])])
])

# HAL_CUDA_NVTX: HAVE_NVTX, whether the header for ranges of profilers is beside cuda.h. Nothing is linked.
AC_DEFUN([HAL_CUDA_NVTX], [
hal_have_nvtx=no
AS_IF([test $hal_have_cuda = yes], [
    hal_saved_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CUDA_CFLAGS $CPPFLAGS"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <nvtx3/nvToolsExt.h>]], [[nvtxRangePop();]])], [hal_have_nvtx=yes])
    CPPFLAGS=$hal_saved_CPPFLAGS
    HAL_REPORT([nvtx], [$hal_have_nvtx], [names of operators in profilers: nvtx3/nvToolsExt.h beside cuda.h])])
AM_CONDITIONAL([HAVE_NVTX], [test $hal_have_nvtx = yes])
])

# The folder nvcc stands in may be one of links or of wrappers, and then says nothing.
AC_DEFUN([HAL_CUDA_SEARCH], [
AS_IF([test -n "$CUDA_CFLAGS"], [hal_have_cuda=yes hal_reason_cuda="flags of the caller"])
AS_IF([test -n "$CUDA_HOME"], [HAL_CUDA_TRY([$CUDA_HOME/include])])
AS_IF([test "x$NVCC" != xno], [
    hal_dir=`readlink -f "$NVCC" 2>/dev/null`
    hal_dir=`AS_DIRNAME(["$hal_dir"])`/../include
    HAL_CUDA_TRY([$hal_dir])])
for hal_dir in /usr/local/cuda/include `ls -d /usr/local/cuda-*/include 2>/dev/null | sort -r -V`; do
    HAL_CUDA_TRY([$hal_dir])
done
AS_IF([test "x$PYTHON" != xno], [
    for hal_dir in `"$PYTHON" -c 'import nvidia, glob
for path in nvidia.__path__: print(*sorted(glob.glob(path + "/*/include"), reverse=True))' 2>/dev/null`; do
        HAL_CUDA_TRY([$hal_dir])
    done])
])
