/* SPDX-License-Identifier: Apache-2.0 */
/* Cases with an operand in an opaque layout. No caller can hold such a tensor, so that the case becomes a graph, in which a
 * `pack` makes it, and goes through a plan and a session. Views of the graph take the place of strided inputs. */
#include <string.h>

#include "tools/hal-matrix/matrix.h"

typedef struct road {
    const hal_case *c;
    matrix_layout layout;
    hal_graph *graph;
    hal_plan *plan;
    hal_session *session;
    hal_value in[MATRIX_MAX_TENSORS], out[MATRIX_MAX_TENSORS]; /* of the graph: fed and fetched */
    hal_tensor feed[MATRIX_MAX_TENSORS];
} road;

bool matrix_packed_applies(const hal_case *c) {
    return c->op == HAL_OP_MATMUL && c->in[1].rank == 2;
}

bool matrix_packed_road(const hal_case *c, matrix_layout layout) {
    return layout == LAYOUT_PACKED || c->op == HAL_OP_PACK || c->op == HAL_OP_UNPACK;
}

/* Adds a node that replaces a value. */
static hal_status then(road *r, uint32_t op, const void *attrs, hal_value *value) {
    const hal_value in = *value;
    return hal_graph_node(r->graph, op, attrs, &in, 1, value, 1);
}

/* The row-major tensor that the strided one is a view of, and the view in the graph. Matrices only. */
static hal_status view(road *r, uint32_t i, hal_value *value) {
    const hal_shape *s = &r->c->in[i];
    hal_tensor *t = &r->feed[i];
    const matrix_layout layout = matrix_layout_applies(s, r->layout) ? r->layout : LAYOUT_CONTIGUOUS;
    const int64_t element = hal_dtype_describe(s->dtype)->block_bytes;
    hal_dim size[HAL_MAX_RANK];
    if (layout == LAYOUT_PERMUTED) {
        t->size[0] = s->size[1].base;
        t->size[1] = s->size[0].base;
        t->stride[0] = t->stride[1];
        t->stride[1] = element;
    } else if (layout == LAYOUT_BROADCAST) {
        t->size[0] = 1;
    } else if (layout == LAYOUT_SLICED) {
        t->size[1] = t->stride[0] / element;
        t->stride[1] = element;
    }
    for (uint32_t d = 0; d < s->rank; d++) size[d] = hal_dim_constant(t->size[d]);
    char name[16];
    snprintf(name, sizeof name, "x%u", i);
    r->in[i] = *value = hal_graph_input(r->graph, name, s->dtype, s->rank, size);
    const hal_broadcast_attrs spread = {HAL_HEAD(hal_broadcast_attrs), .shape = {2, {s->size[0].base, s->size[1].base}}};
    const hal_slice_attrs slice = {HAL_HEAD(hal_slice_attrs), .axis = 1, .size = s->size[1].base, .step = 2};
    const hal_transpose_attrs transpose = {HAL_HEAD(hal_transpose_attrs)};
    const uint32_t op[] = {0, HAL_OP_TRANSPOSE, HAL_OP_BROADCAST, HAL_OP_SLICE};
    const void *attrs[] = {NULL, &transpose, &spread, &slice};
    return layout == LAYOUT_CONTIGUOUS ? HAL_OK : then(r, op[layout], attrs[layout], value);
}

static hal_status pack(road *r, int64_t layout, hal_value *value) {
    const hal_pack_attrs attrs = {HAL_HEAD(hal_pack_attrs), .layout = layout};
    return then(r, HAL_OP_PACK, &attrs, value);
}

/* Layout 1 is asked for where the case does not say which; a matrix that is transposed before the product has 2. A backend
 * that numbers its layouts otherwise refuses, and says so. */
static hal_status build(road *r) {
    const hal_case *c = r->c;
    hal_value in[MATRIX_MAX_TENSORS] = {0};
    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->in[i].dtype != HAL_NO_DTYPE) HAL_TRY(view(r, i, &in[i]));
    if (c->op == HAL_OP_UNPACK) HAL_TRY(pack(r, 1, &in[0]));
    if (c->op == HAL_OP_MATMUL) HAL_TRY(pack(r, ((const hal_matmul_attrs *)c->attrs)->transpose_b ? 2 : 1, &in[1]));
    HAL_TRY(hal_graph_node(r->graph, c->op, c->attrs, in, c->n_in, r->out, c->n_out));
    if (c->op == HAL_OP_PACK) HAL_TRY(then(r, HAL_OP_UNPACK, NULL, &r->out[0]));
    for (uint32_t i = 0; i < c->n_out; i++) HAL_TRY(hal_graph_output(r->graph, r->out[i]));
    return HAL_OK;
}

static hal_status prepare(road *r, hal_instance *instance, hal_device *device) {
    hal_device_info info;
    hal_device_describe(device, &info);
    const char *const devices[] = {info.alias};
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = 1};
    HAL_TRY(hal_graph_create(NULL, &r->graph));
    HAL_TRY(build(r));
    HAL_TRY(hal_plan_create(instance, r->graph, &options, &r->plan));
    return hal_session_create(r->plan, NULL, &r->session);
}

static hal_status step(const road *r, const hal_tensor *out, int64_t deadline_ms) {
    hal_feed feeds[MATRIX_MAX_TENSORS];
    hal_fetch fetches[MATRIX_MAX_TENSORS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->c->n_in; i++)
        if (r->c->in[i].dtype != HAL_NO_DTYPE) feeds[n++] = (hal_feed){r->in[i], r->feed[i]};
    for (uint32_t i = 0; i < r->c->n_out; i++) fetches[i] = (hal_fetch){r->out[i], out[i]};
    return hal_session_run(r->session, feeds, n, fetches, r->c->n_out, hal_deadline_ms(deadline_ms));
}

hal_status matrix_packed_run(const matrix_target *target, const hal_case *c, matrix_layout layout, const hal_tensor *in,
                             const hal_tensor *out) {
    road r = {.c = c, .layout = layout};
    for (uint32_t i = 0; i < c->n_in; i++) r.feed[i] = in[i];
    hal_status status = prepare(&r, target->instance, target->device);
    if (status == HAL_OK) status = step(&r, out, target->deadline_ms);
    hal_session_release(r.session);
    hal_plan_release(r.plan);
    hal_graph_release(r.graph);
    return status;
}
