/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and SIGTERM end a run in order: what was run is reported. A second one ends the program at once. */
#ifndef HAL_MATRIX_INTERRUPT_H
#define HAL_MATRIX_INTERRUPT_H

#include <stdbool.h>

void matrix_interrupt_catch(void);
bool matrix_interrupted(void);

#endif
