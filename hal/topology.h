/* SPDX-License-Identifier: Apache-2.0 */
/**
 * topology.h - what a machine has, and why something is missing.
 *
 * A topology is a description: devices, memories, links and the places that hold them. It is made from this machine, from
 * a recorded one, or from a file, and never touches a device. Every figure carries its unit, source and date; what is not
 * known is HAL_SOURCE_UNKNOWN, never 0. Every device that is expected and unusable is in the list, with the first broken
 * rung of the ladder (docs/discovery.md) as its reason.
 *
 *   1. figure      a number and where it comes from
 *   2. topology    how one is made
 *   3. place, memory, device, link, diagnostic: what it holds
 *   4. JSON        how it is written
 *   5. measurement what somebody measured of this machine, kept for later descriptions
 *
 * What is missing, and why:
 *
 *     hal_topology_options o = {HAL_HEAD(hal_topology_options)};
 *     hal_topology *t;
 *     HAL_TRY(hal_topology_create(&o, &t));
 *     for (uint32_t i = 0; i < hal_topology_device_count(t); i++) {
 *         const hal_topology_device *d = hal_topology_device_at(t, i);
 *         if (d->reason[0] != '\0')
 *             printf("%s: %s (%s)\n", d->alias, d->reason_text, d->reason);
 *     }
 *     hal_topology_release(t);
 *
 * Rules of hal.h hold. A topology is immutable, so that any thread may read it; pointers and strings read from it live as
 * long as it does. Text that is not known is "", never NULL; an index that is not known is HAL_NOWHERE.
 */
#ifndef HAL_TOPOLOGY_H
#define HAL_TOPOLOGY_H

#include <hal/hal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------ 1. figure -- */

/** What a figure counts. Sizes are bytes and times seconds, whatever people are shown. */
typedef enum hal_unit {
    /** A plain number. */
    HAL_UNIT_COUNT,
    /** Bytes. */
    HAL_UNIT_BYTES,
    /** Bytes per second, in one direction. */
    HAL_UNIT_BYTES_PER_SECOND,
    /** Seconds. */
    HAL_UNIT_SECONDS,
    /** Floating-point or integer operations per second; a multiply-add counts two. */
    HAL_UNIT_OPERATIONS_PER_SECOND
} hal_unit;

/** Where a figure comes from; the larger wins when two are known. */
typedef enum hal_source {
    /** Not known: the value means nothing and is written as null. */
    HAL_SOURCE_UNKNOWN,
    /** Computed from something else, or from experience with the like. */
    HAL_SOURCE_ESTIMATED,
    /** Follows from what the hardware is: width times speed of a link. An upper limit. */
    HAL_SOURCE_STRUCTURAL,
    /** The vendor says so, in a library or a data sheet. */
    HAL_SOURCE_VENDOR,
    /** Measured on this very machine. */
    HAL_SOURCE_MEASURED
} hal_source;

/** A number and where it comes from. */
typedef struct hal_figure {
    /** In `unit`; meaningless when the source is unknown. */
    double value;
    /** hal_unit. */
    uint32_t unit;
    /** hal_source. */
    uint32_t source;
    /** When it was read or measured, in seconds since 1970; 0 when that does not matter. */
    int64_t when;
    /** Runs behind a measured median; 0 otherwise. */
    uint32_t samples;
    uint32_t reserved;
    /** Half the width of the 95 % interval of a measured median, in `unit`; 0 otherwise. */
    double ci95;
} hal_figure;

/** "bytes", "bytes/s", "s", "op/s", "count". Static. */
HAL_API const char *hal_unit_name(hal_unit unit);
/** "unknown", "estimated", "structural", "vendor", "measured". Static. */
HAL_API const char *hal_source_name(hal_source source);

/* ---------------------------------------------------------------------------------------------- 2. topology -- */

/** A described machine. Counted, immutable. */
typedef struct hal_topology hal_topology;
/** Stands for an object that is not known or not there. */
#define HAL_NOWHERE UINT32_MAX

/** Options of hal_topology_create; zero means the default everywhere. */
typedef struct hal_topology_options {
    hal_head head;
    /** Copied; NULL = malloc. */
    const hal_allocator *allocator;
    /**
     * What to describe; NULL = this machine. Else a file (NCCL or RCCL topology XML, hwloc XML 2 or 3, hal's own JSON, a
     * recorded tree), a directory that is laid out like a root file system, or a synthetic description such as
     * "socket:2 gpu:4@nvlink npu:1". Files of others are read in a child process. Source: hal-info(1).
     */
    const char *input;
    /** Lines of "PATTERN=DEVICE[@LINK]" that tell what a file does not; NULL-terminated, or NULL. Source: hal-info(1). */
    const char *const *supplied;
    /** Ask vendor libraries, each in a child process with a deadline of its own. 0: take the answers that were kept. */
    uint32_t probe;
    uint32_t reserved;
    /** For everything together; 0 = 15 s from now. */
    int64_t deadline;
} hal_topology_options;

/**
 * Describes a machine. Opens no device and loads no vendor library into this process. One reference. Blocking: file reads
 * only without `probe`, <= 50 ms. Errors: INVALID_ARGUMENT with file and place for input that is malformed; NOT_FOUND;
 * PERMISSION_DENIED; IO; DEADLINE_EXCEEDED; OUT_OF_MEMORY. A vendor that fails is not an error: see hal_topology_diagnostic_at.
 */
HAL_API hal_status hal_topology_create(const hal_topology_options *options, hal_topology **topology);
/**
 * The description of the machine that `instance` was created on, with one reference: the passive one, with answers that were
 * kept then. Its devices that no backend claims are in the instance's list too, absent, with their reason. It stays what it
 * was: hal_instance_probe adds devices to the instance's list and nothing here; what drivers answered then is in the next
 * description that hal_topology_create makes.
 */
HAL_API hal_status hal_instance_topology(hal_instance *instance, hal_topology **topology);
/** One more reference; returns its argument. */
HAL_API hal_topology *hal_topology_retain(hal_topology *topology);
/** Drops a reference. */
HAL_API void hal_topology_release(hal_topology *topology);

/** The machine as a whole. */
typedef struct hal_topology_host {
    /** Kernel's name of the machine; "Linux"; its release; "x86_64". */
    const char *name, *os, *kernel, *arch;
    /** "docker", "podman", "kubernetes", "lxc", ... when this process runs in one. */
    const char *container;
    /** Path of the process's control group. */
    const char *cgroup;
    /** What was described: "" for this machine, else the input as given. */
    const char *origin;
    /** When it was described, in seconds since 1970. */
    int64_t when;
    /** Bytes and processors that the control group and the affinity mask leave to this process. */
    hal_figure memory_limit, cpu_limit;
    /** 1: made from an input, so that nothing in it can be run on. */
    uint32_t offline;
    uint32_t reserved;
} hal_topology_host;

/** The machine that `topology` describes. */
HAL_API const hal_topology_host *hal_topology_host_of(const hal_topology *topology);

/* ----------------------------------------------------------------------------------------------- 3. objects -- */

/** What a place is. */
typedef enum hal_place_kind {
    /** The machine, or one of several: a node of a pod. Place 0 is the outermost. */
    HAL_PLACE_MACHINE,
    /** A group of machines: rack, pod. */
    HAL_PLACE_GROUP,
    /** A processor package. */
    HAL_PLACE_PACKAGE,
    /** A NUMA domain: processors and the memory nearest to them. */
    HAL_PLACE_NUMA,
    /** A PCI host bridge or root port. */
    HAL_PLACE_PCI_ROOT,
    /** A PCI switch. */
    HAL_PLACE_PCI_SWITCH,
    /** A board or package that holds several devices. */
    HAL_PLACE_BOARD
} hal_place_kind;

/** A container: what pictures draw as a box, and what routes between devices run through. */
typedef struct hal_topology_place {
    /** hal_place_kind; index of the place around it, smaller than its own, HAL_NOWHERE for place 0. */
    uint32_t kind, parent;
    /** "package0", "numa1", "pci:0000:16:00.0": unique among places. */
    const char *id;
    /** What people call it. */
    const char *name;
    /** The kernel's number of a package or NUMA node; PCI root: domain << 8 | bus. */
    uint32_t number;
    /** Processors (hardware threads) and cores inside; 0 where that means nothing. */
    uint32_t threads, cores;
    uint32_t reserved;
    /** Capacity of its upstream link, one way, where it has one. */
    hal_figure uplink;
} hal_topology_place;

/** What a memory is made of. */
typedef enum hal_memory_kind {
    /** Not known. */
    HAL_MEMORY_OTHER,
    /** Of the host, on its own controllers. */
    HAL_MEMORY_DRAM,
    /** Stacked on a package, of a host or a device. */
    HAL_MEMORY_HBM,
    /** Of a graphics card. */
    HAL_MEMORY_GDDR,
    /** Soldered low-power DRAM of an accelerator of its own. */
    HAL_MEMORY_LPDDR,
    /** Behind a CXL link. */
    HAL_MEMORY_CXL,
    /** Persistent. */
    HAL_MEMORY_PERSISTENT
} hal_memory_kind;

/** One memory object. */
typedef struct hal_topology_memory {
    /** hal_memory_kind. */
    uint32_t kind;
    /** Index of the place that holds it. */
    uint32_t place;
    /** "numa0", "gpu:0000:1b:00.0/hbm": stable and unique. */
    const char *id;
    /** What people call it. */
    const char *name;
    /** The kernel's number of its NUMA node, or HAL_NOWHERE. */
    uint32_t numa;
    /** Memories with equal numbers share bandwidth. */
    uint32_t contention_group;
    /** 0 is the fastest of this machine. */
    uint32_t tier;
    /** 1: more than one kind of device computes in it (unified memory). */
    uint32_t shared;
    /** 1: the host may dereference its addresses. */
    uint32_t host_access;
    uint32_t reserved;
    /** Bytes; reserved ones are taken by firmware or driver. */
    hal_figure capacity, free, held;
    /** Of reading from its own devices, all of them together. */
    hal_figure bandwidth;
    /** Of a load by its own devices that no cache answers. */
    hal_figure latency;
} hal_topology_memory;

/** What a device does. */
typedef enum hal_device_kind {
    /** Runs the host's programs. */
    HAL_DEVICE_CPU,
    /** Graphics or compute card. */
    HAL_DEVICE_GPU,
    /** Neural processor, tensor processor, inference card. */
    HAL_DEVICE_NPU,
    /** Network card. */
    HAL_DEVICE_NIC,
    /** Switch of a device fabric (NVSwitch). */
    HAL_DEVICE_SWITCH,
    /** Something else that computes. */
    HAL_DEVICE_OTHER
} hal_device_kind;

/** How far a described device may be used. */
typedef enum hal_usability {
    /** Not asked yet: passive signs are good. Nobody ever asks about network cards and switches. */
    HAL_USABLE_NOT_PROBED,
    /** A backend can use it. */
    HAL_USABLE_READY,
    /** Works, with less than it should have; `reason` says what. */
    HAL_USABLE_DEGRADED,
    /** Cannot be used; `reason` is the first broken rung. */
    HAL_USABLE_BROKEN,
    /** Left out on purpose (D9xx). */
    HAL_USABLE_HIDDEN,
    /** Seen and in order, but no backend of hal can use it (D10xx). */
    HAL_USABLE_NO_BACKEND
} hal_usability;

/** How one interface numbers a device; platforms are OpenCL's, HAL_NOWHERE elsewhere. */
typedef struct hal_native_index {
    /** "cuda", "nvml", "opencl", "drm", "hip", "ze", "ascend", "accel", "kfd". */
    const char *api;
    uint32_t platform, index;
} hal_native_index;

/** How fast a device computes. */
typedef struct hal_compute_rate {
    /** Name of a dtype; "matmul" or "vector". */
    const char *dtype, *op_class;
    /** Dense operations per second. */
    hal_figure rate;
} hal_compute_rate;

/** One rung that was climbed. */
typedef struct hal_rung {
    /** "D402": the code that was found, or that of the rung ("D4") when it held. */
    const char *code;
    /** hal_rung_status. */
    uint32_t status;
    uint32_t reserved;
    /** What was read, and where. */
    const char *evidence;
    /** Time it took, in nanoseconds. */
    int64_t nanoseconds;
} hal_rung;

/** Outcome of a rung. */
typedef enum hal_rung_status {
    /** Holds. */
    HAL_RUNG_OK,
    /** Holds with a warning. */
    HAL_RUNG_WARN,
    /** Broken. */
    HAL_RUNG_FAIL,
    /** Not reached, or nothing to climb for this kind of device. */
    HAL_RUNG_SKIP,
    /** Cannot be told without more rights. */
    HAL_RUNG_DENIED
} hal_rung_status;

/** One device, however many interfaces show it. */
typedef struct hal_topology_device {
    /** hal_device_kind; index of the place that holds it; hal_usability; equal numbers share execution units or power. */
    uint32_t kind, place, usability, compute_group;
    /** "gpu:0000:1b:00.0": stable over boots; "gpu0": its number in PCI order among its kind. Both unique. */
    const char *id, *alias;
    /** What people call it, "" when no source says; row of hal/discovery/families.def; vendor. */
    const char *name, *family, *vendor;
    /** "0000:1b:00.0", "package 0", "fdab0000.npu". */
    const char *address;
    /** As the vendor writes it. */
    const char *uuid, *serial;
    /** Kernel driver bound to it and its version; version of the user library; what that library asks for; firmware. */
    const char *driver, *driver_version, *user_version, *required_version, *firmware;
    /** Code of the first broken rung, "" when none; a sentence on it. */
    const char *reason, *reason_text;
    /** PCI numbers; 0 when it is not on PCI. */
    uint32_t pci_vendor, pci_device, pci_subvendor, pci_subdevice, pci_class, pci_revision;
    /** The kernel's number of the nearest NUMA node, or HAL_NOWHERE. */
    uint32_t numa;
    /** Device it is a part of (MIG instance, die, virtual function), or HAL_NOWHERE. */
    uint32_t parent;
    /** Cores or compute units; 0 not known. */
    uint32_t cores;
    /** Hardware threads; 0 not known. */
    uint32_t threads;
    /** PCI link as it runs and as it could, one way: "Gen5 x16" and bytes per second. */
    const char *link_text;
    hal_figure link_now, link_most;
    /** Indices of the memories it computes in, nearest first. */
    const uint32_t *memories;
    /** What it is called elsewhere. */
    const hal_native_index *indices;
    /** Known rates. */
    const hal_compute_rate *rates;
    /** "avx512_bf16", "sm_90", "mig". */
    const char *const *features;
    /** "/dev/nvidia0". */
    const char *const *nodes;
    /** Other ways to the same hardware: "opencl: PoCL". */
    const char *const *ways;
    /** The ladder as far as it was climbed. */
    const hal_rung *rungs;
    /** Entries of the arrays above. */
    uint32_t n_memories, n_indices, n_rates, n_features, n_nodes, n_ways, n_rungs;
    uint32_t reserved;
} hal_topology_device;

/** What a link ends at. */
typedef enum hal_end_kind {
    /** Index of a device. */
    HAL_END_DEVICE,
    /** Index of a memory. */
    HAL_END_MEMORY,
    /** Index of a place. */
    HAL_END_PLACE
} hal_end_kind;
/** One end of a link. */
typedef struct hal_link_end {
    /** hal_end_kind. */
    uint32_t kind;
    /** Of that object. */
    uint32_t index;
} hal_link_end;

/** How bytes travel over a link. */
typedef enum hal_copy_mode {
    /** Not known. */
    HAL_COPY_UNKNOWN,
    /** One end loads and stores the other's memory. */
    HAL_COPY_NATIVE,
    /** A copy engine moves them without the host. */
    HAL_COPY_DIRECT,
    /** Through memory of the host. */
    HAL_COPY_STAGED,
    /** Not at all. */
    HAL_COPY_NONE
} hal_copy_mode;

/** A directed edge. */
typedef struct hal_topology_link {
    /** From where to where. */
    hal_link_end from, to;
    /** "nvlink", "xgmi", "xelink", "hccs", "c2c", "pcie", "socket", "cxl", "network", "memory". */
    const char *kind;
    /** Path class as NCCL names it: "NVL", "PIX", "PXB", "PHB", "SYS", ...; "" for others. */
    const char *path;
    /** What it runs through, or "". */
    const char *via;
    /** Generation and number of lanes or bricks; 0 not known. Links or switches on the way; 1 is direct. */
    uint32_t generation, lanes, hops;
    /** hal_copy_mode; 1 when a copy was verified byte by byte, 0 when peer access is only claimed or not known. */
    uint32_t copy_mode, verified;
    uint32_t reserved;
    /** One way, and with both directions busy relative to that: 2 is full duplex. The best that is known: measured where somebody
     *  measured. */
    hal_figure bandwidth, latency, duplex;
    /** Bandwidth as the hardware, its vendor or its structure declares it, whatever was measured; measurements never exceed one
     *  that follows from the structure. */
    hal_figure declared;
} hal_topology_link;

/** How grave a diagnostic is. */
typedef enum hal_severity {
    /** Good to know. */
    HAL_SEVERITY_NOTE,
    /** Works, with less than there could be. */
    HAL_SEVERITY_WARNING,
    /** Something is unusable. */
    HAL_SEVERITY_FAILURE
} hal_severity;

/** Something found out on the way. */
typedef struct hal_topology_diagnostic {
    /** "D402": permanent; explained by hal_code_explain. */
    const char *code;
    /** hal_severity. */
    uint32_t severity;
    /** Index of the device it is about, or HAL_NOWHERE. */
    uint32_t device;
    /** One sentence; what was read and where; the usual cause; what to try. */
    const char *summary, *evidence, *cause, *remedy;
} hal_topology_diagnostic;

/** Number of places; at least one. */
HAL_API uint32_t hal_topology_place_count(const hal_topology *topology);
/** Number of memories. */
HAL_API uint32_t hal_topology_memory_count(const hal_topology *topology);
/** Number of devices, unusable and hidden ones too. */
HAL_API uint32_t hal_topology_device_count(const hal_topology *topology);
/** Number of directed links. */
HAL_API uint32_t hal_topology_link_count(const hal_topology *topology);
/** Number of diagnostics, of devices and of the machine. */
HAL_API uint32_t hal_topology_diagnostic_count(const hal_topology *topology);
/** Place `index`, or NULL past the end. */
HAL_API const hal_topology_place *hal_topology_place_at(const hal_topology *topology, uint32_t index);
/** Memory `index`, or NULL past the end. */
HAL_API const hal_topology_memory *hal_topology_memory_at(const hal_topology *topology, uint32_t index);
/** Device `index`, or NULL past the end: in the order cpu, gpu, npu, others, each in address order. */
HAL_API const hal_topology_device *hal_topology_device_at(const hal_topology *topology, uint32_t index);
/** Link `index`, or NULL past the end. */
HAL_API const hal_topology_link *hal_topology_link_at(const hal_topology *topology, uint32_t index);
/** Diagnostic `index`, or NULL past the end. */
HAL_API const hal_topology_diagnostic *hal_topology_diagnostic_at(const hal_topology *topology, uint32_t index);
/** Index of the device of that id or alias, or HAL_NOWHERE. */
HAL_API uint32_t hal_topology_device_find(const hal_topology *topology, const char *name);

/** "cpu", "gpu", "npu", "nic", "switch", "other": words of the enums are those of JSON. Static. */
HAL_API const char *hal_device_kind_name(hal_device_kind kind);
/** hal's backend for devices of that family: "cpu"; "" while there is none, and for what is no family. Static. */
HAL_API const char *hal_family_backend(const char *family);
/** "other", "dram", "hbm", "gddr", "lpddr", "cxl", "persistent". Static. */
HAL_API const char *hal_memory_kind_name(hal_memory_kind kind);
/** "machine", "group", "package", "numa", "pci-root", "pci-switch", "board". Static. */
HAL_API const char *hal_place_kind_name(hal_place_kind kind);
/** "not-probed", "ready", "degraded", "unusable", "hidden", "no-backend". Static. */
HAL_API const char *hal_usability_name(hal_usability usability);
/** "unknown", "native", "direct", "staged", "none". Static. */
HAL_API const char *hal_copy_mode_name(hal_copy_mode mode);
/** "ok", "warn", "fail", "skip", "denied". Static. */
HAL_API const char *hal_rung_status_name(hal_rung_status status);
/** "note", "warning", "failure". Static. */
HAL_API const char *hal_severity_name(hal_severity severity);

/** A code of the ladder, explained. Codes are permanent: never reused for something else. Source: docs/discovery.md. */
typedef struct hal_code_row {
    /** "D402". */
    const char *code;
    /** hal_severity it usually has. */
    uint32_t severity;
    /** Its rung, 1 to 10. */
    uint32_t rung;
    /** A sentence; what is looked at; the usual cause; what to try. */
    const char *summary, *evidence, *cause, *remedy;
} hal_code_row;
/** The row of `code`, in letters of either size, or NULL when there is none. Static. */
HAL_API const hal_code_row *hal_code_explain(const char *code);
/** Row `index` of all codes, or NULL past the end. Static. */
HAL_API const hal_code_row *hal_code_at(uint32_t index);

/* -------------------------------------------------------------------------------------------------- 4. JSON -- */

/** hal_topology_print_json: host names, serial numbers, UUIDs and paths of people are replaced by stable stand-ins. */
#define HAL_PRINT_REDACTED 1u
/** hal_topology_print_json: without line breaks. */
#define HAL_PRINT_COMPACT 2u

/**
 * Writes the topology as JSON, schema "hal.info/1" (installed as hal-info.schema.json), which hal_topology_create reads
 * again. Figures are objects of value, unit, source, when, n, ci95; what is unknown is null. Errors: OUT_OF_MEMORY, IO.
 */
HAL_API hal_status hal_topology_print_json(const hal_topology *topology, uint32_t flags, FILE *stream);

/**
 * Writes what is read to describe a machine as a recorded tree, which hal_topology_create reads again; `input` NULL = this
 * machine, else a recorded tree or a directory. Files of people's names keep what the caller has to do with. Loads no vendor
 * library. Errors: as hal_topology_create, IO.
 */
HAL_API hal_status hal_topology_gather(const char *input, FILE *stream);

/* ------------------------------------------------------------------------------------------- 5. measurement -- */

/** One measured way between two ends. */
typedef struct hal_measurement {
    /** Id or alias of a device, id of a memory, or "host": the memory of the host; of several on this machine, that of the
        NUMA node which the caller runs on when it hands the measurement over. */
    char from[64], to[64];
    /** "read", "write", "copy", "chase" (of a memory by a device that computes in it), or "link". */
    char kind[8];
    /** Of one run. */
    uint64_t bytes;
    /** Measured ones, with date and samples. A chase has its latency; all others have a bandwidth, and links may have all. */
    hal_figure bandwidth, latency, duplex;
    /** 1: every byte arrived. Of a link hal_copy_mode, if whoever measured it knows how the bytes went. */
    uint32_t verified, copy_mode;
} hal_measurement;

/**
 * Whether a measurement can be true of the machine: both ends are known and may be joined by its kind; its figures are
 * measured, finite and not zero; its bandwidth is no more than 1 in 1000, which is for rounding, above what follows from the
 * structure of that link or memory; its data were verified. INVALID_ARGUMENT names the row and says why not.
 */
HAL_API hal_status hal_measurement_check(const hal_topology *topology, const hal_measurement *measurement);
/**
 * Keeps `n` measurements, in place of those of the same ends and kind that were kept before. `path` NULL: in the caller's
 * cache directory, under the machine, its drivers and its firmware as they are now; hal_topology_create then takes figures
 * from there, and a link for ends that had none. Else any file of that form; a recorded tree may hold one as
 * /hal/measurements. Blocking: file writes. Errors: those of hal_measurement_check, and INVALID_ARGUMENT for two measurements
 * of one pair and kind, or a file of something else; FAILED_PRECONDITION when `topology` does not describe this machine or
 * there is no cache directory; IO; OUT_OF_MEMORY. Nothing is written then.
 */
HAL_API hal_status hal_topology_keep_measurements(const hal_topology *topology, const hal_measurement *measurements, uint32_t n,
                                                  const char *path);
/**
 * Writes the path of the file that measurements of this machine are kept in, with a NUL, whether or not there is one.
 * Errors: FAILED_PRECONDITION without a cache directory, INVALID_ARGUMENT when `size` is too small, OUT_OF_MEMORY.
 */
HAL_API hal_status hal_measurement_path(char *path, size_t size);

#ifdef __cplusplus
}
#endif
#endif
