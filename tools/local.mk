# SPDX-License-Identifier: Apache-2.0
# The tools see only what is installed: headers under hal/ and libhal.

HAL_RUN_SOURCES = \
	tools/hal-run/decoder.c \
	tools/hal-run/decoder.h \
	tools/hal-run/devices.c \
	tools/hal-run/engine.c \
	tools/hal-run/engine.h \
	tools/hal-run/generate.c \
	tools/hal-run/gpt2.c \
	tools/hal-run/initialise.c \
	tools/hal-run/initialise.h \
	tools/hal-run/llama.c \
	tools/hal-run/main.c \
	tools/hal-run/model.c \
	tools/hal-run/model.h \
	tools/hal-run/options.c \
	tools/hal-run/options.h \
	tools/hal-run/parameters.c \
	tools/hal-run/state.h \
	tools/hal-run/state_load.c \
	tools/hal-run/state_save.c \
	tools/hal-run/train.c \
	tools/hal-run/trainer.c \
	tools/hal-run/trainer.h \
	tools/hal-run/verbs.h

HAL_BENCH_SOURCES = \
	tools/hal-bench/attribute.c \
	tools/hal-bench/attribute.h \
	tools/hal-bench/bench.h \
	tools/hal-bench/compare.c \
	tools/hal-bench/compare.h \
	tools/hal-bench/generate.c \
	tools/hal-bench/launch.c \
	tools/hal-bench/launch.h \
	tools/hal-bench/limits.c \
	tools/hal-bench/limits.h \
	tools/hal-bench/link.c \
	tools/hal-bench/main.c \
	tools/hal-bench/measure.c \
	tools/hal-bench/measure.h \
	tools/hal-bench/memory.c \
	tools/hal-bench/memory.h \
	tools/hal-bench/op.c \
	tools/hal-bench/op.h \
	tools/hal-bench/operand.c \
	tools/hal-bench/operand.h \
	tools/hal-bench/overhead.c \
	tools/hal-bench/profile.c \
	tools/hal-bench/profile.h \
	tools/hal-bench/roofline.c \
	tools/hal-bench/roofline.h \
	tools/hal-bench/roofline_page.c \
	tools/hal-bench/roofline_picture.c \
	tools/hal-bench/sample.c \
	tools/hal-bench/sample.h \
	tools/hal-bench/save.c \
	tools/hal-bench/save.h \
	tools/hal-bench/train.c \
	tools/hal-bench/transfer.c \
	tools/hal-bench/transfer.h

HAL_INFO_SOURCES = \
	tools/hal-info/bundle.c \
	tools/hal-info/config.c \
	tools/hal-info/csv.c \
	tools/hal-info/diff.c \
	tools/hal-info/doctor.c \
	tools/hal-info/document.c \
	tools/hal-info/document.h \
	tools/hal-info/elsewhere.c \
	tools/hal-info/export.c \
	tools/hal-info/fabric.c \
	tools/hal-info/figure.c \
	tools/hal-info/figure.h \
	tools/hal-info/gather.c \
	tools/hal-info/info.h \
	tools/hal-info/islands.c \
	tools/hal-info/islands.h \
	tools/hal-info/layout.c \
	tools/hal-info/layout.h \
	tools/hal-info/links.c \
	tools/hal-info/links.h \
	tools/hal-info/list.c \
	tools/hal-info/machine.c \
	tools/hal-info/main.c \
	tools/hal-info/memory.c \
	tools/hal-info/ops.c \
	tools/hal-info/options.c \
	tools/hal-info/options.h \
	tools/hal-info/page.c \
	tools/hal-info/page.h \
	tools/hal-info/path.c \
	tools/hal-info/picture.c \
	tools/hal-info/picture.h \
	tools/hal-info/plugins.c \
	tools/hal-info/route.c \
	tools/hal-info/schema.c \
	tools/hal-info/show.c \
	tools/hal-info/style.c \
	tools/hal-info/style.h \
	tools/hal-info/table.c \
	tools/hal-info/table.h \
	tools/hal-info/theme.c \
	tools/hal-info/topo.c \
	tools/hal-info/watch.c

HAL_MATRIX_SOURCES = \
	tools/hal-matrix/ask.c \
	tools/hal-matrix/ask.h \
	tools/hal-matrix/baseline.c \
	tools/hal-matrix/baseline.h \
	tools/hal-matrix/case.c \
	tools/hal-matrix/compare.c \
	tools/hal-matrix/devices.c \
	tools/hal-matrix/devices.h \
	tools/hal-matrix/diff.c \
	tools/hal-matrix/expected.c \
	tools/hal-matrix/expected.h \
	tools/hal-matrix/facts.c \
	tools/hal-matrix/facts.h \
	tools/hal-matrix/grid.c \
	tools/hal-matrix/grid.h \
	tools/hal-matrix/interrupt.c \
	tools/hal-matrix/interrupt.h \
	tools/hal-matrix/join.c \
	tools/hal-matrix/join.h \
	tools/hal-matrix/junit.c \
	tools/hal-matrix/machine.c \
	tools/hal-matrix/machine.h \
	tools/hal-matrix/main.c \
	tools/hal-matrix/markdown.c \
	tools/hal-matrix/matrix.h \
	tools/hal-matrix/merge.c \
	tools/hal-matrix/one.c \
	tools/hal-matrix/operand.c \
	tools/hal-matrix/options.c \
	tools/hal-matrix/options.h \
	tools/hal-matrix/packed.c \
	tools/hal-matrix/page.c \
	tools/hal-matrix/page.h \
	tools/hal-matrix/page_cases.c \
	tools/hal-matrix/page_device.c \
	tools/hal-matrix/page_grid.c \
	tools/hal-matrix/page_style.c \
	tools/hal-matrix/read.c \
	tools/hal-matrix/report.c \
	tools/hal-matrix/report.h \
	tools/hal-matrix/repro.c \
	tools/hal-matrix/repro.h \
	tools/hal-matrix/run.c \
	tools/hal-matrix/runner.c \
	tools/hal-matrix/runner.h \
	tools/hal-matrix/select.c \
	tools/hal-matrix/select.h \
	tools/hal-matrix/support.c \
	tools/hal-matrix/verbs.h \
	tools/hal-matrix/write.c

include tools/common/local.mk

bin_PROGRAMS += hal-run hal-bench hal-info hal-matrix

hal_run_SOURCES = $(HAL_RUN_SOURCES)
hal_run_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
hal_run_LDADD = libhal_tools.la libhal.la $(JANSSON_LIBS) $(LIBM)

# hal-bench train and generate run the very steps of hal-run's.
HAL_TRAINER_SOURCES = \
	tools/hal-run/decoder.c \
	tools/hal-run/engine.c \
	tools/hal-run/gpt2.c \
	tools/hal-run/initialise.c \
	tools/hal-run/llama.c \
	tools/hal-run/model.c \
	tools/hal-run/parameters.c \
	tools/hal-run/trainer.c

hal_bench_SOURCES = $(HAL_BENCH_SOURCES) $(HAL_TRAINER_SOURCES)
hal_bench_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
hal_bench_LDADD = libhal_tools.la libhal.la $(JANSSON_LIBS) $(LIBM)

hal_matrix_SOURCES = $(HAL_MATRIX_SOURCES)
hal_matrix_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
hal_matrix_LDADD = libhal_tools.la libhal.la $(JANSSON_LIBS) $(LIBM)

# The schema is part of the program, so that `hal-info schema` needs no file.
HAL_INFO_SCHEMA = $(top_srcdir)/hal/topology/hal-info.schema.json
hal_info_SOURCES = $(HAL_INFO_SOURCES) tools/hal-matrix/ask.c
hal_info_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -DHAL_INFO_SCHEMA='"$(HAL_INFO_SCHEMA)"'
hal_info_LDADD = libhal_tools.la libhal.la $(JANSSON_LIBS) $(LIBM)
tools/hal-info/hal_info-schema.$(OBJEXT): $(HAL_INFO_SCHEMA)

dist_completion_DATA += \
	tools/completion/hal-run \
	tools/completion/hal-bench \
	tools/completion/hal-info \
	tools/completion/hal-matrix
