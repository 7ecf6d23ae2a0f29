/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between two ends, of which at least one is a device: timed, and believed only when every byte arrived.
 *
 * Sources and targets rotate over several blocks, so that a block has left the caches before it is read again. Before the
 * first and after the last timed copy the target is filled with something else and compared byte by byte, with another
 * pattern each time: peer access that a driver claims and that silently does nothing is found out so.
 */
#ifndef HAL_BENCH_TRANSFER_H
#define HAL_BENCH_TRANSFER_H

#include <stdbool.h>

#include "tools/hal-bench/sample.h"

/* One directed way. A NULL device stands for memory of the host. */
typedef struct transfer transfer;

/* `bytes` a copy. Between two devices whose memory the host does not reach and which are no peers (hal_device_peer) a copy is
   two, through host memory. Errors as hal_buffer_create and hal_queue_create. */
hal_status transfer_create(hal_instance *instance, hal_device *from, hal_device *to, uint64_t bytes, transfer **out);
/* Whether it is between two devices whose memory the host does not reach; `why`: the reason for host memory, or "". */
bool transfer_paired(const transfer *t, const char **why);
void transfer_destroy(transfer *t);
/* A bench_run: one copy of the next block; `context` is the transfer. */
hal_status transfer_run(void *context, double *seconds);
/* Queues the next copy without waiting; then waits for the last one queued. */
hal_status transfer_start(transfer *t);
hal_status transfer_wait(transfer *t);
/* One copy, compared byte by byte. `wrong` is the first byte that did not arrive, or the bytes of a copy when all did;
   `seed` picks the pattern. */
hal_status transfer_verify(transfer *t, uint32_t seed, uint64_t *wrong);

#endif
