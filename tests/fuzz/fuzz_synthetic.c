/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are a description of a machine in a line and, in further lines, what is supplied. What is accepted
 * must be sealed. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hal/topology/build.h"

static const char *const seeds[] = {
    "socket:2 gpu:4@nvlink npu:1\ngpu.*=a100-sxm-80@nvlink3",
    "socket:2=xeon-8480 numa:2 core:56 memory:128GiB gpu:8=h100-sxm@nvlink4@pcie5 nic:8@ib-ndr\ncpu0=grace",
    "pod:1 rack:2 node:3@roce-200 npu:4=910b@hccs-910b\nnpu[0-3]=@hccs\nswitch|x+=l40s",
    "socket:1 gpu:2@xgmi gpu:1=rtx4090\n(gpu:)?0=rtx5090@pcie5",
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

/* Counts of two digits keep an input quick. Repetitions in patterns are left out (below): how long a regular
   expression takes is the C library's affair. */
static bool is_cheap(const char *text)
{
    uint32_t digits = 0;
    for (const char *p = text; *p != '\0'; p++) {
        digits = *p >= '0' && *p <= '9' && p > text && p[-1] == ':' ? 1
                 : *p >= '0' && *p <= '9' && digits > 0             ? digits + 1
                                                                    : 0;
        if (digits > 2)
            return false;
    }
    return true;
}

static hal_status supply(hal_draft *draft, char *lines)
{
    hal_status s = HAL_OK;
    for (char *rest = lines, *line; s == HAL_OK && (line = strsep(&rest, "\n")) != NULL;)
        if (strpbrk(line, "*{+\\") == NULL)
            s = hal_topology_supply(draft, line);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    hal_draft *draft;
    hal_topology *topology;
    if (text == NULL || hal_draft_create(NULL, &draft) != HAL_OK)
        abort();
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    char *lines = strchr(text, '\n');
    if (lines != NULL)
        *lines++ = '\0';
    if (!is_cheap(text) || hal_topology_read_synthetic(text, draft) != HAL_OK ||
        (lines != NULL && supply(draft, lines) != HAL_OK))
        hal_draft_destroy(draft);
    else if (hal_draft_seal(draft, &topology) == HAL_OK)
        hal_topology_release(topology);
    else
        abort();
    free(text);
    return 0;
}
