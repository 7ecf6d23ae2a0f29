/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are descriptions of machines in JSON. What is accepted and sealed must be written as JSON that reads
 * back the same. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal/topology/build.h"

static const char *const seeds[] = {
    "{\"schema\":\"hal.info/"
    "1\",\"generated\":\"2026-11-20T12:00:00Z\",\"host\":{\"name\":\"node17\",\"offline\":true},\"places\":[{"
    "\"id\":\"machine\",\"kind\":\"machine\",\"parent\":null},{\"id\":\"numa0\",\"kind\":\"numa\",\"parent\":"
    "\"machine\",\"number\":0}],"
    "\"memories\":[{\"id\":\"numa0\",\"kind\":\"dram\",\"place\":\"numa0\",\"numa\":0,\"host_access\":true,"
    "\"capacity\":{\"value\":1e9,"
    "\"unit\":\"bytes\",\"source\":\"vendor\",\"when\":null,\"n\":11,\"ci95\":2.5}}],\"devices\":[{\"id\":"
    "\"gpu:0000:1b:00.0\",\"kind\":"
    "\"gpu\",\"place\":\"numa0\",\"state\":\"unusable\",\"reason\":\"D402\",\"indices\":{\"cuda\":0,"
    "\"opencl\":[0,1],\"drm\":[[0],[128]]},"
    "\"memory\":[{\"id\":\"numa0\"}],\"compute\":[{\"dtype\":\"bf16\",\"op_class\":\"matmul\",\"flops\":{"
    "\"value\":1e12,\"source\":"
    "\"estimated\"}}],\"features\":[\"sm_90\"],\"pci\":{\"vendor\":\"0x10de\",\"class\":\"0x030200\"},"
    "\"probe\":{\"ms\":1,\"steps\":[{"
    "\"code\":\"D1\",\"status\":\"ok\",\"evidence\":\"on the "
    "bus\",\"ms\":0.25}]}},{\"id\":\"x\",\"kind\":\"gpu\",\"parent\":"
    "\"gpu:0000:1b:00.0\"}],\"links\":[{\"from\":\"x\",\"to\":\"numa0\",\"to_kind\":\"memory\",\"kind\":"
    "\"pcie\",\"copy\":\"direct\"}],"
    "\"diagnostics\":[{\"code\":\"D402\",\"severity\":\"failure\",\"device\":\"x\",\"summary\":\"no "
    "access\"}]}",
    "{\"schema\":\"hal.info/1\",\"devices\":[]}",
};

size_t fuzz_seed_count(void)
{
    return sizeof seeds / sizeof *seeds;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    *out_bytes = strlen(seeds[index]);
    return seeds[index];
}

static hal_topology *read_text(const char *text, size_t bytes)
{
    hal_draft *draft;
    hal_topology *topology = NULL;
    if (hal_draft_create(NULL, &draft) != HAL_OK)
        abort();
    if (hal_topology_read_json("fuzz", text, bytes, draft) != HAL_OK)
        hal_draft_destroy(draft);
    else if (hal_draft_seal(draft, &topology) != HAL_OK)
        return NULL;
    return topology;
}

static char *print(const hal_topology *topology, uint32_t flags)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    if (stream == NULL || hal_topology_print_json(topology, flags, stream) != HAL_OK || fclose(stream) != 0)
        abort();
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    hal_topology *topology = read_text((const char *)data, bytes);
    if (topology == NULL)
        return 0;
    char *text = print(topology, 0), *hidden = print(topology, HAL_PRINT_REDACTED | HAL_PRINT_COMPACT);
    hal_topology *again = read_text(text, strlen(text));
    if (again == NULL)
        abort();
    char *second = print(again, 0);
    if (strcmp(text, second) != 0)
        abort();
    free(text);
    free(second);
    free(hidden);
    hal_topology_release(topology);
    hal_topology_release(again);
    return 0;
}
