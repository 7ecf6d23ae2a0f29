/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AscendCL: the runtime of Huawei's CANN, enumerated without setting a device. Declarations of our own from
 * the public AscendCL API reference (hiascend.com): aclInit, aclrtGetDeviceCount, aclrtGetSocName,
 * aclrtGetVersion, aclGetRecentErrMsg and the code for a second initialisation.
 */
#include "hal/probe/child.h"

#include <stdio.h>
#include <stdlib.h>

#define REPEATED 100002 /* initialised already: no error */

static struct {
    int (*init)(const char *);
    int (*count)(uint32_t *), (*version)(int32_t *, int32_t *, int32_t *);
    const char *(*soc)(void), *(*error)(void);
} acl;

const hal_child_symbol hal_symbols_acl[] = {
    {"aclInit", &acl.init, true},
    {"aclrtGetDeviceCount", &acl.count, true},
    {"aclrtGetSocName", &acl.soc, true},
    {"aclrtGetVersion", &acl.version, false},
    {"aclGetRecentErrMsg", &acl.error, false},
    {NULL, NULL, false},
};

static hal_library_state refused(hal_answer *library, const char *call, int code)
{
    return hal_child_refused(library, call, code, acl.error != NULL ? acl.error() : NULL);
}

static hal_library_state check_version(hal_answer *library)
{
    int32_t major = 0, minor = 0, patch = 0;
    if (acl.version == NULL || acl.version(&major, &minor, &patch) != 0)
        return HAL_LIBRARY_OK;
    snprintf(library->user, sizeof library->user, "%d.%d.%d", (int)major, (int)minor, (int)patch);
    if (major >= 1)
        return HAL_LIBRARY_OK;
    snprintf(library->text, sizeof library->text, "it is release %s", library->user);
    snprintf(library->required, sizeof library->required, "1.0.0");
    return HAL_LIBRARY_OLD;
}

/* The runtime numbers those that ASCEND_RT_VISIBLE_DEVICES lists; we tell the number that the list and the
 * node have. */
static uint32_t number_of(uint32_t index)
{
    const char *list = secure_getenv("ASCEND_RT_VISIBLE_DEVICES");
    for (uint32_t i = 0; i < index && list != NULL; i++) {
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return list != NULL && list[0] >= '0' && list[0] <= '9' ? (uint32_t)strtoul(list, NULL, 10) : index;
}

hal_library_state hal_ask_acl(const char *subject, hal_answer *library)
{
    uint32_t n = 0;
    (void)subject;
    if (check_version(library) != HAL_LIBRARY_OK)
        return HAL_LIBRARY_OLD;
    int e = acl.init(NULL);
    if (e != 0 && e != REPEATED)
        return refused(library, "aclInit", e);
    e = acl.count(&n);
    if (e != 0)
        return refused(library, "aclrtGetDeviceCount", e);
    if (n > HAL_CHILD_DEVICES)
        return hal_child_absurd(library, "aclrtGetDeviceCount", n);
    const char *soc = n > 0 ? acl.soc() : NULL;
    for (uint32_t i = 0; i < n; i++) {
        hal_answer a;
        hal_answer_init(&a, HAL_ANSWER_DEVICE, "acl");
        a.type = HAL_DEVICE_NPU;
        a.index = number_of(i);
        if (soc != NULL)
            hal_child_copy(a.features, sizeof a.features, soc, 64);
        snprintf(a.user, sizeof a.user, "%s", library->user);
        hal_child_tell(&a);
    }
    return HAL_LIBRARY_OK;
}
