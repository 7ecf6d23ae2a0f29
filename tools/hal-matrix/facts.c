/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/facts.h"

#include <hal/topology.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "tools/hal-matrix/machine.h"
#include "tools/common/markup.h"

/* Appends to a text, which is cut where it is full. */
static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...) {
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void identify(hal_instance *instance, const hal_device *device, matrix_facts *f) {
    hal_device_info info;
    hal_device_describe(device, &info);
    snprintf(f->alias, sizeof f->alias, "%s", info.alias);
    snprintf(f->backend, sizeof f->backend, "%s", info.backend);
    snprintf(f->name, sizeof f->name, "%s", info.name);
    hal_device_driver(device, f->driver, sizeof f->driver);
    f->emulated = info.emulated;
    matrix_machine_describe(instance, device, f->machine, sizeof f->machine);
}

static void describe_hardware(const hal_topology_device *d, matrix_facts *f) {
    const struct { const char *what, *version; } parts[] = {
        {d->driver, d->driver_version}, {"library", d->user_version}, {"firmware", d->firmware}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].version && parts[i].version[0])
            append(f->driver, sizeof f->driver, "%s%s %s", f->driver[0] ? ", " : "", parts[i].what, parts[i].version);
    for (uint32_t i = 0; i < d->n_features; i++)
        append(f->features, sizeof f->features, "%s%s", i ? ", " : "", d->features[i]);
}

/* Drivers may have been asked since the instance was made, hence a new description. A device that only its backend knows, an
 * emulated one say, is not in it. */
static void look_up(matrix_facts *f) {
    const hal_topology_options options = {HAL_HEAD(hal_topology_options)};
    hal_topology *t;
    if (hal_topology_create(&options, &t) != HAL_OK) return;
    const uint32_t index = hal_topology_device_find(t, f->alias);
    if (index != HAL_NOWHERE) describe_hardware(hal_topology_device_at(t, index), f);
    hal_topology_release(t);
}

static void describe_selection(const matrix_filter *filter, matrix_facts *f) {
    for (uint32_t i = 0; i < filter->n_ops; i++)
        append(f->selection, sizeof f->selection, "%s%s", i ? " " : "--op ", hal_op_describe(filter->ops[i])->name);
    for (uint32_t i = 0; i < filter->n_dtypes; i++)
        append(f->selection, sizeof f->selection, "%s%s", i ? " " : f->selection[0] ? " --dtype " : "--dtype ",
               hal_dtype_describe(filter->dtypes[i])->name);
}

void matrix_facts_gather(hal_instance *instance, hal_device *device, const matrix_options *o,
                         const matrix_selection *selection, matrix_facts *f) {
    struct utsname system;
    identify(instance, device, f);
    look_up(f);
    if (uname(&system) == 0)
        snprintf(f->system, sizeof f->system, "%.40s %.60s %.40s", system.sysname, system.release, system.machine);
    snprintf(f->tool, sizeof f->tool, "%s", hal_version());
    snprintf(f->list, sizeof f->list, "%s", matrix_list_name(o->filter.list));
    snprintf(f->version, sizeof f->version, "%s", selection->version);
    describe_selection(&o->filter, f);
    /* What a driver calls itself goes into documents. */
    markup_clean(f->name);
    markup_clean(f->driver);
    markup_clean(f->features);
    markup_clean(f->machine);
    f->when = (int64_t)time(NULL);
    f->loosen = o->loosen;
    f->seed = o->seed;
    f->floor = o->floor;
    f->jobs = o->jobs;
    f->perf = o->perf;
    f->declared = selection->n;
}
