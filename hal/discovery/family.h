/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families of devices: what the kernel, the file system and the vendor must provide before one can be used. The rows are
 * hal/discovery/families.def. The scan finds devices by them, the ladder climbs by them; the few checks that only one vendor
 * needs stand in ladder_version.c and ladder_answer.c.
 *
 * A list is one string: entries are separated by blanks, alternatives of an entry by '|', any of which will do, the
 * usual one first; of shared nodes the others count inside of containers only. In paths and names {device}, {revision} and {vendor} stand for PCI numbers in lower-case hexadecimal
 * (4, 2 and 4 digits), {index} for a number, $NAME/ for a directory that an environment variable names, and * for any
 * run of characters but '/'.
 */
#ifndef HAL_DISCOVERY_FAMILY_H
#define HAL_DISCOVERY_FAMILY_H

#include <hal/topology.h>

/* hal_family.flags. */
#define HAL_FAMILY_OUT_OF_TREE 1u    /* the kernel has no driver of its own: a package of the vendor brings it */
#define HAL_FAMILY_SAME_VERSION 2u   /* kernel module and first library must have the very same version (NVIDIA) */
#define HAL_FAMILY_OPENCL 4u         /* the vendor has an OpenCL driver that is registered by an .icd file */
#define HAL_FAMILY_LEVEL_ZERO 8u     /* its library is loaded by the Level Zero loader */
#define HAL_FAMILY_NO_COMPUTE 16u    /* shows pictures or moves packets: rungs above D4 do not apply */

typedef struct hal_family {
    const char *name;  /* "nvidia": what hal_topology_device.family says */
    const char *title; /* "NVIDIA GPU" */
    const char *vendor;
    uint32_t kind;  /* hal_device_kind */
    uint32_t flags; /* HAL_FAMILY_... */
    /* Rung D2. Names of kernel drivers that make it compute ("nvidia"); names of those that bind it and do not ("nouveau"). */
    const char *drivers, *idle_drivers;
    const char *kernel;   /* first kernel release with that driver: "6.3"; "" when it was always there or never */
    const char *firmware; /* below /lib/firmware, each without .zst or .xz: "amdnpu/{device}_{revision}/npu.sbin" */
    /* Rungs D3 and D4. Nodes of each device ("/dev/nvidia{index}"), the same for all of them ("/dev/nvidiactl"), and the
       group that distributions give them to ("render"). */
    const char *nodes, *shared_nodes, *group;
    /* Rung D5. Libraries in the order in which they load each other; where vendors put them besides the loader's own
       directories; functions the first one must have. */
    const char *libraries, *directories, *symbols;
    const char *icd;       /* rung D7: names of its .icd files: "nvidia.icd" */
    const char *variables; /* rung D9: what hides devices: "CUDA_VISIBLE_DEVICES" */
    const char *backend;   /* rung D10: hal's backend for it; "" while there is none */
    /* What to try when a rung breaks: driver, node or permission, library. */
    const char *driver_remedy, *node_remedy, *library_remedy;
} hal_family;

/* The row of that name; NULL when there is none. */
const hal_family *hal_family_find(const char *name);
/* Row `index`, or NULL past the end. */
const hal_family *hal_family_at(uint32_t index);

#endif
