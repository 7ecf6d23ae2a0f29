/* SPDX-License-Identifier: Apache-2.0 */
/* What vendors' libraries answered, as backends are told it: hal_host.vendor_devices. */
#include "hal/discovery/answer.h"
#include "object.h"

#define COPY_TEXT(to, from) snprintf((to), sizeof(to), "%.*s", (int)sizeof(to) - 1, (from))

/* A part's number within its card is no number of the interface. */
static bool is_of(const hal_answer *a, const char *vendor)
{
    return a->kind == HAL_ANSWER_DEVICE && a->index != HAL_NOWHERE && strcmp(a->api, vendor) == 0;
}

static void translate(const hal_answer *a, hal_vendor_device *d)
{
    *d = (hal_vendor_device){.platform = a->platform,
                             .index = a->index,
                             .kind = a->type,
                             .shared = a->shared,
                             .cores = a->cores,
                             .memory = a->memory};
    COPY_TEXT(d->address, a->address);
    COPY_TEXT(d->uuid, a->uuid);
    COPY_TEXT(d->name, a->name);
    COPY_TEXT(d->platform_name, a->platform_name);
    COPY_TEXT(d->driver, a->driver[0] != '\0' ? a->driver : a->user);
    COPY_TEXT(d->features, a->features);
    COPY_TEXT(d->library, a->library);
    COPY_TEXT(d->manifest, a->manifest);
}

/* A backend asks while it claims, and nothing else asks: once an instance, then after each probe. */
uint32_t hal_vendor_devices(hal_instance *instance, const char *vendor, uint32_t capacity,
                            hal_vendor_device *devices)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    uint32_t count = 0;
    const hal_allocator *a = &instance->config.allocator;
    if (hal_files_open(a, hal_machine_input, &files) != HAL_OK)
        return 0;
    if (hal_answers_recall(a, files, &answers) == HAL_OK)
        for (uint32_t i = 0; i < hal_answers_count(answers); i++) {
            const hal_answer *answer = hal_answers_at(answers, i);
            if (!is_of(answer, vendor))
                continue;
            if (count < capacity)
                translate(answer, &devices[count]);
            count++;
        }
    hal_answers_free(answers);
    hal_files_close(files);
    return count;
}
