/* SPDX-License-Identifier: ISC
 *
 * control_commands.c - what godwitctl can ask: one row a command.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/password.h"
#include "mdm/mdm_access.h"
#include "server/control_private.h"
#include "store/store_collection.h"
#include "store/store_device.h"
#include "store/store_directory.h"
#include "store/store_node.h"
#include "store/store_queue.h"

struct command {
	const char *noun;
	const char *verb; /* "" for commands of one word */
	size_t args_min;
	size_t args_max;
	control_fn *run;
};

/* -- domains -- */

static enum rc
domain_add(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(r, store_domain_add(control_store(r), args[0]), args[0]);
}

static enum rc
domain_remove(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	enum rc rc = store_domain_remove(control_store(r), args[0]);
	if (rc == RC_CONFLICT)
		return err_set(&r->err, rc, "%.*s still has users or aliases",
		               SPAN_FMT(args[0]));
	return control_explain(r, rc, args[0]);
}

static enum rc
domain_list(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	struct span *names = NULL;
	size_t count = 0;
	enum rc rc = store_domain_list(control_store(r), r->arena, &names, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		control_cell(r, names[i]);
		control_end_row(r);
	}
	return rc;
}

/* -- users -- */

static enum rc
added(struct control_request *r, struct span address, enum rc rc)
{
	if (rc == RC_NOT_FOUND)
		return err_set(&r->err, rc,
		               "%.*s: its domain is not one of ours (domain add)",
		               SPAN_FMT(address));
	return control_explain(r, rc, address);
}

static enum rc
user_add(struct control_request *r, const struct span *args, size_t n)
{
	char *hash = NULL;
	uint64_t id = 0;
	if (args[1].n < 6)
		return err_set(&r->err, RC_INVALID,
		               "the password has less than 6 characters");
	enum rc rc = mdm_hash(server_mdm(r->server), args[1], &hash);
	if (rc != RC_OK)
		return rc;
	rc = store_user_add(control_store(r), args[0], n > 2 ? args[2] : SPAN(""),
	                    span_str(hash), &id);
	free(hash);
	return added(r, args[0], rc);
}

static enum rc
import_one(struct control_request *r, const struct span *args, size_t n)
{
	static const char scheme[] = "{CRYPT}";
	uint64_t id = 0;
	if (!span_istarts(args[1], scheme))
		return user_add(r, args, n);
	const char *hash =
		arena_strndup(r->arena, span_sub(args[1], sizeof(scheme) - 1, args[1].n));
	if (!password_is_hash(hash))
		return err_set(&r->err, RC_INVALID,
		               "%.*s: the hash is none of crypt(5), or too weak",
		               SPAN_FMT(args[0]));
	return added(r, args[0],
	             store_user_add(control_store(r), args[0], n > 2 ? args[2] : SPAN(""),
	                            span_str(hash), &id));
}

/*
 * What "user import" sends for a line: the secret is a password, or "{CRYPT}" and the
 * hash that the user had elsewhere, which is taken as it is. Behind the name there may be
 * fields of the address list, "FIELD=VALUE".
 */
static enum rc
user_import(struct control_request *r, const struct span *args, size_t n)
{
	enum rc rc = import_one(r, args, n < 3 ? n : 3);
	for (size_t i = 3; rc == RC_OK && i < n; i++) {
		struct span value = args[i], field;
		if (!span_cut(&value, '=', &field))
			continue;
		rc = control_person_set(r, args[0], field, value);
	}
	return rc;
}

static enum rc
user_remove(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(r, store_user_remove(control_store(r), args[0]), args[0]);
}

static enum rc
user_enable(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(
		r, store_user_set_disabled(control_store(r), args[0], false), args[0]);
}

static enum rc
user_disable(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(
		r, store_user_set_disabled(control_store(r), args[0], true), args[0]);
}

static enum rc
user_password(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	if (args[1].n < 6)
		return err_set(&r->err, RC_INVALID,
		               "the password has less than 6 characters");
	return control_explain(
		r, mdm_set_password(server_mdm(r->server), args[0], args[1]), args[0]);
}

static enum rc
user_list(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user *users = NULL;
	size_t count = 0;
	enum rc rc = store_user_list(control_store(r), n ? args[0] : SPAN(""), r->arena,
	                             &users, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		control_cell(r, users[i].address);
		control_tab(r);
		control_cell(r, users[i].name.n ? users[i].name : SPAN("-"));
		control_tab(r);
		buf_add_str(&r->out, users[i].disabled ? "disabled" : "active");
		control_end_row(r);
	}
	if (rc == RC_OK && n && count == 0) /* nobody there, or no such domain */
		rc = control_explain(r, store_domain_find(control_store(r), args[0]),
		                     args[0]);
	return rc;
}

/* -- aliases -- */

static enum rc
alias_add(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(r, store_alias_add(control_store(r), args[0], args[1]),
	                       args[0]);
}

static enum rc
alias_remove(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_explain(r, store_alias_remove(control_store(r), args[0], args[1]),
	                       args[0]);
}

static enum rc
alias_list(struct control_request *r, const struct span *args, size_t n)
{
	struct store_alias *aliases = NULL;
	size_t count = 0;
	enum rc rc = store_alias_list(control_store(r), n ? args[0] : SPAN(""), r->arena,
	                              &aliases, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		control_cell(r, aliases[i].address);
		control_tab(r);
		control_cell(r, aliases[i].target);
		control_end_row(r);
	}
	return rc;
}

/* -- the queue -- */

static enum rc
queue_list(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	struct store_queue_entry *entries = NULL;
	size_t count = 0;
	enum rc rc = store_queue_list(control_store(r), r->arena, &entries, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		const struct store_queue_entry *e = &entries[i];
		buf_addf(&r->out, "%" PRIu64 "\t", e->id);
		control_cell_time(r, e->queued_ms);
		buf_addf(&r->out, "\t%s\t%" PRIu32 "\t", e->held ? "held" : "waiting",
		         e->attempts);
		control_cell_time(r, e->next_ms);
		control_tab(r);
		control_cell(r, e->sender.n ? e->sender : SPAN("<>"));
		control_tab(r);
		for (size_t j = 0; j < e->n_rcpts; j++) {
			if (j)
				buf_add_char(&r->out, ',');
			control_cell(r, e->rcpts[j].address);
		}
		if (e->n_members)
			buf_addf(&r->out, " (%zu of its members)", e->n_members);
		control_tab(r);
		control_cell(r, e->last_error.n ? e->last_error : SPAN("-"));
		control_end_row(r);
	}
	return rc;
}

static enum rc
with_queue_id(struct control_request *r, struct span arg, uint64_t *ret)
{
	if (parse_u64(arg, UINT64_MAX, ret) != RC_OK)
		return err_set(&r->err, RC_INVALID,
		               "\"%.*s\" is not the number of an entry", SPAN_FMT(arg));
	return RC_OK;
}

static enum rc
queue_hold(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	uint64_t id;
	enum rc rc = with_queue_id(r, args[0], &id);
	return rc != RC_OK
	               ? rc
	               : control_explain(r, store_queue_hold(control_store(r), id, true),
	                                 args[0]);
}

static enum rc
queue_release(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	uint64_t id;
	enum rc rc = with_queue_id(r, args[0], &id);
	return rc != RC_OK
	               ? rc
	               : control_explain(r, store_queue_hold(control_store(r), id, false),
	                                 args[0]);
}

static enum rc
queue_remove(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	uint64_t id;
	enum rc rc = with_queue_id(r, args[0], &id);
	return rc != RC_OK ? rc
	                   : control_explain(r, store_queue_remove(control_store(r), id),
	                                     args[0]);
}

static enum rc
queue_flush(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	server_queue_flush(r->server);
	return RC_OK;
}

/* -- nodes -- */

static enum rc
node_list(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	struct store_node *nodes = NULL;
	size_t count = 0;
	enum rc rc = store_node_list(control_store(r), r->arena, &nodes, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		control_cell(r, nodes[i].name);
		buf_addf(&r->out, "\t%s\t", store_node_state_str(nodes[i].state));
		control_cell(r, nodes[i].version);
		control_tab(r);
		control_cell(r, nodes[i].host);
		control_tab(r);
		control_cell_time(r, nodes[i].started_ms);
		control_tab(r);
		control_cell_time(r, nodes[i].seen_ms);
		buf_addf(&r->out, "\t%s\n",
		         nodes[i].life == store_node_life(control_store(r)) ? "this"
		                                                            : "-");
	}
	return rc;
}

/* -- the server -- */

static enum rc
status(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	server_status(r->server, &r->out);
	return RC_OK;
}

static enum rc
reload(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	return server_reload(r->server, &r->err);
}

static enum rc
check(struct control_request *r, const struct span *args UNUSED, size_t n UNUSED)
{
	return store_check(control_store(r), &r->err);
}

static const struct command commands[] = {
	{ "domain", "add", 1, 1, domain_add },
	{ "domain", "remove", 1, 1, domain_remove },
	{ "domain", "list", 0, 0, domain_list },
	{ "user", "add", 2, 3, user_add },
	{ "user", "import", 2, 16, user_import },
	{ "user", "remove", 1, 1, user_remove },
	{ "user", "password", 2, 2, user_password },
	{ "user", "disable", 1, 1, user_disable },
	{ "user", "enable", 1, 1, user_enable },
	{ "user", "list", 0, 1, user_list },
	{ "user", "oof", 1, 5, control_user_oof },
	{ "user", "set", 3, 3, control_user_set },
	{ "user", "show", 1, 1, control_user_show },
	{ "alias", "add", 2, 2, alias_add },
	{ "alias", "remove", 2, 2, alias_remove },
	{ "alias", "list", 0, 1, alias_list },
	{ "queue", "list", 0, 0, queue_list },
	{ "queue", "hold", 1, 1, queue_hold },
	{ "queue", "release", 1, 1, queue_release },
	{ "queue", "remove", 1, 1, queue_remove },
	{ "queue", "flush", 0, 0, queue_flush },
	{ "device", "list", 0, 9, control_device_list },
	{ "device", "show", 2, 2, control_device_show },
	{ "device", "approve", 2, 3, control_device_approve },
	{ "device", "allow", 2, 3, control_device_approve },
	{ "device", "block", 2, 3, control_device_block },
	{ "device", "unblock", 2, 3, control_device_unblock },
	{ "device", "quarantine", 2, 3, control_device_quarantine },
	{ "device", "wipe", 2, 4, control_device_wipe },
	{ "device", "cancel", 2, 2, control_device_cancel },
	{ "device", "password", 2, 2, control_device_password },
	{ "device", "forget", 2, 2, control_device_forget },
	{ "device", "remove", 2, 2, control_device_forget },
	{ "device", "release", 3, 3, control_device_release },
	{ "device", "limit", 1, 2, control_device_limit },
	{ "device", "unknown", 1, 2, control_device_unknown },
	{ "node", "list", 0, 0, node_list },
	{ "store", "check", 0, 0, check },
	{ "backup", "begin", 0, 0, control_backup_begin },
	{ "audit", "list", 0, 10, control_audit_list },
	{ "audit", "verify", 0, 0, control_audit_verify },
	{ "top", "", 0, 2, control_top },
	{ "status", "", 0, 0, status },
	{ "reload", "", 0, 0, reload },
};

/* Devices have rows of their own, told by who carries the order out; what only looks has
 * none. */
static void
audit_order(struct control_request *r, const struct command *c, struct span on,
            enum rc rc)
{
	static const char *const nouns[] = { "domain", "user", "alias", "queue",
		                             "reload" };
	for (size_t i = 0; i < ARRAY_LEN(nouns); i++) {
		if (strcmp(c->noun, nouns[i]) != 0 || strcmp(c->verb, "list") == 0)
			continue;
		mdm_audit(server_mdm(r->server), &r->by, "control", 0, on, "%s %s rc=%s",
		          c->noun, c->verb, rc_str(rc));
		return;
	}
}

enum rc
control_run(struct control_request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];
		size_t words = *c->verb ? 2 : 1;
		if (r->n_words < words || !span_is(r->words[0], c->noun) ||
		    (words == 2 && !span_is(r->words[1], c->verb)))
			continue;
		size_t n = r->n_words - words;
		if (n < c->args_min || n > c->args_max)
			return err_set(
				&r->err, RC_INVALID,
				"%s%s%s: too %s arguments (godwitctl -h tells which)",
				c->noun, *c->verb ? " " : "", c->verb,
				n < c->args_min ? "few" : "many");
		enum rc rc = c->run(r, r->words + words, n);
		audit_order(r, c, n ? r->words[words] : SPAN(""), rc);
		if (rc == RC_AGAIN)
			err_set(&r->err, rc,
			        "the database does not answer now; try again in a moment");
		if (rc != RC_OK || c->args_min > 0)
			log_info(NULL, "control.command", "noun=%s verb=%s arg=%s rc=%s",
			         c->noun, *c->verb ? c->verb : "-",
			         LOG_STR(n ? r->words[words] : SPAN("-")),
			         LOG_STR(span_str(rc_str(rc))));
		return rc;
	}
	return err_set(&r->err, RC_UNSUPPORTED,
	               "there is no such command (godwitctl -h lists them)");
}
