/* SPDX-License-Identifier: Apache-2.0 */
/* The first call of a kind: everything that hal_run does only once. */
#include "run_entry.h"

#include <hal/plan.h>

#include "plan_internal.h"

#define COMPILE_MS 600000

void hal_run_entry_release(hal_run_entry *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) != 1)
        return;
    hal_program_release(e->program);
    hal_session_release(e->session);
    pthread_mutex_destroy(&e->lock);
    hal_deallocate(e->allocator, e->words);
    hal_deallocate(e->allocator, e);
}

/* ------------------------------------------------------------------------------------------ checking -- */

static hal_status shape_of(const hal_tensor *t, hal_shape *shape)
{
    if (t->rank > HAL_MAX_RANK)
        return HAL_FAIL(INVALID_ARGUMENT, "a tensor has %u sizes; at most %d are possible", t->rank,
                        HAL_MAX_RANK);
    if (t->layout.kind)
        return HAL_FAIL(INVALID_ARGUMENT, "a tensor of an opaque layout cannot be run on eagerly");
    if (t->dtype != HAL_NO_DTYPE && !hal_dtype_describe(t->dtype))
        return HAL_FAIL(INVALID_ARGUMENT, "a tensor has the unknown dtype %d", (int)t->dtype);
    *shape = (hal_shape){.dtype = t->dtype, .rank = t->rank};
    for (uint32_t d = 0; d < t->rank; d++) {
        if (t->size[d] < 0)
            return HAL_FAIL(INVALID_ARGUMENT, "a tensor has size %lld on axis %u", (long long)t->size[d], d);
        shape->size[d] = hal_dim_constant(t->size[d]);
    }
    return HAL_OK;
}

static hal_status check_count(const hal_op_info *op, const char *what, uint32_t n, uint32_t min, uint32_t max)
{
    if (n >= min && n <= max)
        return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "%s takes %u to %u %s, not %u", op->name, min, max, what, n);
}

static hal_status check_output(const hal_op_info *op, uint32_t k, const hal_shape *is,
                               const hal_shape *wanted)
{
    const hal_dtype_info *dtype = hal_dtype_describe(wanted->dtype);
    if (is->dtype != wanted->dtype)
        return HAL_FAIL(INVALID_ARGUMENT, "output %u of %s has to be of dtype %s", k, op->name,
                        dtype ? dtype->name : "?");
    if (is->rank != wanted->rank)
        return HAL_FAIL(INVALID_ARGUMENT, "output %u of %s has to have %u sizes, not %u", k, op->name,
                        wanted->rank, is->rank);
    for (uint32_t d = 0; d < is->rank; d++)
        if (!hal_dim_equal(is->size[d], wanted->size[d]))
            return HAL_FAIL(INVALID_ARGUMENT, "output %u of %s has to have size %lld on axis %u, not %lld", k,
                            op->name, (long long)wanted->size[d].base, d, (long long)is->size[d].base);
    return HAL_OK;
}

static hal_status check_shapes(const hal_run_call *c, const hal_op_info *op, const void *attrs)
{
    hal_shape in[HAL_RUN_MAX_TENSORS], out[HAL_RUN_MAX_TENSORS], wanted[HAL_RUN_MAX_TENSORS];
    for (uint32_t i = 0; i < c->n_in; i++)
        HAL_TRY(shape_of(&c->in[i], &in[i]));
    for (uint32_t i = 0; i < c->n_out; i++)
        HAL_TRY(shape_of(&c->out[i], &out[i]));
    HAL_TRY(hal_op_shape(op->number, attrs, in, c->n_in, wanted, c->n_out));
    for (uint32_t i = 0; i < c->n_out; i++)
        HAL_TRY(check_output(op, i, &out[i], &wanted[i]));
    return HAL_OK;
}

/* Attributes of the call, the caller's to free. */
static hal_status make_attrs(const hal_run_call *c, const hal_op_info *op, const hal_allocator *allocator,
                             void **attrs)
{
    void *a = hal_allocate(allocator, op->attrs_size);
    if (!a)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_attrs_default(op, a);
    hal_status status = hal_attrs_set(op, c->attrs, c->n_attrs, c->n_in ? c->in[0].dtype : HAL_F32, a);
    if (status == HAL_OK)
        status = hal_attrs_check(op, a);
    if (status == HAL_OK)
        status = check_shapes(c, op, a);
    if (status == HAL_OK)
        *attrs = a;
    else
        hal_deallocate(allocator, a);
    return status;
}

/* --------------------------------------------------------------------------------------- the program -- */

/* Bytes below the first element, and from the lowest to behind the highest. */
static hal_status span(const hal_tensor *t, uint64_t *before, uint64_t *bytes)
{
    int64_t low = 0, high = hal_dtype_describe(t->dtype)->block_bytes, reach;
    uint32_t block = hal_dtype_describe(t->dtype)->block_elements;
    for (uint32_t d = 0; d < t->rank; d++) {
        int64_t n = d + 1 == t->rank ? (t->size[d] + block - 1) / block : t->size[d];
        if (__builtin_mul_overflow(n ? n - 1 : 0, t->stride[d], &reach) ||
            __builtin_add_overflow(*(reach < 0 ? &low : &high), reach, reach < 0 ? &low : &high))
            return HAL_FAIL(INVALID_ARGUMENT, "the strides of a tensor reach further than 64 bits");
    }
    if (low == INT64_MIN || __builtin_sub_overflow(high, low, &reach))
        return HAL_FAIL(INVALID_ARGUMENT, "the strides of a tensor reach further than 64 bits");
    *before = (uint64_t)-low;
    *bytes = (uint64_t)reach;
    return HAL_OK;
}

static hal_status describe_tensor(hal_describe *d, const hal_tensor *t, bool input, uint64_t *before)
{
    uint64_t bytes = 0;
    if (t->dtype == HAL_NO_DTYPE) {
        hal_describe_operand(d, NULL);
        return HAL_OK;
    }
    HAL_TRY(span(t, before, &bytes));
    hal_description_tensor o = {.dtype = (uint32_t)t->dtype, .rank = t->rank, .offset = *before};
    o.binding = hal_describe_binding(d, input ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT, bytes);
    for (uint32_t k = 0; k < t->rank; k++) {
        o.size[k] = hal_dim_constant(t->size[k]);
        o.stride[k] = hal_dim_constant(t->stride[k]);
    }
    hal_describe_operand(d, &o);
    return HAL_OK;
}

static hal_status describe(const hal_run_call *c, const hal_op_info *op, const void *attrs, hal_run_entry *e,
                           hal_description **block)
{
    hal_describe d;
    hal_status status = HAL_OK;
    hal_describe_begin(&d, e->allocator);
    hal_describe_op(&d, op, attrs, op->name, c->n_in, c->n_out);
    for (uint32_t i = 0; i < c->n_in + c->n_out && status == HAL_OK; i++)
        status = describe_tensor(&d, hal_run_tensor(c, i), i < c->n_in, &e->before[i]);
    if (status != HAL_OK) {
        hal_describe_discard(&d);
        return status;
    }
    return hal_describe_finish(&d, block);
}

/* --------------------------------------------------------------------------------------- the session -- */

static hal_status build_graph(const hal_run_call *c, const hal_op_info *op, const void *attrs, hal_graph *g,
                              hal_run_entry *e)
{
    hal_value in[HAL_RUN_MAX_TENSORS], out[HAL_RUN_MAX_TENSORS];
    for (uint32_t i = 0; i < c->n_in; i++) {
        hal_shape shape;
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        HAL_TRY(shape_of(&c->in[i], &shape));
        in[i] = shape.dtype == HAL_NO_DTYPE ? HAL_NO_VALUE
                                            : hal_graph_input(g, name, shape.dtype, shape.rank, shape.size);
        e->value[i] = in[i].id;
    }
    HAL_TRY(hal_graph_node(g, op->number, attrs, in, c->n_in, out, c->n_out));
    for (uint32_t i = 0; i < c->n_out; i++) {
        HAL_TRY(hal_graph_output(g, out[i]));
        e->value[c->n_in + i] = out[i].id;
    }
    return HAL_OK;
}

static hal_status plan_session(const hal_run_call *c, hal_graph *g, hal_run_entry *e)
{
    const char *const devices[] = {hal_device_alias(c->device)};
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = 1};
    hal_plan *plan;
    HAL_TRY(hal_plan_create(hal_device_instance(c->device), g, &options, &plan));
    hal_plan_info info;
    hal_plan_describe(plan, &info);
    e->bytes = info.arena_bytes + info.variable_bytes;
    hal_status status = hal_session_create(plan, NULL, &e->session);
    if (status == HAL_OK)
        hal_plan_weaken(plan);
    hal_plan_release(plan);
    return status;
}

/* The device says no to the op as a whole: a graph of one node, planned, which decomposes it or says why not.
 */
static hal_status make_session(const hal_run_call *c, const hal_op_info *op, const void *attrs,
                               hal_run_entry *e)
{
    hal_graph *g;
    HAL_TRY(hal_graph_create(e->allocator, &g));
    hal_status status = build_graph(c, op, attrs, g, e);
    if (status == HAL_OK)
        status = plan_session(c, g, e);
    e->graph = g;
    hal_graph_release(g);
    return status;
}

/* ----------------------------------------------------------------------------------------- the entry -- */

static hal_status fill(const hal_run_call *c, const hal_op_info *op, const void *attrs, hal_run_entry *e)
{
    hal_description *block;
    hal_support_answer answer = {0};
    HAL_TRY(describe(c, op, attrs, e, &block));
    hal_status status = hal_device_support(c->device, block, &answer);
    if (status == HAL_OK && answer.support != HAL_SUPPORT_NO)
        status =
            hal_program_compile(c->device, block, block->bytes, hal_deadline_ms(COMPILE_MS), &e->program);
    hal_deallocate(e->allocator, block);
    return status == HAL_OK && !e->program ? make_session(c, op, attrs, e) : status;
}

static hal_status find_op(const hal_run_call *c, const hal_op_info **op)
{
    *op = hal_op_find(c->op);
    if (!*op)
        return HAL_FAIL(NOT_FOUND, "there is no operator \"%s\"; the nearest name is \"%s\"", c->op,
                        hal_op_nearest(c->op));
    HAL_TRY(check_count(*op, "inputs", c->n_in, (*op)->min_inputs, (*op)->max_inputs));
    return check_count(*op, "outputs", c->n_out, (*op)->min_outputs, (*op)->max_outputs);
}

static hal_status begin(const hal_run_call *c, const hal_run_key *key, hal_run_entry **entry)
{
    const hal_allocator *allocator = hal_instance_allocator(hal_device_instance(c->device));
    hal_run_entry *e = hal_allocate(allocator, sizeof *e);
    uint64_t *words = hal_allocate_array(allocator, key->n, sizeof *words);
    if (!e || !words) {
        hal_deallocate(allocator, e);
        hal_deallocate(allocator, words);
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    }
    memcpy(words, key->words, key->n * sizeof *words);
    *e = (hal_run_entry){.allocator = allocator, .hash = key->hash, .words = words, .n_words = key->n};
    atomic_init(&e->references, 1);
    pthread_mutex_init(&e->lock, NULL);
    *entry = e;
    return HAL_OK;
}

hal_status hal_run_entry_create(const hal_run_call *c, const hal_run_key *key, hal_run_entry **entry)
{
    const hal_op_info *op;
    hal_run_entry *e;
    void *attrs = NULL, *backend_device;
    HAL_TRY(find_op(c, &op));
    HAL_TRY(hal_device_activate(c->device, &backend_device));
    HAL_TRY(begin(c, key, &e));
    hal_status status = make_attrs(c, op, e->allocator, &attrs);
    if (status == HAL_OK) {
        status = fill(c, op, attrs, e);
        hal_deallocate(e->allocator, attrs);
    }
    if (status == HAL_OK)
        *entry = e;
    else
        hal_run_entry_release(e);
    return status;
}
