/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are what a child that asks a vendor may write. What is believed of it can be written and read again, alike, and a
 * topology takes it. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hal/discovery/answers.h"

static const char seed[] =
    "library\tapi=nvml\tstate=ok\tdriver=535.129.03\tlibrary=/usr/lib/libnvidia-ml.so.1\twhen=1700000000\ttook=5\n"
    "device\tapi=nvml\ttype=gpu\tindex=0\taddress=0000:1b:00.0\tuuid=GPU-1a\tname=Card\tmemory=85899345920\tfree=5\tfeatures=sm_90 mig\n"
    "device\tapi=nvml\ttype=gpu\tindex=0\tuuid=MIG-2b\tparent=GPU-1a\tpart=gi1ci0\tmemory=1\n"
    "device\tapi=opencl\ttype=cpu\tplatform=1\tindex=0\tname=pthread\tplatform_name=PoCL\tshared=1\tcores=2\n"
    "link\tapi=nvml\taddress=0000:1b:00.0\tpeer=0000:43:00.0\tlink=nvlink\tpath=NVL\tgeneration=4\tlanes=18\thops=1\tcopy=native\n"
    "link\tapi=cuda\tindex=0\tpeer_index=1\tcopy=direct\n";

size_t fuzz_seed_count(void)
{
    return 1;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    (void)index;
    *out_bytes = sizeof seed - 1;
    return seed;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(const hal_answer *a)
{
    char line[HAL_ANSWER_LINE], why[200];
    hal_answer again;
    size_t length = hal_answer_print(a, line);
    require(hal_answer_parse(line, length - 1, &again, why, sizeof why));
    require(memcmp(a, &again, sizeof again) == 0);
}

static void join(const hal_answers *answers)
{
    hal_draft *draft;
    hal_topology *topology;
    const hal_topology_place machine = {.kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine"};
    const hal_topology_device cpu = {.kind = HAL_DEVICE_CPU, .id = "cpu:0", .numa = HAL_NOWHERE, .parent = HAL_NOWHERE};
    if (hal_draft_create(NULL, &draft) != HAL_OK)
        return;
    hal_draft_add_place(draft, &machine);
    hal_draft_add_device(draft, &cpu);
    require(hal_answers_merge(draft, answers) == HAL_OK);
    require(hal_draft_seal(draft, &topology) == HAL_OK);
    hal_topology_release(topology);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    hal_answers *answers;
    const hal_vendor *vendor = bytes > 0 && data[0] % 2 == 0 ? hal_vendor_find("nvml") : NULL;
    if (hal_answers_create(NULL, &answers) != HAL_OK)
        return 0;
    if (hal_answers_read(answers, vendor, "input", (const char *)data, bytes) == HAL_OK) {
        for (uint32_t i = 0; i < hal_answers_count(answers); i++)
            check_again(hal_answers_at(answers, i));
        join(answers);
    } else {
        require(hal_answers_count(answers) == 0);
    }
    hal_answers_free(answers);
    return 0;
}
