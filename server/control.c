/* SPDX-License-Identifier: ISC
 *
 * control.c - the UNIX socket that godwitctl speaks to.
 */
#include "server/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/job.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stream.h"

#define LINE_MAX_BYTES (64 << 10)
#define WORDS_MAX 32
#define ANSWER_MAX (64 << 20)
#define ACCEPT_PAUSE_MS 100
#define STREAMS_MAX 4 /* at once: each has a worker to itself */

struct control {
	struct server *server;
	struct loop *loop;
	struct list clients;
	int door;
	struct loop_watch *watch; /* of the door; NULL without one */
	struct loop_timer pause;
	unsigned n_streams;
};

struct client {
	struct control *control; /* NULL: the control has gone */
	struct list link;
	struct stream *stream; /* NULL: the peer has gone */
	struct control_request request;
	enum rc rc;
	bool busy; /* a job has the request */
	uid_t uid; /* of who has opened it */
	pid_t pid;
	int fd; /* of a command that has the connection for itself; -1: none */
};

static void
client_free(struct client *c)
{
	list_remove(&c->link);
	stream_free(c->stream);
	free(c);
}

static void
request_done(struct client *c)
{
	buf_done(&c->request.out);
	arena_free(c->request.arena);
	c->request = (struct control_request){ 0 };
	c->busy = false;
}

static enum rc
split_words(struct control_request *r, struct span line)
{
	struct span word;
	r->words = arena_array(r->arena, WORDS_MAX, struct span);
	while (span_cut(&line, ' ', &word)) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(LINE_MAX_BYTES);
		if (r->n_words == WORDS_MAX)
			return RC_TOO_BIG;
		enum rc rc = percent_decode(word, false, &b);
		if (rc != RC_OK)
			return rc;
		r->words[r->n_words++] = arena_span(r->arena, buf_span(&b));
	}
	return RC_OK;
}

static void
run_work(void *arg)
{
	struct client *c = arg;
	c->rc = control_run(&c->request);
}

/* Puts '+' before each row and the verdict behind them. */
static void
write_answer(struct client *c)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span rest = buf_span(&c->request.out), row;
	while (span_cut(&rest, '\n', &row)) {
		buf_add_char(&b, '+');
		buf_add_span(&b, row);
		buf_add_char(&b, '\n');
	}
	if (c->rc == RC_OK && buf_ok(&c->request.out))
		buf_add_str(&b, "OK\n");
	else
		buf_addf(&b, "ERR %s\n",
		         *c->request.err.text ? c->request.err.text : rc_str(c->rc));
	stream_write_buf(c->stream, &b);
}

/* The kernel knows who has opened the socket. */
static void
name_actor(struct client *c)
{
	struct arena *a = c->request.arena;
	c->request.by = (struct mdm_actor){
		.who = c->uid == 0
		               ? SPAN("root")
		               : span_str(arena_printf(a, "uid %u", (unsigned)c->uid)),
		.where = span_str(arena_printf(a, "control socket, pid %d", (int)c->pid)),
	};
}

static void on_input(void *owner);

static void
run_done(void *arg)
{
	struct client *c = arg;
	if (c->stream)
		write_answer(c);
	request_done(c);
	if (!c->stream || !c->control)
		client_free(c);
	else
		on_input(c);
}

static void
refuse(struct client *c, const char *why)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_addf(&b, "ERR %s\n", why);
	stream_write_buf(c->stream, &b);
	stream_close(c->stream);
}

static void
stream_work(void *arg)
{
	struct client *c = arg;
	control_stream_run(&c->request, c->fd);
}

static void
stream_done(void *arg)
{
	struct client *c = arg;
	close(c->fd);
	c->fd = -1;
	if (c->control)
		c->control->n_streams--;
	request_done(c);
	client_free(c);
}

/* The worker reads and writes the socket by itself, at the pace of the client. */
static void
start_stream(struct client *c)
{
	if (stream_input(c->stream).n > 0 || stream_output_len(c->stream) > 0 ||
	    c->control->n_streams == STREAMS_MAX) {
		request_done(c);
		refuse(c, "busy with other backups");
		return;
	}
	c->control->n_streams++;
	c->fd = stream_detach(c->stream);
	c->stream = NULL;
	c->busy = true;
	job_run(server_jobs(c->control->server), 0, c->control->loop, stream_work,
	        stream_done, c);
}

static void
on_input(void *owner)
{
	struct client *c = owner;
	if (c->busy)
		return;
	struct span in = stream_input(c->stream);
	size_t end = span_find(in, 0, '\n');
	if (end == in.n) {
		if (in.n >= LINE_MAX_BYTES)
			refuse(c, "the line is too long");
		return;
	}
	c->request = (struct control_request){ .server = c->control->server,
		                               .arena = arena_new(),
		                               .out = BUF_INIT(ANSWER_MAX) };
	name_actor(c);
	enum rc rc = split_words(&c->request, span_sub(in, 0, end));
	stream_consume(c->stream, end + 1);
	if (rc != RC_OK) {
		request_done(c);
		refuse(c, "the line cannot be read");
		return;
	}
	if (control_is_stream(&c->request)) {
		start_stream(c);
		return;
	}
	c->busy = true;
	job_run(server_jobs(c->control->server), 0, c->control->loop, run_work, run_done,
	        c);
}

static void
on_end(void *owner, enum stream_end why UNUSED, const char *detail UNUSED)
{
	struct client *c = owner;
	stream_free(c->stream);
	c->stream = NULL;
	if (!c->busy)
		client_free(c);
}

static const struct stream_ops ops = { .on_input = on_input, .on_end = on_end };
static const struct stream_limits limits = { .input_max = LINE_MAX_BYTES,
	                                     .idle_ms = 600000 };

static void
on_arrival(int door, unsigned io UNUSED, void *arg)
{
	struct control *control = arg;
	int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		/* Out of descriptors, say: the door would call again and again. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_watch_set(control->watch, 0);
			loop_timer_set(&control->pause, ACCEPT_PAUSE_MS);
		}
		return;
	}
	struct client *c = xcalloc(1, sizeof(*c));
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	c->uid = peer.uid;
	c->pid = peer.pid;
	c->control = control;
	c->fd = -1;
	list_push_back(&control->clients, &c->link);
	c->stream = stream_accept(control->loop, fd, NULL, SPAN(""), &limits, &ops, c);
}

static void
on_pause_over(void *arg)
{
	struct control *control = arg;
	if (control->watch)
		loop_watch_set(control->watch, LOOP_IO_READ);
}

void
control_listen(struct control *control, int fd)
{
	loop_timer_clear(&control->pause);
	if (control->watch) {
		loop_watch_free(control->watch);
		close(control->door);
		control->watch = NULL;
	}
	if (fd < 0)
		return;
	control->door = fd;
	control->watch = loop_watch_new(control->loop, fd, on_arrival, control);
	loop_watch_set(control->watch, LOOP_IO_READ);
}

struct control *
control_new(struct server *s, struct loop *main)
{
	struct control *c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->loop = main;
	list_init(&c->clients);
	loop_timer_init(&c->pause, main, on_pause_over, c);
	return c;
}

void
control_free(struct control *control)
{
	control_listen(control, -1);
	list_each_safe(c, &control->clients, struct client, link) {
		list_remove(&c->link);
		c->control = NULL;
		stream_free(c->stream);
		c->stream = NULL;
		if (c->fd >= 0)
			shutdown(c->fd, SHUT_RDWR);
		if (!c->busy)
			client_free(c);
	}
	free(control);
}
