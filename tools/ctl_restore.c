/* SPDX-License-Identifier: ISC
 *
 * ctl_restore.c - godwitctl restore: of one user, or of everything into an empty store.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/archive/backup.h"
#include "tools/ctl_remote.h"
#include "tools/godwitctl.h"

static const char usage[] =
	"usage: godwitctl restore DIR --user ADDRESS [--run N] [--conf FILE]\n"
	"       godwitctl restore DIR --conf FILE [--run N] [--queue hold|run|drop]\n";

struct ask {
	const char *dir;
	const char *user;
	const char *conf;
	uint32_t run;
	enum backup_queue queue;
};

static int
complain(const struct err *err, enum rc rc)
{
	fprintf(stderr, "godwitctl: %s\n", *err->text ? err->text : rc_str(rc));
	return 1;
}

static int
tell_user(const struct ask *ask, bool same)
{
	if (same)
		printf("%s has all that the backup has, and nothing was changed\n",
		       ask->user);
	else
		printf("%s is restored\n", ask->user);
	return 0;
}

static int
user_online(const struct ask *ask, const char *socket_path)
{
	struct ctl_remote_target target;
	struct err err = { "" };
	bool same = false;
	ctl_remote_target(&target, socket_path);
	enum rc rc = backup_restore_user(ask->dir, ask->run, span_str(ask->user),
	                                 &target.base, &same, &err);
	ctl_remote_target_done(&target);
	return rc == RC_OK ? tell_user(ask, same) : complain(&err, rc);
}

static int
user_offline(const struct ask *ask)
{
	AUTO(ctl_conf)
	struct ctl_conf *c = NULL;
	struct backup_store_target target;
	struct store *s = NULL;
	struct err err = { "" };
	bool same = false;
	enum rc rc = ctl_conf_load(ask->conf, &c, &err);
	if (rc == RC_OK)
		rc = store_open(ctl_conf_store(c), &s, &err);
	if (rc != RC_OK)
		return complain(&err, rc);
	backup_target_of_store(&target, s);
	rc = backup_restore_user(ask->dir, ask->run, span_str(ask->user), &target.base,
	                         &same, &err);
	backup_target_done(&target);
	store_close(s);
	if (rc == RC_OK)
		rc = ctl_conf_give_away(c, &err);
	return rc == RC_OK ? tell_user(ask, same) : complain(&err, rc);
}

static int
all(const struct ask *ask)
{
	AUTO(ctl_conf)
	struct ctl_conf *c = NULL;
	struct backup_restore_conf conf = {
		.dir = ask->dir, .run = ask->run, .queue = ask->queue, .say = ctl_say
	};
	struct backup_report r;
	struct err err = { "" };
	enum rc rc = ctl_conf_load(ask->conf, &c, &err);
	if (rc == RC_OK) {
		struct err why = { "" };
		rc = backup_restore(&conf, ctl_conf_store(c), &r, &err);
		enum rc given = ctl_conf_give_away(c, &why);
		if (rc == RC_OK && given != RC_OK) {
			rc = given;
			err = why;
		}
	}
	if (rc != RC_OK)
		return complain(&err, rc);
	printf("backup %06u: %" PRIu64 " users and %" PRIu64
	       " large contents are restored%s\n",
	       r.run, r.users, r.blobs,
	       ask->queue == BACKUP_QUEUE_HOLD ? "; mail of the queue is held (queue "
	                                         "list, queue release)"
	                                       : "");
	return r.faults > 0 ? 1 : 0;
}

static bool
take_queue(const char *word, enum backup_queue *ret)
{
	static const char *const words[] = { [BACKUP_QUEUE_HOLD] = "hold",
		                             [BACKUP_QUEUE_RUN] = "run",
		                             [BACKUP_QUEUE_DROP] = "drop" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret = (enum backup_queue)i;
			return true;
		}
	}
	return false;
}

int
ctl_restore(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "user", required_argument, NULL, 'u' },
		                                 { "run", required_argument, NULL, 'r' },
		                                 { "conf", required_argument, NULL, 'c' },
		                                 { "queue", required_argument, NULL,
		                                   'q' },
		                                 { NULL, 0, NULL, 0 } };
	struct ask ask = { .queue = BACKUP_QUEUE_HOLD };
	bool good = true;
	int c;
	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'u')
			ask.user = optarg;
		else if (c == 'c')
			ask.conf = optarg;
		else if (c == 'r')
			good = parse_u32(span_str(optarg), INT32_MAX, &ask.run) == RC_OK;
		else if (c == 'q')
			good = take_queue(optarg, &ask.queue);
		else
			good = false;
	}
	if (!good || optind + 1 != argc || (!ask.user && !ask.conf)) {
		fputs(usage, stderr);
		return 64;
	}
	ask.dir = argv[optind];
	if (!ask.user)
		return all(&ask);
	return ask.conf ? user_offline(&ask) : user_online(&ask, ctl->socket_path);
}
