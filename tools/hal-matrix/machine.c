/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Extensions that bring other kernels, or other instructions into the same ones: how long vectors are, whether products are
 * rounded before they are added, what multiplies 16-bit floats. */
static const char *const extensions[] = {"avx2", "fma", "f16c", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16",
                                         "asimd", "asimdhp", "bf16", "sve", "sve2", "sme"};
enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

/* Whether a line of words has this one. */
static bool has_word(const char *line, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
        if (strchr(" \t", at[-(at > line)]) && strchr(" \n", at[n])) return true;
    return false;
}

/* The line of the first processor that lists what it has; the caller frees it. */
static char *read_extensions(void) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen("/proc/cpuinfo", "re");
    bool found = false;
    while (file && !found && getline(&line, &room, file) > 0)
        found = strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0;
    if (file) fclose(file);
    if (found) return line;
    free(line);
    return NULL;
}

static void describe_processors(char *text, size_t size) {
    struct utsname system;
    char *line = read_extensions();
    snprintf(text, size, "%s", uname(&system) == 0 ? system.machine : "unknown");
    for (int i = 0; line && i < EXTENSIONS; i++) {
        const size_t used = strlen(text);
        if (has_word(line, extensions[i])) snprintf(text + used, size - used, " %s", extensions[i]);
    }
    free(line);
}

/* What is emulated by its backend rounds alike everywhere; a driver that is emulated computes on the processors. */
static bool on_processors(hal_instance *instance, const hal_device *of, const hal_device_info *device) {
    char driver[8];
    hal_device_driver(of, driver, sizeof driver);
    if (device->emulated) return driver[0] != '\0';
    hal_device *cpu;
    hal_device_info host;
    if (hal_device_find(instance, "cpu0", &cpu) != HAL_OK) return false;
    hal_device_describe(cpu, &host);
    hal_device_release(cpu);
    return host.compute_group == device->compute_group;
}

void matrix_machine_describe(hal_instance *instance, const hal_device *device, char *text, size_t size) {
    hal_device_info info;
    hal_device_describe(device, &info);
    if (on_processors(instance, device, &info)) describe_processors(text, size);
    else snprintf(text, size, "%s", info.emulated ? "" : info.name);
}
