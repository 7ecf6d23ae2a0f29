/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/libraries.h"

#include <sys/wait.h>
#include <unistd.h>

hal_instance *libraries_instance(void)
{
    static int n;
    char unread[24]; /* equal options would give the same again */
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu,cuda",
                                    .fault_script = unread};
    hal_instance *instance = NULL;
    return hal_instance_create(&options, &instance) == HAL_OK ? instance : NULL;
}

int libraries_absent(emulated_driver *driver, int (*try)(void))
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0)
        _exit(emulated_open(driver) ? try() : 4);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
