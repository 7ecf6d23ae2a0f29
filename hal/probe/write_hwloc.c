/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a checked tree in the words of hwloc's XML 2.0. What 3.0 changed: infos of the machine moved out of
   its object, types of OS devices became a mask. What hal does not read is left out. */
#include "hal/probe/translate.h"

#include <stdio.h>
#include <string.h>

static void write_escaped(FILE *out, const char *text)
{
    for (const char *p = text; *p != '\0' && p - text < 4096; p++) {
        if (*p == '&' || *p == '<' || *p == '>' || *p == '"')
            fprintf(out, "&#%d;", *p);
        else
            putc((unsigned char)*p < 0x20 ? ' ' : *p, out);
    }
}

static void write_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    write_escaped(out, value);
    putc('"', out);
}

/* Each of `names` that is there. */
static void write_attributes(FILE *out, const xml_node *node, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (xml_get(node, names[i]) != NULL)
            write_attribute(out, names[i], xml_get(node, names[i]));
}

static void write_info(FILE *out, const xml_node *node)
{
    if (xml_get(node, "name") == NULL || xml_get(node, "value") == NULL)
        return;
    fputs("<info", out);
    write_attribute(out, "name", xml_get(node, "name"));
    write_attribute(out, "value", xml_get(node, "value"));
    fputs("/>\n", out);
}

static void write_infos(FILE *out, const xml_node *node)
{
    for
        XML_EACH(child, node)
    if (xml_is(child, "info"))
        write_info(out, child);
}

/* 3.0 has a mask: 1 storage, 2 memory, 4 GPU, 8 co-processor, 16 network, 32 OpenFabrics, 64 DMA. 2.0 has one
   number: 0 block, 1 GPU, 2 network, 3 OpenFabrics, 4 DMA, 5 co-processor. What manages a GPU (NVML, RSMI)
   counted as a GPU there. */
static void write_os_type(FILE *out, const xml_node *node, bool mask)
{
    const unsigned value = (unsigned)xml_number(node, "osdev_type", 1023, 0);
    const char *subtype = xml_text(node, "subtype"), *name = xml_text(node, "name");
    const bool manages = strcmp(subtype, "NVML") == 0 || strcmp(subtype, "RSMI") == 0 ||
                         strncmp(name, "nvml", 4) == 0 || strncmp(name, "rsmi", 4) == 0;
    unsigned type = value < 7 ? value : 0;
    if (mask)
        type = (value & 8) != 0 && !manages ? 5
               : (value & 12) != 0          ? 1
               : (value & 32) != 0          ? 3
               : (value & 16) != 0          ? 2
               : (value & 64) != 0          ? 4
                                            : 0;
    fprintf(out, " osdev_type=\"%u\"", type == 6 ? 0 : type);
}

static void write_object(FILE *out, const xml_node *root, const xml_node *node, bool mask)
{
    static const char *const names[] = {"type",
                                        "os_index",
                                        "cpuset",
                                        "complete_cpuset",
                                        "allowed_cpuset",
                                        "nodeset",
                                        "complete_nodeset",
                                        "allowed_nodeset",
                                        "gp_index",
                                        "name",
                                        "subtype",
                                        "cache_size",
                                        "depth",
                                        "cache_linesize",
                                        "cache_associativity",
                                        "cache_type",
                                        "local_memory",
                                        "kind",
                                        "subkind",
                                        "bridge_type",
                                        "bridge_pci",
                                        "pci_busid",
                                        "pci_type",
                                        "pci_link_speed"};
    fputs("<object", out);
    write_attributes(out, node, names, sizeof names / sizeof *names);
    if (strcmp(xml_text(node, "type"), "OSDev") == 0)
        write_os_type(out, node, mask);
    fputs(">\n", out);
    write_infos(out, node);
    if (node->parent == root)
        write_infos(out, root);
    for
        XML_EACH(child, node)
    if (xml_is(child, "object"))
        write_object(out, root, child, mask);
    fputs("</object>\n", out);
}

static void write_numbers(FILE *out, const xml_node *node)
{
    for
        XML_EACH(child, node)
    if (xml_is(child, "indexes") || xml_is(child, "u64values")) {
        fprintf(out, "<%s length=\"%zu\">", child->name, strlen(child->text));
        fputs(child->text, out);
        fprintf(out, "</%s>\n", child->name);
    }
}

/* Only kinds that 2.0 knows: from the system or a user (1, 2), a latency or a bandwidth (4, 8), types that
 * differ (16). */
static void write_matrix(FILE *out, const xml_node *node)
{
    static const char *const names[] = {"type", "nbobjs", "kind", "name", "indexing"};
    const uint64_t kind = xml_number(node, "kind", 1023, 0), n = xml_number(node, "nbobjs", 65536, 0);
    const bool known =
        ((kind & 3) == 1 || (kind & 3) == 2) && ((kind & 12) == 4 || (kind & 12) == 8) && kind < 32;
    if (!known || n < 2 || (xml_is(node, "distances2hetero") != ((kind & 16) != 0)))
        return;
    fprintf(out, "<%s", node->name);
    write_attributes(out, node, names, sizeof names / sizeof *names);
    fputs(">\n", out);
    write_numbers(out, node);
    fprintf(out, "</%s>\n", node->name);
}

static void write_kind(FILE *out, const xml_node *node)
{
    static const char *const names[] = {"cpuset", "forced_efficiency"};
    fputs("<cpukind", out);
    write_attributes(out, node, names, 2);
    fputs(">\n", out);
    write_infos(out, node);
    fputs("</cpukind>\n", out);
}

/* Bandwidth wants more and an initiator, latency less and an initiator. */
static void write_memory_attribute(FILE *out, const xml_node *node)
{
    static const char *const names[] = {"target_obj_type",  "target_obj_gp_index",    "value",
                                        "initiator_cpuset", "initiator_obj_gp_index", "initiator_obj_type"};
    const bool bandwidth = strcmp(xml_text(node, "name"), "Bandwidth") == 0;
    if (!bandwidth && strcmp(xml_text(node, "name"), "Latency") != 0)
        return;
    fprintf(out, "<memattr name=\"%s\" flags=\"%d\">\n", bandwidth ? "Bandwidth" : "Latency",
            bandwidth ? 5 : 6);
    for
        XML_EACH(value, node)
        {
            if (!xml_is(value, "memattr_value") ||
                strcmp(xml_text(value, "target_obj_type"), "NUMANode") != 0 ||
                xml_get(value, "initiator_cpuset") == NULL)
                continue;
            fputs("<memattr_value", out);
            write_attributes(out, value, names, sizeof names / sizeof *names);
            fputs("/>\n", out);
        }
    fputs("</memattr>\n", out);
}

char *hal_write_hwloc(const xml_node *root, size_t *bytes)
{
    char *text = NULL;
    const bool mask = strcmp(xml_text(root, "version"), "3.0") == 0;
    FILE *out = open_memstream(&text, bytes);
    if (out == NULL)
        xml_unusable("its translation does not fit into memory; free some");
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology "
          "version=\"2.0\">\n",
          out);
    for
        XML_EACH(node, root)
    if (xml_is(node, "object"))
        write_object(out, root, node, mask);
    for
        XML_EACH(node, root)
        {
            if (strncmp(node->name, "distances2", 10) == 0)
                write_matrix(out, node);
            else if (xml_is(node, "memattr"))
                write_memory_attribute(out, node);
            else if (xml_is(node, "cpukind"))
                write_kind(out, node);
        }
    fputs("</topology>\n", out);
    if (fclose(out) != 0)
        xml_unusable("its translation does not fit into memory; free some");
    return text;
}
