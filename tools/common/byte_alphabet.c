/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/byte_alphabet.h"

#include <stdbool.h>

enum { FIRST_STAND_IN = 256, HIDDEN_BYTES = 33 + 34 + 1 };

static bool is_visible(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

/* Hidden bytes are 0-32, 127-160 and 173, numbered in that order. */
static unsigned hidden_rank(unsigned byte)
{
    if (byte <= 32) {
        return byte;
    }
    return byte == 173 ? 67 : byte - 127 + 33;
}

static unsigned hidden_byte(unsigned rank)
{
    if (rank <= 32) {
        return rank;
    }
    return rank == 67 ? 173 : rank - 33 + 127;
}

size_t byte_alphabet_write(unsigned char byte, char *out)
{
    unsigned code = is_visible(byte) ? byte : FIRST_STAND_IN + hidden_rank(byte);
    if (code < 128) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | (code >> 6));
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

/* The byte a character stands for, or -1. */
static int byte_of(unsigned code)
{
    if (code < FIRST_STAND_IN) {
        return is_visible(code) ? (int)code : -1;
    }
    return code < FIRST_STAND_IN + HIDDEN_BYTES ? (int)hidden_byte(code - FIRST_STAND_IN) : -1;
}

int byte_alphabet_read(const char *text, size_t bytes, char *out, size_t *out_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned code = (unsigned char)text[i];
        if (code >= 0xc0 && code < 0xe0 && i + 1 < bytes) {
            code = (code & 0x1f) << 6 | ((unsigned char)text[++i] & 0x3f);
        } else if (code >= 128) {
            return -1;
        }
        int byte = byte_of(code);
        if (byte < 0) {
            return -1;
        }
        out[used++] = (char)byte;
    }
    *out_bytes = used;
    return 0;
}
