/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fault script: which call of which kind fails, and how. One rule a line, words separated by blanks, `#`
 * begins a comment:
 *
 *     wrap NAME                      the backend to wrap; "cpu" when not said
 *     private                        hides the memory from the host, so that every transfer is a copy
 *     alloc WHEN fail|oom            WHEN is  N        the N-th call, counted from 1
 *     copy WHEN fail|short|hang                every N  each N-th call
 *     compile WHEN fail                        from N   the N-th call and all later ones
 *     submit WHEN fail|hang
 *     lost K [late]                  the device is lost at the K-th copy or submission
 *                                    (late: after accepting it)
 */
#ifndef HAL_BACKENDS_FAULT_SCRIPT_H
#define HAL_BACKENDS_FAULT_SCRIPT_H

#include <hal/backend.h>

#define FAULT_MAX_RULES 64u

typedef enum fault_kind {
    FAULT_ALLOC,
    FAULT_COPY,
    FAULT_COMPILE,
    FAULT_SUBMIT,
    FAULT_LOST,
    FAULT_KINDS
} fault_kind;
typedef enum fault_action {
    FAULT_NONE,
    FAULT_FAIL,
    FAULT_OOM,
    FAULT_SHORT,
    FAULT_HANG,
    FAULT_LOSE,
    FAULT_LOSE_LATE
} fault_action;
typedef enum fault_when { FAULT_ONCE, FAULT_EVERY, FAULT_FROM } fault_when;

typedef struct fault_rule {
    fault_kind kind;
    fault_when when;
    uint64_t n;
    fault_action action;
} fault_rule;

typedef struct fault_script {
    char wrap[32];
    bool private_memory;
    uint32_t n_rules;
    fault_rule rules[FAULT_MAX_RULES];
} fault_script;

/* Reads the file at `path`. Errors: IO; INVALID_ARGUMENT naming file, line and what was expected. */
hal_status fault_script_read(const hal_host *host, const char *path, fault_script *script);
/* What happens at call `n` of `kind`; the first rule that applies wins. */
fault_action fault_script_find(const fault_script *script, fault_kind kind, uint64_t n);

#endif
