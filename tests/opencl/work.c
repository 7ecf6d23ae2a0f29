/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dlfcn.h>

#include "hal/core.h"
#include "hal/discovery/answer.h"
#include "leaks.h"

/* ----------------------------------------------------------------------------------------- surroundings -- */

static bool plugin_is_there(void)
{
    const char *directory = getenv("HAL_PLUGIN_PATH");
    char path[600];
    snprintf(path, sizeof path, "%s/libhal_opencl.so", directory != NULL ? directory : ".");
    return access(path, R_OK) == 0;
}

const char *work_lacks(void)
{
    void *loader = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (getenv("HAL_PROBE") == NULL)
        return "not started by make check";
    if (!plugin_is_there())
        return "the opencl backend is not built (Debian: opencl-c-headers)";
    if (loader == NULL)
        return "libOpenCL.so.1 is not installed (Debian: ocl-icd-libopencl1)";
    dlclose(loader);
    return access("/etc/OpenCL/vendors/pocl.icd", R_OK) == 0 ? NULL : "pocl.icd is not installed (Debian: pocl-opencl-icd)";
}

bool work_manifest(const char *directory, const char *name, const char *library)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return false;
    fprintf(f, "%s\n", library);
    return fclose(f) == 0;
}

void work_environment(const char *root)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/vendors", root);
    mkdir(path, 0755);
    setenv("OCL_ICD_VENDORS", path, 1);
    snprintf(path, sizeof path, "%s/cache", root);
    mkdir(path, 0755);
    setenv("XDG_CACHE_HOME", path, 1);
    snprintf(path, sizeof path, "%s/pocl", root);
    setenv("POCL_CACHE_DIR", path, 0); /* make check has one that lasts */
}

hal_status work_ask(void)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    HAL_TRY(hal_files_open(NULL, NULL, &files));
    const hal_status status = hal_answers_ask(NULL, files, hal_deadline_ms(20000), &answers);
    hal_files_close(files);
    if (status == HAL_OK)
        hal_answers_free(answers);
    return status;
}

/* ------------------------------------------------------------------------------------- copies and queues -- */

enum { N = 1000 };

typedef struct road {
    hal_queue *queues[2];
    hal_buffer *buffers[2];
    hal_timeline *timeline;
} road;

static hal_status build(hal_instance *instance, hal_device *device, road *r)
{
    HAL_TRY(hal_timeline_create(instance, &r->timeline));
    for (int i = 0; i < 2; i++) {
        HAL_TRY(hal_queue_create(device, &r->queues[i]));
        HAL_TRY(hal_buffer_create(device, N * sizeof(int32_t), &r->buffers[i]));
    }
    return HAL_OK;
}

/* There on one queue, across and back on the other; each waits for the one before. */
static hal_status travel(road *r, int32_t *from, int32_t *to, int64_t deadline)
{
    const uint64_t bytes = N * sizeof(int32_t);
    const hal_binding a = {.buffer = r->buffers[0]}, b = {.buffer = r->buffers[1]}, out = {.host = from}, back = {.host = to};
    const hal_point points[3] = {{r->timeline, 1}, {r->timeline, 2}, {r->timeline, 3}};
    HAL_TRY(hal_queue_copy(r->queues[0], a, out, bytes, NULL, 0, &points[0], 1));
    HAL_TRY(hal_queue_copy(r->queues[1], b, a, bytes, &points[0], 1, &points[1], 1));
    HAL_TRY(hal_queue_copy(r->queues[1], back, b, bytes, &points[1], 1, &points[2], 1));
    return hal_timeline_wait(r->timeline, 3, deadline);
}

static void tear_down(road *r)
{
    for (int i = 0; i < 2; i++) {
        hal_queue_release(r->queues[i], hal_deadline_ms(10000));
        hal_buffer_release(r->buffers[i]);
    }
    hal_timeline_release(r->timeline);
}

/* Static, because work that hangs still refers to them. */
static int32_t sent[N], got[N];

static hal_status copies(hal_instance *instance, hal_device *device, int64_t deadline)
{
    road r = {.timeline = NULL};
    for (int i = 0; i < N; i++) {
        sent[i] = i * 7919;
        got[i] = -1;
    }
    hal_status status = build(instance, device, &r);
    if (status == HAL_OK)
        status = travel(&r, sent, got, deadline);
    tear_down(&r);
    if (status == HAL_OK && memcmp(sent, got, sizeof sent) != 0)
        return HAL_FAIL(DATA_LOSS, "bytes that went to the device came back changed");
    return status;
}

/* ------------------------------------------------------------------------------------------- a session -- */

enum { ROWS = 6, COLUMNS = 5 };

/* The transpose and, beside it, its own rows backwards in pairs: kernels with strides and with several inputs. */
static hal_status draw(hal_graph *g, hal_value *x, hal_value *y)
{
    *x = hal_graph_input(g, "x", HAL_F32, 2, (hal_dim[]){hal_dim_constant(ROWS), hal_dim_constant(COLUMNS)});
    const hal_value t = hal_graph_copy(g, hal_graph_transpose(g, *x, 2, (int64_t[]){1, 0}));
    const hal_value parts[2] = {hal_graph_slice(g, t, 0, 2, 3), hal_graph_slice(g, t, 0, 0, 2)};
    *y = hal_graph_copy(g, hal_graph_concat(g, parts, 2, 0));
    HAL_TRY(hal_graph_output(g, *y));
    return hal_graph_status(g);
}

static float fed[ROWS][COLUMNS], fetched[COLUMNS][ROWS];

static hal_status step(hal_session *session, hal_value x, hal_value y, int64_t deadline)
{
    const hal_feed feed = {x, hal_tensor_host(fed, HAL_F32, 2, (int64_t[]){ROWS, COLUMNS})};
    const hal_fetch fetch = {y, hal_tensor_host(fetched, HAL_F32, 2, (int64_t[]){COLUMNS, ROWS})};
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        fed[i / COLUMNS][i % COLUMNS] = (float)i;
        fetched[i / ROWS][i % ROWS] = -1;
    }
    HAL_TRY(hal_session_run(session, &feed, 1, &fetch, 1, deadline));
    for (int i = 0; i < COLUMNS * ROWS; i++)
        if (fetched[i / ROWS][i % ROWS] != fed[i % ROWS][(i / ROWS + 2) % COLUMNS])
            return HAL_FAIL(DATA_LOSS, "number %d of a session came out wrong", i);
    return HAL_OK;
}

static hal_status run_graph(hal_instance *instance, const char *alias, hal_graph *g, int64_t deadline, void (*after)(void))
{
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &alias, .n_devices = 1};
    hal_plan *plan = NULL;
    hal_session *session = NULL;
    hal_value x, y;
    HAL_TRY(draw(g, &x, &y));
    HAL_TRY(hal_plan_create(instance, g, &options, &plan));
    hal_status status = hal_session_create(plan, NULL, &session);
    hal_plan_release(plan);
    for (int i = 0; i < 2 && status == HAL_OK; i++)
        status = step(session, x, y, deadline);
    if (after != NULL)
        after();
    const hal_status_detail kept = *hal_status_last(); /* the release may have something to say, too */
    hal_session_release(session);
    return status == HAL_OK ? HAL_OK : hal_status_set(status, __FILE__, __LINE__, "%s", kept.text);
}

hal_status work_session_then(hal_instance *instance, const char *alias, int64_t deadline, void (*after)(void))
{
    hal_graph *g = NULL;
    HAL_TRY(hal_graph_create(NULL, &g));
    const hal_status status = run_graph(instance, alias, g, deadline, after);
    hal_graph_release(g);
    return status;
}

hal_status work_session(hal_instance *instance, const char *alias, int64_t deadline)
{
    return work_session_then(instance, alias, deadline, NULL);
}

hal_status work_on(hal_instance *instance, const char *alias, int64_t deadline)
{
    hal_device *device = NULL;
    HAL_TRY(hal_device_find(instance, alias, &device));
    hal_status status = copies(instance, device, deadline);
    hal_device_release(device);
    return status == HAL_OK ? work_session(instance, alias, deadline) : status;
}
