/* SPDX-License-Identifier: ISC
 *
 * ctl_copy.c - godwitctl store copy: to another engine, another number of shards.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "store/archive/copy.h"
#include "tools/godwitctl.h"

static const char usage[] = "usage: godwitctl store copy --from FILE --to FILE\n"
			    "  two configuration files: the store that is, and the one "
			    "that shall be\n";

static int
copy(const char *from_path, const char *to_path)
{
	AUTO(ctl_conf)
	struct ctl_conf *from = NULL;
	AUTO(ctl_conf)
	struct ctl_conf *to = NULL;
	struct copy_report r = { 0 };
	struct err err = { "" };
	enum rc rc = ctl_conf_load(from_path, &from, &err);
	if (rc == RC_OK)
		rc = ctl_conf_load(to_path, &to, &err);
	if (rc == RC_OK) {
		struct err why = { "" };
		rc = copy_store(ctl_conf_store(from), ctl_conf_store(to), ctl_say, NULL,
		                &r, &err);
		enum rc given = ctl_conf_give_away(to, &why);
		if (rc == RC_OK && given != RC_OK) {
			rc = given;
			err = why;
		}
	}
	if (rc != RC_OK) {
		fprintf(stderr, "godwitctl: %s\n", err.text);
		return 1;
	}
	printf("%" PRIu64 " users, %" PRIu64 " rows, %" PRIu64 " large contents (%" PRIu64
	       " bytes): copied and compared\n",
	       r.users, r.rows, r.blobs, r.blob_bytes);
	if (r.blobs_broken > 0)
		printf("%" PRIu64 " large contents are lost in the source already\n",
		       r.blobs_broken);
	return 0;
}

int
ctl_copy(int argc, char **argv)
{
	static const struct option options[] = { { "from", required_argument, NULL, 'f' },
		                                 { "to", required_argument, NULL, 't' },
		                                 { NULL, 0, NULL, 0 } };
	const char *from = NULL;
	const char *to = NULL;
	int c;
	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f') {
			from = optarg;
		} else if (c == 't') {
			to = optarg;
		} else {
			fputs(usage, stderr);
			return 64;
		}
	}
	if (!from || !to || optind != argc) {
		fputs(usage, stderr);
		return 64;
	}
	return copy(from, to);
}
