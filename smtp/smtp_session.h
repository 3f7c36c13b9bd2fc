/* SPDX-License-Identifier: ISC
 *
 * smtp_session.h - one connection of a peer that sends us mail, shared by the files that
 * carry out its commands (smtp_command.c, smtp_auth.c, smtp_receive.c).
 */
#ifndef SMTP_SMTP_SESSION_H
#define SMTP_SMTP_SESSION_H

#include "smtp/smtp_envelope.h"
#include "smtp/smtp_line.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_reply.h"

#define SMTP_STATE_LIST(X)                                                               \
	X(CONNECT, "connect") /* the greeting has not been given */                      \
	X(COMMAND, "command") /* the next line is a command */                           \
	X(AUTH, "auth")       /* the next line belongs to AUTH */                        \
	X(DATA, "data")       /* message text up to the dot */                           \
	X(BDAT, "bdat")       /* a counted piece of the message */                       \
	X(BUSY, "busy")       /* a job or a filter is at work; input waits */            \
	X(TLS, "tls")         /* hands are being shaken */                               \
	X(CLOSING, "closing") /* the last reply is on its way */

enum smtp_state {
#define X(name, text) SMTP_STATE_##name,
	SMTP_STATE_LIST(X)
#undef X
};
const char *smtp_state_str(enum smtp_state s);

struct smtp_session;
struct smtp_receipt;

/*
 * A job of a session. Embedded, first, in the struct of whoever needs one. The session
 * may go while the job runs: then session is NULL in done(), which frees the struct
 * always.
 */
struct smtp_task {
	struct smtp_session *session;
	void (*work)(struct smtp_task *t);   /* in a worker; must not touch the session */
	void (*done)(struct smtp_task *t);   /* in the loop */
	void (*cancel)(struct smtp_task *t); /* in the loop: the session goes; or NULL */
};

struct smtp_session {
	struct list link;
	struct smtp *smtp;
	struct smtp_loop *at;
	struct stream *stream;
	struct log_ctx log;
	enum smtp_door door;
	enum smtp_state state;
	char *peer;
	char *helo;   /* NULL: not greeted */
	bool esmtp;   /* by EHLO or LHLO */
	bool counted; /* in the peer's connections */
	unsigned errors;
	unsigned auth_failures;
	uint64_t user; /* signed in */
	char *user_address;
	struct smtp_envelope *envelope; /* from MAIL on */
	bool quarantine;                /* a filter said so of this session */
	bool quarantine_mail;           /* ... of this message */
	void *progress; /* of the command that is under way, in its own file */
	void (*progress_free)(struct smtp_session *x); /* frees it */
	struct smtp_task *task;
	struct filter_run *run;
	struct filter_input facts;
	void (*after_filters)(
		struct smtp_session *x); /* the second half of the command */
	enum smtp_reply refusal;         /* the command's usual refusal by a filter */
	struct loop_timer timer;         /* idle, or the whole of a message */
};

static inline bool
smtp_is_lmtp(const struct smtp_session *x)
{
	return x->door == SMTP_DOOR_LMTP;
}

static inline bool
smtp_is_submission(const struct smtp_session *x)
{
	return x->door == SMTP_DOOR_SUBMIT || x->door == SMTP_DOOR_SUBMIT_TLS;
}

/* The one place where the state changes. */
void smtp_session_enter(struct smtp_session *x, enum smtp_state to);
void smtp_session_reply(struct smtp_session *x, enum smtp_reply r);
void smtp_session_reply_text(struct smtp_session *x, enum smtp_reply r, const char *text);
/* A reply that counts as the peer's error; too many end the session. */
void smtp_session_refuse(struct smtp_session *x, enum smtp_reply r, struct span what);
/* The last word, then the connection ends when it is written. */
void smtp_session_close(struct smtp_session *x, enum smtp_reply r);
/* Forgets the mail transaction (RSET, a new greeting, an end). */
void smtp_session_reset(struct smtp_session *x);
/* Goes on with what lies in the input; after a job or a filter, state COMMAND is set. */
void smtp_session_resume(struct smtp_session *x);
/* state BUSY until done() has run. */
void smtp_session_task(struct smtp_session *x, struct smtp_task *t);
/* The same for what runs elsewhere: it is over with smtp_session_task_end(), in the loop.
 */
void smtp_session_task_aside(struct smtp_session *x, struct smtp_task *t);
void smtp_session_task_end(struct smtp_task *t);
void smtp_session_progress_free(struct smtp_session *x);
/*
 * Asks the chain at this stage, then calls next (at once if nobody is to be asked); not
 * if a filter refused, then its reply is given.
 */
void smtp_session_ask(struct smtp_session *x, enum filter_stage stage,
                      enum smtp_reply refusal, void (*next)(struct smtp_session *x));

/* smtp_command.c: one command line. */
void smtp_command_run(struct smtp_session *x, struct span line);
void smtp_command_greet(struct smtp_session *x);

/* smtp_auth.c */
void smtp_auth_start(struct smtp_session *x, struct span args);
void smtp_auth_line(struct smtp_session *x, struct span line);

/* smtp_rcpt.c */
void smtp_mail_start(struct smtp_session *x, struct span args);
void smtp_rcpt_start(struct smtp_session *x, struct span args);

/* smtp_receive.c */
void smtp_data_start(struct smtp_session *x, struct span args);
void smtp_bdat_start(struct smtp_session *x, struct span args);
/* Returns how many bytes it took. */
size_t smtp_receive_feed(struct smtp_session *x, struct span in);

/* smtp_session.c */
void
smtp_session_accept(struct smtp *s, struct smtp_loop *at, int fd, enum smtp_door door);
/* Ends it at once, with nothing said. */
void smtp_session_abort(struct smtp_session *x);
void smtp_session_drain(struct smtp_session *x);

#endif
