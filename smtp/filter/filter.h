/* SPDX-License-Identifier: ISC
 *
 * filter.h - the filter chain: what a filter is, and how a session asks the chain.
 *
 * A filter looks at the connection, the greeting, the envelope or the message at its
 * stage and answers with one verdict, at once or later. Filters stand in the order of the
 * configuration (smtp { filters = { "header-limit", "clamd:open" } }); the word behind
 * the colon says what a filter's failure or lateness means: "defer" (the default: the
 * peer gets a 4xx) or "open" (the mail goes on, with a header that says so). Neither is
 * silent.
 *
 * All of it runs in one loop's thread for one run. A filter that needs the CPU or may
 * block takes a job and answers when that is done.
 */
#ifndef SMTP_FILTER_FILTER_H
#define SMTP_FILTER_FILTER_H

#include "base/arena.h"
#include "base/job.h"
#include "base/log.h"
#include "base/loop.h"

#define FILTER_STAGE_LIST(X)                                                             \
	X(CONNECT, "connect")                                                            \
	X(HELO, "helo")                                                                  \
	X(MAIL, "mail")                                                                  \
	X(RCPT, "rcpt")                                                                  \
	X(DATA, "data")

enum filter_stage {
#define X(name, text) FILTER_STAGE_##name,
	FILTER_STAGE_LIST(X)
#undef X
};
const char *filter_stage_str(enum filter_stage s);
#define FILTER_AT(stage) (1U << FILTER_STAGE_##stage)

/*
 * In the order of strength. DEFER, REJECT and DISCARD end the chain; after QUARANTINE (to
 * the Junk folder) and HOLD (kept in the queue until an admin lets it go) the other
 * filters are still asked, and the strongest word counts.
 */
#define FILTER_ACTION_LIST(X)                                                            \
	X(CONTINUE, "continue")                                                          \
	X(QUARANTINE, "quarantine")                                                      \
	X(HOLD, "hold")                                                                  \
	X(DISCARD, "discard")                                                            \
	X(DEFER, "defer")                                                                \
	X(REJECT, "reject")

enum filter_action {
#define X(name, text) FILTER_ACTION_##name,
	FILTER_ACTION_LIST(X)
#undef X
};
const char *filter_action_str(enum filter_action a);

struct filter_verdict {
	enum filter_action action;
	int score; /* hundredths; added up along the chain, whatever the action */
	struct span
		headers; /* DATA: whole "Name: value\r\n" lines, put above the message */
	struct span reason; /* what the peer reads after DEFER or REJECT; may be empty */
};

/* What is known at a stage; earlier stages' facts stay. Spans live until the answer. */
struct filter_input {
	enum filter_stage stage;
	const char *peer; /* address, or "unix" */
	const char *door; /* "receive", "submission", "lmtp" */
	const char *tls;  /* "TLSv1.3 ...", or "" */
	struct span helo;
	struct span user;         /* signed in; empty: nobody */
	struct span sender;       /* from MAIL on; empty: the null path */
	struct span rcpt;         /* RCPT: the one asked for */
	const struct span *rcpts; /* DATA: all that were accepted */
	size_t n_rcpts;
	struct span id;      /* DATA */
	struct span message; /* DATA: with our trace headers */
};

/* One question to one filter, open until it is answered or cancelled. */
struct filter_call;

/* The answer; once, in the thread of filter_call_loop(). v's spans are copied. May be
 * called from inside of ask(). */
void filter_answer(struct filter_call *c, const struct filter_verdict *v);
/* The filter could not do its work: counts as its configuration says. */
void filter_fail(struct filter_call *c, const char *why);
const struct filter_input *filter_call_input(const struct filter_call *c);
struct loop *filter_call_loop(const struct filter_call *c);
struct log_ctx *filter_call_log(const struct filter_call *c);
/* For the filter's own use, NULL at first. */
void **filter_call_data(struct filter_call *c);

struct filter_class {
	const char *name;
	const char *help;    /* one sentence, for godwit-filters(7) */
	unsigned stages;     /* FILTER_AT(...) or'ed */
	uint64_t timeout_ms; /* of one call; 0: 10 s */
	/* Optional: state of one place in the chain. */
	enum rc (*open)(struct jobs *jobs, void **ret_state, struct err *err);
	void (*close)(void *state);
	void (*ask)(void *state, struct filter_call *c);
	/* The asker has gone or the time is up: c ends with this call, no answer any
	 * more. Optional for filters that always answer inside of ask(). */
	void (*cancel)(void *state, struct filter_call *c);
};

/* What the whole chain said at one stage. */
struct filter_result {
	enum filter_action action;
	int score;
	struct span headers;
	struct span reason;
	const char *filter; /* whose action it is; NULL for CONTINUE */
};

struct filter_chain;
struct filter_run;

/* All filters there are, by name. */
extern const struct filter_class *const filter_classes[];
extern const size_t filter_classes_n;

/* names: as in the configuration. RC_INVALID: an unknown name or failure word. */
enum rc filter_chain_new(const struct filter_class *const *classes, size_t n_classes,
                         char *const *names, size_t n_names, struct jobs *jobs,
                         struct filter_chain **ret, struct err *err) MUST_CHECK;
/* All runs must have ended. */
void filter_chain_free(struct filter_chain *c);
/* False: nobody would be asked at this stage (the usual, empty chain). */
bool filter_chain_has(const struct filter_chain *c, enum filter_stage s);

/* The result and its spans live during the call; the run ends with it. */
typedef void filter_done_fn(const struct filter_result *r, void *arg);
/*
 * Asks the chain. in is kept by reference until the end. fn is called once, in l's
 * thread, never from inside this function.
 */
struct filter_run *
filter_run_start(struct filter_chain *c, struct loop *l, const struct filter_input *in,
                 struct log_ctx *log, filter_done_fn *fn, void *arg);
/* No callback after it. */
void filter_run_cancel(struct filter_run *r);

#endif
