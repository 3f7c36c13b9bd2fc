/* SPDX-License-Identifier: ISC
 *
 * conf_blank.c - makes blanks of the sections that a reader does not know.
 *
 * libConfuse passes over unknown options, but not over unknown sections.
 */
#include "base/conf_private.h"

#include <string.h>

/* Behind a comment or a string that begins at *p; NULL: neither does. */
static char *
past_quiet(char *p)
{
	if (*p == '#' || (p[0] == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (p[0] == '/' && p[1] == '*') {
		char *end = strstr(p + 2, "*/");

		return end ? end + 2 : p + strlen(p);
	}
	if (*p == '"' || *p == '\'') {
		char quote = *p++;

		while (*p && *p != quote)
			p += p[0] == '\\' && p[1] ? 2 : 1;
		return *p ? p + 1 : p;
	}
	return NULL;
}

static bool
is_known(const struct conf_section *const *sections, size_t n, const char *name,
         size_t length)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(sections[i]->name) == length &&
		    strncmp(sections[i]->name, name, length) == 0)
			return true;
	}
	return false;
}

/* Lines stay where they are. */
static void
blank(char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from != '\n')
			*from = ' ';
	}
}

/* Behind the '}' that closes what begins at p's '{'. */
static char *
past_section(char *p)
{
	int depth = 0;

	while (*p) {
		char *end = past_quiet(p);

		if (end) {
			p = end;
			continue;
		}
		depth += *p == '{';
		depth -= *p == '}';
		p++;
		if (depth == 0)
			break;
	}
	return p;
}

void
conf_blank_others(char *text, const struct conf_section *const *sections, size_t n)
{
	char *p = text;

	while (*p) {
		char *end = past_quiet(p);
		size_t word = strcspn(p, " \t\r\n{}#\"'=,");
		char *brace;

		if (end || word == 0) {
			p = end ? end : p + 1;
			continue;
		}
		brace = p + word + strspn(p + word, " \t\r\n");
		if (*brace != '{') {
			p += word;
			continue;
		}
		end = past_section(brace);
		if (!is_known(sections, n, p, word))
			blank(p, end);
		p = end;
	}
}
