/* SPDX-License-Identifier: ISC
 *
 * imap_private.h - a session and the command that it runs, for imap/'s own files.
 *
 * A session belongs to its loop. One command runs at a time: the loop parses it, slices
 * of it run in workers (strand: the user), the loop writes what each slice made. While a
 * command runs, the fields marked [run] are the worker's; the loop leaves them alone.
 */
#ifndef IMAP_IMAP_PRIVATE_H
#define IMAP_IMAP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metric.h"
#include "imap/imap.h"
#include "imap/imap_frame.h"
#include "imap/imap_read.h"
#include "push/push_wait.h"
#include "store/store_item.h"

/* Bytes of output after which a slice ends; two of them may lie in memory. */
#define IMAP_SLICE_BYTES (128U * 1024)
#define IMAP_SLICE_MS 50
/* A slice that the store could not serve now is tried so often, each time later. */
#define IMAP_RETRIES 6
#define IMAP_RETRY_MS 100

#define IMAP_STATE_LIST(X)                                                               \
	X(OPENING, "opening", 1)                                                         \
	X(LOGIN, "not authenticated", 2)                                                 \
	X(READY, "authenticated", 4)                                                     \
	X(SELECTED, "selected", 8)                                                       \
	X(CLOSING, "logout", 16)

/* Bits, so that a command's allowed states are or'ed. */
enum imap_state {
#define X(name, text, bit) IMAP_STATE_##name = (bit),
	IMAP_STATE_LIST(X)
#undef X
};
const char *imap_state_str(enum imap_state s);

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD };

extern struct metric imap_metric_commands;
extern struct metric imap_metric_bad;
extern struct metric imap_metric_logins;
extern struct metric imap_metric_refused;
extern struct metric imap_metric_idling;
extern struct metric imap_metric_bytes_out;

struct imap {
	struct imap_conf conf; /* lists not used after imap_new() */
	struct imap_deps deps;
	pthread_mutex_t lock;
	struct list sessions; /* lock */
	size_t n_sessions;    /* lock */
	struct htab users;    /* lock: connections of each user */
};

struct imap_view;
struct imap_idle;
struct imap_run;

struct imap_session {
	struct imap *im;
	struct loop *loop;
	struct stream *stream; /* NULL: the peer is gone */
	struct list link;
	struct log_ctx log;
	enum imap_state state;
	bool draining;
	uint8_t bad_commands;
	uint8_t auth_failures;
	struct loop_timer timer; /* sign-in limit; later: quiet for long */
	struct imap_frame frame;
	struct imap_run *run;   /* NULL: between commands */
	struct imap_idle *idle; /* not NULL: in IDLE */

	uint64_t user;
	char *address; /* of the user; NULL before sign-in */
	uint64_t opened_ms;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint32_t commands;

	/* [run] */
	uint64_t password_version; /* the one that was signed in with */
	uint32_t access_moves; /* push_access_moves() before access was looked at last */
	uint32_t access_s;     /* when that was, of the monotonic clock */
	bool condstore;        /* the client knows modseqs (RFC 7162 3.1) */
	bool qresync;
	bool utf8;
	bool rev2;
	struct imap_view *view;   /* NULL: nothing selected */
	struct imap_range *saved; /* "$" (RFC 5182): UIDs, rising */
	size_t n_saved;
};

enum imap_cmd_flag {
	IMAP_CMD_UID = 1,     /* has a form with UID in front */
	IMAP_CMD_HOLD = 2,    /* without UID: no EXPUNGE in its answer (RFC 9051 7.5.1) */
	IMAP_CMD_NO_SYNC = 4, /* what is new in the mailbox is not told at its end */
	IMAP_CMD_WRITE = 8,   /* not on what EXAMINE opened */
	IMAP_CMD_PLAIN = 16,  /* STARTTLS: only before TLS */
	IMAP_CMD_PATTERN = 32, /* a name that cannot be finds nothing */
	IMAP_CMD_ASIDE =
		64, /* work is called in the loop, once; imap_run_go_on() ends it */
};

/* In the loop: reads the arguments into run->state; an error is in run->rd.error. A
 * command without work has its answer after it. */
typedef void imap_parse_fn(struct imap_run *run);
/* In a worker: a slice; true when that was the last. */
typedef bool imap_work_fn(struct imap_run *run);
/* In the loop, after the last slice, before the tagged answer is written. */
typedef void imap_finish_fn(struct imap_run *run);

struct imap_cmd {
	const char *name;
	unsigned states;
	unsigned flags;
	imap_parse_fn *parse;
	imap_work_fn *work;
	imap_finish_fn *finish;
	const char *capability; /* what the command brings, or NULL */
};

enum imap_phase { IMAP_PHASE_WORK, IMAP_PHASE_SYNC, IMAP_PHASE_END };

/* A command from its last byte to its tagged answer. */
struct imap_run {
	struct imap_session *s;
	const struct imap_cmd *cmd;
	struct arena *arena; /* lives as long as the run */
	struct buf line;     /* the command's bytes */
	struct imap_read rd;
	struct span tag;
	bool by_uid;
	bool in_worker;  /* a slice is on its way */
	bool wants_line; /* AUTHENTICATE waits for the client's next line */
	bool delayed;    /* finish() puts the answer off: imap_run_end() comes again */
	bool finished;   /* finish() was called */
	bool silent;     /* ends without a tagged answer: what IDLE runs */
	enum imap_phase phase; /* parse sets END when it has the answer */
	void *state;           /* the command's own, in arena */
	struct buf out;        /* untagged answers of this slice */
	enum imap_status status;
	const char *code; /* "TRYCREATE", or NULL; in arena or static */
	const char *text;
	bool bye;         /* "* BYE text" in place of the tagged answer, and the end */
	bool broken;      /* a literal could not be finished: close at once */
	bool again;       /* the store wants it tried again: the next slice comes later */
	uint8_t failures; /* of that kind, one after the other */
	uint64_t moved_us;     /* of what woke an IDLE: push_wait_moved_us(); 0: none */
	atomic_bool cancelled; /* the peer is gone: stop at the next step */
};

/* imap_cmd.c */
const struct imap_cmd *imap_cmd_find(struct span name);
/* "IMAP4rev1 ..." as the session's state and TLS allow. */
void imap_capability_write(const struct imap_session *s, struct buf *out);

/* imap_session.c */
struct imap_session *imap_session_new(struct imap *im, struct loop *l, int fd, bool tls);
/* The one place where the state changes. */
void imap_session_move(struct imap_session *s, enum imap_state to);
/* Says BYE when the command that runs has ended, or now. */
void imap_session_drain(struct imap_session *s);
void imap_session_abort(struct imap_session *s);
/* The last slice of a session whose stream is gone has ended. */
void imap_session_gone(struct imap_session *s);
void imap_session_write(struct imap_session *s, struct buf *b);
/* Says "* BYE text" and closes when it is written. */
void imap_session_bye(struct imap_session *s, const char *text);
/* A command has ended: when none follows for long the map is forgotten. */
void imap_session_rest(struct imap_session *s);
/* Signed in: the limit for that is off. */
void imap_session_welcome(struct imap_session *s);
/* Reads on: what lies in the stream. Safe to call at any time in the loop. */
void imap_session_pump(struct imap_session *s);

/* imap_run.c */
/* Takes the bytes of a whole command. */
void imap_run_start(struct imap_session *s, struct buf *line);
/* The next slice goes to a worker. */
void imap_run_submit(struct imap_run *r);
/* What work began aside is done (also when the session's peer has gone meanwhile). */
void imap_run_go_on(struct imap_run *r);
/* Writes the tagged answer; r is freed. The caller reads on with imap_session_pump(),
 * unless that is what called. */
void imap_run_end(struct imap_run *r);
void imap_run_free(struct imap_run *r);
/* What IDLE runs when the mailbox moved: the news alone. */
void imap_run_refresh(struct imap_session *s, uint64_t moved_us);
/* The output is written: the next slice may come. */
void imap_run_on_drain(struct imap_run *r);

/* imap_reply.c: code (or NULL) and text must outlive the run: static or in its arena. */
void imap_reply(struct imap_run *r, enum imap_status status, const char *code,
                const char *text);
/* The one translation of rc; RC_OK gives "OK done". */
void imap_reply_rc(struct imap_run *r, enum rc rc, const char *what);
/* The same where a missing target mailbox is meant (RFC 9051 6.3.12, TRYCREATE). */
void imap_reply_target_rc(struct imap_run *r, enum rc rc, const char *what);

/* Who writes, for the change log. */
extern const struct store_actor imap_actor;
/* store_write() for the session's user. */
enum rc imap_begin(struct imap_run *r, struct store_tx **ret) MUST_CHECK;
/* store_read() for the session's user. */
enum rc imap_look(struct imap_run *r, struct store_tx **ret) MUST_CHECK;

/* imap.c: counts a connection of a user; false when there are too many. */
bool imap_user_enter(struct imap *im, uint64_t user);
void imap_user_leave(struct imap *im, uint64_t user);
void imap_session_forget(struct imap_session *s);

/* Each command's own file. */
imap_parse_fn imap_capability_parse, imap_noop_parse, imap_logout_parse, imap_id_parse,
	imap_enable_parse, imap_starttls_parse, imap_authenticate_parse, imap_login_parse,
	imap_select_parse, imap_examine_parse, imap_create_parse, imap_delete_parse,
	imap_rename_parse, imap_subscribe_parse, imap_unsubscribe_parse, imap_list_parse,
	imap_lsub_parse, imap_namespace_parse, imap_status_parse, imap_append_parse,
	imap_idle_parse, imap_expunge_parse, imap_search_parse, imap_fetch_parse,
	imap_store_parse, imap_copy_parse, imap_move_parse;
imap_work_fn imap_noop_work, imap_login_work, imap_select_work, imap_close_work,
	imap_create_work, imap_delete_work, imap_rename_work, imap_subscribe_work,
	imap_list_work, imap_status_work, imap_append_work, imap_expunge_work,
	imap_search_work, imap_fetch_work, imap_store_work, imap_copy_work;
imap_finish_fn imap_login_finish, imap_delete_finish, imap_select_finish,
	imap_close_finish, imap_logout_finish, imap_idle_finish;

/* imap_auth.c: the peer has gone while r signs it in. */
void imap_auth_cancel(struct imap_run *r);
/* A line of the SASL exchange, without its end. */
void imap_auth_line(struct imap_run *r, struct span line);
/* In a worker: may the user go on? False: r says BYE. */
bool imap_auth_holds(struct imap_run *r);
/* imap_idle.c: a line while idling. */
void imap_idle_line(struct imap_session *s, struct span line);
/* Looks at the change log if there was a wake and no command runs. */
void imap_idle_go_on(struct imap_session *s);
/* The session ends: waiter and timers go. */
void imap_idle_stop(struct imap_session *s);

#endif
