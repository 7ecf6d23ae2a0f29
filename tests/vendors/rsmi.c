/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vendors/stub.h"

#define ME "STUB_RSMI"

int rsmi_init(uint64_t flags)
{
    (void)flags;
    stub_begin(ME);
    return stub_is(ME, "fail") ? 8 : 0;
}

int rsmi_status_string(int code, const char **text)
{
    *text = code == 8 ? "initialisation failed" : "?";
    return 0;
}

int rsmi_version_get(void *version)
{
    uint32_t *v = version;
    v[0] = stub_is(ME, "old") ? 3 : 5;
    v[1] = v[2] = 0;
    return 0;
}

int rsmi_version_str_get(int component, char *text, uint32_t size)
{
    (void)component;
    snprintf(text, size, "%s", "6.3.6");
    return 0;
}

int rsmi_num_monitor_devices(uint32_t *n)
{
    *n = (uint32_t)stub_count(ME);
    return 0;
}

int rsmi_dev_pci_id_get(uint32_t i, uint64_t *id)
{
    *id = i == 0 ? 0x0c00 : 0x1500;
    return 0;
}

int rsmi_dev_unique_id_get(uint32_t i, uint64_t *id)
{
    *id = 0xabc0 + i;
    return 0;
}

int rsmi_dev_memory_total_get(uint32_t i, int kind, uint64_t *bytes)
{
    (void)i;
    (void)kind;
    *bytes = 192ull << 30;
    return 0;
}

int rsmi_dev_memory_usage_get(uint32_t i, int kind, uint64_t *bytes)
{
    (void)i;
    (void)kind;
    *bytes = 1ull << 30;
    return 0;
}

int rsmi_topo_get_link_type(uint32_t from, uint32_t to, uint64_t *hops, int *type)
{
    (void)from;
    (void)to;
    *hops = 1;
    *type = 2;
    return 0;
}

int rsmi_minmax_bandwidth_get(uint32_t from, uint32_t to, uint64_t *least, uint64_t *most)
{
    (void)from;
    (void)to;
    *least = *most = 64000;
    return 0;
}
