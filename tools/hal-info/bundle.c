/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info bundle: what a report needs, redacted, as one archive. */
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"
#include "tools/hal-info/document.h"
#include "tools/hal-info/picture.h"

enum { BLOCK = 512 };

/* The header of POSIX ustar (IEEE Std 1003.1, pax): one block. */
typedef struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} ustar;
_Static_assert(sizeof(ustar) == BLOCK, "a header is one block");

static void add_file(FILE *out, const char *name, int64_t when, const char *text, size_t bytes)
{
    static const char zeros[BLOCK];
    ustar h;
    unsigned sum = 0;
    memset(&h, 0, sizeof h);
    snprintf(h.name, sizeof h.name, "hal-info/%s", name);
    snprintf(h.mode, sizeof h.mode, "%07o", 0644u);
    snprintf(h.uid, sizeof h.uid, "%07o", 0u);
    snprintf(h.gid, sizeof h.gid, "%07o", 0u);
    snprintf(h.size, sizeof h.size, "%011zo", bytes);
    snprintf(h.mtime, sizeof h.mtime, "%011llo", (unsigned long long)when & 077777777777ULL);
    h.type = '0';
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    memset(h.checksum, ' ', sizeof h.checksum);
    for (size_t k = 0; k < sizeof h; k++)
        sum += ((const unsigned char *)&h)[k];
    snprintf(h.checksum, sizeof h.checksum, "%06o", sum);
    fwrite(&h, sizeof h, 1, out);
    fwrite(text, 1, bytes, out);
    fwrite(zeros, 1, (BLOCK - bytes % BLOCK) % BLOCK, out);
}

/* A verb's text, as it would be without colour and with long lines. */
static int add_verb(const info *i, FILE *out, const char *name, int (*print)(info *i, tool_error *err),
                    tool_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    info inner = *i;
    inner.style = (info_style){.width = UINT32_MAX, .utf8 = true};
    inner.out = open_memstream(&text, &bytes);
    if (!inner.out)
        return tool_fail(err, TOOL_INTERNAL, "out of memory for %s", name);
    tool_error inner_error = {0};
    const int code = print(&inner, &inner_error);
    if (code)
        fprintf(inner.out, "%s\n", inner_error.text);
    if (fclose(inner.out) == 0)
        add_file(out, name, hal_topology_host_of(i->topology)->when, text, bytes);
    free(text);
    return TOOL_OK;
}

static int print_json(info *i, tool_error *err)
{
    const hal_status status = hal_topology_print_json(i->topology, HAL_PRINT_REDACTED, i->out);
    return status == HAL_OK ? TOOL_OK : machine_fail(status, err);
}

static int print_picture(info *i, tool_error *err)
{
    return picture_print(i->topology, true, i->out, err);
}

int bundle_print(info *i, tool_error *err)
{
    static const struct {
        const char *name;
        int (*print)(info *i, tool_error *err);
    } files[] = {{"info.json", print_json},      {"list.txt", list_print},     {"doctor.txt", doctor_print},
                 {"topo.txt", topo_print},       {"links.txt", links_print},   {"mem.txt", memory_print},
                 {"plugins.txt", plugins_print}, {"config.txt", config_print}, {"topo.svg", print_picture}};
    static const char zeros[2 * BLOCK];
    const char *path = i->options->n_words ? i->options->words[0] : "hal-info.tar";
    char *archive = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&archive, &bytes);
    int code = out ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for the archive");
    for (size_t k = 0; !code && k < sizeof files / sizeof files[0]; k++)
        code = add_verb(i, out, files[k].name, files[k].print, err);
    if (out)
        fwrite(zeros, sizeof zeros, 1, out);
    if (out && fclose(out) && !code)
        code = tool_fail(err, TOOL_INTERNAL, "out of memory for the archive");
    if (!code)
        code = file_write_whole(path, archive, bytes, err);
    free(archive);
    if (!code)
        fprintf(i->out,
                "%s: %zu bytes; host names, serial numbers and UUIDs are left out. Look through it before "
                "you send it.\n",
                path, bytes);
    return code;
}
