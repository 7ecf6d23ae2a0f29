/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info config: every environment variable that is looked at, with its value, default and origin. */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-info/info.h"

typedef struct variable {
    const char *name, *fallback, *doc;
} variable;

/* As in hal(7); tests/lint/environment.sh holds the two together. */
static const variable variables[] = {
    {"HAL_PLUGIN_PATH", "none", "directories searched for plugins before the installed one"},
    {"HAL_BACKENDS", "all", "backends that may be loaded: cpu,null or ^cuda"},
    {"HAL_CPU_DEVICES", "1", "devices the cpu presents itself as"},
    {"HAL_CPU_THREADS", "one a core", "workers of the cpu, cut to what the cgroups grant"},
    {"HAL_CPU_BIND", "1", "0: workers are not bound to cores"},
    {"HAL_CPU_ISA", "best", "most that kernels may use: plain, avx2 or best"},
    {"HAL_CPU_PRIMITIVES", "0", "1: the cpu refuses operators that are not primitive"},
    {"HAL_OPENCL_VARIANT", "by device", "kernels of OpenCL devices: wide (processors) or gpu"},
    {"HAL_OPENCL_MEMORY", "shared", "device: OpenCL devices that are the host have a memory of their own"},
    {"HAL_OPENCL_QUEUE", "in-order", "out-of-order: independent operators may run at once"},
    {"HAL_OPENCL_BINARIES", "cheap", "all or none: which compiled programs of OpenCL devices are kept"},
    {"HAL_OPENCL_TUNE", "measured once", "off or small: tiles of products are not measured, and large or small"},
    {"HAL_CUDA_ATTENTION", "own", "cudnn: attention of CUDA devices goes to cuDNN where that can do it"},
    {"HAL_CUDA_BLAS", "on", "off or all: which products of CUDA devices cuBLASLt gets, if not the large ones"},
    {"HAL_CUDA_GRAPHS", "on", "off: launches of a program are handed to CUDA devices one by one"},
    {"HAL_CUDA_RANGES", "a profiler's wish", "on or off: operators of CUDA devices are told to NVTX by name"},
    {"HAL_CACHE_BYTES", "268435456", "bytes of compiled programs kept on disk; 0: none are"},
    {"HAL_FAULT", "none", "script of the fault backend"},
    {"HAL_TRACE", "none", "file a trace is written to"},
    {"HAL_PROBE", "the installed one", "helper of a build tree"},
    {"HAL_TEST_DATA", "none", "directory with optional data for tests"},
    {"XDG_CACHE_HOME", "~/.cache", "directory of caches: hal/ in it"},
    {"CUDA_VISIBLE_DEVICES", "all", "NVIDIA: devices a process may see, by index, UUID or MIG id"},
    {"NVIDIA_VISIBLE_DEVICES", "all", "NVIDIA: devices a container was given"},
    {"CUDA_DEVICE_ORDER", "FASTEST_FIRST", "NVIDIA: what the indices of CUDA count"},
    {"HIP_VISIBLE_DEVICES", "all", "AMD: devices HIP may see"},
    {"ROCR_VISIBLE_DEVICES", "all", "AMD: devices the runtime may see"},
    {"GPU_DEVICE_ORDINAL", "all", "AMD: devices OpenCL may see"},
    {"ASCEND_RT_VISIBLE_DEVICES", "all", "Ascend: devices the runtime may see"},
    {"ASCEND_VISIBLE_DEVICES", "all", "Ascend: devices a container was given"},
    {"ASCEND_HOME_PATH", "none", "Ascend: directory of the toolkit"},
    {"ASCEND_TOOLKIT_HOME", "none", "Ascend: the same for other programs"},
    {"ZE_AFFINITY_MASK", "all", "Intel: devices Level Zero may see"},
    {"HABANA_VISIBLE_DEVICES", "all", "Gaudi: devices a container may see"},
    {"MACA_VISIBLE_DEVICES", "all", "MetaX: devices the runtime may see"},
    {"MLU_VISIBLE_DEVICES", "all", "Cambricon: devices the runtime may see"},
    {"MUSA_VISIBLE_DEVICES", "all", "Moore Threads: devices the runtime may see"},
    {"TOPS_VISIBLE_DEVICES", "all", "Enflame: devices the runtime may see"},
    {"TPU_VISIBLE_CHIPS", "all", "Google TPU: chips the runtime may see"},
    {"TPU_VISIBLE_DEVICES", "all", "Google TPU: the same for older programs"},
    {"TT_VISIBLE_DEVICES", "all", "Tenstorrent: devices the runtime may see"},
    {"ZE_ENABLE_ALT_DRIVERS", "none", "Level Zero: drivers that are loaded besides"},
    {"LD_LIBRARY_PATH", "none", "directories the loader looks for libraries in first"},
    {"OCL_ICD_VENDORS", "/etc/OpenCL/vendors", "OpenCL: where .icd files stand"},
    {"OPENCL_VENDOR_PATH", "/etc/OpenCL/vendors", "OpenCL: the same for other loaders"},
    {"NO_COLOR", "unset", "any value: no colour"},
    {"CLICOLOR_FORCE", "unset", "other than 0: colour even without a terminal"},
    {"COLUMNS", "of the terminal", "width of text, 60 to 200"},
};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

/* What libraries read is not read in a program that runs with raised privileges. */
static const char *value_of(const info *i, const variable *v, const char **origin)
{
    const bool option = strcmp(v->name, "HAL_PLUGIN_PATH") == 0 && i->options->plugin_dir;
    const char *value = option ? i->options->plugin_dir : secure_getenv(v->name);
    *origin = option            ? "option"
              : value           ? "environment"
              : getenv(v->name) ? "ignored: raised privileges"
                                : "default";
    if (value && i->options->redact && strchr(value, '/'))
        return "(a path)";
    return value;
}

int config_data(info *i, json_t **root, tool_error *err)
{
    json_t *rows = json_array();
    for (int k = 0; k < VARIABLES; k++) {
        const char *origin, *value = value_of(i, &variables[k], &origin);
        json_array_append_new(rows, json_pack("{s:s,s:s?,s:s,s:s,s:s}", "name", variables[k].name, "value",
                                              value, "default", variables[k].fallback, "origin", origin,
                                              "doc", variables[k].doc));
    }
    *root = json_pack("{s:s,s:o}", "schema", "hal.config/1", "variables", rows);
    return *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

int config_print(info *i, tool_error *err)
{
    table *rows = table_create();
    table_column(rows, "VARIABLE", 0, 0);
    table_column(rows, "VALUE", TABLE_CUT, 0);
    table_column(rows, "DEFAULT", 0, 1);
    table_column(rows, "FROM", 0, 2);
    table_column(rows, "WHAT IT DOES", TABLE_CUT, 3);
    for (int k = 0; k < VARIABLES; k++) {
        const char *origin, *value = value_of(i, &variables[k], &origin);
        table_row(rows);
        table_cell(rows, TONE_STRONG, "%s", variables[k].name);
        table_cell(rows, value ? TONE_WARN : TONE_PLAIN, "%s", value ? value : "-");
        table_cell(rows, TONE_PLAIN, "%s", variables[k].fallback);
        table_cell(rows, TONE_PLAIN, "%s", origin);
        table_cell(rows, TONE_PLAIN, "%s", variables[k].doc);
    }
    int code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    return code;
}
