/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a device would run a case: asked, not tried. */
#ifndef HAL_MATRIX_ASK_H
#define HAL_MATRIX_ASK_H

#include <hal/plan.h>

typedef enum matrix_answer { ASKED_YES, ASKED_DECOMPOSED, ASKED_NO, ASKED_COUNT } matrix_answer;

/* Plans a graph of the case alone, without fusion, on the device `alias`; the backend compiles nothing for it. The operator
 * was taken apart where more than one op is left. `reason` says why not, "" otherwise. */
matrix_answer matrix_ask(hal_instance *instance, const char *alias, const hal_case *c, char *reason, size_t size);

#endif
