/* SPDX-License-Identifier: ISC
 *
 * control_audit.c - the audit table for godwitctl: what was done, and is it all there.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "server/control_private.h"
#include "store/store_audit.h"

#define LIMIT 1000

static enum rc
read_query(struct control_request *r, const struct span *args, size_t n,
           struct store_audit_query *ret)
{
	*ret = (struct store_audit_query){ .subject = SPAN(""), .limit = LIMIT };
	for (size_t i = 0; i < n; i += 2) {
		uint32_t limit;
		if (i + 1 == n)
			return err_set(&r->err, RC_INVALID, "%.*s wants a value",
			               SPAN_FMT(args[i]));
		if (span_is(args[i], "--user")) {
			ret->subject = args[i + 1];
		} else if (span_is(args[i], "--device")) {
			ret->object = args[i + 1];
		} else if (span_is(args[i], "--action")) {
			ret->action = args[i + 1];
		} else if (span_is(args[i], "--since")) {
			if (!control_since(args[i + 1], &ret->since_ms))
				return err_set(&r->err, RC_INVALID,
				               "--since is 7d, 12h, 30m or 2026-11-21");
		} else if (span_is(args[i], "--limit") &&
		           parse_u32(args[i + 1], 100000, &limit) == RC_OK) {
			ret->limit = limit;
		} else {
			return err_set(&r->err, RC_INVALID,
			               "audit list [--user ADDRESS] [--device ID] "
			               "[--action NAME] [--since TIME] [--limit N]");
		}
	}
	return RC_OK;
}

enum rc
control_audit_list(struct control_request *r, const struct span *args, size_t n)
{
	struct store_audit_query q;
	struct store_audit *list;
	struct span local, domain;
	size_t count;
	enum rc rc = read_query(r, args, n, &q);
	if (rc != RC_OK)
		return rc;
	if (q.subject.n > 0 && store_address_normalise(q.subject, r->arena, &q.subject,
	                                               &local, &domain) != RC_OK)
		return control_explain(r, RC_INVALID, q.subject);
	rc = store_audit_list(control_store(r), &q, r->arena, &list, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		const struct span cells[] = { list[i].actor,  list[i].origin,
			                      list[i].action, list[i].subject,
			                      list[i].object, list[i].detail };
		buf_addf(&r->out, "%" PRIu64 "\t", list[i].number);
		control_cell_time(r, list[i].at_ms);
		for (size_t k = 0; k < ARRAY_LEN(cells); k++) {
			control_tab(r);
			control_cell(r, cells[k].n ? cells[k] : SPAN("-"));
		}
		control_end_row(r);
	}
	return rc;
}

enum rc
control_audit_verify(struct control_request *r, const struct span *args UNUSED,
                     size_t n UNUSED)
{
	uint64_t number = 0;
	enum rc rc = store_audit_verify(control_store(r), &number);
	if (rc == RC_CONFLICT)
		return err_set(&r->err, rc,
		               "row %" PRIu64
		               " is not as it was written, or one before it "
		               "is missing",
		               number);
	return rc;
}
