/* SPDX-License-Identifier: ISC
 *
 * imap_auth.c - STARTTLS, LOGIN and AUTHENTICATE PLAIN (RFC 9051 6.2, RFC 4616).
 */
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "imap/imap_private.h"

#define SASL_MAX 4096
#define FAILURES_MAX 4
#define DELAY_MAX_MS 15000
#define LOOK_AGAIN_S 60

struct auth {
	struct imap_run *run;
	struct mdm_sign_in ask;
	struct loop_timer timer;
	uint32_t access_moves; /* before it was asked */
};

void
imap_starttls_parse(struct imap_run *r)
{
	if (!imap_read_end(&r->rd))
		return;
	if (!r->s->im->deps.tls || stream_is_tls(r->s->stream)) {
		imap_read_fail(&r->rd, "No TLS to be had here");
		return;
	}
	imap_reply(r, IMAP_OK, NULL, "Begin TLS negotiation now");
}

static bool
may_sign_in(struct imap_run *r)
{
	if (stream_is_tls(r->s->stream) || r->s->im->conf.plaintext_login)
		return true;
	imap_reply(r, IMAP_NO, "PRIVACYREQUIRED", "Use STARTTLS first");
	r->phase = IMAP_PHASE_END;
	return false;
}

static void
forget_secret(void *arg)
{
	struct auth *auth = arg;

	if (auth->ask.password.n > 0)
		mem_wipe((char *)auth->ask.password.p, auth->ask.password.n);
	loop_timer_clear(&auth->timer);
}

static void
on_delay_over(void *arg)
{
	struct auth *auth = arg;
	struct imap_session *s = auth->run->s;

	auth->run->delayed = false;
	imap_run_end(auth->run);
	imap_session_pump(s);
}

static struct auth *
auth_new(struct imap_run *r)
{
	struct auth *auth = arena_new_of(r->arena, struct auth);

	auth->run = r;
	/* The stream may go while it is asked. */
	auth->ask.peer = arena_strdup(r->arena, stream_peer(r->s->stream));
	auth->ask.protocol = "imap";
	auth->ask.arena = r->arena;
	loop_timer_init(&auth->timer, r->s->loop, on_delay_over, auth);
	arena_on_free(r->arena, forget_secret, auth);
	r->state = auth;
	return auth;
}

void
imap_login_parse(struct imap_run *r)
{
	struct auth *auth = auth_new(r);

	if (!imap_read_sp(&r->rd) || !imap_read_astring(&r->rd, &auth->ask.name) ||
	    !imap_read_sp(&r->rd) || !imap_read_astring(&r->rd, &auth->ask.password) ||
	    !imap_read_end(&r->rd))
		return;
	auth->ask.password = arena_span(r->arena, auth->ask.password);
	may_sign_in(r);
}

/* RFC 4616 2: [authzid] NUL authcid NUL passwd */
static bool
take_plain(struct imap_run *r, struct span encoded)
{
	struct auth *auth = r->state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(SASL_MAX);

	if (base64_decode(encoded, &b))
		return imap_read_fail(&r->rd, "Invalid BASE64");
	struct span rest = arena_span(r->arena, buf_span(&b));
	struct span authzid;
	if (!span_cut(&rest, '\0', &authzid) || !span_cut(&rest, '\0', &auth->ask.name) ||
	    auth->ask.name.n == 0 || memchr(rest.p, '\0', rest.n))
		return imap_read_fail(&r->rd, "Invalid PLAIN message");
	auth->ask.password = rest;
	mem_wipe(b.p, b.len);
	/* One signs in as oneself only. */
	if (authzid.n > 0 && !span_ieq(authzid, auth->ask.name)) {
		imap_reply(r, IMAP_NO, "AUTHORIZATIONFAILED", "No such authorization");
		r->phase = IMAP_PHASE_END;
	}
	return true;
}

void
imap_authenticate_parse(struct imap_run *r)
{
	struct span mechanism, first;

	auth_new(r);
	if (!imap_read_sp(&r->rd) || !imap_read_atom(&r->rd, &mechanism))
		return;
	if (!span_iis(mechanism, "PLAIN")) {
		imap_reply(r, IMAP_NO, "CANNOT", "No such mechanism");
		r->phase = IMAP_PHASE_END;
		return;
	}
	bool has_first = imap_read_if(&r->rd, ' ');
	if (has_first && !imap_read_astring(&r->rd, &first))
		return;
	if (!imap_read_end(&r->rd) || !may_sign_in(r))
		return;
	if (!has_first) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		buf_add_str(&b, "+ \r\n");
		imap_session_write(r->s, &b);
		r->wants_line = true;
		return;
	}
	/* "=" is an empty message (RFC 9051 6.2.2). */
	take_plain(r, span_is(first, "=") ? span_of("", 0) : first);
}

void
imap_auth_line(struct imap_run *r, struct span line)
{
	r->wants_line = false;
	if (span_is(line, "*"))
		imap_read_fail(&r->rd, "Given up by the client");
	else
		take_plain(r, line);
	if (r->rd.error) {
		imap_reply(r, IMAP_BAD, NULL, r->rd.error);
		r->cmd = NULL;
	}
	if (r->cmd && r->phase == IMAP_PHASE_WORK)
		imap_run_submit(r);
	else
		imap_run_end(r);
}

static void
on_checked(struct mdm_sign_in *ask)
{
	imap_run_go_on(container_of(ask, struct auth, ask)->run);
}

bool
imap_login_work(struct imap_run *r)
{
	struct auth *auth = r->state;
	const struct imap_deps *deps = &r->s->im->deps;

	auth->access_moves = push_access_moves(deps->push);
	mdm_sign_in_start(deps->mdm, &auth->ask, deps->jobs, r->s->loop, on_checked);
	return false;
}

void
imap_auth_cancel(struct imap_run *r)
{
	struct auth *auth = r->state;

	mdm_sign_in_cancel(&auth->ask);
}

/* --- afterwards --- */

static void
note_look(struct imap_session *s, uint32_t moves)
{
	s->access_moves = moves;
	s->access_s = (uint32_t)(clock_mono_ms() / 1000);
}

bool
imap_auth_holds(struct imap_run *r)
{
	struct imap_session *s = r->s;
	uint32_t moves = push_access_moves(s->im->deps.push);
	struct store_user u;
	enum rc rc;

	/* What moves on another node is told here while a device of the user waits here;
	 * otherwise time finds out. */
	if (s->state < IMAP_STATE_READY ||
	    (moves == s->access_moves &&
	     (uint32_t)(clock_mono_ms() / 1000) - s->access_s < LOOK_AGAIN_S))
		return true;
	rc = store_user_load(s->im->deps.store, s->user, r->arena, &u);
	if (rc == RC_OK && !u.disabled && u.password_version == s->password_version) {
		note_look(s, moves);
		return true;
	}
	if (rc != RC_OK && rc != RC_NOT_FOUND) /* asked again by the next command */
		return true;
	log_info(&s->log, "imap.login void", "disabled=%d", rc == RC_OK && u.disabled);
	r->bye = true;
	r->text = "Signed out: the password or the access has changed";
	return false;
}

static void
refuse(struct imap_run *r, const char *code, const char *text, uint64_t delay_ms)
{
	struct auth *auth = r->state;
	struct imap_session *s = r->s;

	log_warn(&s->log, "imap.login refused", "name=%s why=\"%s\" tls=%d",
	         LOG_STR(auth->ask.name), rc_str(auth->ask.rc), stream_is_tls(s->stream));
	metric_add(&imap_metric_refused, 1);
	imap_reply(r, IMAP_NO, code, text);
	if (++s->auth_failures >= FAILURES_MAX) {
		r->bye = true;
		r->text = "Too many failures";
	}
	if (delay_ms == 0)
		return;
	r->delayed = true;
	loop_timer_set(&auth->timer, delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS);
}

static void
welcome(struct imap_run *r)
{
	struct auth *auth = r->state;
	struct imap_session *s = r->s;

	s->user = auth->ask.user.id;
	s->password_version = auth->ask.user.password_version;
	note_look(s, auth->access_moves);
	s->address = xstrndup(auth->ask.user.address.p, auth->ask.user.address.n);
	imap_session_welcome(s);
	imap_session_move(s, IMAP_STATE_READY);
	metric_add(&imap_metric_logins, 1);
	log_ctx_add(&s->log, "user=%s", s->address);
	log_info(&s->log, "imap.login", "tls=\"%s\"", stream_tls_str(s->stream));
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_add_str(&b, "CAPABILITY ");
	imap_capability_write(s, &b);
	imap_reply(r, IMAP_OK, arena_strndup(r->arena, buf_span(&b)), "Signed in");
}

void
imap_login_finish(struct imap_run *r)
{
	struct auth *auth = r->state;
	struct imap_session *s = r->s;

	if (r->status != IMAP_OK)
		return;
	switch (auth->ask.rc) {
	case RC_OK:
		if (!imap_user_enter(s->im, auth->ask.user.id)) {
			refuse(r, "LIMIT", "Too many connections of this user", 0);
			return;
		}
		welcome(r);
		return;
	case RC_AGAIN:
		refuse(r, "UNAVAILABLE", "Too many sign-ins, try again later",
		       auth->ask.wait_ms);
		return;
	case RC_DENIED:
	case RC_NOT_FOUND:
	case RC_INVALID:
		refuse(r, "AUTHENTICATIONFAILED", "Wrong name or password",
		       s->im->conf.login_delay_ms << s->auth_failures);
		return;
	case RC_EXISTS:
	case RC_CONFLICT:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
	case RC_IO:
		break;
	}
	refuse(r, "UNAVAILABLE", "Sign-in is not possible now",
	       s->im->conf.login_delay_ms);
}
