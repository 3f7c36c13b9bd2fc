/* SPDX-License-Identifier: ISC
 *
 * test_eas_random.c - a device and the others edit at random, with answers lost on the
 * way; at the end the device holds what the server has: nothing lost, nothing twice.
 *
 * The seed is fixed; EAS_SEED and EAS_STEPS in the environment give others.
 */
#include "activesync/eas_cursor.h"
#include "activesync/eas_email.h"
#include "activesync/eas_id.h"
#include "tests/unit/eas_fixture.h"

#define ITEMS_MAX 4000
#define FOLDERS 2
#define THREADS 25 /* conversations */

struct held {
	bool here;
	bool read;
	bool flagged;
};

struct folder {
	uint32_t id;
	char key[24];
	struct held items[ITEMS_MAX]; /* by uid */
	uint32_t uid_max;             /* on the server */
	/* Commands that were sent and not answered yet. */
	char pending[4096];
};

struct phone {
	struct eas_fixture *f;
	struct folder folders[FOLDERS];
	unsigned filter;
	bool whole; /* ConversationMode */
	uint64_t seed;
	unsigned lost, adds, replays;
};

static uint32_t
pick(struct phone *p, uint32_t n)
{
	/* xorshift64 */
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 7;
	p->seed ^= p->seed << 17;
	return (uint32_t)(p->seed >> 20) % n;
}

static struct folder *
folder_of(struct phone *p, uint32_t id)
{
	for (int i = 0; i < FOLDERS; i++) {
		if (p->folders[i].id == id)
			return &p->folders[i];
	}
	fail_msg("folder %u", id);
	return NULL;
}

/* --- the others --- */

static uint32_t
some_uid(struct phone *p, struct folder *fo)
{
	struct store_item item;

	for (int i = 0; i < 20 && fo->uid_max > 0; i++) {
		uint32_t uid = 1 + pick(p, fo->uid_max);

		if (eas_item(p->f, fo->id, uid, &item) == RC_OK)
			return uid;
	}
	return 0;
}

static void
others_act(struct phone *p)
{
	struct folder *fo = &p->folders[pick(p, FOLDERS)];
	uint32_t uid, what = pick(p, 10);

	if (what < 5) {
		int64_t age = pick(p, 10) * EAS_DAY + pick(p, 86400) * INT64_C(1000);

		fo->uid_max = eas_mail_raw(
			p->f, fo->id, clock_wall_ms() - age,
			span_str(arena_printf(p->f->a,
		                              "From: b@example.net\r\nSubject: m\r\n"
		                              "Message-ID: <%u@x>\r\n"
		                              "References: <t%u@x>\r\n\r\nx\r\n",
		                              pick(p, UINT32_MAX), pick(p, THREADS))));
		return;
	}
	uid = some_uid(p, fo);
	if (uid == 0)
		return;
	if (what == 5)
		eas_expunge(p->f, fo->id, uid);
	else if (what < 8)
		eas_set_flags(p->f, fo->id, uid, STORE_FLAG_SEEN, STORE_FLAG_FLAGGED);
	else
		eas_set_flags(p->f, fo->id, uid, STORE_FLAG_FLAGGED, STORE_FLAG_SEEN);
}

/* --- the device --- */

static void
take_data(struct held *h, const struct wbxml_node *command)
{
	const struct wbxml_node *data =
		wbxml_child(command, WBXML_AIRSYNC_APPLICATIONDATA);
	const struct wbxml_node *flag = wbxml_child(data, WBXML_EMAIL_FLAG);

	h->read = span_is(wbxml_child_text(data, WBXML_EMAIL_READ), "1");
	h->flagged = span_is(wbxml_child_text(flag, WBXML_EMAIL_STATUS), "2");
}

static void
take_command(struct phone *p, struct folder *fo, const struct wbxml_node *n)
{
	struct eas_id id;
	struct held *h;

	assert_ok(eas_id_parse(wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), 2, &id));
	assert_int_equal(id.collection, fo->id);
	assert_true(id.uid < ITEMS_MAX);
	h = &fo->items[id.uid];
	if (n->tag == WBXML_AIRSYNC_ADD) {
		if (h->here)
			fail_msg("%u:%u came twice", fo->id, id.uid);
		h->here = true;
		p->adds++;
		take_data(h, n);
	} else if (n->tag == WBXML_AIRSYNC_CHANGE) {
		if (!h->here)
			fail_msg("change of %u:%u, which is not here", fo->id, id.uid);
		take_data(h, n);
	} else {
		h->here = false;
	}
}

/* What it asked for and was answered well. */
static void
take_own(struct folder *fo)
{
	unsigned collection, uid, value;
	int n;

	for (const char *s = fo->pending; *s; s += n) {
		if (sscanf(s, "R %u:%u %u;%n", &collection, &uid, &value, &n) == 3)
			fo->items[uid].read = value != 0;
		else if (sscanf(s, "D %u:%u;%n", &collection, &uid, &n) == 2)
			fo->items[uid].here = false;
		else
			fail_msg("pending: %s", s);
	}
	fo->pending[0] = '\0';
}

static void
add_pending(struct phone *p, struct folder *fo)
{
	uint32_t uid = 1 + pick(p, fo->uid_max ? fo->uid_max : 1);
	size_t len = strlen(fo->pending);
	char text[40];

	if (!fo->items[uid].here || len > sizeof(fo->pending) - 100)
		return;
	snprintf(text, sizeof(text), " %u:%u", fo->id, uid);
	if (strstr(fo->pending, arena_printf(p->f->a, "%s;", text)) ||
	    strstr(fo->pending, arena_printf(p->f->a, "%s ", text)))
		return;
	if (pick(p, 3) > 0)
		snprintf(fo->pending + len, sizeof(fo->pending) - len, "R%s %u;", text,
		         pick(p, 2));
	else
		snprintf(fo->pending + len, sizeof(fo->pending) - len, "D%s;", text);
}

static const char *
commands_xml(struct phone *p, struct folder *fo)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	unsigned collection, uid, value;
	int n;

	if (fo->pending[0] == '\0')
		return "";
	buf_add_str(&b, "<Commands>");
	for (const char *s = fo->pending; *s; s += n) {
		if (sscanf(s, "R %u:%u %u;%n", &collection, &uid, &value, &n) == 3)
			buf_addf(
				&b,
				"<Change><ServerId>%u:%u</ServerId><ApplicationData>"
				"<Read xmlns=\"Email\">%u</Read></ApplicationData></Change>",
				collection, uid, value);
		else if (sscanf(s, "D %u:%u;%n", &collection, &uid, &n) == 2)
			buf_addf(&b, "<Delete><ServerId>%u:%u</ServerId></Delete>",
			         collection, uid);
	}
	buf_add_str(&b, "</Commands>");
	return arena_strndup(p->f->a, buf_span(&b));
}

/* True when the answer said nothing new. */
static bool
sync_folder(struct phone *p, struct folder *fo, unsigned window, bool lose)
{
	struct wbxml_node *root, *co;
	const struct wbxml_node *list;
	bool first = strcmp(fo->key, "0") == 0;

	eas_sync(
		p->f, fo->id, fo->key,
		arena_printf(
			p->f->a,
			"%s%s<WindowSize>%u</WindowSize><Options><FilterType>%u</FilterType>"
			"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>"
			"<TruncationSize>0</TruncationSize></BodyPreference></Options>%s",
			first ? "" : "<DeletesAsMoves>0</DeletesAsMoves><GetChanges/>",
			p->whole ? "<ConversationMode>1</ConversationMode>"
				 : "<ConversationMode>0</ConversationMode>",
			window, p->filter, first ? "" : commands_xml(p, fo)));
	assert_int_equal(p->f->http_status, 200);
	if (lose) {
		p->lost++;
		return false;
	}
	if (buf_len(&p->f->body) == 0)
		return true;
	assert_ok(wbxml_parse(buf_span(&p->f->body), NULL, p->f->a, &root));
	co = wbxml_child(wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS),
	                 WBXML_AIRSYNC_COLLECTION);
	if (!span_is(wbxml_child_text(co, WBXML_AIRSYNC_STATUS), "1"))
		fail_msg("%s", p->f->xml);
	snprintf(fo->key, sizeof(fo->key), "%.*s",
	         SPAN_FMT(wbxml_child_text(co, WBXML_AIRSYNC_SYNCKEY)));
	if (!first)
		take_own(fo);
	list = wbxml_child(co, WBXML_AIRSYNC_COMMANDS);
	for (const struct wbxml_node *n = list ? list->first : NULL; n; n = n->next)
		take_command(p, fo, n);
	return false;
}

/* An item from one folder to the other; asked again when the answer is lost. */
static void
move_some(struct phone *p)
{
	struct folder *from = &p->folders[pick(p, FOLDERS)];
	struct folder *to = from == &p->folders[0] ? &p->folders[1] : &p->folders[0];
	uint32_t uid = 1 + pick(p, from->uid_max ? from->uid_max : 1);
	unsigned collection, moved;
	struct held h = from->items[uid];
	unsigned turns = 1 + (pick(p, 3) == 0);

	/* A folder of which it never asked is handed out with what it moved there. */
	if (!h.here || from->pending[0] != '\0' || strcmp(to->key, "0") == 0)
		return;
	for (unsigned i = 0; i < turns; i++)
		eas_runf(
			p->f, "MoveItems",
			"<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId><SrcFldId>%u"
			"</SrcFldId><DstFldId>%u</DstFldId></Move></MoveItems>",
			from->id, uid, from->id, to->id);
	if (strcmp(eas_value(p->f, "Status", 0), "3") != 0)
		return; /* somebody was faster: the next Sync says so */
	assert_int_equal(
		sscanf(eas_value(p->f, "DstMsgId", 0), "%u:%u", &collection, &moved), 2);
	assert_int_equal(collection, to->id);
	if (to->items[moved].here)
		fail_msg("%u:%u was there before it was moved there", to->id, moved);
	from->items[uid].here = false;
	to->items[moved] = h;
	if (moved > to->uid_max)
		to->uid_max = moved;
}

static void
conversation(struct phone *p, const struct store_item *item, uint8_t ret[16])
{
	struct mime_part *root;
	struct store_tx *tx;
	struct span meta;

	assert_ok(store_read(p->f->store, p->f->user, &tx));
	assert_ok(store_content_meta(tx, item->content, p->f->a, &meta));
	assert_ok(mime_meta_read(meta, p->f->a, &root));
	eas_email_conversation(root->envelope, p->f->a, ret);
	assert_ok(store_commit(&tx));
}

/* Marks the conversations of which the folder has something in the window. */
static size_t
reaching_in(struct phone *p, struct folder *fo, int64_t from, uint8_t ids[][16])
{
	struct store_item item;
	size_t n = 0;

	for (uint32_t uid = 1; p->whole && uid <= fo->uid_max; uid++) {
		uint8_t id[16];
		size_t i = 0;

		if (eas_item(p->f, fo->id, uid, &item) != RC_OK ||
		    item.received_ms < from)
			continue;
		conversation(p, &item, id);
		while (i < n && memcmp(ids[i], id, 16) != 0)
			i++;
		assert_true(i < THREADS);
		memcpy(ids[i], id, 16);
		n += i == n;
	}
	return n;
}

static bool
is_wanted(struct phone *p, const struct store_item *item, int64_t from,
          const uint8_t ids[][16], size_t n)
{
	uint8_t id[16];

	if (item->received_ms >= from || n == 0)
		return item->received_ms >= from;
	conversation(p, item, id);
	for (size_t i = 0; i < n; i++) {
		if (memcmp(ids[i], id, 16) == 0)
			return true;
	}
	return false;
}

static void
compare(struct phone *p, struct folder *fo)
{
	int64_t from = eas_filter_from((uint8_t)p->filter, clock_wall_ms());
	uint8_t ids[THREADS][16];
	size_t n = reaching_in(p, fo, from, ids);

	for (uint32_t uid = 1; uid <= fo->uid_max; uid++) {
		const struct held *h = &fo->items[uid];
		struct store_item item;
		bool there = eas_item(p->f, fo->id, uid, &item) == RC_OK &&
		             is_wanted(p, &item, from, (const uint8_t(*)[16])ids, n);

		if (there != h->here)
			fail_msg("%u:%u: server %d, device %d", fo->id, uid, there,
			         h->here);
		if (there && (h->read != ((item.flags & STORE_FLAG_SEEN) != 0) ||
		              h->flagged != ((item.flags & STORE_FLAG_FLAGGED) != 0)))
			fail_msg("%u:%u: flags %x, device read=%d flagged=%d", fo->id,
			         uid, item.flags, h->read, h->flagged);
	}
}

static void
settle(struct phone *p)
{
	for (int i = 0; i < FOLDERS; i++) {
		int rounds = 0;

		while (!sync_folder(p, &p->folders[i], 100, false)) {
			if (++rounds > 200)
				fail_msg("folder %u never comes to rest",
				         p->folders[i].id);
		}
		compare(p, &p->folders[i]);
	}
}

static void
drop_arena(struct phone *p)
{
	arena_free(p->f->a);
	p->f->a = arena_new();
}

static void
run(struct eas_fixture *f, uint64_t seed, unsigned steps, bool whole)
{
	struct phone *p = xcalloc(1, sizeof(*p));

	p->f = f;
	p->seed = seed;
	p->filter = 3; /* a week */
	p->whole = whole;
	p->folders[0].id = f->inbox;
	p->folders[1].id = f->junk;
	for (int i = 0; i < FOLDERS; i++)
		strcpy(p->folders[i].key, "0");
	for (int i = 0; i < 30; i++)
		others_act(p);
	for (unsigned i = 0; i < steps; i++) {
		struct folder *fo = &p->folders[pick(p, FOLDERS)];
		uint32_t what = pick(p, 20);

		if (what < 9)
			others_act(p);
		else if (what < 12)
			add_pending(p, fo);
		else if (what < 18)
			sync_folder(p, fo, 1 + pick(p, 5), pick(p, 4) == 0);
		else if (what < 19)
			move_some(p);
		else if (pick(p, 4) == 0)
			clock_fake_advance(EAS_DAY / 2);
		else if (pick(p, 6) == 0)
			p->filter = pick(p, 5);
		else if (whole && pick(p, 8) == 0)
			p->whole = !p->whole;
		if (i % 200 == 199)
			settle(p);
		drop_arena(p);
	}
	settle(p);
	assert_true(p->lost > 0 && p->adds > 0);
	(void)folder_of;
	free(p);
}

static void
agree(struct eas_fixture *f, bool whole)
{
	const char *seed = getenv("EAS_SEED"), *steps = getenv("EAS_STEPS");
	uint64_t s = 20261121;
	uint32_t n = 1200;

	if (seed)
		assert_ok(parse_u64(span_str(seed), UINT64_MAX, &s));
	if (steps)
		assert_ok(parse_u32(span_str(steps), UINT32_MAX, &n));
	print_message("seed %llu, %u steps\n", (unsigned long long)s, n);
	run(f, s, n, whole);
}

static void
device_and_server_agree_after_lost_answers_and_everything(void **state)
{
	agree(*state, false);
}

static void
whole_conversations_are_on_the_device_after_all_that(void **state)
{
	agree(*state, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			device_and_server_agree_after_lost_answers_and_everything,
			eas_setup, eas_teardown),
		cmocka_unit_test_setup_teardown(
			whole_conversations_are_on_the_device_after_all_that, eas_setup,
			eas_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
