/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic bool asked;

static void ask(int signal) {
    (void)signal;
    atomic_store(&asked, true);
}

void matrix_interrupt_catch(void) {
    const struct sigaction action = {.sa_handler = ask, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool matrix_interrupted(void) { return atomic_load(&asked); }
