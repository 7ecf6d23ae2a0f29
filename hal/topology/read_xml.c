/* SPDX-License-Identifier: Apache-2.0 */
/* XML of NCCL, RCCL and hwloc. It is never parsed in this process: the helper does, checks it, and answers in
   hal's own JSON, which is checked again here. */
#include "hal/probe.h"
#include "hal/topology/build.h"

hal_status hal_topology_read_xml(const char *path, int64_t deadline, hal_draft *draft)
{
    hal_probe_task task = {.verb = "translate", .subject = path, .deadline = deadline};
    hal_probe_all(NULL, &task, 1);
    hal_status s = task.status;
    if (task.end == HAL_PROBE_ANSWERED)
        s = hal_topology_read_json(path, task.payload, task.bytes, draft);
    else if (task.end == HAL_PROBE_REFUSED && strstr(task.text, "unsupported: ") != NULL)
        s = HAL_FAIL(UNSUPPORTED, "%s: %s", path, strstr(task.text, "unsupported: ") + 13);
    else if (task.end == HAL_PROBE_REFUSED) /* its words begin with those of the verb, then name the file */
        s = HAL_FAIL(INVALID_ARGUMENT, "%s",
                     strncmp(task.text, "translate: ", 11) == 0 ? task.text + 11 : task.text);
    else
        s = hal_status_set(s, __FILE__, __LINE__, "%s: %s", path, task.text);
    hal_deallocate(NULL, task.payload);
    return s;
}
