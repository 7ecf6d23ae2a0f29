# SPDX-License-Identifier: Apache-2.0
# Plan, arena and session; part of libhal.

HAL_SCHED_SOURCES = \
	scheduler/arena.c \
	scheduler/describe.c \
	scheduler/describe.h \
	scheduler/inplace.c \
	scheduler/layout.c \
	scheduler/lower.c \
	scheduler/place.c \
	scheduler/plan.c \
	scheduler/plan_internal.h \
	scheduler/plan_json.c \
	scheduler/plan_print.c \
	scheduler/program.c \
	scheduler/run.c \
	scheduler/run_entry.c \
	scheduler/run_entry.h \
	scheduler/run_key.c \
	scheduler/run_key.h \
	scheduler/session.c \
	scheduler/session_bind.c \
	scheduler/session_internal.h \
	scheduler/session_layout.c \
	scheduler/session_run.c \
	scheduler/support.c \
	scheduler/view.c \
	scheduler/view.h
