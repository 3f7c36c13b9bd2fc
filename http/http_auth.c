/* SPDX-License-Identifier: ISC
 *
 * http_auth.c - Basic credentials: RFC 7617.
 */
#include "base/encode.h"
#include "base/mem.h"
#include "http/http.h"

struct secret {
	void *p;
	size_t n;
};

static void
wipe(void *arg)
{
	struct secret *s = arg;
	mem_wipe(s->p, s->n);
}

/* A copy in a, wiped when a goes; ISO-8859-1 becomes UTF-8 (RFC 7617 2.1, old clients).
 */
static struct span
keep_text(struct arena *a, struct span s)
{
	struct secret *secret = arena_new_of(a, struct secret);
	bool is_utf8 = utf8_is_valid(s);
	char *p = arena_alloc(a, 2 * s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x80 || is_utf8) {
			p[n++] = (char)c;
		} else {
			p[n++] = (char)(0xc0 | c >> 6);
			p[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	*secret = (struct secret){ p, n };
	arena_on_free(a, wipe, secret);
	return span_of(p, n);
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	}
	return false;
}

enum rc
http_basic_auth(struct http_request *r, struct span *ret_user, struct span *ret_password)
{
	struct span given = http_header_get(r, "authorization");
	struct span scheme;
	if (!given.p || !span_cut(&given, ' ', &scheme) || !span_iis(scheme, "basic"))
		return RC_NOT_FOUND;
	AUTO_DONE(buf) struct buf plain = BUF_INIT(4096);
	enum rc rc = base64_decode(span_trim(given), &plain);
	struct span text = buf_span(&plain);
	size_t colon = span_find(text, 0, ':');
	if (rc == RC_OK && colon < text.n && colon > 0 && !has_control(text)) {
		*ret_user = keep_text(r->arena, span_sub(text, 0, colon));
		*ret_password = keep_text(r->arena, span_sub(text, colon + 1, text.n));
	} else {
		rc = RC_INVALID;
	}
	if (plain.p)
		mem_wipe(plain.p, plain.cap);
	return rc;
}
