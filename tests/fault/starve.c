/* SPDX-License-Identifier: Apache-2.0 */
#include "starve.h"

#include "hal/object.h"

#include <dlfcn.h>
#include <link.h>

enum { ROWS = 2, WIDE = 4 };

meter starve_meter;

static bool refused(void)
{
    meter *m = &starve_meter;
    if (!m->armed)
        return false;
    int64_t n = ++m->asked;
    return m->for_ever ? n >= m->fail_at : n == m->fail_at;
}

void *__real_malloc(size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return refused() ? NULL : __real_aligned_alloc(alignment, bytes);
}

/* What the backend itself asks of malloc. Where a sanitizer has taken malloc already, that is not tried. */
#if HAL_BACKEND_SANITIZER == 0
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static uintptr_t backend_begin, backend_end;

static int widen(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    for (int i = 0; info->dlpi_addr == *(uintptr_t *)base && i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > backend_end)
            backend_end = end;
    }
    return 0;
}

/* From here on the calls of this device's backend count. */
static void watch_backend(const hal_device *device)
{
    Dl_info where;
    union {
        hal_status (*function)(const hal_host *host, void **state);
        void *object;
    } open = {hal_device_backend(device)->open};
    if (backend_end != 0 || dladdr(open.object, &where) == 0)
        return;
    uintptr_t base = (uintptr_t)where.dli_fbase;
    dl_iterate_phdr(widen, &base);
    backend_begin = base;
}

static bool from_backend(const void *caller)
{
    return (uintptr_t)caller >= backend_begin && (uintptr_t)caller < backend_end && backend_begin != 0;
}

#define CALLER __builtin_return_address(0)
#define OURS   __attribute__((visibility("default")))

OURS void *malloc(size_t bytes)
{
    return from_backend(CALLER) && refused() ? NULL : __libc_malloc(bytes);
}

OURS void *calloc(size_t count, size_t bytes)
{
    return from_backend(CALLER) && refused() ? NULL : __libc_calloc(count, bytes);
}

OURS void *aligned_alloc(size_t alignment, size_t bytes)
{
    return from_backend(CALLER) && refused() ? NULL : __libc_memalign(alignment, bytes);
}
#else
static void watch_backend(const hal_device *device)
{
    (void)device;
}
#endif

static void *meter_allocate(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    if (refused())
        return NULL;
    size_t unit = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    void *p = __real_aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (p != NULL) {
        memset(p, 0xa5, bytes);
        starve_meter.live++;
    }
    return p;
}

static void meter_release(void *context, void *pointer)
{
    (void)context;
    if (pointer != NULL)
        starve_meter.live--;
    free(pointer);
}

/* -------------------------------------------------- worlds -- */

hal_status with_nothing(world *w)
{
    (void)w;
    return HAL_OK;
}

hal_status with_instance(world *w)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .allocator = w->allocator, .cpu_threads = 1,
                              .backends = "cpu"};
    return hal_instance_create(&o, &w->instance);
}

hal_status with_device(world *w)
{
    HAL_TRY(with_instance(w));
    return hal_device_find(w->instance, "cpu0", &w->device);
}

hal_status with_buffer(world *w)
{
    HAL_TRY(with_device(w));
    return hal_buffer_create(w->device, sizeof w->numbers, &w->buffer);
}

hal_status with_queue(world *w)
{
    HAL_TRY(with_buffer(w));
    HAL_TRY(hal_timeline_create(w->instance, &w->timeline));
    return hal_queue_create(w->device, &w->queue);
}

hal_status with_graph(world *w)
{
    const hal_dim size[2] = {hal_dim_constant(ROWS), hal_dim_constant(WIDE)};
    HAL_TRY(hal_graph_create(w->allocator, &w->graph));
    w->x = hal_graph_input(w->graph, "x", HAL_F32, 2, size);
    w->y = hal_graph_mul(w->graph, w->x, w->x);
    w->z = hal_graph_input(w->graph, "z", HAL_I32, 1, size);
    w->f = hal_graph_fill(w->graph, 0.5, HAL_F32, 0, NULL);
    return hal_graph_status(w->graph);
}

hal_status with_case(world *w)
{
    HAL_TRY(hal_graph_create(w->allocator, &w->graph));
    for (uint32_t i = 0; i < w->c->n_in; i++)
        w->in[i] = w->c->in[i].dtype == HAL_NO_DTYPE
                       ? HAL_NO_VALUE
                       : hal_graph_input(w->graph, "in", w->c->in[i].dtype, w->c->in[i].rank, w->c->in[i].size);
    return hal_graph_status(w->graph);
}

hal_status with_model(world *w)
{
    HAL_TRY(with_graph(w));
    hal_graph *g = w->graph;
    hal_value p[2] = {hal_graph_variable(g, "w", HAL_F32, 2, (int64_t[]){WIDE, WIDE}),
                      hal_graph_variable(g, "b", HAL_F32, 1, (int64_t[]){WIDE})},
              grads[2];
    hal_value h = hal_graph_add(g, hal_graph_matmul(g, w->x, p[0], false, false), p[1]);
    h = hal_graph_layer_norm(g, h, p[1], p[1], 1e-5);
    w->loss = hal_graph_cross_entropy(g, h, w->z);
    HAL_TRY(hal_graph_gradient(g, w->loss, p, 2, grads));
    hal_adamw_options o = {HAL_HEAD(hal_adamw_options),
                           .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .clip = 1.0, .lr = w->f, .step = w->f};
    HAL_TRY(hal_graph_adamw(g, p, grads, 2, &o, NULL));
    return hal_graph_output(g, w->loss);
}

hal_status with_plan(world *w)
{
    const char *device = "cpu0";
    hal_plan_options o = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1};
    HAL_TRY(with_device(w));
    HAL_TRY(with_model(w));
    return hal_plan_create(w->instance, w->graph, &o, &w->plan);
}

hal_status with_session(world *w)
{
    HAL_TRY(with_plan(w));
    return hal_session_create(w->plan, NULL, &w->session);
}

static void world_end(world *w)
{
    hal_session_release(w->session);
    hal_plan_release(w->plan);
    hal_graph_release(w->graph);
    hal_graph_release(w->other);
    hal_program_release(w->program);
    if (w->queue != NULL)
        assert_int_equal(hal_queue_release(w->queue, hal_deadline_ms(10000)), HAL_OK);
    hal_timeline_release(w->timeline);
    hal_buffer_release(w->buffer);
    hal_device_release(w->device);
    hal_instance_release(w->instance);
}

/* -------------------------------------------------- trials -- */

/* Thousands of instances are made, and what a machine's description does without memory is tested elsewhere
   (tests/unit/test_discovery.c): here it is a machine of which nothing is known. */
static void describe_little(void)
{
    static char path[4096];
    const char *source = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/machines/empty.tree", source != NULL ? source : ".");
    hal_machine_input = path;
}

int starve_setup(void **state)
{
    world w = {0};
    (void)state;
    describe_little();
    if (with_device(&w) != HAL_OK)
        return -1;
    watch_backend(w.device);
    world_end(&w);
    return 0;
}

static void complain(const entry *e, const hal_case *c, int64_t n, const char *what, hal_status status)
{
    if (status != HAL_OK)
        fail_msg("%s%s%s, allocation %lld: %s: %s/%s: %s", e->name, c ? " of " : "",
                 c ? hal_op_describe(c->op)->name : "", (long long)n, what, hal_status_name(status),
                 hal_damage_name(hal_status_damage(status)), hal_status_last()->text);
}

/* One trial; true when the n-th allocation was asked for. */
static bool trial(const entry *e, const hal_case *c, starve_mode mode, int64_t n)
{
    world w = {.allocator = mode.allocator, .c = c};
    meter *m = &starve_meter;
    int64_t live = m->live;
    complain(e, c, n, "preparing", e->prepare(&w));
    m->asked = 0;
    m->fail_at = n;
    m->for_ever = mode.for_ever;
    m->armed = true;
    hal_status status = e->act(&w);
    m->armed = false;
    bool reached = m->asked >= n;
    if (!reached || hal_status_code(status) != HAL_CODE_OUT_OF_MEMORY)
        complain(e, c, n, reached ? "not OUT_OF_MEMORY" : "nothing failed", status);
    if (status == HAL_OK || !e->sticky)
        complain(e, c, n, "trying again", e->act(&w));
    world_end(&w);
    if (m->live != live)
        fail_msg("%s, allocation %lld: %lld blocks are lost", e->name, (long long)n, (long long)(m->live - live));
    return reached;
}

int64_t starve(const entry *e, const hal_case *c, starve_mode mode)
{
    int64_t n = 1;
    while (trial(e, c, mode, n))
        n++;
    return n - 1;
}

void starve_all(const entry *entries, size_t n)
{
    static const hal_allocator own = {meter_allocate, meter_release, NULL};
    for (size_t i = 0; i < n; i++)
        for (int mode = 0; mode < 4; mode++) {
            int64_t count = starve(&entries[i], NULL, (starve_mode){mode & 1 ? &own : NULL, mode >= 2});
            if (mode == 0)
                print_message("%-28s %4lld allocations\n", entries[i].name, (long long)count);
        }
}
