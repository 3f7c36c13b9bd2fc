/* SPDX-License-Identifier: ISC
 *
 * store_schema.c - the tables, as numbered steps. A released step is never changed.
 *
 * Every table of a shard begins with the user ("owner"). The modseq of a user is given by
 * its account row inside the transaction, never by a sequence.
 */
#include "store/store_private.h"

static const char *const shard_1[] = {
	/* *_next: the number that the next one gets; numbers are never used again. */
	"CREATE TABLE account ("
	" owner BIGINT NOT NULL PRIMARY KEY,"
	" modseq BIGINT NOT NULL,"
	" tree_modseq BIGINT NOT NULL,"
	" tree_floor BIGINT NOT NULL," /* the tree's log is complete above it */
	" collection_next BIGINT NOT NULL,"
	" content_next BIGINT NOT NULL,"
	" device_next BIGINT NOT NULL,"
	" epoch_last BIGINT NOT NULL"
	") /* clustered */",

	"CREATE TABLE collection ("
	" owner BIGINT NOT NULL,"
	" id BIGINT NOT NULL,"
	" parent BIGINT NOT NULL,"
	" class BIGINT NOT NULL,"
	" role BIGINT NOT NULL,"
	" name TEXT NOT NULL,"
	" epoch BIGINT NOT NULL,"
	" uid_next BIGINT NOT NULL,"
	" created BIGINT NOT NULL,"
	" changed BIGINT NOT NULL,"
	" modseq BIGINT NOT NULL,"
	" n_items BIGINT NOT NULL,"
	" n_unseen BIGINT NOT NULL,"
	" n_bytes BIGINT NOT NULL,"
	" subscribed BIGINT NOT NULL,"
	" log_floor BIGINT NOT NULL," /* the items' log is complete above it */
	" PRIMARY KEY (owner, id)"
	") /* clustered */",
	"CREATE UNIQUE INDEX collection_name ON collection (owner, parent, name)",
	"CREATE INDEX collection_changed ON collection (owner, changed)",

	/* Its items stay in place until retention ends. */
	"CREATE TABLE collection_gone ("
	" owner BIGINT NOT NULL,"
	" id BIGINT NOT NULL,"
	" created BIGINT NOT NULL,"
	" expunged BIGINT NOT NULL,"
	" parent BIGINT NOT NULL,"
	" class BIGINT NOT NULL,"
	" role BIGINT NOT NULL,"
	" name TEXT NOT NULL,"
	" gone_ms BIGINT NOT NULL,"
	" device BIGINT NOT NULL,"
	" protocol TEXT NOT NULL,"
	" PRIMARY KEY (owner, id)"
	") /* clustered */",
	"CREATE INDEX collection_gone_expunged ON collection_gone (owner, expunged)",

	/* creator: the device that added it; writer: of the last change; writer_saw: the
	 * item's modseq before that writer's unbroken run of changes. */
	"CREATE TABLE item ("
	" owner BIGINT NOT NULL,"
	" collection BIGINT NOT NULL,"
	" uid BIGINT NOT NULL,"
	" created BIGINT NOT NULL,"
	" modseq BIGINT NOT NULL,"
	" flags BIGINT NOT NULL,"
	" keywords BYTEA NOT NULL,"
	" received_ms BIGINT NOT NULL,"
	" size BIGINT NOT NULL,"
	" content BIGINT NOT NULL,"
	" creator BIGINT NOT NULL,"
	" writer BIGINT NOT NULL,"
	" writer_saw BIGINT NOT NULL,"
	" props BYTEA NOT NULL,"
	" PRIMARY KEY (owner, collection, uid)"
	") /* clustered */",
	"CREATE INDEX item_modseq ON item (owner, collection, modseq)",
	"CREATE INDEX item_received ON item (owner, collection, received_ms, uid)",
	/* The place in the log where an item came in, for those that moved on since. */
	"CREATE INDEX item_born ON item (owner, collection, created) WHERE modseq > created",
	/* What others changed before a device did: where it stands in that device's view.
	 */
	"CREATE INDEX item_saw ON item (owner, collection, writer, writer_saw)"
	" WHERE writer_saw > 0",

	/* content: what was deleted, kept for restoring until retention ends; 0: none. */
	"CREATE TABLE tombstone ("
	" owner BIGINT NOT NULL,"
	" collection BIGINT NOT NULL,"
	" uid BIGINT NOT NULL,"
	" created BIGINT NOT NULL,"
	" expunged BIGINT NOT NULL,"
	" received_ms BIGINT NOT NULL,"
	" creator BIGINT NOT NULL,"
	" writer BIGINT NOT NULL,"
	" protocol TEXT NOT NULL,"
	" gone_ms BIGINT NOT NULL,"
	" flags BIGINT NOT NULL,"
	" content BIGINT NOT NULL,"
	" PRIMARY KEY (owner, collection, uid)"
	") /* clustered */",
	"CREATE INDEX tombstone_expunged ON tombstone (owner, collection, expunged)",
	"CREATE INDEX tombstone_gone ON tombstone (owner, gone_ms)",

	/* Apart from item, so that a scan of flags does not read bodies. */
	"CREATE TABLE content ("
	" owner BIGINT NOT NULL,"
	" id BIGINT NOT NULL,"
	" refs BIGINT NOT NULL,"
	" form BIGINT NOT NULL,"
	" size BIGINT NOT NULL,"
	" sha256 BYTEA NOT NULL,"
	" meta BYTEA NOT NULL,"
	" stored BYTEA NOT NULL,"
	" PRIMARY KEY (owner, id)"
	")",
	"CREATE INDEX content_blob ON content (owner, id) WHERE form = 2",

	"CREATE TABLE client_add ("
	" owner BIGINT NOT NULL,"
	" collection BIGINT NOT NULL,"
	" device BIGINT NOT NULL,"
	" client_id BYTEA NOT NULL,"
	" uid BIGINT NOT NULL,"
	" added_ms BIGINT NOT NULL,"
	" PRIMARY KEY (owner, collection, device, client_id)"
	") /* clustered */",
	"CREATE INDEX client_add_added ON client_add (owner, added_ms)",

	"CREATE TABLE device ("
	" owner BIGINT NOT NULL,"
	" number BIGINT NOT NULL,"
	" id BYTEA NOT NULL,"
	" protocol TEXT NOT NULL,"
	" device_type BYTEA NOT NULL,"
	" model BYTEA NOT NULL,"
	" os BYTEA NOT NULL,"
	" user_agent BYTEA NOT NULL,"
	" version BYTEA NOT NULL,"
	" state BIGINT NOT NULL,"
	" reason BYTEA NOT NULL,"
	" policy_key BIGINT NOT NULL,"
	" policy_key_pending BIGINT NOT NULL,"
	" policy_version BIGINT NOT NULL,"
	" first_seen_ms BIGINT NOT NULL,"
	" last_seen_ms BIGINT NOT NULL,"
	" extra BYTEA NOT NULL,"
	" PRIMARY KEY (owner, number)"
	") /* clustered */",
	"CREATE UNIQUE INDEX device_id ON device (owner, protocol, id)",

	"CREATE TABLE sync_cursor ("
	" owner BIGINT NOT NULL,"
	" device BIGINT NOT NULL,"
	" name TEXT NOT NULL,"
	" sync_key BIGINT NOT NULL,"
	" state BYTEA NOT NULL,"
	" prev_key BIGINT NOT NULL,"
	" prev_state BYTEA NOT NULL,"
	" answer BYTEA NOT NULL,"
	" PRIMARY KEY (owner, device, name)"
	") /* clustered */",
	NULL,
};

/* received_was, received_moved: the time before it was last changed, and the modseq of
 * that change (0: never). object: the name that the content itself bears (iCalendar's and
 * vCard's UID); '': none. */
static const char *const shard_2[] = {
	"ALTER TABLE item ADD COLUMN received_was BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE item ADD COLUMN received_moved BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE item ADD COLUMN object TEXT NOT NULL DEFAULT ''",
	"CREATE INDEX item_object ON item (owner, collection, object, uid)"
	" WHERE object <> ''",
	NULL,
};

/* hold: not 0 while a restore replaces the user's rows; nobody else may look then.
 * swept: moves when the sweep takes rows away, which no modseq tells. lost: the spans of
 * modseqs that were given out and lost again (store_lost.c). key_floor: the next key is
 * at least this one. */
static const char *const shard_3[] = {
	"ALTER TABLE account ADD COLUMN hold BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE account ADD COLUMN swept BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE account ADD COLUMN lost BYTEA NOT NULL DEFAULT ''",
	"ALTER TABLE sync_cursor ADD COLUMN key_floor BIGINT NOT NULL DEFAULT 0",
	NULL,
};

static const char *const shard_4[] = {
	/* Messages that a user has got, of those whose delivery may be tried again: each
	 * once. */
	"CREATE TABLE delivered ("
	" owner BIGINT NOT NULL,"
	" token BIGINT NOT NULL,"
	" done_ms BIGINT NOT NULL,"
	" PRIMARY KEY (owner, token)"
	") /* clustered */",
	NULL,
};

/* twin: another state that the device may be in; version: grows with every write. */
static const char *const shard_5[] = {
	"ALTER TABLE sync_cursor ADD COLUMN twin_key BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE sync_cursor ADD COLUMN twin_state BYTEA NOT NULL DEFAULT ''",
	"ALTER TABLE sync_cursor ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
	NULL,
};

/* beat_*: what was learned of the device's way through networks (store_heartbeat), in
 * seconds; saved_ms: when the row was written last. */
static const char *const shard_6[] = {
	"ALTER TABLE device ADD COLUMN beat_kept BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN beat_cut BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN beat_told BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN beat_misses BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN beat_changed_ms BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE sync_cursor ADD COLUMN saved_ms BIGINT NOT NULL DEFAULT 0",
	NULL,
};

/* oof_*: automatic replies (store_oof.h); state 0: off. */
static const char *const shard_7[] = {
	"ALTER TABLE account ADD COLUMN oof_state BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE account ADD COLUMN oof_from_ms BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE account ADD COLUMN oof_until_ms BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE account ADD COLUMN oof_version BIGINT NOT NULL DEFAULT 0",
	/* What is said to whom: enum store_oof_audience. */
	"CREATE TABLE oof ("
	" owner BIGINT NOT NULL,"
	" audience BIGINT NOT NULL,"
	" enabled BIGINT NOT NULL,"
	" html BIGINT NOT NULL,"
	" reply BYTEA NOT NULL,"
	" PRIMARY KEY (owner, audience)"
	") /* clustered */",
	/* Who has had the reply of that version. */
	"CREATE TABLE oof_told ("
	" owner BIGINT NOT NULL,"
	" sender BYTEA NOT NULL,"
	" version BIGINT NOT NULL,"
	" told_ms BIGINT NOT NULL,"
	" PRIMARY KEY (owner, sender)"
	") /* clustered */",
	"CREATE INDEX oof_told_told ON oof_told (owner, told_ms)",
	NULL,
};

static const char *const shard_8[] = {
	/* How far the search index has come; search_private.h tells of the columns. */
	"CREATE TABLE search_state ("
	" owner BIGINT NOT NULL PRIMARY KEY,"
	" version BIGINT NOT NULL,"
	" upto BIGINT NOT NULL,"
	" claim BIGINT NOT NULL,"
	" restored BIGINT NOT NULL,"
	" swept BIGINT NOT NULL,"
	" fills BIGINT NOT NULL,"
	" tidy BYTEA NOT NULL"
	") /* clustered */",
	/* postings: the contents that have the word, from number "first" on, and where.
	 */
	"CREATE TABLE search_word ("
	" owner BIGINT NOT NULL,"
	" word BYTEA NOT NULL,"
	" first BIGINT NOT NULL,"
	" postings BYTEA NOT NULL,"
	" PRIMARY KEY (owner, word, first)"
	") /* clustered */",
	NULL,
};

static const char *const shard_9[] = {
	/* state_before: what a wipe that is cancelled goes back to; by_admin: the rules
	 * have no say any more. */
	"ALTER TABLE device ADD COLUMN state_before BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN by_admin BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE device ADD COLUMN wipe_sent_ms BIGINT NOT NULL DEFAULT 0",
	/* -1 and 0: as configured. */
	"ALTER TABLE account ADD COLUMN device_limit BIGINT NOT NULL DEFAULT -1",
	"ALTER TABLE account ADD COLUMN device_unknown BIGINT NOT NULL DEFAULT 0",
	NULL,
};

/* What opens a device whose user forgot his own password; the device sends it. */
static const char *const shard_10[] = {
	"CREATE TABLE device_recovery ("
	" owner BIGINT NOT NULL,"
	" device BIGINT NOT NULL,"
	" password BYTEA NOT NULL,"
	" set_ms BIGINT NOT NULL,"
	" PRIMARY KEY (owner, device)"
	") /* clustered */",
	NULL,
};

/* Conversations whose later mail goes to a folder of its own; n_conversations: how many
 * there are. */
static const char *const shard_11[] = {
	"ALTER TABLE account ADD COLUMN n_conversations BIGINT NOT NULL DEFAULT 0",
	"CREATE TABLE conversation_rule ("
	" owner BIGINT NOT NULL,"
	" conversation BYTEA NOT NULL,"
	" collection BIGINT NOT NULL,"
	" set_ms BIGINT NOT NULL,"
	" PRIMARY KEY (owner, conversation)"
	") /* clustered */",
	NULL,
};

/* Which command an add was, and in which turn: a name may come again for another. */
static const char *const shard_12[] = {
	"ALTER TABLE client_add ADD COLUMN turn BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE client_add ADD COLUMN print BIGINT NOT NULL DEFAULT 0",
	NULL,
};

/* Which conversation the mails of a folder belong to, of those folders of which somebody
 * asked (store_thread.c). */
static const char *const shard_13[] = {
	"CREATE TABLE thread_state ("
	" owner BIGINT NOT NULL,"
	" collection BIGINT NOT NULL,"
	" upto BIGINT NOT NULL,"
	" restored BIGINT NOT NULL,"
	" fills BIGINT NOT NULL,"
	" PRIMARY KEY (owner, collection)"
	") /* clustered */",
	"CREATE TABLE thread_item ("
	" owner BIGINT NOT NULL,"
	" collection BIGINT NOT NULL,"
	" uid BIGINT NOT NULL,"
	" content BIGINT NOT NULL,"
	" thread BIGINT NOT NULL,"
	" PRIMARY KEY (owner, collection, uid)"
	") /* clustered */",
	NULL,
};

static const char *const directory_1[] = {
	"CREATE TABLE meta ("
	" name TEXT NOT NULL PRIMARY KEY,"
	" value BIGINT NOT NULL"
	") /* clustered */",
	"INSERT INTO meta (name, value) VALUES ('user_next', 1)",

	"CREATE TABLE mail_domain ("
	" name TEXT NOT NULL PRIMARY KEY,"
	" created_ms BIGINT NOT NULL"
	") /* clustered */",

	/* removed_ms: 0 while the user lives. */
	"CREATE TABLE mail_user ("
	" id BIGINT NOT NULL PRIMARY KEY,"
	" address TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" password TEXT NOT NULL,"
	" password_version BIGINT NOT NULL,"
	" disabled BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" removed_ms BIGINT NOT NULL"
	")",
	"CREATE UNIQUE INDEX mail_user_address ON mail_user (address) WHERE removed_ms = 0",
	"CREATE INDEX mail_user_domain ON mail_user (domain, address)",

	"CREATE TABLE mail_alias ("
	" address TEXT NOT NULL,"
	" target TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" PRIMARY KEY (address, target)"
	") /* clustered */",
	"CREATE INDEX mail_alias_domain ON mail_alias (domain, address)",
	NULL,
};

static const char *const directory_2[] = {
	/* What the nodes must know and no client may: one an epoch. */
	"CREATE TABLE server_secret ("
	" name TEXT NOT NULL,"
	" epoch BIGINT NOT NULL,"
	" value BYTEA NOT NULL,"
	" PRIMARY KEY (name, epoch)"
	") /* clustered */",
	NULL,
};

/* A row is a node that has or had the database: enum store_node_state. */
static const char *const directory_3[] = {
	"CREATE TABLE node ("
	" name TEXT NOT NULL PRIMARY KEY,"
	" life BIGINT NOT NULL,"
	" state BIGINT NOT NULL,"
	" beat BIGINT NOT NULL,"
	" version TEXT NOT NULL,"
	" host TEXT NOT NULL,"
	" started_ms BIGINT NOT NULL,"
	" seen_ms BIGINT NOT NULL"
	") /* clustered */",
	"INSERT INTO meta (name, value) VALUES ('life_next', 1)",
	NULL,
};

static const char *const directory_4[] = {
	/* key_id: of the key that the digest was made with, which is not in here. */
	"CREATE TABLE checked_password ("
	" id BIGINT NOT NULL,"
	" key_id BIGINT NOT NULL,"
	" digest BYTEA NOT NULL,"
	" until_ms BIGINT NOT NULL,"
	" PRIMARY KEY (id, key_id)"
	") /* clustered */",
	"CREATE INDEX checked_password_until ON checked_password (until_ms)",
	NULL,
};

/* Who did what to whom. hash: over the row and the hash of the one before. */
static const char *const directory_5[] = {
	"CREATE TABLE audit ("
	" number BIGINT NOT NULL PRIMARY KEY,"
	" at_ms BIGINT NOT NULL,"
	" actor TEXT NOT NULL,"
	" origin TEXT NOT NULL,"
	" action TEXT NOT NULL,"
	" subject TEXT NOT NULL,"
	" object BYTEA NOT NULL,"
	" detail BYTEA NOT NULL,"
	" hash BYTEA NOT NULL"
	") /* append only */ /* clustered */",
	"CREATE INDEX audit_at ON audit (at_ms, number)",
	"CREATE INDEX audit_subject ON audit (subject, at_ms, number)",
	NULL,
};

/* What the address list shows of a user, for who has something of it. certificates: one
 * behind the other (store_person.c). */
static const char *const directory_6[] = {
	"CREATE TABLE person ("
	" id BIGINT NOT NULL PRIMARY KEY,"
	" hidden BIGINT NOT NULL DEFAULT 0,"
	" first_name TEXT NOT NULL DEFAULT '',"
	" last_name TEXT NOT NULL DEFAULT '',"
	" alias TEXT NOT NULL DEFAULT '',"
	" phone TEXT NOT NULL DEFAULT '',"
	" home_phone TEXT NOT NULL DEFAULT '',"
	" mobile TEXT NOT NULL DEFAULT '',"
	" office TEXT NOT NULL DEFAULT '',"
	" title TEXT NOT NULL DEFAULT '',"
	" company TEXT NOT NULL DEFAULT '',"
	" photo BYTEA NOT NULL DEFAULT '',"
	" certificates BYTEA NOT NULL DEFAULT ''"
	") /* clustered */",
	NULL,
};

static const char *const queue_1[] = {
	"CREATE TABLE meta ("
	" name TEXT NOT NULL PRIMARY KEY,"
	" value BIGINT NOT NULL"
	") /* clustered */",
	"INSERT INTO meta (name, value) VALUES ('entry_next', 1), ('content_next', 1)",

	/* due_ms: the later of next_ms and the end of the lease. */
	"CREATE TABLE entry ("
	" id BIGINT NOT NULL PRIMARY KEY,"
	" sender BYTEA NOT NULL,"
	" hop BYTEA NOT NULL,"
	" envelope_id BYTEA NOT NULL,"
	" ret BYTEA NOT NULL,"
	" smtputf8 BIGINT NOT NULL,"
	" body_8bit BIGINT NOT NULL,"
	" queued_ms BIGINT NOT NULL,"
	" next_ms BIGINT NOT NULL,"
	" due_ms BIGINT NOT NULL,"
	" attempts BIGINT NOT NULL,"
	" last_error BYTEA NOT NULL,"
	" delay_warned BIGINT NOT NULL,"
	" held BIGINT NOT NULL,"
	" lease BIGINT NOT NULL,"
	" content BIGINT NOT NULL"
	")",
	"CREATE INDEX entry_due ON entry (held, due_ms)",

	"CREATE TABLE rcpt ("
	" entry BIGINT NOT NULL,"
	" seq BIGINT NOT NULL,"
	" address BYTEA NOT NULL,"
	" notify BYTEA NOT NULL,"
	" orcpt BYTEA NOT NULL,"
	" PRIMARY KEY (entry, seq)"
	") /* clustered */",

	"CREATE TABLE content ("
	" id BIGINT NOT NULL PRIMARY KEY,"
	" refs BIGINT NOT NULL,"
	" form BIGINT NOT NULL,"
	" size BIGINT NOT NULL,"
	" sha256 BYTEA NOT NULL,"
	" stored BYTEA NOT NULL"
	")",
	NULL,
};

static const char *const queue_2[] = {
	/* token: of the message, for shard.delivered; members: users' numbers, eight
	 * bytes each, the lowest first; bulk: it has members. */
	"ALTER TABLE entry ADD COLUMN token BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE entry ADD COLUMN junk BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE entry ADD COLUMN bulk BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE entry ADD COLUMN members BYTEA NOT NULL DEFAULT ''",
	"CREATE INDEX entry_due_bulk ON entry (bulk, held, due_ms)",
	"DROP INDEX entry_due",
	"CREATE INDEX entry_queued ON entry (queued_ms)",
	/* Of mail for members: what the users' rows say of it. */
	"ALTER TABLE content ADD COLUMN meta BYTEA NOT NULL DEFAULT ''",
	NULL,
};

/* Who works it: the life of a node (directory: node), 0: nobody. */
static const char *const queue_3[] = {
	"ALTER TABLE entry ADD COLUMN holder BIGINT NOT NULL DEFAULT 0",
	"CREATE INDEX entry_holder ON entry (holder) WHERE holder > 0",
	NULL,
};

static const char *const blobs_1[] = {
	"CREATE TABLE blob ("
	" sha256 BYTEA NOT NULL PRIMARY KEY,"
	" put_ms BIGINT NOT NULL" /* last */
	") /* clustered */",

	"CREATE TABLE blob_frame ("
	" sha256 BYTEA NOT NULL,"
	" frame BIGINT NOT NULL,"
	" raw_check BIGINT NOT NULL,"
	" stored BYTEA NOT NULL,"
	" PRIMARY KEY (sha256, frame)"
	")",
	NULL,
};

static const char *const *const shard_steps[] = { shard_1, shard_2,  shard_3,  shard_4,
	                                          shard_5, shard_6,  shard_7,  shard_8,
	                                          shard_9, shard_10, shard_11, shard_12,
	                                          shard_13 };
static const char *const *const directory_steps[] = { directory_1, directory_2,
	                                              directory_3, directory_4,
	                                              directory_5, directory_6 };
static const char *const *const queue_steps[] = { queue_1, queue_2, queue_3 };
static const char *const *const blobs_steps[] = { blobs_1 };

const struct engine_schema store_schemas[ENGINE_DB_N] = {
	[ENGINE_DIRECTORY] = { directory_steps, ARRAY_LEN(directory_steps) },
	[ENGINE_QUEUE] = { queue_steps, ARRAY_LEN(queue_steps) },
	[ENGINE_BLOBS] = { blobs_steps, ARRAY_LEN(blobs_steps) },
	[ENGINE_SHARD] = { shard_steps, ARRAY_LEN(shard_steps) },
};
