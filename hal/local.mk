# SPDX-License-Identifier: Apache-2.0
# The core: status, instance, devices, memory, queues, timelines, loader, trace.

halinclude_HEADERS += \
	hal/hal.h \
	hal/ops.h \
	hal/graph.h \
	hal/plan.h \
	hal/backend.h \
	hal/topology.h \
	hal/dtypes.def

HAL_CORE_SOURCES = \
	hal/alloc.c \
	hal/buffer.c \
	hal/cache_disk.c \
	hal/cache_disk.h \
	hal/config.c \
	hal/core.h \
	hal/description.c \
	hal/device.c \
	hal/discovery/answer.c \
	hal/discovery/answer.h \
	hal/discovery/answers.c \
	hal/discovery/answers.h \
	hal/discovery/ask.c \
	hal/discovery/cache.c \
	hal/discovery/cache.h \
	hal/discovery/cgroup.c \
	hal/discovery/cgroup.h \
	hal/discovery/classes.c \
	hal/discovery/code.c \
	hal/discovery/codes.def \
	hal/discovery/cpulist.c \
	hal/discovery/cpulist.h \
	hal/discovery/discover.c \
	hal/discovery/elf.c \
	hal/discovery/elf.h \
	hal/discovery/families.def \
	hal/discovery/family.c \
	hal/discovery/family.h \
	hal/discovery/files.c \
	hal/discovery/files.h \
	hal/discovery/files_disk.c \
	hal/discovery/files_source.h \
	hal/discovery/files_tree.c \
	hal/discovery/gather.c \
	hal/discovery/hidden.c \
	hal/discovery/host.c \
	hal/discovery/identities.def \
	hal/discovery/identity.c \
	hal/discovery/identity.h \
	hal/discovery/keep.c \
	hal/discovery/kept.c \
	hal/discovery/kept.h \
	hal/discovery/kernel_processors.c \
	hal/discovery/kfd.c \
	hal/discovery/ladder.c \
	hal/discovery/ladder.h \
	hal/discovery/ladder_answer.c \
	hal/discovery/ladder_backend.c \
	hal/discovery/ladder_bus.c \
	hal/discovery/ladder_driver.c \
	hal/discovery/ladder_evidence.c \
	hal/discovery/ladder_library.c \
	hal/discovery/ladder_node.c \
	hal/discovery/ladder_permission.c \
	hal/discovery/ladder_registration.c \
	hal/discovery/ladder_survey.c \
	hal/discovery/ladder_version.c \
	hal/discovery/links.c \
	hal/discovery/manifest.c \
	hal/discovery/manifest.h \
	hal/discovery/measurements.c \
	hal/discovery/measurements.h \
	hal/discovery/merge.c \
	hal/discovery/merge_links.c \
	hal/discovery/parts.c \
	hal/discovery/pci.c \
	hal/discovery/pcie.c \
	hal/discovery/platform.c \
	hal/discovery/processors.c \
	hal/discovery/processors.h \
	hal/discovery/quiet.c \
	hal/discovery/quiet.h \
	hal/discovery/recorder.c \
	hal/discovery/recorder.h \
	hal/discovery/scan.h \
	hal/discovery/search.c \
	hal/discovery/search.h \
	hal/discovery/selector.c \
	hal/discovery/selector.h \
	hal/discovery/steps.c \
	hal/discovery/steps.h \
	hal/discovery/tree.c \
	hal/discovery/tree.h \
	hal/discovery/tree_write.c \
	hal/discovery/tree_write.h \
	hal/discovery/vendors.def \
	hal/discovery/words.c \
	hal/discovery/words.h \
	hal/dispatch.c \
	hal/dtype.c \
	hal/env.c \
	hal/futex.c \
	hal/host.c \
	hal/instance.c \
	hal/known.c \
	hal/list.c \
	hal/list.h \
	hal/loader.c \
	hal/machine.c \
	hal/memory.c \
	hal/note.c \
	hal/object.h \
	hal/peer.c \
	hal/probe.c \
	hal/probe.h \
	hal/program.c \
	hal/queue.c \
	hal/route.c \
	hal/slot.c \
	hal/status.c \
	hal/tensor.c \
	hal/time.c \
	hal/timeline.c \
	hal/topology/build.h \
	hal/topology/check.c \
	hal/topology/create.c \
	hal/topology/draft.c \
	hal/topology/hwloc_attributes.c \
	hal/topology/hwloc_devices.c \
	hal/topology/hwloc_distances.c \
	hal/topology/hwloc_tree.h \
	hal/topology/json.c \
	hal/topology/json.h \
	hal/topology/lookup.c \
	hal/topology/measurement.c \
	hal/topology/measurement.h \
	hal/topology/model.h \
	hal/topology/names.c \
	hal/topology/pci_device.c \
	hal/topology/print_json.c \
	hal/topology/read_hwloc.c \
	hal/topology/read_json.c \
	hal/topology/read_xml.c \
	hal/topology/redact.c \
	hal/topology/seal.c \
	hal/topology/shelf.c \
	hal/topology/shelf.def \
	hal/topology/shelf.h \
	hal/topology/supply.c \
	hal/topology/switched.c \
	hal/topology/synthetic.c \
	hal/topology/topology.c \
	hal/trace.c \
	hal/trace.h \
	hal/trace_json.c \
	hal/trust.c \
	hal/vendor.c \
	hal/work.c

# What --json of hal-info promises.
haldatadir = $(datadir)/hal
dist_haldata_DATA = hal/topology/hal-info.schema.json

# The child that opens plugins nobody has opened yet.
halprobedir = $(libexecdir)/hal
halprobe_PROGRAMS = hal-probe
hal_probe_SOURCES = \
	hal/discovery/answer.c \
	hal/discovery/answer.h \
	hal/hal-probe.c \
	hal/probe/acl.c \
	hal/probe/ask.c \
	hal/probe/child.c \
	hal/probe/child.h \
	hal/probe/cuda.c \
	hal/probe/cuda_shape.c \
	hal/probe/cuda_shape.h \
	hal/probe/dcmi.c \
	hal/probe/hip.c \
	hal/probe/nvml.c \
	hal/probe/opencl.c \
	hal/probe/rsmi.c \
	hal/probe/translate.c \
	hal/probe/translate.h \
	hal/probe/xml.h \
	hal/probe/ze.c
hal_probe_CFLAGS = $(AM_CFLAGS) $(HWLOC_CFLAGS) $(LIBXML2_CFLAGS)
hal_probe_LDADD = libhal_parts.la $(LIBXML2_LIBS)
if HAVE_LIBXML2
hal_probe_SOURCES += hal/probe/check_hwloc.c hal/probe/read_nccl.c hal/probe/write_hwloc.c hal/probe/xml.c
endif
