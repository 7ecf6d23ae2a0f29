# SPDX-License-Identifier: Apache-2.0
# An emulated CUDA driver and its compiler, on OpenCL: in the build tree only, under the vendor's names, where
# tests/emulated-cuda leads a command to them. Built by plain make, since a person may want to look at a backend with it.

HAL_EMULATED_SOURCES = \
	tests/emulated/capture.c \
	tests/emulated/cl.c \
	tests/emulated/cl.h \
	tests/emulated/command.c \
	tests/emulated/context.c \
	tests/emulated/control.h \
	tests/emulated/copy.c \
	tests/emulated/core.c \
	tests/emulated/device.c \
	tests/emulated/emulated.h \
	tests/emulated/errors.c \
	tests/emulated/event.c \
	tests/emulated/exec.c \
	tests/emulated/graph.c \
	tests/emulated/handles.c \
	tests/emulated/image.c \
	tests/emulated/image.h \
	tests/emulated/launch.c \
	tests/emulated/live.c \
	tests/emulated/memory.c \
	tests/emulated/module.c \
	tests/emulated/pinned.c \
	tests/emulated/pool.c \
	tests/emulated/script.c \
	tests/emulated/service.c \
	tests/emulated/service.h \
	tests/emulated/space.c \
	tests/emulated/stream.c \
	tests/emulated/text.c \
	tests/emulated/types.c \
	tests/emulated/visible.c \
	ops/portable/hash.h
HAL_EMULATED_COMPILER_SOURCES = \
	tests/emulated/cl.c \
	tests/emulated/image.h \
	tests/emulated/nvrtc.c \
	tests/emulated/text.c
HAL_EMULATED_TESTS =

HAL_EMULATED_CUBLASLT_SOURCES = \
	tests/emulated/cublaslt.c \
	tests/emulated/gemm.c \
	tests/emulated/gemm.h \
	tests/emulated/service.h

HAL_EMULATED_CUDNN_SOURCES = \
	tests/emulated/attention.c \
	tests/emulated/attention.h \
	tests/emulated/cudnn.c \
	tests/emulated/service.h

EXTRA_DIST += tests/emulated/listener.c $(HAL_EMULATED_SOURCES) $(HAL_EMULATED_CUBLASLT_SOURCES) $(HAL_EMULATED_CUDNN_SOURCES) tests/emulated/nvrtc.c tests/emulated/emulated-cuda.in
CLEANFILES += tests/emulated-cuda

if HAVE_CUDA
if HAVE_OPENCL
HAL_EMULATED_LIBS = tests/emulated/lib/libcuda.so.1 tests/emulated/lib/libnvrtc.so.13
noinst_LTLIBRARIES += libemulated_cuda.la libemulated_nvrtc.la
HAL_EMULATED_ALL = $(HAL_EMULATED_LIBS) tests/emulated-cuda
if HAVE_CUBLASLT
HAL_EMULATED_LIBS += tests/emulated/lib/libcublasLt.so.13
noinst_LTLIBRARIES += libemulated_cublaslt.la
endif
if HAVE_NVTX
HAL_EMULATED_ALL += tests/emulated/lib/listener.so
endif
if HAVE_CUDNN
HAL_EMULATED_LIBS += tests/emulated/lib/libcudnn.so.9
noinst_LTLIBRARIES += libemulated_cudnn.la
endif
if HAVE_CMOCKA
HAL_EMULATED_TESTS += \
	tests/emulated/test_driver \
	tests/emulated/test_faults \
	tests/emulated/test_graphs \
	tests/emulated/test_strict
if HAVE_CUBLASLT
HAL_EMULATED_TESTS += tests/emulated/test_cublaslt
endif
if HAVE_CUDNN
HAL_EMULATED_TESTS += tests/emulated/test_cudnn
endif
check_PROGRAMS += $(HAL_EMULATED_TESTS)
TESTS += $(HAL_EMULATED_TESTS)
endif
endif
endif

# The index of modules is where the rule of the cuda backend writes it, if nvcc is here.
libemulated_cuda_la_SOURCES = $(HAL_EMULATED_SOURCES)
nodist_libemulated_cuda_la_SOURCES = ops/portable/texts.c
libemulated_cuda_la_CPPFLAGS = $(AM_CPPFLAGS) -DEMU_MODULES='"$(abs_top_builddir)/backends/cuda/modules/index.txt"'
libemulated_cuda_la_CFLAGS = $(AM_CFLAGS) $(CUDA_CFLAGS) $(OPENCL_CFLAGS)
libemulated_nvrtc_la_SOURCES = $(HAL_EMULATED_COMPILER_SOURCES)
nodist_libemulated_nvrtc_la_SOURCES = ops/portable/texts.c
libemulated_nvrtc_la_CFLAGS = $(AM_CFLAGS) $(OPENCL_CFLAGS)
# Its loops are for the compiler to make vectors of: a training has a few of these products each step.
libemulated_cublaslt_la_SOURCES = $(HAL_EMULATED_CUBLASLT_SOURCES)
libemulated_cublaslt_la_CFLAGS = $(AM_CFLAGS) $(CUDA_CFLAGS) $(CUBLASLT_CFLAGS) -O3
libemulated_cudnn_la_SOURCES = $(HAL_EMULATED_CUDNN_SOURCES)
libemulated_cudnn_la_CFLAGS = $(AM_CFLAGS) $(CUDA_CFLAGS) $(CUDNN_CFLAGS) -O3

# The names that programs look for, which libtool would not give. They are never unloaded: their threads live in them.
emulated_link = $(AM_V_CCLD)$(MKDIR_P) $(@D) && \
	$(CC) $(AM_CFLAGS) $(CFLAGS) -shared $(LDFLAGS) $(AM_LDFLAGS) -Wl,-soname,$(@F) -Wl,-z,nodelete -o $@.new \
	  -Wl,--whole-archive .libs/$(<:.la=.a) -Wl,--no-whole-archive $(filter %.so.1,$^) $(LIBS) $(LIBM) && mv $@.new $@
tests/emulated/lib/libcuda.so.1: libemulated_cuda.la
	$(emulated_link)
tests/emulated/lib/libnvrtc.so.13: libemulated_nvrtc.la
	$(emulated_link)
# these have the driver that is there do the work
tests/emulated/lib/libcudnn.so.9: libemulated_cudnn.la tests/emulated/lib/libcuda.so.1
	$(emulated_link)
tests/emulated/lib/libcublasLt.so.13: libemulated_cublaslt.la tests/emulated/lib/libcuda.so.1
	$(emulated_link)

# Of no library: a profiler, as NVTX sees one.
tests/emulated/lib/listener.so: tests/emulated/listener.c
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && $(CC) $(AM_CFLAGS) $(CUDA_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) $(AM_LDFLAGS) -o $@.new \
	  $(top_srcdir)/tests/emulated/listener.c && mv $@.new $@

tests/emulated-cuda: $(top_srcdir)/tests/emulated/emulated-cuda.in Makefile
	$(AM_V_GEN)$(MKDIR_P) tests && sed -e 's|@tree@|$(abs_top_builddir)|' $(top_srcdir)/tests/emulated/emulated-cuda.in >$@.new && \
	  chmod +x $@.new && mv $@.new $@

emulated_test_cflags = $(AM_CFLAGS) $(CUDA_CFLAGS) $(CMOCKA_CFLAGS)
emulated_test_ldadd = libhal_portable.la $(HAL_EMULATED_LIBS) $(CMOCKA_LIBS) $(LIBM)
emulated_test_ldflags = $(AM_LDFLAGS) -Wl,-rpath,$(abs_top_builddir)/tests/emulated/lib
tests_emulated_test_driver_SOURCES = tests/emulated/test_driver.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_driver_CFLAGS = $(emulated_test_cflags)
tests_emulated_test_driver_LDADD = $(emulated_test_ldadd)
tests_emulated_test_driver_LDFLAGS = $(emulated_test_ldflags)
tests_emulated_test_faults_SOURCES = tests/emulated/test_faults.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_faults_CFLAGS = $(emulated_test_cflags)
tests_emulated_test_faults_LDADD = $(emulated_test_ldadd)
tests_emulated_test_faults_LDFLAGS = $(emulated_test_ldflags)
tests_emulated_test_graphs_SOURCES = tests/emulated/test_graphs.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_graphs_CFLAGS = $(emulated_test_cflags)
tests_emulated_test_graphs_LDADD = $(emulated_test_ldadd)
tests_emulated_test_graphs_LDFLAGS = $(emulated_test_ldflags)
tests_emulated_test_strict_SOURCES = tests/emulated/test_strict.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_strict_CFLAGS = $(emulated_test_cflags)
tests_emulated_test_strict_LDADD = $(emulated_test_ldadd)
tests_emulated_test_strict_LDFLAGS = $(emulated_test_ldflags)
tests_emulated_test_cublaslt_SOURCES = tests/emulated/test_cublaslt.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_cublaslt_CFLAGS = $(emulated_test_cflags) $(CUBLASLT_CFLAGS)
tests_emulated_test_cublaslt_LDADD = $(emulated_test_ldadd)
tests_emulated_test_cublaslt_LDFLAGS = $(emulated_test_ldflags)
tests_emulated_test_cudnn_SOURCES = tests/emulated/test_cudnn.c tests/emulated/rig.c tests/emulated/rig.h
tests_emulated_test_cudnn_CFLAGS = $(emulated_test_cflags) $(CUDNN_CFLAGS)
tests_emulated_test_cudnn_LDADD = $(emulated_test_ldadd)
tests_emulated_test_cudnn_LDFLAGS = $(emulated_test_ldflags)
