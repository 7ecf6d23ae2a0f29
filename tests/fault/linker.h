/* SPDX-License-Identifier: Apache-2.0 */
/* A path of commands without Python, which could have libraries of vendors, for tests of what happens where there are none. */
#ifndef TESTS_FAULT_LINKER_H
#define TESTS_FAULT_LINKER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/scratch_test.h"

/* PATH is a folder with nothing but the linker, which OpenCL below the emulated driver starts for kernels that are new to it. */
static inline void linker_alone(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("linker"));
    mkdir(path, 0700);
    if (symlink("/usr/bin/ld", scratch_path("linker/ld")) != 0 && errno != EEXIST)
        perror("a path for the linker");
    setenv("PATH", path, 1);
    unsetenv("VIRTUAL_ENV");
}

#endif
