/* SPDX-License-Identifier: ISC
 *
 * fuzz_smtp.c - a whole session: byte 0 chooses the door and how the bytes are cut, the
 * rest is what a peer sends. Jobs, store and replies are real.
 *
 * However it goes, every reply is well-formed, the session ends when the peer does, and
 * mail reaches only who was named in a RCPT line (the sentinel user never is).
 */
#include "tests/fake/smtp_rig.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp/smtp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 65536

static struct smtp_rig *rig;
static uint64_t sentinel;

static void
tear_down(void)
{
	void *state = rig;
	rig_teardown(&state);
}

static void
set_up(void)
{
	void *state = NULL;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	if (rig_setup(&state))
		abort();
	rig = state;
	rig->conf.message_max = 16384;
	rig->conf.recipients_max = 20;
	sentinel = rig_user(rig, "qzjx7sentinel@example.org");
	rig_start(rig);
	atexit(tear_down);
}

static void
check_replies(struct buf *in)
{
	struct smtp_answer a;
	size_t used, at = 0;
	enum rc rc;
	while ((rc = smtp_answer_next(span_sub(buf_span(in), at, buf_len(in)), &a,
	                              &used)) == RC_OK)
		at += used;
	/* All that was said are whole replies, unless the socket broke in the middle. */
	if (rc != RC_AGAIN)
		abort();
}

static void
take_replies(int fd, struct buf *replies, bool *idle)
{
	char got[4096];
	loop_run_once(rig->loop, false);
	ssize_t n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	if (n > 0)
		buf_add(replies, got, (size_t)n);
	*idle = n <= 0 && !jobs_pending(rig->jobs);
}

/* How much is sent at once: all, a line, or step bytes. */
static size_t
next_piece(struct span rest, uint8_t how)
{
	if (how & 0x80)
		return rest.n;
	if (how & 0x40) {
		size_t lf = span_find(rest, 0, '\n');
		return lf < rest.n ? lf + 1 : rest.n;
	}
	size_t step = 1u + (how >> 2);
	return step < rest.n ? step : rest.n;
}

/* Line by line it waits for the reply, as an honest peer does. */
static void
talk(int fd, struct span bytes, uint8_t how, struct buf *replies)
{
	unsigned quiet = 0;
	bool idle = false;
	while (bytes.n || quiet < 3) {
		bool may_send = !(how & 0x40) || quiet >= 2;
		if (bytes.n && may_send) {
			size_t n = next_piece(bytes, how);
			ssize_t sent = send(fd, bytes.p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (sent < 0 && errno != EAGAIN)
				sent = (ssize_t)bytes.n;
			if (sent > 0)
				bytes = span_sub(bytes, (size_t)sent, bytes.n);
			quiet = 0;
		}
		take_replies(fd, replies, &idle);
		quiet = idle ? quiet + 1 : 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum smtp_door doors[] = { SMTP_DOOR_RECEIVE, SMTP_DOOR_SUBMIT,
		                                SMTP_DOOR_LMTP };
	struct buf replies = BUF_INIT(0);
	int fd[2];
	if (!rig)
		set_up();
	if (size < 1 || size > INPUT_MAX)
		return 0;
	struct span bytes = span_of((const char *)data + 1, size - 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd))
		abort();
	smtp_accept(rig->smtp, rig->loop, fd[0], doors[(data[0] & 3) % ARRAY_LEN(doors)]);
	talk(fd[1], bytes, data[0], &replies);
	close(fd[1]);
	for (int i = 0; smtp_connections(rig->smtp) || jobs_pending(rig->jobs); i++) {
		loop_run_once(rig->loop, false);
		if (i > 10000000)
			abort();
	}
	loop_run_once(rig->loop, false);
	check_replies(&replies);
	if (span_ifind(bytes, SPAN("qzjx7sentinel")) == bytes.n &&
	    rig_count(rig, sentinel, STORE_ROLE_INBOX))
		abort();
	buf_done(&replies);
	return 0;
}
