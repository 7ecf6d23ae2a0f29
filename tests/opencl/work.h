/* SPDX-License-Identifier: Apache-2.0 */
/* A small piece of work for an OpenCL device, that touches each kind of its objects: two queues, copies there and back, and a
   session of several ops. */
#ifndef TESTS_OPENCL_WORK_H
#define TESTS_OPENCL_WORK_H

#include <hal/plan.h>

/* What it needs of this machine; NULL when all is there, else what is missing. */
const char *work_lacks(void);
/* Writes the manifest `directory`/`name`: the library `path`. False where it cannot be written. */
bool work_manifest(const char *directory, const char *name, const char *path);
/* Asks the drivers of this environment what devices they have, and keeps the answers for instances made later. */
hal_status work_ask(void);
/* Sets the variables that drivers and caches are found by: `root`/vendors, `root`/cache. */
void work_environment(const char *root);

/* On the device `alias`: everything is made, used and released; DATA_LOSS when what comes back is not right. */
hal_status work_on(hal_instance *instance, const char *alias, int64_t deadline);
/* The session alone. */
hal_status work_session(hal_instance *instance, const char *alias, int64_t deadline);
/* The same, and calls `after` between the steps and the release of what they used. */
hal_status work_session_then(hal_instance *instance, const char *alias, int64_t deadline, void (*after)(void));

#endif
