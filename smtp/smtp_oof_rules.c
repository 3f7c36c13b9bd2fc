/* SPDX-License-Identifier: ISC
 *
 * smtp_oof_rules.c - which mail a machine may answer: [RFC 3834] 2, [RFC 5230] 4.5, 4.6.
 */
#include "format/mime.h"
#include "smtp/smtp_oof.h"

#define ADDRESSES_MAX 1000

struct look {
	const struct span *own;
	size_t n_own;
	struct arena *a;
	bool is_addressed;
	const char *refusal;
};

static bool
has_word(struct span list, const char *word)
{
	struct span one;

	while (span_cut(&list, ',', &one)) {
		if (span_iis(span_trim(one), word))
			return true;
	}
	return false;
}

/* "bob+detail@example.org" is bob. */
static bool
is_address_of(const struct mime_address *m, struct span address)
{
	struct span local = address, domain;
	size_t at = address.n, plus;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0)
		return false;
	domain = span_sub(address, at, address.n);
	local = span_sub(address, 0, at - 1);
	plus = span_find(m->mailbox, 0, '+');
	return span_ieq(m->host, domain) &&
	       (span_ieq(m->mailbox, local) ||
	        (plus > 0 && span_ieq(span_sub(m->mailbox, 0, plus), local)));
}

static void
look_for_own(struct look *l, struct span value)
{
	const struct mime_address *m = mime_address_parse(value, ADDRESSES_MAX, l->a);

	for (; m && !l->is_addressed; m = m->next) {
		for (size_t i = 0; i < l->n_own; i++)
			l->is_addressed |= is_address_of(m, l->own[i]);
	}
}

static bool
look_at_field(struct span name, struct span value, struct span whole UNUSED, void *arg)
{
	static const char *const rcpts[] = { "To",        "Cc",        "Bcc",
		                             "Resent-To", "Resent-Cc", "Resent-Bcc" };
	struct look *l = arg;
	struct span v = span_trim(value);

	for (size_t i = 0; i < ARRAY_LEN(rcpts) && !l->is_addressed; i++) {
		if (span_iis(name, rcpts[i]))
			look_for_own(l, value);
	}
	/* RFC 3834 5.2: anything but "no", with whatever parameters or comment. */
	if (span_iis(name, "Auto-Submitted") &&
	    !(span_istarts(v, "no") && (v.n == 2 || strchr(" \t;(\r\n", v.p[2]))))
		l->refusal = "was sent by a machine";
	else if (span_istarts(name, "List-"))
		l->refusal = "comes by a list";
	else if (span_iis(name, "Precedence") &&
	         (span_iis(v, "bulk") || span_iis(v, "list") || span_iis(v, "junk")))
		l->refusal = "is bulk mail";
	/* MS-OXCMAIL 2.2.3.2.14: the sender's own wish. */
	else if (span_iis(name, "X-Auto-Response-Suppress") &&
	         (has_word(v, "All") || has_word(v, "OOF") || has_word(v, "AutoReply")))
		l->refusal = "wants no reply";
	else if (span_iis(name, "X-Spam-Flag") && span_iis(v, "YES"))
		l->refusal = "is spam";
	return !l->refusal;
}

/* RFC 5230 4.6, and names by which machines say that nobody reads there. */
static bool
is_machine(struct span local)
{
	static const char *const whole[] = { "mailer-daemon", "listserv", "majordomo",
		                             "noreply",       "no-reply", "do-not-reply",
		                             "donotreply" };

	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		if (span_iis(local, whole[i]))
			return true;
	}
	return span_istarts(local, "owner-") ||
	       (local.n > 8 &&
	        span_iis(span_sub(local, local.n - 8, local.n), "-request"));
}

const char *
smtp_oof_refusal(struct span sender, struct span header, const struct span *own,
                 size_t n_own, struct arena *a)
{
	struct look l = { .own = own, .n_own = n_own, .a = a };
	size_t at = sender.n;

	while (at > 0 && sender.p[at - 1] != '@')
		at--;
	if (at < 2)
		return "has no return path";
	if (is_machine(span_sub(sender, 0, at - 1)))
		return "comes from a machine";
	for (size_t i = 0; i < n_own; i++) {
		if (span_ieq(own[i], sender))
			return "is the user's own";
	}
	mime_header_each(header, look_at_field, &l);
	if (l.refusal)
		return l.refusal;
	return l.is_addressed ? NULL : "does not name the user";
}
