/* SPDX-License-Identifier: Apache-2.0 */
/* The alphabet in which byte-level tokenizers write bytes: one visible character for each.
 *
 * Bytes that are visible in Latin-1 stand for themselves; the others are, in order, the characters from
 * U+0100 on. A space is U+0120.
 */
#ifndef TOOLS_COMMON_BYTE_ALPHABET_H
#define TOOLS_COMMON_BYTE_ALPHABET_H

#include <stddef.h>

enum { BYTE_ALPHABET_LONGEST = 2 };

/* Write the character of a byte in UTF-8 to out (room for BYTE_ALPHABET_LONGEST); returns its length. */
size_t byte_alphabet_write(unsigned char byte, char *out);

/* Turn text of the alphabet into the bytes it stands for. out has room for `bytes`. Returns 0 and their
 * number, or -1 when a character is not of the alphabet. */
int byte_alphabet_read(const char *text, size_t bytes, char *out, size_t *out_bytes);

#endif
