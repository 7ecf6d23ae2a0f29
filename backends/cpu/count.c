/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the cores' time this process may use: the quota of its cgroup and of those above it. */
#include <stdio.h>
#include <string.h>

#include "place.h"

/* Cores granted by one cpu.max file ("quota period"), rounded up; 0: no limit. */
static int64_t quota_of(const char *folder) {
    char path[4200];
    long long quota = 0, period = 0;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    int n = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    return n == 2 && quota > 0 && period > 0 ? (quota + period - 1) / period : 0;
}

static void cgroup_folder(char *folder, size_t size) {
    char line[4096];
    folder[0] = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::", 3) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(folder, size, "%s", line + 3);
    }
    if (f) fclose(f);
}

int64_t hal_cpu_quota(void) {
    char folder[4096];
    int64_t least = 0;
    cgroup_folder(folder, sizeof folder);
    for (;;) {
        int64_t quota = quota_of(folder);
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
        char *slash = strrchr(folder, '/');
        if (!slash) return least;
        *slash = 0;
    }
}
