/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of recorded trees. Whatever the text says, it ends in a tree or in a sentence with the line. */
#include "hal/discovery/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAX_NODES = 1 << 20, MAX_DEPTH = 64, MAX_NAME = 255 };

/* ------------------------------------------------------------------------------------------------ tree -- */

/* FNV-1a, begun with the parent. */
static uint32_t hash(uint32_t parent, const char *name, size_t length)
{
    uint32_t h = (2166136261u ^ parent) * 16777619u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h ^ (h >> 15);
}

/* The slot of that name, or the empty one where it belongs. */
static uint32_t slot_of(const hal_tree *tree, uint32_t parent, const char *name, size_t length)
{
    uint32_t mask = tree->n_slots - 1, at = hash(parent, name, length) & mask;
    for (; tree->slots[at] != 0; at = (at + 1) & mask) {
        const hal_tree_node *node = &tree->nodes[tree->slots[at] - 1];
        if (node->parent == parent && strncmp(node->name, name, length) == 0 && node->name[length] == '\0')
            break;
    }
    return at;
}

uint32_t hal_tree_child(const hal_tree *tree, uint32_t parent, const char *name, size_t length)
{
    uint32_t found = tree->slots[slot_of(tree, parent, name, length)];
    return found == 0 ? HAL_NOWHERE : found - 1;
}

static bool rehash(const hal_allocator *allocator, hal_tree *tree)
{
    uint32_t *old = tree->slots, n = tree->n_slots ? 2 * tree->n_slots : 1024;
    tree->slots = hal_allocate_array(allocator, n, sizeof *tree->slots);
    if (tree->slots == NULL) {
        tree->slots = old;
        return false;
    }
    tree->n_slots = n;
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        const hal_tree_node *node = &tree->nodes[i];
        tree->slots[slot_of(tree, node->parent, node->name, strlen(node->name))] = i + 1;
    }
    hal_deallocate(allocator, old);
    return true;
}

/* A directory that nothing is known about yet. HAL_NOWHERE when out of memory. */
static uint32_t add(const hal_allocator *allocator, hal_tree *tree, uint32_t parent, const char *name)
{
    uint32_t index = tree->n_nodes;
    if (!hal_array_grow(allocator, (void **)&tree->nodes, index, &tree->capacity, sizeof *tree->nodes) ||
        (2 * index >= tree->n_slots && !rehash(allocator, tree)))
        return HAL_NOWHERE;
    tree->nodes[index] = (hal_tree_node){.name = name,
                                         .text = "",
                                         .parent = parent,
                                         .first = HAL_NOWHERE,
                                         .last = HAL_NOWHERE,
                                         .next = HAL_NOWHERE,
                                         .mode = S_IFDIR | 0755};
    tree->n_nodes++;
    if (index == 0)
        return 0;
    hal_tree_node *above = &tree->nodes[parent];
    if (above->last == HAL_NOWHERE)
        above->first = index;
    else
        tree->nodes[above->last].next = index;
    above->last = index;
    tree->slots[slot_of(tree, parent, name, strlen(name))] = index + 1;
    return index;
}

/* ----------------------------------------------------------------------------------------------- lines -- */

typedef struct parser {
    const hal_allocator *allocator;
    hal_tree *tree;
    const char *origin;
    char *next, *end; /* what was not read yet */
    uint32_t line;
    uint32_t entries; /* lines that were one */
    bool whole;       /* the last line ends */
    bool ended;       /* the end mark was read */
} parser;

static hal_status __attribute__((format(printf, 2, 3))) bad(const parser *p, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return HAL_FAIL(INVALID_ARGUMENT, "%s:%u: %s", p->origin, p->line, text);
}

/* The next line, with an end instead of its newline; NULL at the end. */
static char *next_line(parser *p)
{
    char *line = p->next;
    if (line >= p->end)
        return NULL;
    char *newline = memchr(line, '\n', (size_t)(p->end - line));
    p->next = newline != NULL ? newline + 1 : p->end;
    *(newline != NULL ? newline : p->end) = '\0';
    p->line++;
    return line;
}

/* Cuts the first word off; `*rest` is what follows one blank. */
static char *word(char **rest)
{
    char *begin = *rest;
    size_t length = strcspn(begin, " ");
    *rest = begin + length + (begin[length] == ' ');
    begin[length] = '\0';
    return begin;
}

static bool digit(char c, char most)
{
    return c >= '0' && c <= most;
}

/* \ooo as in /proc/mounts, in place. */
static void unescape(char *name)
{
    char *to = name;
    for (const char *from = name; *from != '\0'; to++) {
        *to = *from++;
        if (*to != '\\' || !digit(from[0], '3') || !digit(from[1], '7') || !digit(from[2], '7') ||
            memcmp(from, "000", 3) == 0)
            continue;
        *to = (char)((from[0] - '0') << 6 | (from[1] - '0') << 3 | (from[2] - '0'));
        from += 3;
    }
    *to = '\0';
}

/* Cuts the first name off `*path`; NULL when none is left. */
static char *next_name(char **path)
{
    char *name = *path + strspn(*path, "/"), *slash = strchr(name, '/');
    *path = slash != NULL ? slash + 1 : name + strlen(name);
    if (slash != NULL)
        *slash = '\0';
    return *name != '\0' ? name : NULL;
}

static hal_status check_name(const parser *p, const char *name, uint32_t depth)
{
    if (strlen(name) > MAX_NAME || depth > MAX_DEPTH)
        return bad(p, "the path is deeper than %d or has a name longer than %d", MAX_DEPTH, MAX_NAME);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
        return bad(p, "\"%.80s\" cannot be the name of an entry; write the path it has", name);
    return HAL_OK;
}

/* The node of that name below `at`, made when it is not there. */
static hal_status enter(parser *p, uint32_t at, const char *name, uint32_t *out)
{
    hal_tree_node *above = &p->tree->nodes[at];
    if (above->line == 0) /* at most refused so far */
        above->mode = S_IFDIR | (above->mode & 07777) | 0111;
    if (!S_ISDIR(above->mode))
        return bad(p, "%.80s stands below %.80s, which line %u makes a file or link", name, above->name,
                   above->line);
    uint32_t child = hal_tree_child(p->tree, at, name, strlen(name));
    if (child == HAL_NOWHERE && p->tree->n_nodes >= MAX_NODES)
        return bad(p, "more than %d entries", MAX_NODES);
    if (child == HAL_NOWHERE)
        child = add(p->allocator, p->tree, at, name);
    if (child == HAL_NOWHERE)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    *out = child;
    return HAL_OK;
}

/* The node of `path`, made with all above it when it is not there. */
static hal_status place(parser *p, char *path, uint32_t *out)
{
    uint32_t at = 0, depth = 0;
    if (path[0] != '/')
        return bad(p, "\"%.80s\" is no absolute path", path);
    for (char *name; (name = next_name(&path)) != NULL;) {
        unescape(name);
        HAL_TRY(check_name(p, name, ++depth));
        HAL_TRY(enter(p, at, name, &at));
    }
    *out = at;
    return HAL_OK;
}

/* The node of an entry that says what it is, which only one line may. */
static hal_status declare(parser *p, char *path, uint32_t mode, hal_tree_node **out)
{
    uint32_t index;
    HAL_TRY(place(p, path, &index));
    hal_tree_node *node = &p->tree->nodes[index];
    if (node->line != 0)
        return bad(p, "%.200s is also said by line %u", node->name, node->line);
    if ((node->first != HAL_NOWHERE || index == 0) && !S_ISDIR(mode))
        return bad(p, "%.200s is a directory by the lines above", node->name);
    node->mode = mode;
    node->line = p->line;
    *out = node;
    return HAL_OK;
}

static hal_status number(parser *p, char *text, int base, const char *what, uint32_t *value, char **end)
{
    errno = 0;
    unsigned long n = strtoul(text, end, base);
    if (*end == text || text[0] == '-' || text[0] == '+' || errno != 0 || n > UINT32_MAX)
        return bad(p, "\"%.40s\" is no %s", text, what);
    *value = (uint32_t)n;
    return HAL_OK;
}

/* "A:B" */
static hal_status pair(parser *p, char *text, const char *what, uint32_t *a, uint32_t *b)
{
    char *end, *second;
    HAL_TRY(number(p, text, 10, what, a, &second));
    if (*second != ':')
        return bad(p, "\"%.40s\" is no %s: two numbers with a colon", text, what);
    HAL_TRY(number(p, second + 1, 10, what, b, &end));
    return *end == '\0' ? HAL_OK : bad(p, "\"%.40s\" is no %s: something follows it", text, what);
}

/* "MODE UID:GID" */
static hal_status owner(parser *p, char *rest, hal_tree_node *node)
{
    char *end, *mode_text = word(&rest);
    uint32_t mode, uid, gid;
    HAL_TRY(number(p, mode_text, 8, "octal mode", &mode, &end));
    if (*end != '\0' || mode > 07777)
        return bad(p, "\"%.40s\" is no octal mode", mode_text);
    HAL_TRY(pair(p, rest, "UID:GID", &uid, &gid));
    node->mode = (node->mode & (uint32_t)S_IFMT) | mode;
    node->uid = uid;
    node->gid = gid;
    return HAL_OK;
}

static hal_status file_line(parser *p, char *rest)
{
    hal_tree_node *node;
    char *path = word(&rest);
    HAL_TRY(declare(p, path, S_IFREG | 0444, &node));
    node->text = rest;
    node->bytes = strlen(rest);
    return HAL_OK;
}

/* Lines move up over the tabs before them, so that they stand together. */
static hal_status file_lines(parser *p, char *rest)
{
    hal_tree_node *node;
    char *path = word(&rest), *text = p->next, *to = text;
    HAL_TRY(declare(p, path, S_IFREG | 0444, &node));
    while (p->next < p->end && *p->next == '\t') {
        char *line = next_line(p) + 1;
        size_t length = (size_t)(p->next - line);
        bool ended = p->next[-1] == '\0' && length > 0;
        memmove(to, line, length);
        to += length;
        if (ended)
            to[-1] = '\n';
    }
    node->bytes = (size_t)(to - text);
    node->text = node->bytes != 0 ? text : "";
    if (node->bytes != 0)
        *to = '\0'; /* before what was not read yet: each line lost its tab */
    return HAL_OK;
}

static int hexadecimal(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits become bytes where they stand. */
static hal_status bytes_line(parser *p, char *rest)
{
    hal_tree_node *node;
    char *path = word(&rest), *to = rest;
    for (const char *from = rest; *from != '\0'; from += 2) {
        int high = hexadecimal(from[0]), low = high < 0 ? -1 : hexadecimal(from[1]);
        if (low < 0)
            return bad(p, "\"%.20s\" are no pairs of lower-case hexadecimal digits", from);
        *to++ = (char)(high << 4 | low);
    }
    HAL_TRY(declare(p, path, S_IFREG | 0444, &node));
    node->text = rest;
    node->bytes = (size_t)(to - rest);
    return HAL_OK;
}

static hal_status link_line(parser *p, char *rest)
{
    hal_tree_node *node;
    char *path = word(&rest);
    if (*rest == '\0' || strlen(rest) >= PATH_MAX)
        return bad(p, "a link needs a target of less than %d bytes", PATH_MAX);
    HAL_TRY(declare(p, path, S_IFLNK | 0777, &node));
    node->text = rest;
    node->bytes = strlen(rest);
    return HAL_OK;
}

static hal_status directory_line(parser *p, char *rest)
{
    hal_tree_node *node;
    return declare(p, word(&rest), S_IFDIR | 0755, &node);
}

static hal_status device_line(parser *p, char *rest)
{
    hal_tree_node *node;
    uint32_t numbers[2];
    char *path = word(&rest), *text = word(&rest);
    HAL_TRY(pair(p, text, "MAJOR:MINOR", &numbers[0], &numbers[1]));
    HAL_TRY(declare(p, path, S_IFCHR | 0600, &node));
    node->major = numbers[0];
    node->minor = numbers[1];
    return owner(p, rest, node);
}

static hal_status mode_line(parser *p, char *rest)
{
    uint32_t index, before = p->tree->n_nodes;
    char *path = word(&rest);
    HAL_TRY(place(p, path, &index));
    if (p->tree->n_nodes != before)
        return bad(p, "%.200s is no entry above", p->tree->nodes[index].name);
    return owner(p, rest, &p->tree->nodes[index]);
}

static const struct {
    const char *name;
    int number;
} errors[] = {
#define ROW(name) {#name, name}
    ROW(EPERM),   ROW(EACCES), ROW(ENODEV), ROW(ENXIO),  ROW(EIO),       ROW(EBUSY),      ROW(ENOENT),
    ROW(EINVAL),  ROW(ENOMEM), ROW(ELOOP),  ROW(EROFS),  ROW(ETIMEDOUT), ROW(EOPNOTSUPP), ROW(ENOSYS),
    ROW(ENOTDIR), ROW(EISDIR), ROW(EAGAIN), ROW(EFAULT), ROW(EOVERFLOW), ROW(EHOSTDOWN),  ROW(ENODATA),
#undef ROW
};

static int error_of(const char *name)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(name, errors[i].name) == 0)
            return errors[i].number;
    return 0;
}

const char *hal_tree_error_name(int number)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (number == errors[i].number)
            return errors[i].name;
    return "EIO";
}

static hal_status refusal_line(parser *p, char *rest)
{
    uint32_t index, before = p->tree->n_nodes;
    char *path = word(&rest);
    int error = error_of(rest);
    if (error == 0)
        return bad(p, "\"%.40s\" is no error of open(2) that is known here, such as EPERM", rest);
    HAL_TRY(place(p, path, &index));
    if (p->tree->n_nodes != before)
        p->tree->nodes[index].mode = S_IFREG | 0444;
    p->tree->nodes[index].error = error;
    return HAL_OK;
}

/* ". N": what stands above is N entries, and all of it. */
static hal_status end_line(parser *p, char *rest)
{
    char *end;
    uint32_t entries, above = p->entries - 1;
    HAL_TRY(number(p, rest, 10, "number of entries", &entries, &end));
    if (*end != '\0')
        return bad(p, "\"%.40s\" is no number of entries", rest);
    if (entries != above)
        return bad(p, "the end mark says %u and %u entries are above it: lines were lost or added; copy it "
                      "again, or correct the mark after a change that is meant",
                   entries, above);
    p->ended = true;
    return HAL_OK;
}

static hal_status entry(parser *p, char *line)
{
    static const struct {
        char letter;
        hal_status (*read)(parser *p, char *rest);
    } forms[] = {{'=', file_line},      {'<', file_lines},  {'x', bytes_line}, {'@', link_line},
                 {'/', directory_line}, {'c', device_line}, {'m', mode_line},  {'!', refusal_line},
                 {'.', end_line}};
    if (p->ended)
        return bad(p, "something stands behind the end mark, which is the last line");
    if (line[0] == '\0' || line[0] == '#')
        return HAL_OK;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (line[0] == forms[i].letter && line[1] == ' ') {
            p->entries++;
            return forms[i].read(p, line + 2);
        }
    return bad(p, "\"%.40s\" is no entry; one begins with = < x @ / c m or ! and a blank", line);
}

/* Half a tree would be told as a machine that lacks the other half. */
static hal_status refuse_cut(parser *p, const char *why)
{
    while (next_line(p) != NULL)
        continue;
    return bad(p, "%s: the file was cut short; copy it again", why);
}

static hal_status parse_lines(parser *p)
{
    char *line = next_line(p);
    if (line == NULL || strcmp(line, "hal-tree 1") != 0)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s:1: not a recorded machine: the first line must be \"hal-tree 1\"", p->origin);
    if (!p->whole)
        return refuse_cut(p, "the last line does not end");
    while ((line = next_line(p)) != NULL)
        HAL_TRY(entry(p, line));
    return p->ended ? HAL_OK : refuse_cut(p, "no end mark, \". \" and the number of entries, in the last line");
}

hal_status hal_tree_parse(hal_files *files, const char *origin, const char *text, size_t bytes)
{
    hal_status none = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_tree *tree = files->state = hal_allocate(files->allocator, sizeof *tree);
    if (bytes > HAL_TREE_LIMIT)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: more than %d MiB, which no recorded machine is", origin,
                        HAL_TREE_LIMIT >> 20);
    const char *nul = bytes != 0 ? memchr(text, '\0', bytes) : NULL;
    if (nul != NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: byte %zu is NUL; a recorded machine is text", origin,
                        (size_t)(nul - text));
    if (tree == NULL || (tree->text = hal_allocate(files->allocator, bytes + 1)) == NULL ||
        add(files->allocator, tree, 0, "") == HAL_NOWHERE)
        return none;
    if (bytes != 0)
        memcpy(tree->text, text, bytes);
    parser p = {.allocator = files->allocator,
                .tree = tree,
                .origin = origin,
                .next = tree->text,
                .end = tree->text + bytes,
                .whole = bytes != 0 && text[bytes - 1] == '\n'};
    return parse_lines(&p);
}
