/* SPDX-License-Identifier: ISC
 *
 * ctl_backup.c - godwitctl backup: of the running server, or of a store that nobody has
 * open.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/archive/backup.h"
#include "tools/ctl_remote.h"
#include "tools/godwitctl.h"

static const char usage[] =
	"usage: godwitctl backup DIR [--full] [--user ADDRESS]... [--conf FILE]\n"
	"       godwitctl backup list DIR\n"
	"       godwitctl backup verify DIR\n";

static int
complain(const struct err *err, enum rc rc)
{
	fprintf(stderr, "godwitctl: %s\n", *err->text ? err->text : rc_str(rc));
	return 1;
}

/* -- list, verify -- */

static int
list(const char *dir)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct backup_run *runs = NULL;
	struct err err = { "" };
	size_t n = 0;
	enum rc rc = backup_list(dir, a, &runs, &n, &err);
	if (rc != RC_OK)
		return complain(&err, rc);
	for (size_t i = 0; i < n; i++) {
		const struct backup_run *r = &runs[i];
		char when[40];
		printf("%06u  %s  %-9s  %s  %zu users  %" PRIu64 " bytes\n", r->number,
		       clock_iso8601(r->made_ms, when, sizeof(when)),
		       r->full ? "full" : "increment", r->all ? "all " : "some", r->n,
		       r->bytes);
	}
	return 0;
}

static int
verify(const char *dir)
{
	struct err err = { "" };
	uint64_t faults = 0;
	enum rc rc = backup_verify(dir, ctl_say, NULL, &faults, &err);
	if (faults > 0) {
		fprintf(stderr, "godwitctl: %s: %" PRIu64 " faults\n", dir, faults);
		return 1;
	}
	if (rc != RC_OK)
		return complain(&err, rc);
	printf("%s: ok\n", dir);
	return 0;
}

/* -- making -- */

static int
tell(const struct backup_make_conf *conf, const struct backup_report *r)
{
	printf("%s/%06u: %s, %" PRIu64 " users, %" PRIu64 " of them changed, %" PRIu64
	       " new large contents, %" PRIu64 " bytes\n",
	       conf->dir, r->run, r->full ? "full" : "increment", r->users, r->changed,
	       r->blobs, r->bytes);
	/* All that could be read is there; cron shall mail what was said. */
	return r->faults > 0 ? 1 : 0;
}

static int
make_offline(const struct backup_make_conf *conf, const char *conf_path)
{
	AUTO(ctl_conf)
	struct ctl_conf *c = NULL;
	struct backup_store_source source;
	struct backup_report report;
	struct store *s = NULL;
	struct err err = { "" };
	enum rc rc = ctl_conf_load(conf_path, &c, &err);
	if (rc == RC_OK)
		rc = store_open(ctl_conf_store(c), &s, &err);
	if (rc != RC_OK)
		return complain(&err, rc);
	backup_source_of_store(&source, s);
	rc = backup_make(&source.base, conf, &report, &err);
	store_close(s);
	return rc == RC_OK ? tell(conf, &report) : complain(&err, rc);
}

static int
make_online(const struct backup_make_conf *conf, const char *socket_path)
{
	struct ctl_remote_source source;
	struct backup_report report;
	struct err err = { "" };
	ctl_remote_source(&source, socket_path);
	enum rc rc = backup_make(&source.base, conf, &report, &err);
	return rc == RC_OK ? tell(conf, &report) : complain(&err, rc);
}

int
ctl_backup(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "full", no_argument, NULL, 'f' },
		                                 { "user", required_argument, NULL, 'u' },
		                                 { "conf", required_argument, NULL, 'c' },
		                                 { NULL, 0, NULL, 0 } };
	struct span *users = xcalloc((size_t)argc + 1, sizeof(*users));
	struct backup_make_conf conf = { .users = users, .say = ctl_say };
	const char *conf_path = NULL;
	int status = 64;
	int c;
	if (argc == 3 && strcmp(argv[1], "list") == 0) {
		free(users);
		return list(argv[2]);
	}
	if (argc == 3 && strcmp(argv[1], "verify") == 0) {
		free(users);
		return verify(argv[2]);
	}
	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			conf.full = true;
		else if (c == 'u')
			users[conf.n_users++] = span_str(optarg);
		else if (c == 'c')
			conf_path = optarg;
		else
			break;
	}
	if (c == -1 && optind + 1 == argc) {
		conf.dir = argv[optind];
		status = conf_path ? make_offline(&conf, conf_path)
		                   : make_online(&conf, ctl->socket_path);
	} else {
		fputs(usage, stderr);
	}
	free(users);
	return status;
}
