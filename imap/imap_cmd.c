/* SPDX-License-Identifier: ISC
 *
 * imap_cmd.c - the table of commands, from which CAPABILITY is printed.
 */
#include "imap/imap_private.h"

#define ANY (IMAP_STATE_LOGIN | IMAP_STATE_READY | IMAP_STATE_SELECTED)
#define EARLY IMAP_STATE_LOGIN
#define IN (IMAP_STATE_READY | IMAP_STATE_SELECTED)
#define SEL IMAP_STATE_SELECTED

#define NO_SYNC IMAP_CMD_NO_SYNC
#define UID_HOLD (IMAP_CMD_UID | IMAP_CMD_HOLD)

static const struct imap_cmd commands[] = {
	{ "CAPABILITY", ANY, 0, imap_capability_parse, NULL, NULL, NULL },
	{ "NOOP", ANY, 0, imap_noop_parse, imap_noop_work, NULL, NULL },
	{ "LOGOUT", ANY, NO_SYNC, imap_logout_parse, NULL, imap_logout_finish, NULL },
	{ "ID", ANY, 0, imap_id_parse, NULL, NULL, "ID" },
	{ "STARTTLS", EARLY, IMAP_CMD_PLAIN, imap_starttls_parse, NULL, NULL, NULL },
	{ "AUTHENTICATE", EARLY, IMAP_CMD_ASIDE, imap_authenticate_parse, imap_login_work,
	  imap_login_finish, "SASL-IR" },
	{ "LOGIN", EARLY, IMAP_CMD_ASIDE, imap_login_parse, imap_login_work,
	  imap_login_finish, NULL },
	{ "ENABLE", IN, 0, imap_enable_parse, NULL, NULL, "ENABLE" },
	{ "SELECT", IN, 0, imap_select_parse, imap_select_work, imap_select_finish,
	  "CONDSTORE QRESYNC" },
	{ "EXAMINE", IN, 0, imap_examine_parse, imap_select_work, imap_select_finish,
	  NULL },
	{ "CREATE", IN, 0, imap_create_parse, imap_create_work, NULL, NULL },
	{ "DELETE", IN, 0, imap_delete_parse, imap_delete_work, imap_delete_finish,
	  NULL },
	{ "RENAME", IN, 0, imap_rename_parse, imap_rename_work, NULL, NULL },
	{ "SUBSCRIBE", IN, 0, imap_subscribe_parse, imap_subscribe_work, NULL, NULL },
	{ "UNSUBSCRIBE", IN, 0, imap_unsubscribe_parse, imap_subscribe_work, NULL, NULL },
	{ "LIST", IN, IMAP_CMD_PATTERN, imap_list_parse, imap_list_work, NULL,
	  "CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE" },
	{ "LSUB", IN, IMAP_CMD_PATTERN, imap_lsub_parse, imap_list_work, NULL, NULL },
	{ "NAMESPACE", IN, 0, imap_namespace_parse, NULL, NULL, "NAMESPACE" },
	{ "STATUS", IN, 0, imap_status_parse, imap_status_work, NULL, "STATUS=SIZE" },
	{ "APPEND", IN, 0, imap_append_parse, imap_append_work, NULL,
	  "LITERAL+ UIDPLUS" },
	{ "IDLE", IN, 0, imap_idle_parse, imap_noop_work, imap_idle_finish, "IDLE" },
	{ "CHECK", SEL, 0, imap_noop_parse, imap_noop_work, NULL, NULL },
	{ "CLOSE", SEL, NO_SYNC, imap_noop_parse, imap_close_work, imap_close_finish,
	  NULL },
	{ "UNSELECT", SEL, NO_SYNC, imap_noop_parse, NULL, imap_close_finish,
	  "UNSELECT" },
	{ "EXPUNGE", SEL, IMAP_CMD_UID | IMAP_CMD_WRITE, imap_expunge_parse,
	  imap_expunge_work, NULL, NULL },
	{ "SEARCH", SEL, UID_HOLD, imap_search_parse, imap_search_work, NULL,
	  "ESEARCH SEARCHRES WITHIN" },
	{ "FETCH", SEL, UID_HOLD, imap_fetch_parse, imap_fetch_work, NULL, "BINARY" },
	{ "STORE", SEL, UID_HOLD | IMAP_CMD_WRITE, imap_store_parse, imap_store_work,
	  NULL, NULL },
	{ "COPY", SEL, IMAP_CMD_UID, imap_copy_parse, imap_copy_work, NULL, NULL },
	{ "MOVE", SEL, IMAP_CMD_UID | IMAP_CMD_WRITE, imap_move_parse, imap_copy_work,
	  NULL, "MOVE" },
};

const struct imap_cmd *
imap_cmd_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (span_iis(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

static void
write_commands(struct buf *out, unsigned states)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].capability && (commands[i].states & states))
			buf_addf(out, " %s", commands[i].capability);
	}
}

void
imap_capability_write(const struct imap_session *s, struct buf *out)
{
	const struct imap *im = s->im;

	buf_add_str(out, "IMAP4rev1 IMAP4rev2");
	if (s->state >= IMAP_STATE_READY) {
		write_commands(out, IN | SEL);
		buf_addf(out, " UTF8=ACCEPT APPENDLIMIT=%llu",
		         (unsigned long long)im->conf.message_max);
		return;
	}
	bool tls = s->stream && stream_is_tls(s->stream);
	write_commands(out, EARLY);
	/* Clients need it before sign-in too (RFC 7888 3). */
	buf_add_str(out, " LITERAL+ ENABLE");
	if (!tls && im->deps.tls)
		buf_add_str(out, " STARTTLS");
	if (tls || im->conf.plaintext_login)
		buf_add_str(out, " AUTH=PLAIN");
	else
		buf_add_str(out, " LOGINDISABLED");
}
