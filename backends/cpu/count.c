/* SPDX-License-Identifier: Apache-2.0 */
/* How many cores this process may use: the affinity mask, cut to the quota of its cgroup and of those above
   it. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

static int64_t affinity_count(void) {
    for (size_t bytes = sizeof(cpu_set_t); bytes <= 1 << 15; bytes *= 2) {
        cpu_set_t *set = malloc(bytes);
        if (!set) return 1;
        int failed = sched_getaffinity(0, bytes, set), n = failed ? 0 : CPU_COUNT_S(bytes, set);
        free(set);
        if (!failed) return n > 0 ? n : 1;
    }
    return 1;
}

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

int64_t hal_cpu_count(void) {
    char folder[4096];
    int64_t n = affinity_count();
    cgroup_folder(folder, sizeof folder);
    for (;;) {
        int64_t quota = quota_of(folder);
        if (quota > 0 && quota < n) n = quota;
        char *slash = strrchr(folder, '/');
        if (!slash) return n;
        *slash = 0;
    }
}
