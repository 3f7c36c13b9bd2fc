/* SPDX-License-Identifier: ISC
 *
 * smtp_auth.c - AUTH PLAIN and AUTH LOGIN (RFC 4954, RFC 4616,
 * draft-murchison-sasl-login).
 */
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "smtp/smtp_session.h"

#define AUTH_FAILURES_MAX 5 /* of one session */
#define NAME_MAX_ 512
#define PASSWORD_MAX 1024

enum auth_step { AUTH_PLAIN, AUTH_LOGIN_NAME, AUTH_LOGIN_PASSWORD };

struct auth {
	struct smtp_task task;
	struct mdm_sign_in ask;
	enum auth_step step;
	char *peer;
	char *name;
	char *password;
	struct arena *arena;
};

static void
wipe_str(char **s)
{
	if (*s)
		mem_wipe(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void
auth_free(struct auth *t)
{
	wipe_str(&t->password);
	free(t->name);
	free(t->peer);
	arena_free(t->arena);
	free(t);
}

static void
auth_progress_free(struct smtp_session *x)
{
	auth_free(x->progress);
}

static void
auth_failed(struct smtp_session *x, struct auth *t)
{
	enum smtp_reply r = SMTP_REPLY_AUTH_FAILED;
	if (t->ask.rc == RC_AGAIN)
		r = SMTP_REPLY_AUTH_LATER;
	else if (t->ask.rc != RC_DENIED)
		r = SMTP_REPLY_LOCAL_ERROR;
	x->auth_failures++;
	smtp_session_refuse(x, r, span_str(t->name));
	if (x->auth_failures >= AUTH_FAILURES_MAX)
		smtp_session_close(x, SMTP_REPLY_TOO_MANY_ERRORS);
}

static void
auth_done(struct smtp_task *task)
{
	struct auth *t = container_of(task, struct auth, task);
	struct smtp_session *x = task->session;
	if (x && t->ask.rc == RC_OK) {
		x->user = t->ask.user.id;
		x->user_address = xstrndup(t->ask.user.address.p, t->ask.user.address.n);
		log_ctx_add(&x->log, "user=%s", LOG_STR(t->ask.user.address));
		log_info(&x->log, "smtp.auth", "tls=%s",
		         LOG_STR(span_str(stream_tls_str(x->stream))));
		smtp_session_reply(x, SMTP_REPLY_AUTH_OK);
	} else if (x) {
		auth_failed(x, t);
	}
	auth_free(t);
	if (x)
		smtp_session_resume(x);
}

/* Leaves AUTH with a refusal. */
static void
auth_end(struct smtp_session *x, enum smtp_reply r)
{
	smtp_session_progress_free(x);
	if (x->state == SMTP_STATE_AUTH)
		smtp_session_enter(x, SMTP_STATE_COMMAND);
	smtp_session_refuse(x, r, SPAN("AUTH"));
}

static void
auth_cancel(struct smtp_task *task)
{
	mdm_sign_in_cancel(&container_of(task, struct auth, task)->ask);
}

static void
on_checked(struct mdm_sign_in *ask)
{
	smtp_session_task_end(&container_of(ask, struct auth, ask)->task);
}

static void
auth_check(struct smtp_session *x, struct auth *t)
{
	/* From here on the task owns itself: the session may go while it runs. */
	x->progress = NULL;
	t->ask.name = span_str(t->name);
	t->ask.password = span_str(t->password);
	t->ask.peer = t->peer;
	t->ask.protocol = "smtp";
	t->ask.arena = t->arena;
	t->task.done = auth_done;
	t->task.cancel = auth_cancel;
	smtp_session_task_aside(x, &t->task);
	mdm_sign_in_start(x->smtp->deps.mdm, &t->ask, x->smtp->deps.jobs, x->at->loop,
	                  on_checked);
}

/* RFC 4616 2: [authzid] NUL authcid NUL passwd. */
static bool
take_plain(struct auth *t, struct span s)
{
	size_t a = span_find(s, 0, '\0'), b = span_find(s, a + 1, '\0');
	if (a >= s.n || b >= s.n)
		return false;
	struct span as = span_sub(s, 0, a), name = span_sub(s, a + 1, b);
	struct span password = span_sub(s, b + 1, s.n);
	if (!name.n || name.n > NAME_MAX_ || !password.n || password.n > PASSWORD_MAX ||
	    span_find(password, 0, '\0') < password.n)
		return false;
	/* Nobody acts for another here. */
	if (as.n && !span_ieq(as, name))
		return false;
	t->name = xstrndup(name.p, name.n);
	t->password = xstrndup(password.p, password.n);
	return true;
}

static bool
take_word(char **ret, struct span s, size_t max)
{
	if (!s.n || s.n > max || span_find(s, 0, '\0') < s.n)
		return false;
	*ret = xstrndup(s.p, s.n);
	return true;
}

static void
ask(struct smtp_session *x, const char *base64)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	buf_addf(&out, "334 %s\r\n", base64);
	stream_write(x->stream, buf_span(&out));
	if (x->state != SMTP_STATE_AUTH)
		smtp_session_enter(x, SMTP_STATE_AUTH);
}

static void
auth_take(struct smtp_session *x, struct auth *t, struct span plain)
{
	switch (t->step) {
	case AUTH_PLAIN:
		if (!take_plain(t, plain))
			auth_end(x, SMTP_REPLY_BAD_BASE64);
		else
			auth_check(x, t);
		return;
	case AUTH_LOGIN_NAME:
		if (!take_word(&t->name, plain, NAME_MAX_)) {
			auth_end(x, SMTP_REPLY_BAD_BASE64);
			return;
		}
		t->step = AUTH_LOGIN_PASSWORD;
		ask(x, "UGFzc3dvcmQ6"); /* "Password:" */
		return;
	case AUTH_LOGIN_PASSWORD:
		if (!take_word(&t->password, plain, PASSWORD_MAX))
			auth_end(x, SMTP_REPLY_BAD_BASE64);
		else
			auth_check(x, t);
		return;
	}
}

static void
auth_answer(struct smtp_session *x, struct span line)
{
	struct auth *t = x->progress;
	AUTO_DONE(buf) struct buf plain = BUF_INIT(SMTP_LINE_AUTH_MAX);
	if (base64_decode(line, &plain) != RC_OK)
		auth_end(x, SMTP_REPLY_BAD_BASE64);
	else
		auth_take(x, t, buf_span(&plain));
	if (plain.p)
		mem_wipe(plain.p, plain.cap);
}

void
smtp_auth_line(struct smtp_session *x, struct span line)
{
	/* Nothing may come before our answer to this line (RFC 2920 3.1). */
	if (stream_input(x->stream).n) {
		smtp_session_progress_free(x);
		smtp_session_close(x, SMTP_REPLY_BAD_PIPELINING);
		return;
	}
	if (span_is(line, "*")) {
		auth_end(x, SMTP_REPLY_AUTH_CANCELLED);
		return;
	}
	auth_answer(x, line);
}

static bool
auth_is_allowed(struct smtp_session *x)
{
	if (x->user) {
		smtp_session_refuse(x, SMTP_REPLY_BAD_SEQUENCE, SPAN("AUTH"));
		return false;
	}
	if (!stream_is_tls(x->stream) && !x->smtp->conf.plaintext_auth) {
		smtp_session_refuse(x, SMTP_REPLY_AUTH_TLS_NEEDED, SPAN("AUTH"));
		return false;
	}
	return true;
}

void
smtp_auth_start(struct smtp_session *x, struct span args)
{
	struct span mechanism, rest = args;
	if (!auth_is_allowed(x))
		return;
	if (!span_cut(&rest, ' ', &mechanism)) {
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, SPAN("AUTH"));
		return;
	}
	bool plain = span_iis(mechanism, "PLAIN");
	if (!plain && !span_iis(mechanism, "LOGIN")) {
		smtp_session_refuse(x, SMTP_REPLY_AUTH_UNKNOWN, mechanism);
		return;
	}
	struct auth *t = xcalloc(1, sizeof(*t));
	t->arena = arena_new();
	t->peer = xstrdup(x->peer);
	t->step = plain ? AUTH_PLAIN : AUTH_LOGIN_NAME;
	x->progress = t;
	x->progress_free = auth_progress_free;
	rest = span_trim(rest);
	if (rest.n)
		auth_answer(x, span_is(rest, "=") ? span_of("", 0) : rest);
	else
		ask(x, plain ? "" : "VXNlcm5hbWU6" /* "Username:" */);
}
