/* SPDX-License-Identifier: Apache-2.0 */
/* Which ops the portable kernels can run, and a guess at what they cost. */
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>

static const char *refuse(const hal_host *host, const hal_portable_traits *traits, bool primitives_only,
                          const hal_description *program, const hal_description_op *op, char *reason, size_t size) {
    const hal_op_info *info = host->op_describe(op->number);
    if (!info) return "no operator has this number";
    if (primitives_only && info->kind == HAL_OP_KIND_COMPOSITE) {
        snprintf(reason, size, "primitives_only is set and %s is composite", info->name);
        return reason;
    }
    return hal_portable_refuse(traits, program, op, reason, size);
}

void hal_portable_support(const hal_host *host, const hal_portable_traits *traits, bool primitives_only,
                          const hal_description *program, hal_support_answer *answers) {
    for (uint32_t i = 0; i < program->n_ops; i++) {
        char reason[sizeof answers->reason] = "";
        const hal_description_op *op = &hal_description_ops(program)[i];
        const char *no = refuse(host, traits, primitives_only, program, op, reason, sizeof reason);
        answers[i] = (hal_support_answer){.support = no ? HAL_SUPPORT_NO : HAL_SUPPORT_NATIVE};
        if (no) snprintf(answers[i].reason, sizeof answers[i].reason, "%s", no);
    }
}

hal_status hal_portable_check(const hal_portable_driver *driver, const hal_portable_traits *traits, bool primitives_only,
                              const hal_description *program) {
    const hal_host *host = driver->host;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        char reason[sizeof ((hal_support_answer *)0)->reason] = "";
        const hal_description_op *op = &hal_description_ops(program)[i];
        const char *no = refuse(host, traits, primitives_only, program, op, reason, sizeof reason);
        if (no) return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "%s: op %u of the program: %s", driver->who, i, no);
    }
    return HAL_OK;
}

static double tensor_bytes(const hal_description *d, const hal_description_tensor *t) {
    const hal_description_symbol *range = hal_description_symbols(d);
    double n = hal_element_width(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++) {
        const hal_dim s = t->size[i];
        n *= (double)(s.base + (s.symbol < 0 ? 0 : s.factor * range[s.symbol].max));
    }
    return n;
}

hal_cost hal_portable_cost(const hal_description *program, double rate, double launch) {
    double bytes = 0;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const hal_description_op *op = &hal_description_ops(program)[i];
        for (uint32_t o = 0; o < op->n_in + op->n_out; o++) {
            const hal_description_tensor *t = hal_description_operand(program, op, o);
            if (t) bytes += tensor_bytes(program, t);
        }
    }
    return (hal_cost){bytes / rate + launch * program->n_ops, bytes, 0.05};
}
