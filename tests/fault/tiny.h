/* SPDX-License-Identifier: Apache-2.0 */
/* A training step small enough to be taken thousands of times: two layers, cross entropy, gradient, AdamW
 * with clipping. */
#ifndef HAL_TESTS_FAULT_TINY_H
#define HAL_TESTS_FAULT_TINY_H

#include <hal/plan.h>

typedef struct tiny {
    hal_instance *instance;
    hal_device *device;
    hal_graph *graph;
    hal_plan *plan;
    hal_session *session;
    hal_value x, targets, lr, step, loss;
    int64_t steps;         /* taken, successful or not */
    float fed[2], fetched; /* here and not on a stack, because work that hangs still refers to them */
} tiny;

/* Makes everything up to the session and writes the parameters. On failure nothing is left. */
hal_status tiny_create(const hal_instance_options *options, const hal_allocator *allocator,
                       const char *device, tiny *t);
/* One step. */
hal_status tiny_step(tiny *t, int64_t deadline, float *loss);
void tiny_free(tiny *t);
/* Creates, takes `steps` steps and frees. */
hal_status tiny_train(const hal_instance_options *options, const hal_allocator *allocator, const char *device,
                      int steps, float *loss);

#endif
