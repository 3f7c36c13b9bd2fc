/* SPDX-License-Identifier: ISC
 *
 * fuzz_imap.c - bytes of a client: through the readers alone, and through whole sessions
 * on a real store, before and after sign-in.
 *
 * The first byte chooses: '0' readers, '1' a session not signed in, anything else a
 * session with INBOX selected.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "imap/imap_frame.h"
#include "imap/imap_read.h"
#include "imap/imap_utf7.h"
#include "tests/fake/imap_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A hang is a failure. */
#define PATIENCE_MS 60000

/* Each reader in turn on the same bytes. */
static void
read_all_ways(struct span command)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(1 << 20);
	struct imap_seqset set, flat;
	struct imap_flags flags;
	struct span s;
	int64_t t;
	uint64_t n;

	for (int way = 0; way < 10; way++) {
		struct imap_read r;
		imap_read_init(&r, command, a, way & 1);
		while (!r.error && imap_read_peek(&r) >= 0) {
			bool ok = false;
			switch (way) {
			case 0:
			case 1:
				ok = imap_read_mailbox(&r, &s);
				break;
			case 2:
			case 3:
				ok = imap_read_pattern(&r, &s);
				break;
			case 4:
				ok = imap_read_set(&r, &set);
				if (ok && !set.saved)
					imap_seqset_resolve(&set, 1000, a, &flat);
				break;
			case 5:
				ok = imap_read_flags(&r, true, &flags);
				break;
			case 6:
				ok = imap_read_date(&r, &t);
				break;
			case 7:
				ok = imap_read_date_time(&r, &t);
				break;
			case 8:
				ok = imap_read_skip_value(&r);
				break;
			case 9:
				ok = imap_read_u64(&r, &n);
				break;
			}
			if (!ok || !imap_read_if(&r, ' '))
				break;
		}
	}
	if (imap_utf7_decode(command, &b) == RC_OK) {
		/* One name, one way to write it. */
		AUTO_DONE(buf) struct buf back = BUF_INIT(0);
		imap_utf7_encode(buf_span(&b), &back);
		if (!span_eq(buf_span(&back), command))
			abort();
	}
}

static void
fuzz_readers(struct span in)
{
	struct imap_frame f;

	imap_frame_init(&f);
	f.line_max = 2000;
	f.literal_max = 1000;
	f.append_max = 4000;
	for (size_t piece = 1; in.n > 0; piece = piece * 3 % 97) {
		enum imap_frame_event ev;
		size_t n = imap_frame_feed(&f, span_sub(in, 0, piece), &ev);
		if (n == 0)
			abort();
		in = span_sub(in, n, in.n);
		if (buf_len(&f.bytes) > 2000 + 4000 + 2)
			abort();
		if (ev == IMAP_FRAME_MORE || ev == IMAP_FRAME_CONTINUE)
			continue;
		if (ev == IMAP_FRAME_COMMAND)
			read_all_ways(buf_span(&f.bytes));
		imap_frame_next(&f);
		if (ev == IMAP_FRAME_FATAL)
			break;
	}
	imap_frame_done(&f);
}

static struct imap_rig rig;
static bool running;

static void
stop_rig(void)
{
	if (running)
		imap_rig_stop(&rig);
	running = false;
}

static void
quiet(enum log_level level UNUSED, const char *line UNUSED, void *arg UNUSED)
{
}

/* Mailboxes copied into themselves double each time. */
static bool
is_too_full(void)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection *c;
	size_t n, items = 0;

	if (store_read(rig.store, rig.user, &tx) || store_collection_list(tx, a, &c, &n))
		abort();
	for (size_t i = 0; i < n; i++)
		items += c[i].exists;
	return items > 200 || n > 500;
}

static void
start_rig(void)
{
	static bool registered;

	if (running && is_too_full())
		stop_rig();
	if (running)
		return;
	log_set_sink(quiet, NULL);
	imap_rig_conf(&rig);
	rig.conf.literal_max = 4096;
	rig.conf.message_max = 65536;
	imap_rig_start(&rig);
	running = true;
	if (!registered)
		atexit(stop_rig);
	registered = true;
}

/* Sends all, reads all; the server must end by itself when we have. */
static void
fuzz_session(struct span in, bool sign_in)
{
	static const char hello[] = "x LOGIN alice@example.org wonderland\r\n"
				    "x SELECT INBOX\r\n"
				    "x APPEND INBOX {12+}\r\nA: b\r\n\r\nhi\r\n\r\n";
	struct span first = span_str(sign_in ? hello : "");
	char scratch[65536];
	bool open = true;

	start_rig();
	int fd = imap_rig_connect(&rig, false);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN | (open ? POLLOUT : 0) };
		int n_ready = poll(&p, 1, PATIENCE_MS);
		if (n_ready < 0 && errno == EINTR)
			continue; /* libFuzzer's alarm */
		if (n_ready != 1)
			abort();
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			ssize_t n = recv(fd, scratch, sizeof(scratch), 0);
			if (n <= 0)
				break;
		}
		if (!open || !(p.revents & POLLOUT))
			continue;
		struct span *s = first.n > 0 ? &first : &in;
		ssize_t n = send(fd, s->p, s->n, MSG_NOSIGNAL);
		if (n > 0)
			*s = span_sub(*s, (size_t)n, s->n);
		if (first.n == 0 && in.n == 0) {
			shutdown(fd, SHUT_WR);
			open = false;
		}
	}
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 100000)
		return 0;
	struct span in = span_of((const char *)data + 1, size - 1);
	if (data[0] == '0')
		fuzz_readers(in);
	else
		fuzz_session(in, data[0] != '1');
	return 0;
}
