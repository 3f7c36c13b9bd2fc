/* SPDX-License-Identifier: ISC
 *
 * ctl_json.c - the server's rows as JSON, for programs.
 */
#include "tools/godwitctl.h"

static void
add_key(struct buf *out, struct span head)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < head.n; i++) {
		char c = head.p[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		buf_add_char(out, c == ' ' ? '_' : c);
	}
	buf_add_str(out, "\": ");
}

static void
add_string(struct buf *out, struct span s)
{
	/* "-" is what a table says for nothing. */
	if (span_is(s, "-")) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_json(out, s);
}

static void
write_list(struct span head, struct span rows, struct buf *out)
{
	struct span row, cell, key;
	const char *comma = "\n";

	buf_add_char(out, '[');
	while (span_cut(&rows, '\n', &row)) {
		struct span keys = head;
		const char *inner = "";

		buf_addf(out, "%s  {", comma);
		while (span_cut(&keys, '\t', &key) && span_cut(&row, '\t', &cell)) {
			buf_add_str(out, inner);
			add_key(out, key);
			add_string(out, cell);
			inner = ", ";
		}
		buf_add_char(out, '}');
		comma = ",\n";
	}
	buf_add_str(out, "\n]\n");
}

static bool
is_before(struct span rows, const char *end, struct span key)
{
	struct span row, k;

	while (rows.p < end && span_cut(&rows, '\n', &row)) {
		if (row.p >= end)
			return false;
		if (span_cut(&row, '\t', &k) && span_eq(k, key))
			return true;
	}
	return false;
}

/* "key tab value" lines; a key that is there more than once has a list. */
static void
write_facts(struct span rows, struct buf *out)
{
	struct span all = rows, row, key;
	const char *comma = "\n";

	buf_add_char(out, '{');
	while (span_cut(&rows, '\n', &row)) {
		struct span later = rows, other, k;
		bool many = false;

		if (!span_cut(&row, '\t', &key) || is_before(all, key.p, key))
			continue;
		buf_addf(out, "%s  ", comma);
		comma = ",\n";
		add_key(out, key);
		for (struct span look = later; span_cut(&look, '\n', &other);)
			many |= span_cut(&other, '\t', &k) && span_eq(k, key);
		if (many)
			buf_add_char(out, '[');
		add_string(out, row);
		while (many && span_cut(&later, '\n', &other)) {
			if (!span_cut(&other, '\t', &k) || !span_eq(k, key))
				continue;
			buf_add_str(out, ", ");
			add_string(out, other);
		}
		if (many)
			buf_add_char(out, ']');
	}
	buf_add_str(out, "\n}\n");
}

void
ctl_json_write(struct span head, struct span rows, struct buf *out)
{
	if (head.n > 0)
		write_list(head, rows, out);
	else
		write_facts(rows, out);
}
