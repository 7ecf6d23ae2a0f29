/* SPDX-License-Identifier: Apache-2.0 */
/* What PCI numbers say: family, name and kind of memory. Rows: hal/discovery/identities.def. */
#ifndef HAL_DISCOVERY_IDENTITY_H
#define HAL_DISCOVERY_IDENTITY_H

#include "hal/discovery/family.h"

/* Where a device computes. */
typedef enum hal_own_memory {
    HAL_OWN_NONE,   /* nowhere: it moves packets, or is a part of what computes */
    HAL_OWN_OTHER,  /* memory of its own, of a kind that the numbers do not tell */
    HAL_OWN_HBM,
    HAL_OWN_GDDR,
    HAL_OWN_LPDDR,
    HAL_OWN_SHARED, /* the host's memory */
    HAL_OWN_BY_BUS  /* shared on the first bus of the machine, its own elsewhere */
} hal_own_memory;

typedef struct hal_identity {
    uint32_t vendor, first, last; /* devices first to last */
    uint32_t class_mask, class;   /* of the 24 bits of the class */
    const char *family;           /* "" : not for this list (a picture of the console, a bridge) */
    uint32_t memory;              /* hal_own_memory */
    const char *name;             /* "" : the numbers tell no more than the family */
} hal_identity;

/* The first row that fits; NULL when the device is none of ours. */
const hal_identity *hal_identity_find(uint32_t vendor, uint32_t device, uint32_t class);

#endif
