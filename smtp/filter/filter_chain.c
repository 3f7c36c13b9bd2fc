/* SPDX-License-Identifier: ISC
 *
 * filter_chain.c - asks one filter after the other and adds up what they say.
 */
#include "smtp/filter/filter.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

#define TIMEOUT_MS 10000
#define HEADERS_MAX 65536 /* of one run */

struct link {
	const struct filter_class *class;
	void *state;
	bool fail_open;
};

struct filter_chain {
	struct link *links;
	size_t n;
	unsigned stages; /* of all */
};

enum run_state { RUN_READY, RUN_ASKING, RUN_DONE, RUN_CANCELLED };

struct filter_call {
	struct filter_run *run;
	const struct link *link;
	void *data;
	bool open;
};

struct filter_run {
	struct filter_chain *chain;
	struct loop *loop;
	const struct filter_input *in;
	struct log_ctx *log;
	filter_done_fn *fn;
	void *arg;
	size_t next; /* link to ask */
	struct filter_call call;
	struct loop_timer deadline;
	enum run_state state;
	bool inside; /* advance() is on the stack */
	struct buf headers;
	struct buf reason;
	struct filter_result result;
};

const char *
filter_stage_str(enum filter_stage s)
{
	static const char *const names[] = {
#define X(name, text) [FILTER_STAGE_##name] = (text),
		FILTER_STAGE_LIST(X)
#undef X
	};
	return names[s];
}

const char *
filter_action_str(enum filter_action a)
{
	static const char *const names[] = {
#define X(name, text) [FILTER_ACTION_##name] = (text),
		FILTER_ACTION_LIST(X)
#undef X
	};
	return names[a];
}

static enum rc
link_open(struct link *l, const struct filter_class *const *classes, size_t n_classes,
          struct span word, struct jobs *jobs, struct err *err)
{
	struct span rest = word, name;
	if (!span_cut(&rest, ':', &name))
		return err_set(err, RC_INVALID, "filters: an empty name");
	if (rest.n && !span_is(rest, "open") && !span_is(rest, "defer"))
		return err_set(err, RC_INVALID,
		               "filters: \"%.*s\": behind the colon stands open or defer",
		               SPAN_FMT(word));
	l->fail_open = span_is(rest, "open");
	for (size_t i = 0; i < n_classes; i++)
		if (span_is(name, classes[i]->name))
			l->class = classes[i];
	if (!l->class)
		return err_set(err, RC_INVALID, "filters: there is no filter \"%.*s\"",
		               SPAN_FMT(name));
	return l->class->open ? l->class->open(jobs, &l->state, err) : RC_OK;
}

enum rc
filter_chain_new(const struct filter_class *const *classes, size_t n_classes,
                 char *const *names, size_t n_names, struct jobs *jobs,
                 struct filter_chain **ret, struct err *err)
{
	struct filter_chain *c = xcalloc(1, sizeof(*c));
	c->links = xcalloc(n_names ? n_names : 1, sizeof(*c->links));
	for (size_t i = 0; i < n_names; i++) {
		struct link *l = &c->links[i];
		enum rc rc =
			link_open(l, classes, n_classes, span_str(names[i]), jobs, err);
		if (rc) {
			filter_chain_free(c);
			return rc;
		}
		c->n++;
		c->stages |= l->class->stages;
	}
	*ret = c;
	return RC_OK;
}

void
filter_chain_free(struct filter_chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (c->links[i].class->close)
			c->links[i].class->close(c->links[i].state);
	free(c->links);
	free(c);
}

bool
filter_chain_has(const struct filter_chain *c, enum filter_stage s)
{
	return c->stages & (1U << s);
}

static void
run_free(struct filter_run *r)
{
	loop_timer_clear(&r->deadline);
	buf_done(&r->headers);
	buf_done(&r->reason);
	free(r);
}

static void
report(void *arg)
{
	struct filter_run *r = arg;
	if (r->state == RUN_DONE) {
		r->result.headers = buf_span(&r->headers);
		r->result.reason = buf_span(&r->reason);
		r->fn(&r->result, r->arg);
	}
	run_free(r);
}

static void
finish(struct filter_run *r)
{
	r->state = RUN_DONE;
	loop_post(r->loop, report, r);
}

/* Asks from r->next on until one keeps us waiting or the chain ends. */
static void
advance(struct filter_run *r)
{
	r->inside = true;
	while (r->state == RUN_READY) {
		while (r->next < r->chain->n &&
		       !(r->chain->links[r->next].class->stages & (1U << r->in->stage)))
			r->next++;
		if (r->next == r->chain->n) {
			finish(r);
			break;
		}
		const struct link *l = &r->chain->links[r->next++];
		uint64_t wait = l->class->timeout_ms ? l->class->timeout_ms : TIMEOUT_MS;
		r->call = (struct filter_call){ .run = r, .link = l, .open = true };
		r->state = RUN_ASKING;
		loop_timer_set(&r->deadline, wait);
		l->class->ask(l->state, &r->call);
	}
	r->inside = false;
}

static void
take_verdict(struct filter_run *r, const struct filter_verdict *v)
{
	const char *name = r->call.link->class->name;
	struct filter_result *sum = &r->result;
	log_debug(r->log, "smtp.filter verdict", "filter=%s stage=%s action=%s score=%d",
	          name, filter_stage_str(r->in->stage), filter_action_str(v->action),
	          v->score);
	r->call.open = false;
	loop_timer_clear(&r->deadline);
	sum->score += v->score;
	buf_add_span(&r->headers, v->headers);
	if (v->action > sum->action) {
		sum->action = v->action;
		sum->filter = name;
		buf_clear(&r->reason);
		buf_add_span(&r->reason, v->reason);
	}
	if (v->action >= FILTER_ACTION_DISCARD) {
		finish(r);
		return;
	}
	r->state = RUN_READY;
	if (!r->inside)
		advance(r);
}

void
filter_answer(struct filter_call *c, const struct filter_verdict *v)
{
	assert(c->open);
	take_verdict(c->run, v);
}

void
filter_fail(struct filter_call *c, const char *why)
{
	assert(c->open);
	struct filter_run *r = c->run;
	const char *name = c->link->class->name;
	struct filter_verdict v = { .action = FILTER_ACTION_DEFER };
	log_warn(r->log, "smtp.filter failed", "filter=%s stage=%s why=%s result=%s",
	         name, filter_stage_str(r->in->stage), LOG_STR(span_str(why)),
	         c->link->fail_open ? "open" : "defer");
	char *header = NULL;
	if (c->link->fail_open) {
		header = xasprintf("X-Godwit-Filter-Failed: %s\r\n", name);
		v = (struct filter_verdict){ .headers = span_str(header) };
	}
	take_verdict(r, &v);
	free(header);
}

static void
on_deadline(void *arg)
{
	struct filter_run *r = arg;
	if (r->call.link->class->cancel)
		r->call.link->class->cancel(r->call.link->state, &r->call);
	filter_fail(&r->call, "no answer in time");
}

const struct filter_input *
filter_call_input(const struct filter_call *c)
{
	return c->run->in;
}

struct loop *
filter_call_loop(const struct filter_call *c)
{
	return c->run->loop;
}

struct log_ctx *
filter_call_log(const struct filter_call *c)
{
	return c->run->log;
}

void **
filter_call_data(struct filter_call *c)
{
	return &c->data;
}

struct filter_run *
filter_run_start(struct filter_chain *c, struct loop *l, const struct filter_input *in,
                 struct log_ctx *log, filter_done_fn *fn, void *arg)
{
	struct filter_run *r = xcalloc(1, sizeof(*r));
	*r = (struct filter_run){
		.chain = c,
		.loop = l,
		.in = in,
		.log = log,
		.fn = fn,
		.arg = arg,
		.headers = BUF_INIT(HEADERS_MAX),
		.reason = BUF_INIT(0),
	};
	loop_timer_init(&r->deadline, l, on_deadline, r);
	advance(r);
	return r;
}

void
filter_run_cancel(struct filter_run *r)
{
	if (!r)
		return;
	bool posted = r->state == RUN_DONE;
	if (r->state == RUN_ASKING && r->call.link->class->cancel)
		r->call.link->class->cancel(r->call.link->state, &r->call);
	r->state = RUN_CANCELLED;
	r->call.open = false;
	if (!posted)
		run_free(r);
}
