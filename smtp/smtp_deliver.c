/* SPDX-License-Identifier: ISC
 *
 * smtp_deliver.c - routes recipients, fills the queue and the users' folders.
 */
#include "smtp/smtp_deliver.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/htab.h"
#include "base/log.h"
#include "smtp/smtp_bounce.h"
#include "smtp/smtp_group.h"
#include "smtp/smtp_invite.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_oof.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_reply.h"
#include "store/store_deliver.h"
#include "store/store_queue.h"

#define ENTRY_RCPTS_MAX 100 /* RFC 5321 4.5.3.1.8: what any server takes at once */

/* One place where a recipient's mail goes; several recipients may share one. */
struct target {
	struct hnode node;
	uint64_t user; /* 0: foreign */
	struct span address;
	size_t rcpt; /* the first that leads here */
	enum rc rc;
	bool oof;  /* the user has got it, and is away */
	bool asks; /* the user's calendar is to answer it */
};

struct plan {
	struct smtp *smtp;
	struct smtp_mail *mail;
	struct arena *a;
	struct target **targets;
	size_t n, cap;
	struct htab found; /* the targets, by user or address */
	uint64_t token;    /* of what goes into the queue */
};

struct span
smtp_domain_of(struct span address)
{
	size_t i = address.n;
	while (i && address.p[i - 1] != '@')
		i--;
	return i ? span_sub(address, i, address.n) : span_of("", 0);
}

/* Addresses are compared without case. */
static uint64_t
hash_address(struct plan *p, struct span address)
{
	char *low = arena_strndup(p->a, address);
	for (size_t i = 0; i < address.n; i++)
		if (low[i] >= 'A' && low[i] <= 'Z')
			low[i] += 'a' - 'A';
	return hash_bytes(span_of(low, address.n));
}

static struct target *
find_target(const struct plan *p, uint64_t user, struct span address, uint64_t hash)
{
	for (struct hnode *n = htab_find(&p->found, hash); n; n = htab_next(n)) {
		struct target *t = container_of(n, struct target, node);
		if (user ? t->user == user : !t->user && span_ieq(t->address, address))
			return t;
	}
	return NULL;
}

static void
add_target(struct plan *p, uint64_t user, struct span address, size_t rcpt)
{
	uint64_t hash = user ? hash_u64(user) : hash_address(p, address);
	if (find_target(p, user, address, hash))
		return;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 8;
		struct target **grown = arena_array(p->a, cap, struct target *);
		if (p->n)
			memcpy(grown, p->targets, p->n * sizeof(*grown));
		p->targets = grown;
		p->cap = cap;
	}
	struct target *t = arena_new_of(p->a, struct target);
	*t = (struct target){ .user = user, .address = address, .rcpt = rcpt };
	htab_add(&p->found, &t->node, hash);
	p->targets[p->n++] = t;
}

/* RFC 5321 4.5.1: "<Postmaster>" without a domain is ours. */
static struct span
with_domain(struct plan *p, struct span address)
{
	if (span_find(address, 0, '@') < address.n)
		return address;
	struct span host = span_str(p->smtp->conf.hostname), *domains;
	size_t n;
	if (store_domain_find(p->smtp->deps.store, host) != RC_OK &&
	    store_domain_list(p->smtp->deps.store, p->a, &domains, &n) == RC_OK && n)
		host = domains[0];
	return span_str(
		arena_printf(p->a, "%.*s@%.*s", SPAN_FMT(address), SPAN_FMT(host)));
}

static enum rc
route_one(struct plan *p, size_t i)
{
	struct span address = with_domain(p, p->mail->env->rcpts[i].address);
	struct store_route *routes;
	size_t n;
	enum rc rc = store_route_find(p->smtp->deps.store, address, p->a, &routes, &n);
	if (rc == RC_DENIED && p->mail->trusted) {
		add_target(p, 0, address, i);
		return RC_OK;
	}
	for (size_t k = 0; rc == RC_OK && k < n; k++)
		add_target(p, routes[k].user, routes[k].address, i);
	return rc;
}

/* The domain as DNS knows it: lower case, A-labels. */
static struct span
hop_of(struct plan *p, struct span address)
{
	struct span whole, local, domain;
	if (store_address_normalise(address, p->a, &whole, &local, &domain) == RC_OK)
		return domain;
	return smtp_domain_of(address);
}

static bool
goes_to_queue(const struct plan *p, const struct target *t)
{
	return p->mail->held || !t->user;
}

/* Entries of the targets that pick() wants, one for each domain, committed together. */
static enum rc
queue_targets(struct plan *p, bool (*pick)(const struct plan *, const struct target *))
{
	struct smtp_envelope *env = p->mail->env;
	struct store_queue_entry *entries =
		arena_array(p->a, p->n, struct store_queue_entry);
	size_t n = 0, total = 0;
	int64_t now = clock_wall_ms();
	struct span out =
		span_sub(p->mail->content, p->mail->return_path_len, p->mail->content.n);
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = p->targets[i];
		if (!pick(p, t))
			continue;
		struct span hop = hop_of(p, t->address);
		size_t e = 0;
		while (e < n && (!span_ieq(entries[e].hop, hop) ||
		                 entries[e].n_rcpts == ENTRY_RCPTS_MAX))
			e++;
		if (e == n) {
			entries[n++] = (struct store_queue_entry){
				.sender = env->sender,
				.hop = hop,
				.envelope_id = env->envelope_id,
				.ret = env->ret,
				.smtputf8 = env->smtputf8,
				.rcpts = arena_array(p->a, ENTRY_RCPTS_MAX,
				                     struct store_queue_rcpt),
				.size = out.n,
				.queued_ms = now,
				.next_ms = now,
				.held = p->mail->held,
				.token = p->token,
				.junk = p->mail->junk,
			};
		}
		entries[e].rcpts[entries[e].n_rcpts++] = (struct store_queue_rcpt){
			.address = t->address,
			.notify = env->rcpts[t->rcpt].notify,
			.orcpt = env->rcpts[t->rcpt].orcpt,
		};
		total++;
	}
	if (!n)
		return RC_OK;
	bool is_8bit = smtp_message_is_8bit(out);
	for (size_t e = 0; e < n; e++)
		entries[e].body_8bit = is_8bit;
	AUTO(store_content)
	struct store_content *content = NULL;
	enum rc rc =
		store_content_new(p->smtp->deps.store, out, span_of("", 0), &content);
	if (rc == RC_OK)
		rc = store_queue_add(p->smtp->deps.store, entries, n, content);
	if (rc == RC_OK) {
		p->mail->n_queued += total;
		metric_add(&smtp_metric_queued, (int64_t)total);
	}
	return rc;
}

static size_t
count_local(const struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += !goes_to_queue(p, p->targets[i]);
	return n;
}

/* The result is that of all users. */
static enum rc
give_to_group(struct plan *p, size_t n)
{
	struct smtp_group_member *list = arena_array(p->a, n, struct smtp_group_member);
	struct smtp_group g = {
		.mail = p->mail,
		.members = list,
		.token = p->token,
	};
	for (size_t i = 0; i < p->n; i++) {
		const struct target *t = p->targets[i];
		if (!goes_to_queue(p, t))
			list[g.n++] = (struct smtp_group_member){ t->user, t->rcpt };
	}
	enum rc rc = smtp_group_queue(p->smtp, &g, p->a);
	for (size_t i = 0; i < p->n; i++)
		if (!goes_to_queue(p, p->targets[i]))
			p->targets[i]->rc = rc;
	if (rc == RC_OK)
		p->mail->n_local = n;
	return rc;
}

static enum rc
write_folders(struct plan *p)
{
	size_t n_local = count_local(p), n = 0;
	if (!n_local)
		return RC_OK;
	if (n_local > (size_t)p->smtp->conf.direct_max)
		return give_to_group(p, n_local);
	struct store_delivery *to = arena_array(p->a, n_local, struct store_delivery);
	for (size_t i = 0; i < p->n; i++) {
		if (goes_to_queue(p, p->targets[i]))
			continue;
		to[n++] = (struct store_delivery){
			.user = p->targets[i]->user,
			.folder = p->mail->junk ? STORE_ROLE_JUNK : STORE_ROLE_INBOX,
			.token = p->mail->token,
		};
	}
	/* A device's number means another device to another user: mail is nobody's. */
	struct store_actor who = { .protocol = p->mail->protocol };
	AUTO(store_content)
	struct store_content *content = NULL;
	enum rc rc = store_content_new_mail_copies(p->smtp->deps.store, p->mail->content,
	                                           n, &content);
	bool tried = rc == RC_OK;
	if (tried)
		rc = store_deliver(p->smtp->deps.store, content, &who, clock_wall_ms(),
		                   to, n);
	for (size_t i = 0, k = 0; i < p->n; i++) {
		struct target *t = p->targets[i];
		if (goes_to_queue(p, t))
			continue;
		t->rc = tried ? to[k].rc : rc;
		t->oof = tried && to[k].oof;
		t->asks = tried && t->rc == RC_OK && to[k].asks;
		p->mail->n_local += t->rc == RC_OK;
		k++;
	}
	metric_add(&smtp_metric_local, (int64_t)p->mail->n_local);
	return rc;
}

static bool
is_temporary(enum rc rc)
{
	return rc == RC_AGAIN || rc == RC_IO || rc == RC_EXISTS;
}

static bool
failed_for_now(const struct plan *p UNUSED, const struct target *t)
{
	return is_temporary(t->rc);
}

/* Some are written and some are not: the rest waits in the queue, since a second try of
 * the whole would double what is there. */
static void
queue_the_rest(struct plan *p)
{
	if (queue_targets(p, failed_for_now))
		return;
	for (size_t i = 0; i < p->n; i++)
		if (is_temporary(p->targets[i]->rc))
			p->targets[i]->rc = RC_OK;
}

static enum rc
bounce_unknown(struct plan *p)
{
	struct smtp_envelope *env = p->mail->env;
	struct smtp_bounce_rcpt *gone =
		arena_array(p->a, env->n_rcpts, struct smtp_bounce_rcpt);
	size_t n = 0;
	for (size_t i = 0; i < env->n_rcpts; i++) {
		struct smtp_rcpt *r = &env->rcpts[i];
		if (r->rc == RC_OK || is_temporary(r->rc))
			continue;
		enum smtp_reply reply = smtp_reply_from_rc(r->rc);
		gone[n++] = (struct smtp_bounce_rcpt){
			.address = r->address,
			.orcpt = r->orcpt,
			.notify = r->notify,
			.status = span_str(smtp_reply_enhanced(reply)),
			.response = span_str(arena_printf(
				p->a, "%u %s %s", smtp_reply_code(reply),
				smtp_reply_enhanced(reply), smtp_reply_text(reply))),
		};
	}
	if (!n || p->mail->no_bounce)
		return RC_OK;
	int64_t now = clock_wall_ms();
	struct smtp_bounce b = {
		.action = SMTP_BOUNCE_ACTION_FAILED,
		.sender = env->sender,
		.envelope_id = env->envelope_id,
		.ret = env->ret,
		.arrived_ms = now,
		.now_ms = now,
		.hostname = p->smtp->conf.hostname,
		.rcpts = gone,
		.n_rcpts = n,
		.message = span_sub(p->mail->content, p->mail->return_path_len,
		                    p->mail->content.n),
	};
	return smtp_bounce_send(p->smtp, &b, p->mail->id);
}

/* RFC 3461 5.2.1: NOTIFY=SUCCESS is answered by who brings it to the mailbox. */
static void
tell_success(struct plan *p)
{
	struct smtp_envelope *env = p->mail->env;
	struct smtp_bounce_rcpt *done =
		arena_array(p->a, env->n_rcpts, struct smtp_bounce_rcpt);
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = p->targets[i];
		struct smtp_rcpt *r = &env->rcpts[t->rcpt];
		if (goes_to_queue(p, t) || t->rc ||
		    !smtp_notify_has(r->notify, "SUCCESS"))
			continue;
		if (n && span_eq(done[n - 1].address, r->address))
			continue;
		if (n == env->n_rcpts)
			break;
		done[n++] = (struct smtp_bounce_rcpt){
			.address = r->address,
			.orcpt = r->orcpt,
			.notify = r->notify,
			.status = SPAN("2.0.0"),
		};
	}
	if (!n || p->mail->no_bounce)
		return;
	int64_t now = clock_wall_ms();
	struct smtp_bounce b = {
		.action = SMTP_BOUNCE_ACTION_DELIVERED,
		.sender = env->sender,
		.envelope_id = env->envelope_id,
		.arrived_ms = now,
		.now_ms = now,
		.hostname = p->smtp->conf.hostname,
		.rcpts = done,
		.n_rcpts = n,
		.message = span_sub(p->mail->content, p->mail->return_path_len,
		                    p->mail->content.n),
	};
	enum rc rc = smtp_bounce_send(p->smtp, &b, p->mail->id);
	if (rc)
		log_warn(NULL, "smtp.dsn lost", "id=%s rc=%s", p->mail->id,
		         LOG_STR(span_str(rc_str(rc))));
}

static enum rc
deliver(struct plan *p)
{
	struct smtp_mail *m = p->mail;
	struct smtp_envelope *env = m->env;
	enum rc first = RC_OK;
	for (size_t i = 0; i < env->n_rcpts; i++) {
		env->rcpts[i].rc = route_one(p, i);
		/* The store could not look: nothing has happened yet, so nothing is
		 * taken. */
		if (is_temporary(env->rcpts[i].rc) && !m->each)
			return env->rcpts[i].rc;
	}
	enum rc rc = queue_targets(p, goes_to_queue);
	if (rc) {
		for (size_t i = 0; i < p->n; i++)
			if (goes_to_queue(p, p->targets[i]))
				p->targets[i]->rc = rc;
		if (!m->each)
			return rc;
	}
	if (write_folders(p) && m->n_local + m->n_queued && !m->each)
		queue_the_rest(p);
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i]->rc)
			env->rcpts[p->targets[i]->rcpt].rc = p->targets[i]->rc;
	for (size_t i = 0; i < env->n_rcpts; i++) {
		enum rc one = env->rcpts[i].rc;
		if (one && (!first || (is_temporary(one) && !is_temporary(first))))
			first = one;
	}
	if ((!m->n_local && !m->n_queued) || (is_temporary(first) && !m->each))
		return first;
	tell_success(p);
	if (first && !m->each)
		return bounce_unknown(p);
	return RC_OK;
}

/* After all is durable: what fails here takes nothing of it back. */
static void
answer_by_itself(struct plan *p)
{
	struct smtp_mail *m = p->mail;
	for (size_t i = 0; i < p->n; i++) {
		const struct target *t = p->targets[i];
		const struct smtp_invite_request ask = {
			.user = t->user,
			.message = span_sub(m->content, m->return_path_len, m->content.n),
			.id = m->id,
		};
		if (t->asks)
			smtp_invite_answer(p->smtp, &ask);
		if (!t->oof)
			continue;
		const struct smtp_oof_request q = {
			.user = t->user,
			.sender = m->env->sender,
			.rcpt = with_domain(p, m->env->rcpts[t->rcpt].address),
			.message = ask.message,
			.id = m->id,
		};
		smtp_oof_answer(p->smtp, &q);
	}
}

enum rc
smtp_deliver(struct smtp *s, struct smtp_mail *m)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct plan p = { .smtp = s, .mail = m, .a = a };
	p.token = m->token ? m->token : random_u64() >> 1 | 1;
	htab_init(&p.found);
	m->n_local = m->n_queued = 0;
	enum rc rc = deliver(&p);
	answer_by_itself(&p);
	htab_done(&p.found);
	return rc;
}
