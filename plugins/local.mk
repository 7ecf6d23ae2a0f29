# SPDX-License-Identifier: Apache-2.0
# What other programs load: shims that see installed headers only.

# A component of hwloc. Not in hwloc's own directory, so that no process loads it unasked.
halhwlocdir = $(libdir)/hal/hwloc
halhwloc_LTLIBRARIES = hwloc_hal.la
hwloc_hal_la_SOURCES = plugins/hwloc/hwloc_hal.c
hwloc_hal_la_CFLAGS = $(AM_CFLAGS) $(HWLOC_CFLAGS)
hwloc_hal_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^hwloc_hal_component$$'
hwloc_hal_la_LIBADD = libhal.la $(HWLOC_LIBS)
