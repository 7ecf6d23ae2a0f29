/* SPDX-License-Identifier: Apache-2.0 */
/* What the control group and the affinity mask leave to the process. */
#ifndef HAL_DISCOVERY_CGROUP_H
#define HAL_DISCOVERY_CGROUP_H

#include "hal/discovery/files.h"

typedef struct hal_limits {
    double processors; /* hardware threads, or a share of them; 0 not known */
    double memory;     /* bytes; 0 none */
    char group[512];   /* path of the control group; "" not known */
} hal_limits;

void hal_limits_read(const hal_files *files, hal_limits *limits);

#endif
