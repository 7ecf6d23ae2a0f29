/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that reads the environment; once an instance, never on a hot path. */
#include "object.h"

#include <stdlib.h>

const char *hal_env_get(const char *name)
{
    const char *value = secure_getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}
