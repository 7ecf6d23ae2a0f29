/* SPDX-License-Identifier: Apache-2.0 */
/* hal-probe translate FILE: XML of NCCL, RCCL or hwloc to JSON of hal on descriptor 3. */
#include "hal/probe/translate.h"

#include "hal/discovery/scan.h"
#include "hal/probe/child.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define MOST_MEMORY (2ull << 30)

#ifndef HAL_HAVE_LIBXML2

int hal_child_translate(const char *path)
{
    (void)path;
    return hal_child_fail(
        "unsupported: this build of hal reads no XML, because libxml2 was not there when it was configured");
}

#else

extern char **environ;

/* Variables that steer hwloc are about the machine of whoever set them, not about a file. */
static void forget_settings(void)
{
    for (char **e = environ; *e != NULL;) {
        char name[64];
        const size_t n = strcspn(*e, "=");
        if (strncmp(*e, "HWLOC_", 6) != 0 || n >= sizeof name) {
            e++;
            continue;
        }
        memcpy(name, *e, n);
        name[n] = '\0';
        unsetenv(name);
    }
    setenv("HWLOC_HIDE_ERRORS", "2", 1);
}

static void read_hwloc(const xml_node *root, hal_draft *draft)
{
    size_t bytes;
    hwloc_topology_t tree;
    hal_check_hwloc(root);
    char *text = hal_write_hwloc(root, &bytes);
    forget_settings();
    if (hwloc_topology_init(&tree) != 0 ||
        hwloc_topology_set_io_types_filter(tree, HWLOC_TYPE_FILTER_KEEP_ALL) != 0 ||
        hwloc_topology_set_xmlbuffer(tree, text, (int)bytes + 1) != 0 || hwloc_topology_load(tree) != 0)
        xml_wrong(root, "hwloc does not load it, although nothing in it looks wrong");
    if (hal_topology_read_hwloc(tree, draft) != HAL_OK)
        xml_unusable("%s", hal_status_last()->text);
}

static void read_root(const xml_node *root, hal_draft *draft)
{
    if (xml_is(root, "system"))
        hal_read_nccl(root, draft);
    else if (xml_is(root, "topology"))
        read_hwloc(root, draft);
    else
        xml_wrong(root, "neither <system> of NCCL or RCCL nor <topology> of hwloc");
    hal_scan_links(NULL, draft);
}

static int print(hal_draft *draft)
{
    hal_topology *topology;
    FILE *stream = fdopen(HAL_CHILD_PAYLOAD, "w");
    if (stream == NULL)
        return hal_child_fail("descriptor 3, where the answer goes, is not open");
    if (hal_draft_seal(draft, &topology) != HAL_OK ||
        hal_topology_print_json(topology, HAL_PRINT_COMPACT, stream) != HAL_OK)
        return hal_child_fail(hal_status_last()->text);
    return fclose(stream) == 0 ? 0 : hal_child_fail("the answer cannot be written");
}

int hal_child_translate(const char *path)
{
    hal_draft *draft;
    const struct rlimit limit = {MOST_MEMORY, MOST_MEMORY};
    if (HAL_BACKEND_SANITIZER == 0) /* a sanitizer reserves more address space than any file needs */
        setrlimit(RLIMIT_AS, &limit);
    if (hal_draft_create(NULL, &draft) != HAL_OK)
        return hal_child_fail(hal_status_last()->text);
    read_root(xml_read(path), draft);
    return print(draft);
}

#endif
