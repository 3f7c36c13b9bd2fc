/* SPDX-License-Identifier: ISC
 *
 * control_rows.c - the rows of an answer.
 */
#include "base/clock.h"
#include "server/control_private.h"

#define DAY_MS INT64_C(86400000)

struct store *
control_store(struct control_request *r)
{
	return server_store(r->server);
}

/* Cells of the rows that godwitctl lines up: no tab or line end may come in. */
void
control_cell(struct control_request *r, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add_char(&r->out, (unsigned char)s.p[i] < 0x20 ? ' ' : s.p[i]);
}

void
control_tab(struct control_request *r)
{
	buf_add_char(&r->out, '\t');
}

void
control_end_row(struct control_request *r)
{
	buf_add_char(&r->out, '\n');
}

void
control_cell_time(struct control_request *r, int64_t ms)
{
	char t[40];
	buf_add_str(&r->out, ms ? clock_iso8601(ms, t, sizeof(t)) : "-");
}

enum rc
control_explain(struct control_request *r, enum rc rc, struct span what)
{
	if (rc == RC_OK)
		return RC_OK;
	return err_set(&r->err, rc, "%.*s: %s", SPAN_FMT(what), rc_str(rc));
}

bool
control_since(struct span text, int64_t *ret_ms)
{
	uint32_t n, year, month, day;
	struct span rest = text, part;
	if (text.n == 10 && text.p[4] == '-' && text.p[7] == '-') {
		if (!span_cut(&rest, '-', &part) ||
		    parse_u32(part, 9999, &year) != RC_OK ||
		    !span_cut(&rest, '-', &part) ||
		    parse_u32(part, 12, &month) != RC_OK ||
		    parse_u32(rest, 31, &day) != RC_OK || month == 0 || day == 0)
			return false;
		*ret_ms = clock_days_from_civil((int)year, month, day) * DAY_MS;
		return true;
	}
	if (text.n < 2 || parse_u32(span_sub(text, 0, text.n - 1), 100000, &n) != RC_OK)
		return false;
	switch (text.p[text.n - 1]) {
	case 'd':
		*ret_ms = clock_wall_ms() - n * DAY_MS;
		return true;
	case 'h':
		*ret_ms = clock_wall_ms() - n * DAY_MS / 24;
		return true;
	case 'm':
		*ret_ms = clock_wall_ms() - n * DAY_MS / 1440;
		return true;
	}
	return false;
}
