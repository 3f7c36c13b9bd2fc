/* SPDX-License-Identifier: ISC
 *
 * control_oof.c - what godwitctl can ask and say of a user who is away, or locked out:
 * automatic replies, recovery passwords of devices.
 *
 * user oof ADDRESS                                 shows them
 * user oof ADDRESS off
 * user oof ADDRESS on TEXT [OTHERS]                from now on, until "off"
 * user oof ADDRESS FROM UNTIL TEXT [OTHERS]
 *
 * OTHERS is what senders outside our domains get, "-" that they get nothing; without it
 * all get TEXT.
 */
#include "format/pim.h"
#include "server/control_private.h"
#include "store/store_device.h"
#include "store/store_directory.h"
#include "store/store_oof.h"
#include "store/store_recovery.h"

static void
show_row(struct control_request *r, const char *what, struct span value)
{
	buf_addf(&r->out, "%s\t", what);
	control_cell(r, value.n ? value : SPAN("-"));
	control_end_row(r);
}

static void
show_time(struct control_request *r, const char *what, int64_t ms)
{
	buf_addf(&r->out, "%s\t", what);
	control_cell_time(r, ms);
	control_end_row(r);
}

static enum rc
show(struct control_request *r, uint64_t user)
{
	static const char *const states[] = { "off", "on", "timed" };
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_oof o;
	enum rc rc = store_read(control_store(r), user, &tx);
	if (rc == RC_OK)
		rc = store_oof_load(tx, r->arena, &o);
	if (rc != RC_OK)
		return rc;
	show_row(r, "state", span_str(states[o.state]));
	show_time(r, "from", o.from_ms);
	show_time(r, "until", o.until_ms);
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++) {
		const struct store_oof_message *m = &o.message[i];
		show_row(r, store_oof_audience_str((enum store_oof_audience)i),
		         m->enabled ? m->text : SPAN(""));
	}
	return RC_OK;
}

static enum rc
read_time(struct control_request *r, struct span s, int64_t *ret_ms)
{
	struct pim_time t;
	if (pim_time_parse(s, &t) != RC_OK)
		return err_set(&r->err, RC_INVALID,
		               "\"%.*s\" is no time; one is 2026-12-24 or "
		               "2026-12-24T18:00:00Z",
		               SPAN_FMT(s));
	*ret_ms = pim_time_utc(&t, NULL) * 1000;
	return RC_OK;
}

/* args: what stands behind the address. */
static enum rc
read_words(struct control_request *r, const struct span *args, size_t n,
           struct store_oof *o)
{
	bool timed = n >= 3 && !span_iis(args[0], "on");
	size_t at = timed ? 2 : 1;
	enum rc rc = RC_OK;
	if (n == 1 && span_iis(args[0], "off")) {
		o->state = STORE_OOF_OFF;
		return RC_OK;
	}
	if (n <= at || n > at + 2 || (!timed && !span_iis(args[0], "on")))
		return err_set(
			&r->err, RC_INVALID,
			"user oof ADDRESS [off | on TEXT [OTHERS] | FROM UNTIL TEXT "
			"[OTHERS]]");
	o->state = timed ? STORE_OOF_TIMED : STORE_OOF_ON;
	if (timed)
		rc = read_time(r, args[0], &o->from_ms);
	if (timed && rc == RC_OK)
		rc = read_time(r, args[1], &o->until_ms);
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++) {
		struct span text = i && n > at + 1 ? args[at + 1] : args[at];
		o->message[i] = (struct store_oof_message){
			.enabled = !span_is(text, "-"),
			.text = span_is(text, "-") ? SPAN("") : text,
		};
	}
	return rc;
}

static enum rc
set(struct control_request *r, uint64_t user, const struct span *args, size_t n)
{
	const struct store_actor who = { .protocol = "control" };
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_oof o;
	enum rc rc = store_write(control_store(r), user, &who, &tx);
	if (rc == RC_OK)
		rc = store_oof_load(tx, r->arena, &o);
	if (rc == RC_OK)
		rc = read_words(r, args, n, &o);
	if (rc != RC_OK)
		return rc;
	rc = store_oof_save(tx, &o);
	if (rc == RC_INVALID)
		return err_set(&r->err, rc, "the time ends before it begins");
	return rc ? rc : store_commit(&tx);
}

enum rc
control_user_oof(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user user;
	enum rc rc = store_user_find(control_store(r), args[0], r->arena, &user);
	if (rc == RC_OK && n > 1)
		rc = set(r, user.id, args + 1, n - 1);
	if (rc == RC_OK)
		rc = show(r, user.id);
	return rc == RC_OK || r->err.text[0] ? rc : control_explain(r, rc, args[0]);
}

enum rc
control_device_password(struct control_request *r, const struct span *args,
                        size_t n UNUSED)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_user u;
	struct store_device d;
	struct store_recovery p;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	rc = store_read(control_store(r), u.id, &tx);
	if (rc == RC_OK)
		rc = store_recovery_load(tx, d.number, r->arena, &p);
	if (rc == RC_NOT_FOUND)
		return err_set(&r->err, rc, "%.*s has left no recovery password",
		               SPAN_FMT(args[1]));
	if (rc != RC_OK)
		return rc;
	control_cell(r, p.password);
	control_tab(r);
	control_cell_time(r, p.set_ms);
	control_end_row(r);
	return RC_OK;
}
