/* SPDX-License-Identifier: ISC
 *
 * load_phone.c - a phone: FolderSync, Sync until all is there, then Ping for ever.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/wbxml.h"
#include "format/wbxml_tags.h"
#include "tests/bench/load.h"

enum phone_state { PHONE_FOLDERS, PHONE_SYNC, PHONE_PING };

static void
post(struct load_client *c, const char *cmd, struct buf *body)
{
	char user[128];
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	AUTO_DONE(buf) struct buf basic = BUF_INIT(0);
	load_user(c->load, c->user, user, sizeof(user));
	buf_addf(&basic, "%s:%s", user, c->load->conf->password);
	buf_addf(&out,
	         "POST /Microsoft-Server-ActiveSync?Cmd=%s&User=%s&DeviceId=BENCH%05u&"
	         "DeviceType=Bench HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic ",
	         cmd, user, c->user);
	base64_encode(buf_span(&basic), &out);
	buf_addf(
		&out,
		"\r\nMS-ASProtocolVersion: 16.1\r\nUser-Agent: godwit-load\r\n"
		"Content-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: %zu\r\n\r\n",
		body->len);
	buf_move(&out, body);
	stream_write_buf(c->stream, &out);
}

static void
ask_folders(struct load_client *c)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct wbxml_writer w;
	wbxml_writer_init(&w, &b);
	wbxml_start(&w, WBXML_FOLDERHIERARCHY_FOLDERSYNC);
	wbxml_str(&w, WBXML_FOLDERHIERARCHY_SYNCKEY, "0");
	wbxml_end(&w);
	c->state = PHONE_FOLDERS;
	post(c, "FolderSync", &b);
}

static void
ask_sync(struct load_client *c)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct wbxml_writer w;
	wbxml_writer_init(&w, &b);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_start(&w, WBXML_AIRSYNC_COLLECTIONS);
	wbxml_start(&w, WBXML_AIRSYNC_COLLECTION);
	wbxml_str(&w, WBXML_AIRSYNC_SYNCKEY, c->sync_key);
	wbxml_str(&w, WBXML_AIRSYNC_COLLECTIONID, c->inbox);
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	c->state = PHONE_SYNC;
	post(c, "Sync", &b);
}

static void
ask_ping(struct load_client *c)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct wbxml_writer w;
	wbxml_writer_init(&w, &b);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_HEARTBEATINTERVAL, c->load->conf->heartbeat_s);
	wbxml_start(&w, WBXML_PING_FOLDERS);
	wbxml_start(&w, WBXML_PING_FOLDER);
	wbxml_str(&w, WBXML_PING_ID, c->inbox);
	wbxml_str(&w, WBXML_PING_CLASS, "Email");
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	c->state = PHONE_PING;
	post(c, "Ping", &b);
	if (!c->waits) {
		c->waits = true;
		c->events->waiting(c->load, c);
	}
}

static void
copy_text(struct span s, char *ret, size_t size)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;
	memcpy(ret, s.p, n);
	ret[n] = '\0';
}

static bool
take_folders(struct load_client *c, struct wbxml_node *root)
{
	struct wbxml_node *changes = wbxml_child(root, WBXML_FOLDERHIERARCHY_CHANGES);
	struct wbxml_node *add = wbxml_child(changes, WBXML_FOLDERHIERARCHY_ADD);
	for (; add; add = wbxml_next(add, WBXML_FOLDERHIERARCHY_ADD)) {
		if (!span_is(wbxml_child_text(add, WBXML_FOLDERHIERARCHY_TYPE), "2"))
			continue;
		copy_text(wbxml_child_text(add, WBXML_FOLDERHIERARCHY_SERVERID), c->inbox,
		          sizeof(c->inbox));
		copy_text(SPAN("0"), c->sync_key, sizeof(c->sync_key));
		return true;
	}
	return false;
}

/* True when the answer could be read; *more: ask again before the Ping. */
static bool
take_sync(struct load_client *c, struct wbxml_node *root, bool *more)
{
	struct wbxml_node *l = wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS);
	struct wbxml_node *one = wbxml_child(l, WBXML_AIRSYNC_COLLECTION);
	struct span key = wbxml_child_text(one, WBXML_AIRSYNC_SYNCKEY);
	if (!one || key.n == 0)
		return false;
	*more = span_is(span_str(c->sync_key), "0") ||
	        wbxml_child(one, WBXML_AIRSYNC_MOREAVAILABLE);
	copy_text(key, c->sync_key, sizeof(c->sync_key));
	return true;
}

static void
on_answer(struct load_client *c, struct span body)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct wbxml_node *root = NULL;
	bool more = false;
	uint64_t now = clock_mono_us();

	if (body.n > 0 && wbxml_parse(body, NULL, a, &root) != RC_OK) {
		c->events->lost(c->load, c, "the answer is no WBXML");
		return;
	}
	switch ((enum phone_state)c->state) {
	case PHONE_FOLDERS:
		if (!take_folders(c, root))
			c->events->lost(c->load, c, "FolderSync shows no inbox");
		else
			ask_sync(c);
		return;
	case PHONE_SYNC:
		/* An empty answer means that there is nothing new. */
		if (root && !take_sync(c, root, &more))
			c->events->lost(c->load, c, "Sync was refused");
		else if (more)
			ask_sync(c);
		else
			ask_ping(c);
		return;
	case PHONE_PING:
		if (span_is(wbxml_child_text(root, WBXML_PING_STATUS), "2")) {
			c->events->woken(c->load, c, now);
			ask_sync(c);
		} else if (span_is(wbxml_child_text(root, WBXML_PING_STATUS), "1")) {
			ask_ping(c);
		} else {
			c->events->lost(c->load, c, "Ping was refused");
		}
		return;
	}
}

static void
on_open(void *owner)
{
	struct load_client *c = owner;
	if (stream_is_tls(c->stream))
		ask_folders(c);
	else
		stream_starttls_client(c->stream, c->load->tls, "localhost");
}

static void
on_input(void *owner)
{
	struct load_client *c = owner;
	struct span in = stream_input(c->stream);
	size_t head = span_ifind(in, SPAN("\r\n\r\n"));
	if (head == in.n)
		return;
	struct span header = span_sub(in, 0, head);
	if (!span_starts(header, "HTTP/1.1 200")) {
		char line[128];
		copy_text(span_sub(in, 0, span_find(in, 0, '\r')), line, sizeof(line));
		c->events->lost(c->load, c, line);
		return;
	}
	size_t at = span_ifind(header, SPAN("\r\ncontent-length:"));
	uint64_t n = 0;
	if (at < header.n) {
		struct span v =
			span_sub(header, at + 17, span_find(header, at + 17, '\r'));
		if (parse_u64(span_trim(v), 1 << 30, &n) != RC_OK) {
			c->events->lost(c->load, c, "bad Content-Length");
			return;
		}
	}
	if (in.n < head + 4 + n)
		return;
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	buf_add(&body, in.p + head + 4, n);
	stream_consume(c->stream, head + 4 + n);
	on_answer(c, buf_span(&body));
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	struct load_client *c = owner;
	c->events->lost(c->load, c, detail && *detail ? detail : stream_end_str(why));
}

static const struct stream_ops ops = { .on_open = on_open,
	                               .on_input = on_input,
	                               .on_end = on_end };
static const struct stream_limits limits = { .input_max = 16 << 20,
	                                     .handshake_ms = 120000 };

void
load_phone_start(struct load_client *c)
{
	struct sockaddr_in to;
	load_address(c->load, c->load->conf->https, &to);
	c->stream = stream_connect(c->load->loop, (struct sockaddr *)&to, sizeof(to),
	                           &limits, &ops, c);
}
