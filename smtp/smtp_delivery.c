/* SPDX-License-Identifier: ISC
 *
 * smtp_delivery.c - finds the servers of a domain and asks one after the other.
 */
#include "smtp/smtp_delivery.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "smtp/smtp_host.h"

#define HOSTS_MAX 16     /* MX that are looked at */
#define ADDRESSES_MAX 16 /* of one host */
#define ATTEMPTS_MAX 8   /* connections in one attempt (RFC 5321 5.1: at least two) */

struct host {
	char name[SMTP_HOST_MAX];
	unsigned preference;
	uint64_t shuffle;
};

struct smtp_delivery {
	const struct smtp_delivery_conf *conf;
	struct smtp_job *job;
	smtp_delivery_fn *fn;
	void *arg;
	char *domain;
	struct host hosts[HOSTS_MAX];
	size_t n_hosts, host; /* host: the one being tried */
	struct sockaddr_storage addresses[ADDRESSES_MAX];
	size_t n_addresses, address;
	uint16_t port;
	bool verify;
	bool plain; /* STARTTLS broke with this address */
	bool dns_failed;
	unsigned attempts;
	struct dns_query *query;
	struct smtp_client *client;
	struct loop_timer timer; /* the first step */
	struct loop_timer deadline;
	char *note; /* why the last server was no use */
	char *remote;
};

static void try_next(struct smtp_delivery *d);
static void look_up_host(struct smtp_delivery *d, enum dns_type type);

static void
set_note(struct smtp_delivery *d, char *note)
{
	free(d->note);
	d->note = note;
}

static void
report(struct smtp_delivery *d)
{
	loop_timer_clear(&d->deadline);
	d->fn(d->arg);
}

static void
fail(struct smtp_delivery *d, enum smtp_sent state, const char *status, const char *note)
{
	smtp_job_decide(d->job, state, status, span_of("", 0), span_str(note),
	                d->remote ? d->remote : "");
	report(d);
}

static void
on_client_end(enum smtp_client_end end, const char *note, void *arg)
{
	struct smtp_delivery *d = arg;
	if (end != SMTP_CLIENT_DECIDED) {
		log_info(d->job->log, "smtp.out failed", "host=%s why=%s", d->remote,
		         LOG_STR(span_str(note)));
		set_note(d, xstrdup(note));
	}
	smtp_client_free(TAKE(d->client)); /* and note with it */
	if (end == SMTP_CLIENT_DECIDED) {
		report(d);
		return;
	}
	if (end == SMTP_CLIENT_TLS && !d->verify && !d->plain) {
		d->plain = true; /* RFC 7435: better unencrypted than not at all */
	} else {
		d->plain = false;
		d->address++;
	}
	try_next(d);
}

static void
connect_to(struct smtp_delivery *d, const struct sockaddr_storage *to)
{
	struct smtp_client_target t = {
		.to = (const struct sockaddr *)to,
		.to_len = to->ss_family == AF_INET ? sizeof(struct sockaddr_in)
		                                   : sizeof(struct sockaddr_in6),
		.name = d->hosts[d->host].name,
		.tls = d->verify ? d->conf->tls_verify : d->conf->tls,
		.tls_needed = d->verify,
	};
	if (d->plain)
		t.tls = NULL;
	d->attempts++;
	free(d->remote);
	d->remote = xstrdup(d->hosts[d->host].name);
	d->client = smtp_client_new(d->conf->loop, &t, d->job, on_client_end, d);
}

/* The next address, or the next host's addresses, or the end. */
static void
try_next(struct smtp_delivery *d)
{
	if (!smtp_job_may_go_on(d->job)) {
		fail(d, SMTP_SENT_LATER, "4.3.2", SMTP_JOB_STOPPED);
		return;
	}
	if (d->attempts < ATTEMPTS_MAX && d->address < d->n_addresses) {
		connect_to(d, &d->addresses[d->address]);
		return;
	}
	d->host++;
	if (d->attempts < ATTEMPTS_MAX && d->host < d->n_hosts) {
		look_up_host(d, DNS_A);
		return;
	}
	if (d->attempts == 0 && !d->dns_failed && !d->conf->relay[0]) {
		fail(d, SMTP_SENT_FAILED, "5.4.4",
		     "none of the domain's hosts has an address");
		return;
	}
	fail(d, SMTP_SENT_LATER, d->attempts ? "4.4.1" : "4.4.3",
	     d->note ? d->note : "DNS gave no answer");
}

static void
add_address(struct smtp_delivery *d, int family, struct span raw)
{
	if (d->n_addresses == ADDRESSES_MAX)
		return;
	struct sockaddr_storage *to = &d->addresses[d->n_addresses];
	memset(to, 0, sizeof(*to));
	if (family == AF_INET && raw.n == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)to;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(d->port);
		memcpy(&v4->sin_addr, raw.p, 4);
		d->n_addresses++;
	} else if (family == AF_INET6 && raw.n == 16) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(d->port);
		memcpy(&v6->sin6_addr, raw.p, 16);
		d->n_addresses++;
	}
}

static void
take_addresses(struct smtp_delivery *d, int family, const struct dns_answer *a)
{
	d->query = NULL;
	if (a->result == DNS_RESULT_FAIL) {
		d->dns_failed = true;
		set_note(d,
		         xasprintf("no answer from DNS for %s", d->hosts[d->host].name));
	}
	for (size_t i = 0; a->result == DNS_RESULT_OK && i < a->n; i++)
		add_address(d, family, a->records[i].data);
}

static void
on_aaaa(const struct dns_answer *a, void *arg)
{
	struct smtp_delivery *d = arg;
	take_addresses(d, AF_INET6, a);
	try_next(d);
}

static void
on_a(const struct dns_answer *a, void *arg)
{
	struct smtp_delivery *d = arg;
	take_addresses(d, AF_INET, a);
	d->query = dns_lookup(d->conf->dns, d->hosts[d->host].name, DNS_AAAA, on_aaaa, d);
}

/* IPv4 first: a broken IPv6 route is the commoner of the two faults, and costs 30 s. */
static void
look_up_host(struct smtp_delivery *d, enum dns_type type)
{
	struct sockaddr_storage to;
	socklen_t len;
	d->n_addresses = d->address = 0;
	if (smtp_host_address(d->hosts[d->host].name, d->port, &to, &len) == RC_OK) {
		d->addresses[d->n_addresses++] = to;
		try_next(d);
		return;
	}
	if (!d->conf->dns) {
		d->dns_failed = true;
		try_next(d);
		return;
	}
	d->query = dns_lookup(d->conf->dns, d->hosts[d->host].name, type, on_a, d);
}

static void
add_host(struct smtp_delivery *d, struct span name, unsigned preference)
{
	if (d->n_hosts == HOSTS_MAX || name.n >= SMTP_HOST_MAX)
		return;
	struct host *h = &d->hosts[d->n_hosts++];
	*h = (struct host){ .preference = preference, .shuffle = random_u64() };
	memcpy(h->name, name.p, name.n);
}

/* By preference; those of the same one in any order (RFC 5321 5.1). */
static int
compare_hosts(const void *a, const void *b)
{
	const struct host *x = a, *y = b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->shuffle < y->shuffle ? -1 : x->shuffle > y->shuffle;
}

/*
 * RFC 5321 5.1: if we are an MX of the domain ourselves, only better ones may be asked.
 * False: none is better; the mail has come to where it ends, and we do not take it.
 */
static bool
drop_own(struct smtp_delivery *d)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (!span_ieq(span_str(d->hosts[i].name), span_str(d->conf->hostname)))
			continue;
		unsigned own = d->hosts[i].preference;
		for (size_t k = 0; k < d->n_hosts; k++) {
			if (d->hosts[k].preference >= own) {
				d->n_hosts = k;
				break;
			}
		}
		return d->n_hosts > 0;
	}
	return true;
}

static void
on_mx(const struct dns_answer *a, void *arg)
{
	struct smtp_delivery *d = arg;
	d->query = NULL;
	switch (a->result) {
	case DNS_RESULT_FAIL:
		fail(d, SMTP_SENT_LATER, "4.4.3",
		     "no answer from DNS for the domain's MX");
		return;
	case DNS_RESULT_NO_NAME:
		fail(d, SMTP_SENT_FAILED, "5.1.2", "there is no such domain");
		return;
	case DNS_RESULT_NO_DATA:
		add_host(d, span_str(d->domain), 0); /* the domain is its own host */
		break;
	case DNS_RESULT_OK:
		/* RFC 7505 3: one MX, named "." */
		if (a->n == 1 &&
		    (!a->records[0].data.n || span_is(a->records[0].data, "."))) {
			fail(d, SMTP_SENT_FAILED, "5.1.10", "the domain takes no mail");
			return;
		}
		for (size_t i = 0; i < a->n; i++)
			add_host(d, a->records[i].data, a->records[i].preference);
		qsort(d->hosts, d->n_hosts, sizeof(d->hosts[0]), compare_hosts);
		break;
	}
	if (!drop_own(d)) {
		fail(d, SMTP_SENT_FAILED, "5.4.6",
		     "mail for the domain loops back to us");
		return;
	}
	if (!d->n_hosts)
		fail(d, SMTP_SENT_FAILED, "5.4.4", "the domain's MX cannot be used");
	else
		look_up_host(d, DNS_A);
}

static void
begin(void *arg)
{
	struct smtp_delivery *d = arg;
	struct smtp_host relay;
	struct span domain = span_str(d->domain);
	if (d->conf->relay[0]) {
		if (smtp_host_parse(span_str(d->conf->relay), 25, &relay)) {
			fail(d, SMTP_SENT_LATER, "4.3.5", "the relay's name is wrong");
			return;
		}
		d->port = relay.port;
		d->verify = relay.verify;
		add_host(d, span_str(relay.name), 0);
		look_up_host(d, DNS_A);
	} else if (domain.n > 2 && domain.p[0] == '[') {
		add_host(d, span_sub(domain, 1, domain.n - 1), 0);
		look_up_host(d, DNS_A);
	} else if (!d->conf->dns) {
		fail(d, SMTP_SENT_LATER, "4.4.3", "DNS is not available");
	} else {
		d->query = dns_lookup(d->conf->dns, d->domain, DNS_MX, on_mx, d);
	}
}

static void
on_deadline(void *arg)
{
	struct smtp_delivery *d = arg;
	if (d->query)
		dns_cancel(TAKE(d->query));
	smtp_client_free(TAKE(d->client));
	fail(d, SMTP_SENT_LATER, "4.4.7", "the attempt took too long");
}

struct smtp_delivery *
smtp_delivery_new(const struct smtp_delivery_conf *conf, struct span domain,
                  struct smtp_job *job, smtp_delivery_fn *fn, void *arg)
{
	struct smtp_delivery *d = xcalloc(1, sizeof(*d));
	d->conf = conf;
	d->domain = xstrndup(domain.p, domain.n);
	d->job = job;
	d->fn = fn;
	d->arg = arg;
	d->port = conf->port;
	loop_timer_init(&d->timer, conf->loop, begin, d);
	loop_timer_init(&d->deadline, conf->loop, on_deadline, d);
	loop_timer_set(&d->timer, 0);
	loop_timer_set(&d->deadline, conf->deadline_ms);
	return d;
}

void
smtp_delivery_free(struct smtp_delivery *d)
{
	if (!d)
		return;
	loop_timer_clear(&d->timer);
	loop_timer_clear(&d->deadline);
	if (d->query)
		dns_cancel(d->query);
	smtp_client_free(d->client);
	free(d->domain);
	free(d->note);
	free(d->remote);
	free(d);
}
