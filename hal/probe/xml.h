/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XML file as a tree, read in the helper only. Nothing outside of the file is fetched, entities are
 * refused, and depth, nodes and bytes are limited. Memory is never freed: the process ends when its answer is
 * written. Functions that find something wrong do not return: they say so (file, line, cause) and end the
 * process.
 */
#ifndef HAL_PROBE_XML_H
#define HAL_PROBE_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct xml_attribute {
    const char *name, *value;
} xml_attribute;

typedef struct xml_node {
    const char *name, *text; /* text: what stands between its tags, "" when nothing */
    xml_attribute *attributes;
    struct xml_node *parent, *child, *last, *next;
    uint32_t n_attributes, line, depth, mark; /* mark: for whoever walks */
} xml_node;

/* The root element of `path`. */
xml_node *xml_read(const char *path);
/* Ends the process with "PATH: line N: element <NAME>: ...". */
_Noreturn void xml_wrong(const xml_node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for the file as a whole. */
_Noreturn void xml_unusable(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Zeroed memory; ends the process when there is none. */
void *xml_take(size_t count, size_t size);

/* The value, or NULL. */
const char *xml_get(const xml_node *node, const char *name);
/* The value, or "". */
const char *xml_text(const xml_node *node, const char *name);
/* The value; wrong when it is absent. */
const char *xml_need(const xml_node *node, const char *name);
/* A decimal or 0x number up to `most`; `absent` when there is none; wrong when it is something else. */
uint64_t xml_number(const xml_node *node, const char *name, uint64_t most, uint64_t absent);
/* A number with a fraction, zero or more. */
double xml_real(const xml_node *node, const char *name, double absent);
bool xml_is(const xml_node *node, const char *name);

#define XML_EACH(var, parent_node) (const xml_node *var = (parent_node)->child; var != NULL; var = var->next)

#endif
