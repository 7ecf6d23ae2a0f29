# SPDX-License-Identifier: Apache-2.0
# Each backend is one module with one exported symbol, and links nothing of libhal.

HAL_PLUGIN_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/backends/plugin.map
EXTRA_DIST += backends/plugin.map

HAL_NULL_SOURCES = \
	backends/null/null.c

HAL_MOCK_NPU_SOURCES = \
	backends/mock-npu/mock_npu.c

HAL_FAULT_SOURCES = \
	backends/fault/fault.c \
	backends/fault/script.c \
	backends/fault/script.h

halplugin_LTLIBRARIES += libhal_null.la
libhal_null_la_SOURCES = $(HAL_NULL_SOURCES)
libhal_null_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)

halplugin_LTLIBRARIES += libhal_mock_npu.la
libhal_mock_npu_la_SOURCES = $(HAL_MOCK_NPU_SOURCES)
libhal_mock_npu_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)
libhal_mock_npu_la_LIBADD = $(LIBM)

halplugin_LTLIBRARIES += libhal_fault.la
libhal_fault_la_SOURCES = $(HAL_FAULT_SOURCES)
libhal_fault_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)

HAL_OPENCL_SOURCES = \
	backends/claims.c \
	backends/claims.h \
	backends/opencl/api.c \
	backends/opencl/api.def \
	backends/opencl/api.h \
	backends/opencl/bell.c \
	backends/opencl/bell.h \
	backends/opencl/binary.c \
	backends/opencl/build.c \
	backends/opencl/build.h \
	backends/opencl/cache.c \
	backends/opencl/cache.h \
	backends/opencl/claim.c \
	backends/opencl/clock.h \
	backends/opencl/code.c \
	backends/opencl/copy.c \
	backends/opencl/device.c \
	backends/opencl/fail.c \
	backends/opencl/find.c \
	backends/opencl/gate.c \
	backends/opencl/gate.h \
	backends/opencl/ground.c \
	backends/opencl/ground.h \
	backends/opencl/guest.c \
	backends/opencl/guest.h \
	backends/opencl/job.c \
	backends/opencl/job.h \
	backends/opencl/kernel.c \
	backends/opencl/kernel.h \
	backends/opencl/memory.c \
	backends/opencl/mix.h \
	backends/opencl/neighbour.c \
	backends/opencl/opencl.c \
	backends/opencl/opencl.h \
	backends/opencl/program.c \
	backends/opencl/queue.c \
	backends/opencl/staging.c \
	backends/opencl/staging.h \
	backends/opencl/submit.c \
	backends/opencl/trace.c \
	backends/opencl/tune.c \
	backends/opencl/tune.h

if HAVE_OPENCL
halplugin_LTLIBRARIES += libhal_opencl.la
endif
libhal_opencl_la_SOURCES = $(HAL_OPENCL_SOURCES)
libhal_opencl_la_CFLAGS = $(AM_CFLAGS) $(OPENCL_CFLAGS)
libhal_opencl_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS)
libhal_opencl_la_LIBADD = libhal_portable.la
