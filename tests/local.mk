# SPDX-License-Identifier: Apache-2.0
# `make check` runs unit, lint and fault tests. The other tiers have a target each, all of them
# ending in lines of the form `N passed, N failed, N skipped`:
#   check-unit check-lint check-faults check-cli check-machines check-installed check-fuzz check-conformance
#   check-portable check-opencl check-cuda check-oclgrind check-parity check-training check-load check-coverage check-beside check-vendors
#   check-gpu-run

# A name stands for the program made from NAME.c; tests that need more say so with NAME_SOURCES.
HAL_UNIT_TESTS = \
	tests/unit/test_answers \
	tests/unit/test_arena \
	tests/unit/test_attrs \
	tests/unit/test_cache_disk \
	tests/unit/test_chain \
	tests/unit/test_config \
	tests/unit/test_cpu_features \
	tests/unit/test_cpu_fused \
	tests/unit/test_cpu_math \
	tests/unit/test_cpu_place \
	tests/unit/test_cpu_pool \
	tests/unit/test_cuda_attention \
	tests/unit/test_cuda_forms \
	tests/unit/test_cuda_gemm \
	tests/unit/test_dataset \
	tests/unit/test_decompose \
	tests/unit/test_device \
	tests/unit/test_discovery \
	tests/unit/test_element \
	tests/unit/test_expr \
	tests/unit/test_files \
	tests/unit/test_foreign \
	tests/unit/test_fuse \
	tests/unit/test_gemm \
	tests/unit/test_gradient \
	tests/unit/test_graph \
	tests/unit/test_ladder \
	tests/unit/test_layout \
	tests/unit/test_loader \
	tests/unit/test_measurement \
	tests/unit/test_machine \
	tests/unit/test_note \
	tests/unit/test_overhead \
	tests/unit/test_plan \
	tests/unit/test_plot \
	tests/unit/test_portable \
	tests/unit/test_probe \
	tests/unit/test_queue \
	tests/unit/test_reference \
	tests/unit/test_run \
	tests/unit/test_safetensors \
	tests/unit/test_sample \
	tests/unit/test_search \
	tests/unit/test_session \
	tests/unit/test_shape \
	tests/unit/test_status \
	tests/unit/test_synthetic \
	tests/unit/test_tensor \
	tests/unit/test_text \
	tests/unit/test_timeline \
	tests/unit/test_tokenizer \
	tests/unit/test_topology \
	tests/unit/test_trace

HAL_FAULT_TESTS = \
	tests/fault/test_cuda \
	tests/fault/test_cuda_attention \
	tests/fault/test_cuda_drivers \
	tests/fault/test_cuda_peers \
	tests/fault/test_cuda_products \
	tests/fault/test_faults \
	tests/fault/test_memory \
	tests/fault/test_opencl \
	tests/fault/test_opencl_drivers \
	tests/fault/test_packed \
	tests/fault/test_plugins \
	tests/fault/test_vendors

# The driver's sources with a host of the tests' own, on the OpenCL devices of this machine; skipped where there are none.
HAL_OPENCL_TESTS =
if HAVE_OPENCL
HAL_OPENCL_TESTS += \
	tests/opencl/test_driver \
	tests/opencl/test_failures \
	tests/opencl/test_threads
endif

# What the real cuDNN says of the descriptors that it gets; skipped where it is not there.
HAL_CUDNN_TESTS =
if HAVE_CUDNN
HAL_CUDNN_TESTS += tests/cuda/test_sdpa
endif

HAL_FUZZ_TARGETS = \
	tests/fuzz/fuzz_answers \
	tests/fuzz/fuzz_cache \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_machine \
	tests/fuzz/fuzz_note \
	tests/fuzz/fuzz_safetensors \
	tests/fuzz/fuzz_synthetic \
	tests/fuzz/fuzz_tokenizer \
	tests/fuzz/fuzz_topology_json \
	tests/fuzz/fuzz_tree

if HAVE_LIBXML2
HAL_FUZZ_TARGETS += tests/fuzz/fuzz_translate
endif

# helpers that several tests share
HAL_TEST_SOURCES = \
	tests/emulation/amx_emulation.h \
	tests/emulation/attention_mma.h \
	tests/emulation/avx512_emulation.h \
	tests/emulation/lanes.h \
	tests/fault/tiny.c \
	tests/fault/tiny.h \
	tests/unit/cases_test.h \
	tests/unit/core_test.h \
	tests/unit/interpret.c \
	tests/unit/interpret.h \
	tests/unit/ladder_test.h \
	tests/unit/plugin_test.h \
	tests/unit/sched_test.h \
	tests/unit/scratch_test.h \
	tests/unit/tool_test.h \
	tests/unit/tree_text.h

if HAVE_CMOCKA
check_PROGRAMS += $(HAL_UNIT_TESTS) $(HAL_FAULT_TESTS) $(HAL_OPENCL_TESTS) $(HAL_CUDNN_TESTS)
TESTS += $(HAL_UNIT_TESTS) $(HAL_FAULT_TESTS) $(HAL_OPENCL_TESTS) $(HAL_CUDNN_TESTS)
endif
check_PROGRAMS += $(HAL_FUZZ_TARGETS)

check_LTLIBRARIES += libhal_test.la
libhal_test_la_SOURCES = $(HAL_TEST_SOURCES)
libhal_test_la_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(PCRE2_CFLAGS)

# The kernels as the plugin has them, and again on emulated instructions.
tests_unit_test_gemm_SOURCES = tests/unit/test_gemm.c \
	backends/cpu/features.c ops/cpu/gemm_driver.c ops/cpu/gemm_pack.c ops/cpu/gemm_plain.c \
	tests/emulation/gemm_amx.c tests/emulation/gemm_avx512.c tests/emulation/gemm_bf16.c
tests_unit_test_gemm_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
# Emulated instructions are loops, thousands of them: optimised further they take minutes to compile.
tests_unit_test_gemm_CFLAGS = $(HAL_KERNEL_CFLAGS) -Wno-psabi -Og
tests_unit_test_gemm_LDADD = libhal_cpu_avx2.la libhal_cpu_avx512.la libhal_cpu_avx512bf16.la \
	libhal_cpu_amx.la $(LDADD)

# Kernels of ops/cuda on emulated lanes.
tests_unit_test_cuda_attention_SOURCES = tests/unit/test_cuda_attention.c \
	tests/emulation/attention_bf16_128.c tests/emulation/attention_bf16_64.c tests/emulation/attention_bf16_biased.c \
	tests/emulation/attention_f16_128.c tests/emulation/attention_f16_64.c \
	tests/emulation/attention_grad_bf16_128.c tests/emulation/attention_grad_bf16_64.c \
	tests/emulation/attention_grad_bf16_biased.c tests/emulation/lanes.c \
	tools/hal-matrix/compare.c tools/hal-matrix/matrix.h
tests_unit_test_cuda_attention_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_cuda_attention_LDADD = libhal_portable.la $(LDADD)

tests_opencl_test_driver_SOURCES = tests/opencl/test_driver.c tests/opencl/driver_test.h tests/opencl/leaks.h $(HAL_OPENCL_SOURCES)
tests_opencl_test_driver_CFLAGS = $(AM_CFLAGS) $(OPENCL_CFLAGS) $(CMOCKA_CFLAGS)
tests_opencl_test_driver_LDADD = libhal_portable.la $(LDADD)
tests_opencl_test_failures_SOURCES = tests/opencl/test_failures.c tests/opencl/driver_test.h tests/opencl/leaks.h $(HAL_OPENCL_SOURCES)
tests_opencl_test_failures_CFLAGS = $(tests_opencl_test_driver_CFLAGS)
tests_opencl_test_failures_LDADD = $(tests_opencl_test_driver_LDADD)
tests_opencl_test_threads_SOURCES = tests/opencl/test_threads.c tests/opencl/driver_test.h tests/opencl/leaks.h $(HAL_OPENCL_SOURCES)
tests_opencl_test_threads_CFLAGS = $(tests_opencl_test_driver_CFLAGS)
tests_opencl_test_threads_LDADD = $(tests_opencl_test_driver_LDADD)

tests_unit_test_sample_SOURCES = tests/unit/test_sample.c tools/hal-bench/sample.c

# Failing allocations: the library's calls of malloc go through the test.
tests_fault_test_memory_SOURCES = tests/fault/test_memory.c tests/fault/starve.c tests/fault/starve.h
tests_fault_test_memory_LDFLAGS = $(AM_LDFLAGS) -export-dynamic -Wl,--wrap=malloc,--wrap=aligned_alloc
tests_fault_test_packed_SOURCES = tests/fault/test_packed.c tests/fault/starve.c tests/fault/starve.h
tests_fault_test_packed_LDFLAGS = $(tests_fault_test_memory_LDFLAGS)

# A plugin that dies where it is opened; tests copy it from .libs. The -rpath makes libtool build it shared.
if HAVE_CMOCKA
check_LTLIBRARIES += libhal_bad.la
libhal_bad_la_SOURCES = tests/fault/bad_plugin.c
libhal_bad_la_LDFLAGS = $(HAL_PLUGIN_LDFLAGS) -rpath $(halplugindir)
endif

# Stand-ins of vendors' libraries, copied by the test under the names that are looked for. It also tries real ones, of the
# system or of the directory HAL_TEST_LIBRARIES. Their own calls are bound: a copy in which a function has another name still
# loads.
HAL_STUBS = \
	tests/vendors/acl.c \
	tests/vendors/cuda.c \
	tests/vendors/dcmi.c \
	tests/vendors/hip.c \
	tests/vendors/nvml.c \
	tests/vendors/opencl.c \
	tests/vendors/rsmi.c \
	tests/vendors/ze.c
EXTRA_DIST += $(HAL_STUBS) tests/vendors/stub.h
if HAVE_CMOCKA
check_DATA += $(HAL_STUBS:tests/vendors/%.c=.libs/libstub_%.so)
endif
.libs/libstub_%.so: $(top_srcdir)/tests/vendors/%.c $(top_srcdir)/tests/vendors/stub.h
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && \
	$(COMPILE) -fPIC -shared $(LDFLAGS) -Wl,-Bsymbolic-functions -o $@ $< $(LIBS)

# A driver for libraries of CUDA that are asked what needs no device.
EXTRA_DIST += tests/cuda/driverless.c
if HAVE_CUDNN
if HAVE_CMOCKA
check_DATA += .libs/libdriverless.so
endif
endif
.libs/libdriverless.so: $(top_srcdir)/tests/cuda/driverless.c
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && $(COMPILE) -fPIC -shared $(LDFLAGS) -Wl,-soname,libcuda.so.1 -o $@ $< $(LIBS)

# A driver of OpenCL that is PoCL, counts what is called and fails as it is told.
HAL_SHIM_FILES = \
	tests/opencl/calls.def \
	tests/opencl/each.def \
	tests/opencl/script.c \
	tests/opencl/script.h \
	tests/opencl/shim.h \
	tests/opencl/shim_icd.c
HAL_OPENCL_TEST_SOURCES = \
	tests/opencl/leaks.h \
	tests/opencl/work.c \
	tests/opencl/work.h
EXTRA_DIST += $(HAL_SHIM_FILES) tests/cuda/matrix.sh tests/cuda/training.sh tests/opencl/bark.c tests/opencl/matrix.sh tests/opencl/oclgrind.sh tests/opencl/training.sh \
	tests/curves.sh
tests_fault_test_cuda_SOURCES = tests/fault/test_cuda.c tests/fault/emulated.h $(HAL_OPENCL_TEST_SOURCES)
tests_fault_test_cuda_peers_SOURCES = tests/fault/test_cuda_peers.c tests/fault/emulated.h $(HAL_OPENCL_TEST_SOURCES)
tests_fault_test_cuda_drivers_SOURCES = tests/fault/test_cuda_drivers.c tests/fault/linker.h $(HAL_OPENCL_TEST_SOURCES)
HAL_CUDA_TEST_SOURCES = \
	tests/fault/emulated.h \
	tests/fault/libraries.c \
	tests/fault/libraries.h \
	tests/fault/linker.h \
	$(HAL_OPENCL_TEST_SOURCES)
tests_cuda_test_sdpa_SOURCES = tests/cuda/test_sdpa.c backends/cuda/attention.c backends/cuda/attention.h \
	backends/cuda/dnn.c backends/cuda/dnn.h backends/cuda/library.c backends/cuda/library.h backends/cuda/sdpa.c \
	backends/cuda/sdpa.h
tests_cuda_test_sdpa_CFLAGS = $(AM_CFLAGS) $(CUDA_CFLAGS) $(CUDNN_CFLAGS) $(CMOCKA_CFLAGS)
tests_fault_test_cuda_attention_SOURCES = tests/fault/test_cuda_attention.c $(HAL_CUDA_TEST_SOURCES)
tests_fault_test_cuda_products_SOURCES = tests/fault/test_cuda_products.c $(HAL_CUDA_TEST_SOURCES)
tests_fault_test_opencl_SOURCES = tests/fault/test_opencl.c $(HAL_OPENCL_TEST_SOURCES)
tests_fault_test_opencl_drivers_SOURCES = tests/fault/test_opencl_drivers.c tests/opencl/halves.c tests/opencl/halves.h \
	$(HAL_OPENCL_TEST_SOURCES)
if HAVE_CMOCKA
if HAVE_OPENCL
check_DATA += .libs/libshim_icd.so
endif
endif
.libs/libshim_icd.so: $(HAL_SHIM_FILES)
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && \
	$(COMPILE) $(OPENCL_CFLAGS) -fPIC -shared $(LDFLAGS) -Wl,-Bsymbolic-functions -o $@ \
	  $(top_srcdir)/tests/opencl/shim_icd.c $(top_srcdir)/tests/opencl/script.c $(LIBS)

# Speed is measured on demand, never in a test: make tests/bench/matmul_vs_peers
EXTRA_PROGRAMS += tests/bench/matmul_vs_peers
tests_bench_matmul_vs_peers_LDADD = libhal.la
EXTRA_PROGRAMS += tests/bench/opencl_launch tests/bench/opencl_ops
tests_bench_opencl_ops_LDADD = libhal.la
tests_bench_opencl_launch_SOURCES = tests/bench/opencl_launch.c $(HAL_OPENCL_SOURCES)
tests_bench_opencl_launch_CFLAGS = $(AM_CFLAGS) $(OPENCL_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_opencl_launch_LDADD = libhal_portable.la $(LDADD)
EXTRA_PROGRAMS += tests/bench/cuda_overhead
tests_bench_cuda_overhead_SOURCES = tests/bench/cuda_overhead.c tests/fault/emulated.h $(HAL_OPENCL_TEST_SOURCES)
tests_bench_cuda_overhead_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_cuda_overhead_LDADD = $(LDADD)
bench-cuda-overhead: all tests/bench/cuda_overhead
	@$(AM_TESTS_ENVIRONMENT) tests/bench/cuda_overhead

# A fuzz target has no main: the driver brings it, or libFuzzer.
noinst_HEADERS += tests/fuzz/fuzz.h
EXTRA_DIST += tests/fuzz/run.sh tests/fuzz/driver.c
if FUZZING
HAL_FUZZER = libfuzzer
else
HAL_FUZZER = driver
check_LTLIBRARIES += libhal_fuzz.la
libhal_fuzz_la_SOURCES = tests/fuzz/driver.c
FUZZ_DRIVER = libhal_fuzz.la
endif
FUZZ_LDADD = $(HAL_FUZZ_LDFLAGS) $(FUZZ_DRIVER) $(LDADD)
tests_fuzz_fuzz_answers_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_cache_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_machine_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_note_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_safetensors_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_synthetic_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_tokenizer_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_topology_json_LDADD = $(FUZZ_LDADD)
tests_fuzz_fuzz_tree_LDADD = $(FUZZ_LDADD)
if HAVE_LIBXML2
tests_fuzz_fuzz_translate_SOURCES = tests/fuzz/fuzz_translate.c hal/probe/check_hwloc.c hal/probe/read_nccl.c \
	hal/probe/translate.c hal/probe/write_hwloc.c hal/probe/xml.c
tests_fuzz_fuzz_translate_CFLAGS = $(AM_CFLAGS) $(HWLOC_CFLAGS) $(LIBXML2_CFLAGS)
tests_fuzz_fuzz_translate_LDADD = $(FUZZ_LDADD) $(LIBXML2_LIBS)
endif

tests_unit_test_chain_LDADD = libhal_portable.la $(LDADD)
tests_unit_test_cuda_forms_SOURCES = tests/unit/test_cuda_forms.c backends/cuda/attention.c backends/cuda/attention.h
tests_unit_test_cuda_forms_LDADD = libhal_portable.la $(LDADD)
tests_unit_test_cuda_gemm_SOURCES = tests/unit/test_cuda_gemm.c backends/cuda/gemm.c backends/cuda/gemm.h
tests_unit_test_cuda_gemm_LDADD = libhal_portable.la $(LDADD)
tests_unit_test_portable_SOURCES = tests/unit/test_portable.c
tests_unit_test_portable_LDADD = libhal_portable.la $(LDADD)

LDADD = libhal_test.la libhal_tools.la libhal_parts.la $(CMOCKA_LIBS) $(LIBM)

HAL_LINT_TESTS = \
	tests/lint/codes.sh \
	tests/lint/environment.sh \
	tests/lint/exports.sh \
	tests/lint/functions.py \
	tests/lint/headers.py \
	tests/lint/layers.py \
	tests/lint/licence.sh \
	tests/lint/operators.sh \
	tests/lint/options.sh \
	tests/lint/samples.py \
	tests/lint/sources.sh

TESTS += $(HAL_LINT_TESTS)
dist_check_SCRIPTS += $(HAL_LINT_TESTS) tests/count

AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	HAL_PLUGIN_PATH='$(abs_top_builddir)/plugins'; export HAL_PLUGIN_PATH; \
	HAL_PROBE='$(abs_top_builddir)/hal-probe'; export HAL_PROBE; \
	$(MKDIR_P) '$(HAL_TEST_CACHE)/pocl'; \
	XDG_CACHE_HOME='$(HAL_TEST_CACHE)'; export XDG_CACHE_HOME; \
	POCL_CACHE_DIR='$(HAL_TEST_CACHE)/pocl'; export POCL_CACHE_DIR; \
	$(HAL_SANITIZER_ENVIRONMENT); export ASAN_OPTIONS; \
	CC='$(CC)'; export CC;

# The runtime of gcc 12 takes memory of a thread that begins 16 bytes into a page for that of glibc 2.19, and what stands
# before it for an address: https://github.com/google/sanitizers/issues/1322. Its search for leaks then dies of a signal,
# once in some hundred threads. A newer glibc has that memory from malloc, where the search finds it by itself.
HAL_SANITIZER_ENVIRONMENT = ASAN_OPTIONS="intercept_tls_get_addr=0:$$ASAN_OPTIONS"

# A test that hangs fails: a crash inside CMocka, say, once waited for ever. --verbose leaves the reason in the log.
TEST_SECONDS = 600
LOG_COMPILER = timeout
AM_LOG_FLAGS = --verbose --kill-after=10 $(TEST_SECONDS)

# What tests keep from run to run is kept in the build tree, never where the user has his.
HAL_TEST_CACHE = $(abs_top_builddir)/tests/cache
HAL_TOOL_ENVIRONMENT = $(MKDIR_P) '$(HAL_TEST_CACHE)/pocl' && $(HAL_SANITIZER_ENVIRONMENT) \
	XDG_CACHE_HOME='$(HAL_TEST_CACHE)' POCL_CACHE_DIR='$(HAL_TEST_CACHE)/pocl' HAL_PLUGIN_PATH='$(abs_top_builddir)/plugins' HAL_PROBE='$(abs_top_builddir)/hal-probe'

HAL_CLI_TESTS = \
	tests/cli/cases_beside.py \
	tests/cli/cases_checkpoint.py \
	tests/cli/cases_deadline.py \
	tests/cli/cases_emulated.py \
	tests/cli/cases_generate.py \
	tests/cli/cases_gpu.py \
	tests/cli/cases_hwloc.py \
	tests/cli/cases_info.py \
	tests/cli/cases_matrix.py \
	tests/cli/cases_measure.py \
	tests/cli/cases_plugin.py \
	tests/cli/cases_roofline.py \
	tests/cli/cases_routes.py \
	tests/cli/cases_train.py \
	tests/cli/cases_usage.py \
	tests/cli/cases_vendors.py \
	tests/cli/run.py \
	tests/cli/support.py \
	tests/cli/wrong.c

EXTRA_DIST += $(HAL_CLI_TESTS)
EXTRA_DIST += tests/conformance/cpu.txt tests/conformance/expected.txt tests/conformance/mock-npu.txt \
	tests/conformance/opencl-gpu.txt tests/conformance/opencl-wide.txt tests/conformance/cuda-kernels.txt tests/conformance/cuda-library.txt
EXTRA_DIST += tests/portable/check.sh tests/bench/opencl_vs_peers.py tests/bench/train_vs_torch.py tests/parity/run.py \
	tests/conformance/opencl-gpu.txt tests/conformance/opencl-wide.txt
EXTRA_DIST += tests/portable/check.sh tests/portable/hot.list tests/portable/kernels.awk \
	tests/bench/opencl_vs_peers.py tests/bench/train_vs_torch.py tests/parity/run.py \
	tests/coverage.sh tests/training.sh tests/load.py tests/matrix-summary.py tests/install/program.c \
	tests/install/backend.c tests/install/installed.sh \
	tests/install/acme.sh tests/install/acme_kernels.c

# What a machine with a GPU proves, and what it takes there; the same on the emulated driver, with sizes that this can do.
HAL_GPU_RUN = \
	tests/gpu/bench.sh \
	tests/gpu/bench_torch.py \
	tests/gpu/goals.tsv \
	tests/gpu/json.awk \
	tests/gpu/pack \
	tests/gpu/page.awk \
	tests/gpu/records.sh \
	tests/gpu/report.sh \
	tests/gpu/run \
	tests/gpu/stages.sh
EXTRA_DIST += $(HAL_GPU_RUN)

gpu-bundle: all
	$(top_srcdir)/tests/gpu/pack $(abs_top_builddir)

check-gpu-run: all
	@if [ -e tests/emulated/lib/libcuda.so.1 ]; then \
	  HAL_EMULATED_CUDA_DEVICES=1 tests/emulated-cuda $(abs_top_srcdir)/tests/gpu/run --build $(abs_top_builddir) \
	    --out $(abs_top_builddir)/tests/gpu-run --fresh --tiny --op square_sum --limit 3000; status=$$?; \
	  awk -F '\t' '$$1 == "step" { n[$$3]++ } END { printf "%d passed, %d failed, %d skipped\n", n["ok"], n["failed"], n["skipped"] }' \
	    tests/gpu-run/records; exit $$status; \
	else echo "SKIP: no emulated driver in this build tree"; echo "0 passed, 0 failed, 1 skipped"; fi

check-programs: all $(check_PROGRAMS) $(check_LTLIBRARIES) $(check_DATA)

# $(call run_tests,LIST,UNDER): the list through automake's harness, run by a command if one is named, the words of those that failed,
# indented so that nobody counts them, then what the logs counted.
run_tests = $(2) $(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(1)'; status=$$?; \
	for test in $(1); do \
	  grep -q '^:test-result: \(PASS\|SKIP\)' $$test.trs 2>/dev/null || \
	    { echo "--- $$test"; tail -n 20 $$test.log | sed 's/^/    /'; }; \
	done; \
	$(top_srcdir)/tests/count $(addsuffix .log,$(1)); exit $$status

check-unit: check-programs
	+@$(call run_tests,$(HAL_UNIT_TESTS) $(HAL_OPENCL_TESTS) $(HAL_EMULATED_TESTS) $(HAL_CUDNN_TESTS))

check-lint: all
	+@$(call run_tests,$(HAL_LINT_TESTS))

check-faults: check-programs
	+@$(call run_tests,$(HAL_FAULT_TESTS))

# The tools as a person meets them; WORD picks the cases whose name has it.
WORD =
run_cases = $(HAL_TOOL_ENVIRONMENT) CC='$(CC) $(CFLAGS) $(HAL_SANITIZE_FLAGS)' PYTHONDONTWRITEBYTECODE=1 \
	  $(PYTHON) $(top_srcdir)/tests/cli/run.py --build $(abs_top_builddir) --source $(abs_top_srcdir) \
	  --work $(abs_top_builddir)/tests/cli/work
check-cli: all
	@$(run_cases) '$(WORD)'

# hal-info beside what lscpu, lstopo and clinfo know of this machine.
check-beside: all
	@$(run_cases) beside

# What depends on programs and libraries of others, all of which must be there: nothing is skipped.
check-vendors: check-programs
	+@HAL_TEST_REAL=yes; export HAL_TEST_REAL; status=0; \
	($(call run_tests,tests/fault/test_vendors)) || status=1; \
	$(run_cases) beside lstopo 'every library hung' 'libraries that hang' 'a plain list' || status=1; exit $$status

# Recorded and constructed machines against what is expected of them.
check-machines: all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) $(top_srcdir)/tests/machines/run.py --build $(abs_top_builddir) '$(WORD)'

# Installs, so only into a prefix of the build's own: ./configure --prefix=$PWD/installed
check-installed: all
	@case '$(prefix)' in '$(abs_top_builddir)'/*) ;; \
	  *) echo 'SKIP: the prefix $(prefix) is not below the build directory'; \
	     echo '0 passed, 0 failed, 1 skipped'; exit 0 ;; esac; \
	rm -rf '$(prefix)' && $(MAKE) $(AM_MAKEFLAGS) install >install.log 2>&1 || { tail install.log; exit 1; }; \
	CC='$(CC) $(CFLAGS) $(HAL_SANITIZE_FLAGS)' prefix='$(prefix)' libdir='$(libdir)' \
	  top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	  $(SHELL) $(top_srcdir)/tests/install/installed.sh; \
	status=$$?; rm -rf '$(prefix)'; exit $$status  # what is installed is found by other tests too

# The second dialect of the portable kernels: what the table's cases need, by the compiler of CUDA where it is installed, for
# devices 8.0 and 9.0 at least. Modules that the build has are not compiled again.
check-portable: all ops/portable/write_texts
	@LIST=$(LIST) WORK=$(abs_builddir)/tests/portable/$(LIST) TEXTS=$(abs_builddir)/ops/portable/write_texts \
	  RULES=$(abs_top_srcdir)/backends/cuda/modules.mk MODULES=$(abs_builddir)/backends/cuda/modules \
	  ARCHS='$(strip $(CUDA_ARCHS) $(filter-out $(CUDA_ARCHS),80 90))' NVCC='$(NVCC)' MAKE='$(MAKE)' \
	  $(SHELL) $(top_srcdir)/tests/portable/check.sh

# Each backend against the table of operators; the quick list unless LIST says otherwise. BACKEND:LIST:FLOOR:
# fewer executed cases than the floor are a failure, so that cases do not get lost unseen. Each backend has a file of
# recorded maxima, BACKEND.txt, which `hal-matrix --write-baseline` makes: see docs/conformance.md.
LIST = quick
CONFORMANCE_BACKENDS = cpu mock-npu
CONFORMANCE_FLOORS = cpu:quick:4313 cpu:full:16233 mock-npu:quick:2689 mock-npu:full:11016
check-conformance: all
	@status=0; for backend in $(CONFORMANCE_BACKENDS); do \
	  floor=; for entry in $(CONFORMANCE_FLOORS); do \
	    case $$entry in $$backend:$(LIST):*) floor=$${entry##*:} ;; esac; done; \
	  [ -n "$$floor" ] || { echo "no floor is set for $$backend, $(LIST) list"; echo '0 passed, 1 failed'; status=1; continue; }; \
	  $(HAL_TOOL_ENVIRONMENT) ./hal-matrix run --backend $$backend --list $(LIST) --jobs 2 --floor $$floor \
	    --expect $(top_srcdir)/tests/conformance/expected.txt --baseline $(top_srcdir)/tests/conformance/$$backend.txt \
	    --json conformance-$$backend.json --html conformance-$$backend.html || status=1; \
	  $(PYTHON) $(top_srcdir)/tests/matrix-summary.py conformance-$$backend.json || status=1; \
	done; exit $$status

# The opencl backend on PoCL: both variants of its kernels, in the full list two devices; the first steps of training; sessions and
# collectives over cpu0 and a device with memory of its own. Floors as above, of each device; recorded maxima of each variant.
OPENCL_FLOORS = wide:quick:4166 gpu:quick:4166 wide:full:15555 gpu:full:15555
HAL_PAIR_TESTS = tests/unit/test_plan tests/unit/test_session
check-opencl: all $(HAL_PAIR_TESTS)
	@$(HAL_TOOL_ENVIRONMENT) PYTHON='$(PYTHON)' top_srcdir='$(abs_top_srcdir)' FLOORS='$(OPENCL_FLOORS)' \
	  $(SHELL) $(top_srcdir)/tests/opencl/matrix.sh $(LIST)
	@$(HAL_TOOL_ENVIRONMENT) top_srcdir='$(abs_top_srcdir)' $(SHELL) $(top_srcdir)/tests/opencl/training.sh
	+@HAL_TEST_OTHER=opencl0 HAL_OPENCL_MEMORY=device OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd; \
	  export HAL_TEST_OTHER HAL_OPENCL_MEMORY OCL_ICD_VENDORS; $(call run_tests,$(HAL_PAIR_TESTS))

# The cuda backend on the emulated driver: hal's own kernels and products by cuBLASLt; the first steps of training, also beside
# other devices; sessions and collectives over cpu0 and a CUDA device. Floors as above, of each variant.
CUDA_FLOORS = kernels:quick:4166 library:quick:116 kernels:full:15555 library:full:647
check-cuda: all $(HAL_PAIR_TESTS)
	@$(HAL_TOOL_ENVIRONMENT) PYTHON='$(PYTHON)' top_srcdir='$(abs_top_srcdir)' FLOORS='$(CUDA_FLOORS)' \
	  $(SHELL) $(top_srcdir)/tests/cuda/matrix.sh $(LIST)
	@$(HAL_TOOL_ENVIRONMENT) top_srcdir='$(abs_top_srcdir)' $(SHELL) $(top_srcdir)/tests/cuda/training.sh
	+@[ ! -e tests/emulated-cuda ] || { HAL_TEST_OTHER=gpu0; export HAL_TEST_OTHER; \
	  $(call run_tests,$(HAL_PAIR_TESTS),tests/emulated-cuda); }

# Each variant at its smallest shapes under Oclgrind: accesses out of bounds, races. A floor as above, of each variant.
OCLGRIND_FLOOR = 2480
check-oclgrind: all
	@$(HAL_TOOL_ENVIRONMENT) CC='$(CC) $(OPENCL_CFLAGS)' PYTHON='$(PYTHON)' top_srcdir='$(abs_top_srcdir)' FLOOR='$(OCLGRIND_FLOOR)' \
	  $(SHELL) $(top_srcdir)/tests/opencl/oclgrind.sh $(OCLGRIND_CASES)

# Each target for SECONDS_EACH with inputs that SEED leads to.
SECONDS_EACH = 10
SEED = 1
check-fuzz: $(addsuffix .fuzzed,$(HAL_FUZZ_TARGETS))
$(addsuffix .fuzzed,$(HAL_FUZZ_TARGETS)): %.fuzzed: % all
	@if $(top_srcdir)/tests/fuzz/run.sh $(basename $@) $(SECONDS_EACH) $(SEED) $(HAL_FUZZER); \
	then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; exit 1; fi

# Against PyTorch where PYTHON has it; PEERS=yes makes its absence a failure.
PEERS = $(HAL_PEERS)
check-parity: all
	@$(HAL_TOOL_ENVIRONMENT) $(PYTHON) $(top_srcdir)/tests/parity/run.py \
	  --hal-run $(abs_top_builddir)/hal-run --peers $(PEERS) --work $(abs_top_builddir)/tests/parity/work

check-training: all
	@$(HAL_TOOL_ENVIRONMENT) $(SHELL) $(top_srcdir)/tests/training.sh $(abs_top_builddir)

# Needs the machine for itself: it measures.
check-load: all
	@$(HAL_TOOL_ENVIRONMENT) $(PYTHON) $(top_srcdir)/tests/load.py --build $(abs_top_builddir) \
	  --work $(abs_top_builddir)/tests/load

check-coverage:
	@$(SHELL) $(top_srcdir)/tests/coverage.sh $(abs_top_srcdir) $(abs_top_builddir)

.PHONY: check-programs check-unit check-lint check-faults check-cli check-machines check-installed check-portable \
	check-conformance check-opencl check-cuda check-oclgrind \
	$(addsuffix .fuzzed,$(HAL_FUZZ_TARGETS)) check-fuzz check-parity check-training check-load check-coverage check-beside check-vendors \
	gpu-bundle check-gpu-run bench-cuda-overhead
