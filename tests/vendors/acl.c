/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vendors/stub.h"

#define ME "STUB_ACL"

int aclInit(const char *file)
{
    (void)file;
    stub_begin(ME);
    return stub_is(ME, "fail") ? 507008 : 0;
}

int aclrtGetVersion(int32_t *major, int32_t *minor, int32_t *patch)
{
    *major = stub_is(ME, "old") ? 0 : 1;
    *minor = 13;
    *patch = 0;
    return 0;
}

int aclrtGetDeviceCount(uint32_t *n)
{
    *n = (uint32_t)stub_count(ME);
    return 0;
}

const char *aclrtGetSocName(void)
{
    return "Ascend910B3";
}

const char *aclGetRecentErrMsg(void)
{
    return "E19999: the stub is told to fail\nTraceBack";
}
