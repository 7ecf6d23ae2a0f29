/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every public entry point while memory fails: at each of its allocations, once and for ever, through the
 * caller's allocator and through malloc. It answers OUT_OF_MEMORY, or succeeds because what failed was not
 * needed; it writes no out-parameter, loses nothing, and succeeds when it is called again.
 */
#include "starve.h"

#include <jansson.h>

static FILE *sink;

/* -------------------------------------------------- hal.h -- */

static hal_status instance_create(world *w)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .allocator = w->allocator, .cpu_threads = 1,
                              .backends = "none", .trace_path = "/dev/null"};
    ACT_MAKES(hal_instance, hal_instance_create(&o, &made), hal_instance_release);
}

/* A backend that finds no memory is reported, its device then is what is not there. */
static hal_status instance_create_cpu(world *w)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .allocator = w->allocator, .cpu_threads = 1,
                              .backends = "cpu,null", .fault_script = "/dev/null"};
    hal_instance *instance = NULL;
    hal_device *device = NULL;
    hal_status s = hal_instance_create(&o, &instance);
    if (s != HAL_OK) {
        assert_null(instance);
        return s;
    }
    s = hal_device_find(instance, "cpu0", &device);
    if (s != HAL_OK && strstr(hal_status_last()->text, "memory") != NULL)
        s = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_device_release(device);
    hal_instance_release(instance);
    return s;
}

static hal_status device_get(world *w)
{
    ACT_MAKES(hal_device, hal_device_get(w->instance, 0, &made), hal_device_release);
}

static hal_status device_find(world *w)
{
    ACT_MAKES(hal_device, hal_device_find(w->instance, "cpu0", &made), hal_device_release);
}

static hal_status device_find_missing(world *w)
{
    hal_device *device = NULL;
    hal_status s = hal_device_find(w->instance, "cpu7", &device);
    assert_null(device);
    return hal_status_code(s) == HAL_CODE_NOT_FOUND ? HAL_OK : s;
}

static hal_status buffer_create(world *w)
{
    ACT_MAKES(hal_buffer, hal_buffer_create(w->device, 1000, &made), hal_buffer_release);
}

static hal_status buffer_import_host(world *w)
{
    ACT_MAKES(hal_buffer, hal_buffer_import_host(w->device, w->numbers, sizeof w->numbers, &made),
              hal_buffer_release);
}

static hal_status buffer_map(world *w)
{
    void *host;
    return hal_buffer_map(w->buffer, &host);
}

static hal_status buffer_write(world *w)
{
    return hal_buffer_write(w->buffer, 0, w->numbers, sizeof w->numbers);
}

static hal_status buffer_read(world *w)
{
    return hal_buffer_read(w->buffer, 0, w->numbers, sizeof w->numbers);
}

static hal_status timeline_create(world *w)
{
    ACT_MAKES(hal_timeline, hal_timeline_create(w->instance, &made), hal_timeline_release);
}

static hal_status timeline_signal(world *w)
{
    HAL_TRY(hal_timeline_signal(w->timeline, ++w->point));
    return hal_timeline_wait(w->timeline, w->point, hal_deadline_ms(10000));
}

static hal_status timeline_fail(world *w)
{
    const hal_status cause = HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_CANCELLED);
    hal_timeline_fail(w->timeline, 1, cause, "as the test wants");
    hal_status s = hal_timeline_wait(w->timeline, 1, hal_deadline_ms(10000));
    return s == cause ? HAL_OK : s;
}

static hal_status queue_create(world *w)
{
    hal_queue *const untouched = (hal_queue *)(void *)w, *queue = untouched;
    hal_status s = hal_queue_create(w->device, &queue);
    if (s == HAL_OK)
        return hal_queue_release(queue, hal_deadline_ms(10000));
    assert_ptr_equal(queue, untouched);
    return s;
}

/* Work on a timeline of its own, because a point that failed stays failed; then waits for point 2. */
static hal_status on_a_timeline(world *w, hal_status (*work)(world *w, hal_timeline *t))
{
    hal_timeline *t;
    HAL_TRY(hal_timeline_create(w->instance, &t));
    hal_status s = work(w, t);
    if (s == HAL_OK)
        s = hal_timeline_wait(t, 2, hal_deadline_ms(10000));
    hal_timeline_release(t);
    return s;
}

/* A copy whose wait is still open when it is queued, and one without. */
static hal_status copy_work(world *w, hal_timeline *t)
{
    const hal_binding to = {.buffer = w->buffer}, from = {.host = w->numbers};
    const hal_point gate = {t, 1}, done = {t, 2};
    HAL_TRY(hal_queue_copy(w->queue, to, from, 64, &gate, 1, &done, 1));
    hal_status s = hal_queue_copy(w->queue, to, from, 64, NULL, 0, NULL, 0);
    HAL_TRY(hal_timeline_signal(t, 1));
    return s;
}

static hal_status queue_copy(world *w)
{
    return on_a_timeline(w, copy_work);
}

/* One op, y = copy(x), over two bindings. */
typedef struct flat {
    hal_description head;
    hal_description_op op;
    hal_description_tensor tensors[2];
    hal_description_binding bindings[2];
    hal_copy_attrs attrs;
    uint32_t operands[2];
    char names[8];
} flat;

static flat flat_copy(void)
{
    flat f;
    memset(&f, 0, sizeof f);
    f.head = (hal_description){.magic = HAL_DESCRIPTION_MAGIC, .version = HAL_DESCRIPTION_VERSION,
                               .bytes = sizeof f, .n_ops = 1, .n_operands = 2, .n_tensors = 2, .n_bindings = 2,
                               .ops = offsetof(flat, op), .operands = offsetof(flat, operands),
                               .tensors = offsetof(flat, tensors), .bindings = offsetof(flat, bindings),
                               .symbols = offsetof(flat, attrs), .attrs = offsetof(flat, attrs),
                               .strings = offsetof(flat, names)};
    f.op = (hal_description_op){.number = HAL_OP_COPY, .version = 1, .n_in = 1, .n_out = 1,
                                .attrs_bytes = sizeof f.attrs, .attrs = offsetof(flat, attrs),
                                .names = offsetof(flat, names)};
    hal_attrs_default(hal_op_describe(HAL_OP_COPY), &f.attrs);
    for (uint32_t i = 0; i < 2; i++) {
        f.tensors[i].dtype = HAL_F32;
        f.tensors[i].rank = 1;
        f.tensors[i].binding = i;
        f.tensors[i].size[0] = hal_dim_constant(16);
        f.tensors[i].stride[0] = hal_dim_constant(4);
        f.bindings[i] = (hal_description_binding){i ? HAL_BINDING_OUTPUT : HAL_BINDING_INPUT, 0, 64};
        f.operands[i] = i;
    }
    return f;
}

static hal_status program_compile(world *w)
{
    const flat f = flat_copy();
    ACT_MAKES(hal_program, hal_program_compile(w->device, &f, sizeof f, hal_deadline_ms(10000), &made),
              hal_program_release);
}

static hal_status with_program(world *w)
{
    const flat f = flat_copy();
    HAL_TRY(with_queue(w));
    return hal_program_compile(w->device, &f, sizeof f, hal_deadline_ms(10000), &w->program);
}

static hal_status submit_work(world *w, hal_timeline *t)
{
    const hal_binding bindings[2] = {{.host = w->numbers}, {.buffer = w->buffer}};
    const hal_point done = {t, 2};
    const hal_submission s = {HAL_HEAD(hal_submission), .program = w->program, .bindings = bindings,
                              .n_bindings = 2, .signals = &done, .n_signals = 1};
    return hal_queue_submit(w->queue, &s);
}

static hal_status queue_submit(world *w)
{
    return on_a_timeline(w, submit_work);
}

static hal_status run(world *w)
{
    const hal_tensor in[2] = {hal_tensor_host(w->numbers, HAL_F32, 2, (int64_t[]){2, 4}),
                              hal_tensor_host(w->numbers + 8, HAL_F32, 2, (int64_t[]){4, 2})};
    const hal_tensor out = hal_tensor_host(w->numbers + 16, HAL_F32, 2, (int64_t[]){2, 2});
    return hal_run(w->device, "matmul", NULL, 0, in, 2, &out, 1, hal_deadline_ms(10000));
}

static hal_status tensors(world *w)
{
    uint64_t bytes;
    HAL_TRY(hal_tensor_bytes(HAL_F32, 2, (int64_t[]){2, 4}, &bytes));
    const hal_tensor t = hal_tensor_buffer(w->buffer, 0, HAL_F32, 2, (int64_t[]){2, 4});
    return hal_tensor_validate(&t);
}

/* -------------------------------------------------- graph.h -- */

static hal_status graph_create(world *w)
{
    ACT_MAKES(hal_graph, hal_graph_create(w->allocator, &made), hal_graph_release);
}

static hal_status graph_push(world *w)
{
    hal_graph_push(w->graph, "layer%d", 1);
    hal_graph_push(w->graph, "mlp");
    hal_graph_pop(w->graph);
    hal_graph_pop(w->graph);
    return hal_graph_status(w->graph);
}

static hal_status graph_set_name(world *w)
{
    hal_graph_set_name(w->graph, w->y, "squared");
    return hal_graph_status(w->graph);
}

static hal_status graph_find(world *w)
{
    return hal_graph_find(w->graph, "x").id == w->x.id ? HAL_OK : hal_graph_status(w->graph);
}

static hal_status graph_symbol(world *w)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    uint32_t have = (uint32_t)w->point; /* called again it takes other names */
    for (uint32_t i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof name, "%s%u", names[i], have);
        (void)hal_graph_symbol(w->graph, name, 1, 8, 1);
    }
    w->point++;
    return hal_graph_status(w->graph);
}

/* A constructor's value: without one the graph says why. */
static hal_status value_of(world *w, hal_value v)
{
    hal_status s = hal_graph_status(w->graph);
    assert_true((v.id != 0) == (s == HAL_OK));
    return s;
}

#define CONSTRUCTOR(name, expression) \
    static hal_status graph_##name(world *w) \
    { \
        hal_graph *g = w->graph; \
        return value_of(w, expression); \
    }

static const int64_t list[2] = {4, 2}, swapped[2] = {1, 0}, zero[1] = {0};
static const hal_dim dims[1] = {{4, 0, -1, 0}};

CONSTRUCTOR(input, hal_graph_input(g, "more", HAL_F32, 1, dims))
CONSTRUCTOR(variable, hal_graph_variable(g, "v", HAL_F32, 2, list))
CONSTRUCTOR(copy, hal_graph_copy(g, w->x))
CONSTRUCTOR(cast, hal_graph_cast(g, w->x, HAL_BF16))
CONSTRUCTOR(reshape, hal_graph_reshape(g, w->x, 2, list))
CONSTRUCTOR(transpose, hal_graph_transpose(g, w->x, 2, swapped))
CONSTRUCTOR(slice, hal_graph_slice(g, w->x, 1, 1, 2))
CONSTRUCTOR(concat, hal_graph_concat(g, ((hal_value[]){w->x, w->y}), 2, 0))
CONSTRUCTOR(gather, hal_graph_gather(g, w->x, w->z, 0))
CONSTRUCTOR(set_rows, hal_graph_set_rows(g, w->x, w->y, w->z, 0))
CONSTRUCTOR(fill, hal_graph_fill(g, 1.0, HAL_F32, 2, list))
CONSTRUCTOR(pointwise, hal_graph_pointwise(g, "mul(x0, gelu(x0))", &w->x, 1))
CONSTRUCTOR(add, hal_graph_add(g, w->x, w->y))
CONSTRUCTOR(mul, hal_graph_mul(g, w->x, w->y))
CONSTRUCTOR(matmul, hal_graph_matmul(g, w->x, w->y, false, true))
CONSTRUCTOR(reduce, hal_graph_reduce(g, w->x, "sum", 1, zero, true))
CONSTRUCTOR(softmax, hal_graph_softmax(g, w->x))
CONSTRUCTOR(gated, hal_graph_gated(g, w->x, w->y, "silu"))
CONSTRUCTOR(embedding, hal_graph_embedding(g, w->x, w->z))
CONSTRUCTOR(cross_entropy, hal_graph_cross_entropy(g, w->x, w->z))
CONSTRUCTOR(norms, hal_graph_rms_norm(g, hal_graph_layer_norm(g, w->x, hal_graph_fill(g, 1, HAL_F32, 1, list),
                                                              HAL_NO_VALUE, 1e-5),
                                      hal_graph_fill(g, 1, HAL_F32, 1, list), 1e-5))
CONSTRUCTOR(dropout, hal_graph_dropout(g, w->x, hal_graph_fill(g, 1, HAL_I64, 0, NULL), 0.5, 1))

static hal_value four(world *w)
{
    return hal_graph_reshape(w->graph, w->x, 4, (int64_t[]){1, 1, 2, 4});
}

CONSTRUCTOR(attention, hal_graph_attention(g, four(w), four(w), four(w), HAL_NO_VALUE, HAL_NO_VALUE, true))
CONSTRUCTOR(rotary, hal_graph_rotary(g, four(w), w->z, 10000.0))

static hal_status graph_split(world *w)
{
    hal_value parts[2] = {w->x, w->x};
    hal_graph_split(w->graph, w->x, 1, 2, parts);
    return value_of(w, parts[1]);
}

static hal_status graph_assign(world *w)
{
    hal_value v = hal_graph_variable(w->graph, "v", HAL_F32, 2, (int64_t[]){2, 4});
    HAL_TRY(hal_graph_status(w->graph));
    return hal_graph_assign(w->graph, v, w->y);
}

static hal_status graph_output(world *w)
{
    return hal_graph_output(w->graph, w->y);
}

static hal_status graph_op(world *w)
{
    const hal_attr attrs[1] = {{"transpose_b", .i = 1}};
    const hal_value in[2] = {w->x, w->y};
    hal_value out[1];
    return hal_graph_op(w->graph, "matmul", attrs, 1, in, 2, out, 1);
}

static hal_status graph_gradient(world *w)
{
    hal_value out = hal_graph_reduce(w->graph, w->y, "sum", 0, NULL, false), grad;
    HAL_TRY(hal_graph_status(w->graph));
    return hal_graph_gradient(w->graph, out, &w->x, 1, &grad);
}

/* Gradient and AdamW of a model, from the empty graph on. */
static hal_status graph_model(world *w)
{
    world inner = {.allocator = w->allocator};
    hal_status s = with_model(&inner);
    hal_graph_release(inner.graph);
    return s;
}

static hal_status graph_print(world *w)
{
    FILE *f = fmemopen(w->text, sizeof w->text, "w");
    assert_non_null(f);
    hal_status s = hal_graph_print(w->graph, f);
    fclose(f);
    return s;
}

static hal_status with_text(world *w)
{
    HAL_TRY(with_model(w));
    return graph_print(w);
}

static hal_status graph_parse(world *w)
{
    ACT_MAKES(hal_graph, hal_graph_parse(w->allocator, w->text, strlen(w->text), &made), hal_graph_release);
}

/* -------------------------------------------------- plan.h -- */

static hal_status with_two_devices(world *w)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .allocator = w->allocator, .cpu_threads = 1,
                              .cpu_devices = 2, .backends = "cpu,null"};
    HAL_TRY(hal_instance_create(&o, &w->instance));
    return with_model(w);
}

static hal_status plan_create_with(world *w, hal_plan_options o)
{
    static const char *const devices[2] = {"cpu0", "null0"};
    o.devices = devices;
    o.n_devices = o.n_pins ? 2 : 1;
    ACT_MAKES(hal_plan, hal_plan_create(w->instance, w->graph, &o, &made), hal_plan_release);
}

static hal_status plan_create(world *w)
{
    return plan_create_with(w, (hal_plan_options){HAL_HEAD(hal_plan_options)});
}

static hal_status plan_create_pinned(world *w)
{
    const hal_pin pin = {"matmul.*", "null0"};
    return plan_create_with(w, (hal_plan_options){HAL_HEAD(hal_plan_options), .pins = &pin, .n_pins = 1});
}

static hal_status plan_create_primitives(world *w)
{
    return plan_create_with(w, (hal_plan_options){HAL_HEAD(hal_plan_options), .primitives_only = true});
}

static hal_status plan_print(world *w)
{
    return hal_plan_print(w->plan, sink);
}

static hal_status plan_print_json(world *w)
{
    return hal_plan_print_json(w->plan, sink);
}

static hal_status session_create(world *w)
{
    ACT_MAKES(hal_session, hal_session_create(w->plan, NULL, &made), hal_session_release);
}

static hal_status session_create_shared(world *w)
{
    hal_session_options o = {HAL_HEAD(hal_session_options), .variables_of = w->session, .in_flight = 2};
    ACT_MAKES(hal_session, hal_session_create(w->plan, &o, &made), hal_session_release);
}

/* The inputs of the model, its loss, and a feed with strides that has to be packed. */
typedef struct step {
    hal_feed feeds[2];
    hal_fetch fetch;
} step;

static int32_t classes[2] = {1, 3};

static step make_step(world *w)
{
    step s = {{{w->x, hal_tensor_host(w->numbers, HAL_F32, 2, (int64_t[]){2, 4})},
               {w->z, hal_tensor_host(classes, HAL_I32, 1, (int64_t[]){2})}},
              {w->loss, hal_tensor_host(&w->numbers[40], HAL_F32, 0, NULL)}};
    s.feeds[0].tensor.stride[0] = 4;
    s.feeds[0].tensor.stride[1] = 8;
    return s;
}

static hal_status session_run(world *w)
{
    const step s = make_step(w);
    return hal_session_run(w->session, s.feeds, 2, &s.fetch, 1, hal_deadline_ms(10000));
}

static hal_status step_work(world *w, hal_timeline *t)
{
    const step s = make_step(w);
    const hal_point done = {t, 2};
    return hal_session_submit(w->session, s.feeds, 2, &s.fetch, 1, NULL, 0, &done, 1);
}

static hal_status session_submit(world *w)
{
    return on_a_timeline(w, step_work);
}

static hal_status session_write(world *w)
{
    return hal_session_write(w->session, "b", w->numbers, 16);
}

static hal_status session_read(world *w)
{
    return hal_session_read(w->session, "b", w->numbers, 16);
}

/* -------------------------------------------------- ops.h -- */

static hal_status texts(world *w)
{
    const hal_op_info *op = hal_op_find("matmul");
    const hal_attr pair = {"transpose_b", .i = 1};
    hal_matmul_attrs attrs;
    hal_expr expr;
    HAL_TRY(hal_expr_parse("mul(x0, gelu(x1))", HAL_F32, &expr));
    HAL_TRY(hal_expr_validate(&expr));
    hal_expr_print(&expr, w->text, sizeof w->text);
    hal_attrs_default(op, &attrs);
    HAL_TRY(hal_attrs_set(op, &pair, 1, HAL_F32, &attrs));
    HAL_TRY(hal_attrs_check(op, &attrs));
    hal_attrs_print(op, &attrs, w->text, sizeof w->text);
    return hal_attrs_hash(op, &attrs) != 0 ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL);
}

static hal_status case_shape(world *w)
{
    hal_shape out[16];
    hal_work work;
    HAL_TRY(hal_op_shape(w->c->op, w->c->attrs, w->c->in, w->c->n_in, out, w->c->n_out));
    return hal_op_work(w->c->op, w->c->attrs, w->c->in, w->c->n_in, out, w->c->n_out, NULL, &work);
}

static hal_status case_cases(world *w)
{
    hal_case *cases = NULL;
    uint32_t n = 77;
    hal_status s = hal_op_cases(w->c->op, HAL_F32, &cases, &n);
    if (s == HAL_OK)
        hal_op_cases_release(cases, n);
    else
        assert_true(cases == NULL && n == 77);
    return s;
}

static hal_status case_node(world *w)
{
    hal_status s = hal_graph_node(w->graph, w->c->op, w->c->attrs, w->in, w->c->n_in, w->out, w->c->n_out);
    for (uint32_t i = 0; s != HAL_OK && i < w->c->n_out; i++)
        assert_int_equal(w->out[i].id, 0);
    return s;
}

static hal_status with_case_node(world *w)
{
    HAL_TRY(with_case(w));
    return case_node(w);
}

static hal_status case_gradient(world *w)
{
    hal_value sum = hal_graph_reduce(w->graph, w->out[0], "sum", 0, NULL, false), wrt[16], grads[16];
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->c->n_in; i++)
        if (w->c->in[i].dtype == HAL_F32 && !w->c->range[i].integer)
            wrt[n++] = w->in[i];
    HAL_TRY(hal_graph_status(w->graph));
    return hal_graph_gradient(w->graph, sum, wrt, n, grads);
}

static hal_tensor case_tensor(const hal_shape *shape, double value)
{
    static char pool[1 << 20];
    static size_t used;
    int64_t size[HAL_MAX_RANK];
    uint64_t bytes = 0;
    for (uint32_t d = 0; d < shape->rank; d++)
        size[d] = shape->size[d].base;
    assert_int_equal(hal_tensor_bytes(shape->dtype, shape->rank, size, &bytes), HAL_OK);
    assert_true(bytes < sizeof pool / 16);
    used = used + bytes > sizeof pool ? 0 : used;
    hal_tensor t = hal_tensor_host(pool + used, shape->dtype, shape->rank, size);
    for (int64_t i = 0; i < hal_tensor_elements(&t); i++)
        hal_element_store(shape->dtype, t.host, i, value);
    used += (bytes + 63) / 64 * 64;
    return t;
}

static hal_status case_reference(world *w)
{
    hal_tensor in[16] = {{0}}, out[16];
    for (uint32_t i = 0; i < w->c->n_in; i++)
        if (w->c->in[i].dtype != HAL_NO_DTYPE)
            in[i] = case_tensor(&w->c->in[i], w->c->range[i].low);
    for (uint32_t i = 0; i < w->c->n_out; i++)
        out[i] = case_tensor(&w->c->out[i], 0);
    return hal_op_reference(w->c->op, w->c->attrs, in, w->c->n_in, out, w->c->n_out, NULL);
}

/* A row by its first case: its shapes, cases, constructor, reference and gradient. */
static int64_t starve_row(const hal_op_info *op, const hal_case *c)
{
    static const entry plain[] = {{"op_shape, op_work", with_nothing, case_shape, false},
                                  {"op_cases", with_nothing, case_cases, false},
                                  {"graph_node", with_case, case_node, true},
                                  {"op_reference", with_nothing, case_reference, false}};
    static const entry gradient = {"graph_gradient", with_case_node, case_gradient, true};
    int64_t n = 0;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        n += starve(&plain[i], c, (starve_mode){NULL, false});
        n += starve(&plain[i], c, (starve_mode){NULL, true});
    }
    /* Indices have none, and of pointwise it depends on the expression. */
    if (op->has_gradient && c->out[0].dtype == HAL_F32 && c->in[0].dtype == HAL_F32 && c->n_in > 0) {
        n += starve(&gradient, c, (starve_mode){NULL, false});
        n += starve(&gradient, c, (starve_mode){NULL, true});
    }
    return n;
}

static void operators(void **state)
{
    (void)state;
    static const entry others[] = {{"expr_parse, attrs_set, ...", with_nothing, texts, false}};
    uint32_t rows = 0;
    starve_all(others, 1);
    for (uint32_t number = 1; number < HAL_OP_LIMIT; number++) {
        const hal_op_info *op = hal_op_describe(number);
        hal_case *cases;
        uint32_t n = 0;
        if (op == NULL)
            continue;
        assert_int_equal(hal_op_cases(number, HAL_F32, &cases, &n), HAL_OK);
        if (n > 0) {
            int64_t count = starve_row(op, &cases[0]);
            print_message("%-28s %4lld allocations\n", op->name, (long long)count);
            rows++;
        }
        hal_op_cases_release(cases, n);
    }
    assert_true(rows > 40);
}

/* -------------------------------------------------- tables -- */

static void devices(void **state)
{
    (void)state;
    static const entry entries[] = {
        {"instance_create", with_nothing, instance_create, false},
        {"instance_create, cpu", with_nothing, instance_create_cpu, false},
        {"device_get", with_instance, device_get, false},
        {"device_find", with_instance, device_find, false},
        {"device_find, missing", with_instance, device_find_missing, false},
        {"buffer_create", with_device, buffer_create, false},
        {"buffer_import_host", with_device, buffer_import_host, false},
        {"buffer_map", with_buffer, buffer_map, false},
        {"buffer_write", with_buffer, buffer_write, false},
        {"buffer_read", with_buffer, buffer_read, false},
        {"timeline_create", with_instance, timeline_create, false},
        {"timeline_signal", with_queue, timeline_signal, false},
        {"timeline_fail", with_queue, timeline_fail, false},
        {"queue_create", with_device, queue_create, false},
        {"queue_copy", with_queue, queue_copy, false},
        {"queue_submit", with_program, queue_submit, false},
        {"program_compile", with_device, program_compile, false},
        {"run", with_device, run, false},
        {"tensors", with_buffer, tensors, false},
    };
    starve_all(entries, sizeof entries / sizeof *entries);
}

#define BUILDS(name) {"graph_" #name, with_graph, graph_##name, true}

static void graphs(void **state)
{
    (void)state;
    static const entry entries[] = {
        {"graph_create", with_nothing, graph_create, false},
        {"graph_find", with_graph, graph_find, false},
        {"graph_print", with_model, graph_print, false},
        {"graph_parse", with_text, graph_parse, false},
        {"graph_gradient, graph_adamw", with_nothing, graph_model, false},
        BUILDS(push), BUILDS(set_name), BUILDS(symbol), BUILDS(input), BUILDS(variable), BUILDS(assign),
        BUILDS(output), BUILDS(op), BUILDS(copy), BUILDS(cast), BUILDS(reshape), BUILDS(transpose), BUILDS(slice),
        BUILDS(concat), BUILDS(split), BUILDS(gather), BUILDS(set_rows), BUILDS(fill), BUILDS(pointwise),
        BUILDS(add), BUILDS(mul), BUILDS(matmul), BUILDS(reduce), BUILDS(softmax), BUILDS(norms),
        BUILDS(attention), BUILDS(rotary), BUILDS(gated), BUILDS(embedding), BUILDS(cross_entropy),
        BUILDS(dropout), BUILDS(gradient),
    };
    starve_all(entries, sizeof entries / sizeof *entries);
}

static void plans(void **state)
{
    (void)state;
    static const entry entries[] = {
        {"plan_create", with_two_devices, plan_create, false},
        {"plan_create, pinned", with_two_devices, plan_create_pinned, false},
        {"plan_create, primitives", with_two_devices, plan_create_primitives, false},
        {"plan_print", with_plan, plan_print, false},
        {"plan_print_json", with_plan, plan_print_json, false},
    };
    starve_all(entries, sizeof entries / sizeof *entries);
}

static void sessions(void **state)
{
    (void)state;
    static const entry entries[] = {
        {"session_create", with_plan, session_create, false},
        {"session_create, shared", with_session, session_create_shared, false},
        {"session_run", with_session, session_run, false},
        {"session_submit", with_session, session_submit, false},
        {"session_write", with_session, session_write, false},
        {"session_read", with_session, session_read, false},
    };
    starve_all(entries, sizeof entries / sizeof *entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(devices),
        cmocka_unit_test(graphs),
        cmocka_unit_test(plans),
        cmocka_unit_test(sessions),
    };
    json_set_alloc_funcs(malloc, free); /* the plan's JSON too */
    sink = fopen("/dev/null", "w");
    return sink == NULL || cmocka_run_group_tests(tests, starve_setup, NULL);
}
