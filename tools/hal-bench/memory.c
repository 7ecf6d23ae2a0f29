/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a device reads, writes and copies its own memory, and how long one dependent read takes.
 *
 * Operators do the work: the largest of all elements (a read), a fill (a write), a copy (both, counted twice). Blocks rotate so
 * that none is read from a cache, and every result is checked. Where the host addresses the memory, times include hal_run;
 * elsewhere the way to the device would be most of them, and launches are queued and waited for together. The chase follows a
 * random cycle of cache lines, each holding the place of the next: nothing can be fetched ahead. Its latency includes what misses
 * of address translation cost. It is the host that follows, so memory that it does not address has no such figure. Source of the
 * read, write and copy kinds: McCalpin, STREAM, 1995.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-bench/compare.h"
#include "tools/hal-bench/launch.h"
#include "tools/hal-bench/measure.h"
#include "tools/hal-bench/memory.h"
#include "tools/hal-bench/save.h"
#include "tools/hal-run/model.h"

enum { MOST_BLOCKS = 12, LINE = 64, DEADLINE_MS = 60000, BURST = 16 };

typedef struct bed {
    hal_instance *instance;
    hal_device *device;
    bool near; /* the host addresses the memory */
    launcher queued; /* no program: calls that wait */
    hal_buffer *blocks[MOST_BLOCKS], *scalar;
    unsigned n_blocks;
    int64_t elements;
    unsigned turn;
    float expected;
    uint32_t *lines; /* the cycle, in block 0 */
    uint32_t n_lines, at;
} bed;

static hal_tensor block(const bed *b, unsigned i) { return hal_tensor_buffer(b->blocks[i % b->n_blocks], 0, HAL_F32, 1, &b->elements); }

/* One call of an operator on the next blocks. */
typedef struct call {
    const char *op;
    hal_attr attrs[2];
    uint32_t n_attrs, n_in;
    hal_tensor in, out;
} call;

static call read_call(bed *b) {
    return (call){.op = "reduce", .attrs = {{"kind", .s = "max"}}, .n_attrs = 1, .n_in = 1, .in = block(b, b->turn++),
                  .out = hal_tensor_buffer(b->scalar, 0, HAL_F32, 0, NULL)};
}

static call write_call(bed *b) {
    return (call){.op = "fill", .attrs = {{"value", .f = (double)b->expected}, {"shape", .list = &b->elements, .n = 1}}, .n_attrs = 2,
                  .out = block(b, b->turn++)};
}

static call copy_call(bed *b) {
    const unsigned from = b->turn++;
    return (call){.op = "copy", .n_in = 1, .in = block(b, from), .out = block(b, from + 1)};
}

static hal_status wait_for(const bed *b, call c) {
    return hal_run(b->device, c.op, c.attrs, c.n_attrs, &c.in, c.n_in, &c.out, 1, hal_deadline_ms(DEADLINE_MS));
}

static hal_status burst(bed *b, call (*make)(bed *)) {
    for (int i = 1; i <= BURST; i++) {
        const call c = make(b);
        HAL_TRY(launch_queue(&b->queued, &c.in, c.n_in, &c.out, i == BURST));
    }
    return launch_wait(&b->queued, hal_deadline_ms(DEADLINE_MS));
}

/* Of a call, or of a burst. */
static hal_status timed(bed *b, call (*make)(bed *), double *seconds) {
    const double begin = bench_now();
    HAL_TRY(b->queued.program ? burst(b, make) : wait_for(b, make(b)));
    *seconds = bench_now() - begin;
    return HAL_OK;
}

static hal_status run_read(void *context, double *seconds) { return timed(context, read_call, seconds); }
static hal_status run_write(void *context, double *seconds) { return timed(context, write_call, seconds); }
static hal_status run_copy(void *context, double *seconds) { return timed(context, copy_call, seconds); }

/* The shape of a tensor here. */
static hal_shape shape_of(const hal_tensor *t) {
    hal_shape s = {.dtype = t->dtype, .rank = t->rank};
    for (uint32_t d = 0; d < t->rank; d++) s.size[d] = hal_dim_constant(t->size[d]);
    return s;
}

/* The same calls as launches of one program. */
static hal_status open_queue(bed *b, call (*make)(bed *)) {
    const call c = make(b);
    const hal_op_info *op = hal_op_find(c.op);
    const hal_shape shapes[] = {shape_of(c.n_in ? &c.in : &c.out), shape_of(&c.out)};
    void *attrs = malloc(op->attrs_size);
    if (!attrs) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_attrs_default(op, attrs);
    hal_status status = hal_attrs_set(op, c.attrs, c.n_attrs, HAL_F32, attrs);
    if (status == HAL_OK)
        status = launch_open(b->instance, b->device, op, attrs, shapes, c.n_in, 1, hal_deadline_ms(DEADLINE_MS), &b->queued);
    free(attrs);
    return status;
}

/* Every element of every block is `value`, but for one peak in each. */
static hal_status prepare(bed *b, float value, float peak) {
    double seconds;
    b->expected = value;
    b->turn = 0;
    for (unsigned i = 0; i < b->n_blocks; i++) {
        HAL_TRY(run_write(b, &seconds));
        HAL_TRY(hal_buffer_write(b->blocks[i], (uint64_t)(b->elements * (i % 3 + 1) / 4) * 4, &peak, 4));
    }
    return HAL_OK;
}

static hal_status check_read(bed *b, bool *right) {
    float got;
    double seconds;
    HAL_TRY(prepare(b, -3, 7.5f));
    HAL_TRY(run_read(b, &seconds));
    HAL_TRY(hal_buffer_read(b->scalar, 0, &got, 4));
    *right = got == 7.5f;
    return HAL_OK;
}

/* Whether all of block i is `value`, but for one element at `peak_at` that is `peak`. */
static hal_status all_equal(const bed *b, unsigned i, float value, int64_t peak_at, float peak, bool *right) {
    const uint64_t bytes = (uint64_t)b->elements * 4;
    float *got = malloc(bytes);
    if (!got) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    const hal_status status = hal_buffer_read(b->blocks[i], 0, got, bytes);
    *right = status == HAL_OK;
    for (int64_t e = 0; *right && e < b->elements; e++) *right = got[e] == (e == peak_at ? peak : value);
    free(got);
    return status;
}

static hal_status check_write(bed *b, bool *right) {
    double seconds;
    HAL_TRY(prepare(b, 1, 9));
    b->expected = 2;
    b->turn = 0;
    HAL_TRY(run_write(b, &seconds));
    return all_equal(b, 0, 2, -1, 0, right);
}

static hal_status check_copy(bed *b, bool *right) {
    double seconds;
    HAL_TRY(prepare(b, 4, 11));
    b->turn = 0;
    HAL_TRY(run_copy(b, &seconds));
    return all_equal(b, 1, 4, b->elements / 4, 11, right);
}

/* A random cycle through all lines (Sattolo, 1986). */
static void make_cycle(bed *b) {
    const uint32_t step = LINE / 4;
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < b->n_lines; i++) b->lines[(size_t)i * step] = i;
    for (uint32_t i = b->n_lines - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint32_t j = (uint32_t)((state >> 33) % i);
        uint32_t *x = &b->lines[(size_t)i * step], *y = &b->lines[(size_t)j * step];
        const uint32_t keep = *x;
        *x = *y;
        *y = keep;
    }
}

enum { HOPS = 1 << 16 };

static hal_status run_chase(void *context, double *seconds) {
    bed *b = context;
    uint32_t at = b->at;
    const double begin = bench_now();
    for (int i = 0; i < HOPS; i++) at = ((volatile uint32_t *)b->lines)[(size_t)at * (LINE / 4)];
    *seconds = bench_now() - begin;
    b->at = at;
    return HAL_OK;
}

typedef struct kind {
    const char *name;
    call (*make)(bed *);
    bench_run run;
    hal_status (*check)(bed *, bool *);
    uint64_t passes; /* over the bytes of a block */
} kind;

static hal_status measure_kind(bed *b, const kind *k, const bench_effort *effort, measurement *m) {
    HAL_TRY(k->check(b, &m->verified));
    if (!m->verified) {
        snprintf(m->failure, sizeof m->failure, "the operator reported success, but its result is wrong");
        return HAL_OK;
    }
    m->bytes *= k->passes;
    if (b->near) return bench_repeat(k->run, b, effort, &m->rate);
    hal_status status = open_queue(b, k->make);
    if (status == HAL_OK) status = bench_repeat(k->run, b, effort, &m->rate);
    m->rate.median /= BURST;
    m->rate.ci95 /= BURST;
    launch_close(&b->queued);
    return status;
}

static hal_status measure_chase(bed *b, const bench_effort *effort, measurement *m) {
    void *host;
    HAL_TRY(hal_buffer_map(b->blocks[0], &host));
    b->lines = host;
    b->n_lines = (uint32_t)(m->bytes / LINE);
    make_cycle(b);
    m->verified = true;
    HAL_TRY(bench_repeat(run_chase, b, effort, &m->delay));
    m->delay.median /= HOPS;
    m->delay.ci95 /= HOPS;
    return HAL_OK;
}

static hal_status make_bed(bed *b, uint64_t bytes) {
    hal_device_info info;
    hal_memory_info memory;
    hal_device_describe(b->device, &info);
    hal_memory_describe(hal_memory_get(b->instance, info.memory), &memory);
    b->near = memory.host_access;
    b->elements = (int64_t)(bytes / 4);
    b->n_blocks = measure_blocks(bytes, MOST_BLOCKS);
    for (unsigned i = 0; i < b->n_blocks; i++) HAL_TRY(hal_buffer_create(b->device, bytes, &b->blocks[i]));
    return hal_buffer_create(b->device, LINE, &b->scalar);
}

static void drop_bed(bed *b) {
    for (unsigned i = 0; i < MOST_BLOCKS; i++) hal_buffer_release(b->blocks[i]);
    hal_buffer_release(b->scalar);
}

enum { COPY = 2 };
static const kind kinds[] = {{"read", read_call, run_read, check_read, 1},
                             {"write", write_call, run_write, check_write, 1},
                             [COPY] = {"copy", copy_call, run_copy, check_copy, 2}};

hal_status memory_copy(hal_instance *instance, hal_device *device, const bench_effort *effort, measurement *m) {
    bed b = {.instance = instance, .device = device};
    hal_status status = make_bed(&b, m->bytes);
    if (status == HAL_OK) status = measure_kind(&b, &kinds[COPY], effort, m);
    drop_bed(&b);
    return status;
}

/* It is no failure, and nothing to keep. */
static void say_unreachable(const bench_options *o, measurement *m) {
    snprintf(m->failure, sizeof m->failure, "the host does not address this memory, and it is the host that chases");
    measure_print(o, m);
}

/* What one device does with its memory, a line each; true when any failed. */
static bool measure_all(const bench_options *o, bed *b, const char *alias, const hal_memory_info *memory, bench_save *save) {
    const bench_effort effort = measure_effort(o);
    bool failed = false;
    const size_t n = sizeof kinds / sizeof *kinds;
    for (size_t i = 0; i <= n; i++) {
        const bool chase = i == n;
        measurement m = {.kind = chase ? "chase" : kinds[i].name, .from = memory->name, .to = alias, .bytes = measure_bytes(o) / LINE * LINE};
        measure_progress(o, &m);
        if (chase && !b->near) {
            say_unreachable(o, &m);
            break;
        }
        if (chase ? measure_chase(b, &effort, &m) : measure_kind(b, &kinds[i], &effort, &m))
            snprintf(m.failure, sizeof m.failure, "%s", hal_status_last()->text);
        failed |= m.failure[0] != '\0';
        measure_print(o, &m);
        compare_print(o, save->earlier, &m);
        save_add(save, &m);
    }
    return failed;
}

static int measure_device(const bench_options *o, hal_instance *instance, hal_device *device, tool_error *err) {
    hal_device_info info;
    hal_memory_info memory;
    bed b = {.instance = instance, .device = device};
    hal_device_describe(device, &info);
    hal_memory_describe(hal_memory_get(instance, info.memory), &memory);
    int code = model_fail(err, make_bed(&b, measure_bytes(o) / LINE * LINE), "making blocks to measure with");
    bench_save save = {0};
    if (!code) code = save_begin(&save, o, instance, err);
    if (!code && measure_all(o, &b, info.alias, &memory, &save))
        code = tool_fail(err, TOOL_DEGRADED, "%s: not everything could be measured; the lines above say why", info.alias);
    drop_bed(&b);
    return save_end(&save, code, err);
}

int bench_mem(const bench_options *options, tool_error *err) {
    hal_instance *instance;
    hal_device *device;
    int code = bench_open(options, &instance, err);
    if (code) return code;
    code = model_fail(err, hal_device_find(instance, options->device, &device), "finding the device");
    if (!code) {
        code = measure_device(options, instance, device, err);
        hal_device_release(device);
    }
    hal_instance_release(instance);
    return code;
}
