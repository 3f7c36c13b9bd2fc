/* SPDX-License-Identifier: ISC
 *
 * conf_private.h - what the files of conf share.
 */
#ifndef BASE_CONF_PRIVATE_H
#define BASE_CONF_PRIVATE_H

#include "base/conf.h"

/*
 * Parses the n texts (exactly one, except for a list) into o's place in section, whose
 * old value is freed. err gets a sentence without place and name.
 */
enum rc conf_value_set(const struct conf_option *o, void *section,
                       const char *const *texts, size_t n, struct err *err) MUST_CHECK;
/* The same from o's default as the table has it. */
enum rc conf_value_set_default(const struct conf_option *o, void *section,
                               struct err *err) MUST_CHECK;
void conf_value_free(const struct conf_option *o, void *section);
/* In the syntax of the file; what is read back is the same value. */
void conf_value_write(const struct conf_option *o, const void *section, struct buf *out);
/* For humans: "bool", "size, 4K to 1G", "one of a, b". */
void conf_value_kind(const struct conf_option *o, struct buf *out);

/* conf_blank.c: text, NUL-terminated, with blanks for all sections but these. */
void conf_blank_others(char *text, const struct conf_section *const *sections, size_t n);

#endif
