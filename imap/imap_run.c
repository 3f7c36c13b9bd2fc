/* SPDX-License-Identifier: ISC
 *
 * imap_run.c - one command: looked up, parsed, run slice by slice, answered.
 *
 * Each slice is a job on the user's strand; the next one is made when what the last ones
 * wrote has gone to the client, so that an answer of any length holds two slices.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_private.h"
#include "imap/imap_view.h"

static bool
may_expunge(const struct imap_run *r)
{
	return r->by_uid || !(r->cmd->flags & IMAP_CMD_HOLD);
}

/* A slice, in a worker. */
static void
step(void *arg)
{
	struct imap_run *r = arg;

	if (atomic_load(&r->cancelled)) {
		r->phase = IMAP_PHASE_END;
		return;
	}
	if (!imap_auth_holds(r)) {
		r->phase = IMAP_PHASE_END;
		return;
	}
	if (r->phase == IMAP_PHASE_WORK) {
		if (!r->cmd->work(r))
			return;
		r->phase = IMAP_PHASE_SYNC;
		if (r->bye || r->broken || !r->s->view ||
		    (r->cmd->flags & IMAP_CMD_NO_SYNC))
			r->phase = IMAP_PHASE_END;
	}
	if (r->phase == IMAP_PHASE_SYNC && imap_view_sync(r, may_expunge(r)))
		r->phase = IMAP_PHASE_END;
}

/* Two slices at most lie in memory: one that is being sent and one that is ready. */
static bool
may_go_on(const struct imap_run *r)
{
	return stream_output_len(r->s->stream) <= IMAP_SLICE_BYTES + IMAP_SLICE_BYTES / 2;
}

static void
on_step_done(void *arg)
{
	struct imap_run *r = arg;
	struct imap_session *s = r->s;

	r->in_worker = false;
	if (!s->stream) {
		imap_session_gone(s);
		return;
	}
	if (s->state == IMAP_STATE_CLOSING)
		return;
	if (r->again) {
		imap_session_write(s, &r->out);
		loop_timer_set(&s->timer, (uint64_t)IMAP_RETRY_MS << r->failures++);
		return;
	}
	r->failures = 0;
	if (r->phase != IMAP_PHASE_END) {
		imap_session_write(s, &r->out);
		if (may_go_on(r))
			imap_run_submit(r);
		return;
	}
	imap_run_end(r);
	imap_session_pump(s);
}

void
imap_run_submit(struct imap_run *r)
{
	r->in_worker = true;
	r->again = false;
	if (r->cmd->flags & IMAP_CMD_ASIDE) {
		r->cmd->work(r);
		return;
	}
	job_run(r->s->im->deps.jobs, r->s->user, r->s->loop, step, on_step_done, r);
}

void
imap_run_go_on(struct imap_run *r)
{
	r->phase = IMAP_PHASE_END;
	on_step_done(r);
}

void
imap_run_on_drain(struct imap_run *r)
{
	if (!r->in_worker && !r->again && !r->wants_line && !r->delayed && r->cmd->work)
		imap_run_submit(r);
}

void
imap_run_free(struct imap_run *r)
{
	if (!r)
		return;
	/* A password may lie in it. */
	if (r->line.p)
		mem_wipe(r->line.p, r->line.len);
	buf_done(&r->line);
	buf_done(&r->out);
	arena_free(r->arena);
	free(r);
}

static void
write_tagged(struct imap_run *r)
{
	static const char *const words[] = { "OK", "NO", "BAD" };

	buf_add_span(&r->out, r->tag);
	buf_add_char(&r->out, ' ');
	buf_add_str(&r->out, words[r->status]);
	if (r->code)
		buf_addf(&r->out, " [%s]", r->code);
	buf_addf(&r->out, " %s\r\n", r->text ? r->text : "done");
}

static void
log_command(struct imap_run *r)
{
	struct imap_session *s = r->s;

	metric_add(&imap_metric_commands, 1);
	if (r->status != IMAP_BAD) {
		s->bad_commands = 0;
		log_debug(&s->log, "imap.command", "name=%s ok=%d",
		          r->cmd ? r->cmd->name : "?", r->status == IMAP_OK);
		return;
	}
	s->bad_commands++;
	metric_add(&imap_metric_bad, 1);
	log_info(&s->log, "imap.bad", "name=%s why=\"%s\"", r->cmd ? r->cmd->name : "?",
	         r->text ? r->text : "");
}

void
imap_run_end(struct imap_run *r)
{
	struct imap_session *s = r->s;

	if (r->broken) {
		/* Nothing that we write would be read as an answer. */
		log_warn(&s->log, "imap.fetch broken", "command=%s", r->cmd->name);
		stream_close(s->stream);
		return;
	}
	if (r->cmd && r->cmd->finish && !r->bye && !r->finished) {
		r->finished = true;
		r->cmd->finish(r);
		if (r->delayed)
			return;
	}
	if (r->bye) {
		imap_session_write(s, &r->out);
		imap_session_bye(s, r->text);
		return;
	}
	if (!r->silent) {
		write_tagged(r);
		log_command(r);
	}
	if (r->moved_us && buf_len(&r->out) > 0)
		push_answered(PUSH_KIND_IDLE, r->moved_us);
	imap_session_write(s, &r->out);
	s->run = NULL;
	bool starttls =
		r->cmd && (r->cmd->flags & IMAP_CMD_PLAIN) && r->status == IMAP_OK;
	imap_run_free(r);
	if (starttls) {
		imap_frame_next(&s->frame);
		imap_session_move(s, IMAP_STATE_OPENING);
		stream_starttls_server(s->stream, s->im->deps.tls);
	} else if (s->state == IMAP_STATE_CLOSING) {
		stream_close(s->stream);
	} else if (s->draining) {
		imap_session_bye(s, "Server is going down");
	} else if (s->idle) {
		imap_idle_go_on(s);
	} else {
		imap_session_rest(s);
	}
}

static struct imap_run *
run_new(struct imap_session *s)
{
	struct imap_run *r = xcalloc(1, sizeof(*r));

	r->s = s;
	r->arena = arena_new();
	buf_init(&r->line, 0);
	buf_init(&r->out, 0);
	s->run = r;
	return r;
}

static const char *
state_error(const struct imap_run *r)
{
	const struct imap_session *s = r->s;

	if (r->cmd->states & s->state)
		return NULL;
	switch (s->state) {
	case IMAP_STATE_LOGIN:
		return "Sign in first";
	case IMAP_STATE_READY:
		if (r->cmd->states == IMAP_STATE_SELECTED)
			return "Select a mailbox first";
		return "Signed in already";
	case IMAP_STATE_SELECTED:
		return "Signed in already";
	case IMAP_STATE_OPENING:
	case IMAP_STATE_CLOSING:
		break;
	}
	return "Not in this state";
}

/* "UID FETCH" or "FETCH" and what goes with it. */
static bool
read_command(struct imap_run *r)
{
	struct span name;
	struct imap_read *rd = &r->rd;

	if (!imap_read_sp(rd) || !imap_read_atom(rd, &name))
		return imap_read_fail(rd, "Command expected");
	if (span_iis(name, "UID")) {
		if (!imap_read_sp(rd) || !imap_read_atom(rd, &name))
			return imap_read_fail(rd, "Command expected");
		r->by_uid = true;
	}
	r->cmd = imap_cmd_find(name);
	if (!r->cmd)
		return imap_read_fail(rd, "Unknown command");
	if (r->by_uid && !(r->cmd->flags & IMAP_CMD_UID))
		return imap_read_fail(rd, "No UID form of that command");
	const char *wrong = state_error(r);
	if (wrong)
		return imap_read_fail(rd, wrong);
	return true;
}

void
imap_run_start(struct imap_session *s, struct buf *line)
{
	struct imap_run *r = run_new(s);

	s->commands++;
	buf_move(&r->line, line);
	r->tag = SPAN("*");
	imap_read_init(&r->rd, buf_span(&r->line), r->arena, s->utf8);
	struct span tag;
	if (imap_read_tag(&r->rd, &tag)) {
		r->tag = tag;
		if (read_command(r))
			r->cmd->parse(r);
	}
	if (r->rd.error) {
		imap_reply(r, IMAP_BAD, NULL, r->rd.error);
		r->cmd = NULL;
		imap_run_end(r);
		return;
	}
	if ((r->cmd->flags & IMAP_CMD_WRITE) && s->view && s->view->read_only) {
		imap_reply(r, IMAP_NO, "READ-ONLY",
		           "The mailbox was opened with EXAMINE");
		r->phase = IMAP_PHASE_END;
	}
	if (r->rd.bad_name && !(r->cmd->flags & IMAP_CMD_PATTERN)) {
		imap_reply(r, IMAP_NO, "CANNOT", "No mailbox can have that name");
		r->phase = IMAP_PHASE_END;
	}
	if (r->wants_line)
		return;
	if (r->cmd->work && r->phase == IMAP_PHASE_WORK)
		imap_run_submit(r);
	else
		imap_run_end(r);
}

static bool
no_work(struct imap_run *r UNUSED)
{
	return true;
}

void
imap_run_refresh(struct imap_session *s, uint64_t moved_us)
{
	static const struct imap_cmd refresh = {
		.name = "(refresh)",
		.work = no_work,
		.finish = imap_idle_finish,
	};
	struct imap_run *r = run_new(s);

	r->cmd = &refresh;
	r->moved_us = moved_us;
	r->silent = true;
	imap_run_submit(r);
}
