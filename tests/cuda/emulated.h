/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated CUDA driver in a test's own process, for what libraries do beside the kernels of hal. */
#ifndef TESTS_CUDA_EMULATED_H
#define TESTS_CUDA_EMULATED_H

#include <hal/core.h>

/* What the driver exports: tests/emulated/control.h. */
typedef struct emulated_driver {
    void (*script)(const char *text);
    uint64_t (*wrong)(void);
    unsigned (*live)(char *text, size_t size);
} emulated_driver;
extern emulated_driver emulated;

/* A library of tests/emulated by its path; who asks for its name gets it from then on. NULL: it is not built. */
void *emulated_open(const char *name);
bool emulated_look_up(void *library, const char *name, void *function);
/* The driver and its compiler; false where they are not built. */
bool emulated_open_driver(void);
/* Asks what devices there are, as instances made later find them. */
hal_status emulated_ask(void);
/* Of the cpu and the emulated devices, and like none before; NULL: the reason is the last status. */
hal_instance *emulated_instance(void);
/* What `try` returns in a process of its own, in which only the driver was opened and no Python is found: a library that was
   opened once stays. -1: it did not come to its end. */
int emulated_alone(int (*try)(void));

#endif
