/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/probe/xml.h"

#include "hal/probe/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libxml/xmlreader.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES      (64 << 20)
#define MOST_NODES      1000000u
#define MOST_DEPTH      64u
#define MOST_ATTRIBUTES 64u

static const char *path_now = "";
static uint32_t nodes_read;

_Noreturn static void end(const char *where, const char *format, va_list list)
{
    char text[320];
    int n = snprintf(text, sizeof text, "%s: %s", path_now, where);
    if (n >= 0 && n < (int)sizeof text)
        vsnprintf(text + n, sizeof text - (size_t)n, format, list);
    hal_child_end(hal_child_fail(text));
}

void xml_wrong(const xml_node *node, const char *format, ...)
{
    char where[96];
    va_list list;
    va_start(list, format);
    snprintf(where, sizeof where, "line %u: element <%.40s>: ", node->line, node->name);
    end(where, format, list);
}

void xml_unusable(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    end("", format, list);
}

void *xml_take(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (p == NULL)
        xml_unusable("%zu times %zu bytes do not fit into memory; free some", count, size);
    return p;
}

static const char *copy(const xmlChar *text)
{
    const char *from = text == NULL ? "" : (const char *)text;
    const size_t bytes = strlen(from) + 1;
    return memcpy(xml_take(bytes, 1), from, bytes);
}

/* libxml2's own words, once: its later complaints follow from the first. */
static void on_error(void *context, const char *message, xmlParserSeverities severity,
                     xmlTextReaderLocatorPtr where)
{
    (void)context;
    if (severity == XML_PARSER_SEVERITY_ERROR)
        xml_unusable("line %d: %.*s", where != NULL ? xmlTextReaderLocatorLineNumber(where) : 0,
                     (int)strcspn(message, "\n"), message);
}

static void read_attributes(xmlTextReaderPtr reader, xml_node *node)
{
    const int n = xmlTextReaderAttributeCount(reader);
    if (n < 0 || (uint32_t)n > MOST_ATTRIBUTES)
        xml_wrong(node, "more than %u attributes", MOST_ATTRIBUTES);
    node->attributes = xml_take((size_t)n, sizeof *node->attributes);
    while (node->n_attributes < (uint32_t)n && xmlTextReaderMoveToNextAttribute(reader) == 1) {
        xml_attribute *a = &node->attributes[node->n_attributes++];
        a->name = copy(xmlTextReaderConstName(reader));
        a->value = copy(xmlTextReaderConstValue(reader));
    }
    xmlTextReaderMoveToElement(reader);
}

static xml_node *open_element(xmlTextReaderPtr reader, xml_node *parent)
{
    xml_node *node = xml_take(1, sizeof *node);
    const int line = xmlTextReaderGetParserLineNumber(reader);
    node->name = copy(xmlTextReaderConstName(reader));
    node->text = "";
    node->line = line > 0 ? (uint32_t)line : 0;
    node->parent = parent;
    node->depth = parent == NULL ? 0 : parent->depth + 1;
    if (node->depth > MOST_DEPTH)
        xml_wrong(node, "elements nested deeper than %u levels", MOST_DEPTH);
    if (++nodes_read > MOST_NODES)
        xml_wrong(node, "more than %u elements", MOST_NODES);
    if (parent != NULL && parent->last != NULL)
        parent->last->next = node;
    else if (parent != NULL)
        parent->child = node;
    if (parent != NULL)
        parent->last = node;
    read_attributes(reader, node);
    return node;
}

/* Goes on with the reader; the root is kept from being left. */
static void read_node(xmlTextReaderPtr reader, xml_node **root, xml_node **at)
{
    switch (xmlTextReaderNodeType(reader)) {
    case XML_READER_TYPE_ELEMENT: {
        const bool empty = xmlTextReaderIsEmptyElement(reader) == 1;
        xml_node *node = open_element(reader, *at);
        *root = *root == NULL ? node : *root;
        *at = empty ? *at : node;
        break;
    }
    case XML_READER_TYPE_END_ELEMENT: *at = *at != NULL ? (*at)->parent : NULL; break;
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
        if (*at != NULL && (*at)->text[0] == '\0')
            (*at)->text = copy(xmlTextReaderConstValue(reader));
        break;
    case XML_READER_TYPE_ENTITY:
    case XML_READER_TYPE_ENTITY_REFERENCE:
        xml_unusable("line %d: entities are not read", xmlTextReaderGetParserLineNumber(reader));
    default: break;
    }
}

/* A declaration of entities could make a small file grow without end. */
static void refuse_entities(xmlTextReaderPtr reader)
{
    const xmlDoc *document = xmlTextReaderCurrentDoc(reader);
    if (document != NULL && document->intSubset != NULL && document->intSubset->entities != NULL)
        xml_unusable("line %d: declares entities, which are not read",
                     xmlTextReaderGetParserLineNumber(reader));
}

static int open_file(const char *path)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &facts) != 0)
        xml_unusable("cannot be opened: %s", strerror(errno));
    if (!S_ISREG(facts.st_mode) || facts.st_size > MOST_BYTES)
        xml_unusable("not a regular file of at most %d bytes", MOST_BYTES);
    return fd;
}

xml_node *xml_read(const char *path)
{
    xml_node *root = NULL, *at = NULL;
    path_now = path;
    xmlTextReaderPtr reader = xmlReaderForFd(open_file(path), path, NULL, XML_PARSE_NONET);
    int more;
    if (reader == NULL)
        xml_unusable("libxml2 cannot start to read");
    xmlTextReaderSetErrorHandler(reader, on_error, NULL);
    while ((more = xmlTextReaderRead(reader)) == 1) {
        if (root == NULL)
            refuse_entities(reader);
        read_node(reader, &root, &at);
    }
    if (more != 0 || root == NULL)
        xml_unusable("line %d: not well-formed XML, or without an element",
                     xmlTextReaderGetParserLineNumber(reader));
    return root;
}

const char *xml_get(const xml_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return node->attributes[i].value;
    return NULL;
}

const char *xml_text(const xml_node *node, const char *name)
{
    const char *value = xml_get(node, name);
    return value != NULL ? value : "";
}

const char *xml_need(const xml_node *node, const char *name)
{
    const char *value = xml_get(node, name);
    if (value == NULL)
        xml_wrong(node, "lacks its attribute \"%s\"", name);
    return value;
}

uint64_t xml_number(const xml_node *node, const char *name, uint64_t most, uint64_t absent)
{
    char *rest;
    const char *value = xml_get(node, name);
    if (value == NULL)
        return absent;
    errno = 0;
    const unsigned long long number = strtoull(value, &rest, strncmp(value, "0x", 2) == 0 ? 16 : 10);
    if (!isdigit((unsigned char)*value) || *rest != '\0' || errno != 0 || number > most)
        xml_wrong(node, "%s=\"%.40s\" is not a number from 0 to %llu", name, value, (unsigned long long)most);
    return number;
}

double xml_real(const xml_node *node, const char *name, double absent)
{
    char *rest;
    const char *value = xml_get(node, name);
    if (value == NULL || value[0] == '\0')
        return absent;
    const double number = strtod(value, &rest);
    if (!isdigit((unsigned char)*value) || *rest != '\0' || !isfinite(number) || number < 0)
        xml_wrong(node, "%s=\"%.40s\" is not a number of zero or more", name, value);
    return number;
}

bool xml_is(const xml_node *node, const char *name)
{
    return strcmp(node->name, name) == 0;
}
