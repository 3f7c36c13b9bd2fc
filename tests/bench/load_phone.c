/* SPDX-License-Identifier: ISC
 *
 * load_phone.c - a phone: FolderSync and Sync until all is there, then Ping, or Sync with
 * a heartbeat, for ever. After a cut it goes on with what it knows, as phones do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/wbxml.h"
#include "tests/bench/load.h"

enum phone_step { PHONE_FOLDERS, PHONE_SYNC, PHONE_PING, PHONE_WAIT, PHONE_PROBE };

#define HEARTBEAT_MIN_S 60

static void
post(struct load_client *c, const char *cmd, struct buf *body)
{
	char user[128];
	AUTO_DONE(buf) struct buf target = BUF_INIT(0);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(0);
	AUTO_DONE(buf) struct buf basic = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct load *l = c->conn.load;
	load_user(l, c->user, user, sizeof(user));
	buf_addf(&plain, "%s:%s", user, l->conf->password);
	base64_encode(buf_span(&plain), &basic);
	buf_addf(&target,
	         "/Microsoft-Server-ActiveSync?Cmd=%s&User=%s&DeviceId=%s%06u&"
	         "DeviceType=Bench",
	         cmd, user, c->probe ? "PROBE" : "BENCH", c->number);
	const struct load_post p = { buf_span(&target), span_str(l->conf->protocol),
		                     buf_span(&basic), buf_span(body) };
	c->asked_us = clock_mono_us();
	if (!c->use_h2)
		load_http_write(&out, &p);
	else if (!load_h2_write(&c->h2, &out, &p)) {
		load_client_lost(c, "the server opens no HTTP/2 window");
		return;
	}
	load_conn_write(&c->conn, buf_span(&out));
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
	c->step = PHONE_FOLDERS;
	post(c, "FolderSync", &b);
}

/* heartbeat_s 0: answer at once. */
static void
ask_sync(struct load_client *c, enum phone_step step, unsigned heartbeat_s)
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
	if (heartbeat_s)
		wbxml_u64(&w, WBXML_AIRSYNC_HEARTBEATINTERVAL, heartbeat_s);
	wbxml_end(&w);
	c->step = (uint8_t)step;
	post(c, "Sync", &b);
}

static void
ask_ping(struct load_client *c, unsigned heartbeat_s)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct wbxml_writer w;
	wbxml_writer_init(&w, &b);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_HEARTBEATINTERVAL, heartbeat_s);
	wbxml_start(&w, WBXML_PING_FOLDERS);
	wbxml_start(&w, WBXML_PING_FOLDER);
	wbxml_str(&w, WBXML_PING_ID, c->inbox);
	wbxml_str(&w, WBXML_PING_CLASS, "Email");
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	c->step = PHONE_PING;
	post(c, "Ping", &b);
}

static void
ask_wait(struct load_client *c)
{
	const struct load_conf *conf = c->conn.load->conf;
	unsigned s = conf->heartbeat_s;
	if (c->probe) {
		c->parked = true;
		load_client_waits(c);
		return;
	}
	/* What is left of a heartbeat, when one looks at a phone at any moment. */
	if (!c->waits && conf->spread && s > HEARTBEAT_MIN_S)
		s = HEARTBEAT_MIN_S + (unsigned)random_below(s - HEARTBEAT_MIN_S);
	if (c->kind == LOAD_KIND_PING)
		ask_ping(c, s);
	else
		ask_sync(c, PHONE_WAIT, s);
	if (c->conn.state != LOAD_OPEN)
		return;
	c->parked = true;
	if (!c->waits)
		load_client_waits(c);
}

/* -- answers -- */

/* False: there is no room for it. */
static bool
copy_text(struct span s, char *ret, size_t size)
{
	if (s.n >= size)
		return false;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
	return true;
}

static bool
take_folders(struct load_client *c, struct wbxml_node *root)
{
	struct wbxml_node *changes = wbxml_child(root, WBXML_FOLDERHIERARCHY_CHANGES);
	struct wbxml_node *add = wbxml_child(changes, WBXML_FOLDERHIERARCHY_ADD);
	for (; add; add = wbxml_next(add, WBXML_FOLDERHIERARCHY_ADD)) {
		if (!span_is(wbxml_child_text(add, WBXML_FOLDERHIERARCHY_TYPE), "2"))
			continue;
		return copy_text(SPAN("0"), c->sync_key, sizeof(c->sync_key)) &&
		       copy_text(wbxml_child_text(add, WBXML_FOLDERHIERARCHY_SERVERID),
		                 c->inbox, sizeof(c->inbox));
	}
	return false;
}

/* False: refused. *news: it brought items; *more: ask again before waiting. */
static bool
take_sync(struct load_client *c, struct wbxml_node *root, bool *news, bool *more)
{
	struct wbxml_node *l = wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS);
	struct wbxml_node *one = wbxml_child(l, WBXML_AIRSYNC_COLLECTION);
	struct span key = wbxml_child_text(one, WBXML_AIRSYNC_SYNCKEY);
	if (!root) /* an empty answer: nothing new (MS-ASCMD 2.2.1.21) */
		return true;
	if (key.n == 0 || !span_is(wbxml_child_text(one, WBXML_AIRSYNC_STATUS), "1"))
		return false;
	*news = wbxml_child(one, WBXML_AIRSYNC_COMMANDS) != NULL;
	*more = span_is(span_str(c->sync_key), "0") ||
	        wbxml_child(one, WBXML_AIRSYNC_MOREAVAILABLE);
	return copy_text(key, c->sync_key, sizeof(c->sync_key));
}

static void
on_sync(struct load_client *c, struct wbxml_node *root, uint64_t now)
{
	enum phone_step step = c->step;
	bool news = false;
	bool more = false;
	if (!take_sync(c, root, &news, &more)) {
		c->inbox[0] = '\0'; /* it starts over */
		load_client_lost(c, "Sync was refused");
		return;
	}
	if (step == PHONE_PROBE) {
		c->parked = true;
		load_client_probed(c, now);
		return;
	}
	if (step == PHONE_WAIT && news)
		load_client_woken(c, now);
	else if (step == PHONE_WAIT)
		c->conn.load->crowd.beats++;
	if (more)
		ask_sync(c, PHONE_SYNC, 0);
	else
		ask_wait(c);
}

static void
on_ping(struct load_client *c, struct wbxml_node *root, uint64_t now)
{
	struct span status = wbxml_child_text(root, WBXML_PING_STATUS);
	if (span_is(status, "2")) {
		load_client_woken(c, now);
		ask_sync(c, PHONE_SYNC, 0);
	} else if (span_is(status, "1")) {
		c->conn.load->crowd.beats++;
		ask_wait(c);
	} else {
		load_client_lost(c, "Ping was refused");
	}
}

static void
ask_again(void *arg)
{
	struct load_client *c = arg;
	if (c->conn.state != LOAD_OPEN)
		return;
	if (!c->inbox[0])
		ask_folders(c);
	else if (c->step == PHONE_SYNC || c->step == PHONE_FOLDERS)
		ask_sync(c, PHONE_SYNC, 0);
	else
		ask_wait(c);
}

static void
on_answer(void *owner, const struct load_answer *a)
{
	struct load_client *c = owner;
	AUTO(arena)
	struct arena *arena = arena_new();
	struct wbxml_node *root = NULL;
	uint64_t now = clock_mono_us();
	char text[64];

	c->parked = false;
	if (a->status == 503 && a->retry_after_s > 0) {
		load_client_put_off(c, a->retry_after_s, ask_again);
		return;
	}
	if (a->status != 200) {
		snprintf(text, sizeof(text), "HTTP status %u", a->status);
		load_client_lost(c, text);
		return;
	}
	if (a->body.n > 0 && wbxml_parse(a->body, NULL, arena, &root) != RC_OK) {
		load_client_lost(c, "the answer is no WBXML");
		return;
	}
	switch ((enum phone_step)c->step) {
	case PHONE_FOLDERS:
		if (take_folders(c, root))
			ask_sync(c, PHONE_SYNC, 0);
		else
			load_client_lost(c, "FolderSync shows no inbox");
		return;
	case PHONE_SYNC:
	case PHONE_WAIT:
	case PHONE_PROBE:
		on_sync(c, root, now);
		return;
	case PHONE_PING:
		on_ping(c, root, now);
		return;
	}
}

/* -- the connection -- */

static void
on_open(void *owner)
{
	struct load_client *c = owner;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	const unsigned char *alpn;
	unsigned n;
	if (c->use_h2) {
		SSL_get0_alpn_selected(c->conn.ssl, &alpn, &n);
		if (n != 2) {
			load_client_lost(c, "the server speaks no HTTP/2");
			return;
		}
		load_h2_open(&c->h2, &out);
		load_conn_write(&c->conn, buf_span(&out));
	}
	if (c->inbox[0])
		ask_wait(c);
	else
		ask_folders(c);
}

static size_t
on_input(void *owner, struct span in)
{
	struct load_client *c = owner;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	const char *bad = NULL;
	size_t used;
	unsigned life = c->conn.life;
	if (c->use_h2)
		used = load_h2_read(&c->h2, in, &out, on_answer, c, &bad);
	else
		used = load_http_read(in, on_answer, c, &bad);
	if (c->conn.life != life)
		return used;
	if (bad)
		load_client_lost(c, bad);
	else if (out.len > 0)
		load_conn_write(&c->conn, buf_span(&out));
	return used;
}

static void
on_end(void *owner, const char *why)
{
	load_client_lost(owner, why);
}

static const struct load_conn_ops ops = { .on_open = on_open,
	                                  .on_input = on_input,
	                                  .on_end = on_end };

void
load_phone_open(struct load_client *c)
{
	c->conn.ops = &ops;
	if (!load_conn_open(&c->conn, load_client_source(c), c->conn.load->conf->https,
	                    c->use_h2 ? LOAD_TLS_H2 : LOAD_TLS))
		load_client_lost(c, strerror(errno));
}

void
load_phone_sync(struct load_client *c)
{
	c->parked = false;
	ask_sync(c, PHONE_PROBE, 0);
}
