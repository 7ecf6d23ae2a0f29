# SPDX-License-Identifier: Apache-2.0
# The CUDA backend, with the kernels that nvcc compiles when hal is built; without nvcc they are left to run time.

HAL_CUDA_SOURCES = \
	backends/claims.c \
	backends/claims.h \
	backends/cuda/api.c \
	backends/cuda/api.def \
	backends/cuda/api.h \
	backends/cuda/attend.h \
	backends/cuda/attention.c \
	backends/cuda/attention.h \
	backends/cuda/binary.c \
	backends/cuda/build.c \
	backends/cuda/build.h \
	backends/cuda/claim.c \
	backends/cuda/copy.c \
	backends/cuda/cuda.c \
	backends/cuda/device.c \
	backends/cuda/driver.h \
	backends/cuda/fail.c \
	backends/cuda/find.c \
	backends/cuda/gemm.c \
	backends/cuda/gemm.h \
	backends/cuda/graph.c \
	backends/cuda/graph.h \
	backends/cuda/job.c \
	backends/cuda/job.h \
	backends/cuda/kernel.c \
	backends/cuda/kernel.h \
	backends/cuda/library.c \
	backends/cuda/library.h \
	backends/cuda/memory.c \
	backends/cuda/modules.h \
	backends/cuda/multiply.h \
	backends/cuda/nvrtc.c \
	backends/cuda/nvrtc.h \
	backends/cuda/peer.c \
	backends/cuda/program.c \
	backends/cuda/queue.c \
	backends/cuda/range.h \
	backends/cuda/staging.c \
	backends/cuda/staging.h \
	backends/cuda/submit.c \
	backends/cuda/taken.c \
	backends/cuda/taken.h \
	backends/cuda/trace.c

# With the header of cuBLASLt it gets products; without it portable kernels have them all.
HAL_CUDA_BLAS_SOURCES = \
	backends/cuda/blas.c \
	backends/cuda/blas.h \
	backends/cuda/multiply.c
HAL_CUDA_BLASLESS_SOURCES = backends/cuda/multiply_none.c
if HAVE_CUBLASLT
HAL_CUDA_SOURCES += $(HAL_CUDA_BLAS_SOURCES)
else
HAL_CUDA_SOURCES += $(HAL_CUDA_BLASLESS_SOURCES)
endif

# Likewise cuDNN and attention.
HAL_CUDA_DNN_SOURCES = \
	backends/cuda/attend.c \
	backends/cuda/dnn.c \
	backends/cuda/dnn.h \
	backends/cuda/sdpa.c \
	backends/cuda/sdpa.h
HAL_CUDA_DNNLESS_SOURCES = backends/cuda/attend_none.c
if HAVE_CUDNN
HAL_CUDA_SOURCES += $(HAL_CUDA_DNN_SOURCES)
else
HAL_CUDA_SOURCES += $(HAL_CUDA_DNNLESS_SOURCES)
endif
EXTRA_DIST += $(HAL_CUDA_BLAS_SOURCES) $(HAL_CUDA_BLASLESS_SOURCES) $(HAL_CUDA_DNN_SOURCES) $(HAL_CUDA_DNNLESS_SOURCES)

if HAVE_CUDA
halplugin_LTLIBRARIES += libhal_cuda.la
endif
libhal_cuda_la_SOURCES = $(HAL_CUDA_SOURCES)
nodist_libhal_cuda_la_SOURCES = backends/cuda/modules.c
libhal_cuda_la_CFLAGS = $(AM_CFLAGS) $(CUDA_CFLAGS) $(CUBLASLT_CFLAGS) $(CUDNN_CFLAGS)
libhal_cuda_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)
libhal_cuda_la_LIBADD = libhal_portable.la

# Modules are named after the text they are made of, so those that are there are kept. `make modules LIST=full` compiles what
# the full list of cases needs, with code for each generation of devices that nvcc knows, or for ARCHS="80 90".
HAL_MODULES_LIST = quick
EXTRA_PROGRAMS += backends/cuda/write_modules
backends_cuda_write_modules_SOURCES = backends/cuda/write_modules.c
if HAVE_NVCC
backends/cuda/modules.c: ops/portable/write_texts$(EXEEXT) backends/cuda/write_modules$(EXEEXT) \
		backends/cuda/modules.mk backends/cuda/module.sh Makefile
	$(AM_V_GEN)$(MKDIR_P) backends/cuda/modules && \
	ops/portable/write_texts backends/cuda/modules $(HAL_MODULES_LIST) >/dev/null && \
	$(MAKE) --no-print-directory -C backends/cuda/modules -f '$(abs_top_srcdir)/backends/cuda/modules.mk' \
	  NVCC='$(NVCC)' ARCHS='$(CUDA_ARCHS)' FROM='$(CUDA_MODULES:%=%/backends/cuda/modules)' && \
	backends/cuda/write_modules backends/cuda/modules >$@.new && mv $@.new $@
else
backends/cuda/modules.c: backends/cuda/write_modules$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) backends/cuda && backends/cuda/write_modules >$@.new && mv $@.new $@
endif

ARCHS = $(CUDA_ARCHS_KNOWN)
modules:
	rm -f backends/cuda/modules.c
	$(MAKE) $(AM_MAKEFLAGS) HAL_MODULES_LIST=$(LIST) CUDA_ARCHS='$(ARCHS)' backends/cuda/modules.c
	$(MAKE) $(AM_MAKEFLAGS) all
.PHONY: modules

EXTRA_DIST += backends/cuda/module.sh backends/cuda/modules.mk
CLEANFILES += backends/cuda/modules.c backends/cuda/write_modules
