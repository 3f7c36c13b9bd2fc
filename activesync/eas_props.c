/* SPDX-License-Identifier: ISC
 *
 * eas_props.c - "name=value" lines.
 */
#include "activesync/eas_props.h"

#include "base/encode.h"

struct span
eas_props_get(struct span props, const char *name, size_t n, struct arena *a)
{
	struct span line, key;

	while (span_cut(&props, '\n', &line)) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(65536);

		if (!span_cut(&line, '=', &key) || !span_is(key, name) || n-- > 0)
			continue;
		if (percent_decode(line, false, &b) != RC_OK)
			return arena_span(a, line);
		return arena_span(a, buf_span(&b));
	}
	return (struct span){ NULL, 0 };
}

void
eas_props_add(struct buf *b, const char *name, struct span value)
{
	buf_add_str(b, name);
	buf_add_char(b, '=');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\n' || c == '\r' || c == '%' || c == '\0')
			buf_addf(b, "%%%02X", (unsigned char)c);
		else
			buf_add_char(b, c);
	}
	buf_add_char(b, '\n');
}

void
eas_props_copy_without(struct buf *b, struct span props, const char *prefix)
{
	struct span line;

	while (span_cut(&props, '\n', &line)) {
		if (line.n == 0 || span_starts(line, prefix))
			continue;
		buf_add_span(b, line);
		buf_add_char(b, '\n');
	}
}
