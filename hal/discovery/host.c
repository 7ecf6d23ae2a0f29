/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the machine as a whole. */
#include "hal/discovery/cgroup.h"
#include "hal/discovery/steps.h"
#include "hal/topology/model.h"

#include <sys/utsname.h>
#include <time.h>

/* Signs that container runtimes leave: files, the variable `container`, names in the path of the first
 * process's group. */
static const char *container(const hal_files *files, char *text, size_t size)
{
    static const struct {
        const char *word, *name;
    } words[] = {{"kubepods", "kubernetes"}, {"docker", "docker"},  {"libpod", "podman"}, {"lxc", "lxc"},
                 {"machine-", "nspawn"},     {"buildkit", "docker"}};
    if (hal_files_env(files, "KUBERNETES_SERVICE_HOST") != NULL)
        return "kubernetes";
    if (hal_files_exist(files, "/.dockerenv"))
        return "docker";
    if (hal_files_exist(files, "/run/.containerenv"))
        return "podman";
    const char *told = hal_files_env(files, "container");
    if (told != NULL && told[0] != '\0') {
        snprintf(text, size, "%.63s", told);
        return text;
    }
    if (hal_scan_text(files, text, size, "/proc/1/cgroup"))
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strstr(text, words[i].word) != NULL)
                return words[i].name;
    return "";
}

/* Lines of /hal/uname, or what the kernel says. */
static void name_machine(const hal_files *files, hal_draft *draft)
{
    hal_topology_host *host = hal_draft_host(draft);
    struct utsname names;
    char text[512], *rest = text;
    if (hal_files_live(files)) {
        if (uname(&names) != 0)
            return;
        host->os = hal_draft_text(draft, names.sysname);
        host->name = hal_draft_text(draft, names.nodename);
        host->kernel = hal_draft_text(draft, names.release);
        host->arch = hal_draft_text(draft, names.machine);
        return;
    }
    if (!hal_scan_text(files, text, sizeof text, "/hal/uname"))
        return;
    const char **const members[] = {&host->os, &host->name, &host->kernel, &host->arch};
    for (size_t i = 0; i < sizeof members / sizeof *members && rest != NULL; i++)
        *members[i] = hal_draft_text(draft, strsep(&rest, "\n"));
}

void hal_scan_host(const hal_files *files, hal_draft *draft)
{
    hal_topology_host *host = hal_draft_host(draft);
    hal_limits limits;
    char text[4096];
    name_machine(files, draft);
    hal_limits_read(files, &limits);
    host->offline = !hal_files_live(files);
    host->when = hal_files_live(files) ? (int64_t)time(NULL) : hal_scan_number(files, 0, "/hal/date");
    host->container = hal_draft_text(draft, container(files, text, sizeof text));
    host->cgroup = hal_draft_text(draft, limits.group);
    draft->topology.memory_left = limits.left;
    host->cpu_limit = hal_figure_unknown(HAL_UNIT_COUNT);
    host->memory_limit = hal_figure_unknown(HAL_UNIT_BYTES);
    if (limits.processors > 0)
        host->cpu_limit = hal_figure_of(limits.processors, HAL_UNIT_COUNT, HAL_SOURCE_STRUCTURAL);
    if (limits.memory > 0)
        host->memory_limit = hal_figure_of(limits.memory, HAL_UNIT_BYTES, HAL_SOURCE_STRUCTURAL);
}
