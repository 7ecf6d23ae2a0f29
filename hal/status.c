/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

/* Text and detail are separate so that reading the detail needs no copy. */
static _Thread_local char last_text[1024];
static _Thread_local char last_device[48];
static _Thread_local hal_status_detail last;

const hal_status_detail *hal_status_last(void)
{
    /* Addresses of thread-locals are no constants: they cannot stand in an initialiser. */
    last.text = last_text;
    last.device = last_device;
    if (last.file == NULL)
        last.file = "";
    return &last;
}

hal_status hal_status_set_va(hal_status status, const char *file, int line, const char *format,
                             va_list arguments)
{
    /* Arguments may point into the present text, so it is written aside first. */
    char text[sizeof last_text];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        text[0] = '\0';
    memcpy(last_text, text, length < (int)sizeof text && length > 0 ? (size_t)length + 1 : sizeof text);
    last_text[sizeof last_text - 1] = '\0';
    last_device[0] = '\0';
    last.status = status;
    last.vendor_code = 0;
    last.file = file;
    last.line = line;
    return status;
}

hal_status hal_status_set(hal_status status, const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    hal_status_set_va(status, file, line, format, arguments);
    va_end(arguments);
    return status;
}

void hal_status_annotate(const char *device, int64_t vendor_code)
{
    snprintf(last_device, sizeof last_device, "%s", device);
    last.vendor_code = vendor_code;
}

const char *hal_status_name(hal_status status)
{
    static const char *const names[] = {"OK",
                                        "INVALID_ARGUMENT",
                                        "NOT_FOUND",
                                        "UNSUPPORTED",
                                        "OUT_OF_MEMORY",
                                        "FAILED_PRECONDITION",
                                        "DEADLINE_EXCEEDED",
                                        "CANCELLED",
                                        "DEVICE_LOST",
                                        "DATA_LOSS",
                                        "VERSION_MISMATCH",
                                        "PERMISSION_DENIED",
                                        "UNAVAILABLE",
                                        "INTERNAL",
                                        "IO"};
    uint32_t code = (uint32_t)hal_status_code(status);
    return code < sizeof names / sizeof names[0] ? names[code] : "UNKNOWN";
}

const char *hal_damage_name(hal_damage damage)
{
    static const char *const names[] = {"none", "call", "graph", "queue", "device", "process"};
    return (uint32_t)damage < sizeof names / sizeof names[0] ? names[damage] : "unknown";
}

const char *hal_version(void)
{
    return "0.1.0";
}
