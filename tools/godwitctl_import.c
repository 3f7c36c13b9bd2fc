/* SPDX-License-Identifier: ISC
 *
 * godwitctl_import.c - many users at once: "address TAB password [TAB name [TAB
 * field=value]...]" a line.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tools/godwitctl.h"

/* The server commits what comes at the same time together. */
#define LANES 16
#define WORDS 16

struct lane {
	int fd; /* -1: not opened, or gone */
	bool busy;
	unsigned long line; /* that it is working on */
	struct buf in;
};

struct import {
	struct lane lanes[LANES];
	unsigned long line; /* the last one that was read */
	unsigned long added;
	unsigned long failed;
	bool at_end;
};

static void
complain(struct import *m, unsigned long line, const char *why, size_t n)
{
	fprintf(stderr, "godwitctl: line %lu: %.*s\n", line, (int)n, why);
	m->failed++;
}

/* Cuts a line at its tabs; the number of words, WORDS + 1 when there are too many. */
static size_t
cut_words(char *text, char **words)
{
	size_t n = 0;
	for (char *at = text; at && n <= WORDS; n++) {
		char *tab = strchr(at, '\t');
		if (tab)
			*tab = '\0';
		if (n < WORDS)
			words[n] = at;
		at = tab ? tab + 1 : NULL;
	}
	return n;
}

/* Sends the next user, if there is one, over the lane. False: the server has gone. */
static bool
send_next(struct import *m, struct lane *l)
{
	AUTO_DONE(buf) struct buf request = BUF_INIT(0);
	char *text = NULL;
	size_t cap = 0;
	bool ok = true;

	while (!l->busy && !m->at_end && ok) {
		char *words[WORDS];
		ssize_t n = getline(&text, &cap, stdin);
		if (n < 0) {
			m->at_end = true;
			break;
		}
		m->line++;
		text[strcspn(text, "\r\n")] = '\0';
		if (!*text || *text == '#')
			continue;
		size_t n_words = cut_words(text, words);
		if (n_words < 2 || n_words > WORDS) {
			static const char why[] = "not an address, a tab and a password, "
						  "perhaps a name, and fields";
			complain(m, m->line, why, sizeof(why) - 1);
			continue;
		}
		buf_clear(&request);
		ctl_add_word(&request, "user");
		ctl_add_word(&request, "import");
		for (size_t i = 0; i < n_words; i++)
			ctl_add_word(&request, words[i]);
		buf_add_char(&request, '\n');
		ok = ctl_write_all(l->fd, &request);
		l->busy = true;
		l->line = m->line;
	}
	if (request.p)
		mem_wipe(request.p, request.len);
	if (text)
		mem_wipe(text, cap);
	free(text);
	return ok;
}

/* Reads what came; false: the server has gone. */
static bool
take_answer(struct import *m, struct lane *l)
{
	ssize_t n = read(l->fd, buf_reserve(&l->in, 4096), 4096);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	buf_commit(&l->in, (size_t)n);
	for (;;) {
		struct span in = buf_span(&l->in);
		size_t end = span_find(in, 0, '\n');
		if (end == in.n)
			return true;
		struct span row = span_sub(in, 0, end);
		if (span_is(row, "OK"))
			m->added++;
		else if (span_starts(row, "ERR "))
			complain(m, l->line, row.p + 4, row.n - 4);
		l->busy = l->busy && span_starts(row, "+");
		buf_drop(&l->in, end + 1);
	}
}

static int
run(struct import *m)
{
	for (;;) {
		struct pollfd fds[LANES];
		bool busy = false;
		for (size_t i = 0; i < LANES; i++) {
			struct lane *l = &m->lanes[i];
			if (!l->busy && !send_next(m, l))
				return 1;
			fds[i] = (struct pollfd){ .fd = l->fd,
				                  .events = l->busy ? POLLIN : 0 };
			busy = busy || l->busy;
		}
		if (!busy)
			return 0;
		if (poll(fds, LANES, -1) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 0; i < LANES; i++) {
			if (fds[i].revents && !take_answer(m, &m->lanes[i]))
				return 1;
		}
	}
}

int
ctl_import_users(const char *path)
{
	struct import m = { 0 };
	int status = 0;

	for (size_t i = 0; i < LANES; i++)
		m.lanes[i].fd = -1;
	for (size_t i = 0; i < LANES && status == 0; i++) {
		buf_init(&m.lanes[i].in, 0);
		m.lanes[i].fd = ctl_open(path);
		status = m.lanes[i].fd < 0;
	}
	if (status == 0) {
		status = run(&m);
		if (status)
			fprintf(stderr,
			        "godwitctl: the server closed the connection; users "
			        "up to line %lu may have been added\n",
			        m.line);
		printf("%lu added, %lu failed\n", m.added, m.failed);
	}
	for (size_t i = 0; i < LANES; i++) {
		if (m.lanes[i].fd >= 0)
			close(m.lanes[i].fd);
		buf_done(&m.lanes[i].in);
	}
	return status || m.failed ? 1 : 0;
}
