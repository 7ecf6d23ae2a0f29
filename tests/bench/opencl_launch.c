/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a launch of the OpenCL driver costs beside a bare loop of clEnqueueNDRangeKernel over the same kernels, the two
 * taking turns in one process; prints a line of JSON. On the first OpenCL device of the machine.
 *
 *   make tests/bench/opencl_launch && tests/bench/opencl_launch
 *
 * A program has OPS transposes of matrices so small that launching is all there is to it. Exit status 1: above the goal.
 */
#include "tests/opencl/driver_test.h"

enum { OPS = 256, ROUNDS = 41, SIDE = 4, BYTES = SIDE * SIDE * 4 };
static const double GOAL = 1.2;

/* OPS transposes there and back between two bindings. */
typedef struct long_program {
    hal_description d;
    hal_description_op op[OPS];
    hal_description_tensor tensor[2];
    hal_description_binding binding[2];
    uint32_t operands[2 * OPS];
    char names[8];
    char attrs[1024];
} long_program;

static const hal_description *describe(long_program *p) {
    const hal_dim side = hal_dim_constant(SIDE);
    *p = (long_program){.d = {.magic = HAL_DESCRIPTION_MAGIC, .version = HAL_DESCRIPTION_VERSION, .bytes = sizeof *p,
        .n_ops = OPS, .n_operands = 2 * OPS, .n_tensors = 2, .n_bindings = 2, .ops = offsetof(long_program, op),
        .operands = offsetof(long_program, operands), .tensors = offsetof(long_program, tensor),
        .bindings = offsetof(long_program, binding), .symbols = offsetof(long_program, attrs),
        .attrs = offsetof(long_program, attrs), .strings = offsetof(long_program, names)}};
    for (uint32_t i = 0; i < 2; i++) {
        p->tensor[i] = matrix(i, side, side);
        p->binding[i] = (hal_description_binding){.kind = HAL_BINDING_VARIABLE, .bytes = BYTES};
    }
    for (uint32_t i = 0; i < OPS; i++) {
        p->op[i] = (hal_description_op){.number = HAL_OP_TRANSPOSE, .version = 1, .first = 2 * i, .n_in = 1, .n_out = 1,
            .attrs_bytes = sizeof(hal_transpose_attrs), .attrs = offsetof(long_program, attrs),
            .names = offsetof(long_program, names)};
        p->operands[2 * i] = i & 1;
        p->operands[2 * i + 1] = ~i & 1;
    }
    return &p->d;
}

/* The program's own kernels, arguments and sizes, enqueued by hand. */
static void bare(hal_opencl_device *d, cl_command_queue queue, const hal_opencl_program *p) {
    cl_event last = NULL;
    for (uint32_t i = 0; i < p->chain->n_steps; i++) {
        const hal_portable_step *s = &p->chain->steps[i];
        if (d->cl.clEnqueueNDRangeKernel(queue, p->launches[i].kernel, 3, NULL, s->global, s->group, 0, NULL,
            i + 1 == p->chain->n_steps ? &last : NULL) != CL_SUCCESS) exit(2);
    }
    d->cl.clFlush(queue);
    d->cl.clWaitForEvents(1, &last);
    d->cl.clReleaseEvent(last);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v) {
    qsort(v, ROUNDS, sizeof *v, ascending);
    return v[ROUNDS / 2];
}

/* Ends the program with 3 where there is no device. */
static hal_opencl_device *first_device(void) {
    void *device = NULL;
    tell_devices();
    start();
    claim(NULL, 0);
    if (host.n_devices == 0 || host.backend->device_open(host.state, 0, &device) != HAL_OK) {
        fprintf(stderr, "opencl_launch: no OpenCL device\n");
        exit(3);
    }
    return device;
}

int main(void) {
    static long_program described;
    double driver[ROUNDS], loop[ROUNDS];
    hal_opencl_device *d = first_device();
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, describe(&described));
    const hal_backend_binding bindings[2] = {IN_BLOCK(take_block(d, BYTES, NULL), 0),
        IN_BLOCK(take_block(d, BYTES, NULL), 0)};
    for (int i = 0; i < 3; i++) run(q, p, bindings, 2, 0);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t begin = hal_opencl_now();
        run(q, p, bindings, 2, 0);
        driver[i] = (double)(hal_opencl_now() - begin) / OPS;
        begin = hal_opencl_now();
        bare(d, q->queue, p);
        loop[i] = (double)(hal_opencl_now() - begin) / OPS;
    }
    const double ours = median(driver), theirs = median(loop);
    printf("{\"device\": \"%s\", \"ns_per_launch\": %.0f, \"ns_bare\": %.0f, \"ratio\": %.3f}\n", d->name, ours, theirs,
        ours / theirs);
    return ours / theirs > GOAL;
}
