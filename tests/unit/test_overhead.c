/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path on the null backend: no allocation, no lock and no look-up in the environment a call, and one
 * indirect call an op. The functions of the C library that would do such things are replaced by ones that
 * count. Times are hal-bench's business.
 */
#include "core_test.h"

#include <dlfcn.h>
#include <hal/graph.h>
#include <hal/plan.h>

enum { CHAIN = 1000, ROUNDS = 50 };

static struct { _Atomic uint64_t allocations, locks, look_ups; } counted;

/* Sanitizers replace the same functions. */
#if defined(__GLIBC__) && HAL_BACKEND_SANITIZER == 0
#define COUNTS 1
#pragma GCC visibility push(default) /* plugins and libraries call these too */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *p);

static void count_allocation(void)
{
    atomic_fetch_add_explicit(&counted.allocations, 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
    count_allocation();
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t size)
{
    count_allocation();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t bytes)
{
    count_allocation();
    return __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    count_allocation();
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **p, size_t alignment, size_t bytes)
{
    count_allocation();
    *p = __libc_memalign(alignment, bytes);
    return *p ? 0 : 12;
}

void free(void *p)
{
    if (p != NULL)
        count_allocation();
    __libc_free(p);
}

/* Calls the C library's own function of that name, looked up once. */
#define FORWARD(counter, type, name, parameter, argument)                                                    \
    type name(parameter)                                                                                     \
    {                                                                                                        \
        static type (*next)(parameter);                                                                      \
        atomic_fetch_add_explicit(&counted.counter, 1, memory_order_relaxed);                                \
        if (next == NULL)                                                                                    \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                                       \
        return next(argument);                                                                               \
    }
FORWARD(locks, int, pthread_mutex_lock, pthread_mutex_t *m, m)
FORWARD(locks, int, pthread_mutex_trylock, pthread_mutex_t *m, m)
FORWARD(locks, int, pthread_rwlock_rdlock, pthread_rwlock_t *l, l)
FORWARD(locks, int, pthread_rwlock_wrlock, pthread_rwlock_t *l, l)
FORWARD(look_ups, char *, getenv, const char *name, name)
FORWARD(look_ups, char *, secure_getenv, const char *name, name)
#pragma GCC visibility pop
#else
#define COUNTS 0
#endif

/* What was counted since `before`, as one number a kind; all 0 where nothing counts. */
typedef struct counts { uint64_t allocations, locks, look_ups; } counts;

static counts count_now(void)
{
    return (counts){counted.allocations, counted.locks, counted.look_ups};
}

static counts since(counts before)
{
    counts now = count_now();
    return (counts){now.allocations - before.allocations, now.locks - before.locks,
                    now.look_ups - before.look_ups};
}

static void assert_nothing(counts c)
{
    assert_int_equal(c.allocations, 0);
    assert_int_equal(c.locks, 0);
    assert_int_equal(c.look_ups, 0);
}

static hal_instance *start(const char *backend)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .backends = backend};
    hal_instance *instance;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

static hal_device *find(hal_instance *instance, const char *id)
{
    hal_device *device;
    assert_ok(hal_device_find(instance, id, &device));
    return device;
}

static uint64_t ops_of(const hal_device *device)
{
    return device->loaded->table->counter(atomic_load(&device->opened), "ops");
}

static hal_tensor row(float *data)
{
    const int64_t size[] = {16};
    return hal_tensor_host(data, HAL_F32, 1, size);
}

typedef struct chain {
    hal_session *session;
    hal_value in, out;
    float x[16], y[16];
} chain;

/* `n` softmax nodes, each of the one before: nothing fuses, shortens or merges them. */
static void chain_create(hal_instance *instance, const char *device, int n, chain *c)
{
    const hal_dim size[] = {hal_dim_constant(16)};
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1};
    hal_graph *graph;
    hal_plan *plan;
    memset(c, 0, sizeof *c);
    assert_ok(hal_graph_create(NULL, &graph));
    hal_value x = c->in = hal_graph_input(graph, "x", HAL_F32, 1, size);
    for (int i = 0; i < n; i++)
        x = hal_graph_softmax(graph, x);
    c->out = x;
    assert_ok(hal_graph_output(graph, x));
    assert_ok(hal_plan_create(instance, graph, &options, &plan));
    assert_ok(hal_session_create(plan, NULL, &c->session));
    hal_plan_release(plan);
    hal_graph_release(graph);
}

static void chain_run(chain *c)
{
    const hal_feed feed = {c->in, row(c->x)};
    const hal_fetch fetch = {c->out, row(c->y)};
    assert_ok(hal_session_run(c->session, &feed, 1, &fetch, 1, SOON));
}

/* A counter that counts nothing proves nothing. */
static void the_counters_count(void **state)
{
    (void)state;
    if (!COUNTS)
        skip();
    counts before = count_now();
    hal_instance *instance = start("cpu");
    counts c = since(before);
    assert_true(c.allocations > 0 && c.locks > 0 && c.look_ups > 0);
    /* Also what a plugin does by itself: the cpu backend does not ask its host for memory. */
    hal_device *device = find(instance, "cpu0");
    void *opened, *memory, *address;
    assert_ok(hal_device_activate(device, &opened));
    before = count_now();
    assert_ok(device->loaded->table->alloc(opened, 64, &memory, &address));
    assert_true(since(before).allocations > 0);
    device->loaded->table->free(opened, memory);
    hal_device_release(device);
    hal_instance_release(instance);
}

static void a_warm_hal_run_is_lean(void **state)
{
    (void)state;
    hal_instance *instance = start("null");
    hal_device *device = find(instance, "null0");
    float x[16] = {0}, y[16];
    const hal_tensor in = row(x), out = row(y);
    assert_ok(hal_run(device, "softmax", NULL, 0, &in, 1, &out, 1, SOON));
    uint64_t ops = ops_of(device);
    counts before = count_now();
    for (int i = 0; i < ROUNDS; i++)
        assert_ok(hal_run(device, "softmax", NULL, 0, &in, 1, &out, 1, SOON));
    assert_nothing(since(before));
    assert_int_equal(ops_of(device) - ops, ROUNDS);
    hal_device_release(device);
    hal_instance_release(instance);
}

static void a_warm_submission_is_lean(void **state)
{
    (void)state;
    hal_instance *instance = start("null");
    hal_device *device = find(instance, "null0");
    hal_program *program = tiny_program_compile(device);
    hal_queue *queue;
    hal_timeline *timeline;
    float x[16] = {0};
    const int64_t symbol = 0;
    hal_point point = {NULL, 0};
    const hal_binding binding = {NULL, x, 0};
    const hal_submission s = {HAL_HEAD(hal_submission), .program = program, .bindings = &binding, .n_bindings = 1,
                              .symbols = &symbol, .n_symbols = 1, .signals = &point, .n_signals = 1};
    assert_ok(hal_queue_create(device, &queue));
    assert_ok(hal_timeline_create(instance, &timeline));
    point = (hal_point){timeline, 1};
    assert_ok(hal_queue_submit(queue, &s));
    counts before = count_now();
    for (int i = 0; i < ROUNDS; i++) {
        point.value++;
        assert_ok(hal_queue_submit(queue, &s));
    }
    assert_ok(hal_timeline_wait(timeline, point.value, SOON));
    assert_nothing(since(before));
    hal_timeline_release(timeline);
    assert_ok(hal_queue_release(queue, SOON));
    hal_program_release(program);
    hal_device_release(device);
    hal_instance_release(instance);
}

static void a_warm_step_is_lean(void **state)
{
    (void)state;
    hal_instance *instance = start("null");
    hal_device *device = find(instance, "null0");
    chain c;
    chain_create(instance, "null0", CHAIN, &c);
    chain_run(&c);
    uint64_t ops = ops_of(device);
    counts before = count_now();
    for (int i = 0; i < ROUNDS; i++)
        chain_run(&c);
    assert_nothing(since(before));
    assert_int_equal(ops_of(device) - ops, ROUNDS * CHAIN);
    hal_session_release(c.session);
    hal_device_release(device);
    hal_instance_release(instance);
}

static counts warm_steps(hal_instance *instance, const char *device, int n)
{
    chain c;
    chain_create(instance, device, n, &c);
    for (int i = 0; i < 3; i++)
        chain_run(&c);
    counts before = count_now();
    for (int i = 0; i < ROUNDS; i++)
        chain_run(&c);
    counts result = since(before);
    hal_session_release(c.session);
    return result;
}

/* A device that works beside the caller takes a lock to hand over a submission, but none an op. */
static void the_cpu_pays_by_submission(void **state)
{
    (void)state;
    hal_instance *instance = start("cpu");
    counts c = warm_steps(instance, "cpu0", CHAIN);
    assert_true(c.allocations < 10 * ROUNDS);
    assert_true(c.locks < 20 * ROUNDS);
    assert_int_equal(c.look_ups, 0);
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counters_count),       cmocka_unit_test(a_warm_hal_run_is_lean),
        cmocka_unit_test(a_warm_submission_is_lean), cmocka_unit_test(a_warm_step_is_lean),
        cmocka_unit_test(the_cpu_pays_by_submission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
