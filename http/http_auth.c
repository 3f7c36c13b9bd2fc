/* SPDX-License-Identifier: ISC
 *
 * http_auth.c - Basic credentials: RFC 7617.
 */
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "http/http_private.h"

/* A copy at *at; ISO-8859-1 becomes UTF-8 (RFC 7617 2.1, old clients). */
static struct span
put_text(char **at, struct span s)
{
	bool is_utf8 = utf8_is_valid(s);
	char *p = *at;
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
	*at += n;
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

static void
drop_secret(struct http_exchange *x)
{
	if (!x->secret)
		return;
	mem_wipe(x->secret->p, x->secret->n);
	free(x->secret);
	x->secret = NULL;
}

static struct http_secret *
new_secret(struct http_exchange *x, size_t n)
{
	drop_secret(x);
	x->secret = xcalloc(1, sizeof(*x->secret) + n);
	x->secret->n = n;
	return x->secret;
}

void
http_forget_auth(struct http_request *r)
{
	struct http_exchange *x = http_exchange_of(r);
	drop_secret(x);
	for (size_t i = 0; i < r->n_headers; i++) {
		struct http_header *h = &x->head[i];
		if (!span_is(h->name, "authorization"))
			continue;
		mem_wipe((char *)(uintptr_t)h->value.p, h->value.n);
		h->value.n = 0;
	}
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
		char *at = new_secret(http_exchange_of(r), 2 * text.n)->p;
		*ret_user = put_text(&at, span_sub(text, 0, colon));
		*ret_password = put_text(&at, span_sub(text, colon + 1, text.n));
	} else {
		rc = RC_INVALID;
	}
	if (plain.p)
		mem_wipe(plain.p, plain.cap);
	return rc;
}
