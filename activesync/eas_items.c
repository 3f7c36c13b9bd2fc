/* SPDX-License-Identifier: ISC
 *
 * eas_items.c - ItemOperations: [MS-ASCMD] 2.2.1.10, 2.2.3.177.8.
 *
 * Fetch of messages and attachments, in the XML or, when the client takes it, as parts
 * behind it (2.2.1.10.1); EmptyFolderContents.
 */
#include "activesync/eas_class.h"
#include "activesync/eas_conversation.h"
#include "activesync/eas_email.h"
#include "activesync/eas_event_files.h"
#include "activesync/eas_id.h"
#include "activesync/eas_sync.h"
#include "activesync/eas_tree.h"
#include "base/encode.h"

#define MULTIPART_TYPE "application/vnd.ms-sync.multipart"
#define PARTS_MAX 512
#define EMPTY_BATCH 500

struct items {
	struct eas_call *c;
	struct store_tx *tx;
	struct wbxml_writer w;
	bool multipart;
	struct buf parts[PARTS_MAX];
	size_t n_parts;
	size_t bytes;
	bool away; /* the database: nothing of the answer counts */
};

struct range {
	bool given;
	uint64_t from;
	uint64_t to; /* included */
};

/* What the client names, given back in the answer. */
static void
echo(struct items *it, const struct wbxml_node *n, wbxml_tag tag)
{
	const struct wbxml_node *v = wbxml_child(n, tag);

	if (v)
		wbxml_text(&it->w, tag, v->text);
}

static void
write_refusal(struct items *it, const struct wbxml_node *n, unsigned status)
{
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_FETCH);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, status);
	echo(it, n, WBXML_AIRSYNC_COLLECTIONID);
	echo(it, n, WBXML_AIRSYNC_SERVERID);
	echo(it, n, WBXML_SEARCH_LONGID);
	echo(it, n, WBXML_AIRSYNCBASE_FILEREFERENCE);
	wbxml_end(&it->w);
}

static unsigned
status_of(struct items *it, enum rc rc)
{
	it->away |= rc == RC_AGAIN;
	return eas_status_from_rc(it->c->command, rc);
}

/* 2.2.3.143.1: "from-to", both included */
static enum rc
parse_range(const struct wbxml_node *options, struct range *ret)
{
	const struct wbxml_node *n = wbxml_child(options, WBXML_ITEMOPERATIONS_RANGE);
	struct span rest, from;

	*ret = (struct range){ .given = n != NULL };
	if (!n)
		return RC_OK;
	rest = span_trim(n->text);
	if (!span_cut(&rest, '-', &from) ||
	    parse_u64(from, UINT32_MAX, &ret->from) != RC_OK ||
	    parse_u64(rest, UINT32_MAX, &ret->to) != RC_OK || ret->to < ret->from)
		return RC_INVALID;
	return RC_OK;
}

/* Cuts b to the range. RC_TOO_BIG: it begins behind the end. */
static enum rc
cut_range(struct buf *b, struct range *r)
{
	if (!r->given)
		return RC_OK;
	if (r->from >= buf_len(b))
		return RC_TOO_BIG;
	if (r->to >= buf_len(b))
		r->to = buf_len(b) - 1;
	buf_truncate(b, (size_t)r->to + 1);
	buf_drop(b, (size_t)r->from);
	return RC_OK;
}

static void
write_range(const struct range *r, uint64_t total, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(64);

	if (!r->given) /* only when asked for: iOS 10 breaks otherwise */
		return;
	buf_addf(&b, "%llu-%llu", (unsigned long long)r->from, (unsigned long long)r->to);
	wbxml_text(w, WBXML_ITEMOPERATIONS_RANGE, buf_span(&b));
	wbxml_u64(w, WBXML_ITEMOPERATIONS_TOTAL, total);
}

/* Takes b as the next part: its number, or -1 when there is no room. */
static int
add_part(struct items *it, struct buf *b)
{
	if (!it->multipart || it->n_parts == PARTS_MAX)
		return -1;
	it->bytes += buf_len(b);
	buf_move(&it->parts[it->n_parts], b);
	return (int)++it->n_parts; /* part 0 is the XML */
}

static enum rc
load_event_file(struct items *it, const struct store_item *item, uint32_t number,
                struct buf *out, const char **ret_type)
{
	const struct pim_attachment *file;
	struct pim_event *e;
	struct span text;
	enum rc rc = eas_pim_load(it->tx, item, it->c->arena, &text);

	if (rc == RC_OK)
		rc = pim_event_parse(text, it->c->arena, &e);
	if (rc != RC_OK)
		return rc == RC_INVALID ? RC_NOT_FOUND : rc;
	file = eas_event_file(e, number);
	if (!file)
		return RC_NOT_FOUND;
	buf_add_span(out, file->data);
	*ret_type = file->type ? file->type : "application/octet-stream";
	return RC_OK;
}

/* RC_NOT_FOUND also when there is no such part. */
static enum rc
load_attachment(struct items *it, struct eas_id id, struct buf *out,
                const char **ret_type)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct store_collection folder;
	struct store_item item;
	struct eas_message m;
	const struct mime_part *p;
	enum rc rc;

	rc = store_collection_load(it->tx, id.collection, it->c->arena, &folder);
	if (rc == RC_OK)
		rc = store_item_load(it->tx, id.collection, id.uid, it->c->arena, &item);
	if (rc == RC_OK && folder.class == STORE_CLASS_CALENDAR)
		return load_event_file(it, &item, id.part, out, ret_type);
	if (rc == RC_OK && folder.class != STORE_CLASS_MAIL)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = eas_message_open(it->tx, &item, it->c->arena, &m);
	if (rc != RC_OK)
		return rc;
	p = eas_email_part(m.root, id.part);
	if (!p || p == m.root->parent)
		return RC_NOT_FOUND;
	rc = store_content_read(it->tx, item.content, p->body_at, p->body_len, &raw);
	if (rc != RC_OK)
		return rc;
	mime_decode_body(p, buf_span(&raw), out);
	*ret_type = eas_email_part_type(p, it->c->arena);
	return buf_ok(out) ? RC_OK : RC_TOO_BIG;
}

/* 2.2.3.39.2: without multipart the bytes are base64 text. */
static void
fetch_attachment(struct items *it, const struct wbxml_node *n, const struct range *asked)
{
	struct span ref = wbxml_child_text(n, WBXML_AIRSYNCBASE_FILEREFERENCE);
	AUTO_DONE(buf) struct buf data = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	const char *type = NULL;
	struct range r = *asked;
	struct eas_id id;
	uint64_t total;
	int part;
	enum rc rc;

	if (eas_id_parse(ref, 3, &id) != RC_OK ||
	    (rc = load_attachment(it, id, &data, &type)) == RC_NOT_FOUND) {
		write_refusal(it, n, EAS_ITEMS_ATTACHMENT);
		return;
	}
	total = buf_len(&data);
	if (rc == RC_OK && cut_range(&data, &r) != RC_OK) {
		write_refusal(it, n, EAS_ITEMS_RANGE);
		return;
	}
	if (rc != RC_OK) {
		write_refusal(it, n, status_of(it, rc));
		return;
	}
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_FETCH);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, EAS_STATUS_OK);
	wbxml_text(&it->w, WBXML_AIRSYNCBASE_FILEREFERENCE, ref);
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_PROPERTIES);
	wbxml_str(&it->w, WBXML_AIRSYNCBASE_CONTENTTYPE, type);
	write_range(&r, total, &it->w);
	part = add_part(it, &data);
	if (part > 0) {
		wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_PART, (uint64_t)part);
	} else {
		base64_encode(buf_span(&data), &text);
		it->bytes += buf_len(&text);
		wbxml_text(&it->w, WBXML_ITEMOPERATIONS_DATA, buf_span(&text));
	}
	wbxml_end(&it->w);
	wbxml_end(&it->w);
}

/* 2.2.3.125.3; without Options the whole body comes as it is stored. */
static enum rc
item_options(const struct wbxml_node *n, uint16_t version, struct eas_options *ret)
{
	struct eas_options o = EAS_OPTIONS_DEFAULT;
	uint32_t support = 0;
	enum rc rc;

	rc = eas_body_prefs_parse(n, WBXML_AIRSYNCBASE_BODYPREFERENCE, &o);
	if (rc == RC_OK)
		rc = eas_body_part_parse(n, &o);
	if (rc == RC_OK) {
		rc = wbxml_child_u32(n, WBXML_AIRSYNC_MIMESUPPORT, 2, &support);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	o.mime_support = (uint8_t)support;
	if (o.n_prefs == 0 && !eas_options_is_part_alone(&o, version)) {
		o.prefs[0] = (struct eas_body_pref){ .type = EAS_BODY_PLAIN,
			                             .truncation = EAS_NO_TRUNCATION };
		o.prefs[1] = (struct eas_body_pref){ .type = EAS_BODY_HTML,
			                             .truncation = EAS_NO_TRUNCATION };
		o.prefs[2] = (struct eas_body_pref){ .type = EAS_BODY_MIME,
			                             .truncation = EAS_NO_TRUNCATION };
		o.n_prefs = 3;
	}
	*ret = o;
	return rc;
}

/* 2.2.3.158: the properties that the client wants, or NULL for all. */
static const struct wbxml_node *
schema_of(const struct wbxml_node *fetch)
{
	return wbxml_child(wbxml_child(fetch, WBXML_ITEMOPERATIONS_OPTIONS),
	                   WBXML_ITEMOPERATIONS_SCHEMA);
}

static bool
wants(const struct wbxml_node *schema, wbxml_tag tag)
{
	return !schema || wbxml_child(schema, tag);
}

/* 2.2.3.130: where the Data of a Body went. */
static int
body_as_part(struct span data, void *arg)
{
	struct items *it = arg;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (it->n_parts == PARTS_MAX)
		return -1;
	buf_add_span(&b, data);
	return add_part(it, &b);
}

/* Of other classes: the properties as the class writes them. */
static enum rc
write_other(struct items *it, const struct wbxml_node *n, const struct eas_class *class,
            const struct store_item *item, const struct eas_options *o, struct arena *a)
{
	struct wbxml_mark mark = wbxml_mark(&it->w);
	struct eas_pick p;
	enum rc rc, end;

	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_FETCH);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, EAS_STATUS_OK);
	echo(it, n, WBXML_AIRSYNC_COLLECTIONID);
	echo(it, n, WBXML_AIRSYNC_SERVERID);
	echo(it, n, WBXML_SEARCH_LONGID);
	wbxml_str(&it->w, WBXML_AIRSYNC_CLASS, class->name);
	eas_pick_begin(&p, &it->w, schema_of(n), it->multipart ? body_as_part : NULL, it,
	               WBXML_ITEMOPERATIONS_PROPERTIES);
	rc = class->write(it->c, it->tx, item, o, SIZE_MAX / 8, a, p.w);
	end = eas_pick_end(&p, rc == RC_OK, a);
	if (rc == RC_OK)
		rc = end;
	wbxml_end(&it->w);
	it->bytes += item->size;
	if (rc != RC_OK)
		wbxml_rewind(&it->w, mark);
	return rc;
}

static enum rc
write_item(struct items *it, const struct wbxml_node *n, const struct eas_id *id,
           const struct eas_options *o, struct range *r)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item;
	struct eas_message m;
	struct eas_body body;
	struct store_collection col;
	const struct eas_class *class = NULL;
	const struct wbxml_node *schema = schema_of(n);
	struct wbxml_mark mark;
	struct eas_pick p;
	uint64_t total;
	int part = -1;
	enum rc rc, end;

	rc = store_collection_load(it->tx, id->collection, a, &col);
	if (rc == RC_OK)
		rc = store_item_load(it->tx, id->collection, id->uid, a, &item);
	if (rc == RC_OK)
		class = eas_class_find(col.class);
	if (rc == RC_OK && !class)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK && class != &eas_class_email)
		return write_other(it, n, class, &item, o, a);
	if (rc == RC_OK)
		rc = eas_message_open(it->tx, &item, a, &m);
	if (rc == RC_OK)
		rc = eas_body_make(&m, o, it->c->query.version, SIZE_MAX / 8, a, &body);
	if (rc != RC_OK)
		return rc;
	total = buf_len(&body.data);
	if (cut_range(&body.data, r) != RC_OK) {
		eas_body_done(&body);
		write_refusal(it, n, EAS_ITEMS_RANGE);
		return RC_OK;
	}
	if (body.has_data && wants(schema, WBXML_AIRSYNCBASE_BODY))
		part = add_part(it, &body.data);
	it->bytes += buf_len(&body.data);
	mark = wbxml_mark(&it->w);
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_FETCH);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, EAS_STATUS_OK);
	echo(it, n, WBXML_AIRSYNC_COLLECTIONID);
	echo(it, n, WBXML_AIRSYNC_SERVERID);
	echo(it, n, WBXML_SEARCH_LONGID);
	wbxml_str(&it->w, WBXML_AIRSYNC_CLASS, "Email");
	eas_pick_begin(&p, &it->w, schema, NULL, NULL, WBXML_ITEMOPERATIONS_PROPERTIES);
	write_range(r, total, p.w);
	eas_email_write_message(it->c, &m, &body, part, a, p.w);
	rc = RC_OK;
	if (wants(schema, WBXML_AIRSYNCBASE_BODYPART))
		rc = eas_body_part_write(&m, o, it->c->query.version, SIZE_MAX / 8, p.w);
	end = eas_pick_end(&p, rc == RC_OK, a);
	wbxml_end(&it->w);
	eas_body_done(&body);
	if (rc == RC_OK)
		rc = end;
	if (rc != RC_OK)
		wbxml_rewind(&it->w, mark);
	return rc;
}

/* [MS-ASCMD] 2.2.3.100: by the name that Search gave it, or that Sync did */
static enum rc
item_id(const struct wbxml_node *n, struct eas_id *ret)
{
	struct span long_id = wbxml_child_text(n, WBXML_SEARCH_LONGID);

	if (long_id.n > 0)
		return eas_long_id_parse(long_id, ret);
	return eas_id_parse(wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), 2, ret);
}

static void
fetch(struct items *it, const struct wbxml_node *n)
{
	const struct wbxml_node *options = wbxml_child(n, WBXML_ITEMOPERATIONS_OPTIONS);
	struct span store = wbxml_child_text(n, WBXML_ITEMOPERATIONS_STORE);
	struct eas_options o;
	struct eas_id id;
	struct range r;
	enum rc rc;

	if (!span_iis(store, "Mailbox")) { /* document libraries are not served */
		write_refusal(it, n, EAS_ITEMS_STORE);
		return;
	}
	if (parse_range(options, &r) != RC_OK) {
		write_refusal(it, n, EAS_ITEMS_RANGE);
		return;
	}
	if (it->bytes > it->c->eas->conf->response_max) {
		write_refusal(it, n, EAS_ITEMS_TOO_BIG); /* ask again for it alone */
		return;
	}
	if (wbxml_child(n, WBXML_AIRSYNCBASE_FILEREFERENCE)) {
		fetch_attachment(it, n, &r);
		return;
	}
	if (item_options(options, it->c->query.version, &o) != RC_OK) {
		write_refusal(it, n, EAS_STATUS_BODY_PART_TYPE);
		return;
	}
	if (item_id(n, &id) != RC_OK) {
		write_refusal(it, n, EAS_ITEMS_NOT_FOUND);
		return;
	}
	rc = write_item(it, n, &id, &o, &r);
	if (rc != RC_OK)
		write_refusal(it, n, status_of(it, rc));
}

static bool
note_uid(const struct store_item *item, void *arg)
{
	struct eas_id *batch = arg;
	uint32_t *uids = (uint32_t *)(batch + 1);

	uids[batch->part++] = item->uid;
	return batch->part < EMPTY_BATCH;
}

/* In batches, so that other users of the shard get their turn. */
static enum rc
empty_folder(struct eas_call *c, uint32_t collection)
{
	struct eas_id *batch =
		arena_alloc(c->arena, sizeof(*batch) + EMPTY_BATCH * sizeof(uint32_t));
	const uint32_t *uids = (const uint32_t *)(batch + 1);
	enum rc rc = RC_OK;

	do {
		AUTO(store_tx)
		struct store_tx *tx = NULL;

		batch->part = 0;
		rc = eas_write(c, true, &tx);
		if (rc == RC_OK)
			rc = store_item_each(tx, collection, 1, UINT32_MAX, note_uid,
			                     batch);
		for (uint32_t i = 0; i < batch->part && rc == RC_OK; i++)
			rc = store_item_expunge(tx, collection, uids[i]);
		if (rc == RC_OK)
			rc = store_commit(&tx);
	} while (rc == RC_OK && batch->part == EMPTY_BATCH);
	return rc;
}

static enum rc
delete_below(struct eas_call *c, uint32_t parent)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection *cols;
	size_t n;
	enum rc rc;

	rc = eas_write(c, true, &tx);
	if (rc == RC_OK)
		rc = store_collection_list(tx, c->arena, &cols, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (cols[i].parent == parent)
			rc = store_collection_delete(tx, cols[i].id);
	}
	return rc == RC_OK ? store_commit(&tx) : rc;
}

/* 2.2.3.55 */
static void
empty(struct items *it, const struct wbxml_node *n)
{
	const struct wbxml_node *options = wbxml_child(n, WBXML_ITEMOPERATIONS_OPTIONS);
	bool below = wbxml_child(options, WBXML_ITEMOPERATIONS_DELETESUBFOLDERS) != NULL;
	struct store_collection col;
	struct eas_id id;
	enum rc rc = RC_NOT_FOUND;

	if (eas_id_parse(wbxml_child_text(n, WBXML_AIRSYNC_COLLECTIONID), 1, &id) ==
	    RC_OK)
		rc = store_collection_load(it->tx, id.collection, it->c->arena, &col);
	if (rc == RC_OK && !eas_class_find(col.class))
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = empty_folder(it->c, id.collection);
	if (rc == RC_OK && below)
		rc = delete_below(it->c, id.collection);
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_EMPTYFOLDERCONTENTS);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, status_of(it, rc));
	echo(it, n, WBXML_AIRSYNC_COLLECTIONID);
	wbxml_end(&it->w);
}

/* MS-ASCMD 2.2.2: 153 to 156 are of this alone. */
static unsigned
move_status(struct items *it, enum rc rc, size_t moved)
{
	switch (rc) {
	case RC_OK:
		return EAS_STATUS_OK;
	case RC_INVALID:
		return EAS_ITEMS_PROTOCOL;
	case RC_DENIED:
		return EAS_ITEMS_MOVE_FOLDER;
	case RC_NOT_FOUND:
		return EAS_ITEMS_NOT_FOUND;
	case RC_AGAIN:
		it->away = true;
		break;
	case RC_EXISTS:
	case RC_CONFLICT:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
	case RC_IO:
		break;
	}
	return moved > 0 ? EAS_ITEMS_MOVE_LOST : EAS_ITEMS_MOVE_FAILED;
}

/* 2.2.3.117.1, 2.2.3.118: only for good. */
static void
move(struct items *it, const struct wbxml_node *n)
{
	const struct wbxml_node *options = wbxml_child(n, WBXML_ITEMOPERATIONS_OPTIONS);
	struct span folder = wbxml_child_text(n, WBXML_ITEMOPERATIONS_DSTFLDID);
	unsigned status = EAS_ITEMS_NOT_FOUND;
	struct eas_id id;
	size_t moved;

	if (it->c->query.version < 140)
		status = EAS_ITEMS_PROTOCOL;
	else if (!wbxml_child(options, WBXML_ITEMOPERATIONS_MOVEALWAYS))
		status = EAS_ITEMS_MOVE_NOT_ALWAYS;
	else if (eas_id_parse(folder, 1, &id) == RC_OK) {
		enum rc rc = eas_conversation_move(
			it->c, wbxml_child_text(n, WBXML_ITEMOPERATIONS_CONVERSATIONID),
			id.collection, &moved);

		status = move_status(it, rc, moved);
	}
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_MOVE);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, status);
	echo(it, n, WBXML_ITEMOPERATIONS_CONVERSATIONID);
	wbxml_end(&it->w);
}

static void
add_u32_le(struct buf *b, size_t v)
{
	char p[4] = { (char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24) };

	buf_add(b, p, sizeof(p));
}

/* 2.2.1.10.1.1: count, offset and length of each part, the parts */
static void
join_parts(struct items *it)
{
	struct buf out = BUF_INIT(0);
	size_t at = 4 + 8 * (it->n_parts + 1);

	add_u32_le(&out, it->n_parts + 1);
	add_u32_le(&out, at);
	add_u32_le(&out, buf_len(&it->c->out));
	at += buf_len(&it->c->out);
	for (size_t i = 0; i < it->n_parts; i++) {
		add_u32_le(&out, at);
		add_u32_le(&out, buf_len(&it->parts[i]));
		at += buf_len(&it->parts[i]);
	}
	buf_move(&out, &it->c->out);
	for (size_t i = 0; i < it->n_parts; i++)
		buf_move(&out, &it->parts[i]);
	if (at > UINT32_MAX)
		out.failed = true;
	it->c->out = out;
	it->c->content_type = MULTIPART_TYPE;
}

/* 2.2.3.125.3: an option of another operation? Those of other pages are passed over. */
static bool
has_foreign_option(const struct wbxml_node *op)
{
	const struct wbxml_node *o = wbxml_child(op, WBXML_ITEMOPERATIONS_OPTIONS);

	for (const struct wbxml_node *n = o ? o->first : NULL; n; n = n->next) {
		wbxml_tag of = 0;

		if (n->tag >> 8 != WBXML_ITEMOPERATIONS_OPTIONS >> 8)
			continue;
		switch (n->tag) {
		case WBXML_ITEMOPERATIONS_SCHEMA:
		case WBXML_ITEMOPERATIONS_RANGE:
		case WBXML_ITEMOPERATIONS_USERNAME:
		case WBXML_ITEMOPERATIONS_PASSWORD:
			of = WBXML_ITEMOPERATIONS_FETCH;
			break;
		case WBXML_ITEMOPERATIONS_DELETESUBFOLDERS:
			of = WBXML_ITEMOPERATIONS_EMPTYFOLDERCONTENTS;
			break;
		case WBXML_ITEMOPERATIONS_MOVEALWAYS:
			of = WBXML_ITEMOPERATIONS_MOVE;
			break;
		default:
			break;
		}
		if (of != op->tag)
			return true;
	}
	return false;
}

/* "1-2"; what they mean is judged later, for the one Fetch. */
static bool
is_range(struct span s)
{
	struct span rest = span_trim(s), from;
	uint64_t v;

	return span_cut(&rest, '-', &from) && parse_u64(from, UINT64_MAX, &v) == RC_OK &&
	       parse_u64(rest, UINT64_MAX, &v) == RC_OK;
}

/* What the schema does not allow is Status 2 of the whole request, and nothing of it is
 * done: 2.2.3.66 (one FileReference a Fetch), 2.2.3.143.1, MS-ASAIRS 3.2.5.1. */
static bool
breaks_schema(const struct wbxml_node *op, uint16_t version)
{
	const struct wbxml_node *o = wbxml_child(op, WBXML_ITEMOPERATIONS_OPTIONS);
	const struct wbxml_node *range = wbxml_child(o, WBXML_ITEMOPERATIONS_RANGE);
	const struct wbxml_node *ref = wbxml_child(op, WBXML_AIRSYNCBASE_FILEREFERENCE);
	struct eas_options options;

	return has_foreign_option(op) || (range && !is_range(range->text)) ||
	       (ref && wbxml_next(ref, WBXML_AIRSYNCBASE_FILEREFERENCE)) ||
	       item_options(o, version, &options) == RC_INVALID;
}

void
eas_items_start(struct eas_call *c)
{
	struct items *it = arena_new_of(c->arena, struct items);
	enum rc rc;

	it->c = c;
	it->multipart = c->query.accept_multipart;
	if (c->root->tag != WBXML_ITEMOPERATIONS_ITEMOPERATIONS || !c->root->first) {
		eas_answer_status(c, EAS_ITEMS_PROTOCOL);
		return;
	}
	for (const struct wbxml_node *n = c->root->first; n; n = n->next) {
		if (breaks_schema(n, c->query.version)) {
			eas_answer_status(c, EAS_ITEMS_PROTOCOL);
			return;
		}
	}
	rc = eas_read(c, &it->tx);
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	eas_answer_begin(c, &it->w);
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_ITEMOPERATIONS);
	wbxml_u64(&it->w, WBXML_ITEMOPERATIONS_STATUS, EAS_STATUS_OK);
	wbxml_start(&it->w, WBXML_ITEMOPERATIONS_RESPONSE);
	for (const struct wbxml_node *n = c->root->first; n; n = n->next) {
		if (n->tag == WBXML_ITEMOPERATIONS_FETCH)
			fetch(it, n);
		else if (n->tag == WBXML_ITEMOPERATIONS_EMPTYFOLDERCONTENTS)
			empty(it, n);
		else if (n->tag == WBXML_ITEMOPERATIONS_MOVE)
			move(it, n);
	}
	wbxml_end(&it->w);
	wbxml_end(&it->w);
	store_tx_free(it->tx);
	if (it->away)
		eas_answer_rc(c, RC_AGAIN);
	else if (it->multipart)
		join_parts(it);
	for (size_t i = 0; i < it->n_parts; i++)
		buf_done(&it->parts[i]);
}
