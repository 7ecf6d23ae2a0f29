/* SPDX-License-Identifier: Apache-2.0 */
/* What the control group and the affinity mask leave to the process. */
#ifndef HAL_DISCOVERY_CGROUP_H
#define HAL_DISCOVERY_CGROUP_H

#include "hal/discovery/files.h"

typedef struct hal_limits {
    double processors; /* hardware threads, or a share of them; 0 not known */
    double memory;     /* bytes; 0 none */
    double used;       /* bytes of `memory` that the group has now; 0 not known */
    uint64_t left;     /* bytes that the process may still take, whatever memory they lie in; UINT64_MAX when nothing tells */
    char group[512];   /* path of the control group; "" not known */
} hal_limits;

void hal_limits_read(const hal_files *files, hal_limits *limits);

#endif
