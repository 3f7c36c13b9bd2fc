/* SPDX-License-Identifier: ISC
 *
 * limits.c - what the machine allows, held against the connections that are configured.
 *
 * proc(5), sysctl/fs.txt, sysctl/net.txt, ip-sysctl.txt and cgroup-v2.txt of the kernel's
 * documentation.
 */
#include "server/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/span.h"

/* As base/listener.c asks for; the kernel silently takes the lower of the two. */
#define BACKLOG 4096
/* Clients of a system's other processes: a rough share. */
#define FILES_OF_OTHERS 8192

uint64_t
limits_raise_files(const struct limits_want *want)
{
	uint64_t need = want->connections / want->tables + LIMITS_FILES_SPARE;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return 0;
	/* All that is there: it costs nothing, and a crowd may be larger than thought. */
	struct rlimit all = { .rlim_cur = l.rlim_max, .rlim_max = l.rlim_max };
	struct rlimit more = { .rlim_cur = need, .rlim_max = need };
	if (l.rlim_max < need && setrlimit(RLIMIT_NOFILE, &more) == 0)
		return need;
	return setrlimit(RLIMIT_NOFILE, &all) == 0 ? l.rlim_max : l.rlim_cur;
}

/* The file's text without its end, to be freed; NULL when it cannot be read. */
static char *
read_text(const char *root, const char *path)
{
	char *full = xasprintf("%s%s", root, path);
	FILE *f = fopen(full, "r");
	char text[4096];
	size_t n;

	free(full);
	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	return xstrndup(text, n);
}

/* The word'th number (from 0) of the file's first line, or 0. */
static uint64_t
read_number(const char *root, const char *path, unsigned word)
{
	char *text = read_text(root, path);
	struct span rest = span_str(text), line, w;
	uint64_t v = 0;

	if (!span_cut(&rest, '\n', &line))
		line = SPAN("");
	/* The kernel puts tabs between them. */
	for (size_t i = 0; i < line.n; i++)
		if (text[i] == '\t')
			text[i] = ' ';
	while (span_cut(&line, ' ', &w)) {
		if (w.n == 0 || word-- > 0)
			continue;
		if (parse_u64(w, UINT64_MAX, &v) != RC_OK)
			v = 0;
		break;
	}
	free(text);
	return v;
}

/* "MemAvailable:   12345 kB" */
static uint64_t
read_available_kb(const char *root)
{
	char *text = read_text(root, "/proc/meminfo");
	const char *line = text ? strstr(text, "MemAvailable:") : NULL;
	uint64_t kb = 0;

	if (line && sscanf(line, "MemAvailable: %" SCNu64, &kb) != 1)
		kb = 0;
	free(text);
	return kb;
}

/* What our control group may still take, with those above it; 0: any amount. */
static uint64_t
read_group_kb(const char *root)
{
	char *own = read_text(root, "/proc/self/cgroup");
	char *path = own ? strstr(own, "0::/") : NULL;
	uint64_t least = 0;

	if (path) {
		path += 3;
		path[strcspn(path, "\n")] = '\0';
	}
	while (path && path[0] == '/' && path[1]) {
		char *max = xasprintf("/sys/fs/cgroup%s/memory.max", path);
		char *current = xasprintf("/sys/fs/cgroup%s/memory.current", path);
		uint64_t all = read_number(root, max, 0); /* "max" is none */
		uint64_t used = read_number(root, current, 0);
		uint64_t left = all > used ? (all - used) / 1024 : 1;

		if (all > 0 && (least == 0 || left < least))
			least = left;
		free(max);
		free(current);
		*strrchr(path, '/') = '\0';
	}
	free(own);
	return least;
}

void
limits_read(const char *root, struct limits *ret)
{
	uint64_t group = read_group_kb(root);
	uint64_t machine = read_available_kb(root);
	struct rlimit l;

	*ret = (struct limits){
		.file_max = read_number(root, "/proc/sys/fs/file-max", 0),
		.somaxconn = read_number(root, "/proc/sys/net/core/somaxconn", 0),
		.tcp_pages = read_number(root, "/proc/sys/net/ipv4/tcp_mem", 2),
		.memory_kb = group > 0 && group < machine ? group : machine,
	};
	/* It counts connections only where the firewall looks at them. */
	if (read_number(root, "/proc/sys/net/netfilter/nf_conntrack_count", 0) > 0)
		ret->conntrack =
			read_number(root, "/proc/sys/net/netfilter/nf_conntrack_max", 0);
	if (getrlimit(RLIMIT_NOFILE, &l) == 0)
		ret->files = l.rlim_cur;
}

size_t
limits_check(const struct limits *have, const struct limits_want *want, limits_low_fn *fn,
             void *arg)
{
	uint64_t n = want->connections;
	const struct {
		const char *what;
		uint64_t have;
		uint64_t need;
		const char *before; /* the hint, with the number that is needed in it */
		const char *after;
	} rows[] = {
		{ "files", have->files, n / want->tables + LIMITS_FILES_SPARE,
		  "LimitNOFILE=", " in the unit, or ulimit -Hn of who starts it" },
		{ "fs.file-max", have->file_max, n + FILES_OF_OTHERS,
		  "sysctl -w fs.file-max=", "" },
		{ "net.core.somaxconn", have->somaxconn, n < BACKLOG ? n : BACKLOG,
		  "sysctl -w net.core.somaxconn=",
		  " and a restart: a crowd that comes at once stands in this queue" },
		{ "net.ipv4.tcp_mem", have->tcp_pages, n,
		  "third number of sysctl net.ipv4.tcp_mem: ",
		  " pages are one for each connection" },
		{ "net.netfilter.nf_conntrack_max", have->conntrack, n + n / 4,
		  "sysctl -w net.netfilter.nf_conntrack_max=",
		  ", or no tracking of our ports" },
		{ "memory_kb", have->memory_kb, n * LIMITS_KB_EACH, "",
		  " KB are needed" },
	};
	size_t low = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char hint[160];

		if (rows[i].have == 0 || rows[i].have >= rows[i].need)
			continue;
		snprintf(hint, sizeof(hint), "%s%" PRIu64 "%s", rows[i].before,
		         rows[i].need, rows[i].after);
		fn(arg, rows[i].what, rows[i].have, rows[i].need, hint);
		low++;
	}
	return low;
}
