/* SPDX-License-Identifier: ISC
 *
 * conf.c - reading the configuration file with libConfuse.
 *
 * To libConfuse every option is a string or a list of strings; what they mean is judged
 * here, in its validation callback, where file and line are still known.
 */
#include "base/conf.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf_private.h"
#include "base/mem.h"

#define FILE_SIZE_MAX (1u << 20)

struct conf {
	const struct conf_section *const *sections;
	void **data; /* one struct a section */
	size_t n;
	bool some; /* what is not in the tables is passed over */
};

/* Put behind the file's end: libConfuse takes a missing closing brace there for granted.
 */
#define END_MARK "end-of-file"

/* libConfuse has a global lexer and no pointer of ours in its callbacks. */
static pthread_mutex_t loading_lock = PTHREAD_MUTEX_INITIALIZER;
static struct loading {
	struct conf *c;
	const char *path;
	struct err *err;
	bool **seen; /* [section][option] */
	int n_lines;
	bool is_parsing;
	bool list_was_reset; /* a list that had values got new ones */
	bool ended;          /* END_MARK came as a section of its own */
	bool failed;         /* the first error is the one to tell */
} * loading;

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	bool is_top = strcmp(cfg->name, "root") == 0;
	bool is_end = cfg->line > loading->n_lines;
	char text[400];

	if (loading->failed)
		return;
	loading->failed = true;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	err_set(loading->err, RC_INVALID, "%s:%d: %s%s%s%s", loading->path,
	        is_end ? loading->n_lines : cfg->line, is_top ? "" : "section ",
	        is_top ? "" : cfg->name, is_top ? "" : ": ",
	        is_end ? "unexpected end of file" : text);
}

/* The place of section and option names in the tables; they stand there. */
static size_t
section_index(const struct conf *c, const char *name)
{
	size_t i = 0;

	while (i < c->n && strcmp(c->sections[i]->name, name) != 0)
		i++;
	return i;
}

static size_t
option_index(const struct conf_section *s, const char *name)
{
	size_t i = 0;

	while (i < s->n_options && strcmp(s->options[i].name, name) != 0)
		i++;
	return i;
}

static enum rc
take_values(const struct conf_option *o, void *section, cfg_opt_t *opt, struct err *err)
{
	const char **texts = xcalloc(opt->nvalues, sizeof(*texts));
	enum rc rc;

	for (unsigned i = 0; i < opt->nvalues; i++) {
		texts[i] = o->type == CONF_LIST ? opt->values[i]->ptr
		                                : opt->values[i]->string;
		if (!texts[i])
			texts[i] = "";
	}
	rc = conf_value_set(o, section, texts, opt->nvalues, err);
	free(texts);
	return rc;
}

/* Called after a value, and for a list after each of its values and at its end. */
static int
on_option(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf *c = loading->c;
	size_t i = section_index(c, cfg->name);
	size_t k = option_index(c->sections[i], opt->name);
	const struct conf_option *o = &c->sections[i]->options[k];
	bool is_list = o->type == CONF_LIST;
	struct err why = { "" };

	if (is_list ? loading->list_was_reset : loading->seen[i][k]) {
		cfg_error(cfg, "option %s is given twice", opt->name);
		return -1;
	}
	loading->seen[i][k] = true;
	if (take_values(o, c->data[i], opt, &why) != RC_OK) {
		cfg_error(cfg, "option %s: %s", opt->name, why.text);
		return -1;
	}
	return 0;
}

static int
on_list_item(cfg_t *cfg UNUSED, cfg_opt_t *opt UNUSED, const char *value, void *result)
{
	*(void **)result = xstrdup(value);
	return 0;
}

static void
on_list_item_free(void *item)
{
	free(item);
	if (loading->is_parsing)
		loading->list_was_reset = true;
}

/* For "{}" nothing else is called. */
static void
take_empty_lists(struct conf *c, size_t i, cfg_t *cfg)
{
	const struct conf_section *s = c->sections[i];

	for (size_t k = 0; k < s->n_options; k++) {
		cfg_opt_t *opt = cfg_getopt(cfg, s->options[k].name);

		if (s->options[k].type == CONF_LIST && opt && opt->nvalues == 0 &&
		    (opt->flags & CFGF_MODIFIED))
			conf_value_free(&s->options[k], c->data[i]);
	}
}

static int
on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	if (opt->nvalues > 1) {
		cfg_error(cfg, "section %s is given twice", opt->name);
		return -1;
	}
	if (loading->list_was_reset) {
		cfg_error(cfg, "section %s: a list is given twice", opt->name);
		return -1;
	}
	take_empty_lists(loading->c, section_index(loading->c, opt->name),
	                 opt->values[0]->section);
	return 0;
}

static int
on_end(cfg_t *cfg UNUSED, cfg_opt_t *opt UNUSED)
{
	loading->ended = true;
	return 0;
}

static cfg_opt_t *
make_options(const struct conf_section *s)
{
	cfg_opt_t *opts = xcalloc(s->n_options + 1, sizeof(*opts));

	for (size_t i = 0; i < s->n_options; i++) {
		const struct conf_option *o = &s->options[i];

		/* A list of strings, but one that tells when it loses them. */
		if (o->type == CONF_LIST)
			opts[i] = (cfg_opt_t)CFG_PTR_LIST_CB(o->name, NULL,
			                                     CFGF_NODEFAULT, on_list_item,
			                                     on_list_item_free);
		else
			opts[i] = (cfg_opt_t)CFG_STR(o->name, NULL, CFGF_NODEFAULT);
		opts[i].validcb = on_option;
	}
	opts[s->n_options] = (cfg_opt_t)CFG_END();
	return opts;
}

/* libConfuse copies the tables, so ours go again at once. */
static cfg_t *
make_parser(const struct conf *c)
{
	static cfg_opt_t nothing[] = { CFG_END() };
	cfg_opt_t *top = xcalloc(c->n + 2, sizeof(*top));
	cfg_t *cfg;

	for (size_t i = 0; i < c->n; i++) {
		/* MULTI, because a second one would else silently replace the first. */
		top[i] = (cfg_opt_t)CFG_SEC(c->sections[i]->name,
		                            make_options(c->sections[i]), CFGF_MULTI);
		top[i].validcb = on_section;
	}
	top[c->n] = (cfg_opt_t)CFG_SEC(END_MARK, nothing, CFGF_MULTI);
	top[c->n].validcb = on_end;
	top[c->n + 1] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(top, c->some ? CFGF_IGNORE_UNKNOWN : CFGF_NONE);
	for (size_t i = 0; i < c->n; i++)
		free(top[i].subopts);
	free(top);
	return cfg;
}

static int
count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* text ends in a newline. */
static bool
run_parser(struct loading *l, const char *text)
{
	char *marked = xasprintf("%s" END_MARK " { }\n", text);
	int result = CFG_PARSE_ERROR;
	cfg_t *cfg;

	l->n_lines = count_lines(text);
	pthread_mutex_lock(&loading_lock);
	loading = l;
	cfg = make_parser(l->c);
	if (cfg) {
		cfg_set_error_function(cfg, on_error);
		l->is_parsing = true;
		result = cfg_parse_buf(cfg, marked);
		l->is_parsing = false;
		cfg_free(cfg);
	}
	loading = NULL;
	pthread_mutex_unlock(&loading_lock);
	free(marked);
	return result == CFG_SUCCESS && !l->failed && l->ended;
}

static enum rc
parse_text(struct conf *c, const char *path, const char *text, struct err *err)
{
	struct loading here = { .c = c, .path = path, .err = err };
	bool good;

	here.seen = xcalloc(c->n, sizeof(*here.seen));
	for (size_t i = 0; i < c->n; i++)
		here.seen[i] = xcalloc(c->sections[i]->n_options, sizeof(**here.seen));
	good = run_parser(&here, text);
	for (size_t i = 0; i < c->n; i++)
		free(here.seen[i]);
	free(here.seen);
	if (good)
		return RC_OK;
	if (!here.failed)
		err_set(err, RC_INVALID, "%s:%d: unexpected end of file", path,
		        here.n_lines);
	return RC_INVALID;
}

/* Read as a whole: libConfuse's lexer ends the process on a read error. */
static enum rc
read_file(const char *path, char **ret_text, struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(FILE_SIZE_MAX + 4096);
	FILE *f = fopen(path, "re");
	size_t got = 0;

	if (!f)
		return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s: %s",
		               path, strerror(errno));
	do {
		char *at = buf_reserve(&b, 4096);

		got = at ? fread(at, 1, 4096, f) : 0;
		if (got)
			buf_commit(&b, got);
	} while (got);
	if (ferror(f)) {
		err_set(err, RC_IO, "%s: %s", path, strerror(errno));
		(void)fclose(f);
		return RC_IO;
	}
	(void)fclose(f);
	if (!buf_ok(&b) || buf_len(&b) > FILE_SIZE_MAX)
		return err_set(err, RC_TOO_BIG, "%s: larger than %u bytes", path,
		               FILE_SIZE_MAX);
	if (span_find(buf_span(&b), 0, '\0') < buf_len(&b))
		return err_set(err, RC_INVALID, "%s: has a NUL byte, is no text", path);
	if (!span_ends(buf_span(&b), "\n"))
		buf_add_char(&b, '\n');
	*ret_text = buf_take_str(&b);
	return RC_OK;
}

static enum rc
set_defaults(struct conf *c, struct err *err)
{
	struct err why = { "" };

	for (size_t i = 0; i < c->n; i++) {
		const struct conf_section *s = c->sections[i];

		for (size_t k = 0; k < s->n_options; k++) {
			const struct conf_option *o = &s->options[k];

			if (conf_value_set_default(o, c->data[i], &why) != RC_OK)
				return err_set(err, RC_INVALID,
				               "default of option %s in section %s: %s",
				               o->name, s->name, why.text);
		}
	}
	return RC_OK;
}

static enum rc
run_checks(const struct conf *c, const char *path, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_section *s = c->sections[i];
		struct err why = { "" };
		enum rc rc = s->check ? s->check(c->data[i], &why) : RC_OK;

		if (rc != RC_OK)
			return err_set(err, rc, "%s: section %s: %s",
			               path ? path : "defaults", s->name, why.text);
	}
	return RC_OK;
}

static enum rc
load(const char *path, bool some, const struct conf_section *const *sections, size_t n,
     struct conf **ret, struct err *err)
{
	AUTO(conf)
	struct conf *c = xcalloc(1, sizeof(*c));
	char *text = NULL;
	enum rc rc;

	c->sections = sections;
	c->some = some;
	c->data = xcalloc(n, sizeof(*c->data));
	for (; c->n < n; c->n++)
		c->data[c->n] = xcalloc(1, sections[c->n]->size);
	rc = set_defaults(c, err);
	if (rc == RC_OK && path) {
		rc = read_file(path, &text, err);
		assert(rc != RC_OK || text);
		if (rc == RC_OK && some)
			conf_blank_others(text, sections, n);
		if (rc == RC_OK)
			rc = parse_text(c, path, text, err);
		free(text);
	}
	if (rc == RC_OK)
		rc = run_checks(c, path, err);
	if (rc == RC_OK)
		*ret = TAKE(c);
	return rc;
}

enum rc
conf_load(const char *path, const struct conf_section *const *sections, size_t n,
          struct conf **ret, struct err *err)
{
	return load(path, false, sections, n, ret, err);
}

enum rc
conf_load_some(const char *path, const struct conf_section *const *sections, size_t n,
               struct conf **ret, struct err *err)
{
	return load(path, true, sections, n, ret, err);
}

void
conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_section *s = c->sections[i];

		for (size_t k = 0; k < s->n_options; k++)
			conf_value_free(&s->options[k], c->data[i]);
		free(c->data[i]);
	}
	free(c->data);
	free(c);
}

const void *
conf_get(const struct conf *c, const char *section)
{
	size_t i = section_index(c, section);

	if (i == c->n)
		abort(); /* our own mistake: nobody wrote that name but us */
	return c->data[i];
}

void
conf_dump(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_section *s = c->sections[i];

		buf_addf(out, "%s%s {\n", i ? "\n" : "", s->name);
		for (size_t k = 0; k < s->n_options; k++) {
			buf_addf(out, "\t%s = ", s->options[k].name);
			conf_value_write(&s->options[k], c->data[i], out);
			buf_add_char(out, '\n');
		}
		buf_add_str(out, "}\n");
	}
}
