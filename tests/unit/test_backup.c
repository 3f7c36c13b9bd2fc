/* SPDX-License-Identifier: ISC
 *
 * test_backup.c - backups: full and increments, verified, restored as they were.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/archive/backup_private.h"
#include "store/archive/restore.h"
#include "store/store_cursor.h"
#include "store/store_device.h"
#include "store/store_private.h"
#include "tests/unit/archive_fixture.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

static char dir[80];

static int
setup(void **state)
{
	struct fixture *f;

	if (fixture_setup(state) != 0)
		return -1;
	f = *state;
	snprintf(dir, sizeof(dir), "%s/backups", f->directory);
	if (mkdir(f->directory, 0700) != 0 && access(f->directory, F_OK) != 0)
		return -1;
	return 0;
}

static enum rc
try_backup(struct fixture *f, bool full, const char *user, struct backup_report *ret,
           struct err *err)
{
	struct backup_store_source source;
	struct span users[] = { span_str(user) };
	struct backup_make_conf conf = {
		.dir = dir, .full = full, .users = users, .n_users = user ? 1 : 0
	};

	backup_source_of_store(&source, f->s);
	return backup_make(&source.base, &conf, ret, err);
}

static struct backup_report
back_up(struct fixture *f, bool full, const char *user)
{
	struct backup_report report;
	struct err err = { "" };
	enum rc rc = try_backup(f, full, user, &report, &err);

	if (rc)
		fail_msg("backup: %s (%s)", rc_str(rc), err.text);
	return report;
}

static void
verify(void)
{
	struct err err = { "" };
	uint64_t faults = 0;
	enum rc rc = backup_verify(dir, NULL, NULL, &faults, &err);

	if (rc)
		fail_msg("verify: %s (%s)", rc_str(rc), err.text);
}

/* *ret_files: how many archives the user's chain has. */
static void
merged(struct fixture *f, uint64_t user, struct digest *ret, size_t *ret_files)
{
	struct digester *d = digester_new(NULL);
	struct backup_run *runs;
	struct err err = { "" };
	char **paths;
	size_t n;
	enum rc rc;

	assert_ok(backup_list(dir, f->a, &runs, &n, &err));
	assert_ok(backup_load(dir, runs, n, &runs[n - 1], f->a, &err));
	assert_ok(backup_chain(dir, runs, n, &runs[n - 1], user, f->a, &paths, ret_files,
	                       &err));
	rc = backup_merge(paths, *ret_files, digester_rows(d), &err);
	if (rc)
		fail_msg("merge: %s (%s)", rc_str(rc), err.text);
	*ret = *digester_result(d);
	digester_free(d);
}

/* The chain makes exactly the rows that the user has. */
static size_t
assert_backup_is_exact(struct fixture *f, uint64_t user)
{
	struct digest now;
	struct digest then;
	size_t files;

	merged(f, user, &then, &files);
	assert_ok(digest_user(f->s, user, &now));
	for (size_t i = 0; i < now.n; i++) {
		const struct archive_sum *s = digest_find(&then, now.tables[i].table);

		if (!s || s->count != now.tables[i].sum.count ||
		    memcmp(s->hash.b, now.tables[i].sum.hash.b, 32) != 0)
			fail_msg("%s differs: %llu rows, %llu in the backup",
			         now.tables[i].table,
			         (unsigned long long)now.tables[i].sum.count,
			         (unsigned long long)(s ? s->count : 0));
	}
	return files;
}

/* What a restore changes on purpose. */
static const char *const renumbered[] = { "account", "collection", "sync_cursor", NULL };

static enum rc
restore_all(struct other *o, enum backup_queue queue, struct err *err)
{
	struct backup_restore_conf conf = { .dir = dir, .queue = queue };
	struct backup_report report;

	return backup_restore(&conf, &o->conf, &report, err);
}

static enum rc
restore_user(struct store *s, const char *address, bool *ret_same, struct err *err)
{
	struct backup_store_target target;
	bool same = false;
	enum rc rc;

	backup_target_of_store(&target, s);
	rc = backup_restore_user(dir, 0, span_str(address), &target.base, &same, err);
	backup_target_done(&target);
	if (ret_same)
		*ret_same = same;
	return rc;
}

static void
restore_a(struct fixture *f)
{
	struct err err = { "" };
	bool same = true;
	enum rc rc = restore_user(f->s, "a@example.org", &same, &err);

	if (rc)
		fail_msg("restore: %s (%s)", rc_str(rc), err.text);
	assert_false(same);
}

/* -- making -- */

static void
an_increment_holds_what_has_changed(void **state)
{
	struct fixture *f = *state;
	struct backup_report full;
	struct backup_report r;

	fill_store(f, 300);
	full = back_up(f, false, NULL);
	assert_true(full.full);
	assert_int_equal(full.users, 4);
	assert_int_equal(full.changed, 4);
	assert_int_equal(full.faults, 0);
	assert_int_equal(assert_backup_is_exact(f, f->user), 1);
	/* Nothing has changed. */
	r = back_up(f, false, NULL);
	assert_false(r.full);
	assert_int_equal(r.changed, 0);
	assert_int_equal(r.blobs, 0);
	assert_int_equal(assert_backup_is_exact(f, f->user), 1);
	/* One user has. */
	change_store(f);
	r = back_up(f, false, NULL);
	assert_int_equal(r.changed, 1);
	assert_int_equal(r.blobs, 1);
	assert_true(r.bytes < full.bytes / 2);
	assert_int_equal(assert_backup_is_exact(f, f->user), 2);
	for (int i = 0; i < 3; i++) {
		change_store(f);
		back_up(f, false, i == 1 ? "a@example.org" : NULL);
	}
	assert_int_equal(assert_backup_is_exact(f, f->user), 5);
	verify();
	r = back_up(f, true, NULL);
	assert_true(r.full);
	assert_int_equal(r.blobs, 0); /* they are there */
	assert_int_equal(assert_backup_is_exact(f, f->user), 1);
	verify();
}

/* What the sweep takes away no modseq tells. */
static void
an_increment_knows_what_was_swept_away(void **state)
{
	struct fixture *f = *state;
	uint64_t removed = 0;

	clock_fake_start(1700000000000);
	fill_store(f, 20);
	change_store(f);
	back_up(f, false, NULL);
	clock_fake_advance(31 * DAY_MS);
	assert_ok(store_sweep(f->s, &removed));
	assert_true(removed > 5);
	back_up(f, false, NULL);
	assert_int_equal(assert_backup_is_exact(f, f->user), 2);
	verify();
	clock_fake_stop();
}

static unsigned
pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

/* One change of a user that is small and random. */
static void
do_something(struct fixture *f, struct store_tx *tx, uint32_t *folders, size_t n,
             unsigned *seed)
{
	uint32_t folder = folders[pick(seed, (unsigned)n)];
	struct store_item_change change = { .flags_on = 1U << pick(seed, 8) };
	struct store_item_new item = { .received_ms = pick(seed, 1000) };
	struct store_content *c;
	uint32_t *uids = NULL;
	size_t n_uids = 0;
	uint32_t uid;
	enum rc rc = store_item_uids(tx, folder, f->a, &uids, &n_uids);

	if (rc == RC_NOT_FOUND)
		return;
	assert_ok(rc);
	if (n_uids == 0 || pick(seed, 3) == 0) {
		char text[40];

		snprintf(text, sizeof(text), "text %u", pick(seed, 30000));
		c = fixture_content(f, text);
		assert_ok(store_item_add(tx, folder, c, &item, &uid, NULL));
		store_content_free(c);
		return;
	}
	uid = uids[pick(seed, (unsigned)n_uids)];
	switch (pick(seed, 6)) {
	case 0:
	case 1:
		assert_ok(store_item_update(tx, folder, uid, &change, NULL));
		break;
	case 2:
		assert_ok(store_item_expunge(tx, folder, uid));
		break;
	case 3:
		assert_ok(store_item_copy(tx, folder, uid, f->trash, &uid));
		break;
	case 4:
		if (folder != f->trash)
			assert_ok(store_item_move(tx, folder, uid, f->trash, &uid));
		break;
	case 5:
		c = fixture_content(f, "other bytes");
		change.content = c;
		assert_ok(store_item_update(tx, folder, uid, &change, NULL));
		store_content_free(c);
		break;
	}
}

static void
a_chain_of_random_changes_is_exact_at_every_link(void **state)
{
	struct fixture *f = *state;
	uint32_t folders[4] = { f->inbox, f->trash };
	unsigned seed = 4711;

	clock_fake_start(1700000000000);
	for (int round = 0; round < 12; round++) {
		struct store_tx *tx = fixture_write(f, 1 + pick(&seed, 2));
		uint64_t removed;
		char name[16];

		snprintf(name, sizeof(name), "f%d", round);
		if (round % 4 == 1 && folders[2] != 0)
			assert_ok(store_collection_delete(tx, folders[2]));
		if (round % 4 < 2)
			assert_ok(store_collection_create(
				tx, 0, span_str(name), STORE_CLASS_MAIL, STORE_ROLE_NONE,
				&folders[2 + round % 2]));
		for (unsigned i = pick(&seed, 30); i > 0; i--)
			do_something(f, tx, folders, 3 + (folders[3] != 0), &seed);
		assert_ok(store_commit(&tx));
		if (pick(&seed, 3) == 0) {
			clock_fake_advance(20 * DAY_MS);
			assert_ok(store_sweep(f->s, &removed));
		}
		back_up(f, round == 7, NULL);
		assert_backup_is_exact(f, f->user);
	}
	verify();
	clock_fake_stop();
}

static bool
exists(const char *file)
{
	char *path = xasprintf("%s/%s", dir, file);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void
a_backup_that_fails_is_none(void **state)
{
	struct fixture *f = *state;
	struct backup_report r;
	struct backup_run *runs;
	struct err err = { "" };
	unsigned failures = 0;
	size_t n;

	fill_store(f, 4);
	back_up(f, false, NULL);
	change_store(f);
	for (unsigned at = 1;; at = at * 2 + 1) {
		enum rc rc;

		err.text[0] = '\0';
		engine_fail_after(at);
		rc = try_backup(f, false, NULL, &r, &err);
		if (rc == RC_OK) { /* to its end, or a second try has helped */
			bool end = engine_fail_pending();
			char *command = xasprintf("rm -r '%s/000002'", dir);

			engine_fail_after(0);
			assert_false(exists("000002.part"));
			assert_backup_is_exact(f, f->user);
			verify();
			if (!end)
				assert_int_equal(system(command), 0);
			free(command);
			if (end)
				break;
			continue;
		}
		assert_false(engine_fail_pending());
		failures++;
		assert_true(*err.text);
		assert_ok(backup_list(dir, f->a, &runs, &n, &err));
		assert_int_equal(n, 1);
		assert_false(exists("000002"));
	}
	assert_true(failures > 2);
	assert_true(exists("000002"));
}

static void
two_backups_at_once_are_refused(void **state)
{
	struct fixture *f = *state;
	struct backup_report r;
	struct err err = { "" };
	char *path = xasprintf("%s/lock", dir);
	int fd;

	back_up(f, false, NULL);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	free(path);
	assert_rc(try_backup(f, false, NULL, &r, &err), RC_EXISTS);
	assert_non_null(strstr(err.text, "another backup"));
	close(fd);
	back_up(f, false, NULL);
}

static void
users_are_backed_up_by_name(void **state)
{
	struct fixture *f = *state;
	struct backup_report r;
	struct err err = { "" };

	fill_store(f, 4);
	r = back_up(f, false, "A@example.org");
	assert_int_equal(r.users, 1);
	assert_rc(try_backup(f, false, "nobody@example.org", &r, &err), RC_NOT_FOUND);
	/* One of all after that has the others in full. */
	r = back_up(f, false, NULL);
	assert_int_equal(r.users, 4);
	assert_int_equal(r.changed, 3);
	verify();
}

static void
who_is_held_stays_as_he_was(void **state)
{
	struct fixture *f = *state;
	struct engine_tx *etx = NULL;
	struct backup_report r;

	fill_store(f, 4);
	back_up(f, false, NULL);
	assert_ok(engine_begin(f->s->engine, ENGINE_SHARD, store_shard_of(f->s, f->user),
	                       true, &etx));
	assert_ok(
		sql_run(etx, "UPDATE account SET hold = 1 WHERE owner = $1", I(f->user)));
	assert_ok(engine_commit(&etx));
	r = back_up(f, false, NULL);
	assert_int_equal(r.faults, 1);
	verify();
	assert_ok(engine_begin(f->s->engine, ENGINE_SHARD, store_shard_of(f->s, f->user),
	                       true, &etx));
	assert_ok(
		sql_run(etx, "UPDATE account SET hold = 0 WHERE owner = $1", I(f->user)));
	assert_ok(engine_commit(&etx));
	assert_int_equal(assert_backup_is_exact(f, f->user), 1);
	change_store(f);
	back_up(f, false, NULL);
	assert_int_equal(assert_backup_is_exact(f, f->user), 2);
}

/* -- verifying -- */

/* Changes a byte in the middle of the file, or takes it away. */
static void
damage(const char *path, bool remove)
{
	struct stat st;
	char c;
	int fd;

	if (remove) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(pread(fd, &c, 1, st.st_size / 2), 1);
	c ^= 4;
	assert_int_equal(pwrite(fd, &c, 1, st.st_size / 2), 1);
	close(fd);
}

static void
copy_folder(const char *from, const char *to)
{
	char *command = xasprintf("rm -rf '%s' && cp -a '%s' '%s'", to, from, to);

	assert_int_equal(system(command), 0);
	free(command);
}

static void
a_damaged_backup_is_refused_and_the_file_named(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "000001/manifest", "000001/directory",
		                             "000001/queue",    "000001/user-1",
		                             "000002/user-1",   "000002/manifest" };
	char *saved = xasprintf("%s.saved", dir);
	struct backup_run *runs;
	struct err err = { "" };
	uint64_t faults = 0;
	size_t n;

	fill_store(f, 10);
	back_up(f, false, NULL);
	change_store(f);
	back_up(f, false, NULL);
	copy_folder(dir, saved);
	for (size_t i = 0; i < 2 * ARRAY_LEN(files); i++) {
		const char *name = files[i / 2];
		char *path = xasprintf("%s/%s", dir, name);

		damage(path, i % 2);
		faults = 0;
		assert_true(backup_verify(dir, NULL, NULL, &faults, &err) != RC_OK);
		if (!strstr(err.text, name))
			fail_msg("%s is not named: %s", name, err.text);
		err.text[0] = '\0';
		/* Nothing is touched by a restore of it. */
		if (strstr(name, "user-1")) {
			change_store(f);
			assert_true(restore_user(f->s, "a@example.org", NULL, &err) !=
			            RC_OK);
			assert_true(*err.text);
			fixture_check(f, f->user);
		}
		free(path);
		copy_folder(saved, dir);
	}
	/* A whole file of another backup in its place. */
	{
		char *command =
			xasprintf("cp '%s/000001/user-2' '%s/000001/user-1'", dir, dir);

		assert_int_equal(system(command), 0);
		free(command);
		assert_rc(backup_verify(dir, NULL, NULL, &faults, &err), RC_INVALID);
		copy_folder(saved, dir);
	}
	/* A chain whose beginning is another. */
	{
		char *command = xasprintf("sed -i 's/^made_ms /made_ms 1/' "
		                          "'%s/000001/manifest'",
		                          dir);

		assert_int_equal(system(command), 0);
		free(command);
		assert_rc(backup_list(dir, f->a, &runs, &n, &err), RC_INVALID);
		copy_folder(saved, dir);
	}
	verify();
	free(saved);
}

static void
a_lost_blob_is_noticed(void **state)
{
	struct fixture *f = *state;
	char *command = xasprintf("find '%s/blobs' -type f | head -1 | xargs rm", dir);
	struct err err = { "" };
	uint64_t faults = 0;

	add_large(f, f->inbox, 8);
	back_up(f, false, NULL);
	verify();
	assert_int_equal(system(command), 0);
	free(command);
	assert_rc(backup_verify(dir, NULL, NULL, &faults, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "missing"));
	/* The next backup has it again; increments do not look for old ones. */
	back_up(f, true, NULL);
	verify();
}

/* -- restoring all -- */

static void
a_restored_store_is_the_same_but_for_the_numbers(void **state)
{
	struct fixture *f = *state;
	struct store_queue_entry *entries;
	struct err err = { "" };
	struct other o;
	size_t n;
	enum rc rc;

	fill_store(f, 30);
	back_up(f, false, NULL);
	change_store(f);
	assert_ok(store_alias_add(f->s, SPAN("new@example.org"), SPAN("a@example.org")));
	back_up(f, false, NULL);
	other_make(&o, f, true, 3);
	rc = restore_all(&o, BACKUP_QUEUE_HOLD, &err);
	if (rc)
		fail_msg("restore: %s (%s)", rc_str(rc), err.text);
	other_open(&o);
	for (uint64_t user = 1; user <= 4; user++)
		assert_same_user(f->s, user, o.s, user, renumbered);
	assert_ok(store_queue_list(o.s, f->a, &entries, &n));
	assert_int_equal(n, 3);
	assert_true(entries[0].held && entries[2].held);
	{
		struct store_route *routes;

		assert_ok(store_route_find(o.s, SPAN("new@example.org"), f->a, &routes,
		                           &n));
		assert_int_equal(routes[0].user, f->user);
	}
	/* Life goes on. */
	store_close(TAKE(f->s));
	f->s = TAKE(o.s);
	fixture_check(f, f->user);
	change_store(f);
	fixture_check(f, f->user);
	assert_int_equal(fixture_user(f, "later"), 5);
	/* It is another store now: its backups begin anew. */
	assert_true(back_up(f, false, NULL).full);
	verify();
	store_close(TAKE(f->s));
	other_remove(&o);
}

static void
a_restore_that_fails_at_any_point_goes_on(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	unsigned failures = 0;
	struct other o;

	fill_store(f, 6);
	back_up(f, false, NULL);
	change_store(f);
	back_up(f, false, NULL);
	other_make(&o, f, true, 2);
	for (unsigned n = 30;; n = n * 2 + 1) {
		enum rc rc;

		err.text[0] = '\0';
		engine_fail_after(n);
		rc = restore_all(&o, BACKUP_QUEUE_RUN, &err);
		if (rc == RC_OK) {
			engine_fail_after(0);
			break;
		}
		assert_false(engine_fail_pending());
		failures++;
		assert_true(*err.text);
	}
	assert_true(failures > 1);
	assert_rc(restore_all(&o, BACKUP_QUEUE_RUN, &err), RC_EXISTS);
	other_open(&o);
	for (uint64_t user = 1; user <= 4; user++)
		assert_same_user(f->s, user, o.s, user, renumbered);
	other_remove(&o);
}

/* -- restoring one -- */

static void
changes_since(struct fixture *f, uint64_t since, enum rc want, size_t want_n)
{
	AUTO(store_tx)
	struct store_tx *tx = fixture_read(f);
	struct store_change_query q = { .collection = f->inbox, .since = since };
	struct store_tree_change *tree;
	struct store_change *list;
	uint64_t next;
	size_t n = 0;
	bool more;

	assert_rc(store_changes(tx, &q, f->a, &list, &n, &next, &more), want);
	if (want == RC_OK)
		assert_int_equal(n, want_n);
	assert_rc(store_tree_changes(tx, since, f->a, &tree, &n), want);
}

static uint64_t
modseq_of(struct fixture *f)
{
	struct store_tx *tx = fixture_read(f);
	uint64_t m = store_tx_modseq(tx);

	store_tx_free(tx);
	return m;
}

static struct store_collection
inbox_of(struct fixture *f)
{
	struct store_collection c;
	struct store_tx *tx = fixture_read(f);

	assert_ok(store_collection_load(tx, f->inbox, f->a, &c));
	store_tx_free(tx);
	return c;
}

static struct store_cursor
cursor_of(struct fixture *f)
{
	struct store_cursor c;
	struct store_tx *tx = fixture_read(f);

	assert_ok(store_cursor_load(tx, 1, "sync/1", f->a, &c));
	store_tx_free(tx);
	return c;
}

static void
who_saw_nothing_of_what_was_lost_goes_on(void **state)
{
	struct fixture *f = *state;
	struct store_collection before;
	struct store_collection lost;
	struct store_collection after;
	uint64_t backup;
	uint64_t end;
	uint32_t id = 0;
	struct store_tx *tx;

	fill_store(f, 5);
	backup = modseq_of(f);
	before = inbox_of(f);
	back_up(f, false, NULL);
	for (int i = 0; i < 3; i++)
		change_store(f);
	end = modseq_of(f);
	lost = inbox_of(f);
	restore_a(f);
	fixture_check(f, f->user);
	after = inbox_of(f);
	assert_int_equal(after.exists, before.exists);
	assert_int_equal(after.epoch, before.epoch);
	assert_true(after.uid_next > lost.uid_next);
	assert_true(after.modseq > end && after.modseq == modseq_of(f));
	/* At or below the backup: nothing new. Of what was lost: anew. */
	changes_since(f, backup, RC_OK, 0);
	changes_since(f, backup - 1, RC_OK, 0);
	changes_since(f, backup + 1, RC_CONFLICT, 0);
	changes_since(f, end, RC_CONFLICT, 0);
	changes_since(f, after.modseq - 1, RC_CONFLICT, 0);
	changes_since(f, after.modseq, RC_OK, 0);
	/* No UID, no folder's number, no key comes again. */
	assert_true(fixture_add(f, f->inbox, "new") >= after.uid_next);
	changes_since(f, backup, RC_OK, 1);
	changes_since(f, after.modseq, RC_OK, 1);
	assert_int_equal(cursor_of(f).key, 7);
	{
		struct store_cursor c = cursor_of(f);

		assert_true(store_cursor_next_key(&c) > 100);
	}
	tx = fixture_write(f, 0);
	assert_ok(store_collection_create(tx, 0, SPAN("after"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_true(id > 16);
	assert_ok(store_commit(&tx));
}

static void
numbers_rise_from_restore_to_restore(void **state)
{
	struct fixture *f = *state;
	uint64_t modseq = 0;
	uint32_t uid = 0;
	struct other o;

	fill_store(f, 2);
	back_up(f, false, NULL);
	clock_fake_start(1800000000000);
	/* Into the living, and, with all forgotten, into fresh stores: always the same
	 * old backup. */
	for (int i = 0; i < 3; i++) {
		uint32_t next;

		clock_fake_advance(60000);
		change_store(f);
		restore_a(f);
		assert_true(modseq_of(f) > modseq);
		next = fixture_add(f, f->inbox, "x");
		assert_true(next > uid);
		uid = next;
		modseq = modseq_of(f);
	}
	for (int i = 0; i < 2; i++) {
		struct err err = { "" };
		uint32_t next;

		clock_fake_advance(60000);
		other_make(&o, f, true, 2);
		assert_ok(restore_all(&o, BACKUP_QUEUE_DROP, &err));
		store_close(TAKE(f->s));
		other_open(&o);
		f->s = TAKE(o.s);
		assert_true(modseq_of(f) > modseq);
		next = fixture_add(f, f->inbox, "x");
		assert_true(next > uid);
		uid = next;
		modseq = modseq_of(f);
		store_close(TAKE(f->s));
		other_remove(&o);
		fixture_open(f);
	}
	clock_fake_stop();
}

static void
what_is_there_already_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_cursor c = { .key = 8, .state = SPAN("newer") };
	struct err err = { "" };
	struct store_tx *tx;
	uint64_t modseq;
	bool same = false;

	fill_store(f, 5);
	back_up(f, false, NULL);
	modseq = modseq_of(f);
	/* A device has synced since: that is no loss, and its newer key stays. */
	tx = fixture_write(f, 1);
	assert_ok(store_cursor_save(tx, 1, "sync/1", &c));
	assert_ok(store_commit(&tx));
	assert_ok(restore_user(f->s, "a@example.org", &same, &err));
	assert_true(same);
	assert_int_equal(modseq_of(f), modseq);
	assert_int_equal(cursor_of(f).key, 8);
	/* Removed and brought back. */
	assert_ok(store_user_set_password(f->s, SPAN("a@example.org"), SPAN("secret")));
	back_up(f, false, NULL);
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	assert_ok(restore_user(f->s, "a@example.org", &same, &err));
	assert_true(same);
	{
		struct store_user u;

		assert_ok(store_user_find(f->s, SPAN("a@example.org"), f->a, &u));
		assert_int_equal(u.id, f->user);
		assert_true(span_is(u.password, "secret"));
	}
}

static void
a_user_who_is_gone_for_good_comes_back(void **state)
{
	struct fixture *f = *state;
	uint64_t removed = 0;
	struct err err = { "" };
	struct store_user u;
	struct store_collection before;
	uint64_t first = f->user;

	clock_fake_start(1800000000000);
	fill_store(f, 5);
	before = inbox_of(f);
	back_up(f, false, NULL);
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	clock_fake_advance(40 * DAY_MS);
	assert_ok(store_sweep(f->s, &removed));
	restore_a(f);
	assert_ok(store_user_find(f->s, SPAN("a@example.org"), f->a, &u));
	assert_int_equal(u.id, first);
	fixture_check(f, f->user);
	assert_int_equal(inbox_of(f).exists, before.exists);
	/* Another has the address by now: then his number is kept. */
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	f->user = fixture_user(f, "a");
	assert_true(f->user != first);
	restore_a(f);
	assert_ok(store_user_find(f->s, SPAN("a@example.org"), f->a, &u));
	assert_int_equal(u.id, f->user);
	fixture_check(f, f->user);
	assert_int_equal(inbox_of(f).exists, before.exists);
	/* Without its domain there is no place for him. */
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	assert_ok(store_user_remove(f->s, SPAN("u0@example.org")));
	assert_ok(store_user_remove(f->s, SPAN("u1@example.org")));
	assert_ok(store_alias_remove(f->s, SPAN("info@example.org"),
	                             SPAN("a@example.org")));
	assert_ok(store_alias_remove(f->s, SPAN("@example.org"), SPAN("x@example.com")));
	assert_ok(store_domain_remove(f->s, SPAN("example.org")));
	assert_rc(restore_user(f->s, "a@example.org", NULL, &err), RC_NOT_FOUND);
	assert_non_null(strstr(err.text, "domain"));
	clock_fake_stop();
}

static void
devices_that_were_shut_out_stay_out(void **state)
{
	struct fixture *f = *state;
	struct store_device d;
	struct store_device fresh = { .id = SPAN("PHONE3"),
		                      .protocol = SPAN("activesync"),
		                      .state = STORE_DEVICE_BLOCKED,
		                      .reason = SPAN("stolen") };
	struct store_tx *tx;
	uint32_t number;

	fill_store(f, 2);
	back_up(f, false, NULL);
	change_store(f);
	tx = fixture_write(f, 0);
	assert_ok(store_device_find(tx, SPAN("activesync"), SPAN("PHONE1"), f->a, &d));
	d.state = STORE_DEVICE_WIPED;
	d.reason = SPAN("lost");
	assert_ok(store_device_save(tx, &d, &number));
	assert_ok(store_device_save(tx, &fresh, &number));
	assert_ok(store_commit(&tx));
	restore_a(f);
	tx = fixture_read(f);
	assert_ok(store_device_find(tx, SPAN("activesync"), SPAN("PHONE1"), f->a, &d));
	assert_int_equal(d.state, STORE_DEVICE_WIPED);
	assert_true(span_is(d.reason, "lost"));
	assert_ok(store_device_find(tx, SPAN("activesync"), SPAN("PHONE2"), f->a, &d));
	assert_int_equal(d.state, STORE_DEVICE_ALLOWED);
	assert_ok(store_device_find(tx, SPAN("activesync"), SPAN("PHONE3"), f->a, &d));
	assert_int_equal(d.state, STORE_DEVICE_BLOCKED);
	store_tx_free(tx);
}

static void
a_restore_of_one_that_fails_holds_him_until_it_is_done(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = NULL;
	struct err err = { "" };
	unsigned held = 0;
	uint64_t exists_then;

	fill_store(f, 8);
	exists_then = inbox_of(f).exists;
	back_up(f, false, NULL);
	change_store(f);
	for (unsigned n = 30;; n += 37) {
		enum rc rc;

		err.text[0] = '\0';
		engine_fail_after(n);
		rc = restore_user(f->s, "a@example.org", NULL, &err);
		if (rc == RC_OK) {
			engine_fail_after(0);
			break;
		}
		assert_true(*err.text);
		rc = store_read(f->s, f->user, &tx);
		assert_true(rc == RC_AGAIN || rc == RC_OK);
		held += rc == RC_AGAIN;
		if (rc == RC_OK) { /* not begun, or ended: whole in both cases */
			store_tx_free(TAKE(tx));
			fixture_check(f, f->user);
		}
	}
	assert_true(held > 1);
	fixture_check(f, f->user);
	assert_int_equal(inbox_of(f).exists, exists_then);
}

static size_t n_moved;

static void
note_moved(const struct store_moved *moved, size_t n, void *arg)
{
	uint64_t user = *(uint64_t *)arg;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(moved[i].user, user);
	n_moved = n;
}

static void
who_waits_for_a_restored_user_is_woken(void **state)
{
	struct fixture *f = *state;
	struct store_collection *list;
	struct store_tx *tx;
	size_t n;

	fill_store(f, 2);
	back_up(f, false, NULL);
	change_store(f);
	store_on_commit(f->s, note_moved, &f->user);
	restore_a(f);
	tx = fixture_read(f);
	assert_ok(store_collection_list(tx, f->a, &list, &n));
	store_tx_free(tx);
	assert_int_equal(n_moved, n + 1); /* the tree as well */
	store_on_commit(f->s, NULL, NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_increment_holds_what_has_changed),
		TEST(an_increment_knows_what_was_swept_away),
		TEST(a_chain_of_random_changes_is_exact_at_every_link),
		TEST(a_backup_that_fails_is_none),
		TEST(two_backups_at_once_are_refused),
		TEST(users_are_backed_up_by_name),
		TEST(who_is_held_stays_as_he_was),
		TEST(a_damaged_backup_is_refused_and_the_file_named),
		TEST(a_lost_blob_is_noticed),
		TEST(a_restored_store_is_the_same_but_for_the_numbers),
		TEST(a_restore_that_fails_at_any_point_goes_on),
		TEST(who_saw_nothing_of_what_was_lost_goes_on),
		TEST(numbers_rise_from_restore_to_restore),
		TEST(what_is_there_already_is_left_alone),
		TEST(a_user_who_is_gone_for_good_comes_back),
		TEST(devices_that_were_shut_out_stay_out),
		TEST(a_restore_of_one_that_fails_holds_him_until_it_is_done),
		TEST(who_waits_for_a_restored_user_is_woken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
