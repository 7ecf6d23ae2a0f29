/* SPDX-License-Identifier: Apache-2.0 */
/* The .cl files as strings; texts.c is made by embed.sh when hal is built. */
#ifndef HAL_OPS_PORTABLE_TEXTS_H
#define HAL_OPS_PORTABLE_TEXTS_H

typedef struct hal_portable_text { const char *name, *text; } hal_portable_text;
/* Ends with a name of NULL. */
extern const hal_portable_text hal_portable_texts[];

#endif
