/* SPDX-License-Identifier: ISC
 *
 * ctl_conf.c - the store as godwit.conf names it, for commands that open it themselves.
 */
#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/mem.h"
#include "store/store.h"
#include "tools/godwitctl.h"

/* Of the section "server" only this matters here. */
struct account_conf {
	char *user;
};

static const struct conf_option account_options[] = {
	{ .name = "user",
	  .type = CONF_STRING,
	  .offset = offsetof(struct account_conf, user),
	  .def = "godwit",
	  .help = "" },
};

static const struct conf_section account_section = {
	.name = "server",
	.help = "",
	.options = account_options,
	.n_options = ARRAY_LEN(account_options),
	.size = sizeof(struct account_conf),
};

static const struct conf_section *const sections[] = { &account_section,
	                                               &store_conf_section };

struct ctl_conf {
	struct conf *conf;
};

enum rc
ctl_conf_load(const char *path, struct ctl_conf **ret, struct err *err)
{
	struct conf *conf = NULL;
	enum rc rc = conf_load_some(path, sections, ARRAY_LEN(sections), &conf, err);
	if (rc != RC_OK)
		return rc;
	struct ctl_conf *c = xcalloc(1, sizeof(*c));
	c->conf = conf;
	*ret = c;
	return RC_OK;
}

void
ctl_conf_free(struct ctl_conf *c)
{
	if (!c)
		return;
	conf_free(c->conf);
	free(c);
}

const struct store_conf *
ctl_conf_store(const struct ctl_conf *c)
{
	return conf_get(c->conf, "store");
}

static uid_t give_uid; /* nftw() hands no argument on */
static gid_t give_gid;

static int
give(const char *path, const struct stat *st, int type UNUSED, struct FTW *ftw UNUSED)
{
	if (st->st_uid != 0)
		return 0;
	return lchown(path, give_uid, give_gid);
}

enum rc
ctl_conf_give_away(const struct ctl_conf *c, struct err *err)
{
	const struct account_conf *a = conf_get(c->conf, "server");
	const struct store_conf *s = ctl_conf_store(c);
	if (geteuid() != 0 || !*a->user || access(s->directory, F_OK) != 0)
		return RC_OK;
	const struct passwd *p = getpwnam(a->user);
	if (!p)
		return err_set(err, RC_NOT_FOUND,
		               "there is no account %s: %s stays root's", a->user,
		               s->directory);
	give_uid = p->pw_uid;
	give_gid = p->pw_gid;
	if (nftw(s->directory, give, 32, FTW_PHYS | FTW_MOUNT) != 0)
		return err_set(err, RC_IO, "%s cannot be given to %s: %s", s->directory,
		               a->user, strerror(errno));
	return RC_OK;
}

void
ctl_say(const char *sentence, void *arg UNUSED)
{
	fprintf(stderr, "godwitctl: %s\n", sentence);
}
