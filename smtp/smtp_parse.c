/* SPDX-License-Identifier: ISC
 *
 * smtp_parse.c - verbs, paths and parameters (RFC 5321 4.1.2, RFC 6531 3.3, RFC 3461 4).
 */
#include "smtp/smtp_parse.h"

#define LOCAL_MAX 64   /* RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX 255 /* RFC 5321 4.5.3.1.2 */
#define PATH_MAX_ 1024 /* 256 in RFC 5321 4.5.3.1.3; source routes may be longer */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322 3.2.3 atext, and with RFC 6531 3.3 what is beyond ASCII. */
static bool
is_atext(char c)
{
	if ((unsigned char)c >= 0x80 || is_alnum(c))
		return true;
	return c && strchr("!#$%&'*+-/=?^_`{|}~", c);
}

bool
smtp_is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

struct span
smtp_parse_verb(struct span line, struct span *ret_verb)
{
	size_t sp = span_find(line, 0, ' ');
	*ret_verb = span_sub(line, 0, sp);
	return span_trim(span_sub(line, sp, line.n));
}

static bool
label_is_valid(struct span s)
{
	if (!s.n || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		/* The underscore is not of RFC 5321, but of real names. */
		if (!is_alnum(c) && c != '-' && c != '_' && (unsigned char)c < 0x80)
			return false;
	}
	return true;
}

static bool
literal_is_valid(struct span s)
{
	/* RFC 5321 4.1.3: what stands in the brackets is judged by who connects to it. */
	for (size_t i = 1; i + 1 < s.n; i++) {
		char c = s.p[i];
		if (!is_alnum(c) && c != '.' && c != ':' && c != '-')
			return false;
	}
	return s.n > 2 && s.p[s.n - 1] == ']';
}

bool
smtp_domain_is_valid(struct span s)
{
	if (!s.n || s.n > DOMAIN_MAX)
		return false;
	if (s.p[0] == '[')
		return literal_is_valid(s);
	if (s.p[s.n - 1] == '.')
		return false;
	struct span rest = s, label;
	while (span_cut(&rest, '.', &label))
		if (!label_is_valid(label))
			return false;
	return utf8_is_valid(s);
}

static bool
dot_string_is_valid(struct span s)
{
	bool dot = true;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (dot)
				return false;
			dot = true;
		} else if (is_atext(s.p[i])) {
			dot = false;
		} else {
			return false;
		}
	}
	return !dot;
}

/*
 * The length of the local part at the start of in, which ends before '@', '>' or the end;
 * 0 when there is none. RFC 5321 4.1.2: Dot-string or Quoted-string.
 */
static size_t
local_len(struct span in)
{
	size_t i = 0;
	if (in.n && in.p[0] == '"') {
		for (i = 1; i < in.n && in.p[i] != '"'; i++) {
			if (in.p[i] == '\\')
				i++;
			if (i >= in.n || (unsigned char)in.p[i] < 0x20 || in.p[i] == 0x7f)
				return 0;
		}
		return i < in.n ? i + 1 : 0;
	}
	while (i < in.n && in.p[i] != '@' && in.p[i] != '>')
		i++;
	return dot_string_is_valid(span_sub(in, 0, i)) ? i : 0;
}

/* "joe"@x and joe@x are one mailbox (RFC 5321 4.1.2): quotes go where they do nothing. */
static struct span
local_plain(struct span local, struct arena *a)
{
	if (local.p[0] != '"')
		return local;
	char *p = arena_alloc(a, local.n + 1);
	size_t n = 0;
	for (size_t i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\')
			i++;
		p[n++] = local.p[i];
	}
	struct span plain = span_of(p, n);
	return dot_string_is_valid(plain) ? plain : local;
}

/* Reads local[@domain] at the start of in; *ret_used bytes. */
static enum rc
parse_mailbox_at(struct span in, struct arena *a, struct smtp_path *ret, size_t *ret_used)
{
	size_t n = local_len(in);
	if (!n)
		return RC_INVALID;
	struct span local = span_sub(in, 0, n), domain = span_of("", 0);
	size_t used = n;
	if (n < in.n && in.p[n] == '@') {
		size_t end = n + 1;
		while (end < in.n && in.p[end] != '>')
			end++;
		domain = span_sub(in, n + 1, end);
		if (domain.n > DOMAIN_MAX)
			return RC_TOO_BIG;
		if (!smtp_domain_is_valid(domain))
			return RC_INVALID;
		used = end;
	} else if (!span_iis(local, "postmaster")) {
		return RC_INVALID; /* RFC 5321 4.1.1.3: the only one without a domain */
	}
	local = local_plain(local, a);
	if (local.n > LOCAL_MAX)
		return RC_TOO_BIG;
	if (!utf8_is_valid(local))
		return RC_INVALID;
	struct span address = local;
	if (domain.n)
		address = span_str(
			arena_printf(a, "%.*s@%.*s", SPAN_FMT(local), SPAN_FMT(domain)));
	*ret = (struct smtp_path){
		.local = local,
		.domain = domain,
		.address = address,
		.utf8 = !smtp_is_ascii(address),
	};
	*ret_used = used;
	return RC_OK;
}

enum rc
smtp_parse_mailbox(struct span in, struct arena *a, struct smtp_path *ret)
{
	struct smtp_path path;
	size_t used;
	if (in.n > PATH_MAX_)
		return RC_TOO_BIG;
	enum rc rc = parse_mailbox_at(in, a, &path, &used);
	if (rc)
		return rc;
	if (used != in.n || !path.domain.n)
		return RC_INVALID;
	*ret = path;
	return RC_OK;
}

/* "@one,@two:" is taken and thrown away (RFC 5321 4.1.2 A-d-l, appendix C). */
static enum rc
skip_source_route(struct span *in)
{
	if (!in->n || in->p[0] != '@')
		return RC_OK;
	size_t colon = span_find(*in, 0, ':');
	if (colon == in->n)
		return RC_INVALID;
	struct span rest = span_sub(*in, 0, colon), hop;
	while (span_cut(&rest, ',', &hop))
		if (hop.n < 2 || hop.p[0] != '@' ||
		    !smtp_domain_is_valid(span_sub(hop, 1, hop.n)))
			return RC_INVALID;
	*in = span_sub(*in, colon + 1, in->n);
	return RC_OK;
}

enum rc
smtp_parse_path(struct span in, struct arena *a, struct smtp_path *ret,
                struct span *ret_rest)
{
	if (!in.n || in.p[0] != '<')
		return RC_INVALID;
	struct span at = span_sub(in, 1, in.n);
	if (at.n && at.p[0] == '>') {
		*ret = (struct smtp_path){ .address = span_of("", 0) };
		*ret_rest = span_sub(at, 1, at.n);
		return RC_OK;
	}
	struct smtp_path path;
	size_t used;
	enum rc rc = skip_source_route(&at);
	if (rc == RC_OK)
		rc = parse_mailbox_at(at, a, &path, &used);
	if (rc)
		return rc;
	if (used >= at.n || at.p[used] != '>')
		return RC_INVALID;
	if (path.address.n > PATH_MAX_)
		return RC_TOO_BIG;
	*ret = path;
	*ret_rest = span_sub(at, used + 1, at.n);
	return RC_OK;
}

enum rc
smtp_parse_param(struct span *rest, struct smtp_param *ret)
{
	struct span s = *rest;
	size_t i = 0;
	while (i < s.n && s.p[i] == ' ')
		i++;
	if (i == s.n)
		return RC_NOT_FOUND;
	if (i == 0)
		return RC_INVALID;
	size_t end = span_find(s, i, ' ');
	struct span word = span_sub(s, i, end);
	size_t eq = span_find(word, 0, '=');
	struct smtp_param param = { .name = span_sub(word, 0, eq) };
	/* RFC 5321 4.1.2: esmtp-keyword, esmtp-value (RFC 6531 3.3 adds UTF-8). */
	for (size_t k = 0; k < param.name.n; k++)
		if (!is_alnum(param.name.p[k]) && (k == 0 || param.name.p[k] != '-'))
			return RC_INVALID;
	if (!param.name.n)
		return RC_INVALID;
	if (eq < word.n) {
		param.value = span_sub(word, eq + 1, word.n);
		if (!param.value.n || !utf8_is_valid(param.value))
			return RC_INVALID;
		for (size_t k = 0; k < param.value.n; k++)
			if ((unsigned char)param.value.p[k] <= 0x20 ||
			    param.value.p[k] == 0x7f)
				return RC_INVALID;
	}
	*ret = param;
	*rest = span_sub(s, end, s.n);
	return RC_OK;
}

static int
hex_upper(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum rc
smtp_xtext_decode(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c < 33 || c > 126 || c == '=')
			return RC_INVALID;
		if (c == '+') {
			if (i + 2 >= s.n || hex_upper(s.p[i + 1]) < 0 ||
			    hex_upper(s.p[i + 2]) < 0)
				return RC_INVALID;
			c = (char)(hex_upper(s.p[i + 1]) << 4 | hex_upper(s.p[i + 2]));
			i += 2;
		}
		buf_add_char(out, c);
	}
	return buf_ok(out) ? RC_OK : RC_TOO_BIG;
}

bool
smtp_xtext_is_valid(struct span s)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	return smtp_xtext_decode(s, &out) == RC_OK;
}

bool
smtp_notify_is_valid(struct span s)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	if (span_iis(s, "NEVER"))
		return true;
	unsigned seen = 0;
	struct span rest = s, word;
	while (span_cut(&rest, ',', &word)) {
		unsigned bit = 0;
		for (unsigned i = 0; i < ARRAY_LEN(words); i++)
			if (span_iis(word, words[i]))
				bit = 1U << i;
		if (!bit || (seen & bit))
			return false;
		seen |= bit;
	}
	return seen && s.p[s.n - 1] != ',';
}

bool
smtp_notify_has(struct span notify, const char *word)
{
	if (!notify.n)
		return span_iis(span_str(word), "FAILURE") ||
		       span_iis(span_str(word), "DELAY");
	struct span rest = notify, one;
	while (span_cut(&rest, ',', &one))
		if (span_iis(one, word))
			return true;
	return false;
}
