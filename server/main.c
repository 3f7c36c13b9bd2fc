/* SPDX-License-Identifier: ISC
 *
 * main.c - godwitd: options, configuration, supervisor.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "server/server_conf.h"
#include "server/supervisor.h"

#define DEFAULT_CONF "/etc/godwit/godwit.conf"

static const char usage[] =
	"usage: godwitd [-c file]          run, in the foreground\n"
	"       godwitd [-c file] -t       check the configuration and exit\n"
	"       godwitd [-c file] --dump   print all options with their values\n"
	"       godwitd --sample           print a configuration file with every option "
	"explained\n"
	"       godwitd --mdoc             print the options for the manual page\n"
	"       godwitd --version\n";

static int
print(struct buf *b)
{
	bool ok = fwrite(b->p, 1, b->len, stdout) == b->len && fflush(stdout) == 0;
	return ok ? 0 : 1;
}

enum mode { MODE_RUN, MODE_TEST, MODE_DUMP, MODE_SAMPLE, MODE_MDOC };

static int
run(enum mode mode, const char *path)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	AUTO(conf)
	struct conf *conf = NULL;
	struct err err = { "" };

	if (mode == MODE_SAMPLE || mode == MODE_MDOC) {
		if (mode == MODE_SAMPLE)
			conf_sample(server_sections, server_sections_n, &out);
		else
			conf_mdoc(server_sections, server_sections_n, &out);
		return print(&out);
	}
	if (conf_load(path, server_sections, server_sections_n, &conf, &err) != RC_OK) {
		fprintf(stderr, "godwitd: %s\n", err.text);
		return 78;
	}
	if (mode == MODE_TEST) {
		printf("%s: ok\n", path);
		return 0;
	}
	if (mode == MODE_DUMP) {
		conf_dump(conf, &out);
		return print(&out);
	}
	const struct server_log_conf *l = conf_get(conf, "log");
	log_setup((enum log_level)l->level, (enum log_format)l->format,
	          (enum log_target)l->target);
	return supervisor_run(path, conf);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dump", no_argument, NULL, 'd' }, { "sample", no_argument, NULL, 's' },
		{ "mdoc", no_argument, NULL, 'm' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	enum mode mode = MODE_RUN;
	const char *path = DEFAULT_CONF;
	int c;

	while ((c = getopt_long(argc, argv, "c:th", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			mode = MODE_TEST;
			break;
		case 'd':
			mode = MODE_DUMP;
			break;
		case 's':
			mode = MODE_SAMPLE;
			break;
		case 'm':
			mode = MODE_MDOC;
			break;
		case 'v':
			printf("godwitd %s\n", GODWIT_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 64;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 64;
	}
	return run(mode, path);
}
