/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/linker.h"
#include "tests/cuda/emulated.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/opencl/work.h"

emulated_driver emulated;

static void place(const char *name, char *path, size_t size)
{
    const char *build = getenv("top_builddir");
    snprintf(path, size, "%s/tests/emulated/lib/%s", build != NULL ? build : ".", name);
}

void *emulated_open(const char *name)
{
    char path[600];
    place(name, path, sizeof path);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

bool emulated_look_up(void *library, const char *name, void *function)
{
    void *found = library != NULL ? dlsym(library, name) : NULL;
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

bool emulated_open_driver(void)
{
    void *library = emulated_open("libcuda.so.1");
    return emulated_open("libnvrtc.so.13") != NULL &&
           emulated_look_up(library, "hal_emulated_cuda_script", &emulated.script) &&
           emulated_look_up(library, "hal_emulated_cuda_wrong", &emulated.wrong) &&
           emulated_look_up(library, "hal_emulated_cuda_live", &emulated.live);
}

/* hal-probe asks, which is another process. */
hal_status emulated_ask(void)
{
    char path[600];
    place("", path, sizeof path);
    setenv("LD_LIBRARY_PATH", path, 1);
    return work_ask();
}

hal_instance *emulated_instance(void)
{
    static int n;
    char unread[24]; /* equal options would give the same again */
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu,cuda",
                                    .fault_script = unread};
    hal_instance *instance = NULL;
    return hal_instance_create(&options, &instance) == HAL_OK ? instance : NULL;
}

int emulated_alone(int (*try)(void))
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        linker_alone();
        _exit(emulated_open_driver() ? try() : 4);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
