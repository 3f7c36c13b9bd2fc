/* SPDX-License-Identifier: ISC
 *
 * control_rows.c - the rows of an answer.
 */
#include "base/clock.h"
#include "server/control_private.h"

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
