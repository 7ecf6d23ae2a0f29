/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vendors/stub.h"

#define ME "STUB_DCMI"

int dcmi_init(void)
{
    stub_begin(ME);
    return stub_is(ME, "fail") ? -8013 : 0;
}

int dcmi_get_driver_version(char *text, unsigned size)
{
    snprintf(text, size, "%s", "24.1.rc2");
    return 0;
}

int dcmi_get_card_list(int *n, int *list, int room)
{
    *n = stub_count(ME);
    for (int i = 0; i < *n && i < room; i++)
        list[i] = i;
    return 0;
}

int dcmi_get_device_num_in_card(int card, int *n)
{
    (void)card;
    *n = 2; /* the chip and the controller */
    return 0;
}

int dcmi_get_device_type(int card, int device, int *type)
{
    (void)card;
    *type = device == 0 ? 0 : 1;
    return 0;
}

int dcmi_get_device_logic_id(int *logic, int card, int device)
{
    (void)device;
    *logic = card;
    return 0;
}

int dcmi_get_device_chip_info(int card, int device, char *chip)
{
    unsigned cores = 24;
    (void)card;
    (void)device;
    memset(chip, 0, 96);
    memcpy(chip, "Ascend", 6);
    memcpy(chip + 32, "910B3", 5);
    memcpy(chip + 96, &cores, sizeof cores);
    return 0;
}

int dcmi_get_device_pcie_info_v2(int card, int device, char *pci)
{
    unsigned bus = card == 0 ? 0xc1u : 0xc2u;
    (void)device;
    memset(pci, 0, 64);
    memcpy(pci + 20, &bus, sizeof bus);
    return 0;
}

int dcmi_get_device_hbm_info(int card, int device, char *hbm)
{
    unsigned long long size = 65536, used = 3000;
    (void)card;
    (void)device;
    memcpy(hbm, &size, sizeof size);
    memcpy(hbm + 16, &used, sizeof used);
    return 0;
}

int dcmi_get_topo_info_by_device_id(int card, int device, int other, int other_device, int *type)
{
    (void)device;
    (void)other_device;
    *type = card != other ? 3 : 0;
    return 0;
}
