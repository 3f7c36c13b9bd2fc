/* SPDX-License-Identifier: ISC
 *
 * conf.h - the configuration file (libConfuse), checked against tables.
 *
 * Each module exports one struct conf_section: its options with type, place, default,
 * bounds and help. Parsing, defaults, `godwitd -t`, the dump and the manual page all
 * come from these tables. Syntax: section { option = value }, lists { "a", "b" }.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/buf.h"
#include "base/rc.h"

enum conf_type {
	CONF_BOOL,   /* bool; true/false, yes/no, on/off */
	CONF_INT,    /* int64_t within min..max */
	CONF_SIZE,   /* uint64_t bytes; 10, 64K, 32M, 1G */
	CONF_TIME,   /* uint64_t ms; 500ms, 30s, 15m, 2h, 7d; a bare number is seconds */
	CONF_STRING, /* char * (never NULL) */
	CONF_LIST,   /* struct conf_list */
	CONF_ENUM,   /* int: index into choices */
};

struct conf_list {
	char **items;
	size_t n;
};

struct conf_option {
	const char *name;
	enum conf_type type;
	size_t offset;   /* in the section's struct */
	const char *def; /* the default as written in a file; lists: comma-separated, ""
	                    empty */
	int64_t min;     /* INT, SIZE (bytes), TIME (ms); both 0: unbounded */
	int64_t max;
	const char *const *choices; /* ENUM: NULL-terminated */
	const char *help;           /* one or two sentences for conf and manual page */
};

struct conf_section {
	const char *name; /* as written in the file */
	const char *help;
	const struct conf_option *options;
	size_t n_options;
	size_t size; /* of the struct the options lie in */
	/* Optional: checks what one option alone cannot show; err gets the sentence. */
	enum rc (*check)(const void *section, struct err *err);
};

struct conf;

/*
 * Reads path against the sections (the array is kept by reference). Unknown sections or
 * options, wrong types and values out of bounds fail with RC_INVALID, and err names
 * file, line and option. path NULL: all defaults.
 */
enum rc conf_load(const char *path, const struct conf_section *const *sections, size_t n,
                  struct conf **ret, struct err *err) MUST_CHECK;
/* The same of some sections, for a tool: other sections, and other options in these, are
 * not looked at. */
enum rc conf_load_some(const char *path, const struct conf_section *const *sections,
                       size_t n, struct conf **ret, struct err *err) MUST_CHECK;
void conf_free(struct conf *c);
AUTO_DEFINE(conf);

/* The filled struct of a section; lives as long as c. Aborts on an unknown section. */
const void *conf_get(const struct conf *c, const char *section);
/* All values, with defaults, in the syntax of the file. */
void conf_dump(const struct conf *c, struct buf *out);
/* A commented sample file, each option with help and default (conf/godwit.conf is made
 * so). */
void conf_sample(const struct conf_section *const *sections, size_t n, struct buf *out);
/* The options as mdoc list items, for godwit.conf(5). */
void conf_mdoc(const struct conf_section *const *sections, size_t n, struct buf *out);

#endif
