/* SPDX-License-Identifier: ISC
 *
 * eas_sign_in.c - HTTP Basic to a user: [MS-ASHTTP] 2.2.1.1.2.2, RFC 7617.
 */
#include "activesync/eas_sign_in.h"

#include <inttypes.h>

static void
done(struct eas_sign_in *s)
{
	struct http_request *r = s->r;

	/* Nobody needs them any more, and a Ping may hold what they lie in for an hour.
	 */
	http_forget_auth(r);
	s->fn(s); /* s may be gone after it */
	http_release(r);
}

static void
on_checked(struct mdm_sign_in *ask)
{
	struct eas_sign_in *s = container_of(ask, struct eas_sign_in, ask);

	s->rc = ask->rc;
	done(s);
}

static void
go_on(struct mdm_sign_in *ask)
{
	struct eas_sign_in *s = container_of(ask, struct eas_sign_in, ask);

	s->then(s); /* rc is RC_OK as it was: the loop may look at it */
}

static void
on_nothing_to_check(void *arg)
{
	done(arg);
}

/* "mail.example.org:443" -> "example.org" */
static struct span
domain_of(struct span host)
{
	size_t dot, colon = span_find(host, 0, ':');

	host = span_sub(host, 0, colon);
	dot = span_find(host, 0, '.');
	if (dot < host.n && span_find(host, dot + 1, '.') < host.n)
		return span_sub(host, dot + 1, host.n);
	return host;
}

struct eas_sign_in *
eas_sign_in(struct eas *e, struct http_request *r, struct arena *a, eas_sign_in_fn *then,
            eas_sign_in_fn *fn, void *arg)
{
	struct eas_sign_in *s = arena_new_of(a, struct eas_sign_in);

	s->eas = e;
	s->r = r;
	s->then = then;
	s->fn = fn;
	s->arg = arg;
	s->ask.then = then ? go_on : NULL;
	s->ask.hint_domain = domain_of(r->host);
	s->ask.peer = r->peer;
	s->ask.protocol = "activesync";
	s->ask.arena = a;
	s->rc = http_basic_auth(r, &s->ask.name, &s->ask.password);
	http_hold(r);
	if (s->rc != RC_OK)
		loop_post(r->loop, on_nothing_to_check, s);
	else
		mdm_sign_in_start(e->deps.mdm, &s->ask, e->deps.jobs, r->loop,
		                  on_checked);
	return s;
}

void
eas_sign_in_cancel(struct eas_sign_in *s)
{
	if (s->rc == RC_OK)
		mdm_sign_in_cancel(&s->ask);
}

void
eas_sign_in_refuse(struct eas_sign_in *s)
{
	struct http_request *r = s->r;

	switch (s->rc) {
	case RC_AGAIN:
		if (s->ask.wait_ms == 0) { /* the directory cannot be asked */
			http_set_headerf(r, "Retry-After", "%" PRIu64,
			                 eas_retry_after_s());
			http_respond_text(r, 503, "Try again later.");
			break;
		}
		http_set_headerf(r, "Retry-After", "%" PRIu64, s->ask.wait_ms / 1000 + 1);
		http_respond_text(r, 503, "Too many attempts; try again later.");
		break;
	case RC_NOT_FOUND:
	case RC_INVALID:
	case RC_DENIED:
		http_set_header(r, "WWW-Authenticate", EAS_CHALLENGE);
		http_respond_text(r, 401, "Sign in with your mail address and password.");
		break;
	case RC_OK:
	case RC_EXISTS:
	case RC_CONFLICT:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
	case RC_IO:
		http_respond_text(r, 500, "The sign-in could not be checked.");
		break;
	}
}
