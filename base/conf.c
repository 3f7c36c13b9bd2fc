/* SPDX-License-Identifier: ISC
 *
 * conf.c - reading the configuration file with libConfuse.
 *
 * To libConfuse every option is a string or a list of strings; what they mean is judged
 * here, in its validation callback, where file and line are still known.
 */
#include "base/conf.h"

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
};

/* libConfuse has a global lexer and no pointer of ours in its callbacks. */
static pthread_mutex_t loading_lock = PTHREAD_MUTEX_INITIALIZER;
static struct loading {
	struct conf *c;
	const char *path;
	struct err *err;
	bool **seen; /* [section][option] */
	bool failed; /* the first error is the one to tell */
} * loading;

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	bool is_top = strcmp(cfg->name, "root") == 0;
	char text[400];

	if (loading->failed)
		return;
	loading->failed = true;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	if (is_top)
		err_set(loading->err, RC_INVALID, "%s:%d: %s%s", loading->path, cfg->line,
		        span_starts(span_str(text), "no such option")
		                ? "no such section: "
		                : "",
		        text);
	else
		err_set(loading->err, RC_INVALID, "%s:%d: section %s: %s", loading->path,
		        cfg->line, cfg->name, text);
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

	for (unsigned i = 0; i < opt->nvalues; i++)
		texts[i] = opt->values[i]->string ? opt->values[i]->string : "";
	rc = conf_value_set(o, section, texts, opt->nvalues, err);
	free(texts);
	return rc;
}

static int
on_option(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf *c = loading->c;
	size_t i = section_index(c, cfg->name);
	const struct conf_section *s = c->sections[i];
	size_t k = option_index(s, opt->name);
	struct err why = { "" };

	if (loading->seen[i][k]) {
		cfg_error(cfg, "option %s is given twice", opt->name);
		return -1;
	}
	loading->seen[i][k] = true;
	if (take_values(&s->options[k], c->data[i], opt, &why) != RC_OK) {
		cfg_error(cfg, "option %s: %s", opt->name, why.text);
		return -1;
	}
	return 0;
}

static int
on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	if (opt->nvalues > 1) {
		cfg_error(cfg, "section %s is given twice", opt->name);
		return -1;
	}
	return 0;
}

static cfg_opt_t *
make_options(const struct conf_section *s)
{
	cfg_opt_t *opts = xcalloc(s->n_options + 1, sizeof(*opts));

	for (size_t i = 0; i < s->n_options; i++) {
		const struct conf_option *o = &s->options[i];

		if (o->type == CONF_LIST)
			opts[i] = (cfg_opt_t)CFG_STR_LIST(o->name, NULL, CFGF_NODEFAULT);
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
	cfg_opt_t *top = xcalloc(c->n + 1, sizeof(*top));
	cfg_t *cfg;

	for (size_t i = 0; i < c->n; i++) {
		/* MULTI, because a second one would else silently replace the first. */
		top[i] = (cfg_opt_t)CFG_SEC(c->sections[i]->name,
		                            make_options(c->sections[i]), CFGF_MULTI);
		top[i].validcb = on_section;
	}
	top[c->n] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(top, CFGF_NONE);
	for (size_t i = 0; i < c->n; i++)
		free(top[i].subopts);
	free(top);
	return cfg;
}

static enum rc
parse_text(struct conf *c, const char *path, const char *text, struct err *err)
{
	struct loading here = { .c = c, .path = path, .err = err };
	int result = CFG_PARSE_ERROR;
	cfg_t *cfg;

	here.seen = xcalloc(c->n, sizeof(*here.seen));
	for (size_t i = 0; i < c->n; i++)
		here.seen[i] = xcalloc(c->sections[i]->n_options, sizeof(**here.seen));
	pthread_mutex_lock(&loading_lock);
	loading = &here;
	cfg = make_parser(c);
	if (cfg) {
		cfg_set_error_function(cfg, on_error);
		result = *text ? cfg_parse_buf(cfg, text) : CFG_SUCCESS;
		cfg_free(cfg);
	}
	loading = NULL;
	pthread_mutex_unlock(&loading_lock);
	for (size_t i = 0; i < c->n; i++)
		free(here.seen[i]);
	free(here.seen);
	if (result == CFG_SUCCESS && !here.failed)
		return RC_OK;
	if (!here.failed)
		err_set(err, RC_INVALID, "%s: cannot be parsed", path);
	return RC_INVALID;
}

/* Read as a whole: libConfuse's lexer ends the process on a read error. */
static enum rc
read_file(const char *path, char **ret_text, struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(FILE_SIZE_MAX);
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
	if (!buf_ok(&b))
		return err_set(err, RC_TOO_BIG, "%s: larger than %u bytes", path,
		               FILE_SIZE_MAX);
	if (span_find(buf_span(&b), 0, '\0') < buf_len(&b))
		return err_set(err, RC_INVALID, "%s: has a NUL byte, is no text", path);
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

enum rc
conf_load(const char *path, const struct conf_section *const *sections, size_t n,
          struct conf **ret, struct err *err)
{
	AUTO(conf)
	struct conf *c = xcalloc(1, sizeof(*c));
	char *text = NULL;
	enum rc rc;

	c->sections = sections;
	c->data = xcalloc(n, sizeof(*c->data));
	for (; c->n < n; c->n++)
		c->data[c->n] = xcalloc(1, sections[c->n]->size);
	rc = set_defaults(c, err);
	if (rc == RC_OK && path) {
		rc = read_file(path, &text, err);
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
