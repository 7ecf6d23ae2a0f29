/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D2: a kernel driver that can compute is bound, and it has what it needs. Where none is, the evidence
 * is looked at in the order in which a driver comes to its device: barred, not in this kernel, not installed,
 * not loaded, loaded and refusing. Words of the log are those that the kernel's drivers print
 * (drivers/accel/{amdxdna,ivpu}, drivers/gpu/drm, NVRM).
 */
#include "hal/discovery/ladder.h"
#include "hal/discovery/files_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drivers that hold a device for a virtual machine. */
#define FOR_GUESTS "vfio-pci pci-stub xen-pciback"

static bool firmware_exists(const hal_climb *climb, const char *pattern)
{
    static const char *const endings[] = {"", ".zst", ".xz", ".gz"};
    char directory[768], *name;
    hal_names names;
    snprintf(directory, sizeof directory, "/lib/firmware/%.512s", pattern);
    name = strrchr(directory, '/');
    *name++ = '\0';
    if (!hal_ladder_list(climb->ladder, directory, &names))
        return false;
    bool found = false;
    for (uint32_t i = 0; i < names.count && !found; i++)
        for (size_t k = 0; k < sizeof endings / sizeof endings[0] && !found; k++) {
            char candidate[512];
            snprintf(candidate, sizeof candidate, "%.256s%s", name, endings[k]);
            found = hal_pattern_matches(candidate, names.items[i]);
        }
    hal_files_names_free(climb->ladder->files, &names);
    return found;
}

/* Reports firmware that is missing; true when it is. */
static bool lacks_firmware(hal_climb *climb)
{
    char patterns[512], pattern[512], line[256];
    hal_pattern_fill(climb->family->firmware, hal_climb_device(climb), patterns, sizeof patterns);
    if (hal_ladder_log_line(climb->ladder, hal_climb_device(climb)->address, "Direct firmware load", line,
                            sizeof line) ||
        hal_ladder_log_line(climb->ladder, hal_climb_device(climb)->address, "request firmware", line,
                            sizeof line)) {
        hal_climb_find(climb, 207, "kernel log: %s", line);
        return true;
    }
    if (patterns[0] == '\0' || !climb->ladder->firmware_told)
        return false;
    for (const char *rest = patterns; hal_word_next(&rest, '|', pattern, sizeof pattern);)
        if (firmware_exists(climb, pattern))
            return false;
    hal_climb_find(climb, 207, "no %s below /lib/firmware, compressed or not", patterns);
    return true;
}

static bool speaks_other_protocol(hal_climb *climb)
{
    static const char *const words[] = {"firmware protocol", "mbox magic", "firmware is not alive"};
    char line[256];
    const char *address = hal_climb_device(climb)->address;
    for (size_t i = 0; address[0] != '\0' && i < sizeof words / sizeof words[0]; i++)
        if (hal_ladder_log_line(climb->ladder, address, words[i], line, sizeof line)) {
            hal_climb_find(climb, 209, "kernel log: %s", line);
            return true;
        }
    return false;
}

/* "blacklist nouveau", "install nouveau /bin/false" of a file; `line` is what says so. */
static bool file_bars(hal_ladder *ladder, const char *path, const char *module, char *line, size_t size)
{
    char *text = hal_ladder_read(ladder, path);
    bool bars = false;
    for (const char *rest = text != NULL ? text : ""; !bars && hal_word_next(&rest, '\n', line, size);) {
        char verb[32] = "", name[128] = "", command[128] = "";
        sscanf(line, "%31s %127s %127s", verb, name, command);
        bars = strcmp(name, module) == 0 &&
               (strcmp(verb, "blacklist") == 0 ||
                (strcmp(verb, "install") == 0 &&
                 (strstr(command, "/false") != NULL || strstr(command, "/true") != NULL)));
    }
    hal_deallocate(ladder->files->allocator, text);
    return bars;
}

static bool command_line_bars(const hal_files *files, const char *module, char *line, size_t size)
{
    char text[4096], word[512], name[128];
    if (hal_files_read(files, "/proc/cmdline", text, sizeof text) < 0)
        return false;
    for (const char *rest = text; hal_word_next(&rest, ' ', word, sizeof word);) {
        if (strncmp(word, "modprobe.blacklist=", 19) != 0 && strncmp(word, "module_blacklist=", 17) != 0)
            continue;
        for (const char *list = strchr(word, '=') + 1; hal_word_next(&list, ',', name, sizeof name);)
            if (strcmp(name, module) == 0) {
                snprintf(line, size, "%s", word);
                return true;
            }
    }
    return false;
}

static bool is_barred(hal_climb *climb, const char *module)
{
    static const char *const directories[] = {"/etc/modprobe.d", "/run/modprobe.d",
                                              "/usr/local/lib/modprobe.d", "/lib/modprobe.d"};
    const hal_files *files = climb->ladder->files;
    char line[512], path[512];
    if (command_line_bars(files, module, line, sizeof line)) {
        hal_climb_find(climb, 206, "/proc/cmdline says %s", line);
        return true;
    }
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        hal_names names;
        bool bars = false;
        if (!hal_ladder_list(climb->ladder, directories[i], &names))
            continue;
        for (uint32_t k = 0; k < names.count && !bars; k++) {
            snprintf(path, sizeof path, "%s/%s", directories[i], names.items[k]);
            bars = file_bars(climb->ladder, path, module, line, sizeof line);
        }
        hal_files_names_free(files, &names);
        if (bars) {
            hal_climb_find(climb, 206, "%s says \"%s\"", path, line);
            return true;
        }
    }
    return false;
}

/* Secure Boot keeps unsigned modules out; those of the kernel itself are signed. */
static bool is_locked_out(hal_climb *climb, const char *module)
{
    char text[128];
    if ((climb->family->flags & HAL_FAMILY_OUT_OF_TREE) == 0 ||
        hal_files_read(climb->ladder->files, "/sys/kernel/security/lockdown", text, sizeof text) < 0 ||
        strstr(text, "[none]") != NULL)
        return false;
    hal_climb_find(climb, 210, "/sys/kernel/security/lockdown says %s, and %s is installed but not loaded",
                   text, module);
    return true;
}

/* The driver that the family wants most. */
static void first_driver(const hal_family *family, char *name, size_t size)
{
    const char *rest = family->drivers;
    if (!hal_word_next(&rest, ' ', name, size))
        name[0] = '\0';
}

/* Any of the family's drivers for which `is` holds; `name` is that one. */
static bool any_loaded(const hal_climb *climb, char *name, size_t size)
{
    for (const char *rest = climb->family->drivers; hal_word_next(&rest, ' ', name, size);)
        if (hal_ladder_module_loaded(climb->ladder, name))
            return true;
    return false;
}

static int any_installed(const hal_climb *climb, char *name, size_t size)
{
    int best = -1;
    for (const char *rest = climb->family->drivers; hal_word_next(&rest, ' ', name, size);) {
        int installed = hal_ladder_module_installed(climb->ladder, name);
        if (installed > 0)
            return 1;
        best = installed > best ? installed : best;
    }
    first_driver(climb->family, name, size);
    return best;
}

/* A driver is loaded, and the device is not its own. */
static void refused(hal_climb *climb, const char *name)
{
    if (speaks_other_protocol(climb) || lacks_firmware(climb))
        return;
    const char *lack = hal_ladder_log_lack(climb->ladder);
    hal_climb_find(climb, 203, "/sys/module has %s, %s has no driver%s%s", name, climb->directory,
                   lack[0] != '\0' ? "; " : "", lack);
}

/* Whether the driver came with a later kernel. */
static bool too_early(const hal_climb *climb, const char *kernel)
{
    const char *first = climb->family->kernel;
    return first[0] != '\0' && kernel[0] != '\0' && hal_version_compare(kernel, first) < 0;
}

static void unbound(hal_climb *climb)
{
    char name[128];
    const char *kernel = hal_draft_host(climb->ladder->draft)->kernel;
    if (any_loaded(climb, name, sizeof name)) {
        refused(climb, name);
        return;
    }
    const int installed = any_installed(climb, name, sizeof name);
    if (is_barred(climb, name) || (installed > 0 && is_locked_out(climb, name)))
        return;
    if (installed > 0)
        hal_climb_find(climb, 202, "%s is installed for kernel %s and not in /sys/module", name, kernel);
    else if (too_early(climb, kernel))
        hal_climb_find(climb, 208, "kernel %s; %s came with %s", kernel, name, climb->family->kernel);
    else
        hal_climb_find(climb, 201, "%s has no driver; %s is not in /sys/module and %s", climb->directory,
                       climb->family->drivers,
                       installed == 0 ? "not installed for this kernel"
                                      : "what is installed cannot be seen from here");
}

/* Xid lines name the bus without the function; other drivers the whole address. */
static void check_faults(hal_climb *climb)
{
    static const char *const words[] = {"GPU reset", "GPU HANG", "Timedout job", "ring gfx timeout"};
    const char *address = hal_climb_device(climb)->address;
    char key[64], line[256];
    if (strchr(address, '.') == NULL)
        return;
    snprintf(key, sizeof key, "Xid (PCI:%.*s)", (int)strcspn(address, "."), address);
    if (hal_ladder_log_line(climb->ladder, key, NULL, line, sizeof line)) {
        hal_climb_find(climb, strstr(line, "): 79") != NULL ? 103 : 211, "kernel log: %s", line);
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (hal_ladder_log_line(climb->ladder, address, words[i], line, sizeof line)) {
            hal_climb_find(climb, 211, "kernel log: %s", line);
            return;
        }
}

/* DKMS keeps a directory for each version that it has built. */
static void check_updated(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    char path[512], built[256] = "";
    hal_names names;
    snprintf(path, sizeof path, "/var/lib/dkms/%.256s", device->driver);
    if (device->driver_version[0] == '\0' || !hal_ladder_list(climb->ladder, path, &names))
        return;
    bool same = false, any = false;
    for (uint32_t i = 0; i < names.count; i++) {
        if (names.items[i][0] < '0' || names.items[i][0] > '9')
            continue;
        any = true;
        same |= strcmp(names.items[i], device->driver_version) == 0;
        hal_words_add(built, sizeof built, " %s", names.items[i]);
    }
    hal_files_names_free(climb->ladder->files, &names);
    if (any && !same)
        hal_climb_find(climb, 213, "%s %s is loaded; %s has%s", device->driver, device->driver_version, path,
                       built);
}

static void note_taint(hal_climb *climb)
{
    char module[128], path[256], taint[64];
    snprintf(module, sizeof module, "%.120s", hal_climb_device(climb)->driver);
    for (char *p = module; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
    snprintf(path, sizeof path, "/sys/module/%s/taint", module);
    if (hal_files_read(climb->ladder->files, path, taint, sizeof taint) > 0)
        hal_climb_note(climb, "taints the kernel: %s", taint);
}

static void bound(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    if (hal_word_listed(FOR_GUESTS, device->driver) &&
        !hal_word_listed(climb->family->drivers, device->driver)) {
        /* Giving network functions away is what they are for. */
        if ((climb->family->flags & HAL_FAMILY_NO_COMPUTE) != 0)
            hal_climb_note(climb, "%s bound: set aside for virtual machines", device->driver);
        else
            hal_climb_find(climb, 205, "driver is %s", device->driver);
        return;
    }
    if (hal_word_listed(climb->family->idle_drivers, device->driver)) {
        hal_climb_find(climb, 204, "driver is %s, %s computes", device->driver, climb->family->drivers);
        return;
    }
    hal_climb_note(climb, "%s %s%sbound", device->driver, device->driver_version,
                   device->driver_version[0] != '\0' ? " " : "");
    note_taint(climb);
    if ((climb->family->flags & HAL_FAMILY_NO_COMPUTE) != 0)
        return;
    check_faults(climb);
    check_updated(climb);
    if (hal_ladder_log_lack(climb->ladder)[0] != '\0')
        hal_climb_note(climb, "%s", hal_ladder_log_lack(climb->ladder));
}

void hal_rung_driver(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    if (device->kind == HAL_DEVICE_CPU)
        hal_climb_skip(climb, "a processor needs no driver");
    else if (hal_climb_whole(climb) != NULL)
        hal_climb_note(climb, "that of %s", hal_climb_whole(climb)->id);
    else if (device->driver[0] != '\0')
        bound(climb);
    else if (climb->family->drivers[0] != '\0' && climb->directory[0] != '\0')
        unbound(climb);
    else if ((climb->family->flags & HAL_FAMILY_NO_COMPUTE) != 0)
        hal_climb_note(climb, "no driver bound");
    else if (climb->directory[0] != '\0')
        hal_climb_find(climb, 214, "%04x:%04x class %06x is in no family that hal knows, and has no driver",
                       device->pci_vendor, device->pci_device, device->pci_class);
    else
        hal_climb_note(climb, "no entry on a bus whose driver could be looked at");
}
