/* SPDX-License-Identifier: ISC
 *
 * imap_idle.c - IDLE (RFC 2177): a subscription in the hub and nothing else in memory.
 *
 * Subscribe first, then compare: the IDLE command itself ends with a look at the change
 * log, and so does each wake. In between the map of the mailbox is forgotten.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_private.h"
#include "imap/imap_view.h"

struct imap_idle {
	struct imap_session *s;
	struct push_wait *wait;
	bool woken;
	uint64_t moved_us; /* what woke it was published then */
	char *tag;
	struct loop_timer keepalive;
};

static void
on_wake(enum push_wake why UNUSED, void *arg)
{
	struct imap_idle *idle = arg;

	idle->woken = true;
	idle->moved_us = push_wait_moved_us(idle->wait);
	imap_idle_go_on(idle->s);
}

void
imap_idle_go_on(struct imap_session *s)
{
	struct imap_idle *idle = s->idle;

	if (!idle || !idle->woken || s->run)
		return;
	idle->woken = false;
	imap_run_refresh(s, idle->moved_us);
}

static void
on_keepalive(void *arg)
{
	struct imap_idle *idle = arg;
	struct imap_session *s = idle->s;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "* OK Still here\r\n");
	imap_session_write(s, &b);
	loop_timer_set(&idle->keepalive, s->im->conf.keepalive_ms);
}

static struct push_wait *
subscribe(struct imap_idle *idle)
{
	struct imap_session *s = idle->s;
	/* The tree too: the mailbox may be deleted. And without a mailbox: the user may
	 * be shut out. */
	uint32_t collections[] = { 0, s->view ? s->view->collection : 0 };
	struct push_wait_spec spec = {
		.user = s->user,
		.collections = collections,
		.n_collections = s->view ? 2 : 1,
		.kind = PUSH_KIND_IDLE,
		.repeat = true,
		.loop = s->loop,
		.fn = on_wake,
		.arg = idle,
	};

	return push_wait_new(s->im->deps.push, &spec);
}

void
imap_idle_parse(struct imap_run *r)
{
	struct imap_session *s = r->s;

	if (!imap_read_end(&r->rd))
		return;
	struct imap_idle *idle = xcalloc(1, sizeof(*idle));
	idle->s = s;
	idle->tag = xstrndup(r->tag.p, r->tag.n);
	loop_timer_init(&idle->keepalive, s->loop, on_keepalive, idle);
	if (s->im->conf.keepalive_ms)
		loop_timer_set(&idle->keepalive, s->im->conf.keepalive_ms);
	s->idle = idle;
	metric_add(&imap_metric_idling, 1);
	idle->wait = subscribe(idle);
	buf_add_str(&r->out, "+ idling\r\n");
	imap_session_write(s, &r->out);
	r->silent = true;
}

/* The view's modseq is how far the store was compared, also when it could not be read
 * now. */
void
imap_idle_finish(struct imap_run *r)
{
	struct imap_session *s = r->s;

	if (!s->view)
		return;
	if (s->idle && s->idle->wait)
		push_wait_saw(s->idle->wait, s->view->modseq);
	imap_view_forget(s->view);
}

void
imap_idle_stop(struct imap_session *s)
{
	struct imap_idle *idle = s->idle;

	if (!idle)
		return;
	s->idle = NULL;
	metric_add(&imap_metric_idling, -1);
	push_wait_free(idle->wait);
	loop_timer_clear(&idle->keepalive);
	free(idle->tag);
	free(idle);
}

void
imap_idle_line(struct imap_session *s, struct span line)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool done = span_iis(span_trim(line), "DONE");

	buf_addf(&b, "%s %s\r\n", s->idle->tag,
	         done ? "OK Idle completed" : "BAD DONE expected");
	if (!done)
		s->bad_commands++;
	imap_idle_stop(s);
	imap_session_write(s, &b);
}
