/* SPDX-License-Identifier: ISC
 *
 * imap_list.c - LIST and LSUB (RFC 9051 6.3.9, RFC 3501 6.3.9, RFC 5258, 5819, 6154).
 */
#include "imap/imap_mailbox.h"
#include "imap/imap_private.h"
#include "imap/imap_status.h"
#include "imap/imap_view.h"
#include "imap/imap_write.h"

#define PATTERN_MAX 1024
#define PATTERNS_MAX 20

struct list_cmd {
	bool lsub;
	bool select_subscribed;
	bool select_special;
	bool recursive;
	bool return_subscribed;
	bool return_status;
	unsigned status_items;
	struct span patterns[PATTERNS_MAX];
	size_t n_patterns;
	/* progress */
	struct imap_mailbox *all;
	size_t n;
	size_t at;
};

static bool
read_selection(struct imap_run *r, struct list_cmd *l)
{
	struct imap_read *rd = &r->rd;

	if (imap_read_if(rd, ')'))
		return imap_read_sp(rd);
	do {
		if (imap_read_if_word(rd, "SUBSCRIBED"))
			l->select_subscribed = l->return_subscribed = true;
		else if (imap_read_if_word(rd, "SPECIAL-USE"))
			l->select_special = true;
		else if (imap_read_if_word(rd, "RECURSIVEMATCH"))
			l->recursive = true;
		else if (!imap_read_if_word(rd, "REMOTE"))
			return imap_read_fail(rd, "Unknown selection option");
	} while (imap_read_if(rd, ' '));
	/* RFC 9051 6.3.9.1: it must stand with another that selects. */
	if (l->recursive && !l->select_subscribed && !l->select_special)
		return imap_read_fail(rd, "RECURSIVEMATCH needs another option");
	return imap_read_char(rd, ')') && imap_read_sp(rd);
}

static bool
read_return(struct imap_run *r, struct list_cmd *l)
{
	struct imap_read *rd = &r->rd;

	if (!imap_read_if_word(rd, "RETURN"))
		return imap_read_fail(rd, "Unknown argument");
	if (!imap_read_sp(rd) || !imap_read_char(rd, '('))
		return false;
	if (imap_read_if(rd, ')'))
		return true;
	do {
		if (imap_read_if_word(rd, "SUBSCRIBED")) {
			l->return_subscribed = true;
		} else if (imap_read_if_word(rd, "STATUS")) {
			l->return_status = true;
			if (!imap_read_sp(rd) || !imap_status_read(rd, &l->status_items))
				return false;
			if (imap_status_wants_modseq(l->status_items))
				imap_enable_condstore(r);
		} else if (!imap_read_if_word(rd, "CHILDREN") &&
		           !imap_read_if_word(rd, "SPECIAL-USE")) {
			return imap_read_fail(rd, "Unknown return option");
		}
	} while (imap_read_if(rd, ' '));
	return imap_read_char(rd, ')');
}

/* The reference goes in front of the pattern (RFC 9051 6.3.9). */
static bool
read_pattern(struct imap_run *r, struct list_cmd *l, struct span reference)
{
	struct span p;

	if (!imap_read_pattern(&r->rd, &p))
		return false;
	if (l->n_patterns == PATTERNS_MAX || p.n + reference.n > PATTERN_MAX)
		return imap_read_fail(&r->rd, "Too long or too many patterns");
	/* RFC 9051 6.3.9: an empty name asks for the delimiter, whatever the reference.
	 */
	if (reference.n > 0 && p.n > 0)
		p = span_str(arena_printf(r->arena, "%.*s%.*s", SPAN_FMT(reference),
		                          SPAN_FMT(p)));
	l->patterns[l->n_patterns++] = p;
	return true;
}

static bool
read_patterns(struct imap_run *r, struct list_cmd *l)
{
	struct imap_read *rd = &r->rd;
	struct span reference;

	if (!imap_read_mailbox(rd, &reference) || !imap_read_sp(rd))
		return false;
	if (!imap_read_if(rd, '('))
		return read_pattern(r, l, reference);
	do {
		if (!read_pattern(r, l, reference))
			return false;
	} while (imap_read_if(rd, ' '));
	return imap_read_char(rd, ')');
}

void
imap_list_parse(struct imap_run *r)
{
	struct list_cmd *l = arena_new_of(r->arena, struct list_cmd);
	struct imap_read *rd = &r->rd;

	r->state = l;
	if (!imap_read_sp(rd))
		return;
	if (imap_read_if(rd, '(') && !read_selection(r, l))
		return;
	if (!read_patterns(r, l))
		return;
	if (imap_read_if(rd, ' ') && !read_return(r, l))
		return;
	imap_read_end(rd);
}

void
imap_lsub_parse(struct imap_run *r)
{
	struct list_cmd *l = arena_new_of(r->arena, struct list_cmd);

	r->state = l;
	l->lsub = true;
	if (imap_read_sp(&r->rd) && read_patterns(r, l))
		imap_read_end(&r->rd);
}

static bool
matches(const struct list_cmd *l, struct span path)
{
	for (size_t i = 0; i < l->n_patterns; i++) {
		struct span p = l->patterns[i];
		if (imap_mailbox_matches(p, path))
			return true;
		/* INBOX in any case: "inb*" finds it too. */
		if (span_is(path, "INBOX") && imap_mailbox_matches(p, SPAN("inbox")))
			return true;
	}
	return false;
}

static bool
is_selected(const struct list_cmd *l, const struct imap_mailbox *m)
{
	if (l->lsub)
		return m->c.subscribed;
	if (l->select_subscribed && !m->c.subscribed)
		return false;
	return !l->select_special ||
	       (m->c.role != STORE_ROLE_NONE && m->c.role != STORE_ROLE_INBOX);
}

/* unlisted: one that the command does not list itself (RFC 5258 4). */
static bool
has_selected_below(const struct list_cmd *l, const struct imap_mailbox *m, bool unlisted)
{
	for (size_t i = 0; m->has_children && i < l->n; i++) {
		struct span p = l->all[i].path;
		if (p.n > m->path.n && p.p[m->path.n] == '/' &&
		    span_eq(span_sub(p, 0, m->path.n), m->path) &&
		    is_selected(l, &l->all[i]) && !(unlisted && matches(l, p)))
			return true;
	}
	return false;
}

static bool
ends_in_percent(const struct list_cmd *l)
{
	struct span p = l->patterns[0];

	return p.n > 0 && p.p[p.n - 1] == '%';
}

/* RFC 6154 2. */
static const char *
special_use(enum store_role role)
{
	switch (role) {
	case STORE_ROLE_DRAFTS:
		return " \\Drafts";
	case STORE_ROLE_SENT:
		return " \\Sent";
	case STORE_ROLE_TRASH:
		return " \\Trash";
	case STORE_ROLE_JUNK:
		return " \\Junk";
	case STORE_ROLE_ARCHIVE:
		return " \\Archive";
	case STORE_ROLE_NONE:
	case STORE_ROLE_INBOX:
	case STORE_ROLE_OUTBOX:
	case STORE_ROLE_CONTACTS:
	case STORE_ROLE_CALENDAR:
	case STORE_ROLE_TASKS:
	case STORE_ROLE_NOTES:
		break;
	}
	return "";
}

static void
write_mailbox(struct imap_run *r, const struct list_cmd *l, const struct imap_mailbox *m,
              bool below)
{
	struct buf *out = &r->out;

	buf_addf(out, "* %s (%s%s%s) \"/\" ", l->lsub ? "LSUB" : "LIST",
	         m->has_children ? "\\HasChildren" : "\\HasNoChildren",
	         l->return_subscribed && m->c.subscribed ? " \\Subscribed" : "",
	         l->lsub ? "" : special_use(m->c.role));
	imap_write_mailbox(out, m->path, r->s->utf8);
	if (below)
		buf_addf(out, " (\"CHILDINFO\" (\"%s\"))",
		         l->select_subscribed ? "SUBSCRIBED" : "SPECIAL-USE");
	buf_add_str(out, "\r\n");
}

static enum rc
list_one(struct imap_run *r, struct store_tx *tx, struct list_cmd *l,
         const struct imap_mailbox *m)
{
	if (!matches(l, m->path))
		return RC_OK;
	bool selected = is_selected(l, m);
	if (l->lsub) {
		/* RFC 3501 6.3.9: "%" shows the level above a subscribed name. */
		if (selected)
			write_mailbox(r, l, m, false);
		else if (ends_in_percent(l) && has_selected_below(l, m, false)) {
			buf_add_str(&r->out, "* LSUB (\\Noselect \\HasChildren) \"/\" ");
			imap_write_mailbox(&r->out, m->path, r->s->utf8);
			buf_add_str(&r->out, "\r\n");
		}
		return RC_OK;
	}
	bool below = l->recursive && has_selected_below(l, m, !selected);
	if (!selected && !below)
		return RC_OK;
	write_mailbox(r, l, m, below);
	if (!l->return_status || !selected)
		return RC_OK;
	return imap_status_write(r, tx, m->path, &m->c, l->status_items);
}

bool
imap_list_work(struct imap_run *r)
{
	struct list_cmd *l = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const char *name = l->lsub ? "Lsub" : "List";

	/* An empty pattern asks for the delimiter. */
	if (l->n_patterns == 1 && l->patterns[0].n == 0 && !l->lsub) {
		buf_add_str(&r->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		imap_reply_rc(r, RC_OK, name);
		return true;
	}
	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK && !l->all)
		rc = imap_mailbox_list(tx, r->arena, &l->all, &l->n);
	while (rc == RC_OK && l->at < l->n) {
		rc = list_one(r, tx, l, &l->all[l->at++]);
		if (rc == RC_OK && buf_len(&r->out) >= IMAP_SLICE_BYTES)
			return false;
	}
	imap_reply_rc(r, rc, name);
	return true;
}
