/* SPDX-License-Identifier: ISC
 *
 * godwit-mime.c - prints the structure and envelope of messages as JSON, a line a file.
 *
 * usage: godwit-mime [-t] file...    -t: with decoded texts and the parts a reader sees
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/mime.h"
#include "format/mime_text.h"

static void
add_key(struct buf *out, const char *key)
{
	if (out->len > 0 && out->p[out->len - 1] != '{')
		buf_add_char(out, ',');
	buf_addf(out, "\"%s\":", key);
}

static void
add_text(struct buf *out, const char *key, struct span s)
{
	add_key(out, key);
	if (s.p)
		buf_add_json(out, s);
	else
		buf_add_str(out, "null");
}

static void
add_number(struct buf *out, const char *key, uint64_t v)
{
	add_key(out, key);
	buf_add_u64(out, v);
}

static void
add_params(struct buf *out, const char *key, const struct mime_param *p)
{
	add_key(out, key);
	buf_add_char(out, '{');
	for (bool first = true; p; p = p->next, first = false) {
		if (!first)
			buf_add_char(out, ',');
		buf_add_json(out, p->name);
		buf_add_char(out, ':');
		buf_add_json(out, p->value);
	}
	buf_add_char(out, '}');
}

static void
add_addresses(struct buf *out, const char *key, const struct mime_address *p)
{
	add_key(out, key);
	buf_add_char(out, '[');
	for (bool first = true; p; p = p->next, first = false) {
		buf_add_str(out, first ? "[" : ",[");
		buf_add_json(out, p->name);
		buf_add_char(out, ',');
		buf_add_json(out, p->mailbox);
		buf_add_char(out, ',');
		buf_add_json(out, p->host);
		buf_add_char(out, ']');
	}
	buf_add_char(out, ']');
}

static void
add_envelope(struct buf *out, const struct mime_envelope *e)
{
	add_key(out, "envelope");
	buf_add_char(out, '{');
	add_text(out, "date", e->date);
	add_key(out, "date_ms");
	if (e->date_ms == INT64_MIN)
		buf_add_str(out, "null");
	else
		buf_addf(out, "%lld", (long long)e->date_ms);
	add_text(out, "subject", e->subject);
	add_addresses(out, "from", e->from);
	add_addresses(out, "sender", e->sender);
	add_addresses(out, "reply-to", e->reply_to);
	add_addresses(out, "to", e->to);
	add_addresses(out, "cc", e->cc);
	add_addresses(out, "bcc", e->bcc);
	add_text(out, "in-reply-to", e->in_reply_to);
	add_text(out, "message-id", e->message_id);
	add_text(out, "references", e->references);
	buf_add_char(out, '}');
}

/* Opens the object of a part; its children and its end follow. */
static void
open_part(struct buf *out, const struct mime_part *p)
{
	buf_add_char(out, '{');
	add_text(out, "type", p->type);
	add_text(out, "subtype", p->subtype);
	add_params(out, "params", p->params);
	add_text(out, "id", p->id);
	add_text(out, "description", p->description);
	add_text(out, "encoding", p->encoding);
	add_text(out, "disposition", p->disposition);
	add_params(out, "disposition_params", p->disposition_params);
	add_text(out, "language", p->language);
	add_text(out, "location", p->location);
	add_text(out, "md5", p->md5);
	add_number(out, "header_at", p->header_at);
	add_number(out, "header_len", p->header_len);
	add_number(out, "body_at", p->body_at);
	add_number(out, "body_len", p->body_len);
	add_number(out, "body_lines", p->body_lines);
	if (p->envelope)
		add_envelope(out, p->envelope);
	add_key(out, "parts");
	buf_add_char(out, '[');
}

static void
add_tree(struct buf *out, const struct mime_part *root)
{
	const struct mime_part *p = root;

	open_part(out, p);
	while (p) {
		if (p->first) {
			p = p->first;
			open_part(out, p);
			continue;
		}
		buf_add_str(out, "]}");
		while (p != root && !p->next) {
			p = p->parent;
			buf_add_str(out, "]}");
		}
		if (p == root)
			return;
		p = p->next;
		buf_add_char(out, ',');
		open_part(out, p);
	}
}

static struct span
body_of(struct span raw, const struct mime_part *p)
{
	return span_sub(raw, p->body_at, p->body_at + p->body_len);
}

static void
add_view(struct buf *out, struct span raw, struct mime_part *root, struct arena *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct mime_view view;

	mime_view_make(root, a, &view);
	add_key(out, "view");
	buf_add_char(out, '{');
	add_text(out, "subject", mime_decode_header(root->envelope->subject, a));
	add_text(out, "from", mime_addresses_str(root->envelope->from, a));
	if (view.plain)
		mime_decode_text(view.plain, body_of(raw, view.plain), &text);
	add_text(out, "plain", view.plain ? buf_span(&text) : span_of(NULL, 0));
	buf_clear(&text);
	if (view.html) {
		AUTO_DONE(buf) struct buf html = BUF_INIT(0);
		mime_decode_text(view.html, body_of(raw, view.html), &html);
		html_to_text(buf_span(&html), &text);
	}
	add_text(out, "html", view.html ? buf_span(&text) : span_of(NULL, 0));
	add_key(out, "signed");
	buf_add_str(out, view.is_signed ? "true" : "false");
	add_key(out, "attachments");
	buf_add_char(out, '[');
	for (size_t i = 0; i < view.n_attachments; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_json(out, mime_part_filename(view.attachments[i], a));
	}
	buf_add_str(out, "]}");
}

static bool
read_whole(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[65536];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(out, block, n);
	bool ok = !ferror(f);
	(void)fclose(f);
	return ok;
}

static bool
print_file(const char *path, bool with_texts)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf meta = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct mime_part *root;

	if (!read_whole(path, &raw)) {
		perror(path);
		return false;
	}
	/* By way of the record, so that what is shown is what the store keeps. */
	mime_meta_write(mime_parse(buf_span(&raw), NULL, a), &meta);
	if (mime_meta_read(buf_span(&meta), a, &root) != RC_OK) {
		(void)fprintf(stderr, "%s: the record cannot be read back\n", path);
		return false;
	}
	buf_add_char(&out, '{');
	add_text(&out, "file", span_str(path));
	add_number(&out, "size", buf_len(&raw));
	add_number(&out, "meta_size", buf_len(&meta));
	if (with_texts)
		add_view(&out, buf_span(&raw), root, a);
	add_key(&out, "root");
	add_tree(&out, root);
	buf_add_str(&out, "}\n");
	return fwrite(out.p, 1, out.len, stdout) == out.len;
}

int
main(int argc, char **argv)
{
	bool with_texts = false, ok = true;
	int c;

	while ((c = getopt(argc, argv, "t")) != -1) {
		if (c != 't') {
			(void)fprintf(stderr, "usage: godwit-mime [-t] file...\n");
			return 2;
		}
		with_texts = true;
	}
	mime_text_init();
	for (int i = optind; i < argc; i++)
		ok = print_file(argv[i], with_texts) && ok;
	return ok && fflush(stdout) == 0 ? 0 : 1;
}
