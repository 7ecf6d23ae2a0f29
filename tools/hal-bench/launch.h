/* SPDX-License-Identifier: Apache-2.0 */
/* One operator as a program, and launches of it in a queue that are waited for together: what the operator takes itself. A call
 * that waits adds the way to the device and back, which on a GPU is longer than many operators. */
#ifndef HAL_BENCH_LAUNCH_H
#define HAL_BENCH_LAUNCH_H

#include <hal/hal.h>
#include <hal/ops.h>

enum { LAUNCH_MOST_OPERANDS = 12 };

/* Zero-initialise. */
typedef struct launcher {
    hal_program *program;
    hal_queue *queue;
    hal_timeline *timeline;
    uint64_t value; /* of the timeline, once all is done that was queued */
    uint32_t n;     /* operands */
} launcher;

/* The program of one operator over dense operands of constant sizes, inputs first, each its own binding. UNSUPPORTED where the
 * device has none and would take the operator apart. */
hal_status launch_compile(hal_device *device, const hal_op_info *op, const void *attrs, const hal_shape *operands, uint32_t n_in,
                          uint32_t n_out, int64_t deadline, hal_program **program);
/* The same with a queue for it. On failure launch_close takes what there is. */
hal_status launch_open(hal_instance *instance, hal_device *device, const hal_op_info *op, const void *attrs, const hal_shape *operands,
                       uint32_t n_in, uint32_t n_out, int64_t deadline, launcher *l);
/* Queues one more launch on these tensors, inputs first; launch_wait has only to be called behind a `last` one. */
hal_status launch_queue(launcher *l, const hal_tensor *in, uint32_t n_in, const hal_tensor *out, bool last);
hal_status launch_wait(const launcher *l, int64_t deadline);
void launch_close(launcher *l);

#endif
