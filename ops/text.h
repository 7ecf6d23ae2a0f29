/* SPDX-License-Identifier: Apache-2.0 */
/* Text as the text forms write it (into a bounded buffer, counting what would have been needed) and read it.
 */
#ifndef HAL_OPS_TEXT_H
#define HAL_OPS_TEXT_H

#include <hal/ops.h>

/* A bounded writer: `used` is the length needed so far, also beyond `size`. */
typedef struct hal_text { char *data; size_t size, used; } hal_text;
void hal_text_add(hal_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The shortest decimal that reads back as the same double; inf, -inf and nan as words. */
void hal_text_real(hal_text *text, double value);

/* A reader over `length` bytes that keeps line and column for error texts. */
typedef struct hal_reader { const char *text, *end; uint32_t line, column; } hal_reader;
/* Skips blanks and # comments; line ends too when `lines`. */
void hal_reader_skip(hal_reader *reader, bool lines);
/* The next character, or 0 at the end. */
char hal_reader_peek(const hal_reader *reader);
/* Takes `text` when it comes next (blanks before it are skipped). */
bool hal_reader_take(hal_reader *reader, const char *text);
/* Takes letters, digits, '_' and, when `dots`, '.', '/', '-' ; false when there are none or more than fit. */
bool hal_reader_word(hal_reader *reader, bool dots, char *word, size_t size);
bool hal_reader_int(hal_reader *reader, int64_t *value);
bool hal_reader_real(hal_reader *reader, double *value);

#endif
