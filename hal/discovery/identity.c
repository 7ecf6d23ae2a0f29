/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/identity.h"

#include <stddef.h>

static const hal_identity rows[] = {
#define HAL_DEVICE_IDS(vendor, first, last, family, memory, name)                                            \
    {vendor, first, last, 0, 0, family, HAL_OWN_##memory, name},
#define HAL_VENDOR_CLASS(vendor, mask, class, family, memory)                                                \
    {vendor, 0, 0xffff, mask, class, family, HAL_OWN_##memory, ""},
#define HAL_ANY_CLASS(mask, class, family, memory) {0, 0, 0xffff, mask, class, family, HAL_OWN_##memory, ""},
#include "hal/discovery/identities.def"
};

const hal_identity *hal_identity_find(uint32_t vendor, uint32_t device, uint32_t class)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const hal_identity *row = &rows[i];
        if ((row->vendor == 0 || row->vendor == vendor) && device >= row->first && device <= row->last &&
            (class & row->class_mask) == row->class)
            return row->family[0] != '\0' ? row : NULL;
    }
    return NULL;
}
