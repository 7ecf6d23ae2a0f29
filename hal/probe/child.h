/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of hal-probe share. They run in a process of their own, of which libhal believes nothing. */
#ifndef HAL_PROBE_CHILD_H
#define HAL_PROBE_CHILD_H

#include "hal/discovery/answer.h"

/* Where what was found out goes: a pipe to libhal, or whatever a person who tries the helper gives it. */
#define HAL_CHILD_PAYLOAD 3
/* More devices, of one interface, than any machine has: a count beyond is an error of the library. */
#define HAL_CHILD_DEVICES 1024u
/* Pairs are asked about up to that many devices. */
#define HAL_CHILD_PAIRED 64u

/* Says why nothing was found out; returns 1, the exit status. */
int hal_child_fail(const char *text);
/* Ends the process without destructors: those of a vendor are not what was asked about. */
_Noreturn void hal_child_end(int code);

/* The verb: asks the vendor `subject`, "nvml" or "opencl:/etc/OpenCL/vendors/x.icd", and prints its answers. */
int hal_child_ask(const char *subject);
/* The verb: reads XML of NCCL, RCCL or hwloc and prints it as hal's JSON. What this build cannot read begins "unsupported: ". */
int hal_child_translate(const char *path);

/* A function of a library: `slot` is where its address goes. Functions that are not needed may stay NULL. */
typedef struct hal_child_symbol {
    const char *name;
    void *slot;
    bool needed;
} hal_child_symbol;
/* One vendor. `ask` fills `library` and prints the rest; what it returns is printed as library->state. */
typedef struct hal_child_vendor {
    const char *name, *libraries;
    hal_library_state (*ask)(const char *subject, hal_answer *library);
    const hal_child_symbol *symbols;
} hal_child_vendor;

/* Opens the first of the libraries and finds its functions, up to the symbol without a name. HAL_LIBRARY_OK, or what is
   wrong, told in `library`. */
hal_library_state hal_child_open(const char *libraries, const hal_child_symbol *symbols, hal_answer *library);
/* Says what is loaded, before it can do harm. */
void hal_child_tell_loaded(const char *path);
/* Prints a record. */
void hal_child_tell(const hal_answer *answer);
/* Notes that `call` answered `code`, which `meaning` explains if it is not NULL. Returns HAL_LIBRARY_FAILED. */
hal_library_state hal_child_refused(hal_answer *library, const char *call, int32_t code, const char *meaning);
/* Notes that the library counted more devices than there can be. Returns HAL_LIBRARY_FAILED. */
hal_library_state hal_child_absurd(hal_answer *library, const char *call, long long count);
/* At most `room` bytes of a text that may not end. */
void hal_child_copy(char *out, size_t size, const char *text, size_t room);
/* "0000:1b:00.0". */
void hal_child_address(char *out, size_t size, unsigned domain, unsigned bus, unsigned device, unsigned function);
/* The same from a vendor's spelling: "00000000:1B:00.0". */
void hal_child_address_text(char *out, size_t size, const char *text);
/* PREFIX and then 16 bytes in the usual five groups; nothing when all are zero. */
void hal_child_uuid(char *out, size_t size, const char *prefix, const unsigned char bytes[16]);

/* The functions of vendors.def's rows. */
#define HAL_VENDOR(name, ...)                                                                                          \
    hal_library_state hal_ask_##name(const char *subject, hal_answer *library);                                        \
    extern const hal_child_symbol hal_symbols_##name[];
#include "hal/discovery/vendors.def"

#endif
