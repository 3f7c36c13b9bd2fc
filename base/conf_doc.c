/* SPDX-License-Identifier: ISC
 *
 * conf_doc.c - the sample file and the manual page, made from the tables of options.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/conf_private.h"
#include "base/mem.h"

#define SAMPLE_COLUMNS 78

/* The default in the syntax of the file. */
static void
write_default(const struct conf_section *s, const struct conf_option *o, struct buf *out)
{
	void *data = xcalloc(1, s->size);
	struct err err;
	enum rc rc = conf_value_set_default(o, data, &err);

	assert(rc == RC_OK);
	conf_value_write(o, data, out);
	conf_value_free(o, data);
	free(data);
}

/* text in lines that begin with prefix and end before SAMPLE_COLUMNS. */
static void
write_wrapped(const char *prefix, const char *text, struct buf *out)
{
	struct span rest = span_str(text);
	struct span word;
	size_t column = 0;

	while (span_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (column && column + 1 + word.n > SAMPLE_COLUMNS) {
			buf_add_char(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_add_str(out, prefix);
			/* A leading tab is eight columns wide. */
			column = strlen(prefix) + (prefix[0] == '\t' ? 7 : 0);
		} else {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add_span(out, word);
		column += word.n;
	}
	if (column)
		buf_add_char(out, '\n');
}

static void
sample_option(const struct conf_section *s, const struct conf_option *o, struct buf *out)
{
	AUTO_DONE(buf) struct buf kind = BUF_INIT(0);
	char *text;

	write_wrapped("\t# ", o->help, out);
	conf_value_kind(o, &kind);
	text = buf_take_str(&kind);
	buf_add_str(&kind, "Type: ");
	buf_add_str(&kind, text);
	free(text);
	text = buf_take_str(&kind);
	write_wrapped("\t# ", text, out);
	free(text);
	buf_addf(out, "\t#%s = ", o->name);
	write_default(s, o, out);
	buf_add_char(out, '\n');
}

void
conf_sample(const struct conf_section *const *sections, size_t n, struct buf *out)
{
	buf_add_str(
		out,
		"# godwit.conf - see godwit.conf(5).\n"
		"#\n"
		"# Every option is shown with its default; remove the # to change it.\n"
		"# A time without a unit is in seconds, a size without one in bytes.\n");
	for (size_t i = 0; i < n; i++) {
		const struct conf_section *s = sections[i];

		buf_add_char(out, '\n');
		write_wrapped("# ", s->help, out);
		buf_addf(out, "%s {\n", s->name);
		for (size_t k = 0; k < s->n_options; k++) {
			if (k)
				buf_add_char(out, '\n');
			sample_option(s, &s->options[k], out);
		}
		buf_add_str(out, "}\n");
	}
}

/* mdoc(7): a backslash escapes, a leading period or quote is a macro. */
static void
mdoc_text(struct span text, struct buf *out)
{
	if (text.n && (text.p[0] == '.' || text.p[0] == '\''))
		buf_add_str(out, "\\&");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			buf_add_str(out, "\\e");
		else
			buf_add_char(out, text.p[i] == '\n' ? ' ' : text.p[i]);
	}
}

static void
mdoc_line(const char *text, struct buf *out)
{
	mdoc_text(span_str(text), out);
	buf_add_char(out, '\n');
}

static void
mdoc_option(const struct conf_section *s, const struct conf_option *o, struct buf *out)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(out, ".It Ic %s\n", o->name);
	mdoc_line(o->help, out);
	buf_add_str(out, ".br\nType: ");
	conf_value_kind(o, &b);
	mdoc_text(buf_span(&b), out);
	buf_add_str(out, ".\n.br\nDefault: ");
	buf_clear(&b);
	write_default(s, o, &b);
	mdoc_text(buf_span(&b), out);
	buf_add_char(out, '\n');
}

void
conf_mdoc(const struct conf_section *const *sections, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct conf_section *s = sections[i];

		buf_addf(out, ".Ss Section %s\n", s->name);
		mdoc_line(s->help, out);
		buf_add_str(out, ".Bl -tag -width Ds\n");
		for (size_t k = 0; k < s->n_options; k++)
			mdoc_option(s, &s->options[k], out);
		buf_add_str(out, ".El\n");
	}
}
