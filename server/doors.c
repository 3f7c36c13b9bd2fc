/* SPDX-License-Identifier: ISC
 *
 * doors.c - every address that the configuration tells us to listen on, bound.
 */
#include "server/doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/listener.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "imap/imap.h"
#include "server/server_conf.h"
#include "smtp/smtp.h"

const char *
door_kind_str(enum door_kind k)
{
	switch (k) {
#define X(name, text)                                                                    \
	case DOOR_##name:                                                                \
		return text;
		DOOR_LIST(X)
#undef X
	}
	return "?";
}

static enum rc
open_one(struct doors *d, enum door_kind kind, const char *address,
         const struct listener_tcp *tcp, size_t loops, struct err *err)
{
	struct err why = { "" };
	size_t n = 0;
	int *fds = xcalloc(loops, sizeof(*fds));
	enum rc rc = listener_bind(address, tcp, loops, fds, &n, &why);
	if (rc != RC_OK) {
		free(fds);
		return err_set(err, rc, "cannot listen for %s on %s: %s",
		               door_kind_str(kind), address, why.text);
	}
	d->doors = xreallocarray(d->doors, d->n + 1, sizeof(*d->doors));
	d->doors[d->n++] =
		(struct door){ .kind = kind, .address = address, .fds = fds, .n = n };
	return RC_OK;
}

static enum rc
open_list(struct doors *d, enum door_kind kind, const struct conf_list *list,
          const struct listener_tcp *tcp, size_t loops, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		enum rc rc = open_one(d, kind, list->items[i], tcp, loops, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

bool
door_needs_tls(enum door_kind k)
{
	return k == DOOR_HTTPS || k == DOOR_IMAPS || k == DOOR_SUBMISSIONS;
}

/* The folder of the control socket, where nobody made it (systemd does). */
static void
make_folder_of(const char *path)
{
	char *copy = xstrdup(path);
	char *slash = strrchr(copy, '/');
	if (slash && slash != copy) {
		*slash = '\0';
		/* When this fails, binding says why. */
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			log_debug(NULL, "doors.folder", "path=%s",
			          LOG_STR(span_str(copy)));
	}
	free(copy);
}

enum rc
doors_open(const struct conf *conf, size_t loops, struct doors *ret, struct err *err)
{
	const struct server_conf *server = conf_get(conf, "server");
	const struct http_conf *http = conf_get(conf, "http");
	const struct imap_conf *imap = conf_get(conf, "imap");
	const struct smtp_conf *smtp = conf_get(conf, "smtp");
	const struct server_tls_conf *tls = conf_get(conf, "tls");
	const struct {
		enum door_kind kind;
		const struct conf_list *list;
		const struct listener_tcp *tcp;
	} lists[] = {
		{ DOOR_HTTP, &http->listen, &http->tcp },
		{ DOOR_HTTPS, &http->listen_tls, &http->tcp },
		{ DOOR_IMAP, &imap->listen, &imap->tcp },
		{ DOOR_IMAPS, &imap->listen_tls, &imap->tcp },
		{ DOOR_SMTP, &smtp->listen, &smtp->tcp },
		{ DOOR_SUBMISSION, &smtp->listen_submission, &smtp->tcp },
		{ DOOR_SUBMISSIONS, &smtp->listen_submission_tls, &smtp->tcp },
		{ DOOR_LMTP, &smtp->listen_lmtp, &smtp->tcp },
		{ DOOR_METRICS, &server->metrics_listen, &http->tcp },
	};
	struct doors d = { 0 };
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < ARRAY_LEN(lists); i++) {
		/* The file as it is shipped has no certificate yet: the other doors open.
		 */
		if (door_needs_tls(lists[i].kind) && !*tls->certificate &&
		    lists[i].list->n > 0) {
			log_warn(NULL, "doors.closed",
			         "door=%s why=\"tls.certificate is not set\"",
			         door_kind_str(lists[i].kind));
			continue;
		}
		rc = open_list(&d, lists[i].kind, lists[i].list, lists[i].tcp, loops,
		               err);
	}
	if (rc == RC_OK && *server->control) {
		make_folder_of(server->control);
		char *address = xasprintf("unix:%s", server->control);
		rc = open_one(&d, DOOR_CONTROL, address, NULL, loops, err);
		if (rc == RC_OK)
			d.doors[d.n - 1].address = server->control;
		free(address);
	}
	if (rc != RC_OK) {
		doors_close(&d);
		return rc;
	}
	*ret = d;
	return RC_OK;
}

void
doors_close(struct doors *d)
{
	for (size_t i = 0; i < d->n; i++) {
		for (size_t j = 0; j < d->doors[i].n; j++)
			close(d->doors[i].fds[j]);
		free(d->doors[i].fds);
	}
	free(d->doors);
	*d = (struct doors){ 0 };
}
