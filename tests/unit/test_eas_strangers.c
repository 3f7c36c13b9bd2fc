/* SPDX-License-Identifier: ISC
 *
 * test_eas_strangers.c - ids and keys of another user: unknown to every command, however
 * they come; nothing of hers is shown and nothing of hers changes.
 */
#include "base/mem.h"
#include "store/store_collection.h"
#include "tests/unit/eas_fixture.h"

#define IDS_MAX 64
#define SECRET "Geheimnis"
#define SECRET_B64 "R2VoZWltbmlz"
#define ROUNDS 1500

/* What alice's device knows. */
struct ids {
	const char *folders[IDS_MAX], *items[IDS_MAX], *files[IDS_MAX], *longs[IDS_MAX];
	const char *keys[IDS_MAX];
	size_t n_folders, n_items, n_files, n_longs, n_keys;
};

struct test {
	struct eas_fixture *f;
	struct ids ids;
	uint64_t alice, bob, seed;
	char *before; /* alice's state */
	struct arena *a;
};

static uint32_t
pick(struct test *t, size_t n)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return (uint32_t)((t->seed >> 20) % n);
}

/* All that there is of her, in numbers. */
static char *
state_of(struct test *t, uint64_t user)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection *list;
	uint64_t modseq;
	size_t n;

	assert_ok(store_read(t->f->store, user, &tx));
	assert_ok(store_collection_list(tx, t->f->a, &list, &n));
	assert_ok(store_tree_modseq(tx, &modseq));
	buf_addf(&b, "%llu", (unsigned long long)modseq);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, " %u:%.*s:%llu:%u:%u", list[i].id, SPAN_FMT(list[i].name),
		         (unsigned long long)list[i].modseq, list[i].exists,
		         list[i].unseen);
	return arena_strndup(t->a, buf_span(&b));
}

static void
put(struct test *t, enum store_role role, const char *text)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "syncml" };
	struct store_item_new item = { .received_ms = EAS_NOW };
	uint32_t uid;

	assert_ok(store_content_new(t->f->store, span_str(text), SPAN(""), &content));
	uint32_t folder = eas_folder(t->f, role);
	assert_ok(store_write(t->f->store, t->f->user, &who, &tx));
	assert_ok(store_item_add(tx, folder, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
}

static void
fill(struct test *t)
{
	struct eas_fixture *f = t->f;

	for (int i = 0; i < 3; i++)
		eas_mail(f, f->inbox, EAS_NOW, SECRET);
	eas_mail_raw(f, f->inbox, EAS_NOW,
	             SPAN("From: " SECRET " <x@example.net>\r\nTo: alice@example.org\r\n"
	                  "Subject: " SECRET "\r\nMIME-Version: 1.0\r\n"
	                  "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	                  "--b\r\n\r\n" SECRET "\r\n"
	                  "--b\r\nContent-Type: application/pdf; name=" SECRET
	                  "\r\nContent-Disposition: attachment\r\n"
	                  "Content-Transfer-Encoding: base64\r\n\r\n" SECRET_B64
	                  "\r\n--b--\r\n"));
	put(t, STORE_ROLE_CONTACTS,
	    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:" SECRET "\r\nN:" SECRET
	    ";;;;\r\nEND:VCARD\r\n");
	put(t, STORE_ROLE_CALENDAR,
	    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:" SECRET
	    "\r\nDTSTART:20990101T100000Z\r\nDTEND:20990101T110000Z\r\nEND:VEVENT\r\n"
	    "END:VCALENDAR\r\n");
	put(t, STORE_ROLE_TASKS,
	    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:3\r\nSUMMARY:" SECRET
	    "\r\nEND:VTODO\r\nEND:VCALENDAR\r\n");
	put(t, STORE_ROLE_NOTES,
	    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VJOURNAL\r\nUID:4\r\nSUMMARY:" SECRET
	    "\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n");
}

static void
collect(struct test *t, const char *name, const char **list, size_t *n)
{
	for (size_t i = 0; *n < IDS_MAX; i++) {
		const char *v = eas_value(t->f, name, i);

		if (*v == '\0')
			return;
		list[(*n)++] = arena_strdup(t->a, v);
	}
}

#define SEARCH                                                                           \
	"<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query><And>"               \
	"<FreeText>" SECRET "</FreeText></And></Query><Options><Range>0-9</Range>"       \
	"</Options></Store></Search>"

/* Her phone syncs everything, so that all her ids and keys are good ones. */
static void
learn(struct test *t)
{
	struct eas_fixture *f = t->f;
	struct ids *ids = &t->ids;

	eas_run(f, "FolderSync",
	        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>");
	collect(t, "SyncKey", ids->keys, &ids->n_keys);
	collect(t, "ServerId", ids->folders, &ids->n_folders);
	for (size_t i = 0; i < ids->n_folders; i++) {
		uint32_t id = (uint32_t)atol(ids->folders[i]);

		eas_sync(f, id, "0", EAS_OPTIONS_PLAIN);
		collect(t, "SyncKey", ids->keys, &ids->n_keys);
		eas_sync(f, id, eas_key(f), "");
		collect(t, "SyncKey", ids->keys, &ids->n_keys);
		collect(t, "ServerId", ids->items, &ids->n_items);
		collect(t, "FileReference", ids->files, &ids->n_files);
	}
	eas_run(f, "Search", SEARCH);
	collect(t, "LongId", ids->longs, &ids->n_longs);
	assert_true(ids->n_items >= 8 && ids->n_files == 1 && ids->n_keys > 8);
	if (ids->n_longs == 0)
		ids->longs[ids->n_longs++] = ids->items[0];
	ids->folders[ids->n_folders++] = "99";
}

/* --- requests --- */

/* $f a folder, $i an item, $a an attachment, $l a LongId, $k a key. */
static const struct {
	const char *command, *xml;
} requests[] = {
	{ "FolderSync", "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>$k</SyncKey>"
	                "</FolderSync>" },
	{ "FolderCreate",
	  "<FolderCreate xmlns=\"FolderHierarchy\"><SyncKey>$k</SyncKey><ParentId>$f"
	  "</ParentId><DisplayName>mine</DisplayName><Type>12</Type></FolderCreate>" },
	{ "FolderUpdate",
	  "<FolderUpdate xmlns=\"FolderHierarchy\"><SyncKey>$k</SyncKey><ServerId>$f"
	  "</ServerId><ParentId>$f</ParentId><DisplayName>mine</DisplayName>"
	  "</FolderUpdate>" },
	{ "FolderDelete",
	  "<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>$k</SyncKey><ServerId>$f"
	  "</ServerId></FolderDelete>" },
	{ "Sync", "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>$k</SyncKey>"
	          "<CollectionId>$f</CollectionId></Collection></Collections></Sync>" },
	{ "Sync", "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>$k</SyncKey>"
	          "<CollectionId>$f</CollectionId><Commands>"
	          "<Change><ServerId>$i</ServerId><ApplicationData>"
	          "<Read xmlns=\"Email\">1</Read></ApplicationData></Change>"
	          "<Delete><ServerId>$i</ServerId></Delete>"
	          "<Fetch><ServerId>$i</ServerId></Fetch></Commands></Collection>"
	          "</Collections></Sync>" },
	{ "Sync", "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>$b</SyncKey>"
	          "<CollectionId>$B</CollectionId><Commands>"
	          "<Change><ServerId>$i</ServerId><ApplicationData>"
	          "<Read xmlns=\"Email\">1</Read></ApplicationData></Change>"
	          "<Delete><ServerId>$i</ServerId></Delete>"
	          "<Fetch><ServerId>$i</ServerId></Fetch></Commands></Collection>"
	          "</Collections></Sync>" },
	{ "GetItemEstimate",
	  "<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
	  "<SyncKey xmlns=\"AirSync\">$k</SyncKey><CollectionId>$f</CollectionId>"
	  "</Collection></Collections></GetItemEstimate>" },
	{ "Ping",
	  "<Ping xmlns=\"Ping\"><HeartbeatInterval>60</HeartbeatInterval><Folders>"
	  "<Folder><Id>$f</Id><Class>Email</Class></Folder></Folders></Ping>" },
	{ "MoveItems",
	  "<MoveItems xmlns=\"Move\"><Move><SrcMsgId>$i</SrcMsgId>"
	  "<SrcFldId>$f</SrcFldId><DstFldId>$f</DstFldId></Move></MoveItems>" },
	{ "ItemOperations",
	  "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	  "<CollectionId xmlns=\"AirSync\">$f</CollectionId><ServerId xmlns=\"AirSync\">$i"
	  "</ServerId></Fetch></ItemOperations>" },
	{ "ItemOperations",
	  "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	  "<FileReference xmlns=\"AirSyncBase\">$a</FileReference></Fetch>"
	  "</ItemOperations>" },
	{ "ItemOperations",
	  "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	  "<LongId xmlns=\"Search\">$l</LongId></Fetch></ItemOperations>" },
	{ "ItemOperations",
	  "<ItemOperations xmlns=\"ItemOperations\"><EmptyFolderContents>"
	  "<CollectionId xmlns=\"AirSync\">$f</CollectionId><Options><DeleteSubFolders/>"
	  "</Options></EmptyFolderContents></ItemOperations>" },
	{ "SmartForward",
	  "<SmartForward xmlns=\"ComposeMail\"><ClientId>$k$i</ClientId><Source>"
	  "<FolderId>$f</FolderId><ItemId>$i</ItemId></Source><Mime>"
	  "To: x@example.net\n\nx</Mime></SmartForward>" },
	{ "SmartReply",
	  "<SmartReply xmlns=\"ComposeMail\"><ClientId>r$k$i</ClientId><Source>"
	  "<LongId>$l</LongId></Source><Mime>To: x@example.net\n\nx</Mime></SmartReply>" },
	{ "MeetingResponse",
	  "<MeetingResponse xmlns=\"MeetingResponse\"><Request><UserResponse>1"
	  "</UserResponse><CollectionId>$f</CollectionId><RequestId>$i</RequestId>"
	  "</Request></MeetingResponse>" },
	{ "MeetingResponse",
	  "<MeetingResponse xmlns=\"MeetingResponse\"><Request><UserResponse>1"
	  "</UserResponse><LongId xmlns=\"Search\">$l</LongId></Request>"
	  "</MeetingResponse>" },
	{ "Search", SEARCH },
	{ "Search", "<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query><And>"
	            "<CollectionId xmlns=\"AirSync\">$f</CollectionId><FreeText>" SECRET
	            "</FreeText></And></Query></Store></Search>" },
	{ "Find", "<Find xmlns=\"Find\"><SearchId>0</SearchId><ExecuteSearch>"
	          "<MailBoxSearchCriterion><Query><FreeText>" SECRET "</FreeText></Query>"
	          "<Options><DeepTraversal/></Options></MailBoxSearchCriterion>"
	          "</ExecuteSearch></Find>" },
};

static const char *
one_of(struct test *t, char what)
{
	const struct ids *i = &t->ids;

	switch (what) {
	case 'f':
		return i->folders[pick(t, i->n_folders)];
	case 'i':
		return i->items[pick(t, i->n_items)];
	case 'a':
		return i->files[pick(t, i->n_files)];
	case 'l':
		return i->longs[pick(t, i->n_longs)];
	default:
		return i->keys[pick(t, i->n_keys)];
	}
}

/* $b, $B: bob's own key of his own inbox. */
static char *
fill_in(struct test *t, const char *xml, const char *own_key)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	for (; *xml; xml++) {
		if (*xml != '$')
			buf_add_char(&b, *xml);
		else if (*++xml == 'b')
			buf_add_str(&b, own_key);
		else if (*xml == 'B')
			buf_addf(&b, "%u", t->f->inbox);
		else
			buf_add_str(&b, one_of(t, *xml));
	}
	return arena_strndup(t->f->a, buf_span(&b));
}

static bool
holds(struct span bytes, const char *text)
{
	return bytes.n > 0 && memmem(bytes.p, bytes.n, text, strlen(text)) != NULL;
}

/* What bob was answered shows nothing of hers. Only his own words come back. */
static void
judge(struct test *t, const char *command, const char *xml)
{
	struct span body = buf_span(&t->f->body);

	if (holds(body, SECRET) || holds(body, SECRET_B64))
		fail_msg("%s: %s\n-> %s", command, xml, t->f->xml);
	if (t->f->sent_message && (strstr(t->f->sent_message, SECRET) ||
	                           strstr(t->f->sent_message, SECRET_B64)))
		fail_msg("%s: %s\n-> sent %s", command, xml, t->f->sent_message);
}

static void
judge_state(struct test *t)
{
	char *now = state_of(t, t->alice);

	if (strcmp(now, t->before) != 0)
		fail_msg("%s\n-> %s", t->before, now);
}

static void
begin(struct test *t, struct eas_fixture *f)
{
	*t = (struct test){ .f = f, .alice = f->user, .seed = 20261122 };
	t->a = arena_new();
	f->wait_ms = 0;
	fill(t);
	learn(t);
	assert_ok(store_user_add(f->store, SPAN("bob@example.org"), SPAN("Bob"), SPAN(""),
	                         &t->bob));
	t->before = state_of(t, t->alice);
	f->user = t->bob;
}

static void
end(struct test *t)
{
	judge_state(t);
	/* Her own phone goes on as if nothing had been. */
	t->f->user = t->alice;
	t->f->device = "PHONE1";
	t->f->version = 161;
	eas_runf(t->f, "FolderSync",
	         "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
	         "</FolderSync>",
	         t->ids.keys[0]);
	assert_has(t->f, "<Status>1</Status>");
	assert_has(t->f, "<Count>0</Count>");
	arena_free(t->a);
}

static char *
own_key(struct test *t)
{
	eas_sync(t->f, t->f->inbox, "0", EAS_OPTIONS_PLAIN);
	return eas_key(t->f);
}

static void
no_command_knows_what_is_anothers(void **state)
{
	struct test t;

	begin(&t, *state);
	for (int round = 0; round < 24; round++) {
		/* His phone may even have the same DeviceId as hers. */
		t.f->device = round % 2 ? "PHONE1" : "PHONE2";
		t.f->version = round % 3 ? 161 : 141;
		for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
			char *xml = fill_in(&t, requests[i].xml, own_key(&t));

			eas_run(t.f, requests[i].command, xml);
			judge(&t, requests[i].command, xml);
		}
		judge_state(&t);
		arena_free(t.f->a);
		t.f->a = arena_new();
	}
	end(&t);
}

static void
attachments_by_name_neither(void **state)
{
	struct test t;

	begin(&t, *state);
	t.f->version = 121;
	for (size_t i = 0; i < t.ids.n_files; i++) {
		t.f->attachment = t.ids.files[i];
		eas_run(t.f, "GetAttachment", NULL);
		assert_int_not_equal(t.f->http_status, 200);
		judge(&t, "GetAttachment", t.f->attachment);
	}
	t.f->attachment = NULL;
	end(&t);
}

/* The same requests with bytes changed, and mere bytes. */
static void
bytes_of_any_kind_show_nothing_of_anothers(void **state)
{
	struct test t;

	begin(&t, *state);
	for (int round = 0; round < ROUNDS; round++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		size_t i = pick(&t, ARRAY_LEN(requests));
		char *xml = fill_in(&t, requests[i].xml, "1");
		struct err err = { "" };

		assert_ok(wbxml_from_xml(span_str(xml), &b, &err));
		for (unsigned n = 1 + pick(&t, 6); n > 0; n--) {
			size_t at = 4 + pick(&t, buf_len(&b) - 4);

			b.p[at] = pick(&t, 3) ? (char)pick(&t, 256)
			                      : b.p[4 + pick(&t, buf_len(&b) - 4)];
		}
		eas_run_bytes(t.f, requests[i].command, buf_span(&b));
		judge(&t, requests[i].command, xml);
		if (round % 100 == 0) {
			judge_state(&t);
			arena_free(t.f->a);
			t.f->a = arena_new();
		}
	}
	end(&t);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(no_command_knows_what_is_anothers),
		T(attachments_by_name_neither),
		T(bytes_of_any_kind_show_nothing_of_anothers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
