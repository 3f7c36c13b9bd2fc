/* SPDX-License-Identifier: ISC
 *
 * store_address.c - addresses in the one form that they are compared in.
 *
 * Domains become A-labels by IDNA 2008 (RFC 5891, libidn2). Local parts stay UTF-8; their
 * ASCII letters are lowered (RFC 6531 leaves the rest to the receiving host).
 */
#include <idn2.h>

#include "store/store_directory_private.h"

#define DOMAIN_MAX 253 /* RFC 1035 2.3.4, without the closing dot */
#define LABEL_MAX 63
#define LOCAL_MAX 64 /* RFC 5321 4.5.3.1.1 */

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* RFC 1123 2.1: letters, digits and hyphens, none at the ends of a label. */
static bool
is_host_name(struct span s)
{
	size_t label = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool end = i + 1 == s.n || s.p[i + 1] == '.';

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      (c == '-' && label > 0 && !end)))
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

static void
free_idn(void *p)
{
	idn2_free(p);
}

enum rc
directory_domain(struct span name, struct arena *a, struct span *ret)
{
	char *ascii = NULL;
	struct span s = span_ends(name, ".") ? span_sub(name, 0, name.n - 1) : name;
	char *text;

	if (s.n == 0 || s.n > DOMAIN_MAX || memchr(s.p, 0, s.n) || !utf8_is_valid(s))
		return RC_INVALID;
	text = arena_strndup(a, s);
	for (size_t i = 0; i < s.n; i++)
		text[i] = lower(text[i]);
	if (!is_host_name(span_of(text, s.n))) {
		if (idn2_to_ascii_8z(text, &ascii,
		                     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return RC_INVALID;
		arena_on_free(a, free_idn, ascii);
		text = ascii;
	}
	s = span_str(text);
	if (s.n > DOMAIN_MAX || !is_host_name(s))
		return RC_INVALID;
	*ret = s;
	return RC_OK;
}

static bool
is_local_part(struct span s)
{
	if (s.n == 0 || s.n > LOCAL_MAX || !utf8_is_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

enum rc
store_address_normalise(struct span address, struct arena *a, struct span *ret,
                        struct span *ret_local, struct span *ret_domain)
{
	size_t at = address.n;
	struct span domain;
	struct span local;
	char *text;
	enum rc rc;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0)
		return RC_INVALID;
	local = span_sub(address, 0, at - 1);
	if (!is_local_part(local))
		return RC_INVALID;
	rc = directory_domain(span_sub(address, at, address.n), a, &domain);
	if (rc)
		return rc;
	text = arena_printf(a, "%.*s@%.*s", SPAN_FMT(local), SPAN_FMT(domain));
	for (size_t i = 0; i < local.n; i++)
		text[i] = lower(text[i]);
	*ret = span_str(text);
	*ret_local = span_of(text, local.n);
	*ret_domain = span_of(text + local.n + 1, domain.n);
	return RC_OK;
}
